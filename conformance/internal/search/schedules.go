package search

import (
	"fmt"
	"slices"

	"credence/conformance/internal/schedule/faults"
	"credence/conformance/scenario"
)

// Groups are the kinds of events of accounts that a search may have, in the order in which they are documented.
var Groups = []string{"basis", "loss", "prekeys", "rotation", "void", "abuse"}

// complete returns the scenario of a schedule, and the index of the schedule's last event. Between two parties each of
// its events is followed by copies of both states.
func complete(from *scenario.Scenario, events []scenario.Event) (s *scenario.Scenario, last int) {
	c := *from
	c.Events = slices.Clone(from.Events)
	for _, e := range events {
		last = len(c.Events)
		c.Events = append(c.Events, e)
		if c.Level == scenario.Ratchet {
			c.Events = append(c.Events, scenario.Event{Do: scenario.Compromise, By: "a"},
				scenario.Event{Do: scenario.Compromise, By: "b"})
		}
	}
	return &c, last
}

// longer returns every schedule with one more event.
func (o Options) longer(schedules []outcome) (out [][]scenario.Event) {
	for _, s := range schedules {
		following := betweenParties(s.events)
		if o.From.Level == scenario.Ambassador {
			following = o.ofAccounts(s.end)
		}
		for _, e := range following {
			out = append(out, append(slices.Clone(s.events), e))
		}
	}
	return out
}

// ofAccounts returns what may happen next to accounts, of the groups of events that are searched.
func (o Options) ofAccounts(end faults.End) (all []scenario.Event) {
	for _, d := range end.Devices {
		if d.Waits {
			all = append(all, o.ofWaiting(d)...)
		} else {
			all = append(all, o.ofDevice(d)...)
		}
		if o.has("loss") && d.Late {
			all = append(all, scenario.Event{Do: scenario.Arrive, By: d.Label})
		}
	}
	for _, u := range o.From.Users {
		if o.has("void") && !end.Armed[u.Name] {
			all = append(all, scenario.Event{
				Do: scenario.Tamper, To: u.Name, Part: scenario.OneTimePrekey, Change: "flip 0",
			})
		}
	}
	return all
}

func (o Options) has(group string) bool { return slices.Contains(o.Events, group) }

// ofWaiting returns what a device that has made a commit may do, and what may become of the commit.
func (o Options) ofWaiting(d faults.Standing) []scenario.Event {
	all := []scenario.Event{{Do: scenario.Release, By: d.Label}}
	if o.has("loss") && !d.Faulty {
		all = append(all,
			scenario.Event{Do: scenario.Lose, By: d.Label, Part: scenario.LostCommit},
			scenario.Event{Do: scenario.Lose, By: d.Label, Part: scenario.LostAnswer},
			scenario.Event{Do: scenario.Late, By: d.Label},
		)
	}
	return all
}

// ofDevice returns what a device may do.
func (o Options) ofDevice(d faults.Standing) (all []scenario.Event) {
	add := func(group string, do scenario.Verb, to string, parts ...string) {
		for _, part := range parts {
			if o.has(group) {
				all = append(all, scenario.Event{Do: do, By: d.Label, To: to, Part: part})
			}
		}
	}
	add("basis", scenario.Read, "", "")
	for _, u := range o.From.Users {
		if u.Name != d.User {
			add("basis", scenario.Make, u.Name, "")
			add("prekeys", scenario.Fetch, u.Name, "")
			add("abuse", scenario.Abuse, u.Name, scenario.OtherMessage, scenario.OlderPlace)
		}
	}
	add("prekeys", scenario.Replenish, "", "")
	if d.Leads {
		add("rotation", scenario.Rotate, "", "")
		add("rotation", scenario.Add, "", "")
	}
	return all
}

// betweenParties returns what two parties may do: send, and read anything that was sent to them.
func betweenParties(before []scenario.Event) []scenario.Event {
	sent := map[string]int{}
	for _, e := range before {
		if e.Do == scenario.Send {
			sent[e.By]++
		}
	}
	all := []scenario.Event{{Do: scenario.Send, By: "a"}, {Do: scenario.Send, By: "b"}}
	for _, direction := range []struct{ from, to string }{{"a", "b"}, {"b", "a"}} {
		for n := range sent[direction.from] {
			all = append(all, scenario.Event{
				Do: scenario.Deliver, By: direction.to, Message: fmt.Sprint(direction.from, n+1),
			})
		}
	}
	return all
}
