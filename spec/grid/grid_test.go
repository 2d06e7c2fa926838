package grid

import (
	"testing"

	"github.com/stretchr/testify/require"

	"credence"
)

// Every requirement of SPEC.md is in the grid, in the order of the text, and no cell stands there twice.
func TestGrid(t *testing.T) {
	all, err := parse(text)
	require.NoError(t, err)
	var ids, want []string
	seen := map[Cell]bool{}
	places := map[string]bool{} // of a set, whether it has some
	for _, c := range all {
		if len(ids) == 0 || ids[len(ids)-1] != c.Requirement {
			ids = append(ids, c.Requirement)
		}
		at := Cell{c.Requirement, c.Set, c.Place, ""}
		require.False(t, seen[at], "%s stands twice in the grid", at)
		seen[at] = true
		of := c.Requirement + " " + c.Set
		has, ok := places[of]
		require.True(t, !ok || has == (c.Place != ""), "%s has places and binds without one too", of)
		places[of] = c.Place != ""
	}
	for _, r := range credence.Requirements() {
		want = append(want, r.ID)
	}
	require.Equal(t, want, ids)
}

// The parser takes what the first lines of grid.txt promise, and nothing else.
func TestParse(t *testing.T) {
	all, err := parse("# a comment\n\nAMB-XXX-01\n  all but olm-v1: one two - why\n  olm-v1:\n")
	require.NoError(t, err)
	require.Len(t, all, 7)
	require.Equal(t, Cell{"AMB-XXX-01", "ambassador-v1", "one", "why"}, all[0])
	require.Equal(t, Cell{"AMB-XXX-01", "omemo-2", "two", "why"}, all[5])
	require.Equal(t, Cell{"AMB-XXX-01", "olm-v1", "", ""}, all[6])
	for _, wrong := range []string{"  all: one", "AMB-XXX-01\n  all one", "AMB-XXX-01\n  olm: one",
		"AMB-XXX-01\n  : one"} {
		_, err := parse(wrong)
		require.Error(t, err, wrong)
	}
}
