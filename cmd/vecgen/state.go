package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"

	"credence/reference/params"
	"credence/reference/ratchet"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
	"credence/vectors"
)

// states are tests that start from a canonical state (SPEC.md 5.7), and the session that may not send yet.
func (sc *scripts) states() {
	sc.run("canonical-state", "a canonical state is loaded, and read on from", asResponder, nil,
		[]string{"AMB-STA-01", "AMB-STA-02"}, func(s *script) {
			s.busy()
			encoded := s.target.state().Marshal()
			s.test.Steps = nil // the session goes on from the loaded state
			s.load(encoded)
			s.reads(s.fromPeer("next"))
			s.sends("answer")
		})
	sc.run("counter-end", "message number 2^32 - 2 is sent, and no further one", asResponder, []string{"CounterEnd"},
		[]string{"AMB-RAT-09", "AMB-CNV-01"}, func(s *script) {
			s.busy()
			s.sends("of the chain")
			last := s.target.state()
			last.Ns = math.MaxUint32 - 1
			s.test.Steps = nil
			s.load(last.Marshal())
			s.encrypt(s.target, "the last one")
			_, err := s.do(
				s.target, shim.SessionEncrypt,
				&shim.Params{Party: s.target.name, Peer: s.target.peer, Plaintext: []byte("one too many")},
			)
			s.expect(err, refusal.Exhausted)
		})
	for _, n := range []uint64{1<<16 - 1, 1<<31 - 1, math.MaxUint32 - 2} {
		sc.run(fmt.Sprintf("counter-%d", n), fmt.Sprintf("messages %d and %d are read, the second one first", n, n+1),
			asResponder, []string{"CounterEnd"}, []string{"AMB-RAT-10", "AMB-RAT-12"}, func(s *script) {
				s.busy()
				st, peer := s.target.state(), s.peer.state()
				st.Chains = slices.Clone(st.Chains)
				st.Chains[len(st.Chains)-1].N, peer.Ns = n, n
				s.peer.adapter = adapter.New()
				_, err := s.peer.adapter.Call(
					context.Background(), shim.SessionLoad,
					&shim.Params{Set: s.set.Name, Party: s.peer.name, Peer: s.peer.peer, State: peer.Marshal()},
				)
				s.fail(err)
				s.test.Steps = nil
				s.load(st.Marshal())
				late := s.fromPeer("the first of the two")
				s.reads(s.fromPeer("the second of the two"))
				s.reads(late)
			})
	}
	sc.malformedStates()
	if sc.set.Start == params.Specification {
		sc.notReady()
	}
}

// busy brings the target's state to one with a skipped key and two chains.
func (s *script) busy() {
	s.reads(s.fromPeer("first"))
	s.fromPeer("lost")
	s.reads(s.fromPeer("third"))
	s.sends("turn")
	s.reads(s.fromPeer("a new chain"))
}

// load replaces the target by one that loads the state.
func (s *script) load(encoded []byte) {
	s.target.adapter = adapter.New()
	_, err := s.do(s.target, shim.SessionLoad, s.loadParams(encoded))
	s.fail(err)
}

func (s *script) loadParams(encoded []byte) *shim.Params {
	return &shim.Params{Set: s.set.Name, Party: s.target.name, Peer: s.target.peer, State: encoded}
}

// expect makes the test an invalid one, whose last step was refused.
func (s *script) expect(err error, class shim.Class) {
	if classOf(err) != class {
		s.fail(fmt.Errorf("class %s expected, got %v", class, err))
	}
	s.test.Result, s.test.Class = vectors.Invalid, class
}

// malformedStates are neighbours of a canonical state.
func (sc *scripts) malformedStates() {
	changes := []struct {
		name, comment string
		change        func(b []byte, st *ratchet.State) []byte
	}{
		{"empty", "no bytes at all", func([]byte, *ratchet.State) []byte { return []byte{} }},
		{"truncated", "last byte missing", func(b []byte, _ *ratchet.State) []byte { return b[:len(b)-1] }},
		{"half", "second half missing", func(b []byte, _ *ratchet.State) []byte { return b[:len(b)/2] }},
		{"extended", "a zero byte appended", func(b []byte, _ *ratchet.State) []byte { return append(b, 0) }},
		{"unknown-set", "the name of no set", func(b []byte, _ *ratchet.State) []byte { b[1] ^= 0x20; return b }},
		{"role", "role 3", func(b []byte, st *ratchet.State) []byte { b[1+len(st.Set.Name)] = 3; return b }},
		{"role-zero", "role 0", func(b []byte, st *ratchet.State) []byte { b[1+len(st.Set.Name)] = 0; return b }},
		{"cadence", "cadence 0", func(b []byte, st *ratchet.State) []byte { b[2+len(st.Set.Name)] = 0; return b }},
		{"key-length", "a private key of 31 bytes", func(b []byte, st *ratchet.State) []byte {
			at := bytes.Index(b, st.DHs.Bytes())
			b[at-1] = 31
			return append(b[:at:at], b[at+1:]...)
		}},
	}
	for _, c := range changes {
		sc.run("state-"+c.name, "a canonical state changed: "+c.comment, asResponder, []string{"CanonicalState"},
			[]string{"AMB-STA-03"}, func(s *script) {
				s.busy()
				s.sends("turn")
				st := s.target.state()
				bad := c.change(st.Marshal(), st)
				s.test.Steps = nil
				s.target.adapter = adapter.New()
				_, err := s.do(s.target, shim.SessionLoad, s.loadParams(bad))
				s.expect(err, refusal.Malformed)
			})
	}
}

// notReady is a responder from a shared secret who sends first.
func (sc *scripts) notReady() {
	sc.run("responder-sends-first", "a responder sends before he has received", asResponder, []string{"NotReady"},
		[]string{"AMB-RAT-03"}, func(s *script) {
			s.test.Steps = nil
			s.target.adapter = adapter.New()
			_, err := s.do(s.target, shim.SessionStart, &shim.Params{
				Set: sc.set.Name, Party: s.target.name, Peer: s.target.peer, Role: "responder",
				SharedSecret:   secret("SK"),
				AssociatedData: associatedData(sc.set, "not ready"), RatchetPrivate: key("SPK"),
			})
			s.fail(err)
			_, err = s.do(
				s.target, shim.SessionEncrypt,
				&shim.Params{Party: s.target.name, Peer: s.target.peer, Plaintext: []byte("too early")},
			)
			s.expect(err, refusal.NotReady)
		})
}
