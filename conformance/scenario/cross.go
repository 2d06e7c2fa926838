package scenario

import (
	"strings"

	"pgregory.net/rapid"
)

// crossing stands in a focus for a row of events that cross each other, which single events seldom come to.
const crossing Verb = "crossing"

// crossings are such rows. L is the leader, D one of its companions, who writes to the peer if an event is to somebody.
// What does not apply in a world is left alone there, as everywhere.
var crossings = []string{
	// an acknowledgement begins a chain, and is under way while the leader asks the device to heal
	"send L, read D, make D ack, compromise D, prepare L D, release D, rotate L, send L",
	// a publication is refused, and records follow in chains that were begun before it
	"ack D, make D prekeys, rotate L, release D, ack D, send D",
	"ack D, make D prekeys, replenish L, release D, ack D, send D",
	"ack L, make L prekeys, replenish D, release L, ack L, send L",
	// a rotation is lost, or its answer
	"lose L commit, rotate L, send D, read L, rotate L, read D",
	"lose L answer, rotate L, send D, read L, rotate L, read D",
	// two questions before one answer, and a healing that crosses an entry
	"prepare L D, compromise D, prepare L D, read D, rotate L, send L",
	"prepare L D, make D, read L, release D, compromise D, rotate L, send L",
	// records that are owed to one sibling, which has read nothing for long
	"send L, send L, ack L, send L, read D, ack D, read L",
	// entries and claims of before a rotation
	"make D, rotate L, release D, read D, send D",
	"send D, delay L, send D, make L rotation, release L, arrive L, read L, send L",
	"ack D, rotate L, read D, ack D, rotate L, read D, send D",
	// an old copy comes back after something of each kind
	"backup D, ack D, restore D, ack D, send D",
	"backup D, make D prekeys, release D, restore D, ack D",
	"backup D, rotate L, read D, restore D, read D, send D",
}

// cross adds a row of events, with restarts in between.
func (g *accountSchedule) cross(t *rapid.T, user, to string) {
	companion := g.device(t, user)
	if companion == user+"/0" {
		companion = user + "/1"
	}
	if g.there[user] < 2 || g.gone[companion] {
		return
	}
	who := map[string]string{"L": user + "/0", "D": companion}
	for _, step := range strings.Split(rapid.SampledFrom(crossings).Draw(t, "crossing"), ", ") {
		words := append(strings.Fields(step), "")
		e := Event{Do: Verb(words[0]), By: who[words[1]]}
		switch {
		case who[words[2]] != "":
			e.Devices = []string{who[words[2]]}
		case e.says() && words[2] == "":
			e.To = to
		default:
			e.Part = words[2]
		}
		g.add(e)
		if rapid.IntRange(0, 9).Draw(t, "restarts") == 9 {
			g.add(Event{Do: Restart, By: e.By})
		}
	}
}

// other draws another user.
func (g *accountSchedule) other(t *rapid.T, user string) string {
	var names []string
	for _, u := range g.Users {
		if u.Name != user {
			names = append(names, u.Name)
		}
	}
	return rapid.SampledFrom(names).Draw(t, "to")
}
