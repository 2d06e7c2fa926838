package faults

import (
	"maps"
	"slices"

	"credence/conformance/internal/world"
	"credence/reference/account"
	"credence/reference/client"
	"credence/shim"
)

// backup keeps the state of a device.
func (p *player) backup(d *device) string {
	d.backup = &backup{
		p.Must(shim.DeviceExport, shim.Params{Party: d.target.Party()}).State, d.number, maps.Clone(d.read),
		maps.Clone(d.told),
	}
	return ""
}

// restore sets a device back to its backup. It reads its mailbox from the beginning.
func (p *player) restore(d *device) string {
	if d.backup == nil {
		return doesNotApply
	}
	d.setBack = d.setBack || d.number > d.backup.number
	d.read, d.told, d.kept = maps.Clone(d.backup.read), maps.Clone(d.backup.told), map[account.ID][]byte{}
	d.target.Device, d.target.mails = p.imported(d.backup.state), 0
	d.box.shown, d.hanging = 0, true
	p.run(d, client.New(d.target, line{p, d}, p.Random))
	if d.setBack {
		return ": set back"
	}
	return ""
}

func (p *player) imported(state []byte) *world.Device {
	d := p.Import(state)
	d.Identify()
	return d
}

// parting is how far a device was in a conversation when two post offices became one again.
type parting struct {
	device *device
	peer   *user
	own    []place // of its post office from where the two differ
	first  int     // the place at which they do
	epoch  uint32
}

// split brings a companion to a post office of its own: from now on the two know nothing of each other.
func (p *player) split(d *device) string {
	n := p.network
	if d.leads() || d.side > 0 {
		return doesNotApply
	}
	if len(n.offices) == 1 {
		if p.parting != nil {
			return doesNotApply // once in a scenario
		}
		counts := n.again(n.offices[0])
		n.offices = append(n.offices, n.again(n.offices[0]))
		for _, x := range p.present() {
			if box, err := counts.Fetch(x.user.id, x.Device.ID(), 1); err == nil {
				x.box.fetched[1] = uint64(len(box.Mails))
			}
		}
	}
	if d.since >= 0 && d.box.fetched[1] == 0 {
		return doesNotApply // it came after the split
	}
	_, _ = n.pull(d, 0, d.user.id, d.Device.ID())
	d.side, d.user.parted = 1, true
	return ""
}

// join makes one post office of two: the first one's logs are those that go on. What the second one has delivered comes
// to everybody.
func (p *player) join() string {
	n := p.network
	if len(n.offices) == 1 {
		return doesNotApply
	}
	p.parting = []parting{}
	for _, d := range p.present() {
		for _, peer := range p.users {
			if peer != d.user {
				p.part(d, peer)
			}
		}
	}
	for _, d := range p.present() {
		if d.box.fetched[1] > 0 {
			_, _ = n.pull(d, 1, d.user.id, d.Device.ID())
		}
	}
	for _, d := range p.present() {
		d.side = 0
	}
	n.offices = n.offices[:1]
	return ""
}

// part notes how far a device is in a conversation of which there are two logs.
func (p *player) part(d *device, peer *user) {
	first, second := p.network.offices[0].log(d.user.id, peer.id), p.network.offices[1].log(d.user.id, peer.id)
	at := 0
	for at < min(len(first.places), len(second.places)) && first.places[at].head == second.places[at].head {
		at++
	}
	s := p.State(d.Member, peer.id)
	is := func(x place) bool { return string(x.head[:]) == s.Head }
	if d.side == 1 && slices.ContainsFunc(second.places[at:], is) {
		p.parting = append(p.parting, parting{d, peer, second.places[at:], at + 1, p.status(d).Epoch})
	}
}
