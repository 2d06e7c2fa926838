package scenario

import (
	"fmt"
	"strconv"
	"strings"
)

// Messages are named by a letter and a number: a2 is one of a. Who says one may give it its name (Event.Message), so
// that it keeps it whatever happens before. Without a name, and if another one has it, it gets the next number after
// all that are given: where none is given, messages are counted.

// Names gives the messages of a play their names.
type Names struct {
	last map[string]int // the highest number that was given, of each letter
	used map[string]bool
}

// NewNames returns the names of the messages of a scenario, none of which was said yet.
func NewNames(s *Scenario) *Names {
	n := &Names{last: map[string]int{}, used: map[string]bool{}}
	for _, e := range s.Events {
		if letter, number := split(e.Message); e.says() && number > 0 {
			n.last[letter] = max(n.last[letter], number)
		}
	}
	return n
}

// Next returns the name of the next message: the one that it is given, if nobody has it, or the next one of a letter.
func (n *Names) Next(given, letter string) string {
	if given == "" || n.used[given] {
		n.last[letter]++
		given = fmt.Sprint(letter, n.last[letter])
	}
	n.used[given] = true
	return given
}

// says reports whether somebody says a text in an event, which can have a name.
func (e Event) says() bool {
	switch e.Do {
	case Send, Crash, Race:
		return true
	case Make:
		return e.Part == ""
	}
	return false
}

// letter returns the letter of the messages that are said in an event: the party, or m for texts of devices.
func (s *Scenario) letter(e Event) string {
	if s.Level == Ratchet {
		return e.By
	}
	return "m"
}

// WithNames returns a scenario in which every message is given the name that it has if all of its events apply.
func (s *Scenario) WithNames() *Scenario {
	names := NewNames(s)
	return s.mapEvents(func(e Event) Event {
		if e.says() {
			e.Message = names.Next(e.Message, s.letter(e))
		}
		return e
	})
}

// Counted returns a scenario in which no message is given a name, and messages are named where they are meant as they
// are then counted. Names that nobody is given stay as they are.
func (s *Scenario) Counted() *Scenario {
	count, now := map[string]int{}, map[string]string{}
	for _, e := range s.WithNames().Events {
		if e.says() {
			count[s.letter(e)]++
			now[e.Message] = fmt.Sprint(s.letter(e), count[s.letter(e)])
		}
	}
	return s.mapEvents(func(e Event) Event {
		if e.says() {
			e.Message = ""
			return e
		}
		e.Message = renamed(now, e.Message)
		if name, ok := strings.CutPrefix(string(e.Change), "from "); ok {
			e.Change = Change("from " + renamed(now, name))
		}
		return e
	})
}

func renamed(now map[string]string, name string) string {
	if n, ok := now[name]; ok {
		return n
	}
	return name
}

// mapEvents returns a scenario with other events.
func (s *Scenario) mapEvents(of func(Event) Event) *Scenario {
	c := *s
	c.Events = make([]Event, len(s.Events))
	for i, e := range s.Events {
		c.Events[i] = of(e)
	}
	return &c
}

// split returns the letter and the number of a name; 0 if it is none.
func split(name string) (letter string, number int) {
	if len(name) < 2 {
		return "", 0
	}
	number, _ = strconv.Atoi(name[1:])
	return name[:1], number
}
