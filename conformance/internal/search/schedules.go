package search

import (
	"fmt"
	"slices"

	"credence/conformance/scenario"
)

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

// longer returns every schedule with one more event, of those that differ in the order of independent events only the
// first.
func longer(from *scenario.Scenario, schedules [][]scenario.Event) (out [][]scenario.Event) {
	for _, s := range schedules {
		for i, e := range following(from, s) {
			if n := len(s); n > 0 && independent(s[n-1], e) && position(from, s[:n-1], s[n-1]) > i {
				continue // the other order is played
			}
			out = append(out, append(slices.Clone(s), e))
		}
	}
	return out
}

// independent reports whether two events give the same in either order: they are of different devices, and not both
// touch the post office. Making an entry touches nothing but its device; reading may answer, and so touches it.
func independent(a, b scenario.Event) bool {
	return a.By != b.By && (a.Do == scenario.Make || b.Do == scenario.Make)
}

// position returns the place of an event among those that may follow a schedule.
func position(from *scenario.Scenario, before []scenario.Event, e scenario.Event) int {
	return slices.IndexFunc(following(from, before), func(o scenario.Event) bool { return o.String() == e.String() })
}

// following returns the events that may follow a schedule.
func following(from *scenario.Scenario, before []scenario.Event) []scenario.Event {
	if from.Level == scenario.Ambassador {
		return ofAccounts(from.Users)
	}
	return betweenParties(before)
}

// ofAccounts returns what devices may do: make an entry, release it, and read.
func ofAccounts(users []scenario.User) (all []scenario.Event) {
	for _, u := range users {
		for i := range u.Devices {
			by := fmt.Sprint(u.Name, "/", i)
			for _, other := range users {
				if other != u {
					all = append(all, scenario.Event{Do: scenario.Make, By: by, To: other.Name})
				}
			}
			all = append(all, scenario.Event{Do: scenario.Release, By: by}, scenario.Event{Do: scenario.Read, By: by})
		}
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
