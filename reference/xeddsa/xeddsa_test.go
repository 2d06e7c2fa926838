package xeddsa_test

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/xeddsa"
	"credence/spec/refusal"
)

var modes = map[string]params.SignatureMode{
	"strict": params.Strict, "sign-bit": params.SignBit, "Ed25519": params.Ed25519,
}

func random(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func newKey(t *testing.T, seed byte) *ecdh.PrivateKey {
	t.Helper()
	k, err := primitive.GeneratePrivate(random(seed))
	require.NoError(t, err)
	return k
}

// public returns the key in the form in which a mode verifies.
func public(mode params.SignatureMode, k *ecdh.PrivateKey) []byte {
	if mode == params.Ed25519 {
		return xeddsa.EdwardsPublic(k)
	}
	return k.PublicKey().Bytes()
}

func sign(t *testing.T, mode params.SignatureMode, k *ecdh.PrivateKey, message string, seed byte) []byte {
	t.Helper()
	s, err := xeddsa.Sign(mode, k, []byte(message), random(seed))
	require.NoError(t, err)
	require.Len(t, s, xeddsa.SignatureSize)
	return s
}

// A signature verifies for its key and message, and no neighbour of it does (AMB-XED-03, AMB-XED-04). Several keys:
// half of them have a point with the sign 1.
func TestVerify(t *testing.T) {
	for name, mode := range modes {
		for seed := range byte(6) {
			k, message := newKey(t, seed), []byte("message")
			s := sign(t, mode, k, "message", 9)
			require.NoError(t, xeddsa.Verify(mode, public(mode, k), message, s), name)
			for i := range s {
				changed := bytes.Clone(s)
				changed[i] ^= 1
				err := xeddsa.Verify(mode, public(mode, k), message, changed)
				require.ErrorIs(t, err, refusal.BadSignature, "%s: byte %d", name, i)
			}
			require.ErrorIs(t, xeddsa.Verify(mode, public(mode, k), []byte("massage"), s), refusal.BadSignature, name)
			require.ErrorIs(t, xeddsa.Verify(mode, public(mode, newKey(t, 77)), message, s), refusal.BadSignature, name)
			require.ErrorIs(t, xeddsa.Verify(mode, public(mode, k), message, s[:63]), refusal.BadSignature, name)
			require.ErrorIs(t, xeddsa.Verify(mode, public(mode, k), message, append(s, 0)), refusal.BadSignature, name)
			require.ErrorIs(t, xeddsa.Verify(mode, public(mode, k)[:31], message, s), refusal.Malformed, name)
		}
	}
}

// The same Z gives the same signature (AMB-XED-01); another Z gives another R (AMB-XED-02).
func TestRandomness(t *testing.T) {
	k := newKey(t, 1)
	for name, mode := range modes {
		s := sign(t, mode, k, "message", 1)
		require.Equal(t, s, sign(t, mode, k, "message", 1), name)
		require.NotEqual(t, s[:32], sign(t, mode, k, "message", 2)[:32], name)
		_, err := xeddsa.Sign(mode, k, nil, iotest.ErrReader(iotest.ErrTimeout))
		require.ErrorIs(t, err, iotest.ErrTimeout, name)
		_, err = xeddsa.Sign(mode, k, nil, bytes.NewReader(make([]byte, xeddsa.RandomSize-1)))
		require.Error(t, err, name)
	}
}

// Known answers of AMB-XED-01 for keys of both signs, message "message" and Z = 0, 1 ... 63. They were computed with
// the integers of the pseudocode of XEdDSA, revision 1, and with libxeddsa, which hashes the key that it is given: a
// for strict mode, k for the others.
func TestKnownAnswers(t *testing.T) {
	z := make([]byte, xeddsa.RandomSize)
	for i := range z {
		z[i] = byte(i)
	}
	for _, c := range []struct {
		key       byte // of which the clamped private key is made
		mode      params.SignatureMode
		signature string
	}{
		{1, params.Strict, "fb2d08988e8344469f8949fdf25aeed86cecb8e359236bd9d26d88eb4cd3a47e" +
			"2770241d5fce92f03b2b5be39d9982cc79661d02adf33e9e068a04610efd1d01"},
		{3, params.Strict, "9a3d3b553679cafcf30143710cfc808b3b9239ec927e6b84744b4efd202996fc" +
			"05475c0ff2d051238e588b3ed92e82764cd37e0868514fc8d947f8c73dd7f301"},
		{1, params.SignBit, "ffcfeee1ec346fd29ed4e34cc40b8e019aff9e1de60d36e846fcaf517fab1920" +
			"fd7920c289435fdd28ae186195a1e26ec6e42eebe541c3ad7dff4544c2ad7809"},
		{1, params.Ed25519, "ffcfeee1ec346fd29ed4e34cc40b8e019aff9e1de60d36e846fcaf517fab1920" +
			"fd7920c289435fdd28ae186195a1e26ec6e42eebe541c3ad7dff4544c2ad7809"},
	} {
		clamped := [32]byte(bytes.Repeat([]byte{c.key}, 32))
		primitive.Clamp(&clamped)
		k, err := ecdh.X25519().NewPrivateKey(clamped[:])
		require.NoError(t, err)
		s, err := xeddsa.Sign(c.mode, k, []byte("message"), bytes.NewReader(z))
		require.NoError(t, err)
		require.Equal(t, c.signature, hex.EncodeToString(s), "key %d, mode %v", c.key, c.mode)
	}
}

// plusOrder returns the signature with s + q in the place of s.
func plusOrder(signature []byte) []byte {
	q, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	q.Add(q, new(big.Int).Lsh(big.NewInt(1), 252))
	little := bytes.Clone(signature[32:])
	slices.Reverse(little)
	b := q.Add(q, new(big.Int).SetBytes(little)).FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return append(bytes.Clone(signature[:32]), b...)
}

// AMB-XED-05.
func TestLargeS(t *testing.T) {
	k := newKey(t, 1)
	for _, mode := range []params.SignatureMode{params.Strict, params.Ed25519} {
		s := plusOrder(sign(t, mode, k, "message", 1))
		require.ErrorIs(t, xeddsa.Verify(mode, public(mode, k), []byte("message"), s), refusal.BadSignature)
	}
}

// AMB-XED-06 and AMB-XED-07.
func TestStrictKeys(t *testing.T) {
	k := newKey(t, 1)
	s := sign(t, params.Strict, k, "message", 1)
	highBit := public(params.Strict, k)
	highBit[31] |= 0x80
	aboveP := bytes.Repeat([]byte{0xff}, 32)
	aboveP[31] = 0x7f
	for _, key := range [][]byte{highBit, aboveP} {
		require.ErrorIs(t, xeddsa.Verify(params.Strict, key, []byte("message"), s), refusal.NonCanonicalKey)
	}
	for _, u := range []byte{0, 1} {
		key := append([]byte{u}, make([]byte, 31)...)
		require.ErrorIs(t, xeddsa.Verify(params.Strict, key, []byte("message"), s), refusal.LowOrderKey)
	}
}

// SPEC.md 3.3.
func TestModes(t *testing.T) {
	both := map[bool]bool{}
	for seed := range byte(16) {
		k := newKey(t, seed)
		u := public(params.Strict, k)
		require.NoError(t, xeddsa.Verify(params.SignBit, u, []byte("m"), sign(t, params.Strict, k, "m", 1)))
		signed := sign(t, params.SignBit, k, "m", 1)
		positive := signed[63]&0x80 == 0
		require.Equal(t, positive, xeddsa.Verify(params.Strict, u, []byte("m"), signed) == nil)
		both[positive] = true
	}
	require.Len(t, both, 2, "keys of both signs")
}

// SPEC.md 3.4 and AMB-XED-08.
func TestEdwardsToMontgomery(t *testing.T) {
	k := newKey(t, 1)
	u, err := xeddsa.EdwardsToMontgomery(xeddsa.EdwardsPublic(k))
	require.NoError(t, err)
	require.Equal(t, primitive.Public(k), u)
	_, err = xeddsa.EdwardsToMontgomery(append([]byte{2}, make([]byte, 31)...)) // no point has y = 2
	require.ErrorIs(t, err, refusal.Malformed)
	_, err = xeddsa.EdwardsToMontgomery(append([]byte{1}, make([]byte, 31)...)) // the neutral element
	require.ErrorIs(t, err, refusal.LowOrderKey)
}
