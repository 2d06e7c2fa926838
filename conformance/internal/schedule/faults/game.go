package faults

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// view is what the counterparties of an account see of it: its bundles and entries, and what the post office answers to
// their own commits.
type view struct {
	of    account.ID
	epoch uint32 // the first one that was seen
	seen  []string
}

// add notes something with an epoch in it.
func (v *view) add(epoch uint32, what string, size int) {
	if v.epoch == 0 {
		v.epoch = epoch
	}
	v.seen = append(v.seen, fmt.Sprintf("%s of %d bytes, epoch +%d", what, size, epoch-v.epoch))
}

// bundle notes a bundle that somebody was given.
func (v *view) bundle(of account.ID, encoded []byte) {
	b := &account.Bundle{}
	if v != nil && of == v.of && codec.Decode(encoded, b) == nil {
		v.add(b.Statement.Epoch, "bundle", len(encoded))
	}
}

// commit notes a commit and what the post office answers: of the account its entries, of others the answer.
func (v *view) commit(m *postoffice.Commit, err error) {
	switch {
	case v == nil:
	case m.Account != v.of:
		v.seen = append(v.seen, fmt.Sprintf("answer to a commit of kind %d: %s", m.Kind, said(err)))
	case err == nil && m.Kind == postoffice.KindEntry:
		kind := "entry"
		e, err := conversation.ParseEntry(m.Entry)
		if err != nil {
			return
		}
		if e.Start != nil {
			kind = "start"
		}
		v.add(e.SenderEpoch, kind, len(m.Entry))
	}
}

func said(err error) string {
	if err == nil {
		return "accepted"
	}
	return string(refusal.Of(err))
}

// leastEpoch is what a drawn number of an epoch is not below, but once in a million times.
const leastEpoch = 1 << 10

// Game plays a scenario in three ways, in which the first account has its devices, one device, and its devices with the
// leader alone acting. Its counterparties must see the same (AMB-INV-17, AMB-INV-23), and no epoch that tells a number
// of devices (AMB-ACC-10).
func Game(t *suite.T, s *scenario.Scenario, judged Aspect) *verdict.Play {
	s = onlyTelling(s)
	first := newPlayer(t, judged)
	one := first.lives(s)
	for i, line := range first.play.Lines {
		if strings.HasSuffix(line, doesNotApply) {
			s.Events[i].Do = scenario.Wait // an event that does nothing must not do anything in the other lives
			s.Events[i].Seconds = 0
		}
	}
	for name, other := range others(s) {
		p := newPlayer(t, judged)
		look := p.lives(other)
		t.Played = first.play
		first.compare(name, one, look)
	}
	return first.play
}

// Judge plays a scenario and judges everything, as far as it can be told: what counterparties see only if all of its
// events are of the focus for that.
func Judge(t *suite.T, s *scenario.Scenario) {
	Play(t, s, Everything)
	played := t.Played
	if !slices.ContainsFunc(s.Events, func(e scenario.Event) bool {
		return !slices.Contains(scenario.Secrets.Verbs, e.Do)
	}) {
		Game(t, s, Sights|Epochs)
	}
	t.Played = played
}

// casts are the other ways in which an account lives.
var casts = []string{"one device", "the leader alone acting"}

// others yields the scenario with another cast.
func others(s *scenario.Scenario) func(yield func(string, *scenario.Scenario) bool) {
	return func(yield func(string, *scenario.Scenario) bool) {
		for _, name := range casts {
			if !yield(name, recast(s, name == casts[0])) {
				return
			}
		}
	}
}

// telling are the events of the account that can be played by another device.
var telling = []scenario.Verb{
	scenario.Send, scenario.Race, scenario.Read, scenario.Ack, scenario.Rotate, scenario.Add, scenario.Remove,
	scenario.Replenish, scenario.Restart,
}

// onlyTelling returns a scenario without the events of its first account that another device could not do in the same
// way.
func onlyTelling(s *scenario.Scenario) *scenario.Scenario {
	c := *s
	c.Events = slices.Clone(s.Events)
	for i, e := range c.Events {
		if (of(e, s.Users[0].Name)) && !slices.Contains(telling, e.Do) {
			c.Events[i] = scenario.Event{Do: scenario.Wait}
		}
	}
	return &c
}

// of reports whether an event is of a device of a user.
func of(e scenario.Event, user string) bool {
	return strings.HasPrefix(e.By, user+"/") || len(e.Devices) > 0 && strings.HasPrefix(e.Devices[0], user+"/")
}

// recast lets the leader do what devices of the first account do; alone, it is the only one.
func recast(s *scenario.Scenario, alone bool) *scenario.Scenario {
	c := *s
	name := s.Users[0].Name
	c.Users, c.Events = slices.Clone(s.Users), slices.Clone(s.Events)
	if alone {
		c.Users[0].Devices = 1
	}
	for i, e := range c.Events {
		if !of(e, name) {
			continue
		}
		switch {
		case e.Do == scenario.Race && alone:
			e.Devices = []string{name + "/0"}
		case e.Do == scenario.Race:
			e.Devices = append([]string{name + "/0"}, e.Devices...)
		case alone && (e.Do == scenario.Add || e.Do == scenario.Remove):
			e = scenario.Event{Do: scenario.Rotate, By: name + "/0"}
		case alone && e.Do == scenario.Ack:
			e = scenario.Event{Do: scenario.Read, By: name + "/0"}
		default:
			e.By = name + "/0"
		}
		c.Events[i] = e
	}
	return &c
}

// lives plays a scenario, lets everything come to rest and the two sides write to each other, and returns what the
// counterparties of the first account have seen.
func (p *player) lives(s *scenario.Scenario) *view {
	t := p.World.T
	t.Played = p.play
	defer p.complete()
	t.Reset()
	for _, u := range s.Users {
		p.open(u)
	}
	p.view = &view{of: p.users[0].id}
	for i, e := range s.Events {
		p.event = i
		p.step(e)
	}
	p.event = len(s.Events)
	p.calm()
	p.network.clock = p.network.clock.Add(time.Hour)
	p.quiet()
	for _, u := range p.users[1:] {
		for _, way := range [][2]*user{{u, p.users[0]}, {p.users[0], u}} {
			d := way[0].present()[0]
			p.tolerate(d.Client.Send(way[1].id, []byte(p.newText(d, way[1]).name)))
			p.quiet()
		}
	}
	return p.view
}

// compare stops the test if two views differ, or an epoch tells.
func (p *player) compare(name string, one, other *view) {
	nth := func(v *view, i int) string {
		if i >= len(v.seen) {
			return "nothing"
		}
		return v.seen[i]
	}
	for i := range max(len(one.seen), len(other.seen)) {
		if x, y := nth(one, i), nth(other, i); x != y {
			p.found(Sights,
				fmt.Sprintf("sight %d of the counterparties differs from what they see of %s", i+1, name), y, x)
			break
		}
	}
	if e := one.epoch; e > 0 && e < leastEpoch {
		p.found(Epochs, "the number of an epoch tells how many devices there can be", "a number that was drawn",
			fmt.Sprintf("epoch %d", e))
	}
	p.checkNow()
}
