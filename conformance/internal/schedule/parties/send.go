package parties

import (
	"fmt"
	"slices"

	"credence/conformance/internal/adversary"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/shim"
)

// send lets a party send the next message, by the name that it is given if it can have it.
func (p *player) send(own *party, given string) string {
	other := p.other(own)
	m := &message{from: own, to: other, event: p.event}
	name := p.names.Next(given, own.name)
	plaintext := fmt.Appendf(nil, "plaintext of message %s", name)
	m.envelope = p.envelope(p.Must(shim.SessionEncrypt, shim.Params{
		Party: own.handle, Peer: other.name, Plaintext: plaintext,
	}))
	m.session = p.sentIn(own, m.envelope)
	m.Message.Message = &adversary.Message{
		Name: name, Session: &m.session.Session, Initiator: own == m.session.initiator, Plaintext: plaintext,
		Body: p.Inner(m.envelope),
	}
	if !m.session.named {
		p.firstMessage(m)
	}
	if err := p.trace.Add(m.Message.Message); err != nil {
		p.unparsable(m.envelope, err)
	}
	m.Key = p.goesOn(m)
	p.messages = append(p.messages, m)
	p.play.Messages = append(p.play.Messages, verdict.Travelled{
		Name: m.Name, From: own.name, To: other.name, Event: p.event,
	})
	return fmt.Sprintf(": %s, ratchet key %x.., number %d", m.Name, m.Header.Key[:4], m.Header.N)
}

// sentIn returns the session in which a party has sent: the current one. An initial message tells by its ephemeral key
// if it is of another.
func (p *player) sentIn(own *party, e *shim.Message) *session {
	current := p.sessionOf(own.ends.Current())
	m, err := p.rules.ReadInitial(e.Body)
	if e.Kind != shim.InitialMessage || err != nil || current.Start == nil {
		return current
	}
	key, err := p.rules.Decode(m.Ephemeral)
	if err != nil || current.named && current.Start.Ephemeral == key {
		return current
	}
	for _, s := range p.sessions {
		if s != current && s.named && s.Start.Ephemeral == key && own.ends.Has(&s.Session) {
			if !p.options.Tolerant {
				p.Violation(verdict.Mismatch, "a message of another session than the one that was used last",
					"AMB-SES-11", suite.JSON(e))
			}
			return s
		}
	}
	return current
}

func (p *player) sessionOf(s *adversary.Session) *session {
	return p.sessions[slices.IndexFunc(p.sessions, func(o *session) bool { return &o.Session == s })]
}

// envelope returns the envelope that session.encrypt gave.
func (p *player) envelope(r *shim.Result) *shim.Message {
	if r.Envelope == nil {
		p.Violation(verdict.Protocol, "session.encrypt gives no envelope", "an envelope", suite.Describe(r))
	}
	return r.Envelope
}

func (p *player) unparsable(e *shim.Message, err error) {
	p.Violation(verdict.Mismatch, "a message of the target cannot be parsed", "SPEC.md 5.6",
		err.Error()+": "+suite.JSON(e))
}

// firstMessage brings the ephemeral key and the first ratchet key of a session.
func (p *player) firstMessage(m *message) {
	s := m.session
	if s.Start != nil {
		p.completeAgreement(s, m.envelope)
	}
	p.trace.Open(&s.Session)
	first, err := p.rules.ReadMessage(m.Body)
	if err != nil {
		p.unparsable(m.envelope, err)
	}
	m.from.ends.Name(&s.Session, p.oracle.NewInitiator(&s.Session, first.Header.Key, s.signedPrekey))
	s.named = true
}

// completeAgreement takes from the first message what the agreement lacks.
func (p *player) completeAgreement(s *session, e *shim.Message) {
	m, err := p.rules.ReadInitial(e.Body)
	if e.Kind != shim.InitialMessage || err != nil {
		p.Violation(verdict.Mismatch, "the first message of the initiator is no initial message", "SPEC.md 6.1",
			suite.JSON(e))
	}
	if s.Start.Ephemeral, err = p.rules.Decode(m.Ephemeral); err != nil {
		p.Violation(verdict.Mismatch, "ephemeral key of an initial message", "SPEC.md 6.1", err.Error())
	}
	b := s.bundle
	s.AD = p.rules.AssociatedData(m.Identity, b.Identity, m.Ephemeral, b.SignedPrekey, b.OneTimePrekey)
}

// goesOn returns the term of the message key. The message has to go on where its sender is, and with a key that is new.
func (p *player) goesOn(m *message) adversary.Term {
	end := m.from.ends.Of(&m.session.Session)
	if p.options.Tolerant {
		key, _ := end.Send(m.Header.Key, m.Header.N)
		return key
	}
	p.mustBeNew(m)
	return p.sentBy(end, m.Header, "in "+m.Name)
}

// mustBeNew stops the test if the ratchet key of a message was used with its number before.
func (p *player) mustBeNew(m *message) {
	for _, other := range p.messages {
		if h := other.Header; h.Key == m.Header.Key && h.N == m.Header.N {
			p.Violation(verdict.Mismatch, "a message key is used twice",
				"another ratchet key or number than in "+other.Name,
				fmt.Sprintf("key %x, number %d again in %s", h.Key, h.N, m.Name))
		}
	}
}

// sentBy lets an endpoint send a message with this header, and returns the term of its key. The header has to go on
// where the endpoint is (AMB-RAT-07, AMB-RAT-08).
func (p *player) sentBy(endpoint *adversary.Endpoint, h adversary.Header, where string) adversary.Term {
	key, err := endpoint.Send(h.Key, h.N)
	if err != nil {
		p.Violation(verdict.Mismatch, err.Error(), "AMB-RAT-07, AMB-RAT-08 (SPEC.md 5.3)",
			fmt.Sprintf("ratchet key %x, number %d %s", h.Key, h.N, where))
	}
	return key
}
