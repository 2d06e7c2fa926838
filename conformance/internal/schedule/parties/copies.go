package parties

import (
	"bytes"
	"fmt"

	"credence/conformance/internal/adversary"
	"credence/conformance/internal/schedule"
	"credence/conformance/verdict"
	"credence/shim"
)

// restart exports a party and goes on with what is imported.
func (p *player) restart(own *party) string {
	own.handle = p.imported(p.exported(own))
	return ""
}

func (p *player) exported(own *party) []byte { return p.Export(shim.PartyExport, own.handle) }

// imported imports a state, and returns the name of the party.
func (p *player) imported(state []byte) (handle string) {
	p.imports++
	handle = fmt.Sprint("copy-", p.imports)
	p.Must(shim.PartyImport, shim.Params{Set: p.Set.Name, Party: handle, State: state})
	return handle
}

// compromise returns the attacker the complete state of a party.
func (p *player) compromise(own *party) string {
	if own.ends.Unnamed() || own.ends.Empty() && p.fromHere != nil {
		return schedule.DoesNotApply // before the first message there is nothing to read
	}
	c := &schedule.Copy{
		Event: p.event, Who: own.name, State: bytes.Clone(p.exported(own)), Messages: len(p.messages),
		Imported: map[*adversary.Message]struct{}{}, Ends: own.ends.Clone(),
	}
	for key := range own.keys {
		c.Holds = append(c.Holds, key)
	}
	c.Holds = append(c.Holds, own.ends.Holds()...)
	p.copies = append(p.copies, c)
	return fmt.Sprintf(": %d bytes", len(c.State))
}

// impersonate lets the attacker send the next message of the newest copy of a party. A copy of the other party gets it,
// which may believe it only if its key is still due there (AMB-INV-18).
func (p *player) impersonate(own *party) string {
	other := p.other(own)
	c := p.newestCopy(own)
	if c == nil || !other.ends.Has(c.Ends.Current()) || other.ends.Of(c.Ends.Current()) == nil {
		return schedule.DoesNotApply // a message of a session that the other has not would start it
	}
	r, refused := p.Call(shim.SessionEncrypt, shim.Params{
		Party: p.imported(c.State), Peer: other.name, Plaintext: []byte("from the attacker"),
	})
	if refused != nil {
		return schedule.DoesNotApply // the copy cannot send yet
	}
	envelope := p.envelope(r)
	m, err := p.rules.ReadMessage(p.Inner(envelope))
	if err != nil {
		p.unparsable(envelope, err)
	}
	h, s := m.Header, c.Ends.Current()
	p.sentBy(c.Ends.Clone().Of(s), h, "from a copy of "+own.name)
	return p.hears(other, envelope, other.ends.Clone().Receive(s, h.Key, h.PN, h.N))
}

// newestCopy returns the newest copy of a party that has a session, or nil.
func (p *player) newestCopy(own *party) (newest *schedule.Copy) {
	for _, c := range p.copies {
		if c.Who == own.name && !c.Ends.Empty() {
			newest = c
		}
	}
	return newest
}

// hears brings a message of the attacker to a copy of the party that it is for.
func (p *player) hears(receiver *party, envelope *shim.Message, due bool) string {
	sender := p.other(receiver)
	_, refused := p.Call(shim.SessionDecrypt, shim.Params{
		Party: p.imported(p.exported(receiver)), Peer: sender.name, Envelope: envelope,
	})
	outcome, came := verdict.FromAttacker, ": refused"
	switch {
	case refused != nil && due:
		came = ": not believed, though it could be"
	case refused == nil && due:
		outcome, came = verdict.Believed, ": believed"
	case refused == nil:
		outcome = verdict.WentWrong
	}
	p.play.Arrivals = append(p.play.Arrivals, verdict.Arrival{
		Event: p.event, To: receiver.name, From: sender.name, Sent: p.event, Outcome: outcome,
	})
	if outcome == verdict.WentWrong {
		p.Violation(verdict.AcceptedInvalid,
			"a message that an attacker made from an old copy is believed: the session should have healed",
			"rejected", "a plaintext")
	}
	return came
}

// readFromCopy lets the target itself read, from a copy, whatever was sent to the party, once and again. If it reads
// nothing at first, the copy may have no session yet, which an initial message begins; and where there are several
// sessions, the copy may not have one of them yet.
func (p *player) readFromCopy(c *schedule.Copy) {
	handle, own := p.imported(c.State), p.party(c.Who)
	p.readAll(c, handle, own, false)
	p.readAll(c, handle, own, len(c.Imported) == 0)
	if len(p.sessions) > 1 {
		p.readAll(c, handle, own, true)
		p.readAll(c, handle, own, false)
	}
}

// readAll lets an imported party read everything, and notes what it has read. With respond, initial messages begin a
// session.
func (p *player) readAll(c *schedule.Copy, handle string, own *party, respond bool) {
	for _, m := range p.messages {
		if _, read := c.Imported[m.Message.Message]; m.to != own || read {
			continue
		}
		op := shim.SessionDecrypt
		if respond && m.envelope.Kind == shim.InitialMessage {
			op = shim.SessionRespond
		}
		r, refused := p.Call(op, shim.Params{Party: handle, Peer: m.from.name, Envelope: m.envelope})
		if refused == nil && r.Plaintext != nil && bytes.Equal(*r.Plaintext, m.Plaintext) {
			c.Imported[m.Message.Message] = struct{}{}
		}
	}
}
