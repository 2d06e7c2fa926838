package scenario

import (
	"fmt"

	"pgregory.net/rapid"
)

// Ratchets generates scenarios of two parties: lost, late, repeated and forged messages, restarts, and copies of the state
// of either. Where there are many copies, there are no forgeries.
func Ratchets(set, cadence string, copies bool) *rapid.Generator[*Scenario] {
	return rapid.Custom(func(t *rapid.T) *Scenario {
		s := &Scenario{Format: Format, Version: Version, Level: Ratchet, Set: set, Cadence: cadence, NoOPK: rapid.Bool().Draw(t, "no one-time prekey")}
		g := ratchetSchedule{Scenario: s, inOrder: cadence == "per-message", verbs: []Verb{Send, Send, Send, Deliver, Deliver, Deliver, Deliver, Forge, Restart, Compromise}}
		if copies {
			g.verbs = []Verb{Send, Send, Send, Deliver, Deliver, Deliver, Deliver, Restart, Compromise, Compromise, Compromise, Compromise}
		}
		for range rapid.IntRange(10, 40).Draw(t, "events") {
			g.next(t)
		}
		return s
	})
}

// ratchetSchedule keeps what is needed to choose events that mostly apply.
type ratchetSchedule struct {
	*Scenario
	inOrder bool
	verbs   []Verb
	sent    [2]int
	arrived [2]bool // something has arrived at a, at b
}

var parties = [2]string{"a", "b"}

func (g *ratchetSchedule) next(t *rapid.T) {
	who := rapid.IntRange(0, 1).Draw(t, "who")
	switch verb := rapid.SampledFrom(g.verbs).Draw(t, "verb"); verb {
	case Send:
		if who == 1 && !g.arrived[1] {
			who = 0
		}
		g.sent[who]++
		g.add(Event{Do: Send, By: parties[who]})
		if g.inOrder {
			g.deliver(1-who, g.sent[who])
		}
	case Deliver, Forge:
		if g.sent[1-who] == 0 {
			return
		}
		n := g.sent[1-who] - min(rapid.IntRange(0, 8).Draw(t, "age"), g.sent[1-who]-1)
		if verb == Deliver {
			g.deliver(who, n)
			return
		}
		g.add(Event{Do: Forge, By: parties[who], Message: fmt.Sprint(parties[1-who], n), Part: rapid.SampledFrom(Parts).Draw(t, "part")})
	default:
		g.add(Event{Do: verb, By: parties[who]})
	}
}

func (g *ratchetSchedule) deliver(to, n int) {
	g.arrived[to] = true
	g.add(Event{Do: Deliver, By: parties[to], Message: fmt.Sprint(parties[1-to], n)})
}

func (s *Scenario) add(e Event) { s.Events = append(s.Events, e) }

// Shrink gives a smaller scenario that still fails, as fails tells: no event of it can be left out.
func Shrink(s *Scenario, fails func(*Scenario) bool) *Scenario {
	for size := len(s.Events) / 2; size > 0; {
		shrunk := false
		for from := 0; from+size <= len(s.Events); {
			c := *s
			c.Events = append(append([]Event{}, s.Events[:from]...), s.Events[from+size:]...)
			if fails(&c) {
				s, shrunk = &c, true
			} else {
				from += size
			}
		}
		if !shrunk || size > 1 {
			size /= 2
		}
	}
	return s
}
