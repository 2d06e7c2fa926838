package main

import (
	"fmt"
	"math/rand/v2"

	"credence/internal/malicious"
	"credence/reference/params"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
	"credence/vectors"
)

func followerFile() (*vectors.File, error) {
	f := newFile("Double Ratchet passive follower",
		"Secrets in, a stream of messages, the state digest after each: a session is started from a shared secret, "+
			"and then it",
		"only receives. In ambassador-v1 the sender takes a new ratchet key for every message or for none; in the "+
			"other sets",
		"there is one chain. Messages come out of order, late, twice, forged and not at all.")
	for _, set := range params.Sets() {
		g := &group{Group: vectors.Group{Type: vectors.Follower, Profile: "ratchet", ParameterSet: set.Name}, file: f}
		for seed := range 6 {
			t, err := followerTest(set, seed, "per-turn")
			if err != nil {
				return nil, err
			}
			g.add(t)
		}
		if set.PerMessage {
			for seed := range 4 {
				t, err := followerTest(set, seed, "per-message")
				if err != nil {
					return nil, err
				}
				g.add(t)
			}
		}
		if err := g.done(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// follower is a script whose session starts from a shared secret.
type follower struct {
	*script
	random  *rand.Rand
	pending []*shim.Message
	read    []*shim.Message
}

func followerTest(set *params.Set, seed int, cadence string) (vectors.Test, error) {
	fw := newFollower(set, seed, cadence)
	for i := range 40 {
		fw.pending = append(fw.pending, fw.fromPeer(fmt.Sprintf("message %d", i)))
		fw.event(cadence)
	}
	for len(fw.pending) > 0 {
		fw.readPending(0)
	}
	fw.test.Result, fw.test.Class = vectors.Valid, "" // a stream with refusals in it
	return fw.test, fw.err
}

// newFollower makes both ends of the session. The target is the responder.
func newFollower(set *params.Set, seed int, cadence string) *follower {
	id := fmt.Sprintf("ratchet/%s/follower/%s-%d", set.Name, cadence, seed)
	s := &script{
		set:    set,
		target: &side{adapter: adapter.New(), name: "target", peer: "peer", set: set},
		peer:   &side{adapter: adapter.New(), name: "peer", peer: "target", set: set},
		test: vectors.Test{
			ID: id, Comment: "a stream of forty messages", Flags: []string{"OutOfOrder", "Replayed", "Forged"},
			Result:       vectors.Valid,
			Requirements: []string{"AMB-RAT-10", "AMB-RAT-11", "AMB-CNV-01", "AMB-STA-02"},
		},
	}
	start := shim.Params{
		Set: set.Name, SharedSecret: append(secret(id+" SK"), secret(id+" CK")...)[:set.AgreementSize],
		AssociatedData: associatedData(set, id), Cadence: cadence,
	}
	initiator, responder := start, start
	spk, t := key(id+" SPK"), s.ratchetKey(s.peer, 1)
	initiator.Party, initiator.Peer, initiator.Role = s.peer.name, s.peer.peer, "initiator"
	initiator.RatchetPrivate = t
	responder.Party, responder.Peer, responder.Role = s.target.name, s.target.peer, "responder"
	if set.Start == params.Olm {
		responder.RatchetPublic = set.Encode(public(t))
	} else {
		responder.RatchetPrivate = spk
		initiator.RatchetPublic = set.Encode(public(spk))
	}
	_, err := s.do(s.peer, shim.SessionStart, &initiator)
	s.fail(err)
	s.peer.drawn = 1
	_, err = s.do(s.target, shim.SessionStart, &responder)
	s.fail(err)
	return &follower{script: s, random: rand.New(rand.NewPCG(uint64(seed), 2))}
}

// event lets something happen to the pending messages. With a ratchet key for each message the order must be kept.
func (fw *follower) event(cadence string) {
	if cadence == "per-message" {
		if fw.random.IntN(3) == 0 {
			fw.forge(fw.pending[0])
		}
		fw.readPending(0)
		if fw.random.IntN(4) == 0 {
			fw.replay()
		}
		return
	}
	switch fw.random.IntN(8) {
	case 0, 1: // delayed
	case 2:
		fw.pending = fw.pending[1:] // lost
	case 3:
		fw.forge(fw.pending[fw.random.IntN(len(fw.pending))])
	case 4:
		fw.replay()
	default:
		fw.readPending(fw.random.IntN(len(fw.pending)))
	}
}

func (fw *follower) readPending(i int) {
	m := fw.pending[i]
	fw.pending = append(fw.pending[:i:i], fw.pending[i+1:]...)
	fw.reads(m)
	fw.read = append(fw.read, m)
}

func (fw *follower) replay() {
	if len(fw.read) > 0 {
		fw.refuses(fw.read[fw.random.IntN(len(fw.read))], refusal.Duplicate, refusal.Authentication)
	}
}

// forge sends a changed copy of a genuine message.
func (fw *follower) forge(m *shim.Message) {
	mutations := malicious.Mutations(fw.set, m.Body)
	fw.refuses(ratchetEnvelope(mutations[fw.random.IntN(len(mutations))].Message), anyForgery...)
}

// canaryFile takes a vector of each kind and spoils what it expects.
func canaryFile(files map[string][]byte) (*vectors.File, error) {
	f := newFile("Canary",
		"Wrong on purpose. A loop over vectors that runs these and does not report every one as a failure is asleep:",
		"it compares nothing, skips silently, or takes every refusal for the right one.")
	f.Notes["Canary"] = flagNotes["Canary"]
	for _, g := range generators {
		parsed, err := vectors.Parse(files[g.name])
		if err != nil {
			return nil, err
		}
		for _, group := range parsed.TestGroups {
			group.Tests = spoiled(group)
			f.NumberOfTests += len(group.Tests)
			f.TestGroups = append(f.TestGroups, group)
		}
	}
	return f, nil
}

// spoiled returns the first valid and the first invalid test of a group, spoiled.
func spoiled(g vectors.Group) []vectors.Test {
	var out []vectors.Test
	for _, want := range []vectors.Result{vectors.Valid, vectors.Invalid} {
		for _, t := range g.Tests {
			if t.Result == want {
				t.ID = "canary/" + t.ID
				t.Comment, t.Flags = "wrong on purpose: "+t.Comment, []string{"Canary"}
				spoil(&t)
				out = append(out, t)
				break
			}
		}
	}
	return out
}

func spoil(t *vectors.Test) {
	if t.Input != nil {
		t.Result, t.Class, t.Output = spoiledOutcome(t.Result, t.Output)
		return
	}
	var last *vectors.Step
	for i := range t.Steps {
		s := &t.Steps[i]
		checked := s.Result == vectors.Invalid || s.Output != nil && s.Output.Plaintext != nil
		if last == nil || checked && (s.Result == vectors.Invalid) == (t.Result == vectors.Invalid) {
			last = s
		}
	}
	last.Result, last.Class, last.Output = spoiledOutcome(last.Result, last.Output)
}

// spoiledOutcome turns a refusal into a result, a bare acceptance into a refusal, and flips a bit of any other result.
func spoiledOutcome(r vectors.Result, out *shim.Result) (vectors.Result, shim.Class, *shim.Result) {
	if r == vectors.Invalid {
		return vectors.Valid, "", &shim.Result{}
	}
	c := *out
	for _, b := range []*shim.Bytes{
		&c.Signature, &c.SharedSecret, &c.RootKey, &c.MessageKey, &c.Message, &c.Digest, c.Plaintext,
	} {
		if b != nil && *b != nil {
			flipped := append(shim.Bytes{}, *b...)
			if len(flipped) == 0 {
				flipped = shim.Bytes{0}
			} else {
				flipped[0] ^= 1
			}
			if b == c.Plaintext {
				c.Plaintext = &flipped
			} else {
				*b = flipped
			}
			return vectors.Valid, "", &c
		}
	}
	if c.Envelope != nil {
		body := append(shim.Bytes{}, c.Envelope.Body...)
		body[len(body)-1] ^= 1
		c.Envelope = &shim.Message{Kind: c.Envelope.Kind, Body: body}
		return vectors.Valid, "", &c
	}
	return vectors.Invalid, shim.Class(refusal.Authentication), nil
}
