package scenario

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// maxEvents is how long a mutated scenario gets.
const maxEvents = 60

// Mutate returns a scenario with one to four changes: events that are lost, repeated, put elsewhere or taken from
// another scenario of the same kind, and other parties, messages, parts and changes in them.
func Mutate(s, other *Scenario, r *rand.Rand) *Scenario {
	c := *s
	c.Comment = ""
	c.Events = slices.Clone(s.Events)
	for range 1 + r.IntN(4) {
		if len(c.Events) == 0 {
			c.Events = slices.Clone(other.Events)
			continue
		}
		i, j := r.IntN(len(c.Events)), r.IntN(len(c.Events))
		switch r.IntN(6) {
		case 0:
			c.Events = slices.Delete(c.Events, i, i+1)
		case 1:
			c.Events = slices.Insert(c.Events, j, c.Events[i])
		case 2:
			c.Events[i], c.Events[j] = c.Events[j], c.Events[i]
		case 3:
			c.splice(other, r)
		default:
			c.Events[i] = c.Events[i].mutated(c.Events[j], r)
		}
	}
	c.Events = c.Events[:min(len(c.Events), maxEvents)]
	return &c
}

// splice puts a row of another scenario's events somewhere.
func (s *Scenario) splice(other *Scenario, r *rand.Rand) {
	if len(other.Events) == 0 {
		return
	}
	from := r.IntN(len(other.Events))
	to := from + 1 + r.IntN(min(len(other.Events)-from, 8))
	s.Events = slices.Insert(s.Events, r.IntN(len(s.Events)+1), other.Events[from:to]...)
}

// mutated returns an event with one field changed, or taken from another event.
func (e Event) mutated(donor Event, r *rand.Rand) Event {
	switch {
	case e.Do == Forge && r.IntN(2) == 0:
		e.Change = mutation(r)
	case e.Do == Forge && donor.Do == Forge:
		e.Part, e.Change = donor.Part, donor.Change
	case e.Message != "":
		e.Message = fmt.Sprint(e.Message[:1], 1+r.IntN(20))
	case e.To != "" && donor.To != "" && e.Do != Race:
		e.By, e.To = donor.By, donor.To
	case e.To == "" && donor.By != "" && e.Message == "":
		e.By = donor.By
	}
	if e.Do != Race && e.By == "" {
		e.By = donor.By
	}
	return e
}

// mutation returns a change that reaches every bit, and every length.
func mutation(r *rand.Rand) Change {
	near := r.IntN(2) == 0
	among := func(close, far int) int {
		if near {
			far = close
		}
		return r.IntN(far + 1)
	}
	if r.IntN(4) == 0 {
		return Change(fmt.Sprint("cut ", 1+among(nearLength-1, farLength-1)))
	}
	return Change(fmt.Sprint("flip ", among(nearBit, farBit)))
}
