package devices

import (
	"fmt"
	"slices"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
)

// circle is the account under test, with four devices, and two others that talk to it and to each other.
type circle struct {
	*world.World
	alice, bob, carol []*world.Member
	a, b, c           account.ID
	said              int
}

func newCircle(w *world.World, cast world.Cast) *circle {
	alice := w.Account(cast)
	bob, b := w.Bob()
	carol, c := w.Bob()
	return &circle{World: w, alice: alice, bob: bob, carol: carol, a: alice[0].Device.Account(), b: b, c: c}
}

// says lets a device send a text that nobody has sent before.
func (o *circle) says(m *world.Member, to account.ID) {
	o.said++
	o.Send(m, to, fmt.Sprintf("text %d", o.said))
}

// round lets every device of Alice write to both others, in turn, and both to her and to each other.
func (o *circle) round() {
	for i, m := range o.alice {
		o.says(m, o.b)
		o.says(o.carol[i%2], o.a)
		o.says(m, o.c)
		o.says(o.bob[i%2], o.a)
		o.says(o.bob[i%2], o.c)
		o.says(o.carol[i%2], o.b)
		o.restarts(m)
	}
	o.together()
}

// restarts stops a device of the target and starts it again, between two texts of both conversations.
func (o *circle) restarts(m *world.Member) {
	before := []world.State{o.State(m, o.b), o.State(m, o.c)}
	o.Restart(m)
	for i, peer := range []account.ID{o.b, o.c} {
		if after := o.State(m, peer); after != before[i] {
			o.Violation(verdict.StateChanged, "a conversation after a restart", before[i].String(), after.String())
		}
	}
}

// together stops the test unless all devices of all accounts have the same conversations.
func (o *circle) together() {
	o.Sync(o.alice, o.bob, o.carol, o.alice)
	for _, peer := range []account.ID{o.b, o.c} {
		o.InStep(o.alice, peer)
	}
	o.InStep(o.bob, o.a)
	o.InStep(o.bob, o.c)
	o.InStep(o.carol, o.a)
	o.InStep(o.carol, o.b)
}

// ThreeAccounts lets three accounts talk, each with both others, while each rotates, and devices come and go.
func ThreeAccounts(w *world.World, c world.Cast) {
	watch := watchKeys(w)
	four := world.Cast{Target: append(slices.Clone(c.Target), c.Target[1])}
	o := newCircle(w, four)
	o.round()
	w.Understood(o.alice[0].Rotate(ambassador.Change{}))
	o.round()
	w.Understood(o.bob[0].Rotate(ambassador.Change{})) // one of the two others
	o.round()
	w.Understood(o.alice[1].Replenish(1000))
	w.Understood(o.carol[0].Rotate(ambassador.Change{}))
	w.Understood(o.alice[0].Rotate(ambassador.Change{}))
	o.round()
	gone := o.alice[2]
	o.alice = slices.Delete(o.alice, 2, 3)
	w.Understood(o.alice[0].Rotate(ambassador.Change{Remove: []account.DeviceID{gone.Device.ID()}}))
	o.round()
	o.alice = append(o.alice, w.Link(o.alice[0], c.Target[2]))
	o.round()
	w.UsedOnce(watch)
	if n := len(o.alice[1].Texts()) + accepted(o.alice[1]); n < o.said*2/3 {
		w.Violation(verdict.Mismatch, "what a companion has read and sent of two conversations",
			fmt.Sprint("at least ", o.said*2/3), fmt.Sprint(n))
	}
}
