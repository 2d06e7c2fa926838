package adversary

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
)

// The derivations of SPEC.md 2.2 and 4.2, over bytes.

var zeros = make([]byte, 32)

// derive is HKDF of SPEC.md 2.2.
func derive(salt, ikm []byte, info string, size int) []byte {
	out, err := hkdf.Key(sha256.New, ikm, salt, info, size)
	if err != nil {
		panic(err) // only a size that no set has fails
	}
	return out
}

// nextRoot is KDF_RK.
func (s *Set) nextRoot(rk, dh []byte) (root, chain []byte) {
	out := derive(rk, dh, s.RootInfo, 64)
	return out[:32:32], out[32:]
}

// nextChain is KDF_CK.
func nextChain(ck []byte) (next, mk []byte) {
	h := hmac.New(sha256.New, ck)
	h.Write([]byte{1})
	mk = h.Sum(nil)
	h.Reset()
	h.Write([]byte{2})
	return h.Sum(nil), mk
}

// agreement is the output of SPEC.md 4.2, of DH1 to DH3 or DH4.
func (s *Set) agreement(outputs ...[]byte) []byte {
	ikm := slices.Concat(s.AgreementPrefix, slices.Concat(outputs...))
	return derive(zeros, ikm, s.AgreementInfo, s.AgreementSize)
}

// privateKey returns 32 bytes as a private key; X25519 clamps it.
func privateKey(b [32]byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(b[:])
	if err != nil {
		panic(err) // only a wrong length fails
	}
	return k
}

// exchange is DH of SPEC.md 2.1. It gives nil for a key of low order.
func exchange(k *ecdh.PrivateKey, p PublicKey) []byte {
	other, err := ecdh.X25519().NewPublicKey(p[:])
	if err != nil {
		panic(err) // only a wrong length fails
	}
	out, err := k.ECDH(other)
	if err != nil {
		return nil
	}
	return out
}
