package faults

import (
	"fmt"
	"slices"
	"strings"

	"credence/reference/account"
	"credence/reference/codec"
)

// description describes a state in the names of a naming.
type description struct {
	*trail
	naming naming
}

func (d description) String() string {
	b := &strings.Builder{}
	p := d.player
	fmt.Fprintf(b, "%d\n", p.network.clock.Unix())
	for i, u := range d.naming {
		fmt.Fprintf(b, "account %d: bundle %s, rotations %d", i, d.handed[u.id], p.rotations[u.id])
		if t := p.network.faultsOf(u.id).tamper; t != nil {
			fmt.Fprintf(b, ", armed %s", t)
		}
		b.WriteByte('\n')
		fmt.Fprintf(b, "mails%s\n", d.mailsOf(u.user))
		for k, of := range u.devices {
			fmt.Fprintf(b, "device %d %d%s\n", i, k, d.of(of))
		}
		for _, peer := range d.naming[i+1:] {
			b.WriteString(d.log(u.user, peer.user))
		}
		for _, peer := range d.naming {
			if peer.user != u.user {
				b.WriteString(d.side(u.user, peer.user))
			}
		}
	}
	return b.String()
}

// account names an account.
func (d description) account(id account.ID) string {
	return fmt.Sprint(slices.IndexFunc(d.naming, func(u cast) bool { return u.id == id }))
}

// name names a device.
func (d description) name(id account.DeviceID) string {
	for i, u := range d.naming {
		if k := slices.IndexFunc(u.devices, func(x *device) bool { return x.Device.ID() == id }); k >= 0 {
			return fmt.Sprint(i, "/", k)
		}
	}
	return "?"
}

// of describes a device: its commits, the mails that it has got, how many of them it has read, and what waits.
func (d description) of(x *device) string {
	b := &strings.Builder{}
	if x.removed {
		return " removed"
	}
	id := x.Device.ID()
	for _, c := range d.commits {
		if c.Device == id {
			fmt.Fprintf(b, "; %s", d.commit(c))
		}
	}
	if x.held != nil {
		m := &sent{raw: x.held.commit, entry: entryOf(x.held.commit)}
		if codec.Decode(x.held.commit, &m.Commit) == nil {
			fmt.Fprintf(b, "; holds %s", d.commit(m))
		}
	}
	fmt.Fprintf(b, "; fault %q, late %d, hangs %v, read %d", x.fault, len(x.late), x.hanging, x.target.mails-d.mails[x])
	for _, u := range d.naming {
		if kept := (&account.Bundle{}); x.kept[u.id] != nil && codec.Decode(x.kept[u.id], kept) == nil {
			s := kept.Statement
			fmt.Fprintf(b, "; keeps %s", d.bundle(u.id, s.Epoch, kept.SignedPrekeyID, kept.OneTimePrekeyID))
		}
	}
	return b.String()
}

// mailsOf describes what the devices of an account get: its own commits, and the entries that others send it.
func (d description) mailsOf(u *user) string {
	b := &strings.Builder{}
	for _, c := range d.arrived {
		if c.answer == accepted && (c.Account == u.id || c.entry != nil && c.entry.Recipient == u.id) {
			b.WriteString(d.sent(c))
		}
	}
	return b.String()
}

// sent names a commit by its device, and the commits of the device before it.
func (d description) sent(c *sent) string {
	n := 1
	for _, other := range d.commits {
		if other.Device == c.Device && other.Number < c.Number {
			n++
		}
	}
	return fmt.Sprintf(" %s#%d", d.name(c.Device), n)
}

// bundle names prekeys, and says whether they were changed.
func (d description) bundle(of account.ID, epoch, signed, oneTime uint32) string {
	name := d.prekeys(of, epoch, signed, oneTime)
	if d.changed[fmt.Sprintf("%x %s", of, name)] {
		name += "!"
	}
	return name
}

// commit describes a commit, with what its device had read before and what became of it.
func (d description) commit(c *sent) string {
	s := fmt.Sprintf("%d after %d %s %s", c.Kind, c.mails, c.fault, c.answer)
	if c.gone {
		s += " gone"
	}
	switch {
	case c.entry != nil:
		s += d.entry(c)
	case c.Publication != nil:
		s += fmt.Sprint(" prekeys ", c.Publication.SignedPrekeyID)
	case c.Rotation != nil:
		s += fmt.Sprint(" of ", len(c.Rotation.List.Devices))
	}
	return s
}

func (d description) entry(c *sent) string {
	e := c.entry
	s := fmt.Sprintf(" %d to %s", e.Seq, d.account(e.Recipient))
	if e.Start != nil {
		s += " start " + d.bundle(e.Recipient, e.RecipientEpoch, e.Start.SignedPrekeyID, e.Start.OneTimePrekeyID)
	}
	a, genuine := d.player.attempts[string(c.raw)]
	w, waits := d.player.waits[side{e.Sender, e.Recipient}]
	switch {
	case !genuine:
		s += " abuse"
	case a.text == "":
		s += " answer"
	}
	if genuine && c.answer == "" {
		s += fmt.Sprint(" on top ", a.onTop, ", older ", waits && a.tick <= w.tick)
	}
	return s
}

// log describes the log between two accounts: who has brought entries, in order, and the answers of the post office.
// From them follows who waits for a place.
func (d description) log(x, y *user) string {
	b := &strings.Builder{}
	for _, c := range d.arrived {
		if c.entry != nil && pairOf(c.entry.Sender, c.entry.Recipient) == pairOf(x.id, y.id) {
			b.WriteString(d.sent(c) + " " + c.answer)
		}
	}
	return fmt.Sprintf("log %s %s:%s\n", d.account(x.id), d.account(y.id), b)
}

// side describes what is known of an account in a log.
func (d description) side(x, peer *user) string {
	id := side{x.id, peer.id}
	p := d.player
	s := fmt.Sprintf("side %s %s %v %v", d.account(x.id), d.account(peer.id), p.hostile[id],
		p.spoiled[pairOf(x.id, peer.id)])
	if w, waits := p.waits[id]; waits {
		l := p.network.offices[0].log(x.id, peer.id)
		s += fmt.Sprint(" waits after ", slices.IndexFunc(l.places, func(q place) bool { return q.head == w.previous }))
	}
	return s + "\n"
}
