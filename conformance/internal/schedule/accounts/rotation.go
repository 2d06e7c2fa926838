package accounts

import (
	"slices"

	"credence/conformance/internal/schedule"
	"credence/reference/account"
	"credence/reference/ambassador"
)

// prepare asks devices to heal before the next epoch; no names are all of them.
func (p *player) prepare(leader *device, labels []string) string {
	if came := p.tolerate(leader.Prepare(p.companions(leader.user, labels))); came != "" {
		return came
	}
	for _, d := range leader.user.present() {
		if d != leader && (labels == nil || slices.Contains(labels, d.label)) {
			d.asked = p.event
		}
	}
	return ""
}

// companions returns the keys of those devices of an account that are there and not its leader.
func (p *player) companions(u *user, labels []string) []account.DeviceID {
	var ids []account.DeviceID
	for _, label := range labels {
		if d := p.device(label); d != nil && d.user == u && !d.leads() {
			ids = append(ids, d.Device.ID())
		}
	}
	return ids
}

// rotate opens an epoch. Copies of devices that had been asked to heal are worth nothing in it.
func (p *player) rotate(leader *device, change ambassador.Change) {
	before := len(p.post.Sent)
	p.Understood(leader.Rotate(change))
	for _, c := range p.copies {
		if c.of.user == leader.user && c.of.asked > c.Event && c.Prepared == 0 {
			c.Prepared, c.healed = before, p.status(leader).Epoch
		}
	}
}

// remove takes devices off the list. Their copies are worth nothing in a session that begins after it.
func (p *player) remove(leader *device, labels []string) string {
	ids := p.companions(leader.user, labels)
	if ids == nil {
		return schedule.DoesNotApply
	}
	p.rotate(leader, ambassador.Change{Remove: ids})
	for _, d := range leader.user.devices {
		if slices.Contains(ids, d.Device.ID()) {
			d.removed, d.until = true, p.event
		}
	}
	for _, c := range p.copies {
		if c.of.removed && c.Removed == 0 {
			c.Removed = len(p.post.Sent)
		}
	}
	return ""
}
