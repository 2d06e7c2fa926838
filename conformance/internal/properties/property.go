// Package properties has the property tests: statements about every scenario (SPEC.md 13.4), tried on scenarios that
// are drawn at random and on fixed ones.
package properties

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"credence/conformance/internal/schedule"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/params"

	"pgregory.net/rapid"
)

// DefaultBudget is the time that a run takes on the reference, or so. Another one multiplies the number of scenarios.
const DefaultBudget = time.Minute

// property is a statement about every scenario.
type property struct {
	name         string
	comment      string
	requirements []string
	guarantee    verdict.Guarantee          // or none
	scenariosOf  string                     // the property whose scenarios this one judges too; "" if it has its own
	count        int                        // of scenarios in a run of the default budget
	needs        func(h suite.Hello) string // as in suite.Test
	judge        func(t *suite.T, s *scenario.Scenario)
}

// thefts names the property whose scenarios forward secrecy and post-compromise security both judge: what the attacker
// reads too much in one of them is then seen by the one of the two that it breaks.
const thefts = string(verdict.ForwardSecrecy)

// play plays a scenario and returns what happened.
type play func(t *suite.T, s *scenario.Scenario) *verdict.Play

// hides judges that the attacker reads nothing that the guarantees keep secret.
func (p play) hides(guarantees ...verdict.Guarantee) func(t *suite.T, s *scenario.Scenario) {
	return func(t *suite.T, s *scenario.Scenario) { schedule.MustHide(t, p(t, s), guarantees...) }
}

// goesWell judges that nothing goes wrong.
func (p play) goesWell(t *suite.T, s *scenario.Scenario) { p(t, s) }

// test returns the test of a property. Its scenarios are drawn from the seed of the run and the id of the test. group
// is one of several that a set has, or "".
func (p property) test(
	profile string, set *params.Set, group string, scenarios *rapid.Generator[*scenario.Scenario],
) suite.Test {
	id := func(name string) string {
		parts := []string{profile, set.Name, "property", group, name}
		return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "/")
	}
	info := verdict.NewInfo(id(p.name), profile, set.Name, p.comment, p.requirements)
	info.AddPlacesNamed(map[string]string{"ratchet": "parties", "ambassador": "accounts"}[profile])
	return suite.Test{
		TestInfo: info, Needs: p.needs, Guarantee: p.guarantee, Draws: id(cmp.Or(p.scenariosOf, p.name)),
		Run: func(t *suite.T) { p.run(t, scenarios) },
	}
}

// rounds returns how often the scenarios of a property are drawn anew.
func rounds(budget time.Duration) int { return max(1, int((budget+DefaultBudget-1)/DefaultBudget)) }

// run judges all scenarios. What goes wrong in one keeps none of the others from being judged.
func (p property) run(t *suite.T, scenarios *rapid.Generator[*scenario.Scenario]) {
	all := suite.Collected{Of: p.count * rounds(t.Budget)}
	for i := range all.Of {
		failure := p.attempt(t, scenarios.Example(int(t.Random.Uint64()>>1)))
		if failure == nil {
			continue
		}
		all.Add(fmt.Sprint("scenario ", i+1), failure, p.judges(failure))
		if !t.GoesOn(failure) {
			all.Rest(i+1, failure)
			break
		}
	}
	t.Stop(all.FailureAs(func(first *suite.Failure) *suite.Failure { return p.smallest(t, first) }))
}

// judges reports whether a failure is one of the property itself. What else goes wrong in a scenario on which a
// guarantee is tried is for other tests, and the guarantee is not judged in that scenario.
func (p property) judges(f *suite.Failure) bool {
	return f.Status == verdict.Failed && (p.guarantee == "" || f.Reason == verdict.Exposed)
}

// smallest returns the failure of the smallest scenario that fails for the same cause. A target that breaks is started
// anew for each.
func (p property) smallest(t *suite.T, failure *suite.Failure) *suite.Failure {
	t.Broken = t.Broken || failure.Status == verdict.Errored
	if failure.Reason == verdict.Suite || t.Broken && t.Again == nil { // it cannot be asked again
		return failure
	}
	evidence := t.Evidence
	var found verdict.TestResult
	failure.Judge(&found)
	play := func(smaller *scenario.Scenario) (r verdict.TestResult, err error) {
		if t.Broken {
			err = t.Restart()
		}
		if err == nil {
			p.attempt(t, smaller).Judge(&r)
			t.Broken = r.Status == verdict.Errored
		}
		return r, err
	}
	small, err := schedule.Smallest(failure.Scenario, found, play)
	if err != nil {
		small.Message += " (and then the target did not start again)"
	}
	t.Evidence = evidence
	return suite.FailureOf(small)
}

// attempt judges a scenario, with the randomness of a replay. A failure gets the scenario, and the record of what
// happened in it.
func (p property) attempt(t *suite.T, s *scenario.Scenario) *suite.Failure {
	defer func(drawing *rand.ChaCha8) { t.Random = drawing }(t.Random)
	t.Random = suite.ScenarioRandom(t.Seed)
	failure := t.Attempt(func() { p.judge(t, s) })
	if failure != nil {
		failure.Scenario = s
		if t.Played != nil {
			failure.Record = &t.Played.Record
		}
	}
	return failure
}
