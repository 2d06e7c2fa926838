package params_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/spec/refusal"
)

// A public key comes back from its wire form; other lengths and another type byte are refused (AMB-KEY-03).
func TestKeys(t *testing.T) {
	key := primitive.PublicKey{9}
	for _, set := range params.Sets() {
		wire := set.Encode(key)
		decoded, err := set.Decode(wire)
		require.NoError(t, err)
		require.Equal(t, key, decoded)
		for _, bad := range [][]byte{nil, wire[:len(wire)-1], append(bytes.Clone(wire), 0)} {
			_, err := set.Decode(bad)
			require.ErrorIs(t, err, refusal.Malformed, set.Name)
		}
	}
	require.Equal(t, append([]byte{5}, key[:]...), params.SignalV3.Encode(key))
	_, err := params.SignalV3.Decode(append([]byte{6}, key[:]...))
	require.ErrorIs(t, err, refusal.Malformed)
}

// AMB-KEY-02: ambassador-v1 alone refuses a key that is not canonical.
func TestNonCanonicalKeys(t *testing.T) {
	highBit := primitive.PublicKey{0: 9, 31: 0x80}
	aboveP := primitive.PublicKey(bytes.Repeat([]byte{0xff}, 32))
	aboveP[31] = 0x7f
	for _, key := range []primitive.PublicKey{highBit, aboveP} {
		for _, set := range params.Sets() {
			_, err := set.Decode(set.Encode(key))
			if set == params.AmbassadorV1 {
				require.ErrorIs(t, err, refusal.NonCanonicalKey)
				continue
			}
			require.NoError(t, err, set.Name)
		}
	}
}
