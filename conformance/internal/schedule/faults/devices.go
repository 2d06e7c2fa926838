package faults

import (
	"fmt"
	"io"
	"slices"

	"credence/conformance/internal/world"
	"credence/conformance/scenario"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
)

// mostDevices bounds the devices that an account ever has, those that were removed included.
const mostDevices = 20

// user is an account with its devices; those that were removed stay in the list. The first is the leader.
type user struct {
	name    string
	id      account.ID
	devices []*device
	parted  bool // some of its devices were at another post office
}

// device is a device of a user, with what the network will do to it.
type device struct {
	*world.Member
	target  *target
	label   string // alice/0
	user    *user
	since   int
	until   int // the event in which it was removed, or -1
	removed bool
	setBack bool // to a state before a commit that has left it: it must not send any more

	side    int    // its post office
	box     box    // its mailbox
	fault   string // what becomes of the next commit
	late    [][]byte
	kept    map[account.ID][]byte // bundles
	held    *held                 // a commit that was made and not released
	number  uint64                // the highest of a commit that has left
	backup  *backup
	hanging bool           // its commit got no answer or it was restarted, and it has not read since
	making  string         // the text of the newest entry that was made
	read    map[string]int // how often its user was given a text
	told    map[string]int // how often its user was told that it was not delivered
}

// held is a commit that was made and waits for its release.
type held struct {
	commit []byte
	text   string
	onTop  bool
	rival  int // of a rotation: own entries in the logs
}

// backup is an older state of a device.
type backup struct {
	state  []byte
	number uint64
	read   map[string]int
	told   map[string]int
}

// target is a device of the target whose entries are followed.
type target struct {
	*world.Device
	player *player
	device *device
	mails  int // that it has read
}

// Receive reads a mail.
func (t *target) Receive(mail []byte) ([]ambassador.Event, error) {
	t.mails++
	return t.Device.Receive(mail)
}

// Send makes the commit of an entry.
func (t *target) Send(peer account.ID, text, bundle []byte, r io.Reader) ([]byte, error) {
	commit, err := t.Device.Send(peer, text, bundle, r)
	if err == nil {
		t.player.made(t.device, commit, string(text))
	}
	return commit, err
}

// leads reports whether a device is the leader of its account.
func (d *device) leads() bool { return d == d.user.devices[0] }

// present returns the devices that are on the list.
func (u *user) present() (on []*device) {
	for _, d := range u.devices {
		if !d.removed {
			on = append(on, d)
		}
	}
	return on
}

// open makes an account with its first devices.
func (p *player) open(s scenario.User) {
	leader, registration := p.NewLeader()
	u := &user{name: s.Name, id: leader.Account()}
	p.users = append(p.users, u)
	d, t := p.device(u, leader)
	c, err := client.Open(t, registration, line{p, d}, p.Random)
	p.Understood(err)
	p.appear(d, c)
	for range s.Devices - 1 {
		p.link(u)
	}
}

// device returns a device of an account that is not there yet.
func (p *player) device(u *user, of *world.Device) (*device, *target) {
	d := &device{
		label: fmt.Sprintf("%s/%d", u.name, len(u.devices)), user: u, since: p.event, until: -1,
		kept: map[account.ID][]byte{}, read: map[string]int{}, told: map[string]int{},
	}
	d.target = &target{Device: of, player: p, device: d}
	return d, d.target
}

// link adds a new device to an account, if the rotation comes through.
func (p *player) link(u *user) string {
	d, t := p.device(u, p.NewDevice())
	c, err := client.Join(u.devices[0].Client, t, line{p, d}, p.Random)
	if err != nil {
		return p.tolerate(err)
	}
	p.appear(d, c)
	return ""
}

// appear puts a device into the list of its account.
func (p *player) appear(d *device, c *client.Client) {
	p.run(d, c)
	d.user.devices = append(d.user.devices, d)
}

// run lets a client run a device.
func (p *player) run(d *device, c *client.Client) {
	d.Member = p.Member(c, d.target.Party())
	c.Heard = func(e ambassador.Event) { p.heard(d, e) }
}

// find returns the device of a name, or nil if it is not there.
func (p *player) find(label string) *device {
	for _, d := range p.present() {
		if d.label == label {
			return d
		}
	}
	return nil
}

// present returns all devices that are on a list.
func (p *player) present() (all []*device) {
	for _, u := range p.users {
		all = append(all, u.present()...)
	}
	return all
}

// user returns the user of a name, or nil.
func (p *player) user(name string) *user {
	if i := slices.IndexFunc(p.users, func(u *user) bool { return u.name == name }); i >= 0 {
		return p.users[i]
	}
	return nil
}
