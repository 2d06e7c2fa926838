package main

import (
	"bytes"
	"fmt"
	"slices"

	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
	"credence/vectors"
)

// glare is what a script with several sessions needs beside: both sides have bundles, with a one-time prekey for each
// start of the other.
type glare struct {
	bundles map[*side]*shim.Bundle
	keys    map[*side][]shim.Bytes // ephemeral keys of the sessions that a side has
}

// severalSessions are the tests of SPEC.md 6.2. In each of them the target has a party and its bundle first.
func (sc *scripts) severalSessions() {
	sc.bothStart()
	sc.startsAnew()
	sc.kept()
	sc.archived()
}

// glare makes a test in which nobody has started a session yet.
func (sc *scripts) glare(name, comment string, flags, requirements []string, body func(s *script)) {
	s := &script{
		set:    sc.set,
		target: &side{adapter: adapter.New(), name: "target", peer: "peer", set: sc.set},
		peer:   &side{adapter: adapter.New(), name: "peer", peer: "target", set: sc.set},
		test: vectors.Test{
			ID:      fmt.Sprintf("ratchet/%s/session/%s", sc.set.Name, name),
			Comment: comment, Flags: flags, Requirements: requirements, Result: vectors.Valid,
		},
		glare: &glare{map[*side]*shim.Bundle{}, map[*side][]shim.Bytes{}},
	}
	for _, x := range []*side{s.target, s.peer} {
		s.glare.bundles[x] = s.party(x, true, "")
	}
	body(s)
	t, err := s.finished()
	if sc.err == nil {
		sc.err = err
	}
	if sc.tests == nil {
		sc.tests = map[string][]vectors.Test{}
	}
	sc.tests["ratchet"] = append(sc.tests["ratchet"], t)
}

// oneTimePrekeys returns the private one-time prekeys of a side: as many as the other side can have sessions, and one.
func (s *script) oneTimePrekeys(x *side) (keys []shim.Bytes) {
	for i := range s.set.MaxSessions + 1 {
		keys = append(keys, key(s.keyName(x, fmt.Sprintf("OPK %d", i+1))))
	}
	return keys
}

// starts reports whether an initial message carries the keys of no session that the side has.
func (g *glare) starts(x *side, e *shim.Message) bool {
	if e.Kind != shim.InitialMessage {
		return false
	}
	m, err := wire.ParseInitial(x.set, e.Body)
	return err == nil && !slices.ContainsFunc(g.keys[x], func(k shim.Bytes) bool { return bytes.Equal(k, m.Ephemeral) })
}

// starts lets a side start a session from the bundle of the other, with its next one-time prekey.
func (s *script) starts(x *side) {
	other := s.target
	if x == s.target {
		other = s.peer
	}
	b := *s.glare.bundles[other]
	b.OneTimePrekey = s.set.Encode(primitive.PublicKey(public(s.oneTimePrekeys(other)[x.started])))
	if !s.set.OneTimePrekeyByKey {
		b.OneTimePrekeyID = uint32(x.started) + 1
	}
	x.started++
	ek := key(s.keyName(x, fmt.Sprintf("EK %d", x.started)))
	x.drawn++
	drawn := x.drawn
	_, err := s.do(x, shim.SessionInitiate, &shim.Params{
		Party: x.name, Peer: x.peer, Bundle: &b, EphemeralPrivate: ek, RatchetPrivate: s.ratchetKey(x, drawn),
	})
	s.fail(err)
	s.glare.keys[x] = append(s.glare.keys[x], s.set.Encode(public(ek)))
}

// reach lets a side read a message. If it starts a session, the side knows its key from then on.
func (s *script) reach(x *side, e *shim.Message) {
	starts := s.glare.starts(x, e)
	_, err := s.decrypt(x, e)
	s.fail(err)
	if m, failed := wire.ParseInitial(s.set, e.Body); starts && failed == nil {
		s.glare.keys[x] = append(s.glare.keys[x], bytes.Clone(m.Ephemeral))
	}
}

// ping lets the peer send and the target read; pong is the other way.
func (s *script) ping(text string) { s.reach(s.target, s.fromPeer(text)) }
func (s *script) pong(text string) { s.reach(s.peer, s.encrypt(s.target, text)) }

// restart exports the target, makes it forget everything, and imports it.
func (s *script) restart() {
	state := s.target.adapterExport()
	for _, step := range []struct {
		op shim.Op
		p  shim.Params
	}{
		{shim.PartyExport, shim.Params{Party: s.target.name}},
		{shim.Reset, shim.Params{}},
		{shim.PartyImport, shim.Params{Set: s.set.Name, Party: s.target.name, State: state}},
	} {
		_, err := s.do(s.target, step.op, &step.p)
		s.fail(err)
		last := &s.test.Steps[len(s.test.Steps)-1]
		last.DigestBefore, last.DigestAfter = nil, nil
		last.Input.State = nil
		if last.Output = nil; step.op == shim.PartyImport {
			last.Input.State = shim.Bytes{} // what an export looks like is the target's affair
		}
	}
}

// bothStart are starts of both sides that cross.
func (sc *scripts) bothStart() {
	requirements := []string{"AMB-SES-09", "AMB-SES-10", "AMB-SES-11", "AMB-SES-12"}
	crossing := func(s *script, between func()) {
		s.starts(s.target)
		s.starts(s.peer)
		between()
		for i := range 3 {
			own := s.encrypt(s.target, fmt.Sprint("from the target ", i))
			other := s.fromPeer(fmt.Sprint("from the peer ", i))
			s.reach(s.target, other)
			s.reach(s.peer, own)
			between()
		}
		s.ping("does not cross")
		between()
		for i := range 2 {
			s.pong(fmt.Sprint("in one session ", i))
			s.ping(fmt.Sprint("in one session ", i))
		}
	}
	sc.glare("both-start", "both sides start at once; three rounds cross, then one message does not", nil, requirements,
		func(s *script) { crossing(s, func() {}) })
	sc.glare("both-start-restart", "both sides start at once, and the target restarts after every round", nil,
		requirements, func(s *script) { crossing(s, s.restart) })
	sc.glare("both-start-lost", "both sides start at once, and the first message of each is lost", nil, requirements,
		func(s *script) {
			s.starts(s.target)
			s.starts(s.peer)
			s.encrypt(s.target, "lost")
			s.fromPeer("lost")
			own := s.encrypt(s.target, "second of the target")
			s.ping("second of the peer")
			s.reach(s.peer, own)
			s.pong("crosses nothing")
			s.ping("answer")
		})
}

// startsAnew are starts beside a session that is there.
func (sc *scripts) startsAnew() {
	sc.glare("start-anew", "the peer starts again and again; messages of the earlier sessions are read late", nil,
		[]string{"AMB-SES-09", "AMB-SES-10", "AMB-SES-11"}, func(s *script) {
			var late []*shim.Message
			for i := range 3 {
				s.starts(s.peer)
				s.ping(fmt.Sprint("start ", i))
				s.pong("answer")
				late = append(late, s.fromPeer("late"))
			}
			for _, m := range late {
				s.reach(s.target, m)
				s.pong("answer in the session heard last")
			}
		})
	sc.glare("start-anew-target", "the target starts again before anything was read; its initial messages are of the "+
		"new session, until it hears from the old one", nil,
		[]string{"AMB-SES-09", "AMB-SES-11"}, func(s *script) {
			s.starts(s.target)
			s.pong("first")
			answer := s.fromPeer("answer")
			s.starts(s.target)
			s.encrypt(s.target, "in the new session, lost")
			s.reach(s.target, answer)
			s.pong("in the first session")
		})
	sc.glare("other-session-stays", "a message under a new ratchet key of an archived session is read, and the "+
		"session that was the current one goes on", nil, []string{"AMB-SES-09", "AMB-SES-15"}, func(s *script) {
		s.starts(s.target)
		s.pong("first")
		old := s.fromPeer("answer in the first session")
		s.starts(s.peer)
		s.ping("second session")
		s.pong("answer")
		next := s.fromPeer("a new chain of the second session")
		s.reach(s.target, old)
		s.reach(s.target, next)
		s.pong("answer")
		s.ping("and on")
	})
	sc.glare("several-forged", "a forged message is refused by all of two sessions, which go on", []string{"Forged"},
		[]string{"AMB-SES-15", "AMB-CNV-01"}, func(s *script) {
			s.starts(s.peer)
			s.ping("first")
			s.pong("answer")
			old := s.fromPeer("late in the first session")
			s.starts(s.target)
			s.pong("second session")
			current := s.fromPeer("in the second session")
			for _, m := range []*shim.Message{old, current} {
				forged := s.edit(m, func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
				s.refuses(forged, anyForgery...)
			}
			s.reach(s.target, current)
			s.reach(s.target, old)
			s.pong("and on")
		})
}

// kept is the number of sessions.
func (sc *scripts) kept() {
	n := sc.set.MaxSessions
	comment := fmt.Sprintf("with %d sessions the oldest is read; with one more the one that was used the longest ago "+
		"is gone", n)
	sc.glare("sessions-kept", comment, []string{"KeyLoss"}, []string{"AMB-SES-09", "AMB-SES-13"}, func(s *script) {
		s.starts(s.target)
		s.pong("first session")
		oldest, again := s.fromPeer("late in the first session"), s.fromPeer("later in the first session")
		s.starts(s.target)
		s.pong("second session")
		second := s.fromPeer("too late in the second session")
		for range n - 2 {
			s.starts(s.target)
		}
		s.reach(s.target, oldest)
		s.starts(s.target)
		s.refuses(second, refusal.Authentication)
		s.reach(s.target, again)
		s.pong("in the first session")
	})
}

// archived is the time after which an archived session goes.
func (sc *scripts) archived() {
	if sc.set.ArchiveChains == 0 {
		return
	}
	sc.glare("archive-ends", "an archived session is read after four receiving chains of others, and gone after five",
		[]string{"KeyLoss"}, []string{"AMB-SES-14"}, func(s *script) {
			s.starts(s.peer)
			s.ping("first session")
			late, tooLate := s.fromPeer("late in the first session"), s.fromPeer("too late in the first session")
			s.starts(s.peer)
			turns := func(n int) {
				for range n {
					s.ping("a chain of the second session")
					s.pong("answer")
				}
			}
			turns(sc.set.ArchiveChains - 1)
			s.reach(s.target, late)
			s.pong("in the first session")
			s.ping("which is heard")
			s.starts(s.peer)
			turns(sc.set.ArchiveChains)
			s.refuses(tooLate, refusal.Authentication)
			s.ping("the other goes on")
		})
}
