package refusal_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/spec/refusal"
)

// SPEC.md 1.2: inside a family any class will do; families are not transitive.
func TestSameFamily(t *testing.T) {
	for _, c := range refusal.Classes() {
		require.True(t, refusal.SameFamily(c, c), c)
	}
	for _, same := range [][2]refusal.Class{
		{refusal.Malformed, refusal.Replay}, {refusal.Duplicate, refusal.Authentication},
		{refusal.LowOrderKey, refusal.NonCanonicalKey}, {refusal.BadSignature, refusal.Malformed},
		{refusal.IncompleteBundle, refusal.Malformed}, {refusal.StaleEpoch, refusal.WrongDevices},
	} {
		require.True(t, refusal.SameFamily(same[0], same[1]), same)
		require.True(t, refusal.SameFamily(same[1], same[0]), same)
	}
	for _, apart := range [][2]refusal.Class{
		{refusal.BadSignature, refusal.Authentication}, {refusal.Exhausted, refusal.Malformed},
		{refusal.Exhausted, refusal.SkipLimit}, {refusal.LowOrderKey, refusal.BadSignature},
		{refusal.SkipLimit, refusal.StaleEpoch}, {refusal.UnknownPrekey, refusal.IncompleteBundle},
		{refusal.Malformed, "invented"},
	} {
		require.False(t, refusal.SameFamily(apart[0], apart[1]), apart)
		require.False(t, refusal.SameFamily(apart[1], apart[0]), apart)
	}
}

func TestOf(t *testing.T) {
	require.Equal(t, refusal.Replay, refusal.Of(fmt.Errorf("deep: %w", refusal.Replay)))
	require.Empty(t, refusal.Of(errors.New("other")))
	require.Empty(t, refusal.Of(nil))
}
