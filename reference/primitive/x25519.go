// Package primitive is SPEC.md 2.1 to 2.3: X25519 with its key checks, the key derivations, and the two ciphers.
package primitive

import (
	"crypto/ecdh"
	"fmt"
	"io"

	"filippo.io/edwards25519/field"

	"credence/spec/refusal"
)

// KeySize is the size in bytes of an X25519 key, a DH output, a root key, a chain key and a message key.
const KeySize = 32

// PublicKey is an X25519 public key: the u-coordinate, little-endian.
type PublicKey [KeySize]byte

// GeneratePrivate draws 32 bytes from rand, clamps them (SPEC.md 1.3, 2.1) and gives the private key.
// It returns the error of rand.
func GeneratePrivate(rand io.Reader) (*ecdh.PrivateKey, error) {
	var k [KeySize]byte
	if _, err := io.ReadFull(rand, k[:]); err != nil {
		return nil, fmt.Errorf("draw private key: %w", err)
	}
	return PrivateKey(k), nil
}

// PrivateKey clamps 32 bytes and gives the private key. It multiplies the base point, which costs about as much as DH:
// a key that is used often is kept, and one that may never be used stays bytes.
func PrivateKey(k [KeySize]byte) *ecdh.PrivateKey {
	Clamp(&k)
	private, err := ecdh.X25519().NewPrivateKey(k[:])
	if err != nil {
		panic(err) // only a wrong length fails
	}
	return private
}

// Clamp sets the fixed bits of a private key (SPEC.md 2.1).
func Clamp(k *[KeySize]byte) {
	k[0] &= 248
	k[31] = k[31]&127 | 64
}

// Public returns the public key of k.
func Public(k *ecdh.PrivateKey) PublicKey { return PublicKey(k.PublicKey().Bytes()) }

// DH is X25519. It returns refusal.LowOrderKey if the result is all zero (AMB-KEY-01).
func DH(k *ecdh.PrivateKey, p PublicKey) ([]byte, error) {
	remote, err := ecdh.X25519().NewPublicKey(p[:])
	if err != nil {
		return nil, fmt.Errorf("%w: %v", refusal.Malformed, err)
	}
	shared, err := k.ECDH(remote)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", refusal.LowOrderKey, err)
	}
	return shared, nil
}

// Canonical reports whether p is the canonical encoding of a field element (SPEC.md 2.1).
func (p PublicKey) Canonical() bool { return p == p.reduced() }

// LowOrder reports whether DH with p gives all zero (SPEC.md 2.1). It sees non-canonical encodings too.
func (p PublicKey) LowOrder() bool {
	switch p.reduced() {
	case PublicKey{}, PublicKey{1}, minusOne, order8a, order8b:
		return true
	}
	return false
}

// reduced returns the canonical encoding of the field element that X25519 makes of p: bit 255 cleared, modulo p.
func (p PublicKey) reduced() PublicKey {
	var e field.Element
	e.SetBytes(p[:]) // fails on a wrong length only
	return PublicKey(e.Bytes())
}

// The u-coordinates of low order other than 0 and 1.
var (
	minusOne = PublicKey{
		0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
	}
	order8a = PublicKey{
		0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
		0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
	}
	order8b = PublicKey{
		0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
		0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
	}
)
