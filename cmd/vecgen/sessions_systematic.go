package main

import (
	"bytes"
	"fmt"

	"credence/reference/params"
	"credence/reference/wire"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
)

// systematic are the tests that walk ids, numbers, fields and stages one after the other.
func (sc *scripts) systematic() {
	sc.numbers()
	sc.cutMessages()
	sc.plaintexts()
	if sc.set.SignedPrekey {
		sc.numberedPrekeys()
		sc.signatureAgain()
	}
	if sc.set.OneTimePrekeyByKey {
		sc.otherOneTimeKeys()
	} else {
		sc.otherPrekeys()
	}
	sc.laterInitials()
	sc.initialForms()
	sc.restarts()
}

// cutMessages are messages that end with their header, or a part of it: anybody can make them.
func (sc *scripts) cutMessages() {
	for _, stage := range stages {
		sc.run(stage.name+"-cut", "a message cut at the end of each field, "+stage.comment, stage.options,
			[]string{"Forged", "Malformed"}, append([]string{"AMB-WIR-02", "AMB-AEA-01"}, stage.requirements...),
			func(s *script) {
				genuine := stage.prepare(s)
				for _, c := range cutsOf(sc.set, s.inner(genuine)) {
					s.refuses(s.edit(genuine, func([]byte) []byte { return c.message }), anyForgery...)
				}
				s.reads(genuine)
				s.turns(1)
			})
	}
}

// plaintexts are those that a reader could take for padding, for the end of a text, or for no text.
func (sc *scripts) plaintexts() {
	sc.run("plaintexts", "plaintexts that look like something else", asResponder, nil, []string{"AMB-RAT-25"},
		func(s *script) {
			for _, p := range []string{
				"", "\x00", "\x10", string(bytes.Repeat([]byte{0x10}, 16)), "text\x01", "\x80\x00", "\xff\xfe\xc0",
				string(make([]byte, 16)),
			} {
				s.reads(s.fromPeer(p))
				s.sends(p)
			}
		})
}

// talkTo lets the target talk to another peer.
func (s *script) talkTo(x *side) { s.peer, s.target.peer = x, x.name }

// twoPeers are sessions with two peers, one in each role.
func (sc *scripts) twoPeers() {
	sc.glare("two-peers", "sessions with two peers, one in each role, do not influence each other", nil,
		[]string{"AMB-SES-05", "AMB-SES-06"}, func(s *script) {
			first := s.peer
			second := &side{adapter: adapter.New(), name: "second", peer: "target", set: sc.set}
			s.glare.bundles[second] = s.party(second, true, "")
			s.starts(s.target)
			s.pong("to the first")
			s.talkTo(second)
			s.starts(second)
			s.ping("from the second")
			s.pong("to the second")
			for i := range 2 {
				s.talkTo(first)
				s.ping(fmt.Sprint("from the first ", i))
				misled := s.fromPeer("to the session with the first")
				s.talkTo(second)
				s.refuses(ratchetEnvelope(s.inner(misled)), refusal.Authentication)
				s.pong(fmt.Sprint("to the second ", i))
				s.ping(fmt.Sprint("from the second ", i))
				s.talkTo(first)
				s.reach(s.target, misled)
				s.pong(fmt.Sprint("to the first ", i))
			}
		})
}

// laterInitials are initial messages that come to a session which has started: they are known by IK_A and EK_A,
// byte for byte, and their ids are ignored (SPEC.md 6.1).
func (sc *scripts) laterInitials() {
	for _, field := range []string{"identity", "ephemeral"} {
		sc.runIn("x3dh", "foreign-bits-"+field, "later initial messages with one bit changed in the "+field+" key",
			asResponder, []string{"Forged"}, []string{"AMB-SES-08"}, func(s *script) {
				s.reads(s.fromPeer("first"))
				genuine := s.fromPeer("second")
				for _, b := range bitsOf(32) {
					foreign := s.rewrapped(genuine, func(m *wire.Initial) {
						k := &m.Identity
						if field == "ephemeral" {
							k = &m.Ephemeral
						}
						b.at += len(*k) - 32
						*k = b.in(*k)
					})
					s.refuses(foreign, refusal.Authentication)
				}
				s.reads(genuine)
			})
	}
	sc.runIn("x3dh", "later-ids", "later initial messages with other ids: they are ignored", asResponder, nil,
		[]string{"AMB-SES-03"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			for _, id := range []uint32{1, 2, 256, 1 << 31} {
				s.reads(s.rewrapped(s.fromPeer(fmt.Sprint("with id ", id)), func(m *wire.Initial) {
					m.SignedPrekeyID, m.OneTimePrekeyID, m.RegistrationID = id, id+1, id+2
				}))
			}
			s.sends("answer")
		})
}

// signatureAgain are bundles that come after one with the same ids that was genuine.
func (sc *scripts) signatureAgain() {
	for _, restarted := range []bool{false, true} {
		name, comment := "signature-again", "a genuine bundle, then others of the same owner and ids that are forged"
		if restarted {
			name, comment = name+"-restart", comment+"; the initiator restarts in between"
		}
		sc.runIn("x3dh", name, comment, asInitiator, []string{"ForgedSignature"}, []string{"AMB-X3D-02", "AMB-CNV-01"},
			func(s *script) {
				if restarted {
					s.restart()
				}
				at := len(sc.set.KeyPrefix)
				for _, change := range []func(b *shim.Bundle){
					func(b *shim.Bundle) { b.SignedPrekey = sc.set.Encode(public(key("another SPK"))) },
					func(b *shim.Bundle) { b.SignedPrekey = bit{at, 0x01}.in(b.SignedPrekey) },
					func(b *shim.Bundle) { b.Signature = bit{63, 0x01}.in(b.Signature) },
					func(b *shim.Bundle) { b.Signature = bit{0, 0x01}.in(b.Signature) },
				} {
					b := *s.start.bundle
					change(&b)
					for _, peer := range []string{s.target.peer, "another name"} {
						_, err := s.do(s.target, shim.SessionInitiate, &shim.Params{
							Party: s.target.name, Peer: peer, Bundle: &b, EphemeralPrivate: key("again EK"),
							RatchetPrivate: key("again T"),
						})
						s.expect(err, refusal.BadSignature)
					}
				}
				s.sends("the session that was there goes on")
			})
	}
}

// initialForms are initial messages that cannot be parsed, each made from a genuine one by one rule.
func (sc *scripts) initialForms() {
	malformed := func(name, comment string, variants func(b []byte, names []string) [][]byte) {
		sc.runIn("x3dh", "malformed-"+name, comment+"; the genuine message is read afterwards", asResponder,
			[]string{"Malformed"}, []string{"AMB-SES-04", "AMB-X3D-11"}, func(s *script) {
				genuine := s.fromPeer("first")
				for _, b := range variants(genuine.Body, sc.splitInitial(genuine.Body).Names()) {
					s.refuses(&shim.Message{Kind: shim.InitialMessage, Body: b}, refusal.Malformed)
				}
				s.reads(genuine)
			})
	}
	changed := func(b []byte, change func(p *wire.Parts)) []byte {
		p := sc.splitInitial(b)
		change(p)
		return p.Bytes()
	}
	malformed("cuts", "cut at the end of each field but the last", func(b []byte, names []string) (all [][]byte) {
		for i := range names[:len(names)-1] {
			all = append(all, changed(b, func(p *wire.Parts) {
				for _, name := range names[i+1:] {
					p.Remove(name)
				}
			}))
		}
		return all
	})
	if sc.set.Wire == params.AmbassadorWire {
		return
	}
	malformed("missing", "without one of the fields that have to be there", func(b []byte,
		names []string) (all [][]byte) {
		for _, name := range names {
			optional := name == "one-time-prekey" && !sc.set.OneTimePrekeyRequired
			if optional || name == "version" || name == "registration" {
				continue
			}
			all = append(all, changed(b, func(p *wire.Parts) { p.Remove(name) }))
		}
		return all
	})
	malformed("key-lengths", "keys of other lengths", func(b []byte, names []string) (all [][]byte) {
		for _, name := range []string{"identity", "ephemeral"} {
			value, _ := sc.splitInitial(b).Value(name)
			for _, v := range [][]byte{{}, value[:1], value[:len(value)-1], append(bytes.Clone(value), 0)} {
				all = append(all, changed(b, func(p *wire.Parts) { p.Set(name, v) }))
			}
		}
		return all
	})
	malformed("tokens", "something in front of the fields that no reader can skip", func(b []byte,
		names []string) (all [][]byte) {
		start := 0
		if names[0] == "version" {
			start = 1
		}
		for _, token := range unreadable {
			all = append(all, bytes.Join([][]byte{b[:start], token, b[start:]}, nil))
		}
		return all
	})
	if !sc.set.SignedPrekey {
		return
	}
	malformed("ids", "ids above 2^32 - 1", func(b []byte, names []string) (all [][]byte) {
		for _, name := range []string{"signed-prekey", "one-time-prekey", "registration"} {
			value, ok := sc.splitInitial(b).Value(name)
			if !ok {
				continue
			}
			for _, id := range []uint64{1<<32 + uint64(value[0]), 1 << 63, 1<<64 - 1} { // the lowest has one byte
				all = append(all, changed(b, func(p *wire.Parts) { p.SetNumber(name, id) }))
			}
		}
		return all
	})
}

// unreadable are tokens of Protocol Buffers that have to be refused (SPEC.md 6.1).
var unreadable = [][]byte{
	{0x00, 0x00}, {0x7e, 0x00}, {0x7f, 0x00}, {0x7c}, {0x7b, 0x08, 0x01}, {0x7a, 0xff, 0xff, 0x7f},
	append(append([]byte{0x78}, bytes.Repeat([]byte{0xff}, 9)...), 0x7f),
}

func (sc *scripts) splitInitial(b []byte) *wire.Parts {
	p, err := wire.SplitInitial(sc.set, b)
	if err != nil {
		panic(err) // a genuine message
	}
	return p
}

// restarts are parties that are exported and imported, at different moments.
func (sc *scripts) restarts() {
	restart := func(name, comment string, o options, flags, requirements []string, body func(s *script)) {
		sc.run("restart-"+name, comment, o, flags, append(requirements, "AMB-STA-01"), body)
	}
	restart("prekeys", "a responder restarts before the first message comes", asResponder, nil, []string{"AMB-SES-03"},
		func(s *script) {
			s.restart()
			s.reads(s.fromPeer("first"))
			s.sends("answer")
		})
	restart("initiator", "an initiator restarts before her first message, after it, and after the answer",
		asInitiator, nil,
		[]string{"AMB-SES-01", "AMB-SES-02"}, func(s *script) {
			s.restart()
			s.sends("first")
			s.restart()
			s.sends("second")
			s.reads(s.fromPeer("answer"))
			s.restart()
			s.sends("after the answer")
		})
	restart("turns", "a restart after every message", asResponder, nil, []string{"AMB-RAT-11"}, func(s *script) {
		for i := range 3 {
			m := s.fromPeer(fmt.Sprint("read ", i))
			s.reads(m)
			s.restart()
			s.refuses(m, refusal.Duplicate, refusal.Authentication)
			s.sends("answer")
			s.restart()
		}
	})
	const many = 258
	restart("stored", fmt.Sprintf("a restart with the keys of %d messages, which are read then", many), asResponder,
		[]string{"LateMessage"}, []string{"AMB-RAT-12"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			var late []*shim.Message
			for i := range many {
				late = append(late, s.fromPeer(fmt.Sprint("late ", i)))
			}
			s.reads(s.fromPeer("in time"))
			s.restart()
			for _, i := range []int{many - 1, many - 2, many - 3, many - 40, 0, 1, 127, 128} {
				if many-i <= sc.set.MaxStored {
					s.reads(late[i])
				}
			}
			s.sends("turn")
			s.reads(s.fromPeer("a new chain"))
		})
	restart("used-prekey", "a used one-time prekey is gone after a restart too", asResponder, []string{"PrekeyReuse"},
		[]string{"AMB-X3D-10", "AMB-X3D-12", "AMB-X3D-13"}, func(s *script) {
			m := s.fromPeer("first")
			s.reads(m)
			s.restart()
			s.startedAgain(m, refusal.UnknownPrekey)
		})
	if !sc.set.OneTimePrekeyRequired {
		restart("replay", "an agreement that has started a session is known after a restart too",
			options{role: "responder", noOPK: true}, []string{"Replayed"}, []string{"AMB-X3D-13"}, func(s *script) {
				m := s.fromPeer("first")
				s.reads(m)
				s.restart()
				s.startedAgain(m, refusal.Replay)
			})
	}
}

// startedAgain lets an initial message try to start another session, as if from another peer.
func (s *script) startedAgain(m *shim.Message, class shim.Class) {
	_, err := s.do(s.target, shim.SessionRespond, &shim.Params{Party: s.target.name, Peer: "another", Envelope: m})
	s.expect(err, class)
	s.reads(s.fromPeer("the session goes on"))
}
