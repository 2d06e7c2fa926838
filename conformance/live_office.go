package conformance

import (
	"bytes"
	"fmt"
	"slices"

	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// liveOffice are the tests in which the target is the post office and the reference plays every device.
func liveOffice() []testCase {
	test := func(name, comment string, requirements []string, run func(w *world) error) testCase {
		return worldCase("postoffice", name, comment, requirements, func(w *world) error {
			w.office = &shimOffice{w.tester}
			return run(w)
		})
	}
	return []testCase{
		test("story", "the whole story over the target's post office", reqs("AMB-PST-01", "AMB-PST-04", "AMB-PST-12"), func(w *world) error { return story(w, cast{"", make([]bool, 3)}) }),
		test("schedule", "a long conversation under a random schedule", reqs("AMB-PST-01", "AMB-PST-05", "AMB-PST-12"), func(w *world) error { return deviceSchedule(w, cast{"", make([]bool, 3)}) }),
		test("racing", "commits for one place: one is taken, the others are refused and leave nothing in a mailbox", reqs("AMB-PST-01", "AMB-PST-05"), func(w *world) error { return racing(w, cast{"", make([]bool, 3)}) }),
		test("fan-out", "every device of the recipient gets the identical bytes, in the same order", reqs("AMB-PST-04", "AMB-PST-12"), fanOut),
		test("one-time-prekeys", "each one-time prekey is handed out once; then bundles come without; all have one size; a new batch is served", reqs("AMB-PST-03", "AMB-ACC-04"), handsOutOnce),
		test("numbers", "a commit whose number was seen is refused, after acceptance and after refusal", reqs("AMB-PST-02", "AMB-PST-01"), refusesNumbers),
		test("order", "entries that do not continue the log", reqs("AMB-PST-05", "AMB-PST-01"), refusesOrder),
		test("reservation", "after a conflict the next place belongs to the side that lost", reqs("AMB-PST-06"), keepsPlace),
		test("devices", "parcels that do not go to exactly the active devices", reqs("AMB-PST-07", "AMB-PST-01"), refusesDevices),
		test("epochs", "after a rotation the old bundle is gone, and entries that name an old epoch of either side are refused", reqs("AMB-PST-10", "AMB-PST-01"), refusesEpochs),
		test("rotations", "rotations that are forged, of another epoch, or not the leader's", reqs("AMB-PST-08", "AMB-PST-11", "AMB-PST-01"), refusesRotations),
		test("empty-log", "an entry was refused before any was taken: a rotation need not name the log", reqs("AMB-PST-05", "AMB-PST-08"), rotatesOverEmptyLog),
		test("removed", "a removed device gets nothing and may commit nothing; a pending one gets no entries", reqs("AMB-PST-09"), forgetsRemoved),
		test("malformed", "commits that are no commits", reqs("AMB-ENC-02", "AMB-PST-01"), refusesMalformed),
		test("registration", "an account is registered once, with one device", reqs("AMB-PST-08", "AMB-PST-01"), refusesRegistrations),
	}
}

// shimOffice is the post office of the target.
type shimOffice struct{ *tester }

// result keeps the class of a refusal.
func (o *shimOffice) result(op shim.Op, p shim.Params) (*shim.Result, error) {
	return (&shimDevice{tester: o.tester}).result(op, p)
}

func (o *shimOffice) Append(commit []byte) error {
	_, err := o.result(shim.OfficeAppend, shim.Params{Message: commit})
	return err
}

func (o *shimOffice) Bundle(id account.ID) ([]byte, error) {
	r, err := o.result(shim.OfficeBundle, shim.Params{Account: id[:]})
	if err != nil {
		return nil, err
	}
	return r.Message, nil
}

func (o *shimOffice) Fetch(id account.ID, device account.DeviceID, from uint64) (postoffice.Mailbox, error) {
	r, err := o.result(shim.OfficeFetch, shim.Params{Account: id[:], Device: device[:], Position: from})
	if err != nil {
		return postoffice.Mailbox{}, err
	}
	box := postoffice.Mailbox{Commits: r.Commits, Prekeys: r.Prekeys}
	for _, m := range r.Mails {
		box.Mails = append(box.Mails, m)
	}
	return box, nil
}

// mailboxes gives every mail of the family's devices.
func (w *world) mailboxes(f *family) ([]string, error) {
	var all []string
	for _, m := range slices.Concat(f.alice, f.bob) {
		box, err := w.office.Fetch(m.Device.Account(), m.Device.ID(), 1)
		if err != nil {
			return nil, w.refusedReference(err)
		}
		for _, mail := range box.Mails {
			all = append(all, string(mail))
		}
	}
	return all, nil
}

// refusesCommit fails unless the post office refuses a commit, with the class, and delivers nothing of it.
func (w *world) refusesCommit(f *family, class refusal.Class, commit []byte) error {
	before, err := w.mailboxes(f)
	if err != nil {
		return err
	}
	if err := w.refuse(class, shim.OfficeAppend, shim.Params{Message: commit}); err != nil {
		return err
	}
	sent := w.sent
	after, err := w.mailboxes(f)
	if err != nil {
		return err
	}
	w.sent = sent
	if !slices.Equal(before, after) {
		return w.fail(StateChanged, "a refused commit has changed a mailbox", fmt.Sprintf("%d mails as before", len(before)), fmt.Sprintf("%d mails", len(after)))
	}
	return nil
}

// commit lets a device make an entry commit and forget it, and gives it after a change.
func (w *world) commit(m *member, to account.ID, change func(c *postoffice.Commit)) ([]byte, error) {
	encoded, err := m.Device.Send(to, []byte("changed"), nil, w.random)
	if err != nil {
		return nil, err
	}
	return forgotten(m, encoded, change)
}

// forgotten lets a device forget the commit that it has made, and gives it after a change.
func forgotten(m *member, encoded []byte, change func(c *postoffice.Commit)) ([]byte, error) {
	m.Device.PostOfficeRefused()
	c := &postoffice.Commit{}
	if err := codec.Decode(encoded, c); err != nil {
		return nil, err
	}
	change(c)
	return codec.Encode(c)
}

// refusesEntry makes an entry commit, changes it, and fails unless it is refused.
func (w *world) refusesEntry(f *family, class refusal.Class, change func(c *postoffice.Commit)) error {
	commit, err := w.commit(f.alice[0], f.b, change)
	if err != nil {
		return err
	}
	return w.refusesCommit(f, class, commit)
}

// changedEntry changes the entry of a commit.
func changedEntry(change func(e *conversation.Entry)) func(c *postoffice.Commit) {
	return func(c *postoffice.Commit) {
		e, err := conversation.ParseEntry(c.Entry)
		if err != nil {
			return // the reference has made it
		}
		change(e)
		c.Entry = codec.MustEncode(e)
	}
}

// stillGood fails unless the conversation goes on.
func (w *world) stillGood(f *family) error {
	return first(
		func() error { return w.send(f.alice[1], f.b, "goes on") }, func() error { return w.send(f.bob[1], f.a, "it does") },
		func() error { return w.sync(f.alice, f.bob) },
		func() error { return w.inStep(f.alice, f.b) }, func() error { return w.inStep(f.bob, f.a) },
	)
}

func fanOut(w *world) error {
	f, err := w.begun(cast{"", make([]bool, 2)})
	if err != nil {
		return err
	}
	for i := range 4 {
		if err := first(func() error { return w.send(f.alice[i%2], f.b, "to all") }, func() error { return w.send(f.bob[i%2], f.a, "to all") }); err != nil {
			return err
		}
	}
	var entries [4][]string
	for i, m := range slices.Concat(f.alice, f.bob) {
		box, err := w.office.Fetch(m.Device.Account(), m.Device.ID(), 1)
		if err != nil {
			return w.refusedReference(err)
		}
		for k, encoded := range box.Mails {
			mail := &postoffice.Mail{}
			if err := codec.Decode(encoded, mail); err != nil {
				return w.fail(Mismatch, "a mail is not canonical", "a Mail", err.Error())
			}
			if mail.Position != uint64(k)+1 {
				return w.fail(Mismatch, "positions in a mailbox have gaps", fmt.Sprint(k+1), fmt.Sprint(mail.Position))
			}
			if len(mail.Entry) > 0 {
				entries[i] = append(entries[i], string(mail.Entry))
			}
		}
	}
	for i := range entries {
		if len(entries[i]) != 10 || !slices.Equal(entries[i], entries[0]) {
			return w.fail(Mismatch, fmt.Sprintf("device %d has been given other entries than device 0", i), "the identical 10 entries, in the same order", fmt.Sprintf("%d entries", len(entries[i])))
		}
	}
	return nil
}

func handsOutOnce(w *world) error {
	f, err := w.begun(cast{"", make([]bool, 2)})
	if err != nil {
		return err
	}
	seen := map[uint32]bool{}
	none := 0
	for range account.Batch + 5 {
		encoded, err := w.office.Bundle(f.a)
		if err != nil {
			return w.refusedReference(err)
		}
		b := &account.Bundle{}
		if err := codec.Decode(encoded, b); err != nil {
			return w.fail(Mismatch, "office.bundle gives no bundle", "a Bundle", err.Error())
		}
		if b.OneTimePrekeyID == 0 {
			none++
			continue
		}
		if seen[b.OneTimePrekeyID] {
			return w.fail(Mismatch, "a one-time prekey was handed out twice", "each id once", fmt.Sprint(b.OneTimePrekeyID))
		}
		seen[b.OneTimePrekeyID] = true
	}
	if none < 5 || len(seen) == 0 {
		return w.fail(Mismatch, "bundles after the last one-time prekey", "5 without one", fmt.Sprintf("%d with, %d without", len(seen), none))
	}
	if err := f.alice[1].Replenish(account.Batch); err != nil {
		return w.refusedReference(err)
	}
	encoded, err := w.office.Bundle(f.a)
	if err != nil {
		return w.refusedReference(err)
	}
	b := &account.Bundle{}
	if err := codec.Decode(encoded, b); err != nil || b.SignedPrekeyID != 2 || b.OneTimePrekeyID <= account.Batch {
		return w.fail(Mismatch, "the bundle after a publication", "signed prekey 2, a one-time prekey above 20", toJSON(b))
	}
	return w.stillGood(f)
}

func refusesNumbers(w *world) error {
	f, err := w.begun(cast{"", make([]bool, 2)})
	if err != nil {
		return err
	}
	commit, err := w.commit(f.alice[0], f.b, func(*postoffice.Commit) {})
	if err != nil {
		return err
	}
	spoiled, err := w.commit(f.alice[0], f.b, changedEntry(func(e *conversation.Entry) { e.Seq += 7 }))
	if err != nil {
		return err
	}
	return first(
		func() error { return w.refusesCommit(f, refusal.Conflict, spoiled) },
		func() error { return w.refusesCommit(f, refusal.Duplicate, spoiled) },
		func() error { return w.refusesCommit(f, refusal.Duplicate, commit) }, // an earlier number, never seen
		func() error {
			return w.refusesEntry(f, refusal.Duplicate, func(c *postoffice.Commit) { c.Number = 1 })
		},
		func() error { return w.stillGood(f) },
	)
}

func refusesOrder(w *world) error {
	f, err := w.begun(cast{"", make([]bool, 2)})
	if err != nil {
		return err
	}
	return first(
		func() error {
			return w.refusesEntry(f, refusal.Conflict, changedEntry(func(e *conversation.Entry) { e.Seq++ }))
		},
		func() error {
			return w.refusesEntry(f, refusal.Conflict, changedEntry(func(e *conversation.Entry) { e.Seq-- }))
		},
		func() error {
			return w.refusesEntry(f, refusal.Conflict, changedEntry(func(e *conversation.Entry) { e.Previous[9] ^= 1 }))
		},
		func() error {
			return w.refusesEntry(f, refusal.NotReady, changedEntry(func(e *conversation.Entry) { e.Recipient[0] ^= 1 }))
		},
		func() error {
			return w.refusesEntry(f, refusal.NotAllowed, changedEntry(func(e *conversation.Entry) { e.Sender[0] ^= 1 }))
		},
		func() error {
			return w.refusesEntry(f, refusal.NotAllowed, changedEntry(func(e *conversation.Entry) { e.SenderEpoch = 9 }))
		},
		func() error { return w.refusesForeign(f) },
		func() error { return w.stillGood(f) },
	)
}

// refusesForeign commits an entry in the name of another account, at the right place of that account's log.
func (w *world) refusesForeign(f *family) error {
	carol, _, err := w.bob()
	if err != nil {
		return err
	}
	c := carol[0].Device.Account()
	return w.refusesEntry(f, refusal.NotAllowed, changedEntry(func(e *conversation.Entry) {
		e.Sender, e.Seq, e.Previous = c, 1, conversation.FirstHead(c, e.Recipient)
	}))
}

func keepsPlace(w *world) error {
	f, err := w.begun(cast{"", make([]bool, 2)})
	if err != nil {
		return err
	}
	mine, err := f.alice[0].Device.Send(f.b, []byte("loses"), nil, w.random)
	if err != nil {
		return err
	}
	if err := w.send(f.bob[0], f.a, "wins"); err != nil {
		return err
	}
	if err := w.refusesCommit(f, refusal.Conflict, mine); err != nil {
		return err
	}
	f.alice[0].Device.PostOfficeRefused()
	// Bob is in step with the log and still has to wait: the place is kept for Alice.
	again, err := w.commit(f.bob[0], f.a, func(*postoffice.Commit) {})
	if err != nil {
		return err
	}
	return first(
		func() error { return w.refusesCommit(f, refusal.Conflict, again) },
		func() error { return w.send(f.alice[0], f.b, "has the next place") },
		func() error { return w.stillGood(f) },
		func() error { return w.keepsPlaceForRotation(f) },
	)
}

// keepsPlaceForRotation is the same for a rotation, which would otherwise never come through a counterparty that talks.
func (w *world) keepsPlaceForRotation(f *family) error {
	rotation, err := w.rotation(f.alice[0], func(*postoffice.Commit) {})
	if err != nil {
		return err
	}
	if err := w.send(f.bob[0], f.a, "in between"); err != nil {
		return err
	}
	if err := w.refusesCommit(f, refusal.Conflict, rotation); err != nil {
		return err
	}
	again, err := w.commit(f.bob[0], f.a, func(*postoffice.Commit) {})
	if err != nil {
		return err
	}
	return first(
		func() error { return w.refusesCommit(f, refusal.Conflict, again) },
		func() error { return w.refusedReference(f.alice[0].Rotate(ambassador.Change{})) },
		func() error { return w.stillGood(f) },
	)
}

func refusesDevices(w *world) error {
	f, err := w.begun(cast{"", make([]bool, 2)})
	if err != nil {
		return err
	}
	stranger := postoffice.Parcel{Device: account.DeviceID(bytes.Repeat([]byte{0xff}, 32)), Body: []byte{1}}
	self := postoffice.Parcel{Device: f.alice[0].Device.ID(), Body: []byte{1}}
	foreign := postoffice.Parcel{Device: f.bob[0].Device.ID(), Body: []byte{1}}
	with := func(p postoffice.Parcel) func(c *postoffice.Commit) {
		return func(c *postoffice.Commit) {
			c.Parcels = append(c.Parcels, p)
			slices.SortFunc(c.Parcels, func(a, b postoffice.Parcel) int { return bytes.Compare(a.Device[:], b.Device[:]) })
		}
	}
	return first(
		func() error {
			return w.refusesEntry(f, refusal.WrongDevices, func(c *postoffice.Commit) { c.Parcels = nil })
		},
		func() error { return w.refusesEntry(f, refusal.WrongDevices, with(stranger)) },
		func() error { return w.refusesEntry(f, refusal.WrongDevices, with(self)) },
		func() error { return w.refusesEntry(f, refusal.WrongDevices, with(foreign)) },
		func() error {
			return w.refusesEntry(f, refusal.WrongDevices, func(c *postoffice.Commit) { c.Kind, c.Entry = postoffice.KindRecords, nil; c.Parcels = nil })
		},
		func() error {
			return w.refusesEntry(f, refusal.WrongDevices, func(c *postoffice.Commit) {
				c.Kind, c.Entry = postoffice.KindRecords, nil
				c.Parcels = []postoffice.Parcel{foreign}
			})
		},
		func() error {
			return w.refusesEntry(f, refusal.NotAllowed, func(c *postoffice.Commit) { c.Device = stranger.Device })
		},
		func() error { return w.stillGood(f) },
	)
}

func refusesEpochs(w *world) error {
	f, err := w.begun(cast{"", make([]bool, 2)})
	if err != nil {
		return err
	}
	toOld, err := w.commit(f.bob[0], f.a, func(*postoffice.Commit) {})
	if err != nil {
		return err
	}
	fromOld, err := w.commit(f.alice[1], f.b, func(*postoffice.Commit) {})
	if err != nil {
		return err
	}
	if err := f.alice[0].Rotate(ambassador.Change{}); err != nil {
		return w.refusedReference(err)
	}
	encoded, err := w.office.Bundle(f.a)
	if err != nil {
		return w.refusedReference(err)
	}
	b := &account.Bundle{}
	if err := codec.Decode(encoded, b); err != nil || b.Statement.Epoch != 3 {
		return w.fail(Mismatch, "the bundle after a rotation", "epoch 3", toJSON(b))
	}
	return first(
		func() error { return w.refusesCommit(f, refusal.StaleEpoch, toOld) },
		func() error { return w.refusesCommit(f, refusal.StaleEpoch, fromOld) },
		func() error { return w.stillGood(f) },
	)
}

// rotation lets the leader make a rotation and forget it, and gives it after a change.
func (w *world) rotation(m *member, change func(c *postoffice.Commit)) ([]byte, error) {
	encoded, err := m.Device.Rotate(ambassador.Change{}, w.random)
	if err != nil {
		return nil, err
	}
	return forgotten(m, encoded, change)
}

func refusesRotations(w *world) error {
	f, err := w.begun(cast{"", make([]bool, 2)})
	if err != nil {
		return err
	}
	key, err := account.GenerateKey(w.random)
	if err != nil {
		return err
	}
	var companion account.DeviceID
	for _, m := range f.alice[1:] {
		companion = m.Device.ID()
	}
	for _, test := range []struct {
		class  refusal.Class
		change func(c *postoffice.Commit)
	}{
		{refusal.BadSignature, func(c *postoffice.Commit) { c.Rotation.List.Signature[0] ^= 1 }},
		{refusal.BadSignature, func(c *postoffice.Commit) { c.Rotation.List.Sign(key) }},
		{refusal.BadSignature, func(c *postoffice.Commit) { c.Rotation.Statement.Signature[0] ^= 1 }},
		{refusal.BadSignature, func(c *postoffice.Commit) { c.Rotation.Statement.Sign(key) }},
		{refusal.BadSignature, func(c *postoffice.Commit) { c.Rotation.Publication.PrekeySignature[0] ^= 1 }},
		{refusal.StaleEpoch, func(c *postoffice.Commit) { c.Rotation.List.Epoch++ }},
		{refusal.StaleEpoch, func(c *postoffice.Commit) { c.Rotation.List.Epoch-- }},
		{refusal.StaleEpoch, func(c *postoffice.Commit) { c.Epoch-- }},
		{refusal.NotAllowed, func(c *postoffice.Commit) { c.Device = companion; c.Number = 1000 }},
		{refusal.NotAllowed, func(c *postoffice.Commit) {
			c.Parcels[0].Device, c.Device, c.Number = c.Device, companion, 1001 // addressed as the companion's would be
		}},
		{refusal.NotAllowed, func(c *postoffice.Commit) { c.Rotation.List.Leader = companion }},
		{refusal.WrongDevices, func(c *postoffice.Commit) { c.Parcels = nil }},
		{refusal.Conflict, func(c *postoffice.Commit) { c.Rotation.Cuts = nil }},
		{refusal.Conflict, func(c *postoffice.Commit) { c.Rotation.Cuts[0].Head[0] ^= 1 }},
	} {
		commit, err := w.rotation(f.alice[0], test.change)
		if err != nil {
			return err
		}
		if err := w.refusesCommit(f, test.class, commit); err != nil {
			return err
		}
	}
	if err := w.refusesMadeUp(f); err != nil {
		return err
	}
	encoded, err := w.office.Bundle(f.a)
	if err != nil {
		return w.refusedReference(err)
	}
	b := &account.Bundle{}
	if err := codec.Decode(encoded, b); err != nil || b.Statement.Epoch != 2 {
		return w.fail(StateChanged, "a refused rotation has changed the bundle", "epoch 2", toJSON(b))
	}
	return first(
		func() error { return w.refusedReference(f.alice[0].Rotate(ambassador.Change{})) },
		func() error { return w.send(f.alice[0], f.b, "goes on") },
		func() error { return w.sync(f.alice, f.bob) }, func() error { return w.inStep(f.alice, f.b) },
	)
}

// refusesMadeUp brings rotations and publications that are rightly signed and wrong in one thing.
func (w *world) refusesMadeUp(f *family) error {
	for _, make := range []func(c *malicious.Counterparty) ([]byte, error){
		func(c *malicious.Counterparty) ([]byte, error) { return c.Rotation(3, nil) },
		func(c *malicious.Counterparty) ([]byte, error) { return c.Rotation(1, nil) },
		func(c *malicious.Counterparty) ([]byte, error) {
			return c.Rotation(2, []postoffice.Parcel{{Device: c.Device, Body: []byte{1}}})
		},
		func(c *malicious.Counterparty) ([]byte, error) {
			return c.Publication(c.Keys, func(p *account.Publication) { p.SignedPrekeyID++ })
		},
		func(c *malicious.Counterparty) ([]byte, error) {
			return c.Publication(c.Keys, func(p *account.Publication) { p.FirstOneTimeID++ })
		},
		func(c *malicious.Counterparty) ([]byte, error) {
			return c.Publication(c.Keys, func(p *account.Publication) { p.PrekeySignature[7] ^= 1 })
		},
	} {
		c, registration, err := malicious.NewCounterparty(f.a, w.random)
		if err != nil {
			return err
		}
		if err := w.office.Append(registration); err != nil {
			return w.refusedReference(err)
		}
		commit, err := make(c)
		if err != nil {
			return err
		}
		if err := w.refusesCommit(f, "", commit); err != nil {
			return err
		}
		good, err := c.Publication(c.Keys, func(*account.Publication) {})
		if err != nil {
			return err
		}
		if err := w.office.Append(good); err != nil {
			return w.refusedReference(err)
		}
	}
	return nil
}

func forgetsRemoved(w *world) error {
	f, err := w.begun(cast{"", make([]bool, 2)})
	if err != nil {
		return err
	}
	removed, pending := f.bob[1], f.alice[1]
	late, err := removed.Device.Ack(w.random)
	if err != nil {
		return err
	}
	id := removed.Device.ID()
	if err := first(
		func() error {
			return w.refusedReference(f.bob[0].Rotate(ambassador.Change{Remove: []account.DeviceID{id}}))
		},
		func() error { return w.send(f.alice[0], f.b, "after the removal") },
		func() error {
			return w.refuse(refusal.NotAllowed, shim.OfficeFetch, shim.Params{Account: f.b[:], Device: id[:]})
		},
		func() error { return w.refuse(refusal.NotAllowed, shim.OfficeAppend, shim.Params{Message: late}) },
		func() error { return w.refusedReference(f.alice[0].Prepare(nil)) },
		func() error { return w.refusedReference(f.alice[0].Rotate(ambassador.Change{})) },
	); err != nil {
		return err
	}
	n, err := w.count(pending)
	if err != nil {
		return w.refusedReference(err)
	}
	if err := w.send(f.bob[0], f.a, "not for a pending device"); err != nil {
		return err
	}
	if err := f.alice[0].Sync(); err != nil {
		return w.refusedReference(err)
	}
	byPending, err := w.commit(f.alice[0], f.b, func(c *postoffice.Commit) {
		c.Device, c.Number = pending.Device.ID(), 1000
		c.Parcels = []postoffice.Parcel{{Device: f.alice[0].Device.ID(), Body: []byte{1}}}
	})
	if err != nil {
		return err
	}
	if err := w.refuse(refusal.NotAllowed, shim.OfficeAppend, shim.Params{Message: byPending}); err != nil {
		return err
	}
	mails, err := w.unread(pending, n)
	if err != nil {
		return w.refusedReference(err)
	}
	if len(mails) > 0 {
		return w.fail(Mismatch, "a pending device is given an entry", "nothing", fmt.Sprintf("%d mails", len(mails)))
	}
	return nil
}

func refusesMalformed(w *world) error {
	f, err := w.begun(cast{"", make([]bool, 2)})
	if err != nil {
		return err
	}
	commit, err := w.commit(f.alice[0], f.b, func(*postoffice.Commit) {})
	if err != nil {
		return err
	}
	for _, bad := range [][]byte{{}, commit[:1], commit[:len(commit)/2], commit[:len(commit)-1], append(bytes.Clone(commit), 0), append([]byte{2}, commit[1:]...)} {
		if err := w.refusesCommit(f, refusal.Malformed, bad); err != nil {
			return err
		}
	}
	return first(
		func() error {
			return w.refusesEntry(f, refusal.Malformed, func(c *postoffice.Commit) { c.Entry = c.Entry[:len(c.Entry)-1] })
		},
		func() error { return w.stillGood(f) },
	)
}

func refusesRegistrations(w *world) error {
	f, err := w.begun(cast{"", make([]bool, 2)})
	if err != nil {
		return err
	}
	_, registration, err := ambassador.Register(w.random)
	if err != nil {
		return err
	}
	_, another, err := ambassador.Register(w.random)
	if err != nil {
		return err
	}
	foreign := &postoffice.Commit{}
	if err := codec.Decode(another, foreign); err != nil {
		return err
	}
	changed := func(change func(c *postoffice.Commit)) []byte {
		c := &postoffice.Commit{}
		if err := codec.Decode(registration, c); err != nil {
			return nil // the reference has made it
		}
		change(c)
		return codec.MustEncode(c)
	}
	return first(
		func() error {
			return w.refusesCommit(f, refusal.BadSignature, changed(func(c *postoffice.Commit) { c.Rotation.List.Signature[0] ^= 1 }))
		},
		func() error {
			return w.refusesCommit(f, refusal.BadSignature, changed(func(c *postoffice.Commit) { c.Rotation.Statement.Signature[0] ^= 1 }))
		},
		func() error {
			return w.refusesCommit(f, refusal.Malformed, changed(func(c *postoffice.Commit) { c.Number = 2 }))
		},
		func() error {
			return w.refusesCommit(f, refusal.Malformed, changed(func(c *postoffice.Commit) { c.Account = f.a; c.Rotation.List.Epoch = 2 }))
		},
		func() error {
			return w.refusesCommit(f, refusal.Malformed, changed(func(c *postoffice.Commit) {
				c.Parcels = []postoffice.Parcel{{Device: c.Device, Body: []byte{1}}}
			}))
		},
		func() error {
			return w.refusesCommit(f, refusal.Malformed, changed(func(c *postoffice.Commit) { c.Rotation.Cuts = []channel.Head{{Peer: f.a, Seq: 1}} }))
		},
		func() error {
			return w.refusesCommit(f, refusal.Malformed, changed(func(c *postoffice.Commit) {
				c.Rotation.Statement, c.Rotation.Publication = foreign.Rotation.Statement, foreign.Rotation.Publication
			}))
		},
		func() error {
			return w.refusesCommit(f, refusal.Malformed, changed(func(c *postoffice.Commit) { c.Rotation.Publication.FirstOneTimeID = 21 }))
		},
		func() error {
			return w.refusesCommit(f, refusal.Malformed, changed(func(c *postoffice.Commit) { c.Rotation.Publication.SignedPrekeyID = 2 }))
		},
		func() error { return w.refusedReference(w.office.Append(registration)) },
		func() error { return w.refusesCommit(f, refusal.Duplicate, registration) },
		func() error { return w.stillGood(f) },
	)
}

func rotatesOverEmptyLog(w *world) error {
	leader, err := w.register(false)
	if err != nil {
		return err
	}
	c, registration, err := malicious.NewCounterparty(leader.Device.Account(), w.random)
	if err != nil {
		return err
	}
	if err := w.office.Append(registration); err != nil {
		return w.refusedReference(err)
	}
	encoded, err := w.office.Bundle(leader.Device.Account())
	if err != nil {
		return w.refusedReference(err)
	}
	b := &account.Bundle{}
	if err := codec.Decode(encoded, b); err != nil {
		return w.refusedReference(err)
	}
	o, err := c.Say("too far", b)
	if err != nil {
		return w.refusedReference(err)
	}
	far, err := malicious.Changed(o.Entry, func(e *conversation.Entry) { e.Seq = 7 })
	if err != nil {
		return err
	}
	if err := w.office.Append(c.Commit(far)); refusal.Of(err) == "" {
		return w.fail(AcceptedInvalid, "an entry that does not begin the log", "conflict", fmt.Sprint(err))
	}
	return w.refusedReference(leader.Rotate(ambassador.Change{}))
}
