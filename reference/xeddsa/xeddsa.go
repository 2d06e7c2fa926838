// Package xeddsa is SPEC.md 3: signatures with X25519 keys, in the three modes of the parameter sets.
package xeddsa

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha512"
	"fmt"
	"io"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/spec/refusal"
)

// Sizes in bytes.
const (
	SignatureSize = 64
	RandomSize    = 64 // Z
)

// Sign signs message with k (SPEC.md 3.1, AMB-XED-01). It draws Z, 64 bytes, from rand, and returns the error of rand.
func Sign(mode params.SignatureMode, k *ecdh.PrivateKey, message []byte, rand io.Reader) ([]byte, error) {
	z := make([]byte, RandomSize)
	if _, err := io.ReadFull(rand, z); err != nil {
		return nil, fmt.Errorf("draw Z: %w", err)
	}
	a, nonceKey, encodedA := calculateKeyPair(mode, k)
	r := hashToScalar(noncePrefix(), nonceKey, message, z)
	encodedR := new(edwards25519.Point).ScalarBaseMult(r).Bytes()
	h := hashToScalar(encodedR, encodedA, message)
	s := edwards25519.NewScalar().MultiplyAdd(h, a, r)
	signature := append(encodedR, s.Bytes()...)
	if mode == params.SignBit {
		signature[63] |= encodedA[31] & 0x80
	}
	return signature, nil
}

// calculateKeyPair returns the columns of the table in SPEC.md 3.1: scalar a, nonce key n, encoded point A.
func calculateKeyPair(mode params.SignatureMode, k *ecdh.PrivateKey) (
	a *edwards25519.Scalar, nonceKey, encodedA []byte,
) {
	clamped := [32]byte(k.Bytes())
	primitive.Clamp(&clamped)
	a, err := edwards25519.NewScalar().SetBytesWithClamping(clamped[:])
	if err != nil {
		panic(err) // only a wrong length fails
	}
	encodedA = new(edwards25519.Point).ScalarBaseMult(a).Bytes()
	if mode != params.Strict {
		return a, clamped[:], encodedA
	}
	if encodedA[31]&0x80 != 0 {
		a.Negate(a)
		encodedA[31] &= 0x7f
	}
	return a, a.Bytes(), encodedA
}

// noncePrefix is hash1 of the XEdDSA specification: 2^256 - 2, little-endian.
func noncePrefix() []byte {
	p := bytes.Repeat([]byte{0xff}, 32)
	p[0] = 0xfe
	return p
}

func hashToScalar(parts ...[]byte) *edwards25519.Scalar {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	s, err := edwards25519.NewScalar().SetUniformBytes(h.Sum(nil))
	if err != nil {
		panic(err) // only a wrong length fails
	}
	return s
}

// Verify checks a signature (SPEC.md 3.2). The public key is the u-coordinate, or in Ed25519 mode the encoded point, 32
// bytes. It returns refusal.Malformed, refusal.NonCanonicalKey, refusal.LowOrderKey or refusal.BadSignature.
func Verify(mode params.SignatureMode, public, message, signature []byte) error {
	if len(public) != primitive.KeySize {
		return fmt.Errorf("%w: public key of %d bytes", refusal.Malformed, len(public))
	}
	if len(signature) != SignatureSize {
		return fmt.Errorf("%w: %d bytes", refusal.BadSignature, len(signature)) // AMB-XED-04
	}
	encodedA, err := verificationKey(mode, primitive.PublicKey(public), signature)
	if err != nil {
		return err
	}
	minusA, err := new(edwards25519.Point).SetBytes(encodedA)
	if err != nil {
		return fmt.Errorf("%w: public key is not on the curve", refusal.BadSignature)
	}
	minusA.Negate(minusA)
	s, err := decodeS(mode, signature[32:])
	if err != nil {
		return err
	}
	h := hashToScalar(signature[:32], encodedA, message)
	r := new(edwards25519.Point).VarTimeDoubleScalarBaseMult(h, minusA, s)
	if !bytes.Equal(r.Bytes(), signature[:32]) { // AMB-XED-03
		return fmt.Errorf("%w: R differs", refusal.BadSignature)
	}
	return nil
}

// verificationKey returns the encoded point A.
func verificationKey(mode params.SignatureMode, public primitive.PublicKey, signature []byte) ([]byte, error) {
	if mode == params.Ed25519 {
		return public[:], nil
	}
	if mode == params.Strict && !public.Canonical() { // AMB-XED-06
		return nil, fmt.Errorf("%w: %x", refusal.NonCanonicalKey, public[:])
	}
	if public.LowOrder() { // AMB-XED-07
		return nil, fmt.Errorf("%w: %x", refusal.LowOrderKey, public[:])
	}
	a := montgomeryToEdwards(public)
	if mode == params.SignBit {
		a[31] |= signature[63] & 0x80
	}
	return a, nil
}

// decodeS reads s and refuses s >= q (AMB-XED-05). In sign-bit mode bit 7 is not part of s.
func decodeS(mode params.SignatureMode, encoded []byte) (*edwards25519.Scalar, error) {
	encoded = bytes.Clone(encoded)
	if mode == params.SignBit {
		encoded[31] &= 0x7f
	}
	s, err := edwards25519.NewScalar().SetCanonicalBytes(encoded)
	if err != nil {
		return nil, fmt.Errorf("%w: s is not below q", refusal.BadSignature)
	}
	return s, nil
}

// montgomeryToEdwards returns y = (u - 1)/(u + 1), encoded with sign 0.
func montgomeryToEdwards(public primitive.PublicKey) []byte {
	var u, numerator, denominator field.Element
	one := new(field.Element).One()
	u.SetBytes(public[:]) // fails on a wrong length only
	numerator.Subtract(&u, one)
	denominator.Invert(denominator.Add(&u, one))
	return u.Multiply(&numerator, &denominator).Bytes()
}

// EdwardsPublic returns the Ed25519 point of k with its true sign, 32 bytes (SPEC.md 3.4).
func EdwardsPublic(k *ecdh.PrivateKey) []byte {
	_, _, encodedA := calculateKeyPair(params.Ed25519, k)
	return encodedA
}

// EdwardsToMontgomery converts an Ed25519 identity key for DH (SPEC.md 3.4). It returns refusal.Malformed or
// refusal.LowOrderKey (AMB-XED-08).
func EdwardsToMontgomery(encoded []byte) (primitive.PublicKey, error) {
	point, err := new(edwards25519.Point).SetBytes(encoded)
	if err != nil {
		return primitive.PublicKey{}, fmt.Errorf("%w: Ed25519 key is not a point", refusal.Malformed)
	}
	u := primitive.PublicKey(point.BytesMontgomery())
	if u.LowOrder() {
		return u, fmt.Errorf("%w: %x", refusal.LowOrderKey, encoded)
	}
	return u, nil
}
