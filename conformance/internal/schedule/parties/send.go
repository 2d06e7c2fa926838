package parties

import (
	"fmt"
	"strconv"

	"credence/conformance/internal/adversary"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/shim"
)

// send lets a party send the next message.
func (p *player) send(own *party) string {
	own.sent++
	other := p.other(own)
	m := &message{from: own, to: other, event: p.event}
	m.Message.Message = &adversary.Message{
		Name: own.name + strconv.Itoa(own.sent), Session: p.session, Initiator: own == p.a,
	}
	m.Plaintext = fmt.Appendf(nil, "plaintext of message %s", m.Name)
	m.envelope = p.envelope(p.Must(shim.SessionEncrypt, shim.Params{
		Party: own.handle, Peer: other.name, Plaintext: m.Plaintext,
	}))
	m.Body = p.Inner(m.envelope)
	if own.endpoint == nil {
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

// firstMessage brings the ephemeral key and the first ratchet key.
func (p *player) firstMessage(m *message) {
	if p.session.Start != nil {
		p.completeAgreement(m.envelope)
	}
	p.trace.Open(p.session)
	first, err := p.session.Set.ReadMessage(m.Body)
	if err != nil {
		p.unparsable(m.envelope, err)
	}
	p.a.endpoint = p.oracle.NewInitiator(p.session, first.Header.Key, p.signedPrekey)
}

// completeAgreement takes from the first message what the agreement lacks.
func (p *player) completeAgreement(e *shim.Message) {
	m, err := p.session.Set.ReadInitial(e.Body)
	if e.Kind != shim.InitialMessage || err != nil {
		p.Violation(verdict.Mismatch, "the first message of the initiator is no initial message", "SPEC.md 6.1",
			suite.JSON(e))
	}
	if p.session.Start.Ephemeral, err = p.session.Set.Decode(m.Ephemeral); err != nil {
		p.Violation(verdict.Mismatch, "ephemeral key of an initial message", "SPEC.md 6.1", err.Error())
	}
	b := p.Bundle
	p.session.AD = p.session.Set.AssociatedData(
		m.Identity, b.Identity, m.Ephemeral, b.SignedPrekey, b.OneTimePrekey,
	)
}

// goesOn returns the term of the message key. The message has to go on where its sender is, and with a key that is new.
func (p *player) goesOn(m *message) adversary.Term {
	if p.options.Tolerant {
		key, _ := m.from.endpoint.Send(m.Header.Key, m.Header.N)
		return key
	}
	p.mustBeNew(m)
	return p.sentBy(m.from.endpoint, m.Header, "in "+m.Name)
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
