package offices

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"credence/conformance/internal/suite"
	"credence/reference/account"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// cast is an account with a device of every kind, and another account, with a conversation that has begun.
type cast struct {
	*puppet
	other *puppet
}

// The devices of a cast, as numbers of its devices.
const (
	leader    = 0
	companion = 1
	pending   = 2
	removed   = 3
	unknown   = 4
)

// cast makes the two accounts.
func (c *crowd) cast() *cast {
	p := &cast{c.puppet(account.Active, account.Pending, account.Active), c.puppet(account.Active)}
	p.rotates(func(l *account.List) { without(l, p.devices[removed]) })
	p.device(account.Active) // which is on no list
	p.sends(leader, p.other)
	return p
}

// without takes a device off a list.
func without(l *account.List, id account.DeviceID) {
	for i := range l.Devices {
		if l.Devices[i].ID == id {
			l.Devices = append(l.Devices[:i:i], l.Devices[i+1:]...)
			return
		}
	}
}

// actor is somebody who commits.
type actor struct {
	name   string
	device int
	always refusal.Class // of the refusal of whatever he commits
	active bool
}

// actors are the kinds of device.
var actors = []actor{
	{"the leader", leader, "", true},
	{"a companion", companion, "", true},
	{"a pending device", pending, "", false},
	{"a removed device", removed, refusal.NotAllowed, false},
	{"a device of no account", unknown, refusal.NotAllowed, false},
}

// classOf returns the class with which a commit in the right epoch is refused, or "" if it is taken (SPEC.md 9.3).
func (a actor) classOf(kind postoffice.Kind) refusal.Class {
	switch {
	case a.always != "":
		return a.always
	case kind == postoffice.KindRecords:
		return ""
	case kind == postoffice.KindRotate && a.device != leader, !a.active:
		return refusal.NotAllowed
	}
	return ""
}

// kinds are the commits of an account that is registered, as a device makes them.
var kinds = []struct {
	name string
	kind postoffice.Kind
	make func(p *cast, by int) *postoffice.Commit
}{
	{"an entry", postoffice.KindEntry, func(p *cast, by int) *postoffice.Commit { return p.entry(by, p.other) }},
	{"a publication", postoffice.KindPrekeys, func(p *cast, by int) *postoffice.Commit { return p.batch(by) }},
	{"records", postoffice.KindRecords, func(p *cast, by int) *postoffice.Commit {
		return p.records(by, p.list.Others(p.devices[by], 0)...)
	}},
	{"a rotation", postoffice.KindRotate, func(p *cast, by int) *postoffice.Commit {
		m, whole := p.commit(by, postoffice.KindRotate), p.rotation(func(*account.List) {})
		m.Rotation, m.Parcels = whole.Rotation, p.addressed(whole.Rotation.List.Others(m.Device, 0))
		return m
	}},
}

// commitsOf lets every kind of device make every kind of commit, in its epoch and in others. From a device that is on
// the list, the epoch is looked at before the rest (SPEC.md 9.3).
func commitsOf(c *crowd) {
	c.tryAll(func() (trials []suite.Trial) {
		p := c.cast()
		for _, k := range kinds {
			for _, a := range actors {
				name := k.name + " of " + a.name
				trials = append(trials, suite.Trial{
					Name: name, Try: func() { p.gets(a.classOf(k.kind), k.make(p, a.device)) },
				})
				for _, off := range off32 {
					trials = append(trials, suite.Trial{Name: fmt.Sprintf("%s, epoch %+d", name, off), Try: func() {
						m := k.make(p, a.device)
						m.Epoch += uint32(off)
						p.gets(cmp.Or(a.always, refusal.StaleEpoch), m)
					}})
				}
			}
			trials = append(trials, p.strangers(k.name, k.make)...)
		}
		return trials
	})
}

// off32 are differences of two numbers of 32 bits that somebody could take for equal, or for ordered the other way;
// far32 are those that are large.
var (
	off32 = append([]int64{-1, 1}, far32...)
	far32 = []int64{-1 << 8, 1 << 8, -1 << 16, 1 << 16, -1 << 24, 1 << 24, 1 << 31}
)

// strangers are trials with commits of a device of one account in the name of another one.
func (p *cast) strangers(kind string, make func(p *cast, by int) *postoffice.Commit) []suite.Trial {
	refused := func(name string, change change) suite.Trial {
		return suite.Trial{Name: kind + " of " + name, Try: func() {
			m := make(p, leader)
			change(m)
			m.Number = 1 << 40
			p.refuses(refusal.NotAllowed, m)
		}}
	}
	return []suite.Trial{
		refused("a device of another account", func(m *postoffice.Commit) { m.Device = p.other.devices[leader] }),
		refused("another account", func(m *postoffice.Commit) { m.Account = p.other.id }),
		refused("no account", func(m *postoffice.Commit) { m.Account[31] ^= 1 }),
		refused("nearly a device, first byte", func(m *postoffice.Commit) { m.Device[0] ^= 1 }),
		refused("nearly a device, last byte", func(m *postoffice.Commit) { m.Device[31] ^= 1 << 6 }),
	}
}

// gets stops the test unless a commit is refused with a class, or taken if that is empty.
func (p *puppet) gets(class refusal.Class, m *postoffice.Commit) {
	if class != "" {
		p.refuses(class, m)
		return
	}
	p.takes(m)
	switch m.Kind {
	case postoffice.KindRegister, postoffice.KindRotate:
		p.enter(m)
	case postoffice.KindPrekeys:
		p.published = append(p.published, *m.Publication)
	case postoffice.KindEntry:
		p.stands(m)
	}
}

// receivers is a choice of the devices to whom parcels go.
type receivers struct {
	name            string
	devices         func(p *cast) []account.DeviceID
	entry, ofRecord refusal.Class // of the refusal of an entry or publication, and of records, of the leader; or none
}

// choices are right and wrong receivers of a commit of the leader.
func choices() []receivers {
	const wrong = refusal.WrongDevices
	all := []receivers{
		{"nobody", func(*cast) []account.DeviceID { return nil }, wrong, wrong},
		{"the companion", devicesOf(companion), "", ""},
		{"the pending device", devicesOf(pending), wrong, ""},
		{"both", devicesOf(companion, pending), wrong, ""},
		{"itself", devicesOf(leader), wrong, wrong},
		{"itself and the companion", devicesOf(leader, companion), wrong, wrong},
		{"itself and all others", devicesOf(leader, companion, pending), wrong, wrong},
		{"a removed device", devicesOf(removed), wrong, wrong},
		{"the companion and a removed device", devicesOf(companion, removed), wrong, wrong},
		{"the companion and a device of no account", devicesOf(companion, unknown), wrong, wrong},
	}
	for name, change := range map[string]func(p *cast) account.DeviceID{
		"the recipient's leader":  func(p *cast) account.DeviceID { return p.other.devices[leader] },
		"zeros":                   func(*cast) account.DeviceID { return account.DeviceID{} },
		"ones":                    func(*cast) account.DeviceID { return [32]byte(bytes.Repeat([]byte{255}, 32)) },
		"nearly the companion":    func(p *cast) account.DeviceID { return p.nearly(companion, 0, 1) },
		"not quite the companion": func(p *cast) account.DeviceID { return p.nearly(companion, 31, 1<<6) },
	} {
		all = append(all,
			receivers{name, func(p *cast) []account.DeviceID { return []account.DeviceID{change(p)} }, wrong, wrong},
			receivers{"the companion and " + name, func(p *cast) []account.DeviceID {
				return []account.DeviceID{p.devices[companion], change(p)}
			}, wrong, wrong})
	}
	slices.SortFunc(all, func(a, b receivers) int { return strings.Compare(a.name, b.name) })
	return all
}

// devicesOf chooses devices of a cast.
func devicesOf(numbers ...int) func(p *cast) []account.DeviceID {
	return func(p *cast) (ids []account.DeviceID) {
		for _, n := range numbers {
			ids = append(ids, p.devices[n])
		}
		return ids
	}
}

// nearly returns the key of a device with a change in one byte.
func (p *puppet) nearly(device, at int, change byte) account.DeviceID {
	id := p.devices[device]
	id[at] ^= change
	return id
}

// receives brings commits of the leader to all choices of receivers.
func receives(c *crowd) {
	c.tryAll(func() (trials []suite.Trial) {
		p := c.cast()
		for _, to := range choices() {
			for _, k := range kinds[:len(kinds)-1] { // rotations have a test of their own
				trials = append(trials, suite.Trial{Name: k.name + " to " + to.name, Try: func() {
					m := k.make(p, leader)
					m.Parcels = p.addressed(to.devices(p))
					class := to.entry
					if k.kind == postoffice.KindRecords {
						class = to.ofRecord
					}
					p.gets(class, m)
				}})
			}
		}
		return append(trials, suite.Trial{Name: "a start to nobody, under a prekey that nobody has", Try: func() {
			m := p.entry(leader, p.other, func(e *conversation.Entry) { e.Start.SignedPrekeyID = 9 })
			m.Parcels = nil
			p.refuses(refusal.WrongDevices, m) // which is looked at first (AMB-CNV-03)
		}})
	})
}
