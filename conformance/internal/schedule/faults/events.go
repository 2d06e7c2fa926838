package faults

import (
	"errors"
	"slices"

	"credence/conformance/scenario"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/spec/refusal"
)

// whileWaiting are the events of a device whose application waits for the answer to a commit.
var whileWaiting = []scenario.Verb{
	scenario.Release, scenario.Restart, scenario.Delay, scenario.Arrive, scenario.Repeat, scenario.Lose, scenario.Late,
}

// do performs an event, and returns what came of it as the record has it.
func (p *player) do(e scenario.Event) (came string) {
	switch e.Do {
	case scenario.Race:
		return p.race(e.Devices, p.user(e.To))
	case scenario.Wait:
		return p.wait(e.Seconds)
	case scenario.Join:
		return p.join()
	case scenario.Drain, scenario.Stranger, scenario.Reissue, scenario.Tamper:
		return p.outside(e)
	}
	d := p.find(e.By)
	if d == nil || d.held != nil && !slices.Contains(whileWaiting, e.Do) {
		return doesNotApply
	}
	switch e.Do {
	case scenario.Send, scenario.Crash, scenario.Make, scenario.Abuse:
		return p.write(d, p.user(e.To), e)
	case scenario.Fetch:
		return p.fetch(d, p.user(e.To))
	case scenario.Release:
		return p.release(d)
	case scenario.Prepare, scenario.Rotate, scenario.Add, scenario.Remove:
		return p.lead(d, e)
	case scenario.Read, scenario.Ack, scenario.Replenish, scenario.Restart:
		return p.upkeep(d, e.Do)
	}
	return p.disturb(d, e)
}

// outside performs an event of the post office, or of people who have no part in the scenario.
func (p *player) outside(e scenario.Event) string {
	u := p.user(e.To)
	if u == nil {
		return doesNotApply
	}
	f := p.network.faultsOf(u.id)
	switch e.Do {
	case scenario.Drain:
		for range account.Batch {
			_, _ = p.bundle(p.network.offices[0], u.id)
		}
	case scenario.Stranger:
		c, err := client.Register(line{p, &device{user: &user{name: "stranger"}}}, p.Random)
		p.NoFault(err)
		return p.tolerate(c.Send(u.id, []byte("a stranger")))
	case scenario.Reissue:
		f.reissue = true
	case scenario.Tamper:
		f.tamper = &e
	}
	return ""
}

// upkeep performs an event of a device that keeps it going.
func (p *player) upkeep(d *device, do scenario.Verb) string {
	switch {
	case do == scenario.Read && (d.hanging || p.unread(d)):
		d.hanging = false
		return p.tolerate(d.Sync())
	case do == scenario.Ack && len(d.user.present()) > 1:
		return p.tolerate(d.Ack())
	case do == scenario.Replenish && d.side == 0:
		return p.tolerate(d.Replenish(account.Batch * 2))
	case do == scenario.Restart:
		p.Restart(d.Member)
		d.hanging = true
	default:
		return doesNotApply
	}
	return ""
}

// lead performs an event that is the leader's.
func (p *player) lead(d *device, e scenario.Event) string {
	switch {
	case !d.leads():
		return doesNotApply
	case e.Do == scenario.Prepare && len(d.user.present()) > 1:
		return p.tolerate(d.Prepare(p.companions(d.user, e.Devices)))
	case e.Do == scenario.Rotate:
		return p.tolerate(d.Rotate(ambassador.Change{}))
	case e.Do == scenario.Add && len(d.user.devices) < mostDevices:
		return p.link(d.user)
	case e.Do == scenario.Remove:
		return p.remove(d, e.Devices)
	}
	return doesNotApply
}

// companions returns the keys of those devices of an account that are there and not its leader.
func (p *player) companions(u *user, labels []string) (ids []account.DeviceID) {
	for _, label := range labels {
		if d := p.find(label); d != nil && d.user == u && !d.leads() {
			ids = append(ids, d.Device.ID())
		}
	}
	return ids
}

// remove takes devices off the list.
func (p *player) remove(leader *device, labels []string) string {
	ids := p.companions(leader.user, labels)
	if ids == nil {
		return doesNotApply
	}
	if came := p.tolerate(leader.Rotate(ambassador.Change{Remove: ids})); came != "" {
		return came
	}
	for _, d := range leader.user.devices {
		if slices.Contains(ids, d.Device.ID()) {
			d.removed, d.until = true, p.event
		}
	}
	return ""
}

// disturb performs an event of the network, or of a backup.
func (p *player) disturb(d *device, e scenario.Event) string {
	switch e.Do {
	case scenario.Delay:
		d.box.delayed = true
	case scenario.Repeat:
		if len(d.box.mails) == 0 {
			return doesNotApply
		}
		d.box.mails = append(d.box.mails, d.box.mails[len(d.box.mails)-1])
	case scenario.Lose:
		d.fault = e.Part
	case scenario.Late:
		d.fault = string(scenario.Late)
	case scenario.Arrive:
		return p.arrive(d)
	case scenario.Split:
		return p.split(d)
	case scenario.Backup:
		return p.backup(d)
	case scenario.Restore:
		return p.restore(d)
	default:
		return doesNotApply
	}
	return ""
}

// fetch lets a device keep a bundle for its next start.
func (p *player) fetch(d *device, of *user) string {
	if of == nil || of == d.user {
		return doesNotApply
	}
	delete(d.kept, of.id)
	bundle, err := line{p, d}.Bundle(of.id)
	p.NoFault(err)
	d.kept[of.id] = bundle
	return ""
}

// write lets a device make an entry for another user. The verb says what becomes of it.
func (p *player) write(d *device, to *user, e scenario.Event) string {
	switch {
	case e.Do == scenario.Make && e.Part != "":
		return p.holdOther(d, e.Part)
	case to == nil || to == d.user:
		return doesNotApply
	case e.Do == scenario.Make:
		return p.hold(d, to)
	case e.Do == scenario.Abuse:
		return p.abuse(d, to, e.Part)
	case e.Do == scenario.Crash:
		return p.crash(d, to)
	}
	t := p.newText(d, to)
	came := p.tolerate(d.Client.Send(to.id, []byte(t.name)))
	t.refused = came != ""
	return ": " + t.name + came
}

// entry makes a commit with a text as client.Send would, without bringing it.
func (p *player) entry(d *device, to *user, name string) ([]byte, error) {
	commit, err := d.Device.Send(to.id, []byte(name), nil, p.Random)
	if !errors.Is(err, refusal.IncompleteBundle) {
		return commit, err
	}
	bundle, err := line{p, d}.Bundle(to.id)
	if err != nil {
		return nil, err
	}
	return d.Device.Send(to.id, []byte(name), bundle, p.Random)
}

// crash stops a device after it has stored its state and before its commit has left, and starts it again.
func (p *player) crash(d *device, to *user) string {
	t := p.newText(d, to)
	if _, err := p.entry(d, to, t.name); err != nil {
		t.refused = true
		return p.tolerate(err)
	}
	p.Restart(d.Member)
	return ": " + t.name + " never left"
}

// hold lets a device make an entry on what it has read, which waits for its release.
func (p *player) hold(d *device, to *user) string {
	t := p.newText(d, to)
	commit, err := p.entry(d, to, t.name)
	if err != nil {
		t.refused = true
		return p.tolerate(err)
	}
	d.held = &held{commit: commit, text: t.name}
	return ": " + t.name
}

// holdOther lets a device make a rotation, an acknowledgement or a publication, which waits for its release.
func (p *player) holdOther(d *device, part string) string {
	if d.side > 0 || part == scenario.Rotation && !d.leads() {
		return doesNotApply
	}
	onTop := !p.unread(d)
	var commit []byte
	var err error
	switch part {
	case scenario.Rotation:
		commit, err = d.Device.Rotate(ambassador.Change{}, p.Random)
	case scenario.Acks:
		commit, err = d.Device.Ack(p.Random)
	default:
		commit, err = d.Device.Replenish(p.Random)
	}
	if err != nil {
		return p.tolerate(err)
	}
	d.held = &held{commit: commit, onTop: onTop && part == scenario.Rotation, rival: p.ownEntries(d.user)}
	return ""
}

// release brings the commit that a device has made. Without an answer it stays under way.
func (p *player) release(d *device) string {
	if d.held == nil {
		return doesNotApply
	}
	h := d.held
	d.held = nil
	err := p.deliver(d, h.commit)
	if refusal.Of(err) != "" {
		d.Device.PostOfficeRefused()
		if t := p.texts[h.text]; t != nil {
			t.refused = true
		}
	}
	p.fairRotation(d, h, err)
	d.hanging = err != nil && refusal.Of(err) == ""
	if err == nil {
		return ": accepted"
	}
	return p.tolerate(err)
}

// race lets devices make entries for the same place; then they are brought, in turn.
func (p *player) race(labels []string, to *user) string {
	var racers []*device
	for _, label := range labels {
		d := p.find(label)
		if to != nil && d != nil && d.user != to && d.held == nil && !slices.Contains(racers, d) {
			racers = append(racers, d)
		}
	}
	if len(racers) == 0 {
		return doesNotApply
	}
	for _, d := range racers {
		if err := d.Sync(); err != nil {
			return p.tolerate(err)
		}
	}
	for _, d := range racers {
		p.hold(d, to)
	}
	came := ""
	for _, d := range racers {
		came += p.release(d)
	}
	return came
}
