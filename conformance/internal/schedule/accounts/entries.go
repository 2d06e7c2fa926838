package accounts

import (
	"errors"
	"slices"
	"strings"

	"credence/conformance/internal/schedule"
	"credence/conformance/scenario"
	"credence/spec/refusal"
)

// text returns the next text that somebody sends: the one that the event names, or the next one.
func (p *player) text() string {
	given := p.given
	p.given = "" // a race has several
	return p.names.Next(given, "m")
}

// write lets a device make an entry for another user. The verb says what becomes of it.
func (p *player) write(d *device, to *user, e scenario.Event) string {
	do := e.Do
	switch {
	case do == scenario.Make && e.Part != "":
		return p.holdOther(d, e.Part)
	case to == nil || to == d.user:
		return schedule.DoesNotApply
	case do == scenario.Make:
		return p.hold(d, to)
	case !p.ready(d):
		return schedule.DoesNotApply
	case do == scenario.Crash:
		return p.crash(d, to)
	}
	text := p.text()
	d.target.text = text
	p.Send(d.Member, to.id, text)
	return ": " + text
}

// ready lets a device read, and reports whether it may send then: a pending one may not.
func (p *player) ready(d *device) bool {
	p.Understood(d.Sync())
	return p.active(d)
}

// entry makes a commit with a text as client.Send would, without bringing it.
func (p *player) entry(d *device, to *user, text string) ([]byte, error) {
	d.target.text = text
	commit, err := d.Device.Send(to.id, []byte(text), nil, p.Random)
	if !errors.Is(err, refusal.IncompleteBundle) {
		return commit, err
	}
	bundle, err := p.Office.Bundle(to.id)
	if err != nil {
		return nil, err
	}
	return d.Device.Send(to.id, []byte(text), bundle, p.Random)
}

// crash stops a device after it has stored its state and before its commit has left, and starts it again.
func (p *player) crash(d *device, to *user) string {
	text := p.text()
	_, err := p.entry(d, to, text)
	p.Understood(err)
	p.Restart(d.Member)
	return ": " + text + " never left"
}

// hold lets a device make an entry on what it has read, which waits for its release. One that does not come back
// before the device reads its mailbox to the end is dropped (AMB-SYN-14).
func (p *player) hold(d *device, to *user) string {
	if !p.active(d) {
		return schedule.DoesNotApply
	}
	text := p.text()
	commit, err := p.entry(d, to, text)
	if errors.Is(err, refusal.NotReady) {
		return schedule.DoesNotApply
	}
	p.Understood(err)
	d.commit = commit
	return ": " + text
}

// holdOther lets a device make an acknowledgement or a publication, which waits for its release.
func (p *player) holdOther(d *device, part string) (came string) {
	var commit []byte
	var err error
	switch {
	case !p.active(d):
		return schedule.DoesNotApply
	case part == scenario.Acks && len(d.user.present()) > 1:
		commit, err = d.Device.Ack(p.Random)
	case part == scenario.Prekeys:
		commit, err = d.Device.Replenish(p.Random)
	}
	if came = p.tolerate(err); came == "" && len(commit) == 0 {
		came = schedule.DoesNotApply
	}
	if came == "" {
		d.commit = commit
	}
	return came
}

// release brings the commit that a device has made. The post office may refuse it.
func (p *player) release(d *device) string {
	if d.commit == nil {
		return schedule.DoesNotApply
	}
	commit := d.commit
	d.commit = nil
	if err := p.Office.Append(commit); err != nil {
		d.Device.PostOfficeRefused()
		return ": refused"
	}
	return ": accepted"
}

// race lets devices make entries for the same place; then they are brought, in turn.
func (p *player) race(labels []string, to *user) string {
	racers, ready := p.racers(labels, to)
	if len(racers) == 0 || !ready {
		return schedule.DoesNotApply
	}
	var commits [][]byte
	var texts []string
	for _, d := range racers {
		text := p.text()
		commit, err := p.entry(d, to, text)
		p.Understood(err)
		commits, texts = append(commits, commit), append(texts, text)
	}
	for i, d := range racers {
		if err := p.Office.Append(commits[i]); err != nil {
			d.Device.PostOfficeRefused()
		}
	}
	return ": " + strings.Join(texts, ", ")
}

// racers returns the devices that can race for a place, each once, and reports whether all of them may send.
func (p *player) racers(labels []string, to *user) (racers []*device, ready bool) {
	if to == nil {
		return nil, false
	}
	for _, label := range labels {
		d := p.device(label)
		if d == nil || d.user == to || d.commit != nil || slices.Contains(racers, d) {
			continue
		}
		if !p.ready(d) {
			return nil, false
		}
		racers = append(racers, d)
	}
	return racers, true
}
