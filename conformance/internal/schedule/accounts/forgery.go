package accounts

import (
	"bytes"
	"fmt"
	"slices"

	"credence/conformance/internal/adversary"
	"credence/conformance/internal/schedule"
	"credence/conformance/internal/world"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/shim"
)

// forge brings a changed mail to a copy of a device, its next one or the last that it has read. The copy must give
// its user nothing that nobody has said. If it refuses the mail it must be as it was, and read on like a copy that
// has not seen it. The device itself goes on.
func (p *player) forge(d *device, e scenario.Event) string {
	state := p.export(d)
	mails := p.mailbox(d).Mails
	if len(mails) == 0 {
		return schedule.DoesNotApply
	}
	forged, ok := forgedMail(mails[min(d.target.mails, len(mails)-1)], e)
	if !ok {
		return schedule.DoesNotApply
	}
	victim := p.Import(state)
	events := hears(victim, forged)
	p.genuine(d, e, events)
	if slices.ContainsFunc(events, func(e ambassador.Event) bool { return e.Kind != ambassador.Refused }) {
		return ": taken for another mail"
	}
	p.unchanged(victim, state)
	p.readsOn(d, victim, state, mails[d.target.mails:])
	return ": refused"
}

// forgedMail returns a mail with a part changed, if it has the part and the change can be made.
func forgedMail(mail []byte, e scenario.Event) (forged []byte, ok bool) {
	none := func(string) ([]byte, bool) { return nil, false }
	if e.Part == "mail" {
		return e.Change.Apply(mail, none)
	}
	m := &postoffice.Mail{}
	if codec.Decode(mail, m) != nil {
		return nil, false
	}
	part := &m.Entry
	if e.Part == "parcel" {
		if len(m.Parcels) == 0 {
			return nil, false
		}
		part = &m.Parcels[0].Body
	}
	if *part, ok = e.Change.Apply(*part, none); !ok {
		return nil, false
	}
	forged, err := codec.Encode(m)
	return forged, err == nil
}

// hears returns the events of a device that gets mails, and refuses what it likes.
func hears(d *world.Device, mails ...[]byte) (all []ambassador.Event) {
	for _, mail := range mails {
		if events, err := d.Receive(mail); err == nil {
			all = append(all, events...)
		}
	}
	return all
}

// texts returns what a device gives its user.
func texts(events []ambassador.Event) (all []string) {
	for _, e := range events {
		if e.Kind == ambassador.Message || e.Kind == ambassador.Sent {
			all = append(all, string(e.Plaintext))
		}
	}
	return all
}

// genuine stops the test if a device that got a changed mail takes a changed entry for its own (AMB-SYN-15), or gives
// its user a text that nobody has said.
func (p *player) genuine(d *device, e scenario.Event, events []ambassador.Event) {
	accepted := slices.ContainsFunc(events, func(e ambassador.Event) bool { return e.Kind == ambassador.Accepted })
	if e.Part == "entry" && accepted {
		p.Violation(verdict.AcceptedInvalid, d.label+" takes a changed entry for its own",
			"the commit stays under way (AMB-SYN-15)", "accepted")
	}
	for _, text := range texts(events) {
		said := func(m adversary.Sent) bool { return m.Entry && m.Message.Name == text }
		if !slices.ContainsFunc(p.post.Sent, said) {
			p.Violation(verdict.AcceptedInvalid, d.label+" gives its user a text that nobody has said",
				"nothing, or what was said", fmt.Sprintf("%q", text))
		}
	}
}

// unchanged stops the test unless a device that has refused a mail has the state that it had before.
func (p *player) unchanged(victim *world.Device, before []byte) {
	after := p.Must(shim.DeviceExport, shim.Params{Party: victim.Party()}).State
	if !bytes.Equal(before, after) {
		p.Violation(verdict.StateChanged, "a refused mail has changed the exported state",
			fmt.Sprintf("state as before (%d bytes)", len(before)), fmt.Sprintf("another state (%d bytes)", len(after)))
	}
}

// readsOn stops the test unless a device that has refused a mail reads the genuine ones like another copy of its state.
func (p *player) readsOn(d *device, victim *world.Device, state []byte, mails [][]byte) {
	want := texts(hears(p.Import(state), mails...))
	got := texts(hears(victim, mails...))
	if !slices.Equal(got, want) {
		p.Violation(verdict.RejectedValid,
			d.label+" has refused a mail, and reads the genuine ones after it otherwise than before",
			fmt.Sprintf("%q", want), fmt.Sprintf("%q", got))
	}
}
