package sessions

import (
	"fmt"
	"slices"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/wire"
	"credence/spec/refusal"
)

// sealed are the tests of messages that a malicious peer has sealed, and of tags over other bytes.
func sealed(set *params.Set) (tests []suite.Test) {
	test := func(name, comment, requirement string, trials func(p *pair.Pair) []suite.Trial) {
		tests = append(tests,
			pair.Test("ratchet", set, name, comment, []string{requirement}, suite.NeedsSession, triesAll(trials)))
	}
	test("far-sealed", "messages that a malicious peer has really sealed, with numbers beyond MAX_SKIP that look near "+
		"in fewer bytes", "AMB-RAT-20 far", farSealed)
	tests = append(tests, forgedBefore(set)...)
	if set.AssociatedData != params.NoAD {
		test("wrong-ad", "messages sealed with associated data of which a bit is changed, which are in another order "+
			"or missing: refused in the running chain, in a new one, and from skipped keys",
			"AMB-RAT-16 running-chain skipped", wrongAD)
	}
	if set.Wire != params.AmbassadorWire {
		test("malformed-sealed", "messages with a right tag that lack a field, or have a number above 2^32 - 1",
			"AMB-WIR-02 missing-field number length", malformedSealed)
		test("other-bytes", "the tag of a genuine message over other bytes of the same meaning",
			"AMB-WIR-03 long-number unknown-field", otherBytes)
	}
	return tests
}

// wrongAD seals messages with the keys of the session and other associated data.
func wrongAD(p *pair.Pair) (trials []suite.Trial) {
	p.OpenBoth(pair.Responds)
	var places []string
	var states []*ratchet.State
	var genuine []pair.Mail
	send := func(place string) {
		places, states = append(places, place), append(states, p.PeerState())
		genuine = append(genuine, p.FromPeer())
	}
	send("late")
	p.SendToTarget()
	p.Turns(1)
	send("skipped")
	p.SendToTarget()
	send("running")
	for i, place := range places {
		for _, other := range otherAD(p.PeerState().AD) {
			s := *states[i]
			s.AD = other.ad
			forged, err := s.Encrypt(p.Random, []byte("evil"))
			p.NoFault(err)
			trials = append(trials, p.Refusal(place+", "+other.name, pair.Raw(forged), refusal.Authentication))
		}
		trials = append(trials, suite.Trial{Name: place + ", genuine", Try: func() { p.Read(genuine[i]) }})
	}
	return trials
}

// farSealed goes on with the peer's chain to numbers that must not be read.
func farSealed(p *pair.Pair) (trials []suite.Trial) {
	p.OpenBoth(pair.Responds)
	next := p.FromPeer()
	s := p.PeerState()
	at, far := s.Ns-1, map[uint64]bool{}
	skip := p.Set.MaxSkip
	for _, jump := range []uint64{skip + 1, skip + 2, 1 << 13, 1 << 15, 1<<16 - 1, 1 << 16, 1<<16 + 5} {
		far[at+jump] = true
	}
	for ; s.Ns <= at+1<<16+5; s.Ns++ {
		var mk []byte
		s.CKs, mk = primitive.KDFCK(s.CKs)
		if far[s.Ns] {
			h := wire.Header{Key: primitive.Public(s.DHs), N: s.Ns}
			message := pair.Raw(wire.Seal(p.Set, mk, s.AssociatedData(true), h, []byte("evil")))
			trials = append(trials, p.Refusal(fmt.Sprint("number ", s.Ns), message, refusal.SkipLimit))
		}
	}
	return append(trials, goesOn(p, next))
}

// forgedBefore are the tests of forgeries before the target has sent or read anything else.
func forgedBefore(set *params.Set) []suite.Test {
	stranger := func(s pair.Setup) func(p *pair.Pair) {
		return triesAll(func(p *pair.Pair) (trials []suite.Trial) {
			p.Open(s)
			first := p.FromTarget
			if s.Role == "responder" {
				p.SendToTarget()
				first = p.FromPeer
			}
			m := first()
			if s.Role == "initiator" {
				trials = append(trials, p.Refusal("its own message", m.Envelope, ""),
					p.Refusal("its own ratchet message", pair.Raw(p.Inner(m.Envelope)), ""))
			}
			for _, key := range []primitive.PublicKey{{9}, {0x10}, p.Header(m).Key} {
				for _, n := range []uint64{0, 1, 300} {
					h := wire.Header{Key: key, N: n}
					forged := pair.Raw(wire.Seal(set, make([]byte, primitive.KeySize), nil, h, []byte("x")))
					trials = append(trials, p.Refusal(fmt.Sprintf("number %d under %x..", n, key[:2]), forged, ""))
				}
			}
			return append(trials, suite.Trial{Name: "the genuine messages", Try: func() {
				if s.Role == "initiator" {
					p.PeerReads(m)
				} else {
					p.Read(m)
				}
				p.SendToPeer()
				p.SendToTarget()
			}})
		})
	}
	requirements := []string{"AMB-RAT-17", "AMB-CNV-01", "AMB-SES-06"}
	return []suite.Test{
		pair.Test("ratchet", set, "forged-before-answer",
			"forged messages to a responder that has read and not sent anything yet", requirements,
			suite.NeedsSession, stranger(pair.Responds)),
		pair.Test("ratchet", set, "forged-before-answer-initiator",
			"forged messages, and its own, to an initiator that has read nothing yet", requirements,
			suite.NeedsSession, stranger(pair.Initiates)),
	}
}

// namedAD are associated data of a name.
type namedAD struct {
	name string
	ad   []byte
}

// otherAD returns associated data that are not those of the session.
func otherAD(ad []byte) []namedAD {
	half := len(ad) / 2
	other := []namedAD{
		{"empty", nil}, {"a byte short", ad[:len(ad)-1]}, {"a byte long", slices.Concat(ad, []byte{0})},
		{"halves swapped", slices.Concat(ad[half:], ad[:half])}, {"last byte", flipped(ad, 8*len(ad)-1)},
	}
	for at := 0; at < len(ad); at += 5 {
		other = append(other, namedAD{fmt.Sprint("byte ", at), flipped(ad, 8*at+at%8)})
	}
	return other
}

// malformedSealed has messages that authenticate and are none of the set.
func malformedSealed(p *pair.Pair) (trials []suite.Trial) {
	p.OpenBoth(pair.Responds)
	try := func(name string, edit func(m *wire.Parts)) {
		bad, err := malicious.Rewrapped(p.PeerState(), []byte("evil"),
			func(m *wire.Parts, _ primitive.CBCKeys) { edit(m) })
		p.NoFault(err)
		trials = append(trials, p.Refusal(name, pair.Raw(bad), refusal.Malformed))
	}
	fields, numbers := []string{"key", "n", "ciphertext"}, []string{"n"}
	if p.Set.ClosesChains { // otherwise nothing depends on pn (SPEC.md 6.1)
		fields, numbers = append(fields, "pn"), append(numbers, "pn")
	}
	for _, name := range fields {
		try("without "+name, func(m *wire.Parts) { m.Remove(name) })
	}
	for _, name := range numbers {
		for _, number := range []uint64{1 << 32, 1<<32 + p.PeerState().Ns, 1 << 63, 1<<64 - 1} {
			try(fmt.Sprint(name, " = ", number), func(m *wire.Parts) { m.SetNumber(name, number) })
		}
	}
	for _, size := range []int{0, p.Set.KeySize() - 1, p.Set.KeySize() + 1} {
		try(fmt.Sprint("key of ", size, " bytes"), func(m *wire.Parts) { m.Set("key", make([]byte, size)) })
	}
	return append(trials, goesOn(p, p.FromPeer()))
}

// otherBytes changes how a genuine message is written, and leaves its tag.
func otherBytes(p *pair.Pair) (trials []suite.Trial) {
	p.OpenBoth(pair.Responds)
	m := p.FromPeer()
	try := func(name string, edit func(parts *wire.Parts)) {
		parts, err := wire.Split(p.Set, m.Envelope.Body)
		p.NoFault(err)
		edit(parts)
		trials = append(trials, p.Refusal(name, pair.Raw(parts.Bytes()), ""))
	}
	try("a long number", func(parts *wire.Parts) { parts.Lengthen("n") })
	if p.Set.PN != params.PNAbsent {
		try("a long pn", func(parts *wire.Parts) { parts.Lengthen("pn") })
	}
	try("an unknown field", (*wire.Parts).AddUnknown)
	return append(trials, goesOn(p, m))
}
