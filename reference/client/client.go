// Package client brings a device and a post office together: it is the loop that an application runs (SPEC.md 11.4).
package client

import (
	"errors"
	"fmt"
	"io"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// Device is what the loop needs of a device. ambassador.Device is one; a test may put another implementation in its
// place.
type Device interface {
	ID() account.DeviceID
	Account() account.ID
	Receive(mail []byte) ([]ambassador.Event, error)
	CaughtUp(commits uint64) error
	PostOfficeRefused()
	Export() []byte
	Send(peer account.ID, plaintext, bundle []byte, rand io.Reader) (commit []byte, err error)
	Upkeep(rand io.Reader) (commit []byte, err error)
	Ack(rand io.Reader) (commit []byte, err error)
	Replenish(rand io.Reader) (commit []byte, err error)
	Prepare(devices []account.DeviceID, rand io.Reader) (commit []byte, err error)
	Rotate(change ambassador.Change, rand io.Reader) (commit []byte, err error)
	Offer() (offer []byte, err error)
	Request(offer []byte, rand io.Reader) (request []byte, err error)
}

// Client runs one device. It is for one goroutine at a time.
type Client struct {
	Device   Device
	office   postoffice.Service
	rand     io.Reader
	position uint64 // of the next mail

	// Persist is called, if not nil, with the state of the device before anything of it leaves (AMB-SYN-02).
	Persist func(exported []byte)
	// Heard is called, if not nil, with everything that mails bring.
	Heard func(ambassador.Event)
}

// New runs a device.
func New(d Device, office postoffice.Service, rand io.Reader) *Client {
	return &Client{Device: d, office: office, rand: rand, position: 1}
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

// attempts bounds how often a commit is made anew: a place in the log is kept for who lost it (AMB-PST-06), so that
// more is a sign of a post office that lies.
const attempts = 16

// Sync reads the mailbox to its end and sends what the device owes its siblings.
func (c *Client) Sync() error {
	for range attempts {
		more, err := c.read()
		if err != nil {
			return err
		}
		commit, err := c.Device.Upkeep(c.rand)
		if err != nil || commit == nil {
			if !more {
				return ignoreNotReady(err)
			}
			continue
		}
		if err := c.append(commit); err != nil && !again(err) {
			return err
		}
	}
	return nil
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
		events, err := c.Device.Receive(mail)
		if err != nil {
			return false, err
		}
		c.position++
		for _, e := range events {
			if c.Heard != nil {
				c.Heard(e)
			}
		}
	}
	return len(box.Mails) > 0, ignoreNotReady(c.Device.CaughtUp(box.Commits))
}

func (c *Client) append(commit []byte) error {
	if c.Persist != nil {
		c.Persist(c.Device.Export())
	}
	err := c.office.Append(commit)
	if err != nil {
		c.Device.PostOfficeRefused()
	}
	return err
}

// again reports whether a commit that was refused is worth making anew.
func again(err error) bool {
	return errors.Is(err, refusal.Conflict) || errors.Is(err, refusal.StaleEpoch) ||
		errors.Is(err, refusal.WrongDevices)
}

// commit makes a commit until the post office takes it: before each attempt the device catches up. refused is told why
// the attempt before has failed.
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

// Send sends a plaintext to a peer. It fetches the peer's bundle when a start is due: before the first entry, and when
// the post office says that one of the two has rotated.
func (c *Client) Send(peer account.ID, plaintext []byte) error {
	var bundle []byte
	fetch := func() (err error) {
		bundle, err = c.office.Bundle(peer)
		return err
	}
	return c.commit(func() ([]byte, error) {
		commit, err := c.Device.Send(peer, plaintext, bundle, c.rand)
		if !errors.Is(err, refusal.IncompleteBundle) {
			return commit, err
		}
		if err := fetch(); err != nil {
			return nil, err
		}
		return c.Device.Send(peer, plaintext, bundle, c.rand)
	}, func(err error) error {
		if errors.Is(err, refusal.StaleEpoch) {
			return fetch()
		}
		return nil
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
