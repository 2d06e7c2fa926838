package accounts

import (
	"errors"
	"slices"

	"credence/conformance/internal/schedule"
	"credence/conformance/scenario"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/spec/refusal"
)

// whileWaiting are the events of a device whose application waits for the answer to a commit.
var whileWaiting = []scenario.Verb{scenario.Release, scenario.Restart, scenario.Compromise}

// do performs an event, and returns what came of it as the record has it.
func (p *player) do(e scenario.Event) (came string) {
	if e.Do == scenario.Race {
		return p.race(e.Devices, p.user(e.To))
	}
	d := p.device(e.By)
	if d == nil || d.commit != nil && !slices.Contains(whileWaiting, e.Do) {
		return schedule.DoesNotApply
	}
	switch e.Do {
	case scenario.Send, scenario.Crash, scenario.Make:
		return p.write(d, p.user(e.To), e)
	case scenario.Release:
		return p.release(d)
	case scenario.Prepare, scenario.Rotate, scenario.Add, scenario.Remove:
		return p.lead(d, e)
	case scenario.Read, scenario.Ack, scenario.Replenish, scenario.Restart:
		return p.upkeep(d, e.Do)
	}
	return p.disturb(d, e)
}

// upkeep performs an event of a device that keeps it going.
func (p *player) upkeep(d *device, do scenario.Verb) string {
	switch {
	case do == scenario.Read && p.unread(d):
		p.Understood(d.Sync())
	case do == scenario.Ack && len(d.user.present()) > 1:
		return p.tolerate(d.Ack())
	case do == scenario.Replenish:
		return p.tolerate(d.Replenish(account.Batch * 2))
	case do == scenario.Restart:
		p.Restart(d.Member)
	default:
		return schedule.DoesNotApply
	}
	return ""
}

// lead performs an event that is the leader's.
func (p *player) lead(d *device, e scenario.Event) string {
	switch {
	case !d.leads():
		return schedule.DoesNotApply
	case e.Do == scenario.Prepare && len(d.user.present()) > 1:
		return p.prepare(d, e.Devices)
	case e.Do == scenario.Rotate:
		p.rotate(d, ambassador.Change{})
	case e.Do == scenario.Add && len(d.user.devices) < mostDevices:
		p.link(d.user)
	case e.Do == scenario.Remove:
		return p.remove(d, e.Devices)
	default:
		return schedule.DoesNotApply
	}
	return ""
}

// disturb performs an event that somebody else causes: an attacker, a backup that is brought back, a post office that
// lies.
func (p *player) disturb(d *device, e scenario.Event) string {
	switch e.Do {
	case scenario.Compromise:
		return p.compromise(d)
	case scenario.Rollback:
		return p.rollback(d)
	case scenario.Withhold:
		return p.withhold(d)
	case scenario.Forge:
		return p.forge(d, e)
	}
	return schedule.DoesNotApply
}

// unread reports whether something waits for a device.
func (p *player) unread(d *device) bool {
	box, err := p.Office.Fetch(d.user.id, d.Device.ID(), 1)
	return err != nil || len(box.Mails) > d.target.mails
}

// tolerate lets a device refuse because it may not: it is pending.
func (p *player) tolerate(err error) string {
	if errors.Is(err, refusal.NotReady) || errors.Is(err, refusal.NotAllowed) {
		return schedule.DoesNotApply
	}
	p.Understood(err)
	return ""
}
