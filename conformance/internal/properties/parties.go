package properties

import (
	"credence/conformance/internal/schedule"
	"credence/conformance/internal/schedule/parties"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/params"

	"pgregory.net/rapid"
)

// Parties returns the properties of two parties.
func Parties() []suite.Test {
	var tests []suite.Test
	for _, set := range params.Sets() {
		tests = append(tests, PartiesIn(set)...)
	}
	return tests
}

// PartiesIn returns the properties of two parties in one set, in each of its cadences.
func PartiesIn(set *params.Set) []suite.Test {
	tests := partiesOf(set, "", twoParties(set.Name))
	if set.PerMessage {
		tests = append(tests, partiesOf(set, "per-message", inTurns(set.Name))...)
	}
	return tests
}

// partiesOf returns the properties of two parties in a set and a cadence; fixed is the schedule for every-step.
func partiesOf(set *params.Set, cadence string, fixed *scenario.Scenario) []suite.Test {
	test := func(p property, scenarios *rapid.Generator[*scenario.Scenario]) suite.Test {
		p.needs = suite.Needs(p.needs, suite.NeedsCadence(cadence))
		return p.test("ratchet", set, cadence, scenarios)
	}
	drawn := func(f scenario.Focus) *rapid.Generator[*scenario.Scenario] {
		return scenario.Ratchets(set.Name, cadence, f)
	}
	return []suite.Test{
		test(partiesAgree(), drawn(scenario.Network)),
		test(noImpersonation(), drawn(scenario.Impersonating)),
		test(partiesHideAtEveryStep(), rapid.Just(copiedAtEveryStep(fixed, "a", "b"))),
		test(forwardSecrecy(), drawn(scenario.Thefts)),
		test(postCompromise(), drawn(scenario.Thefts)),
		test(severalSessions(), drawn(scenario.Starting)),
		test(severalSessionsHide(), drawn(scenario.StartingThefts)),
	}
}

// between plays scenarios of two parties.
func between(o parties.Options) play {
	return func(t *suite.T, s *scenario.Scenario) *verdict.Play { return parties.Play(t, s, o) }
}

// stolen plays scenarios in which an attacker has copies of states.
var stolen = between(parties.Options{Tolerant: true, Attacked: true})

var (
	needsSessionAndExport   = suite.Needs(suite.NeedsSession, suite.NeedsExport)
	needsHandshakeAndExport = suite.Needs(suite.NeedsHandshake, suite.NeedsExport)
)

func partiesAgree() property {
	return property{
		name: "agreement",
		comment: "lost, late, repeated and forged messages and restarts: each message is read once, as it was sent, " +
			"and no key is used twice",
		requirements: []string{"AMB-INV-01", "AMB-INV-02", "AMB-INV-03", "AMB-INV-05", "AMB-INV-07"},
		count:        12, needs: suite.NeedsSession, judge: between(parties.Options{}).goesWell,
	}
}

func severalSessions() property {
	return property{
		name: "several-sessions",
		comment: "both parties start sessions, at any time and again, among losses, delays, repetitions and " +
			"restarts: each message is read once while its session and its key are kept",
		requirements: []string{
			"AMB-SES-09", "AMB-SES-10", "AMB-SES-11", "AMB-SES-13", "AMB-SES-14", "AMB-SES-15", "AMB-INV-02",
			"AMB-INV-03", "AMB-INV-05",
		},
		count: 12, needs: suite.NeedsHandshake, judge: between(parties.Options{}).goesWell,
	}
}

func severalSessionsHide() property {
	return property{
		name: "several-sessions-secrecy",
		comment: "copies of states of parties with several sessions: nothing of a session that is not kept is in " +
			"them, nothing can be read that should be secret, and who speaks from one is heard in a session that is " +
			"kept only",
		requirements: []string{"AMB-SES-13", "AMB-SES-14", "AMB-INV-06", "AMB-INV-09", "AMB-INV-10", "AMB-INV-18"},
		count:        12, needs: needsHandshakeAndExport, judge: stolen.hides(schedule.Guarantees...),
	}
}

func noImpersonation() property {
	return property{
		name:         "impersonation",
		comment:      "who speaks from a copy of a party's state is refused by a peer whose session has healed",
		requirements: []string{"AMB-INV-18"},
		count:        10, needs: needsSessionAndExport, judge: between(parties.Options{Tolerant: true}).goesWell,
	}
}

func partiesHideAtEveryStep() property {
	return property{
		name: "every-step",
		comment: "the states of both parties are copied after every step of a fixed schedule: nothing is in them " +
			"that should be gone, and nothing can be read that should be secret",
		requirements: []string{"AMB-INV-06", "AMB-INV-09", "AMB-INV-10"},
		count:        1, needs: needsSessionAndExport, judge: stolen.hides(schedule.Guarantees...),
	}
}

func forwardSecrecy() property {
	return property{
		name: string(verdict.ForwardSecrecy), guarantee: verdict.ForwardSecrecy, scenariosOf: thefts,
		comment: "a copy of a party's state opens no message from before it, but for those whose keys are still " +
			"due",
		requirements: []string{"AMB-INV-06", "AMB-INV-09"},
		count:        15, needs: needsSessionAndExport, judge: stolen.hides(verdict.ForwardSecrecy),
	}
}

func postCompromise() property {
	return property{
		name: string(verdict.PostCompromise), guarantee: verdict.PostCompromise, scenariosOf: thefts,
		comment:      "a copy of a party's state opens later messages until the session has healed, and none after",
		requirements: []string{"AMB-INV-10"},
		count:        15, needs: needsSessionAndExport, judge: stolen.hides(verdict.PostCompromise),
	}
}
