package parties

import (
	"fmt"

	"credence/conformance/internal/adversary"
	"credence/conformance/internal/schedule"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/shim"
)

// deliver brings a message to its receiver, who must read it once, and later refuse it.
func (p *player) deliver(m *message) string {
	op := p.readOp(m)
	if op == "" {
		return schedule.DoesNotApply
	}
	endpoint, due := p.afterReading(m)
	switch {
	case due:
		return p.read(op, m, endpoint)
	case p.options.Tolerant:
		return schedule.DoesNotApply
	}
	return p.refuses(op, m, m.envelope, verdict.WasRefused)
}

// readOp returns the operation that reads a message, or "" if the message cannot be the first one. A responder from a
// shared secret is started for it.
func (p *player) readOp(m *message) shim.Op {
	switch {
	case m.to.started:
		return shim.SessionDecrypt
	case p.start != nil:
		p.startResponder(m)
		return shim.SessionDecrypt
	case m.envelope.Kind == shim.InitialMessage:
		return shim.SessionRespond
	}
	return ""
}

// startResponder starts the responder from the shared secret. In Olm the first message brings the ratchet key
// (SPEC.md 5.2).
func (p *player) startResponder(first *message) {
	if p.Set.Start == params.Olm {
		p.start.RatchetPublic = p.Set.Encode(first.Header.Key)
	}
	p.Must(shim.SessionStart, *p.start)
	p.b.started = true
}

// afterReading returns what the receiver has once it has read a message, and reports whether the message is due.
func (p *player) afterReading(m *message) (after *adversary.Endpoint, due bool) {
	h := m.Header
	if m.to.endpoint == nil {
		after = p.oracle.NewResponder(p.session, h.Key, p.signedPrekey)
	} else {
		after = m.to.endpoint.Clone()
	}
	_, due = after.Receive(h.Key, h.PN, h.N)
	return after, due
}

// read lets the receiver read a message that is due.
func (p *player) read(op shim.Op, m *message, after *adversary.Endpoint) string {
	r, refused := p.Call(op, p.toRead(m, m.envelope))
	if refused != nil {
		if !p.options.Tolerant {
			p.Violation(verdict.RejectedValid, fmt.Sprintf("%s must be read", m.Name), "a result", refused.Error())
		}
		p.arrived(m, verdict.WasRefused)
		return ": refused"
	}
	if r.Plaintext == nil {
		p.Violation(verdict.Protocol, "no plaintext", "a plaintext", suite.Describe(r))
	}
	p.Equal("plaintext of "+m.Name, m.Plaintext, *r.Plaintext)
	m.to.endpoint, m.arrived = after, true
	p.arrived(m, verdict.WasRead)
	if !m.to.started { // AMB-X3D-10: the one-time prekey is used up
		m.to.started = true
		delete(m.to.keys, p.oneTimePrekey())
	}
	return ": read"
}

func (p *player) toRead(m *message, e *shim.Message) shim.Params {
	return shim.Params{Party: m.to.handle, Peer: m.from.name, Envelope: e}
}

// refuses brings what must be refused and change nothing (AMB-INV-03).
func (p *player) refuses(op shim.Op, m *message, e *shim.Message, outcome verdict.Outcome) string {
	p.RefuseUnchanged("", op, p.toRead(m, e))
	p.arrived(m, outcome)
	return ": refused"
}

// oneTimePrekey returns the term of the private key that a responder deletes.
func (p *player) oneTimePrekey() adversary.Term {
	s := p.session.Start
	switch {
	case s == nil:
		return ""
	case s.OneTimePrekey != nil:
		return p.oracle.Private(*s.OneTimePrekey)
	case !p.Set.SignedPrekey: // Olm's one-time key stands for the signed prekey
		return p.oracle.Private(s.SignedPrekey)
	}
	return ""
}
