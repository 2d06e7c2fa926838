package malicious

import (
	"crypto/sha512"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"

	"credence/reference/primitive"
)

// ForgeLowOrder gives a signature over message that satisfies the equation of SPEC.md 3.2 under a public key of low
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
		if new(edwards25519.Point).ScalarMult(challenge(encodedR, encodedA, message), a).Equal(edwards25519.NewIdentityPoint()) == 1 {
			return append(encodedR, s.Bytes()...)
		}
	}
}

// lowOrderPoint gives the point with y = (u - 1)/(u + 1) and sign 0.
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
