package accounts

import (
	"fmt"
	"slices"

	"credence/conformance/internal/world"
	"credence/conformance/scenario"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/postoffice"
)

// mostDevices bounds the devices that an account ever has, those that were removed included.
const mostDevices = 20

// user is an account with its devices; those that were removed stay in the list. The first is the leader.
type user struct {
	name    string
	id      account.ID
	devices []*device
}

// device is a device of a user. The target plays it.
type device struct {
	*world.Member
	target  *tracked
	label   string // alice/0
	user    *user
	removed bool
	since   int            // the event in which it came
	until   int            // and in which it was removed, or -1
	linked  int            // messages that had been sent when it came
	epoch   uint32         // that it was last seen in
	asked   int            // the event in which it was asked to heal
	commit  []byte         // an entry that was made and not released
	saved   *saved         // an older state, for rollback
	read    map[string]int // how often its user was given a text
}

// leads reports whether a device is the leader of its account.
func (d *device) leads() bool { return d == d.user.devices[0] }

// present returns the devices that are on the list.
func (u *user) present() []*device {
	var on []*device
	for _, d := range u.devices {
		if !d.removed {
			on = append(on, d)
		}
	}
	return on
}

// open makes an account with its first devices.
func (p *player) open(s scenario.User) {
	d, registration := p.NewLeader()
	p.note(p.post.Made(registration, ""))
	u := &user{name: s.Name, id: d.Account()}
	p.users = append(p.users, u)
	t := &tracked{Device: d, player: p}
	c, err := client.Open(t, registration, p.Office, p.Random)
	p.Understood(err)
	p.appear(u, c, t)
	for range s.Devices - 1 {
		p.link(u)
	}
}

// link adds a new device to an account.
func (p *player) link(u *user) {
	t := &tracked{Device: p.NewDevice(), player: p}
	c, err := client.Join(u.devices[0].Client, t, p.Office, p.Random)
	p.Understood(err)
	p.appear(u, c, t)
}

// appear puts a device into the list of its account.
func (p *player) appear(u *user, c *client.Client, t *tracked) {
	d := &device{
		Member: p.Member(c, t.Party()), target: t, label: fmt.Sprintf("%s/%d", u.name, len(u.devices)), user: u,
		since: p.event, until: -1, linked: len(p.post.Sent), read: map[string]int{},
	}
	c.Heard = func(e ambassador.Event) {
		if e.Kind == ambassador.Message || e.Kind == ambassador.Sent {
			d.read[string(e.Plaintext)]++
		}
	}
	u.devices = append(u.devices, d)
}

// device returns the device of a name, or nil if it is not there.
func (p *player) device(label string) *device {
	for _, u := range p.users {
		for _, d := range u.present() {
			if d.label == label {
				return d
			}
		}
	}
	return nil
}

// user returns the user of a name, or nil.
func (p *player) user(name string) *user {
	return p.userWhere(func(u *user) bool { return u.name == name })
}

// userWhere returns the first user of whom something is so, or nil.
func (p *player) userWhere(is func(u *user) bool) *user {
	i := slices.IndexFunc(p.users, is)
	if i < 0 {
		return nil
	}
	return p.users[i]
}

// mailbox returns the whole mailbox of a device.
func (p *player) mailbox(d *device) postoffice.Mailbox {
	box, err := p.Office.Fetch(d.user.id, d.Device.ID(), 1)
	p.Understood(err)
	return box
}
