package hostile

import (
	"fmt"
	"slices"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/conversation"
	"credence/shim"
)

// dialogue is an account of one device, the target's, and a counterparty that can put anything into an entry. The post
// office between them is honest.
type dialogue struct {
	*world.World
	leader       *world.Member
	device       *world.Device
	counterparty *malicious.Counterparty
	a, peer      account.ID
	read         int // mails of the device
}

func newDialogue(w *world.World) *dialogue {
	leader := w.Register(true)
	counterparty, registration, err := malicious.NewCounterparty(leader.Device.Account(), w.Random)
	w.NoFault(err)
	w.Understood(w.Office.Append(registration))
	return &dialogue{
		w, leader, leader.Target(), counterparty, leader.Device.Account(), counterparty.Account(), w.Count(leader),
	}
}

// reads lets the device read the mail that has come, and tells it that there are no more.
func (d *dialogue) reads(kinds ...ambassador.EventKind) {
	mails := d.Unread(d.leader, d.read)
	d.read += len(mails)
	d.device.Brings(newest(d.World, mails), kinds...)
	_, err := d.device.CaughtUp(d.Commits(d.leader))
	d.Understood(err)
}

// bundle returns a bundle of the account under test.
func (d *dialogue) bundle() *account.Bundle { return bundleOf(d.World, d.a) }

// arrives brings an entry of the counterparty to the device.
func (d *dialogue) arrives(entry []byte, kinds ...ambassador.EventKind) {
	d.Understood(d.Office.Append(d.counterparty.Commit(entry)))
	d.reads(kinds...)
}

// hears lets the counterparty send an entry that can be read: a start if there is a bundle. What it names comes to
// these events beside the text.
func (d *dialogue) hears(bundle *account.Bundle, named []channel.Range, more ...ambassador.EventKind) {
	d.counterparty.Talk.Reports.Unread = named
	o, err := d.counterparty.Say("can be read", bundle)
	d.NoFault(err)
	d.counterparty.Sent(o)
	d.arrives(o.Entry, slices.Concat([]ambassador.EventKind{ambassador.Message}, more)...)
}

// cannotRead lets the counterparty send an entry that the device cannot read: a start if there is a bundle.
func (d *dialogue) cannotRead(bundle *account.Bundle) {
	o, err := d.counterparty.Say("cannot be read", bundle)
	d.NoFault(err)
	entry := damaged(d.World, o.Entry)
	d.counterparty.Spoiled(entry)
	d.arrives(entry, ambassador.Void)
}

// commit lets the device make an entry, without a text if it is empty, and returns its commit. A start must be made
// if one is due, and only then.
func (d *dialogue) commit(text string, start bool) []byte {
	var bundle []byte
	if start {
		b, err := d.Office.Bundle(d.peer)
		d.Understood(err)
		bundle = b
	}
	commit, err := d.device.Send(d.peer, []byte(text), bundle, nil)
	d.Understood(err)
	return commit
}

// says lets the device send an entry, and the counterparty read it. It must be a start or not, and name these places.
func (d *dialogue) says(text string, start bool, named ...channel.Range) *conversation.Entry {
	commit := d.commit(text, start)
	d.Understood(d.Office.Append(commit))
	d.reads(ambassador.Accepted)
	return names(d.World, d.counterparty, commit, start, named...)
}

// names lets a counterparty read the entry of a commit, which must be a start or not, and name these places.
func names(
	w *world.World, c *malicious.Counterparty, commit []byte, start bool, named ...channel.Range,
) *conversation.Entry {
	m, err := parseCommit(commit)
	w.NoFault(err)
	e, err := conversation.ParseEntry(m.Entry)
	if err != nil || (e.Start != nil) != start {
		w.Violation(verdict.Mismatch, "whether the entry is a start", fmt.Sprint(start), fmt.Sprint(!start, err))
	}
	c.Talk.Reports.Told = nil // so that all that is named is reported
	next, reading, err := c.Talk.Receive(c.Keys, e, m.Entry)
	if err != nil {
		w.Violation(verdict.Mismatch, "an entry of the device cannot be read", "read", err.Error())
	}
	if !slices.Equal(reading.Undelivered, named) {
		w.Violation(
			verdict.Mismatch, "the unread places that an entry names", fmt.Sprint(named),
			fmt.Sprint(reading.Undelivered),
		)
	}
	c.Talk = next
	return e
}

// owes stops the test unless the device owes an answer to the counterparty, or none.
func (d *dialogue) owes(answer bool) { owesAnswer(d.World, d.device, d.peer, answer) }

func owesAnswer(w *world.World, d *world.Device, peer account.ID, answer bool) {
	r := w.Must(shim.DeviceOwes, shim.Params{Party: d.Party()})
	got := slices.ContainsFunc(r.Accounts, func(id shim.Bytes) bool { return string(id) == string(peer[:]) })
	if got != answer {
		w.Violation(verdict.Mismatch, "whether an answer is owed", fmt.Sprint(answer), fmt.Sprint(got))
	}
}

// place returns the run of one place.
func place(seq uint64) channel.Range { return run(seq, seq) }

func run(first, last uint64) channel.Range { return channel.Range{First: first, Last: last} }

// rotates lets the account of the device open the next epoch.
func (d *dialogue) rotates() {
	commit := d.Must(shim.DeviceRotate, shim.Params{Party: d.device.Party()}).Message
	d.Understood(d.Office.Append(commit))
	d.reads(ambassador.Accepted, ambassador.Rotated)
	d.counterparty.Talk = d.counterparty.Talk.Cut()
}

// peerRotates lets the counterparty open its next epoch.
func (d *dialogue) peerRotates() {
	commit, err := d.counterparty.NextEpoch()
	d.NoFault(err)
	d.Understood(d.Office.Append(commit))
}

// restarts exports the device and imports it again.
func (d *dialogue) restarts() {
	d.Restart(d.leader)
	_, err := d.device.CaughtUp(d.Commits(d.leader))
	d.Understood(err)
}
