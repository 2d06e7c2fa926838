package scenario

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Shrinking makes a scenario that fails smaller.
type Shrinking struct {
	Fails func(*Scenario) bool // reports whether a scenario fails in the same way
	Plays int                  // most that are tried; 0 is any number
	Time  time.Duration        // after which no more are tried; 0 is never

	until time.Time
	tried int
	over  bool
}

// Shrunk is what shrinking has come to.
type Shrunk struct {
	*Scenario
	Tried   int  // scenarios that were played
	Minimal bool // none of Simpler fails in the same way: the bounds have not ended it before
}

// Note says for people that a scenario may not be the smallest. It is empty for one that is.
func (s Shrunk) Note() string {
	if s.Minimal {
		return ""
	}
	return fmt.Sprintf(" (a smaller scenario may show it too: the search for one was ended after %d)", s.Tried)
}

// Run returns the smallest scenario that it comes to from one that fails: nothing of it can be left out, as Simpler
// has it. First many events at once are left out.
func (k *Shrinking) Run(s *Scenario) Shrunk {
	if k.Time > 0 {
		k.until = time.Now().Add(k.Time)
	}
	if named := s.WithNames(); k.fails(named) { // so that what is left out renames no message
		s = named
	}
	for size := len(s.Events) / 2; size > 1; size /= 2 {
		s = k.withoutRows(s, size)
	}
	for again := true; again; {
		s = k.minimal(s)
		again = false
		if counted := s.Counted(); !reflect.DeepEqual(counted, s) && k.fails(counted) {
			least := k.minimal(counted)
			again = !reflect.DeepEqual(least, counted)
			s = least
		}
		if again {
			s = s.WithNames()
		}
	}
	return Shrunk{s, k.tried, !k.over}
}

// fails plays a scenario, unless a bound is reached: then nothing fails any more.
func (k *Shrinking) fails(s *Scenario) bool {
	if k.Plays > 0 && k.tried >= k.Plays || k.Time > 0 && !time.Now().Before(k.until) {
		k.over = true
		return false
	}
	k.tried++
	return k.Fails(s)
}

// withoutRows leaves out rows of events.
func (k *Shrinking) withoutRows(s *Scenario, size int) *Scenario {
	for from := 0; from+size <= len(s.Events); {
		if c := s.without(from, size); k.fails(c) {
			s = c
		} else {
			from += size
		}
	}
	return s
}

// minimal takes simpler scenarios until none of them fails.
func (k *Shrinking) minimal(s *Scenario) *Scenario {
	for again := true; again && !k.over; {
		again = false
		for i := 0; ; {
			all := Simpler(s)
			if i >= len(all) {
				break
			}
			if k.fails(all[i]) {
				s, again = all[i], true
			} else {
				i++
			}
		}
	}
	return s
}

// Simpler returns the scenarios that have one thing less than s: an event, a name in a list, an account or a device at
// the beginning, a byte of what a message is changed to, a bit or a byte that a change is nearer to the end, a second
// of waiting.
func Simpler(s *Scenario) (all []*Scenario) {
	for i := range s.Events {
		all = append(all, s.without(i, 1))
	}
	all = append(all, s.simplerWorlds()...)
	for i, e := range s.Events {
		for _, simpler := range e.simpler() {
			c := *s
			c.Events = slices.Clone(s.Events)
			c.Events[i] = simpler
			all = append(all, &c)
		}
	}
	return all
}

// without returns a scenario without a row of its events.
func (s *Scenario) without(from, size int) *Scenario {
	c := *s
	c.Events = slices.Concat(s.Events[:from], s.Events[from+size:])
	return &c
}

// simplerWorlds returns the scenario with less around its events.
func (s *Scenario) simplerWorlds() (all []*Scenario) {
	add := func(change func(c *Scenario)) {
		c := *s
		c.Users = slices.Clone(s.Users)
		change(&c)
		all = append(all, &c)
	}
	for i, u := range s.Users {
		if len(s.Users) > 1 {
			add(func(c *Scenario) { c.Users = slices.Delete(c.Users, i, i+1) })
		}
		if u.Devices > 1 {
			add(func(c *Scenario) { c.Users[i].Devices-- })
		}
	}
	if s.NoOPK {
		add(func(c *Scenario) { c.NoOPK = false })
	}
	if s.Cadence != "" {
		add(func(c *Scenario) { c.Cadence = "" })
	}
	return all
}

// simpler returns an event with less in it.
func (e Event) simpler() (all []Event) {
	for i := range e.Devices {
		c := e
		if c.Devices = slices.Delete(slices.Clone(e.Devices), i, i+1); len(c.Devices) == 0 {
			c.Devices = nil
		}
		all = append(all, c)
	}
	for _, n := range lower(e.Seconds, 1) {
		c := e
		c.Seconds = n
		all = append(all, c)
	}
	for _, change := range e.Change.simpler() {
		c := e
		c.Change = change
		all = append(all, c)
	}
	return all
}

// lower returns smaller numbers, not below the least one: that, half, one byte less if it counts bits, and one less.
func lower(n, least int) (all []int) {
	for _, m := range []int{least, n / 2, n - 8, n - 1} {
		if m >= least && m < n && !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// simpler returns changes with less in them.
func (c Change) simpler() (all []Change) {
	word, argument, _ := strings.Cut(string(c), " ")
	switch word {
	case "flip", "cut":
		n, err := strconv.Atoi(argument)
		if err != nil {
			return nil
		}
		if word == "flip" && n == 0 {
			return []Change{""}
		}
		for _, m := range lower(n, map[string]int{"flip": 0, "cut": 1}[word]) {
			all = append(all, Change(fmt.Sprint(word, " ", m)))
		}
	case "extend", "set":
		b, err := hex.DecodeString(argument)
		if err != nil {
			return nil
		}
		for _, shorter := range shorter(b) {
			all = append(all, Change(word+" "+hex.EncodeToString(shorter)))
		}
	}
	return all
}

// shorter returns bytes without half of them, and without each.
func shorter(b []byte) (all [][]byte) {
	if len(b) > 2 {
		all = append(all, b[:len(b)/2], b[len(b)/2:])
	}
	for i := range b {
		all = append(all, slices.Delete(slices.Clone(b), i, i+1))
	}
	return all
}
