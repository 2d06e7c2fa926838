package scenario_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"credence/conformance/scenario"
)

// between returns a scenario of two parties; each line is a verb, a party, and a message, a part and a change where
// there are.
func between(lines ...string) *scenario.Scenario {
	s := &scenario.Scenario{Format: scenario.Format, Version: scenario.Version, Level: scenario.Ratchet, Set: "olm-v1"}
	for _, line := range lines {
		words := append(strings.SplitN(line, " ", 5), "", "", "")
		s.Events = append(s.Events, scenario.Event{
			Do: scenario.Verb(words[0]), By: words[1], Message: words[2], Part: words[3],
			Change: scenario.Change(words[4]),
		})
	}
	return s
}

// delivered reports whether a message that was sent arrives: of a name, or of any.
func delivered(name string) func(s *scenario.Scenario) bool {
	return func(s *scenario.Scenario) bool {
		names, sent := scenario.NewNames(s), map[string]bool{}
		for _, e := range s.Events {
			switch {
			case e.Do == scenario.Send:
				sent[names.Next(e.Message, e.By)] = true
			case e.Do == scenario.Deliver && sent[e.Message] && (name == "" || e.Message == name):
				return true
			}
		}
		return false
	}
}

// A send that is left out renames no message: what is left of five sends, of which the last one arrives, is one.
func TestShrinkKeepsNames(t *testing.T) {
	long := between("send a", "send a", "send a", "send a", "send a", "send b", "deliver b a5")
	for name, want := range map[string]*scenario.Scenario{
		"":   between("send a", "deliver b a1"), // any message will do, and is counted
		"a5": between("send a a5", "deliver b a5"),
	} {
		search := scenario.Shrinking{Fails: delivered(name)}
		small := search.Run(long)
		require.True(t, small.Minimal)
		require.Empty(t, small.Note())
		require.Equal(t, want, small.Scenario)
	}
}

// bit returns the bit that a change flips, or -1.
func bit(c scenario.Change) (n int) {
	if _, err := fmt.Sscanf(string(c), "flip %d", &n); err != nil {
		return -1
	}
	return n
}

// Numbers and bytes of a change are made fewer, and everything around the events.
func TestShrinkChanges(t *testing.T) {
	s := between("forge a b1 message extend 010203ff04050607", "forge a b1 tag flip 300", "forge a b1 tag cut 9")
	s.NoOPK, s.Cadence = true, "per-message"
	search := scenario.Shrinking{Fails: func(s *scenario.Scenario) bool {
		return len(s.Events) == 3 && strings.Contains(string(s.Events[0].Change), "ff") &&
			len(s.Events[0].Change) >= len("extend ffff") && bit(s.Events[1].Change) >= 17 && s.Events[2].Change != ""
	}}
	small := search.Run(s)
	require.True(t, small.Minimal)
	require.Equal(t, between("forge a b1 message extend 03ff", "forge a b1 tag flip 17", "forge a b1 tag cut 1"),
		small.Scenario)
}

// Accounts, devices, names in lists and seconds are made fewer.
func TestShrinkWorlds(t *testing.T) {
	s := &scenario.Scenario{
		Level: scenario.Ambassador, Set: "ambassador-v1", Faults: true,
		Users: []scenario.User{{Name: "alice", Devices: 3}, {Name: "bob", Devices: 2}, {Name: "carol", Devices: 1}},
		Events: []scenario.Event{
			{Do: scenario.Race, To: "bob", Devices: []string{"alice/0", "alice/1", "alice/2"}},
			{Do: scenario.Wait, Seconds: 200000},
		},
	}
	search := scenario.Shrinking{Fails: func(s *scenario.Scenario) bool {
		return len(s.Users) > 1 && len(s.Events) == 2 && len(s.Events[0].Devices) > 1 && s.Events[1].Seconds > 10
	}}
	small := search.Run(s)
	require.True(t, small.Minimal)
	require.Len(t, small.Users, 2)
	require.Equal(t, []int{1, 1}, []int{small.Users[0].Devices, small.Users[1].Devices})
	require.Len(t, small.Events[0].Devices, 2)
	require.Equal(t, 11, small.Events[1].Seconds)
}

// A bound ends the search, and what is returned says that it was not done.
func TestShrinkBounds(t *testing.T) {
	long := between("send a", "send a", "send a", "send a", "deliver b a4")
	for _, bound := range []scenario.Shrinking{{Plays: 2}, {Time: time.Nanosecond}} {
		bound.Fails = delivered("")
		small := bound.Run(long)
		require.False(t, small.Minimal)
		require.Contains(t, small.Note(), "was ended after")
		require.True(t, delivered("")(small.Scenario))
	}
}
