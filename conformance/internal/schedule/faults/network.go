package faults

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"credence/conformance/scenario"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/postoffice"
)

// errLost is what a device gets when a commit or the answer to it is lost. It is no refusal.
var errLost = errors.New("no answer from the post office")

// network is what is between the devices and honest post offices: it loses, delays and repeats. What it was asked to do
// to the next commit of a device stands in the device. After a split there are two post offices, which know of each
// other only what was before.
type network struct {
	clock   time.Time
	offices []*branch // one, or two while there is a split
	bundles map[account.ID]*bundles
}

// branch is a post office with everything that it was told, so that another one can be brought to where it is.
type branch struct {
	postoffice.Service
	told []told
	logs map[pair]*logOf
}

// told is a call that a post office got, with its time.
type told struct {
	at   time.Time
	call func(postoffice.Service)
}

// bundles are what becomes of the bundles of an account.
type bundles struct {
	last    []byte // that was handed out
	reissue bool   // the next one is the last one again
	tamper  *scenario.Event
}

func newNetwork() *network {
	n := &network{clock: time.Unix(0, 0), bundles: map[account.ID]*bundles{}}
	n.offices = []*branch{{Service: postoffice.New(n.now), logs: map[pair]*logOf{}}}
	return n
}

func (n *network) now() time.Time { return n.clock }

// tell calls a post office, and keeps the call.
func (n *network) tell(b *branch, call func(postoffice.Service)) {
	b.told = append(b.told, told{n.clock, call})
	call(b.Service)
}

// again returns another post office that has been told the same.
func (n *network) again(b *branch) *branch {
	now := n.clock
	other := &branch{Service: postoffice.New(n.now), told: slices.Clone(b.told), logs: map[pair]*logOf{}}
	for _, t := range b.told {
		n.clock = t.at
		t.call(other.Service)
	}
	n.clock = now
	for between, l := range b.logs {
		other.logs[between] = &logOf{slices.Clone(l.places)}
	}
	return other
}

// box is the mailbox of a device as the network shows it.
type box struct {
	mails   [][]byte
	held    [][]byte  // that come later
	delayed bool      // what comes from now on comes later
	fetched [2]uint64 // mails of each post office
	commits [2]uint64 // highest number that each has seen
	shown   int       // mails that the device has been shown
}

// line is the way of one device to its post office.
type line struct {
	player *player
	device *device
}

// Append is postoffice.Service.Append. What the network does to the commit was said before.
func (l line) Append(commit []byte) error {
	p, d := l.player, l.device
	p.left(d, commit)
	fault := d.fault
	d.fault = ""
	switch fault {
	case scenario.LostCommit:
		return errLost
	case string(scenario.Late):
		d.late = append(d.late, commit)
		return errLost
	case scenario.LostAnswer:
		_ = p.arrives(d, commit)
		return errLost
	}
	return p.arrives(d, commit)
}

// Bundle is postoffice.Service.Bundle: a kept bundle, or one with what the network was asked to do to the next one.
func (l line) Bundle(id account.ID) (b []byte, err error) {
	p := l.player
	if b, ok := l.device.kept[id]; ok {
		delete(l.device.kept, id)
		return b, nil
	}
	return p.bundle(p.network.offices[l.device.side], id)
}

// bundle fetches a bundle, with what the network does to it.
func (p *player) bundle(from *branch, id account.ID) (b []byte, err error) {
	p.network.tell(from, func(s postoffice.Service) { b, err = s.Bundle(id) })
	if err != nil {
		return nil, err
	}
	f := p.network.faultsOf(id)
	if f.reissue && sameEpoch(f.last, b) {
		b = f.last
	}
	if f.reissue = f.reissue && f.last == nil; f.tamper != nil {
		b, f.tamper = tampered(b, *f.tamper), nil
	}
	f.last = b
	p.view.bundle(id, b)
	return b, nil
}

func (n *network) faultsOf(id account.ID) *bundles {
	if n.bundles[id] == nil {
		n.bundles[id] = &bundles{}
	}
	return n.bundles[id]
}

// sameEpoch reports whether two bundles are of one epoch and one batch.
func sameEpoch(old, b []byte) bool {
	x, y := &account.Bundle{}, &account.Bundle{}
	return codec.Decode(old, x) == nil && codec.Decode(b, y) == nil && x.Statement.Epoch == y.Statement.Epoch &&
		x.SignedPrekeyID == y.SignedPrekeyID
}

// tampered changes a part of a bundle that nobody has signed.
func tampered(bundle []byte, e scenario.Event) []byte {
	b := &account.Bundle{}
	if codec.Decode(bundle, b) != nil || b.OneTimePrekeyID == 0 {
		return bundle
	}
	number := map[string]*uint32{
		scenario.OneTimePrekeyID: &b.OneTimePrekeyID, scenario.SignedPrekeyID: &b.SignedPrekeyID,
	}[e.Part]
	none := func(string) ([]byte, bool) { return nil, false }
	switch {
	case number != nil:
		*number = *number%7 + 1
	case e.Part == scenario.OneTimePrekey:
		if key, ok := e.Change.Apply(b.OneTimePrekey[:], none); ok && len(key) == len(b.OneTimePrekey) {
			copy(b.OneTimePrekey[:], key)
		}
	}
	if out, err := codec.Encode(b); err == nil {
		return out
	}
	return bundle
}

// Fetch is postoffice.Service.Fetch.
func (l line) Fetch(id account.ID, device account.DeviceID, from uint64) (m postoffice.Mailbox, err error) {
	n, d := l.player.network, l.device
	if m, err = n.pull(d, d.side, id, device); err != nil {
		return m, err
	}
	d.box.shown = len(d.box.mails)
	m.Commits = max(d.box.commits[0], d.box.commits[1])
	m.Mails = numbered(d.box.mails[min(int(max(from, 1)-1), len(d.box.mails)):], max(from, 1))
	return m, nil
}

// numbered gives mails positions without gaps, so that the device gets them as they come: also those that come again,
// and those of two post offices.
func numbered(mails [][]byte, from uint64) (all [][]byte) {
	for i, mail := range mails {
		m := &postoffice.Mail{}
		if codec.Decode(mail, m) == nil {
			m.Position = from + uint64(i)
			mail = codec.MustEncode(m)
		}
		all = append(all, mail)
	}
	return all
}

// pull takes the new mails of a device out of a post office.
func (n *network) pull(
	d *device, side int, id account.ID, name account.DeviceID,
) (m postoffice.Mailbox, err error) {
	from := d.box.fetched[side] + 1
	n.tell(n.offices[side], func(s postoffice.Service) { m, err = s.Fetch(id, name, from) })
	if err != nil {
		return m, err
	}
	d.box.fetched[side] += uint64(len(m.Mails))
	d.box.commits[side] = m.Commits
	d.box.held = append(d.box.held, m.Mails...)
	own := func(mail []byte) bool {
		m := &postoffice.Mail{}
		return codec.Decode(mail, m) == nil && m.Device == name
	}
	if !d.box.delayed || slices.ContainsFunc(m.Mails, own) { // it has answered: what it says of before has to be true
		d.box.mails, d.box.held, d.box.delayed = append(d.box.mails, d.box.held...), nil, false
	}
	return m, nil
}

// arrive lets everything come that is late for a device.
func (p *player) arrive(d *device) string {
	if !d.box.delayed && len(d.late) == 0 {
		return doesNotApply
	}
	late := d.late
	d.box.delayed, d.late = false, nil
	for _, commit := range late {
		_ = p.arrives(d, commit)
	}
	return fmt.Sprintf(": %d commits", len(late))
}
