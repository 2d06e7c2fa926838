package malicious

import (
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"slices"

	"filippo.io/edwards25519"

	"credence/reference/account"
	"credence/reference/codec"
)

// LowOrderAccounts are the encodings of the points of low order: first the eight canonical ones, then those that a
// decoder may take although they are not canonical.
var LowOrderAccounts = accounts(
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"0100000000000000000000000000000000000000000000000000000000000080", // x = 0 with a sign
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p + 1
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
)

func accounts(encoded ...string) (ids []account.ID) {
	for _, e := range encoded {
		b, err := hex.DecodeString(e)
		if err != nil {
			panic(err) // a constant
		}
		ids = append(ids, account.ID(b))
	}
	return ids
}

// SignAsLowOrder signs a structure, which ends with its signature and names an account of low order, with no
// private key: the signature verifies for whoever does not look at the account key. What is signed is the domain and
// the encoding without the signature.
func SignAsLowOrder(id account.ID, domain string, encoded []byte) (signature [ed25519.SignatureSize]byte) {
	message := append([]byte(domain), encoded[:len(encoded)-ed25519.SignatureSize]...)
	for seed := byte(1); seed != 0; seed++ { // one of eight will do, since k must be a multiple of the order
		s, err := edwards25519.NewScalar().SetCanonicalBytes(append([]byte{seed}, make([]byte, 31)...))
		if err != nil {
			panic(err) // it is small
		}
		r := new(edwards25519.Point).ScalarBaseMult(s)
		signature = [ed25519.SignatureSize]byte(slices.Concat(r.Bytes(), s.Bytes()))
		if ed25519.Verify(id[:], message, signature[:]) {
			break
		}
	}
	return signature
}

// SignStatement signs a statement of an account of low order.
func SignStatement(s *account.EpochStatement) {
	s.Signature = SignAsLowOrder(s.Account, "ambassador-v1 epoch statement", codec.MustEncode(s))
}

// SignList signs a list of an account of low order.
func SignList(l *account.List) {
	l.Signature = SignAsLowOrder(l.Account, "ambassador-v1 device list", codec.MustEncode(l))
}

// groupOrder is q of SPEC.md 3, little-endian.
var groupOrder = [32]byte{
	0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10,
}

// Malleated returns the signature with s + q in the place of s, which only a verifier that does not bound s takes.
func Malleated(signature [ed25519.SignatureSize]byte) [ed25519.SignatureSize]byte {
	carry := 0
	for i, b := range groupOrder {
		carry += int(signature[32+i]) + int(b)
		signature[32+i] = byte(carry)
		carry >>= 8
	}
	return signature
}

// SignWithTorsion signs a message with a point of order 8 added to R, which only a verifier that multiplies with the
// cofactor takes.
func SignWithTorsion(key ed25519.PrivateKey, message []byte) [ed25519.SignatureSize]byte {
	h := sha512.Sum512(key.Seed())
	a, err := edwards25519.NewScalar().SetBytesWithClamping(h[:32])
	if err != nil {
		panic(err) // only a wrong length fails
	}
	r := challenge(h[32:], message)
	point := new(edwards25519.Point).ScalarBaseMult(r)
	encoded := point.Add(point, order8()).Bytes()
	s := edwards25519.NewScalar().MultiplyAdd(challenge(encoded, key[32:], message), a, r)
	return [ed25519.SignatureSize]byte(append(encoded, s.Bytes()...))
}

// LooseSignatures returns the signature of a structure, which ends with it, in the two forms that only a verifier takes
// which is not strict (AMB-ACC-13). What is signed is the domain and the encoding without the signature.
func LooseSignatures(key ed25519.PrivateKey, domain string, encoded []byte) [][ed25519.SignatureSize]byte {
	message := append([]byte(domain), encoded[:len(encoded)-ed25519.SignatureSize]...)
	return [][ed25519.SignatureSize]byte{
		Malleated([ed25519.SignatureSize]byte(ed25519.Sign(key, message))), SignWithTorsion(key, message),
	}
}
