package offices

import (
	"bytes"
	"fmt"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
)

// post is a crowd with the mails that every device must have got (SPEC.md 9.4).
type post struct {
	*crowd
	boxes map[account.DeviceID][]postoffice.Mail
}

// put notes a mail for a device.
func (p *post) put(id account.DeviceID, m postoffice.Mail) {
	m.Position = uint64(len(p.boxes[id])) + 1
	p.boxes[id] = append(p.boxes[id], m)
}

// commits lets the post office take a commit, and notes the mails that it becomes.
func (p *post) commits(from *puppet, m *postoffice.Commit) {
	cuts := p.cuts(from.id, m.Kind)
	from.gets("", m)
	for _, d := range from.list.Devices {
		mail := postoffice.Mail{Device: m.Device, Number: m.Number, Parcels: parcelsFor(d.ID, m)}
		if d.Status == account.Active {
			mail.Entry, mail.Cuts = m.Entry, cuts
		}
		if d.ID == m.Device || len(mail.Parcels) > 0 || len(mail.Entry) > 0 {
			p.put(d.ID, mail)
		}
	}
	if m.Kind != postoffice.KindEntry {
		return
	}
	e, err := conversation.ParseEntry(m.Entry)
	p.NoFault(err)
	to := p.all[slices.IndexFunc(p.all, func(x *puppet) bool { return x.id == e.Recipient })]
	for _, id := range to.list.Others(account.DeviceID{}, account.Active) {
		p.put(id, postoffice.Mail{Entry: m.Entry})
	}
}

// parcelsFor returns what a commit brings a device: its parcel, and then its introduction to the device that is new.
func parcelsFor(id account.DeviceID, m *postoffice.Commit) (parcels []postoffice.Parcel) {
	take := func(of []postoffice.Parcel, from account.DeviceID) {
		for _, p := range of {
			if p.Device == id {
				parcels = append(parcels, postoffice.Parcel{Device: from, Body: p.Body})
			}
		}
	}
	take(m.Parcels, m.Device)
	if m.Rotation != nil && len(m.Rotation.Introductions) > 0 {
		for _, d := range m.Rotation.List.Devices { // the one that is not introduced to, beside the leader
			known := func(x postoffice.Parcel) bool { return x.Device == d.ID }
			if d.ID != m.Device && !slices.ContainsFunc(m.Rotation.Introductions, known) {
				take(m.Rotation.Introductions, d.ID)
			}
		}
	}
	return parcels
}

// cuts returns what a rotation of an account must be delivered with.
func (p *post) cuts(id account.ID, kind postoffice.Kind) (cuts []channel.Head) {
	if kind != postoffice.KindRotate {
		return nil
	}
	for _, peer := range p.all {
		if at := p.tip(id, peer.id); peer.id != id && at.seq > 0 {
			cuts = append(cuts, channel.Head{Peer: peer.id, Seq: at.seq, Head: at.head})
		}
	}
	slices.SortFunc(cuts, func(a, b channel.Head) int { return bytes.Compare(a.Peer[:], b.Peer[:]) })
	return cuts
}

// delivered stops the test unless every device has got what it must have got, read from any position on.
func (p *post) delivered() {
	for _, of := range p.all {
		for _, d := range of.list.Devices {
			n := uint64(len(p.boxes[d.ID]))
			for _, from := range []uint64{1, 0, 2, n, n + 1, n + 2, 1 << 32, 1 << 50, 1} {
				p.reads(of, d.ID, from)
			}
		}
	}
}

// reads stops the test unless a device gets its mails from a position on.
func (p *post) reads(of *puppet, id account.DeviceID, from uint64) {
	box, err := p.Office.Fetch(of.id, id, from)
	p.Understood(err)
	want := p.boxes[id]
	want = want[min(max(from, 1)-1, uint64(len(want))):]
	for i := range max(len(want), len(box.Mails)) {
		var wanted, got []byte
		if i < len(want) {
			wanted = p.encoded(&want[i])
		}
		if i < len(box.Mails) {
			got = box.Mails[i]
		}
		if !bytes.Equal(wanted, got) {
			p.Violation(verdict.Mismatch, fmt.Sprintf("mail %d of a device that reads from position %d", i+1, from),
				describe(wanted), describe(got))
		}
	}
}

// describe returns a mail for people.
func describe(encoded []byte) string {
	m := &postoffice.Mail{}
	switch err := codec.Decode(encoded, m); {
	case len(encoded) == 0:
		return "none"
	case err != nil:
		return err.Error()
	}
	return suite.JSON(m)
}

// delivers lets devices of every kind commit everything that they may, and compares all mailboxes after each.
func delivers(c *crowd) {
	p := &post{c, map[account.DeviceID][]postoffice.Mail{}}
	own, other, third := p.arrives(), p.arrives(), p.arrives()
	for _, status := range []account.Status{account.Active, account.Pending, account.Active, account.Active} {
		p.adds(own, status)
	}
	p.adds(other, account.Active)
	p.delivered()
	for _, pair := range [][2]*puppet{{own, other}, {other, own}, {third, own}, {own, third}, {other, third}} {
		p.commits(pair[0], pair[0].entry(len(pair[0].devices)-1, pair[1]))
	}
	p.commits(own, own.entry(3, other, func(e *conversation.Entry) { e.Message = c.message(1 << 16) }))
	for device := range own.devices {
		own.numbers[own.devices[device]] += 1<<(8*device+8) - 2 // to numbers of several bytes
		siblings := own.list.Others(own.devices[device], 0)
		p.commits(own, own.records(device, siblings...))
		p.commits(own, own.records(device, siblings[device%len(siblings)]))
		if own.list.Has(own.devices[device], account.Active) {
			p.commits(own, own.batch(device))
		}
	}
	long := own.records(1, own.devices[0], own.devices[2])
	long.Parcels[1].Body = c.drawn(1<<16 + 1)
	p.commits(own, long)
	p.delivered()
	p.rotations(own, other)
}

// arrives registers an account.
func (p *post) arrives() *puppet {
	of := p.unregistered()
	p.commits(of, of.registration())
	return of
}

// adds adds a device to an account.
func (p *post) adds(of *puppet, status account.Status) {
	p.commits(of, of.rotation(func(l *account.List) { l.Devices = append(l.Devices, of.device(status)) }))
}

// rotations lets an account rotate in every way: nothing changes, statuses do, a device goes, one goes and one comes.
func (p *post) rotations(own, other *puppet) {
	set := func(device int, status account.Status) func(l *account.List) {
		return func(l *account.List) { l.Find(own.devices[device]).Status = status }
	}
	for _, plan := range []func(l *account.List){
		func(*account.List) {},
		set(1, account.Pending),
		set(2, account.Active),
		func(l *account.List) { without(l, own.devices[3]) },
		func(l *account.List) {
			without(l, own.devices[4])
			l.Devices = append(l.Devices, own.device(account.Active))
		},
		set(1, account.Active),
	} {
		p.commits(own, own.rotation(plan))
		p.commits(other, other.entry(1, own))
		p.commits(own, own.entry(0, other))
		p.delivered()
	}
}
