package main

import (
	"errors"
	"io"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
	"credence/vectors"
)

// officeScene is a scenario in which the target is the post office: what the devices around it ask is recorded. It is a
// postoffice.Service, so that clients of the reference run on it.
type officeScene struct {
	*scene
	rand io.Reader
}

// tried performs and records an operation of the post office, and keeps the class of a refusal.
func (o *officeScene) tried(op shim.Op, p shim.Params) (*shim.Result, error) {
	r, err := o.try(op, p)
	if class := classOf(err); class != "" {
		return nil, class
	}
	return r, err
}

func (o *officeScene) Append(commit []byte) error {
	_, err := o.tried(shim.OfficeAppend, shim.Params{Message: commit})
	return err
}

func (o *officeScene) Bundle(id account.ID) ([]byte, error) {
	r, err := o.tried(shim.OfficeBundle, shim.Params{Account: id[:]})
	if err != nil {
		return nil, err
	}
	return r.Message, nil
}

func (o *officeScene) Fetch(id account.ID, device account.DeviceID, from uint64) (postoffice.Mailbox, error) {
	r, err := o.tried(shim.OfficeFetch, shim.Params{Account: id[:], Device: device[:], Position: from})
	if err != nil {
		return postoffice.Mailbox{}, err
	}
	box := postoffice.Mailbox{Commits: r.Commits, Prekeys: r.Prekeys}
	for _, m := range r.Mails {
		box.Mails = append(box.Mails, m)
	}
	return box, nil
}

func (o *officeScene) Announce(id account.ID, device account.DeviceID, number uint64) (uint64, error) {
	r, err := o.tried(shim.OfficeAnnounce, shim.Params{Account: id[:], Device: device[:], Commits: number})
	if err != nil {
		return 0, err
	}
	return r.Commits, nil
}

func (o *officeScene) register() *client.Client {
	c, err := client.Register(o, o.rand)
	o.fail(err)
	return c
}

func (o *officeScene) link(leader *client.Client) *client.Client {
	c, err := client.Link(leader, o, o.rand)
	o.fail(err)
	return c
}

// refused requires that a commit was refused with a class, and tells the device.
func (o *officeScene) refused(class shim.Class, c *client.Client, commit []byte, err error) {
	o.fail(err)
	if got := o.Append(commit); !errors.Is(got, class) {
		o.fail(errors.New("the commit must be refused as " + string(class)))
	}
	c.Device.PostOfficeRefused()
}

// officeScenarios adds the scenarios of the profile postoffice.
func officeScenarios(f *vectors.File) error {
	l := &officeList{newScenarios(f, "postoffice")}
	l.stories()
	l.places()
	l.commits()
	l.rules()
	l.epochs()
	return l.done()
}

// officeList collects the scenarios of the profile postoffice.
type officeList struct{ *scenarioList }

func (l *officeList) run(id, comment string, flags, requirements []string, story func(o *officeScene)) {
	l.scenarioList.run(id, comment, flags, requirements, func(s *scene) { story(&officeScene{s, seeded(s.test.ID)}) })
}

func (l *officeList) stories() {
	l.run("story", "two accounts with two devices each: registered, linked, both directions, a device removed", nil,
		reqs("AMB-PST-01", "AMB-PST-04", "AMB-PST-09", "AMB-PST-12"), func(o *officeScene) {
			alice, bob := o.register(), o.register()
			laptop, desktop := o.link(alice), o.link(bob)
			a, b := alice.Device.Account(), bob.Device.Account()
			for _, send := range []struct {
				from *client.Client
				to   account.ID
			}{{laptop, b}, {desktop, a}, {alice, b}, {bob, a}} {
				o.fail(send.from.Send(send.to, []byte("text")))
			}
			for _, c := range []*client.Client{alice, laptop, bob, desktop} {
				o.fail(c.Sync())
			}
			late, err := laptop.Device.Ack(o.rand)
			o.fail(err)
			o.fail(alice.Rotate(ambassador.Change{Remove: []account.DeviceID{laptop.Device.ID()}}))
			o.refused(refusal.NotAllowed, laptop, late, nil)
			if err := laptop.Sync(); !errors.Is(err, refusal.NotAllowed) {
				o.fail(errors.New("a removed device has been given mails"))
			}
			o.fail(desktop.Send(a, []byte("to the new epoch")))
			o.fail(alice.Sync())
		})
	l.run("prekeys", "twenty bundles with a one-time prekey, then one without, then a new batch", nil,
		reqs("AMB-PST-03", "AMB-ACC-04"), func(o *officeScene) {
			alice := o.register()
			for range account.Batch + 1 {
				_, err := o.Bundle(alice.Device.Account())
				o.fail(err)
			}
			o.fail(alice.Replenish(account.Batch))
			_, err := o.Bundle(alice.Device.Account())
			o.fail(err)
		})
	l.run("epochs", "after a rotation nothing of the old epoch is served or taken; a pending device gets no entries",
		nil,
		reqs("AMB-PST-10", "AMB-PST-09", "AMB-PST-02"), func(o *officeScene) {
			alice, bob := o.register(), o.register()
			laptop := o.link(alice)
			a, b := alice.Device.Account(), bob.Device.Account()
			o.fail(alice.Send(b, []byte("start")))
			o.fail(bob.Sync())
			o.fail(laptop.Sync())
			toOld, err := bob.Device.Send(a, []byte("to the old epoch"), nil, o.rand)
			o.fail(err)
			fromOld, err := laptop.Device.Send(b, []byte("from the old epoch"), nil, o.rand)
			o.fail(err)
			o.fail(alice.Prepare(nil))
			o.fail(alice.Rotate(ambassador.Change{}))
			o.refused(refusal.StaleEpoch, bob, toOld, nil)
			o.refused(refusal.StaleEpoch, laptop, fromOld, nil)
			o.fail(laptop.Sync())
			o.fail(bob.Send(a, []byte("to the leader alone")))
			o.fail(laptop.Sync())
			o.fail(alice.Sync())
		})
}

func (l *officeList) places() {
	l.run("conflict", "two commits for one place; the place is then kept for the side that lost", []string{"Racing"},
		reqs("AMB-PST-02", "AMB-PST-05", "AMB-PST-14"), func(o *officeScene) {
			alice, bob := o.register(), o.register()
			a, b := alice.Device.Account(), bob.Device.Account()
			o.fail(alice.Send(b, []byte("start")))
			o.fail(bob.Sync())
			loses, err := alice.Device.Send(b, []byte("loses"), nil, o.rand)
			o.fail(err)
			o.fail(bob.Send(a, []byte("wins")))
			o.refused(refusal.Conflict, alice, loses, nil)
			o.refused(refusal.Duplicate, alice, loses, nil)
			waits, err := bob.Device.Send(a, []byte("waits"), nil, o.rand)
			o.refused(refusal.Conflict, bob, waits, err)
			o.fail(alice.Send(b, []byte("has the place")))
			greedy, err := alice.Device.Send(b, []byte("not twice while the other waits"), nil, o.rand)
			o.refused(refusal.Conflict, alice, greedy, err)
			o.fail(bob.Send(a, []byte("comes after")))
			o.fail(alice.Send(b, []byte("and after that")))
		})
	l.run("places-free", "races of siblings and stale commits keep no place", []string{"Racing"},
		reqs("AMB-PST-14"), func(o *officeScene) {
			alice, bob := o.register(), o.register()
			laptop := o.link(alice)
			a, b := alice.Device.Account(), bob.Device.Account()
			o.fail(alice.Send(b, []byte("start")))
			o.fail(laptop.Sync())
			o.fail(bob.Send(a, []byte("answer")))
			o.fail(alice.Sync())
			o.fail(laptop.Sync())
			loses, err := laptop.Device.Send(b, []byte("loses against a sibling"), nil, o.rand)
			o.fail(err)
			o.fail(alice.Send(b, []byte("wins")))
			o.refused(refusal.Conflict, laptop, loses, nil)
			o.fail(bob.Sync())
			stale, err := bob.Device.Send(a, []byte("waits for nothing"), nil, o.rand)
			o.fail(err)
			o.fail(o.Append(stale))
		})
}

func (l *officeList) commits() {
	l.run("announcements",
		"numbers are announced; a commit that was announced and has not arrived is over when the mailbox is read",
		nil, reqs("AMB-PST-16", "AMB-PST-17", "AMB-PST-02"), func(o *officeScene) {
			alice, bob := o.register(), o.register()
			a, b := alice.Device.Account(), bob.Device.Account()
			device := alice.Device.ID()
			o.fail(alice.Send(b, []byte("start")))
			late, err := alice.Device.Send(b, []byte("comes late"), nil, o.rand)
			o.fail(err)
			_, err = o.Announce(a, device, 3)
			o.fail(err)
			_, err = o.Announce(a, device, 3)
			o.fail(err)
			o.fail(alice.Sync())
			o.refused(refusal.Duplicate, alice, late, nil)
			lower, err := alice.Device.Send(b, []byte("a lower number than was announced"), nil, o.rand)
			o.fail(err)
			_, err = o.Announce(a, device, 9)
			o.fail(err)
			o.refused(refusal.Duplicate, alice, lower, nil)
			_, err = o.Announce(a, bob.Device.ID(), 1)
			if !errors.Is(err, refusal.NotAllowed) {
				o.fail(errors.New("a device of another account has announced"))
			}
		})
	l.run("stale-starts", "starts under prekeys that are not there any more, or used", []string{"PrekeyReuse"},
		reqs("AMB-PST-13"), func(o *officeScene) {
			alice, bob, carol := o.register(), o.register(), o.register()
			a, b := alice.Device.Account(), bob.Device.Account()
			bundle, err := o.Bundle(b)
			o.fail(err)
			o.fail(bob.Replenish(account.Batch + 1))
			first, err := alice.Device.Send(b, []byte("under the batch before"), bundle, o.rand)
			o.fail(err)
			o.fail(o.Append(first))
			o.fail(alice.Sync())
			twice, err := carol.Device.Send(b, []byte("the same one-time prekey"), bundle, o.rand)
			o.refused(refusal.UnknownPrekey, carol, twice, err)
			old, err := o.Bundle(a)
			o.fail(err)
			for range 2 {
				o.fail(alice.Replenish(1000))
			}
			late, err := carol.Device.Send(a, []byte("two batches too late"), old, o.rand)
			o.refused(refusal.UnknownPrekey, carol, late, err)
			o.fail(carol.Send(a, []byte("under the newest")))
		})
}
