package conformance

import (
	"cmp"
	"errors"
	"slices"
	"strings"
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
	guarantee    Guarantee // or none
	scenariosOf  string    // the property whose scenarios it judges too, "" if it has its own
	judge        func(t *tester, s *scenario.Scenario) error
}

// DefaultBudget is the time that a run takes on the reference, or so. Another one multiplies the number of scenarios.
const DefaultBudget = time.Minute

// rounds gives how often the scenarios of a property are drawn anew.
func (t *tester) rounds() int { return max(1, int((t.budget+DefaultBudget-1)/DefaultBudget)) }

// propertyCase makes a test of a property on scenarios that are drawn from the seed of the run and the id of the test.
func propertyCase(profile, group string, set *params.Set, p property, needs func(h hello) string, scenarios *rapid.Generator[*scenario.Scenario], count int) testCase {
	id := func(name string) string {
		return strings.Join(slices.DeleteFunc([]string{profile, set.Name, "property", group, name}, func(s string) bool { return s == "" }), "/")
	}
	return testCase{
		TestInfo:  TestInfo{ID: id(p.name), Profile: profile, Comment: p.comment, Requirements: p.requirements},
		set:       set.Name,
		needs:     needs,
		guarantee: p.guarantee,
		draws:     id(cmp.Or(p.scenariosOf, p.name)),
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
	v.scenario, v.record = s, t.record()
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
		v.scenario, v.record = smaller, t.record()
		return true
	})
	t.evidence = evidence
	return v
}

// record gives the record of the last scenario, or nil.
func (t *tester) record() *Record {
	if t.played == nil {
		return nil
	}
	return &t.played.Record
}

// thefts is the property whose scenarios forward secrecy and post-compromise security both judge: what a thief reads in one of them
// too much is then seen by the one of the two that it breaks.
const thefts = string(ForwardSecrecy)

// ratchetProperties are the properties of two parties.
func ratchetProperties() []testCase {
	agreement := property{
		"agreement", "lost, late, repeated and forged messages and restarts: each message is read once, as it was sent, and no key is used twice",
		[]string{"AMB-INV-01", "AMB-INV-02", "AMB-INV-03", "AMB-INV-05", "AMB-INV-07"}, "", "",
		func(t *tester, s *scenario.Scenario) error {
			_, err := t.playRatchet(s, false, false)
			return err
		},
	}
	impersonation := property{
		"impersonation", "who speaks from a copy of a party's state is refused by a peer whose session has healed",
		[]string{"AMB-INV-18"}, "", "",
		func(t *tester, s *scenario.Scenario) error {
			_, err := t.playRatchet(s, true, false)
			return err
		},
	}
	secret := func(by Guarantee, comment string, requirements ...string) property {
		return property{string(by), comment, requirements, by, thefts, func(t *tester, s *scenario.Scenario) error {
			p, err := t.playRatchet(s, true, true)
			if err != nil {
				return err
			}
			return t.exposure(p, by)
		}}
	}
	secrecy := []property{
		secret(ForwardSecrecy, "a copy of a party's state opens no message from before it, but for those whose keys are still due", "AMB-INV-06", "AMB-INV-09"),
		secret(PostCompromise, "a copy of a party's state opens later messages until the session has healed, and none after", "AMB-INV-10"),
	}
	everyStep := property{
		"every-step", "the states of both parties are copied after every step of a fixed schedule: nothing is in them that should be gone, and nothing can be read that should be secret",
		[]string{"AMB-INV-06", "AMB-INV-09", "AMB-INV-10"}, "", "",
		func(t *tester, s *scenario.Scenario) error {
			p, err := t.playRatchet(s, true, true)
			if err != nil {
				return err
			}
			return t.anyExposure(p)
		},
	}
	var cases []testCase
	for _, set := range params.Sets() {
		cadences := []string{""}
		if set == params.AmbassadorV1 {
			cadences = append(cadences, "per-message")
		}
		for _, cadence := range cadences {
			needs := func(also func(h hello) string) func(h hello) string {
				return func(h hello) string {
					if missing := also(h); missing != "" {
						return missing
					}
					return lacks(cadence == "" || h.cadence(cadence), "cadence "+cadence)
				}
			}
			cases = append(cases, propertyCase("ratchet", cadence, set, agreement, needs(needsSession), scenario.Ratchets(set.Name, cadence, scenario.Network), 12),
				propertyCase("ratchet", cadence, set, impersonation, needs(needsSessionAndExport), scenario.Ratchets(set.Name, cadence, scenario.Impersonating), 10))
			schedule := twoParties(set.Name)
			if cadence != "" {
				schedule = inTurns()
			}
			cases = append(cases, propertyCase("ratchet", cadence, set, everyStep, needs(needsSessionAndExport), rapid.Just(everyStepOf(schedule, "a", "b")), 1))
			for _, p := range secrecy {
				cases = append(cases, propertyCase("ratchet", cadence, set, p, needs(needsSessionAndExport), scenario.Ratchets(set.Name, cadence, scenario.Thefts), 15))
			}
		}
	}
	return cases
}

// ambassadorProperties are the properties of accounts with devices.
func ambassadorProperties() []testCase {
	agreement := property{
		"agreement", "races, crashes, restarts, rollbacks, devices added, removed and asked to heal: all devices of an account agree, each text is read once, no key is used twice, what is missing or set back is noticed",
		[]string{"AMB-INV-01", "AMB-INV-02", "AMB-INV-04", "AMB-INV-05", "AMB-INV-14", "AMB-INV-15", "AMB-INV-16"}, "", "",
		func(t *tester, s *scenario.Scenario) error {
			_, err := t.playAmbassador(s, false)
			return err
		},
	}
	always := func(hello) string { return "" }
	everyStep := property{
		"every-step", "the states of all devices of an account are copied after every step of a whole life: nothing is in them that should be gone, and nothing can be read that should be secret",
		[]string{"AMB-INV-06", "AMB-INV-08", "AMB-INV-09", "AMB-INV-10", "AMB-INV-11", "AMB-INV-12", "AMB-INV-13"}, "", "",
		func(t *tester, s *scenario.Scenario) error {
			p, err := t.playAmbassador(s, true)
			if err != nil {
				return err
			}
			return t.anyExposure(p)
		},
	}
	cases := []testCase{propertyCase("ambassador", "", params.AmbassadorV1, agreement, always, scenario.Accounts(scenario.Faults), 16)}
	cases = append(cases, propertyCase("ambassador", "", params.AmbassadorV1, everyStep, always, rapid.Just(everyStepOf(wholeLife(), "alice/0", "alice/1", "alice/2")), 1))
	for _, c := range []struct {
		by           Guarantee
		focus        scenario.Focus
		scenariosOf  string
		comment      string
		requirements []string
	}{
		{ForwardSecrecy, scenario.Copies, thefts, "a copy of a device opens nothing that the device had processed before", []string{"AMB-INV-06", "AMB-INV-08", "AMB-INV-09"}},
		{PostCompromise, scenario.Copies, thefts, "a copy of a device that stays opens later entries until channels and conversation have healed, and none after", []string{"AMB-INV-10"}},
		{NewDevice, scenario.Linking, "", "a device that was linked has nothing that opens what was sent before", []string{"AMB-INV-13"}},
		{Removal, scenario.Removing, "", "a copy of a device that was removed opens nothing of a session that began afterwards", []string{"AMB-INV-11"}},
		{HealFirst, scenario.Healing, "", "after a rotation for which a device was asked to heal, its copy opens nothing", []string{"AMB-INV-12"}},
	} {
		p := property{string(c.by), c.comment, c.requirements, c.by, c.scenariosOf, func(t *tester, s *scenario.Scenario) error {
			p, err := t.playAmbassador(s, true)
			if err != nil {
				return err
			}
			return t.exposure(p, c.by)
		}}
		cases = append(cases, propertyCase("ambassador", "", params.AmbassadorV1, p, always, scenario.Accounts(c.focus), 12))
	}
	return cases
}

func needsSessionAndExport(h hello) string {
	if missing := needsSession(h); missing != "" {
		return missing
	}
	return lacks(h.exports(), "party.export and party.import")
}
