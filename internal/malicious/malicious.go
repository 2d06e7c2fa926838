// Package malicious is a peer that holds the secrets of a session and breaks one rule at a time. Its messages
// authenticate, so that an implementation which refuses them refuses them for the rule.
package malicious

import (
	"math/big"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/wire"
)

// NewChain returns the first message of a new sending chain under a ratchet key of the attacker's choice. s is the
// state of the attacking peer before it reads the answer whose ratchet key is reply; dh is what the victim gets of DH
// with key.
func NewChain(s *ratchet.State, reply, key primitive.PublicKey, dh, plaintext []byte) ([]byte, error) {
	own, err := primitive.DH(s.DHs, reply)
	if err != nil {
		return nil, err
	}
	rk, _ := primitive.KDFRK(s.RK, own, s.Set.RootInfo)
	_, ck := primitive.KDFRK(rk, dh, s.Set.RootInfo)
	_, mk := primitive.KDFCK(ck)
	return wire.Seal(s.Set, mk, s.AssociatedData(true), wire.Header{Key: key, PN: s.Ns}, plaintext), nil
}

// Rewrapped returns the next message of the sending chain of s after edit has changed its fields, with a right tag. s
// moves on. It returns the errors of ratchet.State.Encrypt.
func Rewrapped(s *ratchet.State, plaintext []byte, edit func(p *wire.Parts, keys primitive.CBCKeys)) ([]byte, error) {
	_, mk := primitive.KDFCK(s.CKs)
	message, err := s.Encrypt(nil, plaintext)
	if err != nil {
		return nil, err
	}
	keys := primitive.DeriveCBC(mk, s.Set.MessageInfo)
	return wire.Reseal(s.Set, mk, s.AssociatedData(true), message, func(p *wire.Parts) { edit(p, keys) })
}

// EncryptBlock encrypts one block of 16 bytes as it is, without padding.
func EncryptBlock(keys primitive.CBCKeys, block string) []byte {
	return keys.Encrypt([]byte(block))[:len(block)]
}

// LowOrderKeys returns the low-order public keys: the five canonical ones, and for sets that do not ask for canonical
// keys other encodings of them.
func LowOrderKeys(set *params.Set) []primitive.PublicKey {
	p := fieldPrime()
	minusOne := new(big.Int).Sub(p, big.NewInt(1))
	order8a, _ := new(big.Int).SetString("b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0", 16)
	order8b, _ := new(big.Int).SetString("57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5f", 16)
	values := []*big.Int{big.NewInt(0), big.NewInt(1), minusOne, order8a, order8b}
	if !set.Canonical {
		values = append(values, p, new(big.Int).Add(p, big.NewInt(1)))
	}
	var keys []primitive.PublicKey
	for _, v := range values {
		keys = append(keys, encodeInt(v))
	}
	return keys
}

// NonCanonical returns other encodings of the key: bit 255 set; and, of a small field element, the value plus p.
func NonCanonical(key primitive.PublicKey) primitive.PublicKey {
	key[31] |= 0x80
	return key
}

// NonCanonicalValues returns public keys of field elements between 2 and 18 that are encoded as the value plus p.
func NonCanonicalValues() []primitive.PublicKey {
	var keys []primitive.PublicKey
	for _, v := range []int64{2, 9, 18} {
		keys = append(keys, encodeInt(new(big.Int).Add(fieldPrime(), big.NewInt(v))))
	}
	return keys
}

func fieldPrime() *big.Int {
	return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
}

// encodeInt returns 32 bytes, little-endian.
func encodeInt(v *big.Int) (key primitive.PublicKey) {
	b := v.FillBytes(make([]byte, len(key)))
	for i := range key {
		key[i] = b[len(b)-1-i]
	}
	return key
}
