package malicious

import (
	"crypto/ecdh"
	"crypto/sha512"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"

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
