package sessions

import (
	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/shim"
	"credence/spec/refusal"
)

// readings are the tests of what a reader makes of numbers and fields that an honest peer seldom sends.
func readings(set *params.Set) (tests []suite.Test) {
	add := func(
		profile, name, comment string, needs func(h suite.Hello) string, run func(p *pair.Pair), reqs ...string,
	) {
		tests = append(tests, pair.Test(profile, set, name, comment, reqs, needs, run))
	}
	if set.ClosesChains {
		add("ratchet", "previous-low", "a malicious peer's previous lengths that are below the messages read already",
			suite.NeedsSession, previousLow, "AMB-RAT-26")
		add("ratchet", "previous-limit", "MAX_SKIP messages lost at the end of a chain are still read; of one more, "+
			"none", suite.NeedsSession, previousLimit, "AMB-RAT-22", "AMB-RAT-27")
	}
	if set.PN == params.PNMinusOne {
		add("ratchet", "previous-any", "a malicious peer's previous lengths, of any size, change nothing",
			suite.NeedsSession, previousAny, "AMB-RAT-28")
	}
	if set.Start == params.Olm {
		add("ratchet", "second-key-early", "a message under a second ratchet key, to a responder that has not sent yet",
			suite.NeedsSession, secondKeyEarly, "AMB-RAT-29")
	}
	if set.Cipher == params.AESCBC {
		add("ratchet", "fields", "ratchet messages with repeated and unknown fields", suite.NeedsSession, oddFields,
			"AMB-WIR-04 ratchet-message")
		add("x3dh", "fields-initial", "initial messages with repeated and unknown fields", suite.NeedsHandshake,
			oddInitialFields, "AMB-WIR-04 initial-message")
	}
	if !set.OneTimePrekeyByKey {
		add("x3dh", "initial-ids", "later initial messages with other prekey ids and another registration id",
			suite.NeedsHandshake, otherIDs, "AMB-SES-16")
	}
	return tests
}

// saysPrevious lets the peer begin a chain with a previous length of its choice.
func saysPrevious(p *pair.Pair, pn uint64) {
	p.SendToPeer()
	s := p.PeerState()
	switch {
	case p.Set.Lazy:
		s.Ns = pn // of which pn is made when the chain begins
	case p.Set.PN == params.PNMinusOne:
		s.PN = pn + 1
	default:
		s.PN = pn
	}
	p.NoFault(p.Peer.Start(pair.Target, s))
	p.SendToTarget()
}

// previousLow lets pn be at most the number of the next message of the old chain, which stores nothing (AMB-RAT-26).
func previousLow(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	for _, pn := range []uint64{0, 1, 2, 3} {
		p.Turns(1)
		late := skipped(p)
		saysPrevious(p, pn) // three are read or skipped
		p.Read(late)
	}
}

// previousLimit loses as many messages at the end of a chain as may be skipped, and then one more (AMB-RAT-27).
func previousLimit(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	for _, more := range []uint64{0, 1} {
		first := p.FromPeer()
		p.Lose(p.Set.MaxSkip + more - 2)
		last := p.FromPeer()
		p.Turns(1)
		for _, m := range []pair.Mail{last, first} {
			if more == 0 {
				p.Read(m)
			} else {
				p.Refuses(m.Envelope, refusal.Duplicate)
			}
		}
		p.Turns(1)
	}
}

// previousAny lets pn be anything, with messages of the old chain still under way (AMB-RAT-28).
func previousAny(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	for _, pn := range []uint64{0, 1, 1 << 20, 1<<32 - 2} {
		skippedBefore, beyond := skipped(p), p.FromPeer()
		saysPrevious(p, pn)
		p.Read(skippedBefore)
		p.Read(beyond)
	}
}

// secondKeyEarly brings a ratchet key with which the target can agree on nothing, since it has none of its own yet.
func secondKeyEarly(p *pair.Pair) {
	p.Open(pair.Responds)
	p.SendToTarget()
	k, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	message := wire.Seal(p.Set, p.PeerState().CKs, nil, wire.Header{Key: primitive.Public(k)}, []byte("too early"))
	p.Refuses(pair.Raw(message), refusal.NotReady)
	p.SendToTarget()
	p.SendToPeer()
}

// oddities are changes of a message of Protocol Buffers after which it says the same.
func oddities(names []string) (changes []func(m *wire.Parts)) {
	changes = append(changes, (*wire.Parts).AddUnknown)
	for _, name := range names {
		changes = append(changes, func(m *wire.Parts) { m.Precede(name) })
	}
	return changes
}

func oddFields(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	for _, change := range oddities([]string{"key", "pn", "n", "ciphertext"}) {
		plaintext := []byte("in odd fields")
		body, err := malicious.Rewrapped(p.PeerState(), plaintext, func(m *wire.Parts, _ primitive.CBCKeys) {
			change(m)
		})
		p.NoFault(err)
		p.Read(pair.Mail{Envelope: pair.Raw(body), Plaintext: plaintext})
		p.Lose(1) // of the same number
	}
	p.Turns(1)
}

func oddInitialFields(p *pair.Pair) {
	for _, change := range oddities([]string{
		"identity", "ephemeral", "signed-prekey", "one-time-prekey", "registration", "message",
	}) {
		p.Reset()
		p.Started = false
		p.Open(pair.Responds)
		m := p.FromPeer()
		parts, err := wire.SplitInitial(p.Set, m.Envelope.Body)
		p.NoFault(err)
		change(parts)
		m.Envelope = &shim.Message{Kind: shim.InitialMessage, Body: parts.Bytes()}
		p.Read(m)
		p.SendToPeer()
	}
}

// otherIDs changes in later initial messages what only the first one needs (AMB-SES-16).
func otherIDs(p *pair.Pair) {
	p.Open(pair.Responds)
	p.SendToTarget()
	for _, change := range []func(m *wire.Initial){
		func(m *wire.Initial) { m.SignedPrekeyID += 7 },
		func(m *wire.Initial) { m.OneTimePrekeyID += 7 },
		func(m *wire.Initial) { m.RegistrationID += 7 },
	} {
		m := p.FromPeer()
		m.Envelope = p.Rewrap(m.Envelope, change)
		p.Read(m)
	}
	p.SendToPeer()
}
