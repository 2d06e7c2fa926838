// Package channel is SPEC.md 8: the pairwise sessions between the devices of one account, and the typed records that
// travel in them.
package channel

import (
	"encoding/hex"
	"fmt"
	"io"

	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/session"
	"credence/reference/wire"
	"credence/spec/refusal"
)

// Channels are the channels of one device to its siblings. A device that is linked starts one to every device that is
// on the list by then; so there is one session for each pair, for as long as both are on the list.
type Channels struct {
	Device account.DeviceID
	party  *session.Party
}

// New makes the channels of a new device. It draws the device key, the device's signed prekey and Z of its signature
// from rand, and returns the error of rand.
func New(rand io.Reader) (*Channels, error) {
	party, err := session.New(account.Set, session.Options{}, rand)
	if err != nil {
		return nil, err
	}
	return of(party), nil
}

func of(party *session.Party) *Channels {
	return &Channels{Device: account.DeviceID(party.Bundle().Identity), party: party}
}

// Clone returns a copy that shares nothing which changes.
func (c *Channels) Clone() *Channels { return &Channels{c.Device, c.party.Clone()} }

// Export returns the channels with all secrets, and Import reads them; it returns refusal.Malformed.
func (c *Channels) Export() []byte { return c.party.Export() }

// Import reads what Export gave. It returns refusal.Malformed.
func Import(exported []byte) (*Channels, error) {
	party, err := session.Import(exported)
	if err != nil {
		return nil, err
	}
	for _, peer := range party.Peers() {
		if n := party.Sessions(peer); n > 1 {
			return nil, fmt.Errorf("%w: %d channels to %s", refusal.Malformed, n, peer)
		}
	}
	return of(party), nil
}

// Prekey returns the device's current signed prekey, as it stands on device lists.
func (c *Channels) Prekey() account.Prekey {
	b := c.party.Bundle()
	p := account.Prekey{ID: b.SignedPrekeyID, Key: account.DeviceID(b.SignedPrekey)}
	copy(p.Signature[:], b.Signature)
	return p
}

// RenewPrekey draws a new signed prekey and Z from rand; the earlier ones stay until ForgetPrekeys. It returns the
// error of rand.
func (c *Channels) RenewPrekey(rand io.Reader) error { return c.party.RenewSignedPrekey(rand) }

// ForgetPrekeys deletes the private keys of signed prekeys with a lower id (AMB-CHN-09).
func (c *Channels) ForgetPrekeys(below uint32) { c.party.ForgetSignedPrekeys(below) }

func name(id account.DeviceID) string { return hex.EncodeToString(id[:]) }

// Has reports whether there is a channel to a device.
func (c *Channels) Has(id account.DeviceID) bool {
	_, err := c.party.State(name(id))
	return err == nil
}

// Drop deletes the channel to a device.
func (c *Channels) Drop(id account.DeviceID) { c.party.Drop(name(id)) }

// Peers returns the devices to which there is a channel, ascending.
func (c *Channels) Peers() []account.DeviceID {
	var ids []account.DeviceID
	for _, peer := range c.party.Peers() {
		b, err := hex.DecodeString(peer)
		if err == nil && len(b) == len(account.DeviceID{}) {
			ids = append(ids, account.DeviceID(b))
		}
	}
	return ids
}

// Connect starts the channel to a device of a list, in the place of an earlier one. It draws the ephemeral key and the
// ratchet key from rand. It returns the refusals of x3dh.Initiate, or the error of rand; the channels are then
// unchanged.
func (c *Channels) Connect(d *account.Device, rand io.Reader) error {
	party := c.party.Clone()
	party.Drop(name(d.ID))
	if err := party.Initiate(name(d.ID), d.Bundle(), rand); err != nil {
		return err
	}
	c.party = party
	return nil
}

// Fresh reports whether the next message to a device will carry a new ratchet key (SPEC.md 12.3).
func (c *Channels) Fresh(to account.DeviceID) bool {
	s, err := c.party.State(name(to))
	return err == nil && s.CKs == nil
}

// Seal encrypts a record for its receiver. It draws a ratchet key from rand if one is due. It returns refusal.NotReady
// if there is no channel.
func (c *Channels) Seal(r *Record, rand io.Reader) ([]byte, error) {
	plaintext, err := codec.Encode(r)
	if err != nil {
		return nil, err
	}
	e, err := c.party.Encrypt(name(r.Receiver), plaintext, rand)
	return e.Body, err
}

// Open decrypts a message of a sibling and checks that the record may come from it (AMB-CHN-03 to AMB-CHN-08). list is
// the current list of this device. It returns refusal.NotAllowed, refusal.StaleEpoch, and the refusals of sessions; the
// channels are then unchanged. No random value is drawn (AMB-RAT-14).
func (c *Channels) Open(list *account.List, from account.DeviceID, message []byte) (*Record, Arrival, error) {
	if list.Find(from) == nil || from == c.Device { // AMB-CHN-01, AMB-CHN-13
		return nil, Arrival{}, fmt.Errorf("%w: a message from a device that is not on the list", refusal.NotAllowed)
	}
	party := c.party.Clone()
	e := session.Envelope{Initial: codec.TypeOf(message) == codec.TypeInitialMessage, Body: message}
	plaintext, err := decrypt(party, from, e)
	if err != nil {
		return nil, Arrival{}, err
	}
	r := &Record{}
	if err := codec.Decode(plaintext, r); err != nil {
		return nil, Arrival{}, fmt.Errorf("record: %w", err)
	}
	h, err := party.Header(name(from), e)
	if err != nil {
		return nil, Arrival{}, err
	}
	a := Arrival{Opened: !c.Has(from), First: h.N == 0}
	if err := c.check(list, from, r, a); err != nil {
		return nil, Arrival{}, err
	}
	c.party = party
	return r, a, nil
}

// Arrival tells how a record came.
type Arrival struct {
	Opened bool // the message started the channel
	First  bool // it was the first under its ratchet key
}

// decrypt reads a message of a sibling; an initial message may start the channel.
func decrypt(party *session.Party, from account.DeviceID, e session.Envelope) ([]byte, error) {
	if _, err := party.State(name(from)); err == nil || !e.Initial {
		return party.Decrypt(name(from), e, nil)
	}
	m, err := wire.ParseInitial(account.Set, e.Body)
	if err != nil {
		return nil, err
	}
	if account.DeviceID(m.Identity) != from { // AMB-CHN-02
		return nil, fmt.Errorf("%w: the channel of another device", refusal.NotAllowed)
	}
	return party.Respond(name(from), e.Body, nil)
}

// check is the table of SPEC.md 8.3.
func (c *Channels) check(list *account.List, from account.DeviceID, r *Record, a Arrival) error {
	leaderOnly := r.Kind == KindList || r.Kind == KindPrepare || r.Kind == KindRotate
	pendingMay := r.Kind == KindReady || r.Kind == KindAck && len(r.Ack.Claims) == 0 // AMB-SYN-20
	introduction := a.Opened && r.Kind == KindAck && r.Epoch == 0
	switch {
	case r.Account != list.Account:
		return fmt.Errorf("%w: record: account of somebody else", refusal.NotAllowed)
	case r.Sender != from:
		return fmt.Errorf("%w: record: sender is not the device of the channel", refusal.NotAllowed)
	case r.Receiver != c.Device:
		return fmt.Errorf("%w: record: receiver is another device", refusal.NotAllowed)
	case leaderOnly && from != list.Leader:
		return fmt.Errorf("%w: record: kind %d is the leader's", refusal.NotAllowed, r.Kind)
	case !pendingMay && !list.Has(from, account.Active):
		return fmt.Errorf("%w: record: kind %d from a pending device", refusal.NotAllowed, r.Kind)
	case r.Epoch != list.Epoch && !introduction:
		return fmt.Errorf("%w: record of epoch %d in epoch %d", refusal.StaleEpoch, r.Epoch, list.Epoch)
	}
	return nil
}
