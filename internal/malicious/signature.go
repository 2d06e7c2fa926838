package malicious

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha512"
	"slices"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/xeddsa"
)

// ForgeLowOrder returns a signature over message that satisfies the equation of SPEC.md 3.2 under a public key of low
// order, without any private key: R = sB for an s with hA = 0. next gives 32 fresh bytes for each try; 8 are enough on
// average.
func ForgeLowOrder(u primitive.PublicKey, message []byte, next func() []byte) []byte {
	encodedA := lowOrderPoint(u)
	a, err := new(edwards25519.Point).SetBytes(encodedA)
	if err != nil {
		panic(err) // the low-order points are on the curve
	}
	for {
		s, err := edwards25519.NewScalar().SetBytesWithClamping(next())
		if err != nil {
			panic(err) // only a wrong length fails
		}
		encodedR := new(edwards25519.Point).ScalarBaseMult(s).Bytes()
		if new(edwards25519.Point).ScalarMult(challenge(encodedR, encodedA, message), a).Equal(
			edwards25519.NewIdentityPoint(),
		) == 1 {
			return append(encodedR, s.Bytes()...)
		}
	}
}

// Signer holds a private key and signs by the equation of SPEC.md 3.2 what a signer by the rules would not.
type Signer struct {
	A          []byte // the encoded point as it is hashed
	Bit        byte   // what stands in bit 7 of byte 63 beside s
	a          *edwards25519.Scalar
	nonceKey   []byte
	encodedKey []byte // the point of a, with its true sign
}

// NewSigner returns the signer of a mode for an X25519 key.
func NewSigner(mode params.SignatureMode, k *ecdh.PrivateKey) Signer {
	s := newSigner(k.Bytes(), k.Bytes())
	switch {
	case mode == params.SignBit:
		s.Bit = s.A[31] & 0x80
	case mode == params.Strict:
		if s.A[31]&0x80 != 0 {
			s.a.Negate(s.a)
		}
		s.A[31] &= 0x7f
	}
	return s
}

// AccountSigner returns the signer for an account key.
func AccountSigner(key ed25519.PrivateKey) Signer {
	seed := sha512.Sum512(key.Seed())
	return newSigner(seed[:32], seed[32:])
}

func newSigner(scalar, nonceKey []byte) Signer {
	a, err := edwards25519.NewScalar().SetBytesWithClamping(scalar)
	if err != nil {
		panic(err) // only a wrong length fails
	}
	encoded := new(edwards25519.Point).ScalarBaseMult(a).Bytes()
	return Signer{A: encoded, a: a, nonceKey: nonceKey, encodedKey: slices.Clone(encoded)}
}

// NotNegated is the signer of strict mode who forgets to negate a where the sign of the point is 1 (SPEC.md 3.1).
// ok is false for a key whose sign is 0.
func (s Signer) NotNegated() (forgetful Signer, ok bool) {
	forgetful = s
	forgetful.a = edwards25519.NewScalar().Negate(s.a)
	return forgetful, s.encodedKey[31]&0x80 != 0
}

// Negated is the signer for the negated point, which is another key: the two encodings differ in the last bit alone.
func (s Signer) Negated() Signer {
	s.a, s.A = edwards25519.NewScalar().Negate(s.a), slices.Clone(s.A)
	s.A[31] ^= 0x80
	return s
}

// Sign signs a message. R is changed before it is hashed: what a verifier computes differs from the R of the signature
// in nothing else.
func (s Signer) Sign(message []byte, change func(r []byte) []byte) []byte {
	nonce := challenge(s.nonceKey, message)
	r := change(new(edwards25519.Point).ScalarBaseMult(nonce).Bytes())
	signature := append(r, nonce.MultiplyAdd(challenge(r, s.A, message), s.a, nonce).Bytes()...)
	signature[63] |= s.Bit
	return signature
}

// WithTorsion adds a point of order 2 to an encoded point.
func WithTorsion(encoded []byte) []byte {
	order2, err := new(edwards25519.Point).SetBytes(
		slices.Concat([]byte{0xec}, slices.Repeat([]byte{0xff}, 30), []byte{0x7f}), // y = -1
	)
	if err != nil {
		panic(err) // it is on the curve
	}
	point, err := new(edwards25519.Point).SetBytes(encoded)
	if err != nil {
		panic(err) // a point that was computed
	}
	return point.Add(point, order2).Bytes()
}

// Torsioned returns a public key other than the one of k that gives the same DH outputs: a point of order 8 is added,
// which the clamping of private keys takes out again.
func Torsioned(k *ecdh.PrivateKey) primitive.PublicKey {
	point, err := new(edwards25519.Point).SetBytes(xeddsa.EdwardsPublic(k))
	if err != nil {
		panic(err) // a genuine key
	}
	return primitive.PublicKey(point.Add(point, order8()).BytesMontgomery())
}

// order8 returns a point of order 8.
func order8() *edwards25519.Point {
	point, err := new(edwards25519.Point).SetBytes([]byte{
		0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
	})
	if err != nil {
		panic(err) // a point of the curve
	}
	return point
}

// lowOrderPoint returns the point with y = (u - 1)/(u + 1) and sign 0.
func lowOrderPoint(u primitive.PublicKey) []byte {
	var x, numerator, denominator field.Element
	one := new(field.Element).One()
	x.SetBytes(u[:]) // fails on a wrong length only
	numerator.Subtract(&x, one)
	denominator.Invert(denominator.Add(&x, one))
	return x.Multiply(&numerator, &denominator).Bytes()
}

func challenge(parts ...[]byte) *edwards25519.Scalar {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	c, err := edwards25519.NewScalar().SetUniformBytes(h.Sum(nil))
	if err != nil {
		panic(err) // only a wrong length fails
	}
	return c
}
