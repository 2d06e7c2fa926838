package conformance

import (
	"errors"
	"fmt"

	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/session"
	"credence/reference/wire"
	"credence/reference/x3dh"
	"credence/reference/xeddsa"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
)

// liveSignatures are the tests of profile xeddsa with the target's own randomness.
func liveSignatures(set *params.Set) []testCase {
	if set.Signature == params.NoSignature {
		return nil
	}
	signs := func(h hello) string {
		return lacks(h.offers(shim.XeddsaSign, shim.XeddsaVerify), "xeddsa.sign and xeddsa.verify")
	}
	return []testCase{
		liveCase("xeddsa", set, "sign", "signatures of the target verify", []string{"AMB-XED-01", "AMB-XED-03"}, signs, signsForReference),
		liveCase("xeddsa", set, "verify", "signatures of the reference verify at the target", []string{"AMB-XED-03"}, signs, verifiesReference),
		liveCase("xeddsa", set, "fresh-z", "two signatures of one message differ in R", []string{"AMB-XED-02"}, signs, signsFresh),
	}
}

func (l *live) sign(message []byte) (public, signature []byte, err error) {
	k, err := primitive.GeneratePrivate(l.random)
	if err != nil {
		return nil, nil, err
	}
	r, err := l.must(shim.XeddsaSign, shim.Params{Set: l.set.Name, PrivateKey: k.Bytes(), Message: message})
	if err != nil {
		return nil, nil, err
	}
	return x3dh.EncodeIdentity(l.set, k), r.Signature, nil
}

func signsForReference(l *live) error {
	for i := range 8 {
		public, signature, err := l.sign(make([]byte, i))
		if err != nil {
			return err
		}
		if err := xeddsa.Verify(l.set.Signature, public[len(l.set.KeyPrefix):], make([]byte, i), signature); err != nil {
			return l.fail(Mismatch, "a signature of the target does not verify", "a signature as in SPEC.md 3.1", fmt.Sprintf("%x: %v", signature, err))
		}
	}
	return nil
}

func verifiesReference(l *live) error {
	for i := range 8 {
		k, err := primitive.GeneratePrivate(l.random)
		if err != nil {
			return err
		}
		signature, err := xeddsa.Sign(l.set.Signature, k, make([]byte, i), l.random)
		if err != nil {
			return err
		}
		p := shim.Params{Set: l.set.Name, PublicKey: x3dh.EncodeIdentity(l.set, k), Message: make([]byte, i), Signature: signature}
		if _, err := l.must(shim.XeddsaVerify, p); err != nil {
			return err
		}
	}
	return nil
}

func signsFresh(l *live) error {
	k, err := primitive.GeneratePrivate(l.random)
	if err != nil {
		return err
	}
	var r [2]string
	for i := range r {
		s, err := l.must(shim.XeddsaSign, shim.Params{Set: l.set.Name, PrivateKey: k.Bytes(), Message: []byte("twice")})
		if err != nil {
			return err
		}
		r[i] = string(s.Signature[:min(32, len(s.Signature))])
	}
	if r[0] == r[1] {
		return l.fail(Mismatch, "two signatures of one message have the same R", "a fresh Z for each signature", fmt.Sprintf("%x twice", r[0]))
	}
	return nil
}

// liveAgreement are the tests of profile x3dh.
func liveAgreement(set *params.Set) []testCase {
	test := func(name, comment string, requirements []string, run func(l *live) error) testCase {
		return liveCase("x3dh", set, name, comment, requirements, needsHandshake, run)
	}
	restart := func(name, comment string, requirements []string, run func(l *live) error) testCase {
		return liveCase("x3dh", set, name, comment, requirements, needsHandshakeAndExport, run)
	}
	cases := []testCase{
		test("initiate", "the target starts a session from a bundle of the reference", []string{"AMB-X3D-05", "AMB-X3D-07", "AMB-SES-05"},
			func(l *live) error { return l.opened(initiates) }),
		test("respond", "the target answers a session that the reference started from its bundle", []string{"AMB-X3D-01", "AMB-X3D-06", "AMB-X3D-07", "AMB-SES-05"},
			func(l *live) error { return l.opened(responds) }),
		test("initial-messages", "initial messages until the answer, all of one agreement, and none after", []string{"AMB-SES-01", "AMB-SES-02"}, wrapsUntilAnswer),
		test("initial-out-of-order", "the third initial message comes first", []string{"AMB-SES-03", "AMB-RAT-10"}, initialOutOfOrder),
		test("opk-reuse", "a second initiator uses the same one-time prekey", []string{"AMB-X3D-10", "AMB-X3D-12"}, prekeyReuse(false)),
		restart("opk-reuse-after-restart", "a second initiator uses the same one-time prekey after a restart", []string{"AMB-X3D-10", "AMB-X3D-12"}, prekeyReuse(true)),
		test("replay-initial", "the first message again, to start a session with the same peer", []string{"AMB-X3D-13"}, replaysInitial(responds, peerName, false)),
		restart("replay-initial-after-restart", "the first message again after a restart", []string{"AMB-X3D-13"}, replaysInitial(responds, peerName, true)),
		test("forged-initial", "every change of the first message is refused; the genuine one is read then", []string{"AMB-X3D-11", "AMB-CNV-01"}, forgedInitial(set)),
		test("wrong-prekeys", "a first message that names other prekeys or other keys is refused; the genuine one is read then", []string{"AMB-X3D-09", "AMB-X3D-11"}, wrongPrekeys(set)),
		test("low-order-initial", "a first message with low-order keys is refused; the genuine one is read then", []string{"AMB-KEY-01", "AMB-X3D-11"}, lowOrderInitial),
		test("foreign-initial", "an initial message with another ephemeral key, or another identity, around the genuine ratchet message, to a session that has started", []string{"AMB-SES-08"}, foreignInitial),
		test("two-peers", "sessions with two peers at the same time", []string{"AMB-SES-05", "AMB-SES-06"}, twoPeers),
		test("new-session", "the peer starts a second session, which takes the place of the first", []string{"AMB-SES-03"}, newSession),
		test("low-order-bundles", "bundles with low-order keys start no session", []string{"AMB-KEY-01"}, badBundles(lowOrderBundles(set))),
	}
	if set.Signature != params.NoSignature {
		cases = append(cases, test("bad-signatures", "bundles with bad signatures start no session", []string{"AMB-X3D-02"}, badBundles(badSignatures())))
	}
	if set.OneTimePrekeyRequired {
		return cases
	}
	noOPK := setup{role: "responder", noOPK: true}
	return append(cases,
		test("initiate-no-opk", "the target starts a session from a bundle without a one-time prekey", []string{"AMB-X3D-04"},
			func(l *live) error { return l.opened(setup{role: "initiator", noOPK: true}) }),
		test("respond-no-opk", "the target answers a session without a one-time prekey", []string{"AMB-X3D-04", "AMB-X3D-06"},
			func(l *live) error { return l.opened(noOPK) }),
		test("replay-no-opk", "the first message without one-time prekey again, to start a session with the same peer", []string{"AMB-X3D-13"}, replaysInitial(noOPK, peerName, false)),
		restart("replay-no-opk-after-restart", "the first message without one-time prekey again after a restart", []string{"AMB-X3D-13"}, replaysInitial(noOPK, peerName, true)),
		test("replay-no-opk-other-peer", "the first message without one-time prekey again, as if from another peer", []string{"AMB-X3D-13"}, replaysInitial(noOPK, "another", false)),
		test("replay-no-opk-later", "the first messages of three peers without one-time prekey again, after all of them were read", []string{"AMB-X3D-13"}, replaysSeveral),
	)
}

func wrapsUntilAnswer(l *live) error {
	if err := l.open(initiates); err != nil {
		return err
	}
	var seen *wire.Initial
	for range 3 {
		m, err := l.fromTarget()
		if err != nil {
			return err
		}
		if m.envelope.Kind != shim.InitialMessage {
			return l.fail(Mismatch, "a message before the answer is no initial message", "kind initial", string(m.envelope.Kind))
		}
		if err := l.peerReads(m); err != nil {
			return err
		}
		initial, err := wire.ParseInitial(l.set, m.envelope.Body)
		if err != nil {
			return err
		}
		initial.Message = nil
		if seen != nil && toJSON(*seen) != toJSON(initial) {
			return l.fail(Mismatch, "initial messages of one session differ in their wrapping", toJSON(*seen), toJSON(initial))
		}
		seen = &initial
	}
	if err := l.sendToTarget(); err != nil {
		return err
	}
	m, err := l.fromTarget()
	if err != nil {
		return err
	}
	if m.envelope.Kind != shim.RatchetMessage {
		return l.fail(Mismatch, "a message after the answer is an initial message", "kind ratchet", string(m.envelope.Kind))
	}
	return l.peerReads(m)
}

func initialOutOfOrder(l *live) error {
	if err := l.open(responds); err != nil {
		return err
	}
	var ms [3]mail
	for i := range ms {
		var err error
		if ms[i], err = l.fromPeer(); err != nil {
			return err
		}
	}
	for _, i := range []int{2, 0, 1} {
		if err := l.read(ms[i]); err != nil {
			return err
		}
	}
	return l.turns(1)
}

// restart exports the target's party, forgets it, and imports it again.
func (l *live) restart() error {
	state, err := l.export(shim.PartyExport, targetName)
	if err != nil {
		return err
	}
	return l.restore(state)
}

// maybeRestart restarts the target, in the tests that are about restarts.
func (l *live) maybeRestart(restart bool) error {
	if !restart {
		return nil
	}
	return l.restart()
}

// prekeyReuse lets two initiators use one one-time prekey.
func prekeyReuse(restart bool) func(l *live) error {
	return func(l *live) error {
		if err := l.open(responds); err != nil {
			return err
		}
		other, err := session.New(l.set, session.Options{}, l.random)
		if err != nil {
			return err
		}
		if err := other.Initiate(targetName, l.bundle, l.random); err != nil {
			return err
		}
		second, err := other.Encrypt(targetName, []byte("second"), l.random)
		if err != nil {
			return err
		}
		if err := l.sendToTarget(); err != nil {
			return err
		}
		if err := l.maybeRestart(restart); err != nil {
			return err
		}
		e := &shim.Message{Kind: shim.InitialMessage, Body: second.Body}
		if err := l.refuseUnchanged("", shim.SessionRespond, shim.Params{Party: targetName, Peer: "second", Envelope: e}); err != nil {
			return err
		}
		return l.sendToPeer()
	}
}

// replaysInitial gives the target its first message again, to start a session with a peer of that name.
func replaysInitial(s setup, peer string, restart bool) func(l *live) error {
	return func(l *live) error {
		if err := l.open(s); err != nil {
			return err
		}
		m, err := l.fromPeer()
		if err != nil {
			return err
		}
		if err := l.read(m); err != nil {
			return err
		}
		if err := l.maybeRestart(restart); err != nil {
			return err
		}
		if err := l.refuseUnchanged("", shim.SessionRespond, shim.Params{Party: targetName, Peer: peer, Envelope: m.envelope}); err != nil {
			return err
		}
		return first(l.sendToPeer, l.sendToTarget)
	}
}

// replaysSeveral lets three peers start sessions, and then brings each first message once more.
func replaysSeveral(l *live) error {
	if err := l.open(setup{role: "responder", noOPK: true}); err != nil {
		return err
	}
	var mails []mail
	for i := range 3 {
		if i > 0 {
			if err := l.newPeer(setup{noOPK: true}); err != nil {
				return err
			}
			if err := l.peer.Initiate(targetName, l.bundle, l.random); err != nil {
				return err
			}
		}
		m, err := l.fromPeer()
		if err != nil {
			return err
		}
		if _, err := l.must(shim.SessionRespond, shim.Params{Party: targetName, Peer: fmt.Sprint("peer-", i), Envelope: m.envelope}); err != nil {
			return err
		}
		mails = append(mails, m)
	}
	for i, m := range mails {
		if err := l.refuseUnchanged("", shim.SessionRespond, shim.Params{Party: targetName, Peer: fmt.Sprint("again-", i), Envelope: m.envelope}); err != nil {
			return err
		}
	}
	return nil
}

// afterForged gives the target changed copies of the first message, and then the genuine one.
func afterForged(class shim.Class, changes ...func(m *wire.Initial)) func(l *live) error {
	return func(l *live) error {
		if err := l.open(responds); err != nil {
			return err
		}
		genuine, err := l.fromPeer()
		if err != nil {
			return err
		}
		for _, change := range changes {
			forged, err := l.rewrap(genuine.envelope, change)
			if err != nil {
				return err
			}
			if err := l.refuses(forged, class); err != nil {
				return err
			}
		}
		return first(func() error { return l.read(genuine) }, l.sendToPeer)
	}
}

// foreignInitial wraps a genuine ratchet message anew.
func foreignInitial(l *live) error {
	if err := first(func() error { return l.open(responds) }, l.sendToTarget); err != nil {
		return err
	}
	genuine, err := l.fromPeer()
	if err != nil {
		return err
	}
	other, err := primitive.GeneratePrivate(l.random)
	if err != nil {
		return err
	}
	for _, change := range []func(m *wire.Initial){
		func(m *wire.Initial) { m.Ephemeral = l.set.Encode(primitive.Public(other)) },
		func(m *wire.Initial) { m.Identity = x3dh.EncodeIdentity(l.set, other) },
	} {
		foreign, err := l.rewrap(genuine.envelope, change)
		if err != nil {
			return err
		}
		if err := l.refuses(foreign, ""); err != nil {
			return err
		}
	}
	return first(func() error { return l.read(genuine) }, l.sendToPeer)
}

func forgedInitial(set *params.Set) func(l *live) error {
	var changes []func(m *wire.Initial)
	for i := range malicious.MutationCount {
		changes = append(changes, func(m *wire.Initial) {
			if all := malicious.Mutations(set, m.Message); i < len(all) {
				m.Message = all[i].Message
			} else {
				m.Message = nil
			}
		})
	}
	return afterForged("", changes...)
}

func wrongPrekeys(set *params.Set) func(l *live) error {
	other := set.Encode(primitive.PublicKey{9})
	changes := []func(m *wire.Initial){func(m *wire.Initial) { m.Ephemeral = other }}
	if set.Signature != params.Ed25519 {
		changes = append(changes, func(m *wire.Initial) { m.Identity = other })
	}
	if set.Signature == params.NoSignature {
		return afterForged("", append(changes, func(m *wire.Initial) { m.OneTimePrekey = other })...)
	}
	return afterForged("", append(changes, func(m *wire.Initial) { m.SignedPrekeyID += 7 }, func(m *wire.Initial) { m.OneTimePrekeyID += 7 })...)
}

// lowOrderInitial gives the target first messages with low-order keys that authenticate, and then a genuine one.
func lowOrderInitial(l *live) error {
	if err := l.open(responds); err != nil {
		return err
	}
	for _, u := range malicious.LowOrderKeys(l.set) {
		all := []malicious.Keys{{Ephemeral: l.set.Encode(u)}}
		if l.set.Signature != params.Ed25519 {
			all = append(all, malicious.Keys{Identity: l.set.Encode(u)})
		}
		for _, k := range all {
			evil, err := l.maliciousInitial(k)
			if err != nil {
				return err
			}
			if err := l.refuses(&shim.Message{Kind: shim.InitialMessage, Body: evil}, refusal.LowOrderKey); err != nil {
				return err
			}
		}
	}
	return first(l.sendToTarget, l.sendToPeer)
}

func (l *live) maliciousInitial(k malicious.Keys) (body []byte, err error) {
	if k.IdentityPrivate, err = primitive.GeneratePrivate(l.random); err != nil {
		return nil, err
	}
	if k.EphemeralPrivate, err = primitive.GeneratePrivate(l.random); err != nil {
		return nil, err
	}
	t, err := primitive.GeneratePrivate(l.random)
	if err != nil {
		return nil, err
	}
	return malicious.Initial(l.set, l.bundle, k, t, []byte("evil"))
}

// twoPeers has sessions with two peers, and gives a message of one to the session with the other.
func twoPeers(l *live) error {
	if err := l.newTarget(0, ""); err != nil {
		return err
	}
	answers := map[string]*shim.Message{}
	for _, name := range []string{"one", "two"} {
		answer, err := l.answerOf(name)
		if err != nil {
			return err
		}
		answers[name] = answer
	}
	swapped := shim.Params{Party: targetName, Peer: "two", Envelope: answers["one"]}
	if err := l.refuseUnchanged("", shim.SessionDecrypt, swapped); err != nil {
		return err
	}
	stranger := shim.Params{Party: targetName, Peer: "three", Envelope: answers["one"]}
	if err := l.refuseUnchanged("", shim.SessionDecrypt, stranger); err != nil {
		return err
	}
	for name, answer := range answers {
		r, err := l.must(shim.SessionDecrypt, shim.Params{Party: targetName, Peer: name, Envelope: answer})
		if err != nil {
			return err
		}
		if err := l.equal("plaintext", []byte("from "+name), *r.Plaintext); err != nil {
			return err
		}
	}
	return nil
}

// answerOf starts a session of the target with a new peer, and gives the peer's answer.
func (l *live) answerOf(name string) (*shim.Message, error) {
	peer, err := session.New(l.set, session.Options{OneTimePrekeys: 1}, l.random)
	if err != nil {
		return nil, err
	}
	if _, err := l.must(shim.SessionInitiate, shim.Params{Party: targetName, Peer: name, Bundle: adapter.ToShim(peer.Bundle())}); err != nil {
		return nil, err
	}
	r, err := l.must(shim.SessionEncrypt, shim.Params{Party: targetName, Peer: name, Plaintext: []byte("to " + name)})
	if err != nil {
		return nil, err
	}
	if _, err := peer.Respond(targetName, r.Envelope.Body, l.random); err != nil {
		return nil, l.fail(Mismatch, "a message of the target is refused by the reference", "a message that the reference reads", err.Error())
	}
	e, err := peer.Encrypt(targetName, []byte("from "+name), l.random)
	return &shim.Message{Kind: shim.RatchetMessage, Body: e.Body}, err
}

// newSession lets the reference start a second session with the target, from a bundle of the same party.
func newSession(l *live) error {
	if err := l.open(responds); err != nil {
		return err
	}
	old := l.peer
	again := l.bundle
	if l.set.OneTimePrekeyRequired {
		return l.newSessionTarget()
	}
	if err := first(l.sendToTarget, l.sendToPeer); err != nil {
		return err
	}
	again.OneTimePrekey, again.OneTimePrekeyID = nil, 0
	if err := old.Initiate(targetName, again, l.random); err != nil {
		return err
	}
	l.started = false
	return first(l.sendToTarget, l.sendToPeer, l.sendToTarget)
}

// newSessionTarget is newSession where every session needs a one-time prekey: the target starts both.
func (l *live) newSessionTarget() error {
	if err := reset(l.tester); err != nil {
		return err
	}
	if err := l.newTarget(0, ""); err != nil {
		return err
	}
	for range 2 {
		answer, err := l.answerOf(peerName)
		if err != nil {
			return err
		}
		if _, err := l.must(shim.SessionDecrypt, shim.Params{Party: targetName, Peer: peerName, Envelope: answer}); err != nil {
			return err
		}
	}
	return nil
}

// badBundles gives the target changed bundles, which start no session: nothing can be sent afterwards.
func badBundles(changes []func(b *x3dh.Bundle)) func(l *live) error {
	return func(l *live) error {
		if err := first(func() error { return l.newPeer(initiates) }, func() error { return l.newTarget(0, "") }); err != nil {
			return err
		}
		for _, change := range changes {
			b := l.peer.Bundle()
			change(&b)
			if err := l.refuseUnchanged("", shim.SessionInitiate, shim.Params{Party: targetName, Peer: peerName, Bundle: adapter.ToShim(b)}); err != nil {
				return err
			}
			if err := l.cannotSend(); err != nil {
				return err
			}
		}
		return nil
	}
}

// cannotSend wants the target to have no session.
func (l *live) cannotSend() error {
	_, err := l.call(shim.SessionEncrypt, shim.Params{Party: targetName, Peer: peerName, Plaintext: []byte("must not be sent")})
	var e *shim.Error
	switch {
	case err == nil:
		return l.fail(AcceptedInvalid, "after a refused bundle there is a session", "no session", "a message was sent")
	case errors.As(err, &e) || isInvalidRequest(err):
		return nil
	}
	return err
}

// isInvalidRequest is true for the answer of a shim that knows no such session.
func isInvalidRequest(err error) bool {
	var v *verdict
	return errors.As(err, &v) && v.reason == RejectedValid
}

func badSignatures() []func(b *x3dh.Bundle) {
	return []func(b *x3dh.Bundle){
		func(b *x3dh.Bundle) { b.Signature = append([]byte{b.Signature[0] ^ 1}, b.Signature[1:]...) },
		func(b *x3dh.Bundle) { b.Signature = make([]byte, xeddsa.SignatureSize) },
		func(b *x3dh.Bundle) { b.SignedPrekey = b.OneTimePrekey },
	}
}

func lowOrderBundles(set *params.Set) (changes []func(b *x3dh.Bundle)) {
	for _, u := range malicious.LowOrderKeys(set) {
		changes = append(changes, func(b *x3dh.Bundle) { b.OneTimePrekey = set.Encode(u) })
	}
	return changes
}
