package offices

import (
	"credence/conformance/internal/suite"
	"credence/reference/account"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// loses lets an account make an entry for a place that another one then takes, and be refused.
func (p *puppet) loses(to *puppet) {
	lost := p.entry(0, to)
	to.sends(0, p)
	p.refused(lost)
}

// refused stops the test unless an entry is refused because of its place. Its number is the next one by now.
func (p *puppet) refused(m *postoffice.Commit) {
	p.numbers[m.Device]++
	m.Number = p.numbers[m.Device]
	p.refuses(refusal.Conflict, m)
}

// waits stops the test unless the next entry of an account is refused, because the place is kept for the other one.
func (p *puppet) waits(device int, to *puppet) { p.refuses(refusal.Conflict, p.entry(device, to)) }

// queueTrial is a course of events between two accounts with a companion each, and a third one.
type queueTrial struct {
	name string
	play func(a, b, c *puppet)
}

// queues plays each course with a log of its own, with entries in it or without.
func queues(trials []queueTrial) func(c *crowd) {
	return func(c *crowd) {
		stage := func() (all []suite.Trial) {
			for _, begun := range []bool{true, false} {
				for _, t := range trials {
					name := t.name
					if !begun {
						name += ", from the first place on"
					}
					all = append(all, suite.Trial{Name: name, Try: func() {
						c.all = nil
						a, b, third := c.puppet(account.Active), c.puppet(account.Active), c.puppet()
						if begun {
							a.sends(0, b)
							b.sends(1, a)
							third.sends(0, a)
						}
						t.play(a, b, third)
					}})
				}
			}
			return all
		}
		c.tryAll(stage)
	}
}

// keptPlaces are the courses after which a place is kept.
var keptPlaces = []queueTrial{
	{"a lost place", func(a, b, _ *puppet) {
		a.loses(b)
		b.waits(0, a)
		b.waits(1, a)
		a.sends(1, b) // whoever of the account comes
		a.waits(0, b)
		b.sends(1, a)
		a.sends(0, b)
		b.sends(0, a)
	}},
	{"two in a row, when nobody waits", func(a, b, _ *puppet) {
		a.loses(b)
		a.sends(0, b)
		a.sends(1, b)
		b.sends(0, a)
		b.sends(0, a)
	}},
	{"one place after the other", func(a, b, _ *puppet) {
		for range 3 {
			a.loses(b)
			b.waits(0, a)
			a.sends(0, b)
			b.sends(0, a)
			b.loses(a)
			a.waits(1, b)
			b.sends(1, a)
			a.sends(1, b)
		}
	}},
	{"places before and after the 256th", func(a, b, _ *puppet) {
		const before, between = 1<<8 - 6, 10
		for _, entries := range []int{before, between} {
			for range entries {
				a.sends(0, b, message)
			}
			a.loses(b)
			b.waits(0, a)
			a.sends(0, b)
			b.sends(0, a)
		}
	}},
	{"a place that was lost to several entries", func(a, b, _ *puppet) {
		lost := a.entry(0, b)
		for i := range 3 {
			b.sends(i%2, a)
		}
		a.refused(lost)
		b.waits(0, a)
		a.sends(0, b)
	}},
	{"a log with a third account", func(a, b, c *puppet) {
		a.loses(b)
		c.sends(0, a)
		a.sends(0, c)
		c.sends(0, b)
		b.sends(1, c)
		b.waits(0, a)
		a.sends(0, b)
	}},
	{"places in two logs at once", func(a, b, c *puppet) {
		a.loses(b)
		c.loses(a)
		b.waits(0, a)
		a.waits(0, c)
		c.sends(0, a) // which a waits for
		c.waits(0, a)
		b.waits(1, a)
		a.sends(1, b)
		b.sends(0, a)
		a.sends(0, c)
		c.sends(0, a)
	}},
	{"a place that is lost in one log and taken in another", func(a, b, c *puppet) {
		a.loses(b)
		a.sends(0, c)
		c.sends(0, a)
		b.waits(0, a)
	}},
	{"the rotation of who waits", func(a, b, _ *puppet) {
		a.loses(b)
		a.rotates(func(*account.List) {})
		b.waits(0, a)
		a.sends(0, b)
		a.waits(0, b)
	}},
	{"the rotation of who does not", func(a, b, _ *puppet) {
		a.loses(b)
		b.rotates(func(*account.List) {})
		b.waits(0, a)
		a.sends(0, b)
	}},
	{"commits that are no entries", func(a, b, _ *puppet) {
		a.loses(b)
		for _, p := range []*puppet{a, b} {
			p.publishes(1)
			p.takes(p.records(0, p.devices[1]))
		}
		b.waits(0, a)
	}},
	{"something wrong of who waits", func(a, b, _ *puppet) {
		a.loses(b)
		wrong := a.entry(0, b)
		wrong.Parcels = nil
		a.refuses(refusal.WrongDevices, wrong)
		a.refused(a.entry(1, b, func(e *conversation.Entry) { e.Seq++ }))
		b.waits(0, a)
	}},
}

// freePlaces are the courses after which no place is kept: who came first may go on at once.
var freePlaces = []queueTrial{
	{"an account that has had a place since", func(a, b, _ *puppet) {
		lost := a.entry(0, b)
		b.sends(0, a)
		a.sends(1, b)
		a.refused(lost)
		b.sends(0, a)
	}},
	{"an account that has had a place in between", func(a, b, _ *puppet) {
		lost := a.entry(0, b)
		b.sends(0, a)
		a.sends(1, b)
		b.sends(0, a)
		a.refused(lost)
		b.sends(0, a)
	}},
	{"an account whose device lost to its sibling", func(a, b, _ *puppet) {
		lost := a.entry(0, b)
		a.sends(1, b)
		a.refused(lost)
		b.sends(0, a)
		a.sends(0, b)
		a.sends(0, b)
	}},
	{"an account whose device lost to its sibling, and then both to the other one", func(a, b, _ *puppet) {
		lost := a.entry(0, b)
		a.sends(1, b)
		b.sends(0, a)
		a.refused(lost)
		b.sends(0, a)
	}},
	{"another history", func(a, b, _ *puppet) {
		for _, bit := range []int{0, 100, 255} {
			lost := a.entry(0, b, func(e *conversation.Entry) { e.Previous[bit/8] ^= 1 << (bit % 8) })
			b.sends(0, a)
			a.refused(lost)
			b.sends(0, a)
		}
	}},
	{"a place that is not there yet", func(a, b, _ *puppet) {
		for _, off := range []uint64{1, 2, 1 << 8, 1 << 16, 1 << 32, 1 << 63} {
			a.refused(a.entry(0, b, func(e *conversation.Entry) { e.Seq += off }))
			b.sends(0, a)
		}
	}},
	{"a commit that is refused for its devices", func(a, b, _ *puppet) {
		lost := a.entry(0, b)
		b.sends(0, a)
		lost.Parcels = nil
		a.refuses(refusal.WrongDevices, lost)
		b.sends(0, a)
	}},
	{"a commit that is refused for its prekeys", func(a, b, _ *puppet) {
		lost := a.entry(0, b, func(e *conversation.Entry) { e.Start.SignedPrekeyID = 7 })
		b.sends(0, a)
		a.refuses(refusal.UnknownPrekey, lost)
		b.sends(0, a)
	}},
	{"a commit that is refused for its epoch", func(a, b, _ *puppet) {
		lost := a.entry(0, b)
		b.sends(0, a)
		a.rotates(func(*account.List) {})
		a.refuses(refusal.StaleEpoch, lost)
		b.sends(0, a)
	}},
	{"a commit that is refused for the recipient's epoch", func(a, b, _ *puppet) {
		lost := a.entry(0, b)
		b.sends(0, a)
		b.rotates(func(*account.List) {})
		a.refuses(refusal.StaleEpoch, lost)
		b.sends(0, a)
	}},
	{"a commit that is refused for its number", func(a, b, _ *puppet) {
		lost := a.entry(0, b)
		b.sends(0, a)
		lost.Number = 1
		a.refuses(refusal.Duplicate, lost)
		b.sends(0, a)
	}},
	{"a device that is removed meanwhile", func(a, b, _ *puppet) {
		lost := a.entry(1, b)
		b.sends(0, a)
		a.rotates(func(l *account.List) { without(l, a.devices[1]) })
		a.refuses(refusal.NotAllowed, lost)
		b.sends(0, a)
	}},
	{"a place in another log", func(a, b, c *puppet) {
		c.loses(a)
		a.sends(0, b)
		b.sends(0, a)
		b.sends(0, c)
		c.sends(0, b)
		a.waits(0, c)
	}},
	{"a second refusal for one place", func(a, b, _ *puppet) {
		first, second := a.entry(0, b), a.entry(1, b)
		b.sends(0, a)
		a.refused(first)
		a.refused(second)
		a.sends(0, b)
		b.sends(0, a)
		b.sends(0, a)
	}},
}
