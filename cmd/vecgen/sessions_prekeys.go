package main

import (
	"fmt"

	"credence/internal/malicious"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
)

// evilInitial is an initial message of somebody who has changed the target's bundle before: the agreement is that
// of the changed one, and the tag is right.
func (s *script) evilInitial(change func(b *x3dh.Bundle)) *shim.Message {
	b := adapter.FromShim(s.bundleOfTarget())
	change(&b)
	k := malicious.Keys{IdentityPrivate: privateKey(key("evil IK")), EphemeralPrivate: privateKey(key("evil EK"))}
	message, err := malicious.Initial(s.set, b, k, privateKey(key("evil T")), []byte("evil"))
	s.fail(err)
	return &shim.Message{Kind: shim.InitialMessage, Body: message}
}

// numberedPrekeys are prekeys whose ids are at the boundaries.
func (sc *scripts) numberedPrekeys() {
	for i, id := range boundaries {
		spk, registration := boundaries[(i+3)%len(boundaries)], boundaries[(i+5)%len(boundaries)]
		o := options{role: "initiator", registration: registration, bundle: func(b *shim.Bundle) {
			b.SignedPrekeyID, b.OneTimePrekeyID = spk, id
		}}
		sc.run(fmt.Sprintf("initiate-ids-%d-%d", spk, id),
			fmt.Sprintf("initial messages to signed prekey %d and one-time prekey %d", spk, id), o, nil,
			[]string{"AMB-SES-02"}, func(s *script) {
				s.encrypt(s.target, "first")
				s.encrypt(s.target, "second")
			})
		sc.runIn("x3dh", fmt.Sprintf("signed-prekey-%d", id),
			fmt.Sprintf("a signed prekey with id %d: its signature; ids that agree in a part name none; the genuine "+
				"message is read", id), options{role: "responder", signed: id}, []string{"UnknownPrekey"},
			[]string{"AMB-X3D-09", "AMB-X3D-01", "AMB-X3D-11"}, func(s *script) {
				for _, alike := range append(lowAlike(id), 0) {
					s.refuses(s.evilInitial(func(b *x3dh.Bundle) { b.SignedPrekeyID = alike }), refusal.UnknownPrekey)
				}
				s.reads(s.fromPeer("first"))
				s.sends("answer")
			})
	}
}

// otherPrekeys are initial messages whose ids name no prekey, or one of another kind; what they were made with is
// there.
func (sc *scripts) otherPrekeys() {
	wrong := func(name, comment string, o options, body func(s *script)) {
		sc.runIn("x3dh", name, comment+"; the genuine message is read afterwards", o, []string{"UnknownPrekey"},
			[]string{"AMB-X3D-09", "AMB-X3D-11", "AMB-CNV-01"}, func(s *script) {
				genuine := s.fromPeer("first")
				body(s)
				s.reads(genuine)
				s.sends("answer")
			})
	}
	wrong("opk-alike", "ids that agree in a part with that of the one-time prekey with which the message was made",
		asResponder, func(s *script) {
			for _, id := range append(lowAlike(1), 2) {
				s.refuses(s.evilInitial(func(b *x3dh.Bundle) { b.OneTimePrekeyID = id }), refusal.UnknownPrekey)
			}
		})
	wrong("opk-left-out-alike", "ids whose lowest bytes are 0, in messages without a one-time prekey", asResponder,
		func(s *script) {
			for _, id := range []uint32{1 << 8, 1 << 16, 1 << 24, 1 << 31} {
				s.refuses(s.evilInitial(func(b *x3dh.Bundle) { b.OneTimePrekey, b.OneTimePrekeyID = nil, id }),
					refusal.UnknownPrekey)
			}
		})
	wrong("kinds", "a one-time prekey in the place of the signed one, and the other way round, by their ids",
		asResponder,
		func(s *script) {
			b := adapter.FromShim(s.bundleOfTarget())
			s.refuses(s.evilInitial(func(b *x3dh.Bundle) {
				b.SignedPrekey, b.SignedPrekeyID = b.OneTimePrekey, b.OneTimePrekeyID
			}), refusal.UnknownPrekey)
			s.refuses(s.evilInitial(func(c *x3dh.Bundle) {
				c.OneTimePrekey, c.OneTimePrekeyID = b.SignedPrekey, b.SignedPrekeyID
			}), refusal.UnknownPrekey)
		})
	const many = 257
	sc.runIn("x3dh", "opk-256", fmt.Sprintf("one-time prekeys 256 and 257 of %d; each is used once", many),
		options{role: "responder", prekeys: many, signed: 256}, []string{"PrekeyReuse"},
		[]string{"AMB-X3D-09", "AMB-X3D-10", "AMB-X3D-12"}, func(s *script) {
			first, usual := s.start.opk, s.target.peer
			use := func(peer string, id uint32) error {
				s.target.peer, s.start.opk = peer, s.oneTimePrivate(s.target, int(id))
				m := s.evilInitial(func(b *x3dh.Bundle) {
					k := primitive.PublicKey(public(s.start.opk))
					b.OneTimePrekey, b.OneTimePrekeyID = sc.set.Encode(k), id
				})
				_, err := s.do(s.target, shim.SessionRespond, &shim.Params{
					Party: s.target.name, Peer: peer, Envelope: m, RatchetPrivate: key("answer to " + peer),
				})
				return err
			}
			for i, id := range []uint32{256, many} {
				s.fail(use(fmt.Sprint("peer ", i), id))
				s.expect(use(fmt.Sprint("another peer ", i), id), refusal.UnknownPrekey)
			}
			s.start.opk, s.target.peer = first, usual
			s.reads(s.fromPeer("with one-time prekey 1"))
		})
}

// otherOneTimeKeys are initial messages that name a one-time key which is not quite the one that they were made with.
func (sc *scripts) otherOneTimeKeys() {
	sc.runIn("x3dh", "one-time-key-bits",
		"the one-time key that is named differs in one bit from the one with which the "+
			"message was made; the genuine message is read afterwards", asResponder, []string{"UnknownPrekey"},
		[]string{"AMB-X3D-09", "AMB-X3D-11", "AMB-CNV-01"}, func(s *script) {
			genuine := s.fromPeer("first")
			for _, b := range bitsOf(32) {
				s.refuses(s.rewrapped(genuine, func(m *wire.Initial) { m.OneTimePrekey = b.in(m.OneTimePrekey) }),
					refusal.UnknownPrekey)
			}
			s.reads(genuine)
			s.sends("answer")
		})
}
