// Package client brings a device and a post office together: it is the loop that an application runs (SPEC.md 11.4).
package client

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// Device is what the loop needs of a device. ambassador.Device is one; a test may put another implementation in its
// place.
type Device interface {
	ID() account.DeviceID
	Account() account.ID
	Receive(mail []byte) ([]ambassador.Event, error)
	CaughtUp(commits uint64) ([]ambassador.Event, error)
	PostOfficeRefused()
	Export() []byte
	Owes() []account.ID
	Send(peer account.ID, text, bundle []byte, rand io.Reader) (commit []byte, err error)
	Upkeep(rand io.Reader) (commit []byte, err error)
	Ack(rand io.Reader) (commit []byte, err error)
	Replenish(rand io.Reader) (commit []byte, err error)
	Prepare(devices []account.DeviceID, rand io.Reader) (commit []byte, err error)
	Rotate(change ambassador.Change, rand io.Reader) (commit []byte, err error)
	Offer() (offer []byte, err error)
	Request(offer []byte, rand io.Reader) (request []byte, err error)
}

// ErrMissing says that mails have not come in the order of their positions (SPEC.md 9.4). They can be asked for again.
var ErrMissing = errors.New("a mail is missing")

// Client runs one device. It is for one goroutine at a time.
type Client struct {
	Device   Device
	office   postoffice.Service
	rand     io.Reader
	position uint64 // of the next mail
	texts    *texts
	accepted bool // the newest commit has come back

	// Persist is called, if not nil, with the state of the device before anything of it leaves (AMB-SYN-02).
	Persist func(exported []byte)
	// Heard is called, if not nil, with everything that mails bring.
	Heard func(ambassador.Event)
}

// New runs a device.
func New(d Device, office postoffice.Service, rand io.Reader) *Client {
	return &Client{Device: d, office: office, rand: rand, position: 1, texts: newTexts()}
}

// Register makes an account with its leader.
func Register(office postoffice.Service, rand io.Reader) (*Client, error) {
	d, commit, err := ambassador.Register(rand)
	if err != nil {
		return nil, err
	}
	return Open(d, commit, office, rand)
}

// Open brings the registration of a device to the post office.
func Open(d Device, registration []byte, office postoffice.Service, rand io.Reader) (*Client, error) {
	c := New(d, office, rand)
	if err := office.Append(registration); err != nil {
		return nil, err
	}
	return c, c.Sync()
}

// attempts bounds how often a commit is made anew: a place in the log is kept for who lost it (AMB-PST-14), so that
// more is a sign of a post office that lies.
const attempts = 16

// Sync reads the mailbox to its end, and sends what is owed: records to the siblings, answers to peers, and texts anew
// that a peer could not read.
func (c *Client) Sync() error {
	for range attempts {
		more, err := c.read()
		if err != nil {
			return err
		}
		busy, err := c.pay()
		if err != nil {
			return err
		}
		if !more && !busy {
			return nil
		}
	}
	return nil
}

// pay makes one commit of what is owed. It reports whether there was any.
func (c *Client) pay() (busy bool, err error) {
	commit, err := c.Device.Upkeep(c.rand)
	if err == nil && commit == nil {
		commit = c.entryOwed()
	}
	if err != nil || commit == nil {
		return false, ignoreNotReady(err)
	}
	err = c.append(commit)
	if err != nil && !again(err) {
		return false, err
	}
	return true, c.refresh(err)
}

// refresh fetches the bundle of the peer to whom an entry that was owed could not be sent, if that was the reason.
func (c *Client) refresh(refused error) (err error) {
	if o := c.texts.making; o != nil && stale(refused) {
		c.texts.bundles[o.peer], err = c.office.Bundle(o.peer)
	}
	return err
}

// stale reports whether an entry was refused because one of the two has rotated, or a prekey is not there any more.
func stale(refused error) bool {
	return errors.Is(refused, refusal.StaleEpoch) || errors.Is(refused, refusal.UnknownPrekey)
}

// entryOwed makes the entry of a text that goes out anew, or of an answer; nil if none is owed. What cannot be made
// now, because the peer's bundle is not to be had, waits.
func (c *Client) entryOwed() []byte {
	owed := slices.Clone(c.texts.anew)
	for _, peer := range c.Device.Owes() {
		owed = append(owed, &outgoing{peer: peer})
	}
	for _, o := range owed {
		commit, err := c.entry(o, c.texts.bundles[o.peer])
		delete(c.texts.bundles, o.peer)
		if err == nil {
			return commit
		}
	}
	return nil
}

// entry makes the commit of an entry. It fetches the peer's bundle if a start is due and there is none, or an old one.
func (c *Client) entry(o *outgoing, bundle []byte) ([]byte, error) {
	c.texts.making = o
	commit, err := c.Device.Send(o.peer, o.text, bundle, c.rand)
	if !errors.Is(err, refusal.IncompleteBundle) && (bundle == nil || !errors.Is(err, refusal.StaleEpoch)) {
		return commit, err
	}
	if bundle, err = c.office.Bundle(o.peer); err != nil {
		return nil, err
	}
	return c.Device.Send(o.peer, o.text, bundle, c.rand)
}

// ignoreNotReady lets a device read that may not send: a pending one, or one that was set back.
func ignoreNotReady(err error) error {
	if errors.Is(err, refusal.NotReady) {
		return nil
	}
	return err
}

// read reads the mailbox to its end. It reports whether there was anything.
func (c *Client) read() (bool, error) {
	box, err := c.office.Fetch(c.Device.Account(), c.Device.ID(), c.position)
	if err != nil {
		return false, err
	}
	for _, mail := range box.Mails {
		m := &postoffice.Mail{}
		if err := codec.Decode(mail, m); err != nil {
			return false, err
		}
		switch {
		case m.Position < c.position:
			continue // it came again
		case m.Position > c.position:
			return true, fmt.Errorf("%w: %d after %d", ErrMissing, m.Position, c.position-1)
		}
		events, err := c.Device.Receive(mail)
		if err != nil {
			return false, err
		}
		c.position++
		c.hear(events)
	}
	events, err := c.Device.CaughtUp(box.Commits)
	c.hear(events)
	return len(box.Mails) > 0, ignoreNotReady(err)
}

// hear takes in the events of a mail.
func (c *Client) hear(events []ambassador.Event) {
	c.texts.hear(events)
	for _, e := range events {
		c.accepted = c.accepted || e.Kind == ambassador.Accepted
		if c.Heard != nil {
			c.Heard(e)
		}
	}
}

// append announces a commit and brings it to the post office (AMB-SYN-16). An error that is no refusal leaves it under
// way: the mailbox tells what has become of it.
func (c *Client) append(commit []byte) error {
	if c.Persist != nil {
		c.Persist(c.Device.Export())
	}
	c.accepted = false
	m := &postoffice.Commit{}
	if err := codec.Decode(commit, m); err != nil {
		return err
	}
	highest, err := c.office.Announce(m.Account, m.Device, m.Number)
	if err == nil && highest >= m.Number { // somebody else has made a commit of this number
		_, err = c.Device.CaughtUp(highest + 1)
	}
	if err == nil {
		err = c.office.Append(commit)
	}
	if refusal.Of(err) != "" {
		c.Device.PostOfficeRefused()
	}
	return err
}

// again reports whether a commit that was refused is worth making anew.
func again(err error) bool {
	return errors.Is(err, refusal.Conflict) || errors.Is(err, refusal.StaleEpoch) ||
		errors.Is(err, refusal.WrongDevices) || errors.Is(err, refusal.UnknownPrekey)
}

// commit makes a commit until the post office takes it: before each attempt the device catches up. refused is told why
// the attempt before has failed. Where an answer of the post office was lost, the mailbox tells whether it has taken
// it.
func (c *Client) commit(make func() ([]byte, error), refused func(error) error) error {
	var last error
	for range attempts {
		if err := c.Sync(); err != nil {
			return err
		}
		commit, err := make()
		if err != nil {
			return err
		}
		if last = c.append(commit); last == nil {
			return c.Sync()
		}
		if refusal.Of(last) == "" {
			if _, err := c.read(); err != nil {
				return last
			}
			if c.accepted {
				return c.Sync()
			}
			continue
		}
		if !again(last) {
			return last
		}
		if err := refused(last); err != nil {
			return err
		}
	}
	return fmt.Errorf("given up after %d attempts: %w", attempts, last)
}

// repeat is the answer to a refusal that asks for nothing but another attempt.
func repeat(error) error { return nil }

// Send sends a text to a peer. It fetches the peer's bundle when a start is due: before the first entry, and when the
// post office says that one of the two has rotated, or that a prekey is not there any more. A text that the peer cannot
// read is sent anew when the peer says so, as long as this client lives; Heard is told in any case. It returns
// refusal.Malformed for an empty text.
func (c *Client) Send(peer account.ID, text []byte) error {
	if len(text) == 0 {
		return fmt.Errorf("%w: text: empty", refusal.Malformed)
	}
	var bundle []byte
	return c.commit(func() ([]byte, error) {
		return c.entry(&outgoing{peer, text}, bundle)
	}, func(refused error) (err error) {
		if stale(refused) {
			bundle, err = c.office.Bundle(peer)
		}
		return err
	})
}

// Replenish publishes new prekeys if less than a number of one-time prekeys are left.
func (c *Client) Replenish(below int) error {
	box, err := c.office.Fetch(c.Device.Account(), c.Device.ID(), c.position)
	if err != nil || box.Prekeys >= below {
		return err
	}
	return c.commit(func() ([]byte, error) { return c.Device.Replenish(c.rand) }, repeat)
}

// Rotate opens a new epoch. It is the leader's.
func (c *Client) Rotate(change ambassador.Change) error {
	return c.commit(func() ([]byte, error) { return c.Device.Rotate(change, c.rand) }, repeat)
}

// Prepare asks devices to heal before the next rotation; nil asks all. It is the leader's.
func (c *Client) Prepare(devices []account.DeviceID) error {
	return c.commit(func() ([]byte, error) { return c.Device.Prepare(devices, c.rand) }, repeat)
}

// Ack acknowledges to every sibling.
func (c *Client) Ack() error {
	return c.commit(func() ([]byte, error) { return c.Device.Ack(c.rand) }, repeat)
}

// Link makes a new device and adds it to the account of the leader.
func Link(leader *Client, office postoffice.Service, rand io.Reader) (*Client, error) {
	d, err := ambassador.NewDevice(rand)
	if err != nil {
		return nil, err
	}
	return Join(leader, d, office, rand)
}

// Join adds a device without an account to the account of the leader.
func Join(leader *Client, d Device, office postoffice.Service, rand io.Reader) (*Client, error) {
	if err := leader.Sync(); err != nil {
		return nil, err
	}
	offer, err := leader.Device.Offer()
	if err != nil {
		return nil, err
	}
	request, err := d.Request(offer, rand)
	if err != nil {
		return nil, err
	}
	if err := leader.Rotate(ambassador.Change{Add: request}); err != nil {
		return nil, err
	}
	c := New(d, office, rand)
	return c, c.Sync()
}
