package conformance

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/session"
	"credence/reference/wire"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// Names of the parties of a live test. The reference is the peer.
const (
	targetName = "target"
	peerName   = "peer"
)

// live is a test in which the reference plays the peer of the target. The target uses its own randomness.
type live struct {
	*tester
	set     *params.Set
	peer    *session.Party
	bundle  x3dh.Bundle // of whoever responds
	started bool        // the target has its session
	unread  int         // messages so far, so that each has a plaintext of its own
	next    []byte      // the next plaintext, if it is not to be one of its own
}

// liveCase makes a test of one parameter set.
func liveCase(profile string, set *params.Set, name, comment string, requirements []string, needs func(h hello) string, run func(l *live) error) testCase {
	return testCase{
		TestInfo: TestInfo{ID: fmt.Sprintf("%s/%s/live/%s", profile, set.Name, name), Profile: profile, Comment: comment, Requirements: requirements},
		set:      set.Name,
		needs:    needs,
		run: func(t *tester) error {
			if err := reset(t); err != nil {
				return err
			}
			return run(&live{tester: t, set: set})
		},
	}
}

// liveTests gives every live test.
func liveTests() []testCase {
	var cases []testCase
	for _, set := range params.Sets() {
		cases = append(cases, liveSignatures(set)...)
		cases = append(cases, liveAgreement(set)...)
		cases = append(cases, liveRatchet(set)...)
		cases = append(cases, liveForgeries(set)...)
		cases = append(cases, liveState(set)...)
	}
	return cases
}

func needsHandshake(h hello) string {
	return lacks(h.handshakes(), "party.new, session.initiate, session.respond, session.encrypt and session.decrypt")
}

func needsHandshakeAndExport(h hello) string {
	if missing := needsHandshake(h); missing != "" {
		return missing
	}
	return lacks(h.exports(), "party.export and party.import")
}

func needsSession(h hello) string {
	return lacks(h.handshakes() || h.starts(), "a way to start a session")
}

// setup shapes the parties of a live test.
type setup struct {
	role    string // of the target: initiator or responder
	noOPK   bool
	cadence string
}

var (
	initiates = setup{role: "initiator"}
	responds  = setup{role: "responder"}
)

// open makes both parties and the initiator's session: by a handshake if the target has it, otherwise from a shared secret.
func (l *live) open(s setup) error {
	if err := l.newPeer(s); err != nil {
		return err
	}
	if !l.hello.handshakes() {
		return l.openFromSecret(s)
	}
	if s.role == "initiator" {
		return l.openAsInitiator(s)
	}
	return l.openAsResponder(s)
}

func (l *live) newPeer(s setup) (err error) {
	o := session.Options{OneTimePrekeys: 1, SignedPrekeyID: 5, RegistrationID: l.registrationID()}
	if s.noOPK {
		o.OneTimePrekeys = 0
	}
	if s.cadence == "per-message" {
		o.Cadence = ratchet.PerMessage
	}
	l.peer, err = session.New(l.set, o, l.random)
	return err
}

func (l *live) openAsInitiator(s setup) error {
	if err := l.newTarget(0, s.cadence); err != nil {
		return err
	}
	l.bundle = l.peer.Bundle()
	_, err := l.must(shim.SessionInitiate, shim.Params{Party: targetName, Peer: peerName, Bundle: adapter.ToShim(l.bundle)})
	l.started = true
	return err
}

func (l *live) openAsResponder(s setup) error {
	count := 1
	if s.noOPK {
		count = 0
	}
	if err := l.newTarget(count, s.cadence); err != nil {
		return err
	}
	if err := l.peer.Initiate(targetName, l.bundle, l.random); err != nil {
		return l.fail(Mismatch, "the bundle of the target is refused by the reference", "a bundle as in SPEC.md 4.1", err.Error())
	}
	return nil
}

// newTarget makes the target's party, and keeps its bundle.
func (l *live) newTarget(oneTimePrekeys int, cadence string) error {
	r, err := l.must(shim.PartyNew, shim.Params{Set: l.set.Name, Party: targetName, OneTimePrekeyCount: oneTimePrekeys, Cadence: cadence, RegistrationID: l.registrationID()})
	if err != nil {
		return err
	}
	if r.Bundle == nil {
		return l.fail(Protocol, "party.new gives no bundle", "a bundle", describeResult(r))
	}
	l.bundle = adapter.FromShim(r.Bundle)
	return nil
}

// registrationID is a parameter of signal-v3 alone.
func (l *live) registrationID() uint32 {
	if l.set == params.SignalV3 {
		return 1
	}
	return 0
}

// openFromSecret starts both ends from a shared secret.
func (l *live) openFromSecret(s setup) error {
	draw := func(n int) []byte {
		b := make([]byte, n)
		l.random.Read(b)
		return b
	}
	spk, err := primitive.GeneratePrivate(l.random)
	if err != nil {
		return err
	}
	t, err := primitive.GeneratePrivate(l.random)
	if err != nil {
		return err
	}
	secret, ad := draw(l.set.AgreementSize), l.associatedData()
	p := shim.Params{Set: l.set.Name, Party: targetName, Peer: peerName, Role: s.role, SharedSecret: secret, AssociatedData: ad, Cadence: s.cadence}
	l.started = true
	if s.role == "initiator" {
		p.RatchetPrivate, p.RatchetPublic = t.Bytes(), l.set.Encode(primitive.Public(spk))
		state, err := ratchet.StartResponder(l.set, secret, ad, spk, primitive.Public(t))
		if err != nil {
			return err
		}
		return l.start(p, state)
	}
	p.RatchetPrivate = spk.Bytes()
	if l.set.Start == params.Olm {
		p.RatchetPrivate, p.RatchetPublic = nil, l.set.Encode(primitive.Public(t))
	}
	state, err := ratchet.StartInitiator(l.set, secret, ad, t, primitive.Public(spk))
	if err != nil {
		return err
	}
	return l.start(p, state)
}

func (l *live) start(p shim.Params, state *ratchet.State) error {
	if err := l.peer.Start(targetName, state); err != nil {
		return err
	}
	_, err := l.must(shim.SessionStart, p)
	return err
}

// associatedData is what an agreement would give: keys of the set's form.
func (l *live) associatedData() []byte {
	keys := make([]byte, 4*primitive.KeySize)
	l.random.Read(keys)
	a, b := [32]byte(keys[:32]), [32]byte(keys[32:64])
	switch l.set.Wire {
	case params.OlmWire:
		return nil
	case params.AmbassadorWire:
		return append([]byte(l.set.Name), keys...)
	default:
		return append(l.set.Encode(a), l.set.Encode(b)...)
	}
}

// mail is a message under way, with what must be read.
type mail struct {
	envelope  *shim.Message
	plaintext []byte
}

func (l *live) plaintext() []byte {
	if next := l.next; next != nil {
		l.next = nil
		return next
	}
	l.unread++
	return fmt.Appendf(nil, "plaintext number %d of a live test", l.unread)
}

// fromPeer lets the peer send.
func (l *live) fromPeer() (mail, error) {
	plaintext := l.plaintext()
	e, err := l.peer.Encrypt(targetName, plaintext, l.random)
	kind := shim.RatchetMessage
	if e.Initial {
		kind = shim.InitialMessage
	}
	return mail{&shim.Message{Kind: kind, Body: e.Body}, plaintext}, err
}

// fromTarget lets the target send.
func (l *live) fromTarget() (mail, error) {
	plaintext := l.plaintext()
	r, err := l.must(shim.SessionEncrypt, shim.Params{Party: targetName, Peer: peerName, Plaintext: plaintext})
	if err != nil {
		return mail{}, err
	}
	if r.Envelope == nil {
		return mail{}, l.fail(Protocol, "session.encrypt gives no envelope", "an envelope", describeResult(r))
	}
	return mail{r.Envelope, plaintext}, nil
}

// read lets the target read a message, which must give its plaintext.
func (l *live) read(m mail) error {
	r, err := l.must(l.readOp(m.envelope), shim.Params{Party: targetName, Peer: peerName, Envelope: m.envelope})
	if err != nil {
		return err
	}
	l.started = true
	if r.Plaintext == nil {
		return l.fail(Protocol, "no plaintext", "a plaintext", describeResult(r))
	}
	return l.equal("plaintext", m.plaintext, *r.Plaintext)
}

// readOp is session.respond for the message that starts the target's session.
func (l *live) readOp(e *shim.Message) shim.Op {
	if !l.started && e.Kind == shim.InitialMessage {
		return shim.SessionRespond
	}
	return shim.SessionDecrypt
}

// peerReads lets the peer read a message of the target, which must succeed.
func (l *live) peerReads(m mail) error {
	e := session.Envelope{Initial: m.envelope.Kind == shim.InitialMessage, Body: m.envelope.Body}
	decrypt := l.peer.Decrypt
	if _, err := l.peer.State(targetName); err != nil && e.Initial {
		decrypt = func(peer string, e session.Envelope, r io.Reader) ([]byte, error) {
			return l.peer.Respond(peer, e.Body, r)
		}
	}
	plaintext, err := decrypt(targetName, e, l.random)
	if err != nil {
		return l.fail(Mismatch, "a message of the target is refused by the reference", "a message that the reference reads", err.Error()+": "+toJSON(m.envelope))
	}
	return l.equal("plaintext that the reference reads", m.plaintext, plaintext)
}

// refuses lets the target refuse a message, without a change of its state.
func (l *live) refuses(e *shim.Message, class shim.Class) error {
	return l.refuseUnchanged(class, l.readOp(e), shim.Params{Party: targetName, Peer: peerName, Envelope: e})
}

// sendToTarget is fromPeer and read; sendToPeer is fromTarget and peerReads.
func (l *live) sendToTarget() error {
	m, err := l.fromPeer()
	if err != nil {
		return err
	}
	return l.read(m)
}

func (l *live) sendToPeer() error {
	m, err := l.fromTarget()
	if err != nil {
		return err
	}
	return l.peerReads(m)
}

// turns takes n turns: the target sends, then the peer.
func (l *live) turns(n int) error {
	for range n {
		if err := first(l.sendToPeer, l.sendToTarget); err != nil {
			return err
		}
	}
	return nil
}

// opened opens a session and takes it past its first message, in both directions.
func (l *live) opened(s setup) error {
	if err := l.open(s); err != nil {
		return err
	}
	if s.role == "initiator" {
		return first(l.sendToPeer, l.sendToTarget)
	}
	return first(l.sendToTarget, l.sendToPeer, l.sendToTarget)
}

// first does the steps until one fails.
func first(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// skip lets the peer send n messages that are lost.
func (l *live) skip(n uint64) error {
	for range n {
		if _, err := l.peer.Encrypt(targetName, nil, l.random); err != nil {
			return err
		}
	}
	return nil
}

// inner gives the ratchet message in an envelope.
func (l *live) inner(e *shim.Message) ([]byte, error) {
	if e.Kind == shim.RatchetMessage {
		return e.Body, nil
	}
	m, err := wire.ParseInitial(l.set, e.Body)
	if err != nil {
		return nil, l.fail(Mismatch, "an initial message of the target cannot be parsed", "SPEC.md 6.1", err.Error()+": "+toJSON(e))
	}
	return m.Message, nil
}

// header gives the header of a message of the target.
func (l *live) header(m mail) (wire.Header, error) {
	inner, err := l.inner(m.envelope)
	if err != nil {
		return wire.Header{}, err
	}
	parsed, err := wire.Parse(l.set, inner)
	if err != nil {
		return wire.Header{}, l.fail(Mismatch, "a message of the target cannot be parsed", "SPEC.md 5.6", err.Error()+": "+toJSON(m.envelope))
	}
	return parsed.Header, nil
}

// rewrap changes the wrapping of an initial message.
func (l *live) rewrap(e *shim.Message, change func(m *wire.Initial)) (*shim.Message, error) {
	m, err := wire.ParseInitial(l.set, bytes.Clone(e.Body))
	if err != nil {
		return nil, err
	}
	change(&m)
	return &shim.Message{Kind: shim.InitialMessage, Body: wire.EncodeInitial(l.set, m)}, nil
}

// peerState gives a copy of the peer's ratchet state.
func (l *live) peerState() (*ratchet.State, error) {
	s, err := l.peer.State(targetName)
	if err != nil {
		return nil, err
	}
	c := *s
	c.Chains = slices.Clone(s.Chains)
	return &c, nil
}
