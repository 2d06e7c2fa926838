package sessions

import (
	"bytes"
	"fmt"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/reference/params"
)

// inOrder are the tests of profile ratchet in which nobody lies.
func inOrder(set *params.Set) []suite.Test {
	test := func(name, comment string, requirements []string, run func(p *pair.Pair)) suite.Test {
		return pair.Test("ratchet", set, name, comment, requirements, suite.NeedsSession, run)
	}
	tests := []suite.Test{
		test("headers", "ratchet keys, numbers and previous lengths of five turns",
			[]string{"AMB-RAT-04 responder", "AMB-RAT-05 responder",
				"AMB-RAT-07 responder"}, headers(pair.Responds, 1, 3, 2, 1, 4)),
		test("headers-initiator", "the same, as initiator",
			[]string{"AMB-RAT-04 initiator", "AMB-RAT-05 initiator",
				"AMB-RAT-07 initiator"}, headers(pair.Initiates, 1, 3, 2, 1, 4)),
		test("plaintext-sizes", "plaintexts of many sizes in both directions, the empty one and 64 KiB included",
			[]string{"AMB-RAT-25"}, triesAll(plaintextSizes)),
		test("plaintext-bytes", "plaintexts with every byte value in both directions",
			[]string{"AMB-RAT-25"}, triesAll(plaintextBytes)),
		test("crossing", "both sides send at the same time, five times", []string{"AMB-SES-07"}, crossing),
		test("skip-limit", "MAX_SKIP lost messages are skipped, one more is refused, and the next turn is read",
			[]string{"AMB-RAT-19", "AMB-RAT-20 just-above", "AMB-RAT-22"}, skipLimit),
		test("skip-limit-sender", "the target's message after MAX_SKIP unread ones is read by the reference",
			[]string{"AMB-RAT-04 initiator"}, skipLimitOfSender),
		test("stored-limit", "skipped keys beyond the limit of stored keys: the oldest are gone, the others are there",
			[]string{"AMB-RAT-21 one-chain"}, storedLimit),
		test("losses", "more messages are lost over many turns than keys may be stored",
			[]string{"AMB-RAT-21 several-chains", "AMB-RAT-22"}, losses),
		test("late-four-chains", "a late message is read after four newer chains",
			[]string{"AMB-RAT-12"}, lateByFourChains),
		test("late-all-chains", "late messages of each of the last chains", []string{"AMB-RAT-12"}, lateOfEachChain),
	}
	tests = append(tests, schedules(set)...)
	// Where fewer keys are stored than one jump may skip, as in Olm, implementations differ (SPEC.md 15).
	if uint64(set.MaxStored) >= set.MaxSkip {
		tests = append(tests, test("stored-limit-chains",
			"skipped keys of several chains: the limit is of the session, or of each chain, as the set says",
			[]string{"AMB-RAT-21 several-chains"}, storedLimitOverChains))
	}
	if set.MaxChains > 0 {
		tests = append(tests, test("late-dropped", "the key of a late message is gone after five newer chains",
			[]string{"AMB-RAT-23"}, triesAll(lateByFiveChains)))
	}
	if set.PerMessage {
		tests = append(tests, perMessage(set)...)
	}
	return tests
}

// schedules are the random schedules, which differ in their randomness alone.
func schedules(set *params.Set) (tests []suite.Test) {
	test := func(name, comment string, s pair.Setup) suite.Test {
		return pair.Test("ratchet", set, name, comment,
			[]string{"AMB-RAT-10 " + s.Role, "AMB-RAT-11 running-chain earlier-chain", "AMB-RAT-12"},
			suite.NeedsSession, randomSchedule(s))
	}
	for i := range 3 {
		tests = append(tests,
			test(fmt.Sprintf("schedule-%d", i),
				"a random schedule of 150 events: sends, reads, losses and repetitions on both sides", pair.Responds),
			test(fmt.Sprintf("schedule-initiator-%d", i),
				"a random schedule of 150 events, as initiator", pair.Initiates),
		)
	}
	return tests
}

// perMessage are the tests of the cadence of a ratchet key for each message.
func perMessage(set *params.Set) []suite.Test {
	test := func(name, comment string, s pair.Setup) suite.Test {
		needs := suite.Needs(suite.NeedsSession, suite.NeedsCadence("per-message"))
		return pair.Test("ratchet", set, name, comment, []string{"AMB-RAT-08 " + s.Role}, needs, keyPerMessage(s))
	}
	return []suite.Test{
		test("per-message", "a ratchet key for each message", pair.Responds),
		test("per-message-initiator", "a ratchet key for each message, as initiator", pair.Initiates),
	}
}

func plaintextSizes(p *pair.Pair) (trials []suite.Trial) {
	p.OpenBoth(pair.Responds)
	for n := range 34 { // every length of padding
		trials = append(trials, bothWays(p, fmt.Sprint(n, " bytes"), bytes.Repeat([]byte("x"), n)))
	}
	for _, n := range []int{127, 128, 255, 256, 257, 4095, 16383, 16384, 1<<16 - 1, 1 << 16, 1<<16 + 1} {
		trials = append(trials, bothWays(p, fmt.Sprint(n, " bytes"), bytes.Repeat([]byte("x"), n)))
	}
	return trials
}

func plaintextBytes(p *pair.Pair) (trials []suite.Trial) {
	p.OpenBoth(pair.Responds)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, plaintext := range [][]byte{
		{0}, []byte("a\x00b"), {0xff}, {0x80, 0x81}, all,
		{1}, {2, 2}, bytes.Repeat([]byte{16}, 16), // end as padding does
	} {
		trials = append(trials, bothWays(p, fmt.Sprintf("%.4x", plaintext), plaintext))
	}
	return trials
}

// bothWays is the trial in which a plaintext is sent in both directions.
func bothWays(p *pair.Pair, name string, plaintext []byte) suite.Trial {
	return suite.Trial{Name: name, Try: func() {
		p.Next = plaintext
		p.SendToTarget()
		p.Next = plaintext
		p.SendToPeer()
	}}
}

func crossing(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	for range 5 {
		fromPeer, fromTarget := p.FromPeer(), p.FromTarget()
		p.Read(fromPeer)
		p.PeerReads(fromTarget)
	}
	p.Turns(1)
}
