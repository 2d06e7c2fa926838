package accounts

import (
	"io"
	"slices"

	"credence/conformance/internal/adversary"
	"credence/conformance/internal/world"
	"credence/reference/account"
	"credence/reference/ambassador"
)

// tracked is a device of the target whose commits and mails the oracle follows.
type tracked struct {
	*world.Device
	player *player
	text   string // of the entry that it makes next
	mails  int    // that it has read
}

// oracleOf returns what the oracle knows of a device, or nil if it does not know it yet.
func (p *player) oracleOf(t *tracked) *adversary.Device { return p.post.Devices[t.ID()] }

// made lets the oracle see what a device has made.
func (t *tracked) made(commit []byte, err error) ([]byte, error) {
	if err == nil && len(commit) > 0 {
		t.player.note(t.player.post.Made(commit, t.text))
	}
	return commit, err
}

// dropped lets the oracle forget the commit that the device had under way.
func (t *tracked) dropped() {
	if o := t.player.oracleOf(t); o != nil {
		o.Dropped()
	}
}

// What follows are the methods of client.Device that the oracle follows.

// Send makes the commit of an entry.
func (t *tracked) Send(peer account.ID, plaintext, bundle []byte, r io.Reader) ([]byte, error) {
	return t.made(t.Device.Send(peer, plaintext, bundle, r))
}

// Upkeep makes the commit of what the device owes.
func (t *tracked) Upkeep(r io.Reader) ([]byte, error) { return t.made(t.Device.Upkeep(r)) }

// Ack makes the commit of an acknowledgement.
func (t *tracked) Ack(r io.Reader) ([]byte, error) {
	commit, err := t.Device.Ack(r)
	if o := t.player.oracleOf(t); err == nil && o != nil {
		o.Acked()
	}
	return t.made(commit, err)
}

// Replenish makes the commit of a publication.
func (t *tracked) Replenish(r io.Reader) ([]byte, error) { return t.made(t.Device.Replenish(r)) }

// Prepare makes the commit that asks devices to heal.
func (t *tracked) Prepare(devices []account.DeviceID, r io.Reader) ([]byte, error) {
	return t.made(t.Device.Prepare(devices, r))
}

// Rotate makes the commit of a rotation.
func (t *tracked) Rotate(change ambassador.Change, r io.Reader) ([]byte, error) {
	return t.made(t.Device.Rotate(change, r))
}

// Request makes a link request.
func (t *tracked) Request(offer []byte, r io.Reader) ([]byte, error) {
	request, err := t.Device.Request(offer, r)
	if err == nil {
		t.player.note(t.player.post.Requested(offer, request))
	}
	return request, err
}

// PostOfficeRefused says that the commit under way was refused.
func (t *tracked) PostOfficeRefused() {
	t.Device.PostOfficeRefused()
	t.dropped()
}

// CaughtUp says that the device has read its mailbox to the end.
func (t *tracked) CaughtUp(commits uint64) ([]ambassador.Event, error) {
	events, err := t.Device.CaughtUp(commits)
	if err == nil {
		t.dropped()
	}
	return events, err
}

// tookEntry are the events that tell that a device has taken the entry of a mail.
var tookEntry = []ambassador.EventKind{
	ambassador.Message, ambassador.Answer, ambassador.Sent, ambassador.Accepted,
}

// Receive reads a mail.
func (t *tracked) Receive(mail []byte) ([]ambassador.Event, error) {
	events, err := t.Device.Receive(mail)
	t.mails++
	if err == nil {
		took := slices.ContainsFunc(events, func(e ambassador.Event) bool { return slices.Contains(tookEntry, e.Kind) })
		t.player.note(t.player.post.Processed(t.ID(), mail, took))
	}
	t.player.ledger.received(t.player.event, t.ID(), mail, err != nil)
	return events, err
}
