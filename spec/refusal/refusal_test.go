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
