package properties

import (
	"fmt"
	"slices"

	"credence/conformance/scenario"
	"credence/spec"
)

// copiedAtEveryStep returns a scenario in which the states of these parties or devices are copied after every event.
func copiedAtEveryStep(s *scenario.Scenario, who ...string) *scenario.Scenario {
	c := *s
	c.Events = nil
	for _, e := range s.Events {
		c.Events = append(c.Events, e)
		for _, w := range who {
			c.Events = append(c.Events, scenario.Event{Do: scenario.Compromise, By: w})
		}
	}
	return &c
}

func send(by string, n int) []scenario.Event {
	return slices.Repeat([]scenario.Event{{Do: scenario.Send, By: by}}, n)
}

func deliver(by string, messages ...string) (all []scenario.Event) {
	for _, m := range messages {
		all = append(all, scenario.Event{Do: scenario.Deliver, By: by, Message: m})
	}
	return all
}

// twoParties returns a schedule with everything that a session keeps keys for: late and lost messages, turns of both
// sides, and chains that end with messages missing.
func twoParties(set string) *scenario.Scenario {
	return &scenario.Scenario{
		Comment: "late and lost messages over several turns", Level: scenario.Ratchet, Set: set,
		Events: slices.Concat(
			send("a", 3), deliver("b", "a1", "a3"),
			send("b", 2), deliver("a", "b2"),
			send("a", 1), deliver("b", "a4", "a2"),
			send("b", 1), deliver("a", "b3", "b1"),
			send("a", 2), deliver("b", "a6"),
		),
	}
}

// inTurns returns a schedule for cadence per-message.
func inTurns(set string) *scenario.Scenario {
	s := &scenario.Scenario{
		Comment: "several messages of each side in turn", Level: scenario.Ratchet, Set: set,
		Cadence: "per-message",
	}
	other := map[string]string{"a": "b", "b": "a"}
	sent := map[string]int{}
	for _, by := range []string{"a", "a", "b", "b", "a", "b", "b", "a"} {
		sent[by]++
		s.Events = slices.Concat(s.Events, send(by, 1), deliver(other[by], fmt.Sprint(by, sent[by])))
	}
	return s
}

// wholeLife returns a schedule in which everything happens to an account once.
func wholeLife() *scenario.Scenario {
	return &scenario.Scenario{
		Comment: "first contact, races, a crash, an offline companion, prekeys, rotations of both sides, a device " +
			"added, one asked to heal, one removed",
		Level: scenario.Ambassador, Set: spec.AmbassadorV1,
		Users: []scenario.User{{Name: "alice", Devices: 2}, {Name: "bob", Devices: 1}},
		Events: slices.Concat(
			firstEntries(), startOfOtherSide(), deviceAdded(), oneHealsAndOneDoesNot(), deviceRemoved(),
		),
	}
}

func sendTo(by, to string) scenario.Event { return scenario.Event{Do: scenario.Send, By: by, To: to} }

// does returns an event of a device, with what it does to others.
func does(device string, do scenario.Verb, others ...string) scenario.Event {
	return scenario.Event{Do: do, By: device, Devices: others}
}

func firstEntries() []scenario.Event {
	return []scenario.Event{
		sendTo("alice/0", "bob"), sendTo("bob/0", "alice"), sendTo("alice/1", "bob"), does("alice/0", scenario.Read),
		{Do: scenario.Race, To: "bob", Devices: []string{"alice/0", "alice/1"}},
		{Do: scenario.Crash, By: "alice/0", To: "bob"}, sendTo("alice/0", "bob"),
	}
}

func startOfOtherSide() []scenario.Event {
	return []scenario.Event{
		does("bob/0", scenario.Rotate), sendTo("bob/0", "alice"), does("alice/1", scenario.Read),
		does("alice/0", scenario.Read), does("alice/1", scenario.Replenish), does("alice/0", scenario.Ack),
		does("alice/1", scenario.Ack), does("alice/0", scenario.Read),
	}
}

func deviceAdded() []scenario.Event {
	return []scenario.Event{
		does("alice/0", scenario.Add), sendTo("alice/2", "bob"), sendTo("bob/0", "alice"),
		does("alice/1", scenario.Ack), does("alice/0", scenario.Read), does("alice/2", scenario.Read),
	}
}

// oneHealsAndOneDoesNot has two rotations: alice/2 answers after the first one, and is healed by the second.
func oneHealsAndOneDoesNot() []scenario.Event {
	return []scenario.Event{
		does("alice/0", scenario.Prepare, "alice/1", "alice/2"), does("alice/1", scenario.Read),
		does("alice/0", scenario.Rotate), sendTo("alice/1", "bob"), sendTo("bob/0", "alice"),
		does("alice/2", scenario.Read), does("alice/0", scenario.Rotate), sendTo("bob/0", "alice"),
	}
}

func deviceRemoved() []scenario.Event {
	return []scenario.Event{
		does("alice/0", scenario.Remove, "alice/1"), sendTo("bob/0", "alice"), sendTo("alice/0", "bob"),
	}
}
