// Package design compares ways to let a user have several devices:
//
//   - single: one device per user, the baseline;
//   - leader: the first device speaks for all, and its companions speak with it alone;
//   - multiplication, or client fan-out: every device has a session with every other device;
//   - ambassador: all devices of a user share one key and one session with each peer (SPEC.md 7 to 12).
//
// The first three are built from the two-party sessions of package session, the last from package client.
//
// Everybody here is honest, the directory and the mailboxes included: the package measures what a design costs, what it
// shows to the other user, and who reads what. All parties are of ambassador-v1. A Design is not safe for concurrent
// use, and an error of its source of randomness may leave a message half delivered.
package design

import (
	"errors"
	"fmt"
)

// Device names one device of a user; the first device of a user is 0 and is its leader. The index of a removed device
// is never given again.
type Device struct {
	User  string
	Index int
}

// String returns "user/index".
func (d Device) String() string { return fmt.Sprintf("%s/%d", d.User, d.Index) }

// Message is what a device has read.
type Message struct {
	From string // user
	// what the reader can tell about the sending device beyond its user: its identity in hex, "" if nothing
	FromDevice string
	Text       string
}

// Cost is what sending one message cost its sender's side: the sending device and its siblings that had to work, such
// as the leader that encrypts anew.
type Cost struct {
	Ciphertexts int
	Bytes       int // of the ciphertexts, headers included
	KeyPairs    int // X25519 key pairs drawn
}

func (c Cost) minus(o Cost) Cost {
	return Cost{c.Ciphertexts - o.Ciphertexts, c.Bytes - o.Bytes, c.KeyPairs - o.KeyPairs}
}

// Carried is a ciphertext that the post office has taken, as far as it can tell: To is a device, or a user whose
// devices all get the same bytes.
type Carried struct {
	From  Device
	To    string
	Bytes int
}

// View is what a counterparty has learned of a user. Identities are public keys in hex, in the order of first sight.
type View struct {
	Identities []string // distinct public identities seen
	Senders    []string // distinct sending identities seen in messages received
	Pinpoint   bool     // can the counterparty address a single device, to the exclusion of its siblings?
}

// The errors of a Design.
var (
	ErrUnknown       = errors.New("unknown user or device") // a removed device is known to Read alone
	ErrExists        = errors.New("user exists")
	ErrNoDevice      = errors.New("a user has at least one device")
	ErrOneDevice     = errors.New("a user has one device")
	ErrLeader        = errors.New("the leader cannot be removed")
	ErrOffline       = errors.New("device is offline")
	ErrLeaderOffline = errors.New("leader is offline")
	ErrSelf          = errors.New("a user does not write to itself")
)

// Design is one way to do multi-device end-to-end encryption, with all its users and the network between them. Devices
// are online when they are made. Delivery is in order, and at once to a device that is online.
type Design interface {
	// Name returns the name of the design.
	Name() string
	// AddUser makes a user with so many devices. It returns ErrExists, ErrNoDevice, ErrOneDevice, or the error of the
	// source of randomness.
	AddUser(name string, devices int) error
	// AddDevice makes the next device of a user, which reads what comes from then on. It returns ErrUnknown,
	// ErrOneDevice, or the error of the source of randomness.
	AddDevice(user string) error
	// RemoveDevice ends a device: it sends and reads nothing more. It returns ErrUnknown, or ErrLeader.
	RemoveDevice(d Device) error
	// SetOnline takes a device off the network or back to it; it then reads what has waited. It returns ErrUnknown.
	SetOnline(d Device, online bool) error
	// Send sends a text to a user. It returns ErrUnknown, ErrSelf, ErrOffline, or ErrLeaderOffline, and nothing has
	// then changed.
	Send(from Device, to, text string) (Cost, error)
	// Read returns everything that the device has read so far, in order, with what its siblings sent and without what
	// it sent itself. It returns ErrUnknown.
	Read(d Device) ([]Message, error)
	// View returns what one user, with all its devices together, has learned of another. It returns ErrUnknown.
	View(viewer, of string) (View, error)
	// PostOffice returns what the post office has carried since the last call.
	PostOffice() []Carried
	// Steal copies the complete state of a device, for an attacker who then leaves. read runs the copy on everything
	// that was sent to the device before or has been sent to it since, and gives the plaintexts. It returns ErrUnknown.
	Steal(d Device) (read func() ([]string, error), err error)
}
