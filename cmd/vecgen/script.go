package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"credence/reference/params"
	"credence/reference/ratchet"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/vectors"
)

// side is one end of a session. Every private key that it draws has a name, so that a vector can give it.
type side struct {
	adapter *adapter.Adapter
	name    string
	peer    string
	set     *params.Set
	drawn   int // ratchet keys drawn so far
	started int // sessions that it has initiated
}

// script is a session test in the making: what the target does is recorded, what its peer does is not.
type script struct {
	set    *params.Set
	target *side
	peer   *side
	test   vectors.Test
	start  ratchetStart
	asked  options
	err    error

	glare *glare // in tests with several sessions
}

// ratchetStart is what the trace of a session's first step needs.
type ratchetStart struct {
	identity, spk, opk, ephemeral shim.Bytes // private keys
	bundle                        *shim.Bundle
}

// options shape a script.
type options struct {
	role         string // of the target
	noOPK        bool
	cadence      string
	signed       uint32               // id of signed prekeys, if not the usual one
	registration uint32               // registration id, if not the usual one
	prekeys      int                  // how many one-time prekeys the responder has, if more than one
	bundle       func(b *shim.Bundle) // changes what the initiator gets
}

func newScript(set *params.Set, id, comment string, o options, flags []string, requirements ...string) *script {
	s := &script{
		set:    set,
		target: &side{adapter: adapter.New(), name: "target", peer: "peer", set: set},
		peer:   &side{adapter: adapter.New(), name: "peer", peer: "target", set: set},
		test:   vectors.Test{ID: id, Comment: comment, Flags: flags, Requirements: requirements, Result: vectors.Valid},
	}
	if s.test.Flags == nil {
		s.test.Flags = []string{}
	}
	s.open(o)
	return s
}

func (s *script) fail(err error) {
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("%s: %w", s.test.ID, err)
	}
}

// keyName names the private keys of a side: they differ from test to test.
func (s *script) keyName(x *side, what string) string { return s.test.ID + " " + x.name + " " + what }

// open makes both parties and the initiator's session. The initiator's name is the role of the target.
func (s *script) open(o options) {
	initiator, responder := s.target, s.peer
	if o.role == "responder" {
		initiator, responder = s.peer, s.target
	}
	s.asked = o
	bundle := s.party(responder, !o.noOPK, o.cadence)
	if o.bundle != nil {
		o.bundle(bundle)
	}
	s.party(initiator, false, o.cadence)
	p := &shim.Params{
		Party: initiator.name, Peer: initiator.peer, Bundle: bundle, EphemeralPrivate: key(s.keyName(initiator, "EK")),
		RatchetPrivate: s.ratchetKey(initiator, 1),
	}
	s.start = ratchetStart{
		identity: key(s.keyName(responder, "IK")), spk: key(s.keyName(responder, "SPK")),
		opk: key(s.keyName(responder, "OPK")), ephemeral: p.EphemeralPrivate, bundle: bundle,
	}
	s.do(initiator, shim.SessionInitiate, p)
	initiator.drawn = 1
}

func (s *script) ratchetKey(x *side, n int) shim.Bytes {
	return key(s.keyName(x, fmt.Sprintf("ratchet %d", n)))
}

func (s *script) party(x *side, opk bool, cadence string) *shim.Bundle {
	p := &shim.Params{Set: s.set.Name, Party: x.name, Cadence: cadence, IdentityPrivate: key(s.keyName(x, "IK"))}
	if s.set.SignedPrekey {
		p.SignedPrekeyPrivate, p.SignedPrekeyID, p.Random = key(s.keyName(x, "SPK")), cmp.Or(s.asked.signed, 7),
			random64(s.test.ID)
	}
	if opk {
		p.OneTimePrekeys = []shim.Bytes{key(s.keyName(x, "OPK"))}
		for id := 2; id <= s.asked.prekeys; id++ {
			p.OneTimePrekeys = append(p.OneTimePrekeys, s.oneTimePrivate(x, id))
		}
	}
	if s.glare != nil {
		p.OneTimePrekeys = s.oneTimePrekeys(x)
	}
	if s.set.RegistrationID {
		p.RegistrationID = cmp.Or(s.asked.registration, 4711)
	}
	r, err := s.do(x, shim.PartyNew, p)
	s.fail(err)
	if err != nil {
		return &shim.Bundle{}
	}
	return r.Bundle
}

// oneTimePrivate returns a one-time prekey of a side after the first.
func (s *script) oneTimePrivate(x *side, id int) shim.Bytes {
	return key(s.keyName(x, fmt.Sprint("OPK ", id)))
}

// do performs an operation on a side, and records it if the side is the target.
func (s *script) do(x *side, op shim.Op, p *shim.Params) (*shim.Result, error) {
	complete := p.Complete(op)
	p = &complete
	before := x.state()
	r, err := x.adapter.Call(context.Background(), op, p)
	after := x.state()
	if before != nil && after != nil && drew(before, after) {
		x.drawn++
	}
	if op == shim.SessionRespond && err == nil && before == nil && !s.set.Lazy {
		x.drawn++
	}
	if x != s.target {
		return r, err
	}
	step := vectors.Step{Op: op, Input: s.trimmed(op, p, before, after), Result: vectors.Valid, Output: r}
	if err != nil {
		step.Result, step.Class, step.Output = vectors.Invalid, classOf(err), nil
	} else if s.glare == nil {
		step.Trace = s.trace(op, p, before, after)
	}
	if before != nil {
		step.DigestBefore = before.Digest()
	}
	if after != nil {
		step.DigestAfter = after.Digest()
	}
	s.test.Steps = append(s.test.Steps, step)
	return r, err
}

// state returns a copy of the ratchet state, nil if there is none.
func (x *side) state() *ratchet.State {
	st, err := x.adapter.State(x.name, x.peer)
	if err != nil {
		return nil
	}
	c := *st
	return &c
}

func drew(before, after *ratchet.State) bool {
	return after.DHs != nil && (before.DHs == nil || !before.DHs.Equal(after.DHs))
}

// trimmed leaves the next ratchet key in the parameters only where an implementation may draw one: on the first
// message of a turn, received or sent.
func (s *script) trimmed(op shim.Op, p *shim.Params, before, after *ratchet.State) *shim.Params {
	if p.RatchetPrivate == nil || op == shim.SessionInitiate || op == shim.SessionRespond || op == shim.SessionStart {
		return p
	}
	q := *p
	newTurn := op == shim.SessionDecrypt && before != nil && after != nil &&
		(before.DHr == nil || *before.DHr != *after.DHr)
	firstSent := op == shim.SessionEncrypt && after != nil && after.Ns == 1
	if !newTurn && !firstSent {
		q.RatchetPrivate = nil
	}
	return &q
}

// offered returns the private key for the next ratchet key of x. An eager set has drawn the key of its turn when it
// received; an implementation that draws it when it sends gets the same one then.
func (s *script) offered(x *side, op shim.Op) shim.Bytes {
	if st := x.state(); op == shim.SessionEncrypt && !s.set.Lazy && s.glare != nil && st != nil {
		return st.DHs.Bytes()
	}
	if op == shim.SessionEncrypt && !s.set.Lazy {
		return s.ratchetKey(x, x.drawn)
	}
	return s.ratchetKey(x, x.drawn+1)
}

func (s *script) encrypt(x *side, plaintext string) *shim.Message {
	r, err := s.do(
		x, shim.SessionEncrypt,
		&shim.Params{
			Party: x.name, Peer: x.peer, Plaintext: []byte(plaintext),
			RatchetPrivate: s.offered(x, shim.SessionEncrypt),
		},
	)
	s.fail(err)
	if err != nil {
		return &shim.Message{}
	}
	return r.Envelope
}

func (s *script) decrypt(x *side, m *shim.Message) (*shim.Result, error) {
	op := shim.SessionDecrypt
	if x.state() == nil || s.glare != nil && s.glare.starts(x, m) {
		op = shim.SessionRespond
	}
	return s.do(x, op, &shim.Params{Party: x.name, Peer: x.peer, Envelope: m, RatchetPrivate: s.offered(x, op)})
}

// fromPeer is a message that the peer sends. sends is one that the target sends and the peer reads.
func (s *script) fromPeer(plaintext string) *shim.Message { return s.encrypt(s.peer, plaintext) }

func (s *script) sends(plaintext string) *shim.Message {
	m := s.encrypt(s.target, plaintext)
	_, err := s.decrypt(s.peer, m)
	s.fail(err)
	return m
}

// reads lets the target read a message, which must succeed.
func (s *script) reads(m *shim.Message) {
	_, err := s.decrypt(s.target, m)
	s.fail(err)
}

// refuses lets the target refuse a message, with one of the classes. The test is then an invalid one.
func (s *script) refuses(m *shim.Message, classes ...shim.Class) {
	before := s.target.adapterExport()
	_, err := s.decrypt(s.target, m)
	got := classOf(err)
	if err == nil || !slices.Contains(classes, got) {
		s.fail(fmt.Errorf("step %d: refusal %q expected, got: %v", len(s.test.Steps), classes, err))
	}
	if !bytes.Equal(before, s.target.adapterExport()) {
		s.fail(fmt.Errorf("step %d: a refusal changed the state", len(s.test.Steps)))
	}
	s.test.Result, s.test.Class = vectors.Invalid, got
}

func (x *side) adapterExport() []byte {
	r, err := x.adapter.Call(context.Background(), shim.PartyExport, &shim.Params{Party: x.name})
	if err != nil {
		return nil
	}
	return r.State
}

// peerState returns the peer's ratchet state, for a malicious peer.
func (s *script) peerState() *ratchet.State {
	st := s.peer.state()
	if st == nil {
		s.fail(fmt.Errorf("the peer has no session"))
		return &ratchet.State{}
	}
	return st
}

func ratchetEnvelope(body []byte) *shim.Message {
	return &shim.Message{Kind: shim.RatchetMessage, Body: body}
}

// exact are the requirements whose tests compare every byte that the target sends. In the other tests a message of the
// target has to be sent and nothing more: a fault in its form is then the fault of the tests for the form alone.
var exact = []string{
	"AMB-KDF-01", "AMB-RAT-01", "AMB-RAT-04", "AMB-RAT-05", "AMB-RAT-07", "AMB-RAT-08", "AMB-SES-01", "AMB-SES-02",
	"AMB-STA-01", "AMB-WIR-01",
}

// finished returns the test. Traces are for valid tests.
func (s *script) finished() (vectors.Test, error) {
	compares := slices.ContainsFunc(s.test.Requirements, func(r string) bool { return slices.Contains(exact, r) })
	for i := range s.test.Steps {
		step := &s.test.Steps[i]
		if s.test.Result == vectors.Invalid {
			step.Trace = nil
		}
		if step.Op == shim.SessionEncrypt && !compares {
			step.Output = nil
		}
	}
	return s.test, s.err
}
