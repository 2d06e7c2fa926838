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
	after, due := p.afterReading(m)
	switch {
	case due:
		return p.read(op, m, after)
	case p.options.Tolerant:
		return schedule.DoesNotApply
	}
	return p.refuses(op, m, m.envelope, verdict.WasRefused)
}

// readOp returns the operation that reads a message, or "" if the message cannot be the first one. A responder from a
// shared secret is started for it.
func (p *player) readOp(m *message) shim.Op {
	switch {
	case m.starts():
		return shim.SessionRespond
	case !m.to.ends.Empty():
		return shim.SessionDecrypt
	case p.fromHere != nil:
		p.startResponder(m)
		return shim.SessionDecrypt
	}
	return ""
}

// starts reports whether a message starts its session at the receiver, who does not have it, or tries to.
func (m *message) starts() bool {
	return m.envelope.Kind == shim.InitialMessage && !m.to.ends.Has(&m.session.Session)
}

// startResponder starts the responder from the shared secret. In Olm the first message brings the ratchet key
// (SPEC.md 5.2).
func (p *player) startResponder(first *message) {
	if p.Set.Start == params.Olm {
		p.fromHere.RatchetPublic = p.Set.Encode(first.Header.Key)
	}
	p.Must(shim.SessionStart, *p.fromHere)
	p.b.ends.Start(&first.session.Session)
	p.b.ends.Name(
		&first.session.Session,
		p.oracle.NewResponder(&first.session.Session, first.Header.Key, first.session.signedPrekey),
	)
}

// afterReading returns what the receiver has once it has read a message, and reports whether the message is due. One
// that starts a session is due once, and if its one-time prekey is there (AMB-X3D-12, AMB-X3D-13).
func (p *player) afterReading(m *message) (after *adversary.Ends, due bool) {
	after = m.to.ends.Clone()
	h, s := m.Header, m.session
	if !m.starts() {
		return after, after.Receive(&s.Session, h.Key, h.PN, h.N)
	}
	if s.accepted || s.oneTimePrekey != "" && !m.to.keys[s.oneTimePrekey] {
		return after, false
	}
	end := p.oracle.NewResponder(&s.Session, h.Key, s.signedPrekey)
	return after, after.Respond(&s.Session, end, h.Key, h.PN, h.N)
}

// read lets the receiver read a message that is due.
func (p *player) read(op shim.Op, m *message, after *adversary.Ends) string {
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
	m.to.ends, m.arrived = after, true
	p.arrived(m, verdict.WasRead)
	if m.from == m.session.initiator { // AMB-X3D-10: the one-time prekey is used up
		m.session.accepted = true
		delete(m.to.keys, m.session.oneTimePrekey)
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
