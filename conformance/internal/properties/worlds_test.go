package properties

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/replay"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shims/reference/adapter"
)

// The schedules have found these faults of the protocol as it was, each from a random seed, and made them as small as
// they are.
func TestFoundInWorlds(t *testing.T) {
	found, err := scenario.ReadDir("testdata/worlds")
	require.NoError(t, err)
	require.NotEmpty(t, found)
	for _, s := range found {
		t.Run(s.Comment, func(t *testing.T) {
			p := replay.Scenario(newT(t, adapter.New()), s)
			require.Equal(t, verdict.Passed, p.Result.Status, "%s\n%q", p.Result.Message, p.Lines)
		})
	}
}

// Every kind of fault is in the scenarios of a property.
func TestWorldsHaveEveryFault(t *testing.T) {
	var verbs []scenario.Verb
	for _, w := range worlds() {
		verbs = append(verbs, w.focus.Verbs...)
	}
	never := []scenario.Verb{scenario.Compromise, scenario.Rollback, scenario.Withhold, scenario.Forge}
	for _, v := range scenario.Verbs(scenario.Ambassador) {
		require.NotEqual(t, slices.Contains(never, v), slices.Contains(verbs, v), v)
	}
}

// What is drawn is a scenario.
func TestWorldsAreScenarios(t *testing.T) {
	for _, w := range worlds() {
		for seed := range 20 {
			text, err := scenario.Worlds(w.focus).Example(seed).Encode()
			require.NoError(t, err)
			_, err = scenario.Decode(text)
			require.NoError(t, err, string(text))
		}
	}
}
