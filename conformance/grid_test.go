package conformance_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"credence"
	"credence/conformance"
	"credence/conformance/verdict"
	"credence/spec/grid"
)

// Every cell of the grid of requirements, sets and places has a test, or a reason why it has none; and no test says
// that it exercises a requirement in a place which that requirement does not have.
func TestGrid(t *testing.T) {
	tests, err := conformance.List(nil)
	require.NoError(t, err)
	cells := verdict.Grid(tests)
	for _, r := range credence.Requirements() {
		for _, c := range cells[r.ID] {
			assert.True(t, len(c.Tests) > 0 || c.Reason != "", "%s has no test, and spec/grid/grid.txt no reason", c)
			assert.True(t, len(c.Tests) == 0 || c.Reason == "" || c.Reason == grid.NotYet,
				"%s has a test, and spec/grid/grid.txt a reason why it has none", c)
		}
	}
	for _, test := range tests {
		for id, places := range test.Places {
			require.Contains(t, test.Requirements, id, test.ID)
			for _, place := range places {
				assert.True(t, grid.Has(id, place), "%s exercises %s in %q, which is no place of it",
					test.ID, id, place)
			}
		}
	}
}

// A cell without a test is seen, and a test in another set or place does not fill it.
func TestGridAwake(t *testing.T) {
	const id, set, place = "AMB-RAT-15", "signal-v3", "late"
	tests := []verdict.TestInfo{
		verdict.NewInfo("a", "ratchet", set, "", []string{id + " skipped"}),
		verdict.NewInfo("b", "ratchet", "olm-v1", "", []string{id + " late"}),
		verdict.NewInfo("c", "ratchet", set, "", []string{id, "AMB-RAT-18 late"}),
	}
	at := func() verdict.Cell {
		cells := verdict.Grid(tests)[id]
		return cells[slices.IndexFunc(cells, func(c verdict.Cell) bool { return c.Set == set && c.Place == place })]
	}
	require.Empty(t, at().Tests)
	require.Equal(t, "no test", at().Outcome(nil))
	tests = append(tests, verdict.NewInfo("d", "ratchet", set, "", []string{id + " late"}))
	require.Equal(t, []string{"d"}, at().Tests)
	require.Equal(t, "not judged", at().Outcome(map[string]verdict.Status{"d": verdict.Skipped}))
	require.Equal(t, "passed", at().Outcome(map[string]verdict.Status{"d": verdict.Passed}))
	require.Equal(t, "failed", at().Outcome(map[string]verdict.Status{"d": verdict.Failed}))
}
