package accounts

import (
	"bytes"
	"fmt"

	"credence/conformance/internal/adversary"
	"credence/conformance/internal/schedule"
	"credence/conformance/verdict"
	"credence/reference/codec"
	"credence/reference/postoffice"
)

// stolen is a copy of a device's state that the attacker has.
type stolen struct {
	schedule.Copy
	of     *device
	healed uint32 // the first epoch for which the device had been asked to heal
}

// compromise returns the attacker the complete state of a device.
func (p *player) compromise(d *device) string {
	state := p.export(d)
	var holds []adversary.Term // nothing, if the oracle does not know the device: finish says why
	if o := p.oracleOf(d.target); o != nil {
		holds = o.Holds()
	}
	p.copies = append(p.copies, &stolen{of: d, Copy: schedule.Copy{
		Event: p.event, Who: d.label, State: bytes.Clone(state), Holds: holds,
		Messages: len(p.post.Sent), Imported: map[*adversary.Message]struct{}{}, Linked: d.linked,
	}})
	return fmt.Sprintf(": %d bytes", len(state))
}

// attack judges what the attacker reads.
func (p *player) attack() {
	var copies []*schedule.Copy
	for _, c := range p.copies {
		p.importCopy(c)
		p.keepSecret(c)
		copies = append(copies, &c.Copy)
	}
	var messages []schedule.Message
	for _, m := range p.post.Sent {
		messages = append(messages, schedule.Message{Message: m.Message, Key: m.Key})
	}
	schedule.Judge(p.play, p.post.Oracle, adversary.NewAttacker(p.post.Trace), copies, messages)
	p.Evidence.Add(verdict.Evidence{Copies: len(copies), Allowed: p.play.Allowed, Read: p.play.Read})
}

// keepSecret says which entries are secret from a copy of a device that was asked to heal: those of every epoch from
// then on (AMB-INV-12). That holds whatever the leader has sealed for it: under keys of the copy it must seal nothing.
// It is said of accounts of two devices only: in a larger one another companion may tell the device of its entries in a
// channel in which the device has not answered since.
func (p *player) keepSecret(c *stolen) {
	if c.healed == 0 || len(c.of.user.devices) > 2 {
		return
	}
	c.Secret = map[*adversary.Message]bool{}
	for m, e := range p.entries {
		sends := e.Sender == c.of.user.id && e.SenderEpoch >= c.healed
		c.Secret[m] = sends || e.Recipient == c.of.user.id && e.RecipientEpoch >= c.healed
	}
}

// importCopy lets the target itself read the whole mailbox of a device from its copy.
func (p *player) importCopy(c *stolen) {
	attacker := p.Import(c.State)
	box, err := p.Office.Fetch(c.of.user.id, c.of.Device.ID(), 1)
	if err != nil {
		return // the device was removed: its mailbox is closed to the attacker too
	}
	for _, mail := range box.Mails {
		events, err := attacker.Receive(mail)
		m := &postoffice.Mail{}
		if err != nil || codec.Decode(mail, m) != nil {
			continue
		}
		for _, text := range texts(events) {
			p.readByTarget(c, m.Entry, text)
		}
	}
}

// readByTarget notes that the target has read the text of an entry from a copy.
func (p *player) readByTarget(c *stolen, entry []byte, text string) {
	for _, s := range p.post.Sent {
		if s.Entry && s.Message.Name == text && bytes.Contains(entry, s.Message.Body) {
			c.Imported[s.Message] = struct{}{}
		}
	}
}
