package properties

import (
	"credence/conformance/internal/schedule/faults"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
)

// world is a property of accounts in a world with faults, and the scenarios on which it is tried.
type world struct {
	property
	focus  scenario.Focus
	judged faults.Aspect
	play   func(t *suite.T, s *scenario.Scenario, judged faults.Aspect) *verdict.Play
}

// Worlds returns the properties of accounts in a world with faults.
func Worlds() (tests []suite.Test) {
	for _, w := range worlds() {
		tests = append(tests, w.test())
	}
	return tests
}

func (w world) test() suite.Test {
	w.judge = func(t *suite.T, s *scenario.Scenario) { w.play(t, s, w.judged) }
	return ofAccounts(w.property, scenario.Worlds(w.focus))
}

func worlds() []world {
	return []world{
		{property{
			name: "delivery-bundles", count: 16, requirements: []string{"AMB-INV-19 bundles"},
			comment: "bundles that are old, changed or handed out twice, prekeys that are drained: afterwards texts " +
				"arrive within two attempts, in both directions, without the leader",
		}, scenario.Bundles, faults.Delivery | faults.Rest, faults.Play},
		{property{
			name: "delivery-losses", count: 16, requirements: []string{"AMB-INV-19 losses", "AMB-INV-01"},
			comment: "commits and answers that are lost or late, crashes and rotations: afterwards texts arrive " +
				"within two attempts, and the devices of an account agree",
		}, scenario.Losses, faults.Delivery | faults.Rest, faults.Play},
		{property{
			name: "no-silent-loss", count: 16, requirements: []string{"AMB-INV-20", "AMB-SYN-19 mailbox-end rotation"},
			comment: "whatever is lost: a text that nobody reads was refused, dropped or reported to its sender, once",
		}, scenario.Losses, faults.Losses, faults.Play},
		{property{
			name: "fairness", count: 24, requirements: []string{"AMB-INV-21 entry rotation"},
			comment: "counterparties that race and commit what is stale, early or void, and strangers: an entry is " +
				"refused its place once at most, and a rotation never",
		}, scenario.Contests, faults.Places | faults.Rotations, faults.Play},
		{property{
			name: "forks-end", count: 16, requirements: []string{"AMB-INV-22"},
			comment: "two post offices that know nothing of each other, then one: devices with different histories " +
				"freeze",
		}, scenario.Splits, faults.Forks, faults.Play},
		{property{
			name: "no-key-twice-lost", count: 24, requirements: []string{"AMB-INV-24", "AMB-SYN-16",
				"AMB-SYN-11 announcement"},
			comment: "devices that are set back after commits that were lost: no key is used twice in anything " +
				"that has left a device, and no epoch is signed twice",
		}, scenario.SetBack, faults.Keys | faults.Statements, faults.Play},
		{property{
			name: "answers-tell-nothing", count: 12, requirements: []string{"AMB-INV-17 number sender", "AMB-INV-23"},
			comment: "counterparties see the same of an account with several devices, with one, and with the " +
				"leader alone acting: bundles, entries, and the answers to their own commits, races included",
		}, scenario.Secrets, faults.Sights | faults.Epochs, faults.Game},
		{property{
			name: "any-fault", count: 24,
			requirements: []string{
				"AMB-INV-19 bundles losses", "AMB-INV-20", "AMB-INV-21 entry rotation", "AMB-INV-24", "AMB-INV-01",
			},
			comment: "all faults together: afterwards texts arrive, what is lost was told, nobody was kept " +
				"waiting",
		}, scenario.AnyFault, faults.Everything, faults.Play},
	}
}
