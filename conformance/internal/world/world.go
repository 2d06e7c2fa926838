// Package world is the stage of the live tests of the Ambassador protocol: accounts with devices around a post office.
// Any of the devices, or the post office, can be the target's.
package world

import (
	"fmt"
	"slices"
	"time"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/postoffice"
	"credence/shim"
)

// World is a post office and the devices around it.
type World struct {
	*suite.T
	Office  postoffice.Service
	Coins   func(label string) []byte // the random values of the target's devices; nil leaves them to the target
	Devices int                       // that the target has made, so that each has a name of its own
}

// New returns a world without accounts. Its clock stands still.
func New(t *suite.T) *World {
	return &World{T: t, Office: postoffice.New(func() time.Time { return time.Unix(0, 0) })}
}

// Test returns a live test of a profile of the Ambassador protocol.
func Test(profile, name, comment string, requirements []string, run func(w *World)) suite.Test {
	return suite.Test{
		TestInfo: verdict.NewInfo(
			fmt.Sprintf("%s/ambassador-v1/live/%s", profile, name), profile, account.Set.Name, comment, requirements,
		),
		Run: func(t *suite.T) {
			t.Reset()
			run(New(t))
		},
	}
}

// Requirements returns its arguments: the ids of the requirements that a test exercises, each with its places.
func Requirements(ids ...string) []string { return ids }

// Member is a device in a world, with what it has heard.
type Member struct {
	*client.Client
	Name   string // of a device of the target; empty for one of the reference
	Events []ambassador.Event
}

// Target returns the device of a member that the target plays.
func (m *Member) Target() *Device { return m.Device.(*Device) }

// Texts returns what the user of the device has read, in order.
func (m *Member) Texts() []string {
	var all []string
	for _, e := range m.Events {
		if e.Kind == ambassador.Message || e.Kind == ambassador.Sent {
			all = append(all, string(e.Plaintext))
		}
	}
	return all
}

// troubles are the events that an undisturbed conversation does not have.
var troubles = []ambassador.EventKind{ambassador.Refused, ambassador.Void, ambassador.Frozen, ambassador.Parked}

// trouble returns the first event that an undisturbed conversation does not have, or nil.
func (m *Member) trouble() *ambassador.Event {
	i := slices.IndexFunc(m.Events, func(e ambassador.Event) bool { return slices.Contains(troubles, e.Kind) })
	if i < 0 {
		return nil
	}
	return &m.Events[i]
}

// ForgetTrouble takes out of what a device has heard what an undisturbed conversation does not have.
func (m *Member) ForgetTrouble() {
	m.Events = slices.DeleteFunc(m.Events, func(e ambassador.Event) bool { return slices.Contains(troubles, e.Kind) })
}

// Member returns the member that a client runs.
func (w *World) Member(c *client.Client, name string) *Member {
	m := &Member{Client: c, Name: name}
	c.Heard = func(e ambassador.Event) { m.Events = append(m.Events, e) }
	return m
}

// NewName returns a name for a party of the target.
func (w *World) NewName() string {
	w.Devices++
	return fmt.Sprintf("device-%d", w.Devices)
}

// randomness returns the random values for an action of the target, or nil.
func (w *World) randomness(label string) []byte {
	if w.Coins == nil {
		return nil
	}
	return w.Coins(label)
}

// Register makes an account, and returns its leader, which is the target's or the reference's.
func (w *World) Register(ofTarget bool) *Member {
	if !ofTarget {
		c, err := client.Register(w.Office, w.Random)
		w.Understood(err)
		return w.Member(c, "")
	}
	d, registration := w.NewLeader()
	c, err := client.Open(d, registration, w.Office, w.Random)
	w.Understood(err)
	return w.Member(c, d.name)
}

// NewLeader makes a device of the target that leads an account of its own, and the commit that registers it.
func (w *World) NewLeader() (d *Device, registration []byte) {
	d = w.device()
	r := w.Must(shim.DeviceRegister, shim.Params{Party: d.name, Random: w.randomness("register")})
	d.Identify()
	return d, r.Message
}

// Link adds a device of the target or of the reference to an account.
func (w *World) Link(leader *Member, ofTarget bool) *Member {
	if ofTarget {
		d := w.NewDevice()
		return w.Join(leader, d, d.name)
	}
	d, err := ambassador.NewDevice(w.Random)
	w.NoFault(err)
	return w.Join(leader, d, "")
}

// NewDevice makes a device of the target without an account.
func (w *World) NewDevice() *Device {
	d := w.device()
	w.Must(shim.DeviceNew, shim.Params{Party: d.name, Random: w.randomness("new " + d.name)})
	d.Identify()
	return d
}

// Import makes a device of the target from an exported state, beside the one that the state is of. Its key and account
// are not known before Identify asks for them.
func (w *World) Import(state []byte) *Device {
	d := w.device()
	w.Must(shim.DeviceImport, shim.Params{Party: d.name, State: state})
	return d
}

func (w *World) device() *Device { return &Device{T: w.T, name: w.NewName(), coins: w.Coins} }

// Join adds a device without an account to the account of a leader.
func (w *World) Join(leader *Member, d client.Device, name string) *Member {
	c, err := client.Join(leader.Client, d, w.Office, w.Random)
	w.Understood(err)
	if d, ok := d.(ofTarget); ok {
		d.Identify()
	}
	return w.Member(c, name)
}

// Sync lets devices read their mailboxes, twice, so that answers arrive too.
func (w *World) Sync(members ...[]*Member) {
	for range 2 {
		for _, m := range slices.Concat(members...) {
			w.Understood(m.Sync())
		}
	}
}

// Send lets a device send a text.
func (w *World) Send(m *Member, to account.ID, text string) { w.Understood(m.Send(to, []byte(text))) }

// Unread returns the mails of a device after the first read ones.
func (w *World) Unread(m *Member, read int) [][]byte { return w.mailbox(m, read).Mails }

// Commits returns the highest number of a commit that the post office has seen of a device.
func (w *World) Commits(m *Member) uint64 { return w.mailbox(m, 0).Commits }

func (w *World) mailbox(m *Member, read int) postoffice.Mailbox {
	box, err := w.Office.Fetch(m.Device.Account(), m.Device.ID(), uint64(read)+1)
	w.Understood(err)
	return box
}

// Count returns the number of mails that a device has got, read ones included.
func (w *World) Count(m *Member) int { return len(w.Unread(m, 0)) }

// Restart exports a device of the target and imports it under a new name. One of the reference stays as it is.
func (w *World) Restart(m *Member) {
	if d, ok := m.Device.(ofTarget); ok {
		w.Renew(d)
		m.Name = d.Party()
	}
}

// Renew is Restart for a device that nobody runs.
func (w *World) Renew(d ofTarget) {
	state := w.Must(shim.DeviceExport, shim.Params{Party: d.Party()}).State
	name := w.NewName()
	w.Must(shim.DeviceImport, shim.Params{Party: name, State: state})
	d.Rename(name)
}
