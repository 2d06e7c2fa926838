package properties

import (
	"credence/conformance/internal/schedule"
	"credence/conformance/internal/schedule/accounts"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/account"

	"pgregory.net/rapid"
)

// Accounts returns the properties of accounts with devices.
func Accounts() []suite.Test {
	everyStep := rapid.Just(copiedAtEveryStep(wholeLife(), "alice/0", "alice/1", "alice/2"))
	tests := []suite.Test{
		ofAccounts(accountsAgree(), scenario.Accounts(scenario.Faults)),
		ofAccounts(accountsHideAtEveryStep(), everyStep),
	}
	for _, g := range accountGuarantees() {
		tests = append(tests, ofAccounts(g.property(), scenario.Accounts(g.focus)))
	}
	return append(tests, Worlds()...)
}

func ofAccounts(p property, scenarios *rapid.Generator[*scenario.Scenario]) suite.Test {
	return p.test("ambassador", account.Set, "", scenarios)
}

// among plays scenarios of accounts.
func among(attacked bool) play {
	return func(t *suite.T, s *scenario.Scenario) *verdict.Play { return accounts.Play(t, s, attacked) }
}

func accountsAgree() property {
	return property{
		name: "agreement",
		comment: "races, crashes, restarts, rollbacks, devices added, removed and asked to heal: all devices of an " +
			"account agree, each text is read once, no key is used twice, what is missing or set back is noticed",
		requirements: []string{
			"AMB-INV-01", "AMB-INV-02", "AMB-INV-04", "AMB-INV-05", "AMB-INV-14", "AMB-INV-15", "AMB-INV-16",
		},
		count: 16, judge: among(false).goesWell,
	}
}

func accountsHideAtEveryStep() property {
	return property{
		name: "every-step",
		comment: "the states of all devices of an account are copied after every step of a whole life: nothing is in " +
			"them that should be gone, and nothing can be read that should be secret",
		requirements: []string{
			"AMB-INV-06", "AMB-INV-08", "AMB-INV-09", "AMB-INV-10", "AMB-INV-11", "AMB-INV-12", "AMB-INV-13",
		},
		count: 1, judge: among(true).hides(schedule.Guarantees...),
	}
}

// accountGuarantee is a guarantee as accounts have it, and the scenarios on which it is tried.
type accountGuarantee struct {
	verdict.Guarantee
	focus        scenario.Focus
	scenariosOf  string // as in property
	comment      string
	requirements []string
}

func accountGuarantees() []accountGuarantee {
	return []accountGuarantee{
		{
			verdict.ForwardSecrecy, scenario.Copies, thefts,
			"a copy of a device opens nothing that the device had processed before",
			[]string{"AMB-INV-06", "AMB-INV-08", "AMB-INV-09"},
		}, {
			verdict.PostCompromise, scenario.Copies, thefts,
			"a copy of a device that stays opens later entries until channels and conversation have healed, and none " +
				"after",
			[]string{"AMB-INV-10"},
		}, {
			verdict.NewDevice, scenario.Linking, "",
			"a device that was linked has nothing that opens what was sent before",
			[]string{"AMB-INV-13"},
		}, {
			verdict.Removal, scenario.Removing, "",
			"a copy of a device that was removed opens nothing of a session that began afterwards",
			[]string{"AMB-INV-11"},
		}, {
			verdict.HealFirst, scenario.Healing, "",
			"after a rotation for which a device was asked to heal, its copy opens nothing",
			[]string{"AMB-INV-12"},
		},
	}
}

func (g accountGuarantee) property() property {
	return property{
		name: string(g.Guarantee), guarantee: g.Guarantee, scenariosOf: g.scenariosOf, comment: g.comment,
		requirements: g.requirements, count: 12, judge: among(true).hides(g.Guarantee),
	}
}
