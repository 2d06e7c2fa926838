package world

import (
	"credence/conformance/internal/suite"
	"credence/reference/account"
)

// Cast says who plays the devices of the account under test: the target, or the reference. The first is the leader.
type Cast struct {
	Name   string
	Target []bool
}

// Casts are the ways to mix devices of the target and of the reference in one account.
var Casts = []Cast{
	{"all", []bool{true, true, true}},
	{"leader", []bool{true, false, false}},
	{"companion", []bool{false, true, false}},
}

// CastTests returns a live test for each cast.
func CastTests(name, comment string, requirements []string, run func(w *World, c Cast)) []suite.Test {
	var tests []suite.Test
	for _, c := range Casts {
		tests = append(tests, Test("ambassador", name+"-"+c.Name, comment+" (target: "+c.Name+")", requirements,
			func(w *World) { run(w, c) }))
	}
	return tests
}

// Account makes the account under test, and returns its devices.
func (w *World) Account(c Cast) []*Member {
	leader := w.Register(c.Target[0])
	all := []*Member{leader}
	for _, ofTarget := range c.Target[1:] {
		all = append(all, w.Link(leader, ofTarget))
	}
	return all
}

// Two are the account under test, Alice's, and Bob's, which has two devices of the reference.
type Two struct {
	Alice, Bob []*Member
	A, B       account.ID
}

// Bob makes Bob's account.
func (w *World) Bob() ([]*Member, account.ID) {
	leader := w.Register(false)
	return []*Member{leader, w.Link(leader, false)}, leader.Device.Account()
}

// Meet makes the two accounts.
func (w *World) Meet(c Cast) *Two {
	alice := w.Account(c)
	bob, b := w.Bob()
	return &Two{alice, bob, alice[0].Device.Account(), b}
}

// Begin makes the two accounts, with a conversation that has begun.
func (w *World) Begin(c Cast) *Two {
	two := w.Meet(c)
	w.Send(two.Alice[0], two.B, "start")
	w.Send(two.Bob[0], two.A, "answer")
	w.Sync(two.Alice, two.Bob)
	return two
}

// BeginWith is Begin with an account of these devices.
func (w *World) BeginWith(target ...bool) *Two { return w.Begin(Cast{Target: target}) }
