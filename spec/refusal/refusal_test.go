package refusal_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"credence/spec/refusal"
)

// The classes are those of the table in SPEC.md 1.2, in its order.
func TestClasses(t *testing.T) {
	spec, err := os.ReadFile("../../SPEC.md")
	require.NoError(t, err)
	_, chapter, _ := strings.Cut(string(spec), "### 1.2 ")
	chapter, _, _ = strings.Cut(chapter, "### 1.3 ")
	var want []refusal.Class
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(chapter, -1) {
		want = append(want, refusal.Class(m[1]))
	}
	require.NotEmpty(t, want)
	require.Empty(t, cmp.Diff(want, refusal.Classes()))
}

func TestOf(t *testing.T) {
	for _, c := range refusal.Classes() {
		err := fmt.Errorf("bundle: %w", fmt.Errorf("%w: with details", c))
		require.Equal(t, c, refusal.Of(err))
		require.ErrorIs(t, err, c)
		require.Equal(t, "bundle: "+string(c)+": with details", err.Error())
	}
	require.Empty(t, refusal.Of(errors.New("an error of the reader")))
	require.Empty(t, refusal.Of(nil))
}

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
