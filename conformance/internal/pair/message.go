package pair

import (
	"bytes"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/ratchet"
	"credence/reference/wire"
	"credence/shim"
)

// Inner returns the ratchet message in an envelope of the target.
func (p *Pair) Inner(e *shim.Message) []byte {
	if e.Kind == shim.RatchetMessage {
		return e.Body
	}
	return p.Initial(e).Message
}

// Initial returns an initial message of the target.
func (p *Pair) Initial(e *shim.Message) wire.Initial {
	m, err := wire.ParseInitial(p.Set, e.Body)
	if err != nil {
		p.Violation(verdict.Mismatch, "an initial message of the target cannot be parsed", "SPEC.md 6.1",
			err.Error()+": "+suite.JSON(e))
	}
	return m
}

// Header returns the header of a message of the target.
func (p *Pair) Header(m Mail) wire.Header {
	parsed, err := wire.Parse(p.Set, p.Inner(m.Envelope))
	if err != nil {
		p.Violation(verdict.Mismatch, "a message of the target cannot be parsed", "SPEC.md 5.6",
			err.Error()+": "+suite.JSON(m.Envelope))
	}
	return parsed.Header
}

// Rewrap returns an initial message of the peer with its wrapping changed.
func (p *Pair) Rewrap(e *shim.Message, change func(m *wire.Initial)) *shim.Message {
	m, err := wire.ParseInitial(p.Set, bytes.Clone(e.Body))
	p.NoFault(err)
	change(&m)
	return &shim.Message{Kind: shim.InitialMessage, Body: wire.EncodeInitial(p.Set, m)}
}

// PeerState returns a copy of the peer's ratchet state.
func (p *Pair) PeerState() *ratchet.State {
	s, err := p.Peer.State(Target)
	p.NoFault(err)
	c := *s
	c.Chains = slices.Clone(s.Chains)
	return &c
}

// Raw returns the envelope of a ratchet message.
func Raw(body []byte) *shim.Message { return &shim.Message{Kind: shim.RatchetMessage, Body: body} }
