package conformance

import (
	"errors"
	"fmt"
	"time"

	"credence/conformance/scenario"
	"credence/reference/params"

	"pgregory.net/rapid"
)

// Evidence counts what a property test has run.
type Evidence struct {
	Scenarios int `json:"scenarios"`
	Messages  int `json:"messages"` // that were sent
	Copies    int `json:"copies"`   // states that the attacker had
	Allowed   int `json:"allowed"`  // readings that the specification allows
	Read      int `json:"read"`     // readings that the attacker had
}

func (e *Evidence) add(o Evidence) {
	e.Scenarios += o.Scenarios
	e.Messages += o.Messages
	e.Copies += o.Copies
	e.Allowed += o.Allowed
	e.Read += o.Read
}

// property is a statement about every scenario (SPEC.md 13.4).
type property struct {
	name         string
	comment      string
	requirements []string
	judge        func(t *tester, s *scenario.Scenario) error
}

// DefaultBudget is the time that a run takes on the reference, or so. Another one multiplies the number of scenarios.
const DefaultBudget = time.Minute

// rounds gives how often the scenarios of a property are drawn anew.
func (t *tester) rounds() int { return max(1, int((t.budget+DefaultBudget-1)/DefaultBudget)) }

// propertyCase makes a test of a property on scenarios that are drawn from the seed of the run and the id of the test.
func propertyCase(profile, group string, set *params.Set, p property, needs func(h hello) string, scenarios *rapid.Generator[*scenario.Scenario], count int) testCase {
	return testCase{
		TestInfo: TestInfo{ID: fmt.Sprintf("%s/%s/property/%s%s", profile, set.Name, group, p.name), Profile: profile, Comment: p.comment, Requirements: p.requirements},
		set:      set.Name,
		needs:    needs,
		run: func(t *tester) error {
			for range count * t.rounds() {
				s := scenarios.Example(int(t.random.Uint64() >> 1))
				if err := p.judge(t, s); err != nil {
					return t.shrunk(p, s, err)
				}
			}
			return nil
		},
	}
}

// shrunk gives the failure of a smaller scenario. A target that broke stays as it is: it cannot be asked again.
func (t *tester) shrunk(p property, s *scenario.Scenario, failure error) error {
	var v *verdict
	if !errors.As(failure, &v) {
		return failure
	}
	v.scenario = s
	if v.status != Failed {
		return v
	}
	evidence := t.evidence
	scenario.Shrink(s, func(smaller *scenario.Scenario) bool {
		var other *verdict
		if !errors.As(p.judge(t, smaller), &other) || other.status != Failed || other.reason != v.reason {
			return false
		}
		v = other
		v.scenario = smaller
		return true
	})
	t.evidence = evidence
	return v
}

// ratchetProperties are the properties of two parties.
func ratchetProperties() []testCase {
	strict := func(t *tester, s *scenario.Scenario) error {
		_, err := t.playRatchet(s, false)
		return err
	}
	secret := func(later bool) func(t *tester, s *scenario.Scenario) error {
		return func(t *tester, s *scenario.Scenario) error {
			p, err := t.playRatchet(s, true)
			if err != nil {
				return err
			}
			return t.exposure(p, later)
		}
	}
	properties := []property{
		{"agreement", "lost, late, repeated and forged messages and restarts: each message is read once, as it was sent, and no key is used twice", []string{"AMB-INV-01", "AMB-INV-02", "AMB-INV-03", "AMB-INV-05", "AMB-INV-07"}, strict},
		{"forward-secrecy", "an attacker with a copy of a party's state reads no message from before it, but for those whose keys are still due", []string{"AMB-INV-06", "AMB-INV-09"}, secret(false)},
		{"post-compromise", "an attacker with a copy of a party's state reads later messages until the session has healed, and none after", []string{"AMB-INV-10"}, secret(true)},
	}
	var cases []testCase
	for _, set := range params.Sets() {
		for _, p := range properties {
			needs := needsSession
			if p.name != "agreement" {
				needs = needsSessionAndExport
			}
			copies := p.name != "agreement"
			cases = append(cases, propertyCase("ratchet", "", set, p, needs, scenario.Ratchets(set.Name, "", copies), 10))
			if set == params.AmbassadorV1 {
				perMessage := func(h hello) string {
					if missing := needs(h); missing != "" {
						return missing
					}
					return lacks(h.cadence("per-message"), "cadence per-message")
				}
				cases = append(cases, propertyCase("ratchet", "per-message-", set, p, perMessage, scenario.Ratchets(set.Name, "per-message", copies), 10))
			}
		}
	}
	return cases
}

func needsSessionAndExport(h hello) string {
	if missing := needsSession(h); missing != "" {
		return missing
	}
	return lacks(h.exports(), "party.export and party.import")
}
