package offices

import (
	"fmt"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

func refusesRotations(s *stage) {
	before, err := s.bundle(s.a)
	s.Understood(err)
	for _, wrong := range s.wrongRotations() {
		s.refuses(wrong.class, s.rotation(s.alice[0], wrong.change))
	}
	s.refusesMadeUp()
	if b, err := s.bundle(s.a); err != nil || b.Statement.Epoch != before.Statement.Epoch {
		s.Violation(
			verdict.StateChanged, "a refused rotation has changed the bundle", suite.JSON(before), suite.JSON(b),
		)
	}
	s.Understood(s.alice[0].Rotate(ambassador.Change{}))
	s.Send(s.alice[0], s.b, "goes on")
	s.Sync(s.alice, s.bob)
	s.InStep(s.alice, s.b)
}

// wrongRotations returns what can be wrong with a rotation of Alice.
func (s *stage) wrongRotations() []wrongCommit {
	key, err := account.GenerateKey(s.Random)
	s.NoFault(err)
	companion := s.alice[1].Device.ID()
	return []wrongCommit{
		{refusal.BadSignature, func(c *postoffice.Commit) { c.Rotation.List.Signature[0] ^= 1 }},
		{refusal.BadSignature, func(c *postoffice.Commit) { c.Rotation.List.Sign(key) }},
		{refusal.BadSignature, func(c *postoffice.Commit) { c.Rotation.Statement.Signature[0] ^= 1 }},
		{refusal.BadSignature, func(c *postoffice.Commit) { c.Rotation.Statement.Sign(key) }},
		{refusal.BadSignature, func(c *postoffice.Commit) { c.Rotation.Publication.PrekeySignature[0] ^= 1 }},
		{refusal.StaleEpoch, func(c *postoffice.Commit) { c.Rotation.List.Epoch = c.Epoch }},
		{refusal.StaleEpoch, func(c *postoffice.Commit) { c.Rotation.List.Epoch = c.Epoch - 1 }},
		{refusal.StaleEpoch, func(c *postoffice.Commit) { c.Epoch-- }},
		{refusal.NotAllowed, func(c *postoffice.Commit) { c.Device, c.Number = companion, 1000 }},
		{refusal.NotAllowed, func(c *postoffice.Commit) {
			for i := range c.Parcels { // one, to the companion; it goes to the leader instead
				c.Parcels[i].Device = c.Device
			}
			c.Device, c.Number = companion, 1001
		}},
		{refusal.NotAllowed, func(c *postoffice.Commit) { c.Rotation.List.Leader = companion }},
		{refusal.WrongDevices, func(c *postoffice.Commit) { c.Parcels = nil }},
	}
}

// refusesMadeUp brings rotations and publications that are rightly signed and wrong in one thing. Each is of an account
// of its own, which must be able to go on.
func (s *stage) refusesMadeUp() {
	for _, wrong := range []func(c *malicious.Counterparty) ([]byte, error){
		func(c *malicious.Counterparty) ([]byte, error) { return c.Rotation(c.Keys.Statement.Epoch, nil) },
		func(c *malicious.Counterparty) ([]byte, error) { return c.Rotation(c.Keys.Statement.Epoch-1, nil) },
		func(c *malicious.Counterparty) ([]byte, error) {
			introduction := []postoffice.Parcel{{Device: c.Device, Body: []byte{1}}}
			return c.Rotation(c.Keys.Statement.Epoch+1, introduction)
		},
		publication(func(p *account.Publication) { p.SignedPrekeyID++ }),
		publication(func(p *account.Publication) { p.FirstOneTimeID++ }),
		publication(func(p *account.Publication) { p.PrekeySignature[7] ^= 1 }),
	} {
		c := newCounterparty(s.World, s.a)
		commit, err := wrong(c)
		s.NoFault(err)
		s.refuses("", commit)
		good, err := publication(func(*account.Publication) {})(c)
		s.NoFault(err)
		s.Understood(s.Office.Append(good))
	}
}

// publication returns a function that makes a publication with a change.
func publication(change func(p *account.Publication)) func(c *malicious.Counterparty) ([]byte, error) {
	return func(c *malicious.Counterparty) ([]byte, error) { return c.Publication(c.Keys, change) }
}

// newCounterparty registers an account that can put anything into what it says to a peer.
func newCounterparty(w *world.World, peer account.ID) *malicious.Counterparty {
	c, registration, err := malicious.NewCounterparty(peer, w.Random)
	w.NoFault(err)
	w.Understood(w.Office.Append(registration))
	return c
}

func rotatesOverEmptyLog(w *world.World) {
	leader := w.Register(false)
	c := newCounterparty(w, leader.Device.Account())
	s := &stage{World: w}
	b, err := s.bundle(leader.Device.Account())
	w.Understood(err)
	o, err := c.Say("too far", b)
	w.Understood(err)
	far, err := malicious.Changed(o.Entry, func(e *conversation.Entry) { e.Seq = 7 })
	w.NoFault(err)
	if err := w.Office.Append(c.Commit(far)); refusal.Of(err) == "" {
		w.Violation(verdict.AcceptedInvalid, "an entry that does not begin the log", "conflict", fmt.Sprint(err))
	}
	w.Understood(leader.Rotate(ambassador.Change{}))
}
