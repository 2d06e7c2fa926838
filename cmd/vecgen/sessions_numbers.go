package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"credence/reference/params"
	"credence/reference/ratchet"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
)

// reload gives a side another state. What the target has done before is then no part of the test.
func (s *script) reload(x *side, st *ratchet.State) {
	if x == s.target {
		s.test.Steps = nil
		s.load(st.Marshal())
		return
	}
	x.adapter = adapter.New()
	_, err := x.adapter.Call(context.Background(), shim.SessionLoad, &shim.Params{
		Set: s.set.Name, Party: x.name, Peer: x.peer, State: st.Marshal(),
	})
	s.fail(err)
}

// withNewest returns a copy of a state whose newest receiving chain goes on at n.
func withNewest(st *ratchet.State, n uint64) *ratchet.State {
	c := *st
	c.Chains = slices.Clone(st.Chains)
	c.Chains[len(c.Chains)-1].N = n
	return &c
}

// numbers are chains whose length is at a boundary. The states before are loaded: nobody sends so much in a test.
func (sc *scripts) numbers() {
	for _, n := range []uint64{0, 256, 1 << 16, 1 << 31, math.MaxUint32 - 1} { // no message has a higher number
		if sc.set.PN != params.PNAbsent {
			sc.run(fmt.Sprintf("pn-sent-%d", n), fmt.Sprintf("the first message after a chain of %d", n), asResponder,
				[]string{"CounterEnd"}, []string{"AMB-RAT-05"}, func(s *script) {
					s.busy()
					s.sends("of the chain")
					st := s.target.state()
					st.Ns = n
					s.reload(s.peer, withNewest(s.peer.state(), n))
					s.reload(s.target, st)
					s.reads(s.fromPeer("a new chain"))
					s.sends("after the chain")
				})
		}
		if n < 3 {
			continue
		}
		sc.run(fmt.Sprintf("pn-read-%d", n), fmt.Sprintf("a chain of %d ends, its last messages come late", n),
			asResponder,
			[]string{"CounterEnd", "LateMessage"}, []string{"AMB-RAT-12"}, func(s *script) {
				s.busy()
				peer := s.peer.state()
				peer.Ns = n - 3
				st := withNewest(s.target.state(), n-3)
				s.reload(s.peer, peer)
				s.reload(s.target, st)
				late := []*shim.Message{s.fromPeer("late"), s.fromPeer("late too"), s.fromPeer("the last one")}
				s.sends("turn")
				s.reads(s.fromPeer("a new chain"))
				for _, i := range []int{2, 0, 1} {
					s.reads(late[i])
				}
			})
	}
	if sc.set.PN != params.PNAbsent {
		sc.claimedLengths()
	}
	sc.jumps()
}

// claimedLengths are ends of a chain that the other side lies about: pn is below, at and above what it has sent. One
// message of the chain is late; it is read if a chain of that length has it, and the session goes on in any case.
func (sc *scripts) claimedLengths() {
	skip := sc.set.MaxSkip
	for _, c := range []struct {
		pn     uint64
		stored bool // the late message, which has number 2
	}{
		{0, false}, {1, false}, {2, false}, {3, true}, {4, true}, {2 + skip, true}, {3 + skip, false},
		{4 + skip, false},
		{1<<16 + 3, false}, {1 << 31, false}, {math.MaxUint32, false},
	} {
		pn := c.pn
		if !sc.set.ClosesChains && pn != 0 && pn < 1<<31 {
			continue // nothing depends on pn there
		}
		sc.run(fmt.Sprintf("pn-claimed-%d", pn),
			fmt.Sprintf("the other side says that its chain had %d messages; message 2 of it is late", pn),
			asResponder,
			[]string{"LateMessage", "KeyLoss"}, []string{"AMB-RAT-13", "AMB-RAT-22"}, func(s *script) {
				s.reads(s.fromPeer("first"))
				s.reads(s.fromPeer("second"))
				late := s.fromPeer("late")
				s.sends("turn")
				st := s.peer.state()
				if sc.set.Lazy {
					st.Ns = pn
				} else {
					st.PN = pn
				}
				s.reload(s.peer, st)
				s.reads(s.fromPeer("a new chain"))
				if c.stored || !sc.set.ClosesChains {
					s.reads(late)
				} else {
					s.refuses(late, refusal.Duplicate, refusal.Authentication)
				}
				s.turns(1)
			})
	}
}

// jumps are the limits of SPEC.md 5.5 in a chain that begins, and in one that is not the newest.
func (sc *scripts) jumps() {
	set := sc.set
	sc.run("skip-limit-new-chain", "MAX_SKIP messages lost at the start of a new chain", asResponder, nil,
		[]string{"AMB-RAT-19"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			s.sends("turn")
			s.skip(set.MaxSkip)
			s.reads(s.fromPeer("just within the limit"))
		})
	sc.run("skip-over-limit-new-chain", "MAX_SKIP + 1 messages lost at the start of a new chain", asResponder,
		[]string{"OverLimit"}, []string{"AMB-RAT-20", "AMB-RAT-17"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			s.sends("turn")
			within := s.fromPeer("within")
			s.skip(set.MaxSkip)
			s.refuses(s.fromPeer("over the limit"), refusal.SkipLimit)
			s.reads(within)
			s.turns(1)
		})
	if set.StoredPerChain {
		sc.storedInOlderChain()
	} else {
		sc.storedOverChains()
	}
}

// storedOverChains fills the stored keys of the session from several chains; the last ones come from the end of a
// chain, so that the newest chain has none when the limit is passed.
func (sc *scripts) storedOverChains() {
	sc.run("stored-over-chains", "the stored keys of several chains pass the limit when a chain is closed",
		asResponder,
		[]string{"KeyLoss"}, []string{"AMB-RAT-21"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			oldest, second := s.fromPeer("oldest"), s.fromPeer("second oldest")
			left := uint64(sc.set.MaxStored) - 1 // one more than fits, with these two
			for left > 0 {
				n := min(left, sc.set.MaxSkip-2)
				s.skip(n)
				left -= n
				s.sends("turn")
				s.reads(s.fromPeer("a new chain"))
			}
			s.refuses(oldest, refusal.Duplicate)
			s.reads(second)
		})
}

// storedInOlderChain passes the limit of a chain that is not the newest one.
func (sc *scripts) storedInOlderChain() {
	sc.run("stored-older-chain", "the stored keys of a chain that is not the newest pass the limit", asResponder,
		[]string{"KeyLoss", "LateMessage"}, []string{"AMB-RAT-21"}, func(s *script) {
			const before = 10
			s.reads(s.fromPeer("first"))
			oldest, second := s.fromPeer("oldest"), s.fromPeer("second oldest")
			s.skip(before - 2)
			s.reads(s.fromPeer("in time"))
			s.skip(uint64(sc.set.MaxStored) - before + 1)
			last := s.fromPeer("the last of its chain")
			s.sends("turn")
			s.reads(s.fromPeer("a new chain"))
			s.reads(last)
			s.refuses(oldest, refusal.Duplicate)
			s.reads(second)
		})
}
