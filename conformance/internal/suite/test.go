package suite

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"credence/conformance/verdict"
)

// Test is one test of the suite.
type Test struct {
	verdict.TestInfo
	Needs     func(h Hello) string // returns what the target lacks for this test, or ""; nil needs nothing
	Run       func(t *T)
	Guarantee verdict.Guarantee // that a property test judges
	Draws     string            // the id of the test whose randomness this one has too; "" is its own
}

// Random returns the randomness of the reference in the test, in a run with a seed.
func (c *Test) Random(seed uint64) *rand.ChaCha8 { return Random(seed, cmp.Or(c.Draws, c.ID)) }

// Random returns the randomness of the reference that a seed and a name give. That of a test does not depend on the
// other tests of the run.
func Random(seed uint64, name string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), name...)))
}

// ScenarioRandom returns the randomness with which a scenario is played, in a run, in a campaign and by a replay.
func ScenarioRandom(seed uint64) *rand.ChaCha8 { return Random(seed, "scenario") }

// Missing returns what a target lacks for the test, or "".
func (c *Test) Missing(h Hello) string {
	switch {
	case c.Profile == verdict.ShimProfile:
		return ""
	case !slices.Contains(h.Profiles, c.Profile):
		return "profile " + c.Profile
	case !slices.Contains(h.ParameterSets, c.Set):
		return "parameter set " + c.Set
	case c.Needs == nil:
		return ""
	}
	return c.Needs(h)
}

// Execute runs the test on a target that has what it needs, and returns its outcome.
func (c *Test) Execute(t *T) verdict.TestResult {
	result := verdict.TestResult{ID: c.ID, Profile: c.Profile, Requirements: c.Requirements, Guarantee: c.Guarantee}
	t.Attempt(func() { c.Run(t) }).Judge(&result)
	if t.Evidence != (verdict.Evidence{}) {
		result.Evidence = &t.Evidence
	}
	return result
}
