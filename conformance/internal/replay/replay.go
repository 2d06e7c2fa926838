// Package replay plays a scenario of either level on a target, and judges it.
package replay

import (
	"credence/conformance/internal/schedule"
	"credence/conformance/internal/schedule/accounts"
	"credence/conformance/internal/schedule/faults"
	"credence/conformance/internal/schedule/parties"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
)

// Scenario plays a scenario, and returns what happened with the result and the evidence. What the target does wrong is
// in the result: it does not stop the test.
func Scenario(t *suite.T, s *scenario.Scenario) *verdict.Play {
	t.Played = verdict.NewPlay()
	failure := t.Attempt(func() {
		play(t, s)
		schedule.MustHide(t, t.Played, schedule.Guarantees...)
	})
	t.Played.Result.ID, t.Played.Evidence = "replay", t.Evidence
	failure.Judge(&t.Played.Result)
	return t.Played
}

func play(t *suite.T, s *scenario.Scenario) {
	if s.Faults {
		faults.Judge(t, s)
		return
	}
	if s.Level == scenario.Ambassador {
		accounts.Play(t, s, true)
		return
	}
	failure := t.Attempt(func() { parties.Play(t, s, parties.Options{Attacked: t.Hello.Exports()}) })
	if failure != nil && t.Hello.Exports() {
		playTolerantly(t, s)
	}
	t.Stop(failure)
}

// playTolerantly plays a scenario of level ratchet once more, although its messages are not read as they should be, for
// what the attacker can read. What happened stays as the play before has it: who tolerates forgets what was refused.
func playTolerantly(t *suite.T, s *scenario.Scenario) {
	strict := t.Played
	failure := t.Attempt(func() { parties.Play(t, s, parties.Options{Tolerant: true, Attacked: true}) })
	if failure != nil {
		t.Played = strict
		return
	}
	t.Played.Lines, t.Played.Arrivals = strict.Lines, strict.Arrivals
}
