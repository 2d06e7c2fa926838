package sessions

import (
	"fmt"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
)

// ends are the tests of what a restart leaves for sessions that start after it, of restarts with as many sessions as
// there may be, and of a ratchet key that is used for the first time when the target answers.
func ends(set *params.Set) []suite.Test {
	test := func(
		name, comment string, requirements []string, needs func(h suite.Hello) string, run func(p *pair.Pair),
	) suite.Test {
		return pair.Test("ratchet", set, name, comment, requirements, needs, run)
	}
	tests := []suite.Test{
		test("start-after-restart", "the target restarts and then starts a session: its first messages are of one "+
			"turn, and carry its registration id where the set has one",
			[]string{"AMB-STA-01 initiator", "AMB-RAT-07 initiator", "AMB-SES-02"}, needsHandshakeAndExport,
			startAfterRestart),
		test("sessions-kept-restart", fmt.Sprintf("all of %d sessions are kept over a restart", set.MaxSessions),
			[]string{"AMB-STA-01 initiator", "AMB-SES-13"}, needsHandshakeAndExport,
			func(p *pair.Pair) { keptOverRestart(newDouble(p)) }),
	}
	if set.Start == params.Olm {
		tests = append(tests, test("low-order-first-key", "the first message carries a ratchet key of low order, with "+
			"which nothing is agreed until the target answers: it refuses the message, or to answer",
			[]string{"AMB-KEY-01 ratchet-key"}, suite.NeedsHandshake, triesAll(lowOrderFirstKey)))
	}
	return tests
}

func startAfterRestart(p *pair.Pair) {
	p.NewPeer(pair.Initiates)
	p.NewTarget(0, "")
	restart(p)
	p.Must(shim.SessionInitiate,
		shim.Params{Party: pair.Target, Peer: pair.Peer, Bundle: adapter.ToShim(p.Peer.Bundle())})
	first, second := p.FromTarget(), p.FromTarget()
	if a, b := p.Header(first), p.Header(second); a.Key != b.Key || b.N != 1 {
		p.Violation(verdict.Mismatch, "headers of two messages of one turn", "one ratchet key, numbers 0 and 1",
			fmt.Sprintf("%x, %d and %x, %d", a.Key, a.N, b.Key, b.N))
	}
	want, got := p.RegistrationID(), p.Initial(second.Envelope).RegistrationID
	if got != want {
		p.Violation(verdict.Mismatch, "registration id of an initial message", fmt.Sprint(want), fmt.Sprint(got))
	}
	p.Started = true
	p.PeerReads(first)
	p.SendToTarget()
	p.PeerReads(second)
	p.Turns(1)
}

// keptOverRestart leaves the target with the session that the peer was heard in last as the one of the sessions that
// was used the longest ago.
func keptOverRestart(d *double) {
	d.start()
	d.peerReads(d.FromTarget())
	oldest := d.FromPeer()
	for range d.Set.MaxSessions - 1 {
		d.start()
	}
	restart(d.Pair)
	d.reads(oldest)
	d.converse()
}

func lowOrderFirstKey(p *pair.Pair) (trials []suite.Trial) {
	for _, u := range malicious.LowOrderKeys(p.Set) {
		trials = append(trials, suite.Trial{Name: fmt.Sprintf("%x..", u[:4]), Try: func() {
			p.Reset()
			p.NewTarget(1, "")
			_, refused := p.Call(shim.SessionRespond,
				shim.Params{Party: pair.Target, Peer: pair.Peer, Envelope: firstUnder(p, u)})
			if refused == nil {
				p.Refuse(refusal.LowOrderKey, shim.SessionEncrypt,
					shim.Params{Party: pair.Target, Peer: pair.Peer, Plaintext: []byte("must not be sent")})
			}
		}})
	}
	return trials
}

// firstUnder returns a first message in olm-v1 under a ratchet key whose private key nobody needs to know: the chain
// key comes from the agreement.
func firstUnder(p *pair.Pair, u primitive.PublicKey) *shim.Message {
	identity, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	ephemeral, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	a, err := x3dh.Initiate(p.Set, identity, ephemeral, p.Bundle)
	if err != nil {
		p.Violation(verdict.Mismatch, "the bundle of the target is refused by the reference",
			"a bundle as in SPEC.md 4.1", err.Error())
	}
	_, mk := primitive.KDFCK(a.Secret[primitive.KeySize:])
	return &shim.Message{Kind: shim.InitialMessage, Body: wire.EncodeInitial(p.Set, wire.Initial{
		Identity:      x3dh.EncodeIdentity(p.Set, identity),
		Ephemeral:     p.Set.Encode(primitive.Public(ephemeral)),
		OneTimePrekey: p.Bundle.OneTimePrekey,
		Message:       wire.Seal(p.Set, mk, a.AD, wire.Header{Key: u}, []byte("evil")),
	})}
}
