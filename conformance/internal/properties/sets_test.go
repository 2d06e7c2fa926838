package properties_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/properties"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/shims/reference/adapter"
)

// flips are sets that nobody has published: each published one under another name and with other strings, and with one
// property changed alone.
func flips() (sets []*params.Set) {
	for _, published := range params.Sets() {
		for _, change := range []func(s *params.Set){
			func(*params.Set) {},
			func(s *params.Set) { s.KeyPrefix = []byte{0x17} },
			func(s *params.Set) { s.Lazy = !s.Lazy },
			func(s *params.Set) { s.SenderFirst = !s.SenderFirst },
			func(s *params.Set) { s.MaxChains = 3 },
			func(s *params.Set) { s.StoredPerChain = !s.StoredPerChain },
			func(s *params.Set) { s.MaxStored = 11 },
			func(s *params.Set) { s.MaxSessions = 2 },
			func(s *params.Set) { s.ArchiveChains = 2 },
		} {
			s := *published
			change(&s)
			s.Name, s.AgreementInfo, s.RootInfo, s.MessageInfo = "twin", "twin agreement", "twin root", "twin message"
			if s.Validate() == nil {
				sets = append(sets, &s)
			}
		}
	}
	return sets
}

// The properties hold for sets that nobody has published: nothing in the suite or the reference knows a set by its
// name.
func TestSets(t *testing.T) {
	sets := flips()
	require.Greater(t, len(sets), 20)
	for i, set := range sets {
		tests := properties.PartiesIn(set)
		c := tests[i%len(tests)] // each set by one of its properties, each property by several sets
		if set.MaxSessions == 2 || set.ArchiveChains == 2 {
			c = tests[5+i%2] // those of several sessions
		}
		target := adapter.New(set)
		h, err := suite.Greet(t.Context(), target)
		require.NoError(t, err)
		require.Empty(t, c.Missing(h))
		run := suite.NewT(t.Context(), c.ID, target, h, c.Random(1))
		run.Sets = []*params.Set{set}
		r := c.Execute(run)
		require.Equal(t, verdict.Passed, r.Status, "%s of %+v: %s: %s", c.ID, set, r.Reason, r.Message)
	}
}
