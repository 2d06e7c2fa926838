package primitive_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/primitive"
	"credence/spec/refusal"
)

// What is drawn is clamped when it is stored, not only when it is used (SPEC.md 1.3).
func TestPrivateKeysAreClamped(t *testing.T) {
	for _, fill := range []byte{0x00, 0xff} {
		k, err := primitive.GeneratePrivate(bytes.NewReader(bytes.Repeat([]byte{fill}, 32)))
		require.NoError(t, err)
		b := k.Bytes()
		require.Zero(t, b[0]&7)
		require.Equal(t, byte(0x40), b[31]&0xc0)
	}
	_, err := primitive.GeneratePrivate(bytes.NewReader(make([]byte, 31)))
	require.Error(t, err)
}

// Every encoding of a low-order point is seen, canonical or not, and DH refuses it.
func TestLowOrder(t *testing.T) {
	k, err := primitive.GeneratePrivate(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	require.NoError(t, err)
	for _, encoded := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
	} {
		b, err := hex.DecodeString(encoded)
		require.NoError(t, err)
		p := primitive.PublicKey(b)
		require.True(t, p.LowOrder(), encoded)
		_, err = primitive.DH(k, p)
		require.ErrorIs(t, err, refusal.LowOrderKey, encoded)
	}
	require.False(t, primitive.Public(k).LowOrder())
	require.True(t, primitive.Public(k).Canonical())
}
