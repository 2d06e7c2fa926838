// Package devices has the live tests in which the target plays devices of an account and nobody breaks a rule, and the
// privacy games.
package devices

import (
	"bytes"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/ambassador"
	"credence/shim"
)

// Tests returns the tests in the order in which they run. The games are apart.
func Tests() []suite.Test {
	reqs := world.Requirements
	return slices.Concat(
		world.CastTests("story", "first contact, both directions, racing siblings, an offline companion, "+
			"a device added, one removed, prekeys exhausted, the leader offline, recovery",
			reqs("AMB-LOG-03 first own-rotation", "AMB-LOG-04 leader companion", "AMB-LOG-06",
				"AMB-LOG-11 own sibling peer", "AMB-SYN-01 start message", "AMB-ROT-05 leader companion", "AMB-ROT-07",
				"AMB-ROT-11 secrets"), Story),
		world.CastTests("schedule", "a long conversation under a random schedule: every plaintext arrives once, "+
			"no ratchet key is used twice in any ciphertext, refused ones included",
			reqs("AMB-LOG-04 leader companion", "AMB-LOG-06", "AMB-LOG-09 entry leader companion",
				"AMB-LOG-11 own sibling peer", "AMB-SYN-03 leader companion", "AMB-SYN-09 entry",
				"AMB-SYN-10 imported leader companion"),
			Schedule),
		world.CastTests("racing", "siblings and a counterparty commit for the same place; "+
			"the losers leave no trace and send anew",
			reqs("AMB-LOG-09 entry leader companion", "AMB-SYN-09 entry", "AMB-PST-05 place",
				"AMB-PST-14 lost-race"), Racing),
		world.CastTests("three-accounts", "three accounts talk, each with both others, with restarts between texts, "+
			"while each of them rotates and devices come and go",
			reqs("AMB-LOG-06", "AMB-LOG-11", "AMB-SYN-03", "AMB-SYN-10", "AMB-ROT-04", "AMB-INV-01", "AMB-INV-05"),
			ThreeAccounts),
		world.CastTests(
			"lost-commits", "every commit is lost once, and made anew; then a device is set back to before "+
				"one that was lost",
			reqs("AMB-LOG-09 entry prekeys rotate leader companion", "AMB-ROT-14 lost", "AMB-ROT-15",
				"AMB-SYN-11 announcement", "AMB-SYN-14 leader companion", "AMB-SYN-16", "AMB-INV-24"),
			LostCommits),
		[]suite.Test{
			world.Test("ambassador", "shape",
				"bundle and entries have the same size whatever the number of devices and whichever sends",
				reqs("AMB-PRV-01 bundle entry", "AMB-ACC-04 bundle"), sameShape),
			world.Test("ambassador", "deterministic",
				"two copies of a device read the same mails and have the same state: nothing is drawn",
				reqs("AMB-LOG-06", "AMB-RAT-14", "AMB-SYN-03 companion", "AMB-INV-04"), readsDeterministically),
			injecting(world.Test("ambassador", "short-randomness",
				"operations of devices whose random source ends too early: they fail, and change nothing",
				reqs("AMB-RND-01"), shortRandomness)),
		},
	)
}

// injecting is a test for targets whose random values can be given.
func injecting(test suite.Test) suite.Test {
	test.Needs = func(h suite.Hello) string {
		return suite.Lacks(h.Injects, "injection of private keys and randomness")
	}
	return test
}

// readsDeterministically lets two copies of one device read the same mails (AMB-INV-04).
func readsDeterministically(w *world.World) {
	alice := w.Account(world.Casts[0])
	bob, b := w.Bob()
	a := alice[0].Device.Account()
	early := w.Must(shim.DeviceExport, shim.Params{Party: alice[1].Name}).State
	w.Send(alice[0], b, "start")
	w.Send(bob[0], a, "answer")
	w.Send(alice[2], b, "next")
	w.Understood(alice[2].Ack())
	w.Understood(alice[0].Rotate(ambassador.Change{}))
	w.Send(bob[1], a, "start anew")
	mails := w.Unread(alice[1], 0)
	if !bytes.Equal(afterReading(w, early, mails), afterReading(w, early, mails)) {
		w.Violation(verdict.Mismatch, "the same state and the same mails give two states: a random value was drawn",
			"equal exports", "exports that differ")
	}
}

// afterReading returns the state of a device of the target that begins with a state and reads mails.
func afterReading(w *world.World, state []byte, mails [][]byte) []byte {
	d := w.Import(state)
	for _, mail := range mails {
		d.Events(mail)
	}
	return w.Export(shim.DeviceExport, d.Party())
}
