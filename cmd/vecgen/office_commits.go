package main

import (
	"fmt"

	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// forger brings commits to the post office that are changed in one thing, each with a number of its own: a number is
// used up by a commit that is refused.
type forger struct {
	*officeScene
	genuine *postoffice.Commit
	number  uint64
}

// forge takes a commit that a client has made, and that has not left.
func (o *officeScene) forge(commit []byte, err error) *forger {
	o.fail(err)
	f := &forger{officeScene: o, genuine: &postoffice.Commit{}, number: 100}
	o.fail(codec.Decode(commit, f.genuine))
	return f
}

func (f *forger) changed(change func(m *postoffice.Commit)) []byte {
	f.number++
	m := *f.genuine
	m.Number = f.number
	if f.genuine.Rotation != nil {
		r := *f.genuine.Rotation
		m.Rotation = &r
	}
	if f.genuine.Publication != nil {
		p := *f.genuine.Publication
		m.Publication = &p
	}
	change(&m)
	b, err := codec.Encode(&m)
	f.fail(err)
	return b
}

// refused is a commit after a change that the post office has to refuse.
func (f *forger) refused(class shim.Class, change func(m *postoffice.Commit)) {
	f.refuses(class, shim.OfficeAppend, shim.Params{Message: f.changed(change)})
}

// taken is a commit after a change that it has to take.
func (f *forger) taken(change func(m *postoffice.Commit)) {
	f.do(shim.OfficeAppend, shim.Params{Message: f.changed(change)})
}

func unchanged(*postoffice.Commit) {}

// entry changes the entry of a commit.
func (f *forger) entry(change func(e *conversation.Entry)) func(m *postoffice.Commit) {
	return func(m *postoffice.Commit) {
		changed, err := malicious.Changed(m.Entry, change)
		f.fail(err)
		m.Entry = changed
	}
}

// talking are two accounts with two devices and one, which talk, and the commit of an entry of the first.
func (o *officeScene) talking() (alice, laptop, bob *client.Client, f *forger) {
	alice, bob = o.register(), o.register()
	laptop = o.link(alice)
	o.fail(alice.Send(bob.Device.Account(), []byte("start")))
	o.fail(laptop.Sync())
	commit, err := laptop.Device.Send(bob.Device.Account(), []byte("entry"), nil, o.rand)
	return alice, laptop, bob, o.forge(commit, err)
}

// otherID returns a name that differs from another one in a bit.
func otherID[T ~[32]byte](id T, b bit) T { return T(b.in(id[:])) }

// rules are scenarios in which a commit is refused for one rule after the other, and taken in the end.
func (l *officeList) rules() {
	l.run("commit-members", "commits of accounts and devices that are not known, but for a bit", nil,
		reqs("AMB-PST-20", "AMB-PST-32"), func(o *officeScene) {
			_, laptop, _, f := o.talking()
			for _, b := range bitsOf(32) {
				f.refused(refusal.NotAllowed, func(m *postoffice.Commit) { m.Account = otherID(m.Account, b) })
				f.refused(refusal.NotAllowed, func(m *postoffice.Commit) { m.Device = otherID(m.Device, b) })
				a, d := laptop.Device.Account(), otherID(laptop.Device.ID(), b)
				o.refuses(refusal.NotAllowed, shim.OfficeAnnounce, shim.Params{Account: a[:], Device: d[:], Commits: 9})
			}
			f.number = 1 // none of them counts as a commit of the laptop
			f.taken(unchanged)
		})
	l.run("commit-numbers", "numbers that were used or announced, and numbers that agree with a higher one in a part",
		nil, reqs("AMB-PST-02", "AMB-PST-17"), func(o *officeScene) { o.numbers() })
	l.run("commit-epochs", "commits of other epochs", nil, reqs("AMB-PST-24", "AMB-PST-10"), func(o *officeScene) {
		_, _, _, f := o.talking()
		e := f.genuine.Epoch
		for _, other := range append(lowAlike(e), e-1, e+1, 0) {
			f.refused(refusal.StaleEpoch, func(m *postoffice.Commit) { m.Epoch = other })
		}
		f.taken(unchanged)
	})
	l.run("entry-sender", "entries of another account or epoch than the commit", nil, reqs("AMB-PST-22"),
		func(o *officeScene) {
			_, _, _, f := o.talking()
			for _, b := range bitsOf(32) {
				f.refused(refusal.NotAllowed, f.entry(func(e *conversation.Entry) { e.Sender = otherID(e.Sender, b) }))
			}
			for _, other := range append(lowAlike(f.genuine.Epoch), f.genuine.Epoch-1, f.genuine.Epoch+1, 0) {
				f.refused(refusal.NotAllowed, f.entry(func(e *conversation.Entry) { e.SenderEpoch = other }))
			}
			f.taken(unchanged)
		})
	l.run("entry-recipient", "entries to accounts that nobody knows, and to other epochs", nil,
		reqs("AMB-PST-23", "AMB-PST-25"), func(o *officeScene) {
			_, _, _, f := o.talking()
			genuine, err := conversation.ParseEntry(f.genuine.Entry)
			o.fail(err)
			for _, b := range bitsOf(32) {
				f.refused(refusal.NotReady,
					f.entry(func(e *conversation.Entry) { e.Recipient = otherID(e.Recipient, b) }))
			}
			epoch := genuine.RecipientEpoch
			for _, other := range append(lowAlike(epoch), epoch-1, epoch+1, 0) {
				f.refused(refusal.StaleEpoch, f.entry(func(e *conversation.Entry) { e.RecipientEpoch = other }))
			}
			f.taken(unchanged)
		})
	l.run("entry-place", "entries that do not continue the log", nil, reqs("AMB-PST-05"), func(o *officeScene) {
		_, _, _, f := o.talking()
		for _, b := range bitsOf(32) {
			f.refused(refusal.Conflict, f.entry(func(e *conversation.Entry) { e.Previous = otherID(e.Previous, b) }))
		}
		for _, seq := range []uint64{1, 3, 4, 2 + 1<<8, 2 + 1<<16, 2 + 1<<32, 1<<64 - 1} {
			f.refused(refusal.Conflict, f.entry(func(e *conversation.Entry) { e.Seq = seq }))
		}
		f.taken(unchanged)
		f.refused(refusal.Conflict, unchanged) // once is enough
	})
	l.parcels()
	l.starts()
}

func (o *officeScene) numbers() {
	_, laptop, _, f := o.talking()
	a, d := laptop.Device.Account(), laptop.Device.ID()
	records := *f.genuine
	records.Kind, records.Entry = postoffice.KindRecords, nil
	f.genuine = &records
	at := func(n uint64) { f.number = n - 1 }
	announce := func(n, before uint64) {
		got, err := o.Announce(a, d, n)
		if o.fail(err); got != before {
			o.fail(fmt.Errorf("%d was the highest, not %d", got, before))
		}
	}
	last := uint64(1) // the commit that the laptop made was announced by nobody
	for _, n := range []uint64{0x1ff, 0x1ffff, 0x1ffffffff, 1<<63 + 7} {
		at(n)
		f.taken(unchanged)
		for _, low := range []uint64{n, n - 1, last, n & 0xff, n & 0xffff, n & 0xffffffff} {
			if at(low); low > 0 {
				f.refused(refusal.Duplicate, unchanged)
			}
		}
		announce(n+0x300, n)
		announce(n+0x100, n+0x300)
		for _, low := range []uint64{n + 1, n + 0x100, n + 0x2ff} {
			at(low)
			f.refused(refusal.Duplicate, unchanged)
		}
		at(n + 0x300)
		f.taken(unchanged)
		last = n
	}
}

// parcels are whom a commit has to address, and the order in which it has to do so.
func (l *officeList) parcels() {
	l.run("parcels-entry", "entries and publications that leave out a device, or address one that must not be", nil,
		reqs("AMB-PST-07", "AMB-PST-21"), func(o *officeScene) {
			alice, bob := o.register(), o.register()
			laptop, tablet := o.link(alice), o.link(alice)
			o.fail(laptop.Sync())
			o.fail(alice.Prepare([]account.DeviceID{tablet.Device.ID()}))
			o.fail(alice.Rotate(ambassador.Change{})) // the tablet is pending
			o.fail(laptop.Sync())
			bundle, err := o.Bundle(bob.Device.Account())
			o.fail(err)
			entry, err := laptop.Device.Send(bob.Device.Account(), []byte("entry"), bundle, o.rand)
			f := o.forge(entry, err)
			laptop.Device.PostOfficeRefused()
			batch, err := laptop.Device.Replenish(o.rand)
			g := o.forge(batch, err)
			g.number = 200
			parcel := f.genuine.Parcels[0] // to the phone
			to := func(ids ...account.DeviceID) (parcels []postoffice.Parcel) {
				for _, id := range ids {
					parcels = append(parcels, postoffice.Parcel{Device: id, Body: parcel.Body})
				}
				if len(ids) == 2 && string(ids[0][:]) > string(ids[1][:]) {
					parcels[0], parcels[1] = parcels[1], parcels[0]
				}
				return parcels
			}
			for _, f := range []*forger{f, g} {
				for _, wrong := range [][]postoffice.Parcel{
					nil, to(tablet.Device.ID()), to(laptop.Device.ID()), to(parcel.Device, tablet.Device.ID()),
					to(parcel.Device, laptop.Device.ID()), to(parcel.Device, bob.Device.ID()),
					to(otherID(parcel.Device, bit{0, 0x01})), to(otherID(parcel.Device, bit{31, 0x80})),
				} {
					f.refused(refusal.WrongDevices, func(m *postoffice.Commit) { m.Parcels = wrong })
				}
				f.refused(refusal.NotAllowed, func(m *postoffice.Commit) {
					m.Device, m.Parcels = tablet.Device.ID(), to(parcel.Device, laptop.Device.ID())
				})
				f.refused(refusal.NotAllowed, func(m *postoffice.Commit) {
					m.Device, m.Parcels = tablet.Device.ID(), to(parcel.Device)
				})
				f.taken(unchanged)
			}
			records := *g.genuine
			records.Kind, records.Publication = postoffice.KindRecords, nil
			h := &forger{o, &records, 300}
			for _, wrong := range [][]postoffice.Parcel{
				nil, to(laptop.Device.ID()), to(bob.Device.ID()), to(parcel.Device, laptop.Device.ID()),
				to(otherID(parcel.Device, bit{31, 0x01})),
			} {
				h.refused(refusal.WrongDevices, func(m *postoffice.Commit) { m.Parcels = wrong })
			}
			for _, right := range [][]postoffice.Parcel{
				to(parcel.Device), to(tablet.Device.ID()), to(parcel.Device, tablet.Device.ID()),
			} {
				h.taken(func(m *postoffice.Commit) { m.Parcels = right })
			}
			h.taken(func(m *postoffice.Commit) { m.Device, m.Parcels = tablet.Device.ID(), to(parcel.Device) })
			for _, c := range []*client.Client{alice, laptop, tablet, bob} {
				o.shows(c)
			}
		})
}

// shows adds what a device gets, from three positions on.
func (o *officeScene) shows(c *client.Client) {
	all, err := o.Fetch(c.Device.Account(), c.Device.ID(), 1)
	o.fail(err)
	for _, from := range []uint64{uint64(len(all.Mails)), uint64(len(all.Mails)) + 1} {
		_, err := o.Fetch(c.Device.Account(), c.Device.ID(), from)
		o.fail(err)
	}
}

// starts are the prekeys that a start names.
func (l *officeList) starts() {
	l.run("start-prekeys",
		"starts that name prekeys which are not there, but for a part of their ids; one of the batch "+
			"before is there", []string{"UnknownPrekey"}, reqs("AMB-PST-13", "AMB-ACC-16"), func(o *officeScene) {
			alice, bob, carol := o.register(), o.register(), o.register()
			b := bob.Device.Account()
			bundle, err := o.Bundle(b)
			o.fail(err)
			o.fail(bob.Replenish(account.Batch))
			commit, err := alice.Device.Send(b, []byte("start"), bundle, o.rand)
			f := o.forge(commit, err)
			start := func(signed, oneTime uint32) func(m *postoffice.Commit) {
				return f.entry(func(e *conversation.Entry) {
					e.Start.SignedPrekeyID,
						e.Start.OneTimePrekeyID = signed, oneTime
				})
			}
			for _, id := range append(lowAlike(1), append(lowAlike(2), 3, 4, 1<<32-1)...) {
				f.refused(refusal.UnknownPrekey, start(id, 1))
			}
			for _, id := range append(lowAlike(1), append(lowAlike(21), 41, 42, 1<<8, 1<<16, 1<<31, 1<<32-1)...) {
				f.refused(refusal.UnknownPrekey, start(1, id))
			}
			f.taken(start(2, 7)) // which nobody has been given yet: any stands with any
			commit, err = carol.Device.Send(b, []byte("start"), bundle, o.rand)
			f = o.forge(commit, err)
			f.refused(refusal.UnknownPrekey, start(1, 7))
			f.refused(refusal.UnknownPrekey, start(2, 7))
			f.taken(start(1, 40))
			o.shows(bob)
		})
	l.run("batches", "the prekeys of a newer batch are handed out first to last; what is left of the one before is not",
		nil, reqs("AMB-PST-03", "AMB-PST-37", "AMB-ACC-15"), func(o *officeScene) {
			bob := o.register()
			for batch := range 3 {
				for range batch + 2 {
					_, err := o.Bundle(bob.Device.Account())
					o.fail(err)
				}
				o.shows(bob)
				o.fail(bob.Replenish(account.Batch))
			}
			o.fail(bob.Rotate(ambassador.Change{}))
			for range 2 {
				_, err := o.Bundle(bob.Device.Account())
				o.fail(err)
			}
			o.shows(bob)
		})
}
