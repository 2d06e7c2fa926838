package sessions

import (
	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/session"
	"credence/reference/wire"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// noOneTimePrekey is a target that responds from a bundle without a one-time prekey.
var noOneTimePrekey = pair.Setup{Role: "responder", NoOneTimePrekey: true}

// agreement are the tests of profile x3dh.
func agreement(set *params.Set) []suite.Test {
	test := func(name, comment string, requirements []string, run func(p *pair.Pair)) suite.Test {
		return pair.Test("x3dh", set, name, comment, requirements, suite.NeedsHandshake, run)
	}
	restart := func(name, comment string, requirements []string, run func(p *pair.Pair)) suite.Test {
		return pair.Test("x3dh", set, name, comment, requirements, needsHandshakeAndExport, run)
	}
	tests := []suite.Test{
		test("initiate", "the target starts a session from a bundle of the reference",
			[]string{"AMB-X3D-05", "AMB-X3D-07 initiator", "AMB-SES-05 initiator"}, converses(pair.Initiates)),
		test("respond", "the target answers a session that the reference started from its bundle",
			[]string{"AMB-X3D-01", "AMB-X3D-06", "AMB-X3D-07 responder",
				"AMB-SES-05 responder"}, converses(pair.Responds)),
		test("initial-messages", "initial messages until the answer, all of one agreement, and none after",
			[]string{"AMB-SES-01", "AMB-SES-02"}, initialUntilAnswer),
		test("initial-out-of-order", "the third initial message comes first",
			[]string{"AMB-SES-03", "AMB-RAT-10 responder"}, initialOutOfOrder),
		test("opk-reuse", "others use the same one-time prekey, ten times, with DH4 and without it",
			[]string{"AMB-X3D-10", "AMB-X3D-12 other-initiator"}, oneTimePrekeyReuse(stays)),
		restart("opk-reuse-after-restart", "the same, with restarts",
			[]string{"AMB-X3D-10", "AMB-X3D-12 after-restart"}, oneTimePrekeyReuse(restarts)),
		test("replay-initial", "the first message again, ten times, to start a session with the peer",
			[]string{"AMB-X3D-13 same-peer"}, initialReplay(pair.Responds, pair.Peer, stays)),
		restart("replay-initial-after-restart", "the same, with restarts",
			[]string{"AMB-X3D-13 after-restart"}, initialReplay(pair.Responds, pair.Peer, restarts)),
		test("forged-initial", "every change of the first message is refused; the genuine one is read then",
			[]string{"AMB-X3D-11", "AMB-CNV-01 initial-message"}, refusesThenReads(forgedMessages)),
		test("wrong-keys", "a first message with other keys is refused; the genuine one is read then",
			[]string{"AMB-X3D-06", "AMB-X3D-11"}, refusesThenReads(wrongKeys)),
		test("wrong-prekeys",
			"a malicious initiator names prekeys that the target does not hold, and agrees on a secret with those "+
				"that it holds or without a one-time prekey: all is refused, and a genuine first message read",
			[]string{"AMB-X3D-09 signed-prekey one-time-prekey", "AMB-X3D-11"}, triesAll(wrongPrekeys)),
		test("low-order-initial", "a first message with low-order keys is refused; the genuine one is read then",
			[]string{"AMB-KEY-01 initial-identity initial-ephemeral", "AMB-X3D-11"}, triesAll(lowOrderInitial)),
		test("foreign-initial",
			"an initial message with another ephemeral key, or another identity, around the genuine ratchet message, "+
				"to a session that has started",
			[]string{"AMB-SES-08 identity ephemeral"}, triesAll(foreignInitial)),
		test("two-peers", "sessions with two peers at the same time",
			[]string{"AMB-SES-05", "AMB-SES-06 other-session"}, twoPeers),
		test("new-session", "the peer starts a second session",
			[]string{"AMB-SES-03"}, newSession),
		test("low-order-bundles", "bundles with low-order keys start no session",
			[]string{"AMB-KEY-01 bundle-one-time-prekey", "AMB-CNV-01 bundle"}, badBundles(lowOrderBundles)),
	}
	tests = append(tests, signedPrekeys(set)...)
	tests = append(tests,
		pair.Test("x3dh", set, "many-opks", "258 one-time prekeys, some of which are used out of order and again",
			[]string{"AMB-X3D-10", "AMB-X3D-12", "AMB-X3D-06"}, needsInjection, manyPrekeys(stays)),
		pair.Test("x3dh", set, "many-opks-restart", "the same, with restarts",
			[]string{"AMB-X3D-10", "AMB-X3D-12", "AMB-STA-01"}, needsInjection, manyPrekeys(restarts)))
	if set.OneTimePrekeyRequired {
		return tests
	}
	return append(tests,
		test("initiate-no-opk", "the target starts a session from a bundle without a one-time prekey",
			[]string{"AMB-X3D-04 initiator"}, converses(pair.Setup{Role: "initiator", NoOneTimePrekey: true})),
		test("respond-no-opk", "the target answers a session without a one-time prekey",
			[]string{"AMB-X3D-04 responder", "AMB-X3D-06"}, converses(noOneTimePrekey)),
		test("replay-no-opk",
			"the first message without one-time prekey again, to start a session with the same peer",
			[]string{"AMB-X3D-13 same-peer"}, initialReplay(noOneTimePrekey, pair.Peer, stays)),
		restart("replay-no-opk-after-restart", "the first message without one-time prekey again after a restart",
			[]string{"AMB-X3D-13 after-restart"}, initialReplay(noOneTimePrekey, pair.Peer, restarts)),
		test("replay-no-opk-other-peer", "the first message without one-time prekey again, as if from another peer",
			[]string{"AMB-X3D-13 other-peer"}, initialReplay(noOneTimePrekey, "another", stays)),
		test("replay-no-opk-later",
			"the first messages of 260 peers without one-time prekey again, after all of them were read",
			[]string{"AMB-X3D-13"}, initialReplays(stays)),
		restart("replay-no-opk-later-restart", "the same, after a restart", []string{"AMB-X3D-13"},
			initialReplays(restarts)),
	)
}

// signedPrekeys are the tests of a set with signed prekeys, and of their signatures.
func signedPrekeys(set *params.Set) (tests []suite.Test) {
	test := func(
		name, comment string, requirements []string, needs func(h suite.Hello) string, run func(p *pair.Pair),
	) {
		tests = append(tests, pair.Test("x3dh", set, name, comment, requirements, needs, run))
	}
	if set.SignedPrekey {
		test("wrong-dh4",
			"a malicious initiator names the one-time prekey and leaves DH4 out, or has DH4 and names none: refused",
			[]string{"AMB-X3D-06", "AMB-CNV-01 initial-message"}, suite.NeedsHandshake, triesAll(wrongDH4))
		test("prekey-ids", "bundles with prekey ids at the ends of one, two and four bytes",
			[]string{"AMB-X3D-05", "AMB-SES-02"}, suite.NeedsHandshake, triesAll(prekeyIDs))
	}
	if set.Identity == params.Ed25519Identity {
		test("bad-identities", "first messages and bundles with identity keys that are no points, or of low order",
			[]string{"AMB-XED-08 bundle initial-message"}, suite.NeedsHandshake, triesAll(badIdentities))
	}
	if set.Signature != params.NoSignature {
		test("bad-signatures", "bundles with bad signatures start no session",
			[]string{"AMB-X3D-02 bundle"}, suite.NeedsHandshake, badBundles(badSignatures))
		test("signed-again", "after a session from a good bundle, bundles of the same owner and the same ids whose "+
			"signature does not verify start none", []string{"AMB-X3D-02"}, suite.NeedsHandshake, signedAgain(stays))
		test("signed-again-after-restart", "the same, with restarts",
			[]string{"AMB-X3D-02"}, needsHandshakeAndExport, signedAgain(restarts))
	}
	return tests
}

func converses(s pair.Setup) func(p *pair.Pair) {
	return func(p *pair.Pair) { p.OpenBoth(s) }
}

func initialUntilAnswer(p *pair.Pair) {
	p.Open(pair.Initiates)
	var wrapping *wire.Initial
	for range 3 {
		m := p.FromTarget()
		if m.Envelope.Kind != shim.InitialMessage {
			p.Violation(verdict.Mismatch, "a message before the answer is no initial message", "kind initial",
				string(m.Envelope.Kind))
		}
		p.PeerReads(m)
		initial := p.Initial(m.Envelope)
		initial.Message = nil
		if wrapping != nil && suite.JSON(*wrapping) != suite.JSON(initial) {
			p.Violation(verdict.Mismatch, "initial messages of one session differ in their wrapping",
				suite.JSON(*wrapping), suite.JSON(initial))
		}
		wrapping = &initial
	}
	p.SendToTarget()
	m := p.FromTarget()
	if m.Envelope.Kind != shim.RatchetMessage {
		p.Violation(verdict.Mismatch, "a message after the answer is an initial message", "kind ratchet",
			string(m.Envelope.Kind))
	}
	p.PeerReads(m)
}

func initialOutOfOrder(p *pair.Pair) {
	p.Open(pair.Responds)
	first, second, third := p.FromPeer(), p.FromPeer(), p.FromPeer()
	p.Read(third)
	p.Read(first)
	p.Read(second)
	p.Turns(1)
}

// twoPeers has sessions with two peers, and brings a message of one to the session with the other (AMB-SES-06).
func twoPeers(p *pair.Pair) {
	p.NewTarget(0, "")
	one, two := answerOf(p, "one"), answerOf(p, "two")
	for _, other := range []string{"two", "three"} { // three is a stranger
		p.RefuseUnchanged("", shim.SessionDecrypt,
			shim.Params{Party: pair.Target, Peer: other, Envelope: one.Envelope})
	}
	p.ReadFrom("one", shim.SessionDecrypt, one)
	p.ReadFrom("two", shim.SessionDecrypt, two)
}

// answerOf lets the target start a session with a new peer of that name, and returns the peer's answer.
func answerOf(p *pair.Pair, name string) pair.Mail {
	peer, err := session.New(p.Set, session.Options{OneTimePrekeys: 1}, p.Random)
	p.NoFault(err)
	p.Must(shim.SessionInitiate,
		shim.Params{Party: pair.Target, Peer: name, Bundle: adapter.ToShim(peer.Bundle())})
	return answer(p, name, peer, p.FromTargetTo(name, []byte("to "+name)))
}

// answer lets a new peer read the first message of the target, and returns its answer.
func answer(p *pair.Pair, name string, peer *session.Party, m pair.Mail) pair.Mail {
	if _, err := peer.Respond(pair.Target, m.Envelope.Body, p.Random); err != nil {
		p.Violation(verdict.Mismatch, "a message of the target is refused by the reference",
			"a message that the reference reads", err.Error())
	}
	plaintext := []byte("from " + name)
	e, err := peer.Encrypt(pair.Target, plaintext, p.Random)
	p.NoFault(err)
	return pair.Mail{Envelope: pair.Raw(e.Body), Plaintext: plaintext}
}

// newSession lets the reference start a second session from the bundle of the first.
func newSession(p *pair.Pair) {
	p.Open(pair.Responds)
	if p.Set.OneTimePrekeyRequired {
		newSessionByTarget(p)
		return
	}
	p.SendToTarget()
	p.SendToPeer()
	again := p.Bundle
	again.OneTimePrekey, again.OneTimePrekeyID = nil, 0
	p.InitiateBy(p.Peer, again)
	p.Started = false
	p.SendToTarget()
	p.SendToPeer()
	p.SendToTarget()
}

// newSessionByTarget is newSession where every session needs a one-time prekey: the target starts both.
func newSessionByTarget(p *pair.Pair) {
	p.Reset()
	p.NewTarget(0, "")
	for range 2 {
		p.ReadFrom(pair.Peer, shim.SessionDecrypt, answerOf(p, pair.Peer))
	}
}
