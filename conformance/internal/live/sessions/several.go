package sessions

import (
	"fmt"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/session"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// several are the tests of several sessions with one peer (SPEC.md 6.2).
func several(set *params.Set) []suite.Test {
	needs := suite.NeedsHandshake
	test := func(name, comment string, requirements []string, run func(d *double)) suite.Test {
		return pair.Test("ratchet", set, name, comment, requirements, needs,
			func(p *pair.Pair) { run(newDouble(p)) })
	}
	both := []string{"AMB-SES-09 ratchet-message initial-message", "AMB-SES-10", "AMB-SES-11", "AMB-SES-12"}
	tests := []suite.Test{
		test("both-start", "both sides start at once: everything is read, however often messages cross; when one has "+
			"not crossed, both send in one session", both, bothStart(stays)),
		test("both-start-lost", "both sides start at once, and the first message of each is lost", both, bothStartLost),
		test("start-after-loss", "the target's first messages cannot be read: it starts anew, and is heard",
			[]string{"AMB-SES-09 initial-message", "AMB-SES-11"}, startsAfterLoss),
		test("start-beside", "the peer starts anew beside a session in which both have spoken",
			[]string{"AMB-SES-10", "AMB-SES-11"}, peerStartsBeside),
		test("start-again-unheard", "the target starts again, and then hears from its first session: it goes on there",
			[]string{"AMB-SES-09 initial-message", "AMB-SES-11"}, hearsFromTheFirst),
		test("other-session-stays", "a late message of an archived session, under a new ratchet key, leaves the "+
			"current session as it was", []string{"AMB-SES-15 read", "AMB-SES-09 ratchet-message"}, otherSessionStays),
		test("several-forged", "forged messages and repeated ones of two sessions are refused, and both go on",
			[]string{"AMB-CNV-01 ratchet-message", "AMB-SES-15 refused"}, severalForged),
		test("sessions-kept", fmt.Sprintf("of %d sessions all are read; with one more, the one that was used the "+
			"longest ago is gone", set.MaxSessions), []string{"AMB-SES-13",
			"AMB-SES-09 ratchet-message"}, sessionsKept),
	}
	if set.SignedPrekey {
		tests = append(tests, test("prekey-renewed", "the peer renews its signed prekey while the first message is "+
			"under way: it is read, and the further initial messages too",
			[]string{"AMB-SES-02", "AMB-SES-03"}, prekeyRenewed))
	}
	if set.ArchiveChains > 0 {
		tests = append(tests, test("archive-ends", "an archived session is read as long as the set says, counted in "+
			"receiving chains of others, and is gone then", []string{"AMB-SES-14"}, archiveEnds(stays)))
	}
	needs = needsHandshakeAndExport
	if set.ArchiveChains > 0 {
		tests = append(tests, test("archive-ends-restart", "the same, and the target restarts after every chain",
			[]string{"AMB-SES-14", "AMB-STA-01"}, archiveEnds(restarts)))
	}
	return append(tests,
		test("both-start-restart", "both sides start at once, and the target restarts after every step",
			append(both, "AMB-STA-01"), bothStart(restarts)),
		test("set-back", "the target is set back to an older state and starts anew; the peer follows",
			[]string{"AMB-SES-10", "AMB-SES-11"}, setBack),
		test("peer-set-back", "the peer is set back to before its session and starts anew; the target follows",
			[]string{"AMB-SES-10", "AMB-SES-11"}, peerSetBack),
	)
}

// double is a pair in which both sides have bundles, and may have several sessions.
type double struct {
	*pair.Pair
	begun map[string]bool // ephemeral keys of the peer's sessions that the target has
	given int             // bundles of the target that were given out
}

// newDouble makes both parties, and starts nothing.
func newDouble(p *pair.Pair) *double {
	p.NewTarget(1, "")
	peer, err := session.New(p.Set, session.Options{
		OneTimePrekeys: p.Set.MaxSessions + 2, SignedPrekeyID: 5, RegistrationID: p.RegistrationID(),
	}, p.Random)
	p.NoFault(err)
	p.Peer = peer
	return &double{Pair: p, begun: map[string]bool{}}
}

// start lets the target start a session.
func (d *double) start() { d.startWith(d.Peer.Bundle()) }

func (d *double) startWith(b x3dh.Bundle) {
	d.Must(shim.SessionInitiate, shim.Params{Party: pair.Target, Peer: pair.Peer, Bundle: adapter.ToShim(b)})
	d.Started = true
}

// peerStarts lets the peer start a session. Its second one has no one-time prekey, where it can be without.
func (d *double) peerStarts() {
	b := d.Bundle
	if d.given++; d.given > 1 && !d.Set.OneTimePrekeyRequired {
		b.OneTimePrekey, b.OneTimePrekeyID = nil, 0
	}
	d.InitiateBy(d.Peer, b)
}

// reads lets the target read a message, in a session that it has or as the start of one.
func (d *double) reads(m pair.Mail) {
	op := shim.SessionDecrypt
	if m.Envelope.Kind == shim.InitialMessage {
		ephemeral := string(d.Initial(m.Envelope).Ephemeral)
		if !d.begun[ephemeral] {
			op = shim.SessionRespond
		}
		d.begun[ephemeral] = true
	}
	d.ReadFrom(pair.Peer, op, m)
}

// refuses lets the target refuse a message of a session.
func (d *double) refuses(e *shim.Message) {
	d.RefuseUnchanged("", shim.SessionDecrypt, shim.Params{Party: pair.Target, Peer: pair.Peer, Envelope: e})
}

// peerReads lets the peer read a message, in a session that it has or as the start of one.
func (d *double) peerReads(m pair.Mail) {
	e := session.Envelope{Initial: m.Envelope.Kind == shim.InitialMessage, Body: m.Envelope.Body}
	plaintext, err := d.Peer.Decrypt(pair.Target, e, d.Random)
	if err != nil && e.Initial {
		plaintext, err = d.Peer.Respond(pair.Target, e.Body, d.Random)
	}
	if err != nil {
		d.Violation(verdict.Mismatch, "a message of the target is refused by the reference",
			"a message of a session that the reference has", err.Error()+": "+suite.JSON(m.Envelope))
	}
	d.Equal("plaintext that the reference reads", m.Plaintext, plaintext)
}

// answers lets the target send in the session that the peer sends in too: it is what the peer has last been heard in.
func (d *double) answers() {
	m := d.FromTarget()
	if m.Envelope.Kind == shim.InitialMessage {
		d.Violation(verdict.Mismatch, "an initial message in the place of an answer: of another session",
			"a ratchet message of the session in which the target last read", suite.JSON(m.Envelope))
	}
	if _, err := d.PeerState().Decrypt(d.Random, m.Envelope.Body); err != nil {
		d.Violation(verdict.Mismatch, "the target sends in another session than the one in which it last read",
			"a message of that session", err.Error()+": "+suite.JSON(m.Envelope))
	}
	d.peerReads(m)
}

// crosses lets both sides send before either reads.
func (d *double) crosses() {
	own, other := d.FromTarget(), d.FromPeer()
	d.reads(other)
	d.peerReads(own)
}

// converse goes on in one session.
func (d *double) converse() {
	for range 2 {
		d.reads(d.FromPeer())
		d.answers()
		d.answers()
	}
}

func bothStart(happens between) func(d *double) {
	return func(d *double) {
		d.start()
		happens(d.Pair)
		d.peerStarts()
		late := d.FromPeer()
		for range 4 {
			d.crosses()
			happens(d.Pair)
		}
		d.reads(late)
		d.peerReads(d.FromTarget())
		happens(d.Pair)
		d.converse()
	}
}

func bothStartLost(d *double) {
	d.start()
	d.peerStarts()
	d.FromTarget()
	d.FromPeer()
	d.crosses()
	d.converse()
}

// startsAfterLoss has an initial message that names a prekey which the peer has not any more.
func startsAfterLoss(d *double) {
	b := d.Peer.Bundle()
	if d.Set.SignedPrekey {
		d.NoFault(d.Peer.RenewSignedPrekey(d.Random))
		d.Peer.ForgetSignedPrekeys(6)
	} else {
		b.OneTimePrekey = d.Bundle.OneTimePrekey
	}
	d.startWith(b)
	for range 2 {
		_, err := d.Peer.Respond(pair.Target, d.FromTarget().Envelope.Body, d.Random)
		if err == nil {
			d.NoFault(fmt.Errorf("the first message could be read"))
		}
	}
	d.start()
	d.peerReads(d.FromTarget())
	d.peerReads(d.FromTarget())
	d.converse()
}

func peerStartsBeside(d *double) {
	d.start()
	d.peerReads(d.FromTarget())
	d.converse()
	late := d.FromPeer()
	d.peerStarts()
	d.reads(d.FromPeer())
	d.answers()
	d.converse()
	d.reads(late)
}

func hearsFromTheFirst(d *double) {
	d.start()
	d.peerReads(d.FromTarget())
	first := d.FromPeer()
	d.start()
	d.FromTarget() // lost
	d.reads(first)
	d.answers()
	d.converse()
}

func otherSessionStays(d *double) {
	d.start()
	d.peerReads(d.FromTarget())
	old := d.FromPeer()
	d.peerStarts()
	d.reads(d.FromPeer())
	d.answers()
	next := d.FromPeer()
	d.reads(old)
	d.reads(next)
	d.answers()
	d.converse()
}

func severalForged(d *double) {
	d.start()
	d.peerReads(d.FromTarget())
	d.converse()
	old, read := d.FromPeer(), d.FromPeer()
	d.reads(read)
	d.peerStarts()
	d.reads(d.FromPeer())
	d.answers()
	current := d.FromPeer()
	for _, m := range []pair.Mail{old, current} {
		body := append([]byte{}, m.Envelope.Body...)
		body[len(body)-1] ^= 1
		d.refuses(&shim.Message{Kind: shim.RatchetMessage, Body: body})
	}
	d.refuses(read.Envelope)
	d.reads(current)
	d.answers()
	d.refuses(current.Envelope)
	d.reads(old)
	d.refuses(old.Envelope)
	d.reads(d.FromPeer())
	d.answers()
}

// sessionsKept starts as many sessions as are kept, of which the peer has heard of two, and then one more.
func sessionsKept(d *double) {
	d.start()
	d.peerReads(d.FromTarget())
	first, again := d.FromPeer(), d.FromPeer()
	d.start()
	d.peerReads(d.FromTarget())
	second := d.FromPeer()
	for range d.Set.MaxSessions - 2 {
		d.start()
	}
	d.reads(first)
	d.start()
	d.refuses(second.Envelope)
	d.reads(again)
	d.peerReads(d.FromTarget())
	d.converse()
}

func prekeyRenewed(d *double) {
	d.start()
	first, second := d.FromTarget(), d.FromTarget()
	d.NoFault(d.Peer.RenewSignedPrekey(d.Random))
	d.peerReads(second)
	d.Peer.ForgetSignedPrekeys(6)
	d.peerReads(first)
	d.peerReads(d.FromTarget())
	d.converse()
}

// archiveEnds has a session in which nobody sends any more while the other one takes turns.
func archiveEnds(happens between) func(d *double) {
	return func(d *double) {
		d.start()
		d.peerReads(d.FromTarget())
		d.converse()
		late, again := d.FromPeer(), d.FromPeer()
		d.peerStarts()
		d.turns(d.Set.ArchiveChains-1, happens)
		d.reads(late)
		d.peerReads(d.FromTarget())
		d.peerStarts()
		d.turns(d.Set.ArchiveChains, happens)
		d.refuses(again.Envelope)
		d.turns(1, happens)
	}
}

// turns opens n receiving chains of the target.
func (d *double) turns(n int, happens between) {
	for range n {
		d.reads(d.FromPeer())
		d.answers()
		happens(d.Pair)
	}
}

func setBack(d *double) {
	d.start()
	d.peerReads(d.FromTarget())
	d.converse()
	old := export(d.Pair)
	d.converse()
	d.converse()
	restore(d.Pair, old)
	d.start()
	d.peerReads(d.FromTarget())
	d.converse()
}

func peerSetBack(d *double) {
	old := d.Peer.Export()
	d.start()
	d.peerReads(d.FromTarget())
	d.converse()
	peer, err := session.Import(old, d.Set)
	d.NoFault(err)
	d.Peer = peer
	d.peerStarts()
	d.reads(d.FromPeer())
	d.answers()
	d.converse()
}
