package main

import (
	"bytes"
	"fmt"

	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
)

// prekeys are the rules for initial messages at the responder (SPEC.md 4.3, 6.1).
func (sc *scripts) prekeys() {
	sc.wrongInitials()
	sc.malformedInitials()
	sc.reuse()
}

// rewrapped returns an initial message with another wrapping.
func (s *script) rewrapped(e *shim.Message, change func(m *wire.Initial)) *shim.Message {
	m, err := wire.ParseInitial(s.set, bytes.Clone(e.Body))
	s.fail(err)
	change(&m)
	return &shim.Message{Kind: shim.InitialMessage, Body: wire.EncodeInitial(s.set, m)}
}

// wrongInitial is a first message that must be refused; the genuine one is read afterwards.
func (sc *scripts) wrongInitial(
	name, comment, flag string, requirements []string, class shim.Class, change func(m *wire.Initial),
) {
	sc.runIn("x3dh", name, comment+"; the genuine message is read afterwards", asResponder, []string{flag},
		append(requirements, "AMB-X3D-11", "AMB-CNV-01"), func(s *script) {
			genuine := s.fromPeer("first")
			s.refuses(s.rewrapped(genuine, change), class)
			s.reads(genuine)
			s.sends("answer")
		})
}

func (sc *scripts) wrongInitials() {
	set := sc.set
	if set.OneTimePrekeyByKey {
		sc.wrongInitial(
			"unknown-one-time-key", "an initial message that names another one-time key", "UnknownPrekey",
			[]string{"AMB-X3D-09"}, refusal.UnknownPrekey,
			func(m *wire.Initial) { m.OneTimePrekey = set.Encode(public(key("unknown"))) })
	}
	if set.SignedPrekey {
		sc.wrongInitial(
			"unknown-spk", "an initial message that names another signed prekey", "UnknownPrekey",
			[]string{"AMB-X3D-09"}, refusal.UnknownPrekey,
			func(m *wire.Initial) { m.SignedPrekeyID = 8 })
	}
	if !set.OneTimePrekeyByKey {
		sc.wrongInitial(
			"unknown-opk", "an initial message that names another one-time prekey", "UnknownPrekey",
			[]string{"AMB-X3D-09"}, refusal.UnknownPrekey,
			func(m *wire.Initial) { m.OneTimePrekeyID = 99 })
	}
	if set.SignedPrekey && !set.OneTimePrekeyByKey {
		sc.leftOut("opk-unknown-left-out", "names an unknown one-time prekey", 99)
	}
	if set.SignedPrekey && set.OneTimePrekeyRequired {
		sc.leftOut("opk-left-out", "names none, which the set requires", 0)
	}
	if !set.OneTimePrekeyRequired {
		sc.wrongInitial(
			"opk-stripped", "the one-time prekey taken out of an initial message", "Forged", []string{"AMB-X3D-06"},
			refusal.Authentication,
			func(m *wire.Initial) { m.OneTimePrekeyID, m.OneTimePrekey = 0, nil })
	}
	sc.wrongInitial(
		"other-ephemeral", "another ephemeral key", "Forged", []string{"AMB-X3D-06"}, refusal.Authentication,
		func(m *wire.Initial) { m.Ephemeral = set.Encode(public(key("other EK"))) })
	other := newResponder(set, "other IK")
	sc.wrongInitial("other-identity", "another identity key", "Forged", []string{"AMB-X3D-06"}, refusal.Authentication,
		func(m *wire.Initial) { m.Identity = other.bundle(true).Identity })
	for i, u := range malicious.LowOrderKeys(set) {
		sc.lowOrderInitial(
			fmt.Sprintf("low-order-ephemeral-%d", i), fmt.Sprintf("ephemeral key u = %x", u),
			malicious.Keys{Ephemeral: set.Encode(u)},
		)
		if set.Identity != params.Ed25519Identity {
			sc.lowOrderInitial(
				fmt.Sprintf("low-order-identity-%d", i), fmt.Sprintf("identity key u = %x", u),
				malicious.Keys{Identity: set.Encode(u)},
			)
		}
	}
}

// leftOut is an initial message whose agreement leaves out DH4: a responder who leaves it out too, where he has no such
// one-time prekey, would read it.
func (sc *scripts) leftOut(name, names string, id uint32) {
	comment := "an initial message that was made without a one-time prekey, and " + names +
		"; the genuine message is read afterwards"
	sc.runIn("x3dh", name, comment, asResponder, []string{"UnknownPrekey"},
		[]string{"AMB-X3D-09", "AMB-X3D-11", "AMB-CNV-01"}, func(s *script) {
			b := adapter.FromShim(s.bundleOfTarget())
			b.OneTimePrekey, b.OneTimePrekeyID = nil, id
			k := malicious.Keys{
				IdentityPrivate: privateKey(key("evil IK")), EphemeralPrivate: privateKey(key("evil EK")),
			}
			message, err := malicious.Initial(sc.set, b, k, privateKey(key("evil T")), []byte("without DH4"))
			s.fail(err)
			genuine := s.fromPeer("first")
			s.refuses(&shim.Message{Kind: shim.InitialMessage, Body: message}, refusal.UnknownPrekey)
			s.reads(genuine)
			s.sends("answer")
		})
}

// lowOrderInitial is an initial message that authenticates at a responder who does not refuse the keys.
func (sc *scripts) lowOrderInitial(name, comment string, k malicious.Keys) {
	comment = "an initial message that authenticates with the " + comment + "; the genuine message is read afterwards"
	sc.runIn("x3dh", name, comment, asResponder, []string{"LowOrderKey"},
		[]string{"AMB-KEY-01", "AMB-X3D-11", "AMB-CNV-01"}, func(s *script) {
			k.IdentityPrivate, k.EphemeralPrivate = privateKey(key("evil IK")), privateKey(key("evil EK"))
			evil, err := malicious.Initial(
				sc.set, adapter.FromShim(s.bundleOfTarget()), k, privateKey(key("evil T")), []byte("evil"),
			)
			s.fail(err)
			genuine := s.fromPeer("first")
			s.refuses(&shim.Message{Kind: shim.InitialMessage, Body: evil}, refusal.LowOrderKey)
			s.reads(genuine)
			s.sends("answer")
		})
}

func (sc *scripts) malformedInitials() {
	malformed := func(name, comment string, change func(b []byte) []byte) {
		sc.runIn("x3dh", "malformed-"+name, comment+"; the genuine message is read afterwards", asResponder,
			[]string{"Malformed"}, []string{"AMB-SES-04", "AMB-X3D-11"}, func(s *script) {
				genuine := s.fromPeer("first")
				bad := &shim.Message{Kind: shim.InitialMessage, Body: change(append([]byte(nil), genuine.Body...))}
				s.refuses(bad, refusal.Malformed)
				s.reads(genuine)
			})
	}
	malformed("empty", "no bytes at all", func([]byte) []byte { return []byte{} })
	malformed("one-byte", "first byte only", func(b []byte) []byte { return b[:1] })
	malformed("keys-only", "cut after 40 bytes", func(b []byte) []byte { return b[:40] })
	malformed("version", "another first byte", func(b []byte) []byte { b[0] ^= 0x40; return b })
	put := func(name string, value []byte) func(b []byte) []byte {
		return func(b []byte) []byte {
			p, err := wire.SplitInitial(sc.set, b)
			if err != nil {
				panic(err) // a genuine message
			}
			p.Set(name, value)
			return p.Bytes()
		}
	}
	probe := newScript(sc.set, "probe", "", asResponder, nil)
	without := "the ratchet message inside is empty"
	if ratchetType, ok := wire.Field(sc.set, probe.inner(probe.fromPeer("first")), "type"); ok {
		malformed("type", "the type of a ratchet message", put("type", ratchetType))
		without = "no ratchet message inside"
	}
	malformed("no-message", without, put("message", nil))
}

// reuse are initial messages that come twice, and one-time prekeys that are used twice.
func (sc *scripts) reuse() {
	again := func(name, comment, peer string, o options, requirements []string, class shim.Class) {
		sc.runIn("x3dh", name, comment, o, []string{"Replayed"}, requirements, func(s *script) {
			m := s.fromPeer("first")
			s.reads(m)
			_, err := s.do(s.target, shim.SessionRespond, &shim.Params{Party: s.target.name, Peer: peer, Envelope: m})
			s.expect(err, class)
			s.reads(s.fromPeer("the session goes on"))
		})
	}
	used := []string{"AMB-X3D-10", "AMB-X3D-12", "AMB-X3D-13"}
	again("initial-again", "the initial message again, to start a session with the same peer", "peer", asResponder,
		used, refusal.UnknownPrekey)
	again("initial-again-other-peer", "the initial message again, as if from another peer", "another", asResponder,
		used, refusal.UnknownPrekey)
	if !sc.set.OneTimePrekeyRequired {
		noOPK := options{role: "responder", noOPK: true}
		again("no-opk-again",
			"the initial message without one-time prekey again, to start a session with the same peer", "peer", noOPK,
			[]string{"AMB-X3D-13"}, refusal.Replay)
		again("no-opk-again-other-peer", "the initial message without one-time prekey again, as if from another peer",
			"another", noOPK, []string{"AMB-X3D-13"}, refusal.Replay)
	}
	if !sc.set.OneTimePrekeyRequired {
		sc.otherEncodings()
	}
	sc.runIn("x3dh", "opk-reused", "another initiator uses the same one-time prekey", asResponder,
		[]string{"PrekeyReuse"}, []string{"AMB-X3D-10", "AMB-X3D-12"}, func(s *script) {
			second := s.secondInitiator()
			s.reads(s.fromPeer("first"))
			_, err := s.do(
				s.target, shim.SessionRespond, &shim.Params{Party: s.target.name, Peer: "second", Envelope: second},
			)
			s.expect(err, refusal.UnknownPrekey)
			s.reads(s.fromPeer("the session goes on"))
		})
	sc.runIn("x3dh", "foreign-initial",
		"an initial message with another ephemeral key around the genuine ratchet message, to a session that has "+
			"started", asResponder,
		[]string{"Forged"}, []string{"AMB-SES-08"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			genuine := s.fromPeer("second")
			foreign := s.rewrapped(
				genuine, func(m *wire.Initial) { m.Ephemeral = sc.set.Encode(public(key("foreign EK"))) },
			)
			s.refuses(foreign, refusal.Authentication)
			s.reads(genuine)
		})
}

// otherEncodings are initial messages that come again with other bytes for the same ephemeral key.
func (sc *scripts) otherEncodings() {
	ephemerals := []struct {
		name, comment string
		of            func(ek shim.Bytes) primitive.PublicKey
	}{
		{"torsion", "a point of order 8 added to its ephemeral key",
			func(ek shim.Bytes) primitive.PublicKey { return malicious.Torsioned(privateKey(ek)) }},
		{"high-bit", "bit 255 of its ephemeral key set",
			func(ek shim.Bytes) primitive.PublicKey { return malicious.NonCanonical(public(ek)) }},
	}
	for _, e := range ephemerals {
		if e.name == "high-bit" && sc.set.Canonical {
			continue // it is refused for its form
		}
		sc.runIn("x3dh", "no-opk-again-"+e.name, "the initial message without one-time prekey again, with "+e.comment,
			options{role: "responder", noOPK: true},
			[]string{"Replayed"}, []string{"AMB-X3D-13"}, func(s *script) {
				m := s.fromPeer("first")
				s.reads(m)
				again := s.rewrapped(m, func(m *wire.Initial) { m.Ephemeral = sc.set.Encode(e.of(s.start.ephemeral)) })
				_, err := s.do(
					s.target, shim.SessionRespond, &shim.Params{Party: s.target.name, Peer: "another", Envelope: again},
				)
				s.expect(err, refusal.Replay)
				s.reads(s.fromPeer("the session goes on"))
			})
	}
}

// secondInitiator returns an initial message of somebody else who got the same bundle as the peer.
func (s *script) secondInitiator() *shim.Message {
	x := &side{adapter: s.peer.adapter, name: "second", peer: "target", set: s.set}
	s.party(x, false, "")
	bundle := s.bundleOfTarget()
	_, err := s.do(
		x, shim.SessionInitiate,
		&shim.Params{
			Party: "second", Peer: "target", Bundle: bundle, EphemeralPrivate: key(s.keyName(x, "EK")),
			RatchetPrivate: s.ratchetKey(x, 1),
		},
	)
	s.fail(err)
	x.drawn = 1
	return s.encrypt(x, "from somebody else")
}

// bundleOfTarget is the result of the step in which the target was made.
func (s *script) bundleOfTarget() *shim.Bundle {
	for _, step := range s.test.Steps {
		if step.Op == shim.PartyNew && step.Output != nil {
			return step.Output.Bundle
		}
	}
	s.fail(fmt.Errorf("the target has no bundle"))
	return nil
}
