package world

import (
	"fmt"
	"io"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/shim"
	"credence/spec/refusal"
)

// Device is a device of the target, for the loop that runs devices.
type Device struct {
	*suite.T
	name    string
	id      account.DeviceID
	account account.ID
	coins   func(label string) []byte
}

// ofTarget is a device of the target, or one of a test that has more around it.
type ofTarget interface {
	client.Device
	Party() string
	Rename(party string)
	Identify()
}

// Party returns the name of the device on the target.
func (d *Device) Party() string { return d.name }

// Rename says that the device has another name on the target.
func (d *Device) Rename(party string) { d.name = party }

// random returns the random values for an action that is named by what its result depends on, or nil.
func (d *Device) random(label string) []byte {
	if d.coins == nil {
		return nil
	}
	return d.coins(label)
}

// Identify asks the device for its key and its account.
func (d *Device) Identify() {
	r := d.Must(shim.DeviceStatus, shim.Params{Party: d.name})
	if len(r.Device) != len(d.id) || r.Account != nil && len(r.Account) != len(d.account) {
		d.Violation(verdict.Protocol, "device.status: keys", "32 bytes", suite.Describe(r))
	}
	copy(d.id[:], r.Device)
	copy(d.account[:], r.Account)
}

// result performs an operation of the device. A refusal is an error that keeps its class.
func (d *Device) result(op shim.Op, p shim.Params) (*shim.Result, error) {
	p.Party = d.name
	return d.Try(op, p)
}

func (d *Device) message(op shim.Op, p shim.Params) ([]byte, error) {
	r, err := d.result(op, p)
	if err != nil {
		return nil, err
	}
	return r.Message, nil
}

// What follows makes it a client.Device.

// ID returns the key of the device.
func (d *Device) ID() account.DeviceID { return d.id }

// Account returns the account of the device, or zeros.
func (d *Device) Account() account.ID { return d.account }

// Receive reads a mail.
func (d *Device) Receive(mail []byte) ([]ambassador.Event, error) {
	return events(d.result(shim.DeviceReceive, shim.Params{Message: mail}))
}

// events returns the events of a result.
func events(r *shim.Result, err error) ([]ambassador.Event, error) {
	if err != nil {
		return nil, err
	}
	var events []ambassador.Event
	for _, s := range r.Events {
		e := ambassador.Event{Kind: ambassador.EventKind(s.Kind), Seq: s.Seq, Last: s.Last, Class: s.Class}
		copy(e.Peer[:], s.Account)
		copy(e.Device[:], s.Device)
		if s.Plaintext != nil {
			e.Plaintext = *s.Plaintext
		}
		events = append(events, e)
	}
	return events, nil
}

// CaughtUp says that the device has read its mailbox to the end.
func (d *Device) CaughtUp(commits uint64) ([]ambassador.Event, error) {
	return events(d.result(shim.DeviceCaughtUp, shim.Params{Commits: commits}))
}

// Owes lists the accounts to which an answer is due; none if the target refuses to say.
func (d *Device) Owes() (peers []account.ID) {
	r, err := d.result(shim.DeviceOwes, shim.Params{})
	if err != nil {
		return nil
	}
	for _, key := range r.Accounts {
		var peer account.ID
		copy(peer[:], key)
		peers = append(peers, peer)
	}
	return peers
}

// PostOfficeRefused cannot return a refusal; the next operation fails.
func (d *Device) PostOfficeRefused() { _, _ = d.result(shim.DeviceRefused, shim.Params{}) }

// Export returns the state, or nil if the target refuses to export it.
func (d *Device) Export() []byte {
	r, err := d.result(shim.DeviceExport, shim.Params{})
	if err != nil {
		return nil
	}
	return r.State
}

// Send makes the commit of an entry.
func (d *Device) Send(peer account.ID, plaintext, bundle []byte, _ io.Reader) ([]byte, error) {
	commit, err := d.message(shim.DeviceSend, shim.Params{
		Account: peer[:], Plaintext: plaintext, PeerBundle: bundle, Random: d.random("send " + string(plaintext)),
	})
	if err != nil && bundle == nil && refusal.Of(err) == "" {
		return nil, fmt.Errorf("%w: %w", refusal.IncompleteBundle, err) // a target need not tell classes
	}
	return commit, err
}

// Upkeep makes the commit of what the device owes.
func (d *Device) Upkeep(io.Reader) ([]byte, error) {
	return d.message(shim.DeviceUpkeep, shim.Params{})
}

// Ack makes the commit of an acknowledgement.
func (d *Device) Ack(io.Reader) ([]byte, error) { return d.message(shim.DeviceAck, shim.Params{}) }

// Replenish makes the commit of a publication.
func (d *Device) Replenish(io.Reader) ([]byte, error) {
	return d.message(shim.DeviceReplenish, shim.Params{})
}

// Keys returns device keys as the shim protocol has them.
func Keys(ids []account.DeviceID) []shim.Bytes {
	var keys []shim.Bytes
	for _, id := range ids {
		keys = append(keys, id[:])
	}
	return keys
}

// Prepare makes the commit that asks devices to heal.
func (d *Device) Prepare(devices []account.DeviceID, _ io.Reader) ([]byte, error) {
	return d.message(shim.DevicePrepare, shim.Params{Devices: Keys(devices)})
}

// Rotate makes the commit of a rotation.
func (d *Device) Rotate(change ambassador.Change, _ io.Reader) ([]byte, error) {
	return d.message(shim.DeviceRotate, shim.Params{
		Message: change.Add, Devices: Keys(change.Remove), Random: d.random(d.rotation()),
	})
}

// rotation names the next rotation by its epoch: its random values do not depend on what it changes.
func (d *Device) rotation() string {
	if d.coins == nil {
		return ""
	}
	r, err := d.result(shim.DeviceStatus, shim.Params{})
	if err != nil {
		return ""
	}
	return fmt.Sprint("epoch ", r.Epoch+1)
}

// Offer makes a link offer.
func (d *Device) Offer() ([]byte, error) { return d.message(shim.DeviceOffer, shim.Params{}) }

// Request makes a link request. It returns the device its account too.
func (d *Device) Request(offer []byte, _ io.Reader) ([]byte, error) {
	request, err := d.message(shim.DeviceRequest, shim.Params{Message: offer})
	if err != nil {
		return nil, err
	}
	d.Identify()
	return request, nil
}
