package accounts

import (
	"fmt"
	"slices"

	"credence/conformance/internal/schedule"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// saved is an older state of a device.
type saved struct {
	state    []byte
	released int // commits that the device had released
}

// rollback starts a device from an older state, if it has released commits since: it must notice and not send
// (AMB-INV-15). The device itself goes on.
func (p *player) rollback(d *device) string {
	released := p.released[d.Device.ID()]
	if d.saved == nil || d.saved.released == released {
		d.saved = &saved{p.export(d), released}
		return ": state kept"
	}
	older := p.Import(d.saved.state)
	older.Identify()
	d.saved = nil
	box, err := p.Office.Fetch(d.user.id, older.ID(), 1)
	p.Understood(err)
	for _, mail := range box.Mails {
		p.receive(older, mail)
	}
	_, caught := older.CaughtUp(box.Commits)
	if commit, err := older.Ack(nil); err == nil && len(commit) > 0 || caught == nil && p.sends(d.user, older) {
		p.Violation(verdict.AcceptedInvalid,
			d.label+" was set back to an older state and sends: it would use message keys twice",
			"not-ready", "a commit")
	}
	return ": noticed"
}

// receive lets a device read a mail, which it may refuse if it says why.
func (p *player) receive(d *world.Device, mail []byte) []ambassador.Event {
	events, err := d.Receive(mail)
	if refusal.Of(err) == "" {
		p.Understood(err)
	}
	return events
}

// sends reports whether a device of a user makes an entry.
func (p *player) sends(u *user, d *world.Device) bool {
	peer := p.userWhere(func(other *user) bool { return other != u })
	if peer == nil {
		return false
	}
	commit, err := d.Send(peer.id, []byte("set back"), nil, nil)
	return err == nil && len(commit) > 0
}

// withhold keeps one entry from a copy of a device, and brings it the rest: it must give its user nothing of that
// conversation that comes after (AMB-INV-16). The device itself goes on.
func (p *player) withhold(d *device) string {
	state := p.export(d)
	victim := p.Import(state)
	mails := p.mailbox(d).Mails
	unread := mails[min(d.target.mails, len(mails)):]
	missing := slices.IndexFunc(unread, hasEntry)
	if missing < 0 {
		return schedule.DoesNotApply
	}
	for _, mail := range unread[:missing] {
		p.receive(victim, mail)
	}
	for _, mail := range unread[missing+1:] {
		events := p.receive(victim, mail)
		if p.epochEnds(d, events) {
			return ": until the epoch ended"
		}
	}
	return ": noticed"
}

// epochEnds reports whether a device that misses an entry has come to the end of the epoch. Before it, it stops the
// test if the device gives its user anything. Of more than two users nobody knows in which conversation that was.
func (p *player) epochEnds(d *device, events []ambassador.Event) bool {
	for _, e := range events {
		if e.Kind == ambassador.Rotated {
			return true
		}
		if len(p.users) == 2 && (e.Kind == ambassador.Message || e.Kind == ambassador.Sent) {
			p.Violation(verdict.AcceptedInvalid, d.label+" missed an entry and goes on reading",
				"frozen, not-ready or conflict", fmt.Sprintf("%s of %q", e.Kind, e.Plaintext))
		}
	}
	return false
}

// hasEntry reports whether there is an entry in a mail.
func hasEntry(mail []byte) bool {
	m := &postoffice.Mail{}
	return codec.Decode(mail, m) == nil && len(m.Entry) > 0
}
