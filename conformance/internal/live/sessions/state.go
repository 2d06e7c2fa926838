package sessions

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/primitive"
)

// state are the tests of what a target keeps.
func state(set *params.Set) []suite.Test {
	test := func(
		profile, name, comment string, requirements []string, needs func(h suite.Hello) string, run func(p *pair.Pair),
	) suite.Test {
		return pair.Test(profile, set, name, comment, requirements, needs, run)
	}
	tests := []suite.Test{
		test("ratchet", "restart", "a restart after every message of five turns",
			[]string{"AMB-STA-01 responder"}, needsSessionAndExport, restartOften(pair.Responds)),
		test("ratchet", "restart-initiator", "a restart after every message of five turns, as initiator",
			[]string{"AMB-STA-01 initiator"}, needsSessionAndExport, restartOften(pair.Initiates)),
		test("ratchet", "restart-before-answer",
			"a restart of the initiator between his first messages: both are initial messages",
			[]string{"AMB-STA-01 initiator", "AMB-SES-01"}, needsHandshakeAndExport, restartBeforeAnswer),
		test("ratchet", "restart-skipped", "late messages are read after a restart",
			[]string{"AMB-STA-01 responder", "AMB-RAT-12"}, needsSessionAndExport, lateAfterRestart),
		test("ratchet", "replay-after-restart", "messages that were read are refused after a restart",
			[]string{"AMB-RAT-11 running-chain earlier-chain after-restart",
				"AMB-STA-01 responder"}, needsSessionAndExport, replayAfterRestart),
		test("ratchet", "message-keys-deleted", "the keys of messages that were sent and read are not in the state",
			[]string{"AMB-RAT-06 sent received skipped"}, needsSessionAndExport, messageKeysDeleted),
		test("x3dh", "ephemeral-deleted",
			"the private ephemeral key and the DH outputs are not in the initiator's state",
			[]string{"AMB-X3D-08"}, needsInjection, ephemeralDeleted),
		test("x3dh", "opk-deleted", "the private one-time prekey is not in the state after its use",
			[]string{"AMB-X3D-10"}, needsInjection, oneTimePrekeyDeleted),
	}
	if set.ClosesChains {
		tests = append(tests, test("ratchet", "closed-chain-key-deleted",
			"the key of a receiving chain is not in the state after the next chain was opened",
			[]string{"AMB-RAT-24"}, needsSessionAndExport, closedChainDeleted))
	}
	if set.Lazy {
		tests = append(tests,
			test("ratchet", "fresh-key-after-restore",
				"two restores of one state take different ratchet keys: none was drawn when receiving",
				[]string{"AMB-RAT-14"}, needsSessionAndExport, freshKeyAfterRestore),
			test("ratchet", "receive-deterministic",
				"one state and one message give one state: no key is drawn when receiving",
				[]string{"AMB-RAT-14"}, needsSessionAndExport, receiveDeterministic))
	}
	return tests
}

func restartOften(s pair.Setup) func(p *pair.Pair) {
	return func(p *pair.Pair) {
		p.OpenBoth(s)
		for range 5 {
			restart(p)
			p.SendToPeer()
			restart(p)
			p.SendToPeer()
			p.SendToPeer()
			restart(p)
			p.SendToTarget()
			restart(p)
			p.SendToTarget()
		}
	}
}

func restartBeforeAnswer(p *pair.Pair) {
	p.Open(pair.Initiates)
	first := p.FromTarget()
	restart(p)
	second := p.FromTarget()
	p.PeerReads(second)
	p.PeerReads(first)
	p.SendToTarget()
	p.SendToPeer()
}

func lateAfterRestart(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	late, recent := skippedBefore(p), skipped(p)
	restart(p)
	p.Read(late)
	restart(p)
	p.Read(recent)
	p.Turns(1)
}

func replayAfterRestart(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	late, recent := skippedBefore(p), p.FromPeer()
	p.Read(late)
	p.Read(recent)
	restart(p)
	p.Refuses(late.Envelope, "")
	p.Refuses(recent.Envelope, "")
	p.Turns(1)
}

// freshKeyAfterRestore lets the target take a turn twice from one state.
func freshKeyAfterRestore(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	before := export(p)
	var keys [2]primitive.PublicKey
	for i := range keys {
		restore(p, before)
		keys[i] = p.Header(p.FromTarget()).Key
	}
	if keys[0] == keys[1] {
		p.Violation(verdict.Mismatch, "two restores of one state take the same new ratchet key",
			"a fresh key each time", hex.EncodeToString(keys[0][:]))
	}
}

// receiveDeterministic imports one state twice and reads one message under a new ratchet key in each.
func receiveDeterministic(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	p.SendToPeer()
	m := p.FromPeer()
	before := export(p)
	var after [2][]byte
	for i := range after {
		restore(p, before)
		p.Read(m)
		after[i] = export(p)
	}
	if !bytes.Equal(after[0], after[1]) {
		p.Violation(verdict.Mismatch,
			"the same state and the same message give two states: a random value was drawn", "equal exports",
			fmt.Sprintf("exports of %d and %d bytes that differ", len(after[0]), len(after[1])))
	}
}
