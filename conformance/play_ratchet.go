package conformance

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"credence/conformance/adversary"
	"credence/conformance/scenario"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// duel plays a scenario of level ratchet: the target plays both parties.
type duel struct {
	*live
	scenario *scenario.Scenario
	tolerant bool
	play     *Play
	trace    *adversary.Trace
	oracle   *adversary.Oracle
	session  *adversary.Session
	a, b     *side
	messages []judged
	flights  map[string]*flight
	copies   []*copied
	event    int // the one that happens
	lives    lifetimes
	names    int
	spk      primitive.PublicKey // the responder's, from which the ratchet starts
	secret   *shim.Params        // of session.start, for the responder
}

// watchKeys notes which keys there are after an event.
func (d *duel) watchKeys(event int) {
	for _, own := range []*side{d.a, d.b} {
		if own.endpoint != nil {
			d.lives.see(&d.play.Record, event, own.name, own.endpoint.Keys())
		}
	}
}

// side is one party of a duel.
type side struct {
	name     string // a or b
	party    string // its name on the target
	started  bool
	endpoint *adversary.Endpoint
	fixed    map[adversary.Term]bool // identity key and prekeys
	sent     int
}

// flight is a message under way.
type flight struct {
	judged
	to       string
	envelope *shim.Message
	event    int // in which it was sent
	arrived  bool
}

// playRatchet runs a scenario of level ratchet. What the target does wrong is the error; the play is then what came before. If it
// is tolerant, messages that are not read as they should be are left alone. Without an attacker, nobody looks at the copies.
func (t *tester) playRatchet(s *scenario.Scenario, tolerant, attacked bool) (*Play, error) {
	set, err := params.Lookup(s.Set)
	if err != nil {
		return nil, err
	}
	if err := reset(t); err != nil {
		return nil, err
	}
	d := &duel{
		live: &live{tester: t, set: set}, scenario: s, tolerant: tolerant, play: newPlay(), trace: adversary.NewTrace(), oracle: adversary.NewOracle(), flights: map[string]*flight{}, lives: lifetimes{},
		a: newSide("a"), b: newSide("b"),
	}
	t.played = d.play
	d.play.Lanes = append(d.play.Lanes, Lane{"a", -1, -1}, Lane{"b", -1, -1})
	if err := d.open(); err != nil {
		return d.play, err
	}
	d.watchKeys(-1)
	for i, e := range s.Events {
		d.event = i
		came, err := d.do(i, e)
		if err != nil {
			d.play.happened(e.String() + goesWrong)
			d.wrong(e)
			return d.play, err
		}
		d.play.happened(e.String() + came)
		d.watchKeys(i)
	}
	if !attacked {
		t.evidence.add(Evidence{Scenarios: 1, Messages: len(d.messages)})
		return d.play, nil
	}
	for _, c := range d.copies {
		if err := d.readFromCopy(c); err != nil {
			return d.play, err
		}
	}
	d.play.judge(d.oracle, adversary.NewAttacker(d.trace), d.copies, d.messages)
	t.evidence.add(Evidence{Scenarios: 1, Messages: len(d.messages), Copies: len(d.copies), Allowed: d.play.Allowed, Read: d.play.Read})
	return d.play, nil
}

func newSide(name string) *side {
	return &side{name: name, party: name, fixed: map[adversary.Term]bool{}}
}

func (d *duel) side(name string) (own, other *side) {
	if name == "a" {
		return d.a, d.b
	}
	return d.b, d.a
}

// doesNotApply is what an event comes to that has no effect.
const doesNotApply = ": does not apply"

// goesWrong is what an event comes to in which the target did what it must not.
const goesWrong = ": WRONG"

// do performs an event and tells what came of it.
func (d *duel) do(i int, e scenario.Event) (string, error) {
	own, other := d.side(e.By)
	f := d.flights[e.Message]
	switch {
	case e.Do == scenario.Send && own.started && d.maySend(own):
		return d.send(own, other)
	case e.Do == scenario.Deliver && f != nil && f.to == own.name && d.mayArrive(f):
		return d.deliver(own, f)
	case e.Do == scenario.Forge && f != nil && f.to == own.name && !d.tolerant:
		return d.forge(own, f, e)
	case e.Do == scenario.Restart && d.hello.exports():
		return d.restarted(own)
	case e.Do == scenario.Impersonate && d.hello.exports() && other.started && other.endpoint != nil:
		return d.impersonate(own, other)
	case e.Do == scenario.Compromise && d.hello.exports():
		return d.compromise(i, own)
	}
	return doesNotApply, nil
}

// maySend and mayArrive keep the order that cadence per-message needs (SPEC.md 5.3): nobody sends before he has read everything,
// and messages arrive as they were sent.
func (d *duel) maySend(own *side) bool {
	return !d.inOrder() || !slices.ContainsFunc(d.messages, func(m judged) bool { f := d.flights[m.message.Name]; return f.to == own.name && !f.arrived })
}

func (d *duel) mayArrive(f *flight) bool {
	i := slices.IndexFunc(d.messages, func(m judged) bool { return !d.flights[m.message.Name].arrived })
	return !d.inOrder() || f.arrived || i >= 0 && d.messages[i].message == f.message
}

func (d *duel) inOrder() bool { return d.scenario.Cadence == "per-message" }

// open makes the parties. The initiator has a session then, and the responder has not.
func (d *duel) open() error {
	d.a.started = true
	d.session = &adversary.Session{Name: "ab", Set: d.set}
	if !d.hello.handshakes() {
		return d.openFromSecret()
	}
	count := 1
	if d.scenario.NoOPK && !d.set.OneTimePrekeyRequired {
		count = 0
	}
	bundle, err := d.party("b", count)
	if err != nil {
		return err
	}
	initiator, err := d.party("a", 0)
	if err != nil {
		return err
	}
	if _, err := d.must(shim.SessionInitiate, shim.Params{Party: "a", Peer: "b", Bundle: adapter.ToShim(bundle)}); err != nil {
		return err
	}
	return d.agreement(initiator.Identity, bundle)
}

func (d *duel) party(name string, oneTimePrekeys int) (x3dh.Bundle, error) {
	r, err := d.must(shim.PartyNew, shim.Params{Set: d.set.Name, Party: name, OneTimePrekeyCount: oneTimePrekeys, Cadence: d.scenario.Cadence, RegistrationID: d.registrationID()})
	if err != nil {
		return x3dh.Bundle{}, err
	}
	if r.Bundle == nil {
		return x3dh.Bundle{}, d.fail(Protocol, "party.new gives no bundle", "a bundle", describeResult(r))
	}
	return adapter.FromShim(r.Bundle), nil
}

// agreement notes the public keys of the agreement; the ephemeral key comes with the first message.
func (d *duel) agreement(initiator []byte, b x3dh.Bundle) error {
	s := &adversary.Start{}
	var err error
	note := func(name string, to *primitive.PublicKey, decode func() (primitive.PublicKey, error)) {
		var e error
		if *to, e = decode(); e != nil && err == nil {
			err = d.fail(Mismatch, "a public key of the target: "+name, "SPEC.md 4.1", e.Error())
		}
	}
	note("identity", &s.Initiator, func() (primitive.PublicKey, error) { return x3dh.DecodeIdentity(d.set, initiator) })
	note("identity", &s.Responder, func() (primitive.PublicKey, error) { return x3dh.DecodeIdentity(d.set, b.Identity) })
	note("signed prekey", &s.SignedPrekey, func() (primitive.PublicKey, error) { return b.StartKey(d.set) })
	if b.OneTimePrekey != nil && d.set.Signature != params.NoSignature {
		s.OneTimePrekey = &primitive.PublicKey{}
		note("one-time prekey", s.OneTimePrekey, func() (primitive.PublicKey, error) { return d.set.Decode(b.OneTimePrekey) })
	}
	if err != nil {
		return err
	}
	d.session.Start, d.spk, d.bundle = s, s.SignedPrekey, b
	d.a.hold(d.oracle.Private(s.Initiator))
	d.b.hold(d.oracle.Private(s.Responder), d.oracle.Private(s.SignedPrekey))
	if s.OneTimePrekey != nil {
		d.b.hold(d.oracle.Private(*s.OneTimePrekey))
	}
	return nil
}

func (s *side) hold(terms ...adversary.Term) {
	for _, t := range terms {
		s.fixed[t] = true
	}
}

// openFromSecret starts the initiator from a shared secret, and keeps what the responder will start from.
func (d *duel) openFromSecret() error {
	secret := make([]byte, d.set.AgreementSize)
	d.random.Read(secret)
	spk, err := primitive.GeneratePrivate(d.random)
	if err != nil {
		return err
	}
	d.spk, d.session.AD = primitive.Public(spk), d.associatedData()
	common := shim.Params{Set: d.set.Name, SharedSecret: secret, AssociatedData: d.session.AD, Cadence: d.scenario.Cadence}
	initiator, responder := common, common
	initiator.Party, initiator.Peer, initiator.Role = "a", "b", "initiator"
	responder.Party, responder.Peer, responder.Role = "b", "a", "responder"
	if d.set.Start != params.Olm {
		initiator.RatchetPublic, responder.RatchetPrivate = d.set.Encode(d.spk), spk.Bytes()
		d.trace.Publics[d.spk] = true
	}
	d.secret = &responder
	_, err = d.must(shim.SessionStart, initiator)
	return err
}

// send lets a party send the next message.
func (d *duel) send(own, other *side) (string, error) {
	own.sent++
	name := own.name + strconv.Itoa(own.sent)
	plaintext := fmt.Appendf(nil, "plaintext of message %s", name)
	r, err := d.must(shim.SessionEncrypt, shim.Params{Party: own.party, Peer: other.name, Plaintext: plaintext})
	if err != nil {
		return "", err
	}
	if r.Envelope == nil {
		return "", d.fail(Protocol, "session.encrypt gives no envelope", "an envelope", describeResult(r))
	}
	inner, err := d.inner(r.Envelope)
	if err != nil {
		return "", err
	}
	if own.endpoint == nil {
		if err := d.firstMessage(r.Envelope, inner); err != nil {
			return "", err
		}
	}
	m := &adversary.Message{Name: name, Session: d.session, Initiator: own == d.a, Body: inner, Plaintext: plaintext}
	if err := d.trace.Add(m); err != nil {
		return "", d.fail(Mismatch, "a message of the target cannot be parsed", "SPEC.md 5.6", err.Error()+": "+toJSON(r.Envelope))
	}
	if err := d.newKey(m); err != nil && !d.tolerant {
		return "", err
	}
	mk, err := own.endpoint.Send(m.Header.Key, m.Header.N)
	if err != nil && !d.tolerant {
		return "", d.fail(Mismatch, err.Error(), "AMB-RAT-07, AMB-RAT-08 (SPEC.md 5.3)", fmt.Sprintf("ratchet key %x, number %d in %s", m.Header.Key, m.Header.N, m.Name))
	}
	f := &flight{judged: judged{m, mk}, to: other.name, envelope: r.Envelope, event: d.event}
	d.play.Messages = append(d.play.Messages, Travelled{Name: name, From: own.name, To: other.name, Event: d.event})
	d.flights[name] = f
	d.messages = append(d.messages, f.judged)
	return fmt.Sprintf(": %s, ratchet key %x.., number %d", name, m.Header.Key[:4], m.Header.N), nil
}

// firstMessage brings the ephemeral key and the first ratchet key.
func (d *duel) firstMessage(e *shim.Message, inner []byte) error {
	if s := d.session.Start; s != nil {
		m, err := wire.ParseInitial(d.set, e.Body)
		if e.Kind != shim.InitialMessage || err != nil {
			return d.fail(Mismatch, "the first message of the initiator is no initial message", "SPEC.md 6.1", toJSON(e))
		}
		if s.Ephemeral, err = d.set.Decode(m.Ephemeral); err != nil {
			return d.fail(Mismatch, "ephemeral key of an initial message", "SPEC.md 6.1", err.Error())
		}
		d.session.AD = x3dh.AssociatedData(d.set, m.Identity, d.bundle.Identity, m.Ephemeral, d.bundle.SignedPrekey, d.bundle.OneTimePrekey)
	}
	d.trace.Open(d.session)
	m, err := wire.Parse(d.set, inner)
	if err != nil {
		return d.fail(Mismatch, "a message of the target cannot be parsed", "SPEC.md 5.6", err.Error()+": "+toJSON(e))
	}
	d.a.endpoint = d.oracle.NewInitiator(d.session, m.Header.Key, d.spk)
	return nil
}

// newKey fails if the ratchet key of a message was used with its number before.
func (d *duel) newKey(m *adversary.Message) error {
	for _, other := range d.messages {
		if h := other.message.Header; h.Key == m.Header.Key && h.N == m.Header.N {
			return d.fail(Mismatch, "a message key is used twice", "another ratchet key or number than in "+other.message.Name, fmt.Sprintf("key %x, number %d again in %s", h.Key, h.N, m.Name))
		}
	}
	return nil
}

// deliver brings a message to its receiver, who must read it once, and later refuse it.
func (d *duel) deliver(own *side, f *flight) (string, error) {
	p := shim.Params{Party: own.party, Peer: d.peerOf(own), Envelope: f.envelope}
	op, err := d.begin(own, f)
	if err != nil || op == "" {
		return doesNotApply, err
	}
	endpoint := own.endpoint
	if endpoint == nil {
		endpoint = d.oracle.NewResponder(d.session, f.message.Header.Key, d.spk)
	}
	endpoint = endpoint.Clone()
	h := f.message.Header
	if _, ok := endpoint.Receive(h.Key, h.PN, h.N); !ok {
		if d.tolerant {
			return doesNotApply, nil
		}
		return ": refused", d.refuses(own, f, op, p, WasRefused)
	}
	r, err := d.call(op, p)
	var e *shim.Error
	if errors.As(err, &e) {
		if d.tolerant {
			d.arrived(own, f, WasRefused)
			return ": refused", nil
		}
		return "", d.fail(RejectedValid, fmt.Sprintf("%s must be read", f.message.Name), "a result", e.Error())
	}
	if err != nil {
		return "", err
	}
	if r.Plaintext == nil {
		return "", d.fail(Protocol, "no plaintext", "a plaintext", describeResult(r))
	}
	if err := d.equal("plaintext of "+f.message.Name, f.message.Plaintext, *r.Plaintext); err != nil {
		return "", err
	}
	own.endpoint, f.arrived = endpoint, true
	d.arrived(own, f, WasRead)
	if !own.started { // AMB-X3D-10: the one-time prekey is used up
		own.started = true
		delete(own.fixed, d.oneTimePrekey())
	}
	return ": read", nil
}

func (d *duel) peerOf(own *side) string {
	_, other := d.side(own.name)
	return other.name
}

// begin gives the operation that reads a message. A responder from a shared secret is started first; "" means that the message
// cannot be the first one.
func (d *duel) begin(own *side, f *flight) (shim.Op, error) {
	switch {
	case own.started:
	case d.secret == nil:
		if f.envelope.Kind != shim.InitialMessage {
			return "", nil
		}
		return shim.SessionRespond, nil
	default:
		if d.set.Start == params.Olm {
			d.secret.RatchetPublic = d.set.Encode(f.message.Header.Key)
		}
		if _, err := d.must(shim.SessionStart, *d.secret); err != nil {
			return "", err
		}
		own.started = true
	}
	return shim.SessionDecrypt, nil
}

// oneTimePrekey gives the term of the private key that a responder deletes.
func (d *duel) oneTimePrekey() adversary.Term {
	s := d.session.Start
	switch {
	case s == nil:
		return ""
	case s.OneTimePrekey != nil:
		return d.oracle.Private(*s.OneTimePrekey)
	case d.set.Signature == params.NoSignature:
		return d.oracle.Private(s.SignedPrekey)
	}
	return ""
}

// forge brings a copy of a message with one part changed, which must be refused and change nothing.
func (d *duel) forge(own *side, f *flight, e scenario.Event) (string, error) {
	changed, ok := d.forged(f, e)
	if !ok || !own.started && (changed.Kind != shim.InitialMessage || d.secret != nil) {
		return doesNotApply, nil
	}
	op := shim.SessionDecrypt
	if !own.started {
		op = shim.SessionRespond
	} else if slices.Contains(around, e.Part) {
		return doesNotApply, nil // who has the session reads the message in it, and may leave what is around it alone
	}
	return ": refused", d.refuses(own, f, op, shim.Params{Party: own.party, Peer: d.peerOf(own), Envelope: changed}, WasForged)
}

// refuses brings what must be refused and change nothing.
func (d *duel) refuses(own *side, f *flight, op shim.Op, p shim.Params, outcome Outcome) error {
	err := d.refuseUnchanged("", op, p)
	if err == nil {
		d.arrived(own, f, outcome)
	}
	return err
}

// around are the parts of an initial message around its ratchet message.
var around = []string{"identity", "ephemeral", "signed-prekey", "one-time-prekey"}

// forged gives a message with a part changed. It is not ok if the message has no such part, or if the result says the same: the
// frames of omemo-2 and the second encodings of keys are not authenticated.
func (d *duel) forged(f *flight, e scenario.Event) (*shim.Message, bool) {
	if slices.Contains(around, e.Part) {
		return d.forgedAround(f, e)
	}
	part := func(name string) ([]byte, bool) {
		other := d.flights[name]
		switch {
		case other == nil:
			return nil, false
		case e.Part == "message":
			return other.message.Body, true
		}
		return wire.Field(d.set, other.message.Body, e.Part)
	}
	value, ok := part(f.message.Name)
	if !ok {
		return nil, false
	}
	inner, ok := e.Change.Apply(value, part)
	if ok && e.Part != "message" {
		inner, ok = wire.SetField(d.set, f.message.Body, e.Part, inner)
	}
	if !ok || d.saysTheSame(inner, f.message.Body) {
		return nil, false
	}
	if f.envelope.Kind != shim.InitialMessage {
		return &shim.Message{Kind: f.envelope.Kind, Body: inner}, true
	}
	changed, err := d.rewrap(f.envelope, func(m *wire.Initial) { m.Message = inner })
	return changed, err == nil
}

// saysTheSame tells whether a changed ratchet message authenticates the same bytes, or is another genuine message.
func (d *duel) saysTheSame(changed, genuine []byte) bool {
	if slices.ContainsFunc(d.messages, func(m judged) bool { return bytes.Equal(m.message.Body, changed) }) {
		return true
	}
	was, err := wire.Parse(d.set, genuine)
	if err != nil {
		return false
	}
	is, err := wire.Parse(d.set, changed)
	return err == nil && reflect.DeepEqual(is, was)
}

// forgedAround gives an initial message with a part around its ratchet message changed.
func (d *duel) forgedAround(f *flight, e scenario.Event) (*shim.Message, bool) {
	if f.envelope.Kind != shim.InitialMessage {
		return nil, false
	}
	part := func(name string) ([]byte, bool) {
		other := d.flights[name]
		if other == nil || other.envelope.Kind != shim.InitialMessage {
			return nil, false
		}
		m, err := wire.ParseInitial(d.set, other.envelope.Body)
		return initialPart(&m, e.Part, nil), err == nil
	}
	value, ok := part(f.message.Name)
	if !ok {
		return nil, false
	}
	value, ok = e.Change.Apply(value, part)
	if !ok || d.sameKey(f, e.Part, value) {
		return nil, false
	}
	changed, err := d.rewrap(f.envelope, func(m *wire.Initial) { initialPart(m, e.Part, value) })
	return changed, err == nil && !bytes.Equal(changed.Body, f.envelope.Body)
}

// sameKey tells whether a changed key is another encoding of the genuine one.
func (d *duel) sameKey(f *flight, part string, value []byte) bool {
	m, err := wire.ParseInitial(d.set, f.envelope.Body)
	if err != nil || part != "identity" && part != "ephemeral" {
		return false
	}
	was, err := d.set.Decode(initialPart(&m, part, nil))
	if err != nil {
		return false
	}
	is, err := d.set.Decode(value)
	is[31] &= 0x7f // X25519 ignores it (RFC 7748, section 5)
	was[31] &= 0x7f
	return err == nil && is == was
}

// initialPart gives a part of an initial message, and sets it if value is not nil. Prekeys are their ids, 4 bytes, or in Olm the key.
func initialPart(m *wire.Initial, part string, value []byte) []byte {
	id := func(n *uint32) []byte {
		was := binary.BigEndian.AppendUint32(nil, *n)
		if value != nil {
			*n = binary.BigEndian.Uint32(append(make([]byte, 4), value...)[len(value):])
		}
		return was
	}
	key := func(k *[]byte) []byte {
		was := *k
		if value != nil {
			*k = value
		}
		return was
	}
	switch {
	case part == "identity":
		return key(&m.Identity)
	case part == "ephemeral":
		return key(&m.Ephemeral)
	case part == "signed-prekey":
		return id(&m.SignedPrekeyID)
	case m.OneTimePrekey != nil:
		return key(&m.OneTimePrekey)
	}
	return id(&m.OneTimePrekeyID)
}

// restarted exports a party and goes on with what is imported.
func (d *duel) restarted(own *side) (string, error) {
	r, err := d.must(shim.PartyExport, shim.Params{Party: own.party})
	if err != nil {
		return "", err
	}
	own.party, err = d.load(r.State)
	return "", err
}

// load imports a state under a new name.
func (d *duel) load(state []byte) (string, error) {
	d.names++
	name := fmt.Sprint("copy-", d.names)
	_, err := d.must(shim.PartyImport, shim.Params{Set: d.set.Name, Party: name, State: state})
	return name, err
}

// compromise gives the attacker the complete state of a party.
func (d *duel) compromise(event int, own *side) (string, error) {
	if own.endpoint == nil && (own == d.a || d.secret != nil) {
		return doesNotApply, nil // before the first message there is nothing to read
	}
	r, err := d.must(shim.PartyExport, shim.Params{Party: own.party})
	if err != nil {
		return "", err
	}
	c := &copied{event: event, who: own.name, state: bytes.Clone(r.State), messages: len(d.messages), imported: map[*adversary.Message]struct{}{}}
	for t := range own.fixed {
		c.holds = append(c.holds, t)
	}
	if own.endpoint != nil {
		c.holds, c.endpoint = append(c.holds, own.endpoint.Holds()...), own.endpoint.Clone()
	}
	d.copies = append(d.copies, c)
	return fmt.Sprintf(": %d bytes", len(r.State)), nil
}

// impersonate lets the thief send the next message of the newest copy of a party. A copy of the other side gets it: he may believe it
// only if its key is still due to him (AMB-INV-18).
func (d *duel) impersonate(own, other *side) (string, error) {
	i := len(d.copies) - 1
	for i >= 0 && (d.copies[i].who != own.name || d.copies[i].endpoint == nil) {
		i--
	}
	if i < 0 {
		return doesNotApply, nil
	}
	thief, err := d.load(d.copies[i].state)
	if err != nil {
		return "", err
	}
	r, err := d.call(shim.SessionEncrypt, shim.Params{Party: thief, Peer: other.name, Plaintext: []byte("from the thief")})
	var e *shim.Error
	if errors.As(err, &e) {
		return doesNotApply, nil // the copy cannot send yet
	}
	if err != nil {
		return "", err
	}
	inner, err := d.inner(r.Envelope)
	if err != nil {
		return "", err
	}
	m, err := wire.Parse(d.set, inner)
	if err != nil {
		return "", d.fail(Mismatch, "a message of the target cannot be parsed", "SPEC.md 5.6", err.Error())
	}
	if _, err := d.copies[i].endpoint.Clone().Send(m.Header.Key, m.Header.N); err != nil {
		return "", d.fail(Mismatch, err.Error(), "AMB-RAT-07, AMB-RAT-08 (SPEC.md 5.3)", fmt.Sprintf("ratchet key %x, number %d from a copy of %s", m.Header.Key, m.Header.N, own.name))
	}
	_, due := other.endpoint.Clone().Receive(m.Header.Key, m.Header.PN, m.Header.N)
	return d.hears(own, other, r.Envelope, due)
}

// hears brings a message of the thief to a copy of the side that it is for.
func (d *duel) hears(own, other *side, envelope *shim.Message, due bool) (string, error) {
	r, err := d.must(shim.PartyExport, shim.Params{Party: other.party})
	if err != nil {
		return "", err
	}
	name, err := d.load(r.State)
	if err != nil {
		return "", err
	}
	_, err = d.call(shim.SessionDecrypt, shim.Params{Party: name, Peer: own.name, Envelope: envelope})
	var e *shim.Error
	switch {
	case errors.As(err, &e) && due:
		d.impersonated(own, other, FromThief)
		return ": not believed, though it could be", nil
	case errors.As(err, &e):
		d.impersonated(own, other, FromThief)
		return ": refused", nil
	case err != nil:
		return "", err
	case !due:
		d.impersonated(own, other, WentWrong)
		return "", d.fail(AcceptedInvalid, "a message that a thief made from an old copy is believed: the session should have healed", "rejected", "a plaintext")
	}
	d.impersonated(own, other, Believed)
	return ": believed", nil
}

// readFromCopy lets the target itself read, from the copy, whatever was sent to the party, once and again.
func (d *duel) readFromCopy(c *copied) error {
	name, err := d.load(c.state)
	if err != nil {
		return err
	}
	own, other := d.side(c.who)
	respond := false
	for range 2 {
		for _, m := range d.messages {
			f := d.flights[m.message.Name]
			if f.to != own.name {
				continue
			}
			op := shim.SessionDecrypt
			if respond && f.envelope.Kind == shim.InitialMessage {
				op = shim.SessionRespond
			}
			r, err := d.call(op, shim.Params{Party: name, Peer: other.name, Envelope: f.envelope})
			var e *shim.Error
			switch {
			case errors.As(err, &e):
				continue
			case err != nil:
				return err
			}
			if r.Plaintext != nil && bytes.Equal(*r.Plaintext, m.message.Plaintext) {
				c.imported[m.message] = struct{}{}
			}
		}
		respond = len(c.imported) == 0
	}
	return nil
}
