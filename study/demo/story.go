package demo

import (
	"errors"
	"io"

	"credence/study/design"
)

// The devices of the story.
var (
	phone      = design.Device{User: "alice"}
	laptop     = design.Device{User: "alice", Index: 1}
	tablet     = design.Device{User: "alice", Index: 2}
	watch      = design.Device{User: "alice", Index: 3}
	bobPhone   = design.Device{User: "bob"}
	bobDesktop = design.Device{User: "bob", Index: 1}
)

// step is one numbered step of a story.
type step struct {
	title string
	do    func() error
}

// story tells the story of a design.
func (t *teller) story(name string, rand io.Reader) error {
	switch name {
	case "single":
		t.Design = design.NewSingle(rand)
		return t.tell(t.singleDevices())
	case "leader":
		t.Design = design.NewLeader(rand)
	case "multiplication":
		t.Design = design.NewMultiplication(rand)
	case "ambassador":
		return t.ambassadorStory(design.NewAmbassador(rand))
	}
	return t.tell(t.severalDevices())
}

func (t *teller) ambassadorStory(a *design.Ambassador) error {
	t.Design = a
	if err := t.tell(append(t.severalDevices(), t.ambassadorOnly(a)...)); err != nil {
		return err
	}
	return t.standings(a)
}

func (t *teller) users(alice, bob int) error {
	return errors.Join(t.AddUser("alice", alice), t.AddUser("bob", bob))
}

func (t *teller) singleDevices() []step {
	return []step{
		{"Alice and Bob have one device each.", func() error { return t.users(1, 1) }},
		t.says(phone, "bob", "Hello Bob"),
		t.says(bobPhone, "alice", "Hello Alice"),
	}
}

func (t *teller) severalDevices() []step {
	const start = "Alice has a phone, a laptop and a tablet. Bob has a phone and a desktop."
	return []step{
		{start, func() error { return t.users(3, 2) }},
		t.says(laptop, "bob", "Hello Bob"),
		t.says(bobDesktop, "alice", "Hello Alice"),
		{"Alice's tablet goes offline.", func() error { return t.SetOnline(tablet, false) }},
		t.says(phone, "bob", "From my phone"),
		{"The tablet comes back and catches up.", func() error { return t.SetOnline(tablet, true) }},
		{"Alice's phone, her first device, goes offline.", func() error { return t.SetOnline(phone, false) }},
		t.says(laptop, "bob", "Without my phone"),
		{"The phone comes back.", func() error { return t.SetOnline(phone, true) }},
		{"Alice adds a watch.", func() error { return t.AddDevice("alice") }},
		t.says(bobPhone, "alice", "To all your devices"),
		t.says(watch, "bob", "From my watch"),
		{"Alice's tablet is stolen. She removes it.", func() error { return t.RemoveDevice(tablet) }},
		t.says(bobPhone, "alice", "Not for attackers"),
		t.says(laptop, "bob", "Safe again"),
	}
}

// ambassadorOnly is what the other designs have no operations for.
func (t *teller) ambassadorOnly(a *design.Ambassador) []step {
	const (
		race = "Alice's phone and laptop send at the same moment: both want the next place of the log. " +
			"One is refused, reads what came first, and sends anew."
		prekeys = "Strangers take all of Alice's one-time prekeys. " +
			"Her laptop publishes new ones, and hands their private halves to her other devices."
		recovery = "Alice fears that one of her devices was copied. " +
			"All of them heal their channels, and her phone opens a new epoch."
	)
	return []step{
		{race, func() error { return a.Race(phone, laptop, "bob", [2]string{"I was first", "I was second"}) }},
		{prekeys, func() error { return errors.Join(a.Exhaust("alice"), a.Replenish(laptop)) }},
		{recovery, func() error { return a.Recover("alice") }},
		t.says(bobDesktop, "alice", "New key, same Alice?"),
		t.says(watch, "bob", "Same Alice"),
	}
}
