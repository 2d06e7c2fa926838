package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/shim"
	"credence/spec/refusal"
	"credence/vectors"
)

func sessionFile() (*vectors.File, error) {
	f := newFile("Double Ratchet sessions",
		"Sessions step by step. Every operation of the script goes to the target; output and class are what must "+
			"come of it.",
		"All private keys are given. ratchet_private is the next ratchet key: use it if the operation draws one.",
		"digest_before and digest_after are state digests (SPEC.md 5.7), for whoever can compute them.",
		"trace shows the derivations inside a step.")
	for _, set := range params.Sets() {
		sc := scripts{file: f, set: set}
		sc.flows()
		sc.limits()
		sc.mutations()
		sc.replays()
		sc.maliciousPeer()
		sc.prekeys()
		sc.states()
		sc.systematic()
		if sc.err != nil {
			return nil, sc.err
		}
		sc.addGroups()
	}
	for _, set := range params.Sets() { // younger than the other tests, and behind them in the file
		sc := scripts{file: f, set: set}
		sc.severalSessions()
		sc.twoPeers()
		if sc.addGroups(); sc.err != nil {
			return nil, sc.err
		}
	}
	return f, nil
}

// scripts collects the session tests of one set.
type scripts struct {
	file  *vectors.File
	set   *params.Set
	tests map[string][]vectors.Test // by profile
	err   error
}

// run makes a test of profile ratchet, whose target has the role.
func (sc *scripts) run(name, comment string, o options, flags, requirements []string, body func(s *script)) {
	sc.runIn("ratchet", name, comment, o, flags, requirements, body)
}

func (sc *scripts) runIn(profile, name, comment string, o options, flags, requirements []string, body func(s *script)) {
	s := newScript(
		sc.set, fmt.Sprintf("%s/%s/session/%s", profile, sc.set.Name, name), comment, o, flags, requirements...,
	)
	body(s)
	t, err := s.finished()
	if sc.err == nil {
		sc.err = err
	}
	if sc.tests == nil {
		sc.tests = map[string][]vectors.Test{}
	}
	sc.tests[profile] = append(sc.tests[profile], t)
}

func (sc *scripts) addGroups() {
	for _, profile := range []string{"x3dh", "ratchet"} {
		g := &group{
			Group: vectors.Group{Type: vectors.Session, Profile: profile, ParameterSet: sc.set.Name}, file: sc.file,
		}
		for _, t := range sc.tests[profile] {
			g.add(t)
		}
		if err := g.done(); err != nil && sc.err == nil {
			sc.err = err
		}
	}
}

var (
	asInitiator = options{role: "initiator"}
	asResponder = options{role: "responder"}
)

// flows are the sessions that go well.
func (sc *scripts) flows() {
	sc.run("initiate", "initial messages until the answer, then ratchet messages", asInitiator, nil,
		[]string{"AMB-RAT-01", "AMB-RAT-04", "AMB-RAT-16", "AMB-SES-01", "AMB-SES-02", "AMB-WIR-01"}, func(s *script) {
			for i := range 3 {
				s.sends(fmt.Sprintf("initial %d", i))
			}
			s.reads(s.fromPeer("answer"))
			s.sends("after the answer")
		})
	sc.run("respond", "the first message, an answer, the next turn", asResponder, nil,
		[]string{"AMB-RAT-02", "AMB-RAT-05", "AMB-RAT-07", "AMB-RAT-16", "AMB-SES-03", "AMB-WIR-01"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			s.sends("answer")
			s.sends("and more")
			s.reads(s.fromPeer("second turn"))
			s.sends("third turn")
		})
	sc.run("respond-second", "the second initial message comes first", asResponder, []string{"OutOfOrder"},
		[]string{"AMB-SES-03"}, func(s *script) {
			first, second, third := s.fromPeer("one"), s.fromPeer("two"), s.fromPeer("three")
			s.reads(second)
			s.reads(first)
			s.sends("answer")
			s.reads(third)
		})
	sc.run("ping-pong", "ten turns", asResponder, nil, []string{"AMB-RAT-05", "AMB-RAT-07", "AMB-KDF-01"},
		func(s *script) {
			for i := range 10 {
				s.reads(s.fromPeer(fmt.Sprintf("ping %d", i)))
				s.sends(fmt.Sprintf("pong %d", i))
			}
		})
	sc.run("one-way", "twenty messages of one chain", asResponder, nil, []string{"AMB-RAT-04", "AMB-KDF-02"},
		func(s *script) {
			for i := range 20 {
				s.reads(s.fromPeer(fmt.Sprintf("message %d", i)))
			}
		})
	sc.run("sizes", "plaintexts of many sizes, the empty one included", asResponder, nil,
		[]string{"AMB-WIR-01", "AMB-KDF-03"}, func(s *script) {
			for _, n := range []int{0, 1, 15, 16, 17, 255, 4096} {
				s.reads(s.fromPeer(string(bytes.Repeat([]byte("x"), n))))
				s.sends(string(bytes.Repeat([]byte("y"), n)))
			}
		})
	sc.run("crossing", "both sides send at the same time", asResponder, nil, []string{"AMB-SES-07"}, func(s *script) {
		s.reads(s.fromPeer("start"))
		for range 3 {
			fromPeer, own := s.fromPeer("from the peer"), s.encrypt(s.target, "from the target")
			s.reads(fromPeer)
			_, err := s.decrypt(s.peer, own)
			s.fail(err)
		}
		s.sends("after crossing")
	})
	if !sc.set.OneTimePrekeyRequired {
		sc.run("respond-no-opk", "a session without a one-time prekey", options{role: "responder", noOPK: true},
			[]string{"NoOneTimePrekey"},
			[]string{"AMB-X3D-04", "AMB-X3D-06", "AMB-SES-02"}, func(s *script) {
				s.reads(s.fromPeer("first"))
				s.sends("answer")
				s.reads(s.fromPeer("next"))
			})
		sc.run("initiate-no-opk", "a session without a one-time prekey", options{role: "initiator", noOPK: true},
			[]string{"NoOneTimePrekey"},
			[]string{"AMB-X3D-04", "AMB-X3D-05", "AMB-SES-02"}, func(s *script) {
				s.sends("first")
				s.reads(s.fromPeer("answer"))
				s.sends("next")
			})
	}
	sc.orders()
	if sc.set.PerMessage {
		sc.perMessage()
	}
}

// orders are messages in other orders than they were sent.
func (sc *scripts) orders() {
	for seed := range 4 {
		sc.run(fmt.Sprintf("shuffled-%d", seed), "twelve messages of one chain in a random order", asResponder,
			[]string{"OutOfOrder"}, []string{"AMB-RAT-10"}, func(s *script) {
				s.reads(s.fromPeer("first"))
				var messages []*shim.Message
				for i := range 12 {
					messages = append(messages, s.fromPeer(fmt.Sprintf("message %d", i)))
				}
				for _, i := range permutation(seed, len(messages)) {
					s.reads(messages[i])
				}
			})
		sc.run(fmt.Sprintf("late-%d", seed), "messages of earlier chains, late and shuffled", asInitiator,
			[]string{"LateMessage", "OutOfOrder"}, []string{"AMB-RAT-12"}, func(s *script) {
				s.sends("first")
				var late []*shim.Message
				for turn := range 3 {
					for i := range 3 {
						late = append(late, s.fromPeer(fmt.Sprintf("late %d of turn %d", i, turn)))
					}
					s.reads(s.fromPeer("in time"))
					s.sends("turn")
				}
				for _, i := range permutation(seed, len(late)) {
					s.reads(late[i])
				}
			})
	}
	sc.run("lost", "two of three messages are lost in each turn", asResponder, nil,
		[]string{"AMB-RAT-10", "AMB-RAT-22"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			for turn := range 5 {
				s.fromPeer("lost")
				s.fromPeer("lost too")
				s.reads(s.fromPeer(fmt.Sprintf("read %d", turn)))
				s.sends("answer")
			}
		})
}

func (sc *scripts) perMessage() {
	each := []string{"AMB-RAT-08"}
	sc.run("per-message-initiate", "a ratchet key for each message, as initiator",
		options{role: "initiator", cadence: "per-message"}, nil, each, func(s *script) {
			for i := range 4 {
				s.sends(fmt.Sprintf("message %d", i))
			}
			s.reads(s.fromPeer("answer"))
			for i := range 3 {
				s.sends(fmt.Sprintf("more %d", i))
			}
		})
	sc.run("per-message-respond", "a ratchet key for each message, as responder",
		options{role: "responder", cadence: "per-message"}, nil, each, func(s *script) {
			for turn := range 3 {
				for i := range 3 {
					s.reads(s.fromPeer(fmt.Sprintf("message %d.%d", turn, i)))
				}
				for i := range 3 {
					s.sends(fmt.Sprintf("answer %d.%d", turn, i))
				}
			}
		})
}

func permutation(seed, n int) []int { return rand.New(rand.NewPCG(uint64(seed), 1)).Perm(n) }

// skip lets the peer send n messages that are lost.
func (s *script) skip(n uint64) {
	for range n {
		s.fromPeer("lost")
	}
}

func (sc *scripts) limits() {
	sc.run("skip-limit", "exactly MAX_SKIP messages lost", asResponder, nil, []string{"AMB-RAT-19"}, func(s *script) {
		s.reads(s.fromPeer("first"))
		s.skip(sc.set.MaxSkip)
		s.reads(s.fromPeer("just within the limit"))
	})
	sc.run("skip-over-limit", "MAX_SKIP + 1 messages lost; the next turn is read", asResponder, []string{"OverLimit"},
		[]string{"AMB-RAT-20", "AMB-RAT-22"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			within := s.fromPeer("within")
			s.skip(sc.set.MaxSkip) // one more with the message before
			s.refuses(s.fromPeer("over the limit"), refusal.SkipLimit)
			s.reads(within)
			s.sends("turn")
			s.reads(s.fromPeer("a new chain"))
		})
	for _, n := range []uint32{1 << 31, 1<<32 - 1} {
		sc.run(fmt.Sprintf("number-%d", n), "a forged number far away", asResponder, []string{"OverLimit", "Forged"},
			[]string{"AMB-RAT-20"}, func(s *script) {
				s.reads(s.fromPeer("first"))
				genuine := s.fromPeer("genuine")
				s.refuses(s.edit(genuine, func(m []byte) []byte { return malicious.SetNumber(sc.set, m, n) }),
					refusal.SkipLimit)
				s.reads(genuine)
			})
	}
	sc.run("chains-kept", "a late message is read after four newer chains", asResponder, []string{"LateMessage"},
		[]string{"AMB-RAT-12"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			late := s.fromPeer("late")
			s.reads(s.fromPeer("in time"))
			s.turns(4)
			s.reads(late)
		})
	if sc.set.MaxChains > 0 {
		sc.run("chains-dropped", "the key of a late message is gone after five newer chains", asResponder,
			[]string{"LateMessage", "KeyLoss"}, []string{"AMB-RAT-23"}, func(s *script) {
				s.reads(s.fromPeer("first"))
				late := s.fromPeer("late")
				s.reads(s.fromPeer("in time"))
				s.turns(5)
				s.refuses(late, refusal.Authentication)
				s.reads(s.fromPeer("the session goes on"))
			})
	}
	if sc.set.ClosesChains {
		sc.closing()
	}
	sc.stored()
}

// turns lets the session take n more turns, each with a new receiving chain at the target.
func (s *script) turns(n int) {
	for i := range n {
		s.sends(fmt.Sprintf("turn %d", i))
		s.reads(s.fromPeer(fmt.Sprintf("turn %d", i)))
	}
}

// closing are the rules of the sets that close a chain at pn.
func (sc *scripts) closing() {
	sc.run("closed-chain", "a message with a number of pn or more on a closed chain", asResponder,
		[]string{"WrongRole"}, []string{"AMB-RAT-13"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			s.reads(s.fromPeer("second"))
			old := s.peerState()
			s.sends("turn")
			s.reads(s.fromPeer("a new chain"))
			beyond, err := old.Encrypt(nil, []byte("beyond pn"))
			s.fail(err)
			classes := []shim.Class{refusal.Duplicate}
			if sc.set.MaxChains == 0 {
				classes = []shim.Class{refusal.Authentication} // the empty chain is not kept
			}
			s.refuses(ratchetEnvelope(beyond), classes...)
			s.reads(s.fromPeer("the session goes on"))
		})
	sc.run("pn-over-limit",
		"more than MAX_SKIP messages lost at the end of a chain: the keys are given up, the session goes on",
		asResponder,
		[]string{"KeyLoss"}, []string{"AMB-RAT-22"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			s.skip(sc.set.MaxSkip + 1)
			s.sends("turn")
			s.reads(s.fromPeer("a new chain"))
		})
	sc.run("pn-at-limit", "MAX_SKIP messages lost at the end of a chain: the last of them is still read late",
		asResponder,
		[]string{"LateMessage"}, []string{"AMB-RAT-12", "AMB-RAT-19"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			s.skip(sc.set.MaxSkip - 1)
			last := s.fromPeer("last of its chain")
			s.sends("turn")
			s.reads(s.fromPeer("a new chain"))
			s.reads(last)
		})
}

// stored is the limit of stored keys: the oldest is dropped, the second oldest is there.
func (sc *scripts) stored() {
	sc.run("stored-dropped", "the oldest skipped key beyond the limit of stored keys is gone", asResponder,
		[]string{"KeyLoss"}, []string{"AMB-RAT-21"}, func(s *script) {
			s.reads(s.fromPeer("first"))
			oldest, second := s.fromPeer("oldest"), s.fromPeer("second oldest")
			for left := uint64(sc.set.MaxStored) - 2; left > 0; { // in as many jumps as MAX_SKIP asks for
				n := min(left, sc.set.MaxSkip-2)
				s.skip(n)
				s.reads(s.fromPeer("in the middle"))
				left -= n
			}
			s.fromPeer("one more is lost")
			s.reads(s.fromPeer("and its key stored"))
			s.refuses(oldest, refusal.Duplicate)
			s.reads(second)
		})
}

// edit changes the ratchet message in an envelope.
func (s *script) edit(e *shim.Message, change func([]byte) []byte) *shim.Message {
	if e.Kind == shim.RatchetMessage {
		return ratchetEnvelope(change(bytes.Clone(e.Body)))
	}
	m, err := wire.ParseInitial(s.set, e.Body)
	s.fail(err)
	m.Message = change(bytes.Clone(m.Message))
	return &shim.Message{Kind: shim.InitialMessage, Body: wire.EncodeInitial(s.set, m)}
}

// inner returns the ratchet message in an envelope.
func (s *script) inner(e *shim.Message) (message []byte) {
	s.edit(e, func(m []byte) []byte { message = m; return m })
	return message
}

// stages are the places of a session where a forged message can come.
var stages = []struct {
	name, comment string
	requirements  []string
	options       options
	prepare       func(s *script) (genuine *shim.Message)
}{
	{"initial", "in the first initial message", []string{"AMB-CNV-01", "AMB-X3D-11", "AMB-RAT-15"}, asResponder,
		func(s *script) *shim.Message {
			return s.fromPeer("first")
		}},
	{"chain", "in a running chain", []string{"AMB-CNV-01", "AMB-RAT-15"}, asResponder, func(s *script) *shim.Message {
		s.reads(s.fromPeer("first"))
		s.reads(s.fromPeer("second"))
		return s.fromPeer("third")
	}},
	{"turn", "under a new ratchet key", []string{"AMB-CNV-01", "AMB-RAT-15", "AMB-RAT-17"}, asResponder,
		func(s *script) *shim.Message {
			s.reads(s.fromPeer("first"))
			s.sends("turn")
			return s.fromPeer("a new chain")
		}},
	{"late", "in a message of an earlier chain whose key is stored", []string{"AMB-CNV-01", "AMB-RAT-15", "AMB-RAT-18"},
		asResponder, func(s *script) *shim.Message {
			s.reads(s.fromPeer("first"))
			late := s.fromPeer("late")
			s.reads(s.fromPeer("third"))
			s.sends("turn")
			s.reads(s.fromPeer("a new chain"))
			return late
		}},
	{"answer", "in the first answer to an initiator", []string{"AMB-CNV-01", "AMB-RAT-15", "AMB-RAT-17"}, asInitiator,
		func(s *script) *shim.Message {
			s.sends("first")
			return s.fromPeer("answer")
		}},
}

// anyForgery are the classes with which a message that somebody changed is refused.
var anyForgery = []shim.Class{
	refusal.Malformed, refusal.Authentication, refusal.Duplicate, refusal.SkipLimit, refusal.NotReady,
}

func (sc *scripts) mutations() {
	for _, stage := range stages {
		probe := newScript(sc.set, "probe", "", stage.options, nil)
		for i, m := range malicious.Mutations(sc.set, probe.inner(stage.prepare(probe))) {
			flags, requirements := []string{"Forged"}, stage.requirements
			if !m.Parses {
				flags, requirements = []string{
					"Forged", "Malformed",
				}, append([]string{"AMB-WIR-02"}, stage.requirements...)
			}
			sc.run(stage.name+"-"+m.Name, m.Comment+", "+stage.comment+"; the genuine message is read afterwards",
				stage.options, flags, requirements, func(s *script) {
					genuine := stage.prepare(s)
					forged := s.edit(
						genuine, func(b []byte) []byte { return malicious.Mutations(sc.set, b)[i].Message },
					)
					s.refuses(forged, anyForgery...)
					s.reads(genuine)
					s.turns(1)
				})
		}
	}
}

func (sc *scripts) replays() {
	replay := func(name, comment string, o options, body func(s *script)) {
		sc.run("replay-"+name, comment, o, []string{"Replayed"}, []string{"AMB-RAT-11", "AMB-CNV-01"}, body)
	}
	used := []shim.Class{refusal.Duplicate, refusal.Authentication}
	replay("at-once", "a message twice in a row", asInitiator, func(s *script) {
		s.sends("first")
		m := s.fromPeer("once")
		s.reads(m)
		s.refuses(m, refusal.Duplicate)
		s.reads(s.fromPeer("next"))
	})
	replay("later", "a message again after three others", asInitiator, func(s *script) {
		s.sends("first")
		m := s.fromPeer("once")
		s.reads(m)
		for range 3 {
			s.reads(s.fromPeer("other"))
		}
		s.refuses(m, refusal.Duplicate)
		s.reads(s.fromPeer("next"))
	})
	replay("after-turn", "a message again after a turn", asInitiator, func(s *script) {
		s.sends("first")
		m := s.fromPeer("once")
		s.reads(m)
		s.turns(1)
		s.refuses(m, used...)
		s.reads(s.fromPeer("next"))
	})
	replay("after-turns", "a message again after six turns", asInitiator, func(s *script) {
		s.sends("first")
		m := s.fromPeer("once")
		s.reads(m)
		s.turns(6)
		s.refuses(m, used...)
		s.reads(s.fromPeer("next"))
	})
	replay("late", "a late message twice", asInitiator, func(s *script) {
		s.sends("first")
		m := s.fromPeer("late")
		s.reads(s.fromPeer("in time"))
		s.reads(m)
		s.refuses(m, refusal.Duplicate)
		s.reads(s.fromPeer("next"))
	})
	replay("late-after-turn", "a late message of an earlier chain twice", asInitiator, func(s *script) {
		s.sends("first")
		m, kept := s.fromPeer("late"), s.fromPeer("late too")
		s.reads(s.fromPeer("in time"))
		s.turns(1)
		s.reads(m)
		s.refuses(m, used...)
		s.reads(kept)
	})
	replay("initial", "an initial message again, to the session that it started", asResponder, func(s *script) {
		m := s.fromPeer("first")
		s.reads(m)
		s.refuses(m, refusal.Duplicate)
		s.reads(s.fromPeer("next"))
	})
	sc.run("reflected", "a message comes back to its sender", asInitiator, []string{"WrongRole"},
		[]string{"AMB-SES-06", "AMB-CNV-01"}, func(s *script) {
			s.sends("first")
			s.reads(s.fromPeer("answer"))
			s.refuses(s.sends("own"), refusal.Authentication)
			s.reads(s.fromPeer("next"))
		})
	sc.run("other-session", "a message of another session", asInitiator, []string{"WrongRole"},
		[]string{"AMB-SES-06", "AMB-CNV-01"}, func(s *script) {
			other := newScript(sc.set, s.test.ID+" other", "", asInitiator, nil)
			other.sends("first")
			s.sends("first")
			s.refuses(other.fromPeer("not for this session"), refusal.Authentication)
			s.reads(s.fromPeer("next"))
		})
}

// maliciousPeer are messages that authenticate and break a rule.
func (sc *scripts) maliciousPeer() {
	evil := func(s *script, key primitive.PublicKey, dh func(target primitive.PublicKey) []byte) *shim.Message {
		s.reads(s.fromPeer("first"))
		before := s.peerState()
		answer := s.sends("turn")
		h, err := before.Header(s.inner(answer))
		s.fail(err)
		message, err := malicious.NewChain(before, h.Key, key, dh(h.Key), []byte("evil"))
		s.fail(err)
		return ratchetEnvelope(message)
	}
	for i, u := range malicious.LowOrderKeys(sc.set) {
		sc.run(fmt.Sprintf("low-order-ratchet-key-%d", i),
			fmt.Sprintf("a message that authenticates under the ratchet key u = %x", u), asResponder,
			[]string{"LowOrderKey"}, []string{"AMB-KEY-01", "AMB-CNV-01"}, func(s *script) {
				s.refuses(evil(s, u, func(primitive.PublicKey) []byte { return make([]byte, 32) }), refusal.LowOrderKey)
				s.reads(s.fromPeer("genuine"))
			})
	}
	if sc.set.Canonical {
		sc.run("non-canonical-ratchet-key", "a message that authenticates under a ratchet key with bit 255 set",
			asResponder,
			[]string{"NonCanonicalKey"}, []string{"AMB-KEY-02", "AMB-CNV-01"}, func(s *script) {
				k := key(s.keyName(s.peer, "evil"))
				message := evil(s, malicious.NonCanonical(public(k)), func(target primitive.PublicKey) []byte {
					dh, err := primitive.DH(privateKey(k), target)
					s.fail(err)
					return dh
				})
				s.refuses(message, refusal.NonCanonicalKey)
				s.reads(s.fromPeer("genuine"))
			})
	}
	if sc.set.Cipher == params.AESCBC {
		sc.run("bad-padding", "a right tag over a ciphertext without padding", asResponder, []string{"BadPadding"},
			[]string{"AMB-AEA-02", "AMB-CNV-01"}, func(s *script) {
				s.reads(s.fromPeer("first"))
				bad, err := malicious.Rewrapped(
					s.peerState(), []byte("padded"), func(p *wire.Parts, _ primitive.CBCKeys) {
						p.Set("ciphertext", secret("no padding")[:16])
					})
				s.fail(err)
				s.refuses(ratchetEnvelope(bad), refusal.Authentication)
				s.reads(s.fromPeer("genuine"))
			})
	}
}
