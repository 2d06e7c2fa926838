package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"credence/conformance/internal/schedule"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/reference/codec"
	"credence/reference/postoffice"
)

// Explore plays the events of a scenario, and lets nothing come to an end. It returns the state of the world after
// them, as far as it bears on what is delivered, and whether the last event did anything. Two schedules with one state
// differ in random values, in the numbers of commits and in the chains of channels, or by which of two devices is
// called the first.
func Explore(t *suite.T, s *scenario.Scenario) (state string, applied bool) {
	p := newPlayer(t, Everything&^(Sights|Epochs))
	t.Played = p.play
	t.Reset()
	for _, u := range s.Users {
		p.open(u)
	}
	for i, e := range s.Events {
		p.event = i
		p.step(e)
	}
	last := len(p.play.Lines) - 1
	return p.state(), last < 0 || !strings.HasSuffix(p.play.Lines[last], schedule.DoesNotApply)
}

// happened notes a commit that a post office has taken or refused.
func (p *player) happened(d *device, m *postoffice.Commit, err error) {
	what := fmt.Sprintf("%s:%d", d.label, m.Kind)
	if e := entryOf(codec.MustEncode(m)); e != nil {
		what += fmt.Sprintf(":%d:%v", e.Seq, e.Start != nil)
	}
	if err == nil {
		p.taken, p.refused = append(p.taken, what), nil
		return
	}
	if refusal := d.user.name + "/:" + said(err); !slices.Contains(p.refused, refusal) {
		p.refused = append(p.refused, refusal) // who waits for the next place
	}
}

// state renders the world, with the users and devices in that order in which it comes first of all.
func (p *player) state() string {
	all := []string{fmt.Sprint(p.network.clock.Unix())}
	all = append(append(append(all, p.taken...), "refused"), p.refused...)
	for _, d := range p.present() {
		line := fmt.Sprintf("%s| %d of %d %q %d %v", d.label, d.target.mails, len(d.box.mails)+len(d.box.held), d.fault,
			len(d.late), d.hanging)
		if h := d.held; h != nil {
			if e := entryOf(h.commit); e != nil {
				line += fmt.Sprintf(" makes %d %v", e.Seq, e.Start != nil)
			}
		}
		all = append(all, line)
	}
	least := ""
	for _, names := range renamings(p.users) {
		if s := rename(all, names); least == "" || s < least {
			least = s
		}
	}
	return least
}

// rename gives users and devices other names, and sorts what is said of devices.
func rename(lines []string, names *strings.Replacer) string {
	var events, devices []string
	for _, line := range lines {
		line = names.Replace(line)
		if strings.Contains(line, "|") {
			devices = append(devices, line)
		} else {
			events = append(events, line)
		}
	}
	slices.Sort(devices)
	return strings.Join(append(events, devices...), "\n")
}

// renamings are all ways to call the users, and the devices of each.
func renamings(users []*user) (all []*strings.Replacer) {
	for _, order := range orders(len(users)) {
		ways := []map[string]string{{}}
		for i, u := range users {
			var longer []map[string]string
			for _, devices := range orders(len(u.devices)) {
				for _, w := range ways {
					w = maps.Clone(w)
					w[u.name+"/:"] = fmt.Sprintf("u%d/:", order[i])
					for j := range u.devices {
						w[fmt.Sprintf("%s/%d", u.name, j)] = fmt.Sprintf("u%d/%d", order[i], devices[j])
					}
					longer = append(longer, w)
				}
			}
			ways = longer
		}
		for _, w := range ways {
			var pairs []string
			for old, other := range w {
				pairs = append(pairs, old, other)
			}
			all = append(all, strings.NewReplacer(pairs...))
		}
	}
	return all
}

// orders returns the orders of the numbers below n.
func orders(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, shorter := range orders(n - 1) {
		for at := range n {
			all = append(all, slices.Insert(slices.Clone(shorter), at, n-1))
		}
	}
	return all
}
