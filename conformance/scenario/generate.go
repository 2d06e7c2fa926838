package scenario

import (
	"credence/spec"
	"encoding/hex"
	"fmt"

	"pgregory.net/rapid"
)

// Focus says what happens most in a generated scenario: events are drawn from Verbs, each as often as it stands there.
type Focus struct {
	Name  string
	Verbs []Verb
}

// The focuses of two parties: faults of the network, copies of states, and somebody who speaks from a copy.
var (
	Network = Focus{"network", []Verb{Send, Send, Send, Deliver, Deliver, Deliver, Deliver, Forge, Restart}}
	Thefts  = Focus{
		"thefts", []Verb{
			Send, Send, Send, Deliver, Deliver, Deliver, Deliver, Restart, Compromise, Compromise, Compromise,
			Compromise,
		},
	}
	Impersonating = Focus{
		"impersonating",
		[]Verb{Send, Send, Send, Deliver, Deliver, Deliver, Deliver, Compromise, Impersonate, Impersonate},
	}
)

// The focuses of two parties that both start, also again: faults of the network, and somebody who has copies of states.
var (
	Starting = Focus{
		"starting", []Verb{Start, Start, Send, Send, Send, Deliver, Deliver, Deliver, Deliver, Deliver, Restart},
	}
	StartingThefts = Focus{
		"starting-thefts", []Verb{
			Start, Start, Send, Send, Send, Send, Deliver, Deliver, Deliver, Deliver, Deliver, Restart, Compromise,
			Compromise, Impersonate,
		},
	}
)

// Everything happens in a fuzzing campaign: faults, attackers, and above all changed messages.
var (
	AnyRatchet = Focus{
		"anything", []Verb{
			Start, Send, Send, Send, Send, Deliver, Deliver, Deliver, Deliver, Deliver, Forge, Forge, Forge, Restart,
			Compromise, Impersonate,
		},
	}
	AnyAccount = Focus{"anything", []Verb{
		Send, Send, Send, Send, Read, Read, Make, Release, Race, Crash, Restart, Ack, Replenish, Prepare, Rotate, Add,
		Remove, Rollback, Withhold, Forge, Forge, Compromise, crossing,
	}}
)

// Ratchets generates scenarios of two parties.
func Ratchets(set, cadence string, f Focus) *rapid.Generator[*Scenario] {
	return rapid.Custom(func(t *rapid.T) *Scenario {
		s := &Scenario{
			Format: Format, Version: Version, Level: Ratchet, Set: set, Cadence: cadence,
			NoOPK: rapid.Bool().Draw(t, "no one-time prekey"),
		}
		g := ratchetSchedule{Scenario: s, inOrder: cadence == "per-message", verbs: f.Verbs}
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
	arrived [2]bool // something has arrived at a, at b; or it has started a session
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
		g.add(Event{Do: Send, By: parties[who], Message: fmt.Sprint(parties[who], g.sent[who])})
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
		g.add(Event{
			Do: Forge, By: parties[who], Message: fmt.Sprint(parties[1-who], n),
			Part: rapid.SampledFrom(Parts(Ratchet)).Draw(t, "part"), Change: g.change(t),
		})
	default:
		g.arrived[who] = g.arrived[who] || verb == Start
		g.add(Event{Do: verb, By: parties[who]})
	}
}

// numbers are values at the edges of counters, as bytes of four and as varints.
var numbers = []Change{
	"set 00000000", "set 7fffffff", "set 80000000", "set ffffffff", "set 000003e8", "set ffffffff07", "set ffffffff0f",
	"set 80808080808080808001", "set 0000000000000000000000000000000000000000000000000000000000000000",
}

// change draws a change of a part.
func (g *ratchetSchedule) change(t *rapid.T) Change {
	if rapid.IntRange(0, 3).Draw(t, "how") > 0 {
		return change(t, len(g.Events))
	}
	from := rapid.IntRange(0, 1).Draw(t, "from")
	if g.sent[from] == 0 {
		return ""
	}
	return Change(fmt.Sprint("from ", parties[from], rapid.IntRange(1, g.sent[from]).Draw(t, "other")))
}

// The bits and lengths that changes are drawn from. Both are counted round and round in what is changed: those of short
// messages have equal chances, and those of an entry of 100 KiB can be drawn too. Half of them are near the end.
const (
	farBit, nearBit       = 999_999, 400
	farLength, nearLength = 99_999, 40
)

// change draws a change that needs no other message, for an event of a number.
func change(t *rapid.T, event int) Change {
	switch rapid.IntRange(0, 3).Draw(t, "change") {
	case 0:
		return Change(fmt.Sprint("cut ", 1+place(t, event, nearLength-1, farLength-1)))
	case 1:
		return Change("extend " + hex.EncodeToString(rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(t, "bytes")))
	case 2:
		return rapid.SampledFrom(numbers).Draw(t, "number")
	}
	return Change(fmt.Sprint("flip ", place(t, event, nearBit, farBit)))
}

// place draws a number that is near or far. rapid draws small numbers more often; here, all are equally likely, and
// what is drawn means another one in each event.
func place(t *rapid.T, event, near, far int) int {
	n := rapid.Uint64().Draw(t, "place") + uint64(event)<<32
	if rapid.Bool().Draw(t, "near") {
		far = near
	}
	n = (n ^ n>>32) * 0x9e3779b97f4a7c15
	return int((n ^ n>>29) % uint64(far+1))
}

func (g *ratchetSchedule) deliver(to, n int) {
	g.arrived[to] = true
	g.add(Event{Do: Deliver, By: parties[to], Message: fmt.Sprint(parties[1-to], n)})
}

func (s *Scenario) add(e Event) { s.Events = append(s.Events, e) }

// The focuses of accounts. Each has copies of states but the first, which has faults instead.
var (
	Faults = Focus{
		"faults", []Verb{
			Send, Send, Send, Send, Read, Read, Race, Race, Crash, Restart, Ack, Replenish, Prepare, Rotate, Add,
			Remove, Rollback, Rollback, Withhold, Withhold, Forge, crossing, crossing,
			crossing, crossing,
		},
	}
	Copies = Focus{
		"copies", []Verb{
			Send, Send, Send, Send, Read, Read, Read, Race, Crash, Ack, Restart, Replenish, Rotate, Compromise,
			Compromise, Compromise, crossing,
		},
	}
	Linking  = Focus{"linking", []Verb{Send, Send, Send, Read, Add, Add, Ack, Compromise, Compromise, Compromise}}
	Removing = Focus{"removing", []Verb{Send, Send, Send, Read, Ack, Remove, Remove, Add, Compromise, Compromise}}
	Healing  = Focus{
		"healing", []Verb{
			Send, Send, Read, Read, Ack, Prepare, Prepare, Rotate, Rotate, Compromise, Compromise, crossing, crossing,
			crossing, crossing,
		},
	}
)

// Accounts generates scenarios of two accounts, alice with one to three devices at the beginning and bob with one or
// two; in a sixth of them there is carol too.
func Accounts(f Focus) *rapid.Generator[*Scenario] {
	return rapid.Custom(func(t *rapid.T) *Scenario {
		s := &Scenario{Format: Format, Version: Version, Level: Ambassador, Set: spec.AmbassadorV1}
		s.Users = []User{
			{"alice", rapid.IntRange(1, 3).Draw(t, "devices of alice")},
			{"bob", rapid.IntRange(1, 2).Draw(t, "devices of bob")},
		}
		if rapid.IntRange(0, 5).Draw(t, "third") == 5 {
			s.Users = append(s.Users, User{"carol", 1})
		}
		g := accountSchedule{Scenario: s, there: map[string]int{}, gone: map[string]bool{}}
		for _, u := range s.Users {
			g.there[u.Name] = u.Devices
		}
		for range rapid.IntRange(8, 25).Draw(t, "events") {
			g.next(t, f.Verbs)
		}
		return s
	})
}

// accountSchedule keeps what is needed to choose events that mostly apply.
type accountSchedule struct {
	*Scenario
	there map[string]int  // devices so far
	gone  map[string]bool // that were removed
}

func (g *accountSchedule) next(t *rapid.T, verbs []Verb) {
	names := []string{"alice", "alice", "alice", "bob", "bob"}
	if len(g.Users) > 2 {
		names = append(names, g.Users[2].Name)
	}
	user := rapid.SampledFrom(names).Draw(t, "user")
	to := g.other(t, user)
	device := g.device(t, user)
	switch verb := rapid.SampledFrom(verbs).Draw(t, "verb"); verb {
	case Send, Crash, Make:
		g.add(Event{Do: verb, By: device, To: to})
	case Race:
		g.add(Event{Do: Race, To: to, Devices: []string{device, g.device(t, user), g.device(t, user)}})
	case Add:
		if g.there[user] < 5 {
			g.add(Event{Do: Add, By: user + "/0"})
			g.there[user]++
		}
	case Remove:
		if device != user+"/0" {
			g.add(Event{Do: Remove, By: user + "/0", Devices: []string{device}})
			g.gone[device] = true
		}
	case Prepare:
		e := Event{Do: Prepare, By: user + "/0"}
		if device != user+"/0" {
			e.Devices = []string{device}
		}
		g.add(e)
	case Rotate:
		g.add(Event{Do: Rotate, By: user + "/0"})
	case Rollback: // the second one sets it back to the first
		g.add(Event{Do: Rollback, By: device})
		g.add(Event{Do: Send, By: device, To: to})
		g.add(Event{Do: Rollback, By: device})
	case Forge:
		g.add(Event{
			Do: Forge, By: device, Part: rapid.SampledFrom(Parts(Ambassador)).Draw(t, "part"),
			Change: change(t, len(g.Events)),
		})
	case crossing:
		g.cross(t, user, to)
	default:
		g.add(Event{Do: verb, By: device})
	}
}

// device draws a device that was not removed.
func (g *accountSchedule) device(t *rapid.T, user string) string {
	var names []string
	for i := range g.there[user] {
		if name := fmt.Sprint(user, "/", i); !g.gone[name] {
			names = append(names, name)
		}
	}
	return rapid.SampledFrom(names).Draw(t, "device")
}
