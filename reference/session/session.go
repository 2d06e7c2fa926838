package session

import (
	"bytes"
	"fmt"
	"io"

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
	ratchet   ratchet.State
	wrap      initial
	wrapping  bool
	elsewhere int // receiving chains opened in the other sessions with the peer since this one was used
}

type initial = wire.Initial

// Envelope is a message with its kind.
type Envelope struct {
	Initial bool // SPEC.md 6.1; otherwise SPEC.md 5.6
	Body    []byte
}

// Initiate starts a session with the owner of the bundle, beside the earlier ones. It draws the ephemeral key and
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
	p.add(peer, session{ratchet: *state, wrap: wrap, wrapping: true}, false)
	return nil
}

// add adds a session, which becomes the current one.
func (p *Party) add(peer string, s session, opened bool) {
	s.ratchet.Cadence = p.cadence
	p.sessions[peer] = p.sessions[peer].use(p.set, -1, s, opened)
}

// Respond reads an initial message, starts the session that it opens, beside the earlier ones (AMB-SES-10), and gives
// its plaintext. It checks in the order of SPEC.md 4.3. It returns refusal.Malformed, refusal.UnknownPrekey, the
// refusals of keys, refusal.Replay, and those of ratchet.State.Decrypt; the party is then unchanged.
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
	p.consume(m, agreement, spk, opk)
	m.Message = nil
	p.add(peer, session{ratchet: *state, wrap: m}, true)
	return plaintext, nil
}

// Start adds a session that did not come from an agreement of this party, and replaces all others with the peer: an
// earlier state of the same one may be among them. All its messages are ratchet messages. It returns
// refusal.Malformed for a state of another set.
func (p *Party) Start(peer string, state *ratchet.State) error {
	if state.Set.Name != p.set.Name {
		return fmt.Errorf("%w: a state of %s in a party of %s", refusal.Malformed, state.Set.Name, p.set.Name)
	}
	p.Drop(peer)
	p.add(peer, session{ratchet: *state}, false)
	return nil
}

// Encrypt returns the next message to a peer, of the current session (AMB-SES-11): an initial message until one was
// received (AMB-SES-01). It returns refusal.NotReady and the errors of ratchet.State.Encrypt; the party is then
// unchanged.
func (p *Party) Encrypt(peer string, plaintext []byte, rand io.Reader) (Envelope, error) {
	sessions, err := p.with(peer)
	if err != nil {
		return Envelope{}, err
	}
	s := *sessions[0]
	message, err := s.ratchet.Encrypt(rand, plaintext)
	if err != nil {
		return Envelope{}, err
	}
	p.sessions[peer] = sessions.put(0, s)
	if !s.wrapping {
		return Envelope{Body: message}, nil
	}
	wrap := s.wrap
	wrap.Message = message
	return Envelope{Initial: true, Body: wire.EncodeInitial(p.set, wrap)}, nil
}

// Decrypt reads a message of a session that has started, of either kind (AMB-SES-03, AMB-SES-09): an initial message
// in the session whose keys it carries, a ratchet message in whichever reads it. It returns refusal.NotReady,
// refusal.Malformed, refusal.Authentication for an initial message of another session (AMB-SES-08), and the refusals of
// ratchet.State.Decrypt in the session of the keys, or in the current one; the party is then unchanged.
func (p *Party) Decrypt(peer string, e Envelope, rand io.Reader) ([]byte, error) {
	sessions, err := p.with(peer)
	if err != nil {
		return nil, err
	}
	if e.Initial {
		m, err := wire.ParseInitial(p.set, e.Body)
		if err != nil {
			return nil, err
		}
		i := sessions.find(m) // AMB-SES-16
		if i < 0 || sessions[i].wrapping {
			return nil, fmt.Errorf("%w: initial message of another session", refusal.Authentication)
		}
		return p.read(peer, i, m.Message, rand)
	}
	once := &repeated{from: rand}
	plaintext, err := p.read(peer, 0, e.Body, once)
	for i := 1; i < len(sessions) && err != nil; i++ {
		once.again()
		if archived, failed := p.read(peer, i, e.Body, once); failed == nil {
			return archived, nil
		}
	}
	return plaintext, err
}

// read reads a message in one session, which becomes the current one (AMB-SES-11). It works on a copy: a session that
// does not read the message stays as it was (AMB-SES-15).
func (p *Party) read(peer string, i int, message []byte, rand io.Reader) ([]byte, error) {
	sessions := p.sessions[peer]
	s := *sessions[i]
	before := s.ratchet.DHr
	plaintext, err := s.ratchet.Decrypt(rand, message)
	if err != nil {
		return nil, err
	}
	s.wrapping = false
	opened := before == nil || *before != *s.ratchet.DHr
	p.sessions[peer] = sessions.use(p.set, i, s, opened)
	return plaintext, nil
}

// repeated gives every session that is tried on a message the same random bytes: the one that reads it draws once.
type repeated struct {
	from  io.Reader
	drawn []byte
	next  int // of drawn
}

func (r *repeated) again() { r.next = 0 }

// Read gives what was drawn before, and then more.
func (r *repeated) Read(b []byte) (n int, err error) {
	if r.next == len(r.drawn) {
		n, err = r.from.Read(b)
		r.drawn = append(r.drawn, b[:n]...)
	} else {
		n = copy(b, r.drawn[r.next:])
	}
	r.next += n
	return n, err
}

// Header returns the header of a message of a session with a peer, of either kind. It returns refusal.NotReady, and
// the refusals of Decrypt that concern the form of the message.
func (p *Party) Header(peer string, e Envelope) (wire.Header, error) {
	sessions, err := p.with(peer)
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
	return sessions[0].ratchet.Header(message)
}

// State returns a copy of the ratchet state of the current session with a peer. It returns refusal.NotReady.
func (p *Party) State(peer string) (*ratchet.State, error) {
	sessions, err := p.with(peer)
	if err != nil {
		return nil, err
	}
	state := sessions[0].ratchet
	return &state, nil
}

// Sessions returns how many sessions are kept with a peer.
func (p *Party) Sessions(peer string) int { return len(p.sessions[peer]) }

// with returns the sessions with a peer: at least one.
func (p *Party) with(peer string) (held, error) {
	sessions, ok := p.sessions[peer]
	if !ok {
		return nil, fmt.Errorf("%w: no session with %q", refusal.NotReady, peer)
	}
	return sessions, nil
}
