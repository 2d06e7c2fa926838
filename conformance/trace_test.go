package conformance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"credence"
	"credence/conformance"
)

// Every requirement has a test, and no test names a requirement that SPEC.md lacks.
func TestTraceability(t *testing.T) {
	tests, err := conformance.List(nil)
	require.NoError(t, err)
	count := map[string]int{}
	for _, r := range credence.Requirements() {
		require.NotContains(t, count, r.ID, "a requirement id stands twice in SPEC.md")
		count[r.ID] = 0
	}
	seen := map[string]bool{}
	for _, test := range tests {
		require.False(t, seen[test.ID], "two tests have the id %s", test.ID)
		seen[test.ID] = true
		require.NotEmpty(t, test.Comment, test.ID)
		for _, id := range test.Requirements {
			require.Contains(t, count, id, "test %s names a requirement that SPEC.md lacks", test.ID)
			count[id]++
		}
	}
	for id, n := range count {
		require.Positive(t, n, "%s has no test", id)
	}
}
