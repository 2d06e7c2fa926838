package conformance

import (
	"fmt"

	"credence/conformance/scenario"
)

// everyStepOf gives a scenario in which the states of these parties or devices are copied after every event.
func everyStepOf(s *scenario.Scenario, who ...string) *scenario.Scenario {
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

// twoParties is a schedule with everything that a session keeps keys for: late and lost messages, turns of both sides, and chains that
// end with messages missing.
func twoParties(set string) *scenario.Scenario {
	s := &scenario.Scenario{Comment: "late and lost messages over several turns", Level: scenario.Ratchet, Set: set}
	send := func(by string, n int) {
		for range n {
			s.Events = append(s.Events, scenario.Event{Do: scenario.Send, By: by})
		}
	}
	deliver := func(by string, messages ...string) {
		for _, m := range messages {
			s.Events = append(s.Events, scenario.Event{Do: scenario.Deliver, By: by, Message: m})
		}
	}
	send("a", 3)
	deliver("b", "a1", "a3")
	send("b", 2)
	deliver("a", "b2")
	send("a", 1)
	deliver("b", "a4", "a2")
	send("b", 1)
	deliver("a", "b3", "b1")
	send("a", 2)
	deliver("b", "a6")
	return s
}

// inTurns is a schedule for cadence per-message.
func inTurns() *scenario.Scenario {
	s := &scenario.Scenario{Comment: "several messages of each side in turn", Level: scenario.Ratchet, Set: "ambassador-v1", Cadence: "per-message"}
	sent := map[string]int{}
	for _, by := range []string{"a", "a", "b", "b", "a", "b", "b", "a"} {
		sent[by]++
		s.Events = append(s.Events, scenario.Event{Do: scenario.Send, By: by},
			scenario.Event{Do: scenario.Deliver, By: map[string]string{"a": "b", "b": "a"}[by], Message: fmt.Sprint(by, sent[by])})
	}
	return s
}

// wholeLife is a schedule in which everything happens to an account once.
func wholeLife() *scenario.Scenario {
	e := func(do scenario.Verb, by, to string, devices ...string) scenario.Event {
		return scenario.Event{Do: do, By: by, To: to, Devices: devices}
	}
	return &scenario.Scenario{
		Comment: "first contact, races, a crash, an offline companion, prekeys, rotations of both sides, a device added, one asked to heal, one removed",
		Level:   scenario.Ambassador, Set: "ambassador-v1", Users: []scenario.User{{Name: "alice", Devices: 2}, {Name: "bob", Devices: 1}},
		Events: []scenario.Event{
			e(scenario.Send, "alice/0", "bob"), e(scenario.Send, "bob/0", "alice"), e(scenario.Send, "alice/1", "bob"), e(scenario.Read, "alice/0", ""),
			e(scenario.Race, "", "bob", "alice/0", "alice/1"), e(scenario.Crash, "alice/0", "bob"), e(scenario.Send, "alice/0", "bob"),
			e(scenario.Rotate, "bob/0", ""), e(scenario.Send, "bob/0", "alice"), e(scenario.Read, "alice/1", ""), e(scenario.Read, "alice/0", ""), // a start of the other side
			e(scenario.Replenish, "alice/1", ""), e(scenario.Ack, "alice/0", ""), e(scenario.Ack, "alice/1", ""), e(scenario.Read, "alice/0", ""),
			e(scenario.Add, "alice/0", ""), e(scenario.Send, "alice/2", "bob"), e(scenario.Send, "bob/0", "alice"), e(scenario.Ack, "alice/1", ""), e(scenario.Read, "alice/0", ""), e(scenario.Read, "alice/2", ""),
			e(scenario.Prepare, "alice/0", "", "alice/1", "alice/2"), e(scenario.Read, "alice/1", ""), e(scenario.Rotate, "alice/0", ""), // alice/2 has not answered
			e(scenario.Send, "alice/1", "bob"), e(scenario.Send, "bob/0", "alice"), e(scenario.Read, "alice/2", ""), e(scenario.Rotate, "alice/0", ""),
			e(scenario.Send, "bob/0", "alice"), e(scenario.Remove, "alice/0", "", "alice/1"), e(scenario.Send, "bob/0", "alice"), e(scenario.Send, "alice/0", "bob"),
		},
	}
}
