package session

import (
	"bytes"
	"fmt"
	"io"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/wire"
	"credence/reference/x3dh"
	"credence/spec/refusal"
)

// session is a session with one peer. wrap is the initial message without its ratchet message: the initiator sends it
// until wrapping ends; both sides know by it which initial messages belong to the session (AMB-SES-08).
//
// A session that stands in a party is never changed: a step is made on a copy, which takes its place.
type session struct {
	ratchet  ratchet.State
	wrap     initial
	wrapping bool
}

type initial = wire.Initial

// Envelope is a message with its kind.
type Envelope struct {
	Initial bool // SPEC.md 6.1; otherwise SPEC.md 5.6
	Body    []byte
}

// Initiate starts a session with the owner of the bundle and replaces an earlier one. It draws the ephemeral key and
// the ratchet key from rand. It returns the refusals of x3dh.Initiate, or the error of rand.
func (p *Party) Initiate(peer string, b x3dh.Bundle, rand io.Reader) error {
	ek, err := primitive.GeneratePrivate(rand)
	if err != nil {
		return err
	}
	agreement, err := x3dh.Initiate(p.set, p.identity, ek, b)
	if err != nil {
		return err
	}
	t, err := primitive.GeneratePrivate(rand)
	if err != nil {
		return err
	}
	startKey, err := b.StartKey(p.set)
	if err != nil {
		return err
	}
	state, err := ratchet.StartInitiator(p.set, agreement.Secret, agreement.AD, t, startKey)
	if err != nil {
		return err
	}
	wrap := initial{
		Identity:       x3dh.EncodeIdentity(p.set, p.identity),
		Ephemeral:      p.set.Encode(primitive.Public(ek)),
		SignedPrekeyID: b.SignedPrekeyID, OneTimePrekeyID: b.OneTimePrekeyID,
		OneTimePrekey: b.OneTimePrekey, RegistrationID: p.registrationID,
	}
	p.add(peer, session{ratchet: *state, wrap: wrap, wrapping: true})
	return nil
}

func (p *Party) add(peer string, s session) {
	s.ratchet.Cadence = p.cadence
	p.sessions[peer] = &s
}

// Respond reads an initial message, starts the session that it opens, and gives its plaintext. It checks in the order
// of SPEC.md 4.3. It returns refusal.Malformed, refusal.UnknownPrekey, the refusals of keys, refusal.Replay, and those
// of ratchet.State.Decrypt; the party is then unchanged.
func (p *Party) Respond(peer string, body []byte, rand io.Reader) ([]byte, error) {
	m, err := wire.ParseInitial(p.set, bytes.Clone(body)) // the party keeps keys of it
	if err != nil {
		return nil, err
	}
	spk, opk, err := p.findPrekeys(m)
	if err != nil {
		return nil, err
	}
	agreement, err := x3dh.Respond(p.set, p.identity, spk, opk, m.Identity, m.Ephemeral)
	if err != nil {
		return nil, err
	}
	if p.hasAccepted(agreement) {
		return nil, fmt.Errorf("%w: agreement", refusal.Replay)
	}
	state, plaintext, err := ratchet.Answer(p.set, agreement.Secret, agreement.AD, spk, m.Message, rand)
	if err != nil {
		return nil, err
	}
	p.consume(agreement, spk, opk)
	m.Message = nil
	p.add(peer, session{ratchet: *state, wrap: m})
	return plaintext, nil
}

// Start adds a session that did not come from an agreement of this party, and replaces an earlier one. All its messages
// are ratchet messages. It returns refusal.Malformed for a state of another set.
func (p *Party) Start(peer string, state *ratchet.State) error {
	if state.Set.Name != p.set.Name {
		return fmt.Errorf("%w: a state of %s in a party of %s", refusal.Malformed, state.Set.Name, p.set.Name)
	}
	p.add(peer, session{ratchet: *state})
	return nil
}

// Encrypt returns the next message to a peer: an initial message until one was received (AMB-SES-01). It returns
// refusal.NotReady and the errors of ratchet.State.Encrypt; the party is then unchanged.
func (p *Party) Encrypt(peer string, plaintext []byte, rand io.Reader) (Envelope, error) {
	s, err := p.session(peer)
	if err != nil {
		return Envelope{}, err
	}
	message, err := s.ratchet.Encrypt(rand, plaintext)
	if err != nil {
		return Envelope{}, err
	}
	p.sessions[peer] = &s
	if !s.wrapping {
		return Envelope{Body: message}, nil
	}
	wrap := s.wrap
	wrap.Message = message
	return Envelope{Initial: true, Body: wire.EncodeInitial(p.set, wrap)}, nil
}

// Decrypt reads a message of a session that has started, of either kind (AMB-SES-03). It returns refusal.NotReady,
// refusal.Malformed, refusal.Authentication for an initial message of another session (AMB-SES-08), and the refusals of
// ratchet.State.Decrypt; the party is then unchanged.
func (p *Party) Decrypt(peer string, e Envelope, rand io.Reader) ([]byte, error) {
	s, err := p.session(peer)
	if err != nil {
		return nil, err
	}
	message := e.Body
	if e.Initial {
		if message, err = s.unwrap(p.set, e.Body); err != nil {
			return nil, err
		}
	}
	plaintext, err := s.ratchet.Decrypt(rand, message)
	if err != nil {
		return nil, err
	}
	s.wrapping = false
	p.sessions[peer] = &s
	return plaintext, nil
}

func (s session) unwrap(set *params.Set, body []byte) ([]byte, error) {
	m, err := wire.ParseInitial(set, body)
	if err != nil {
		return nil, err
	}
	if s.wrapping || !bytes.Equal(m.Identity, s.wrap.Identity) || !bytes.Equal(m.Ephemeral, s.wrap.Ephemeral) {
		return nil, fmt.Errorf("%w: initial message of another session", refusal.Authentication)
	}
	return m.Message, nil
}

// Header returns the header of a message of the session with a peer, of either kind. It returns refusal.NotReady, and
// the refusals of Decrypt that concern the form of the message.
func (p *Party) Header(peer string, e Envelope) (wire.Header, error) {
	s, err := p.session(peer)
	if err != nil {
		return wire.Header{}, err
	}
	message := e.Body
	if e.Initial {
		m, err := wire.ParseInitial(p.set, e.Body)
		if err != nil {
			return wire.Header{}, err
		}
		message = m.Message
	}
	return s.ratchet.Header(message)
}

// State returns a copy of the ratchet state of the session with a peer. It returns refusal.NotReady.
func (p *Party) State(peer string) (*ratchet.State, error) {
	s, err := p.session(peer)
	if err != nil {
		return nil, err
	}
	return &s.ratchet, nil
}

// session returns a copy of the session with a peer.
func (p *Party) session(peer string) (session, error) {
	s, ok := p.sessions[peer]
	if !ok {
		return session{}, fmt.Errorf("%w: no session with %q", refusal.NotReady, peer)
	}
	return *s, nil
}
