package offices

import (
	"bytes"
	"fmt"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// wrongCommit is a change that makes a commit wrong, and the class of its refusal.
type wrongCommit struct {
	class  refusal.Class
	change change
}

func refusesNumbers(s *stage) {
	unseen := s.entry(s.alice[0], s.b)
	refused := s.entry(s.alice[0], s.b, s.inEntry(func(e *conversation.Entry) { e.Seq += 7 }))
	s.refuses(refusal.Conflict, refused)
	s.refuses(refusal.Duplicate, refused)
	s.refuses(refusal.Duplicate, unseen) // a lower number, which the post office has never seen
	s.refusesEntry(refusal.Duplicate, func(c *postoffice.Commit) { c.Number = 1 })
	s.goesOn()
}

func refusesOrder(s *stage) {
	for _, wrong := range []struct {
		class  refusal.Class
		change func(e *conversation.Entry)
	}{
		{refusal.Conflict, func(e *conversation.Entry) { e.Seq++ }},
		{refusal.Conflict, func(e *conversation.Entry) { e.Seq-- }},
		{refusal.Conflict, func(e *conversation.Entry) { e.Previous[9] ^= 1 }},
		{refusal.NotReady, func(e *conversation.Entry) { e.Recipient[0] ^= 1 }},
		{refusal.NotAllowed, func(e *conversation.Entry) { e.Sender[0] ^= 1 }},
		{refusal.NotAllowed, func(e *conversation.Entry) { e.SenderEpoch = 9 }},
	} {
		s.refusesEntry(wrong.class, s.inEntry(wrong.change))
	}
	s.refusesForeign()
	s.goesOn()
}

// refusesForeign brings an entry in the name of another account, at the right place of that account's log.
func (s *stage) refusesForeign() {
	_, carol := s.Bob()
	s.refusesEntry(refusal.NotAllowed, s.inEntry(func(e *conversation.Entry) {
		e.Sender, e.Seq, e.Previous = carol, 1, conversation.FirstHead(carol, e.Recipient)
	}))
}

func keepsPlace(s *stage) {
	late, err := s.alice[0].Device.Send(s.b, []byte("loses"), nil, s.Random)
	s.Understood(err)
	s.Send(s.bob[0], s.a, "wins")
	s.refuses(refusal.Conflict, late)
	s.alice[0].Device.PostOfficeRefused()
	s.refuses(refusal.Conflict, s.entry(s.bob[0], s.a)) // in step with the log, but the place is kept for Alice
	s.refuses(refusal.Conflict, s.entry(s.bob[1], s.a))
	s.Send(s.alice[1], s.b, "has the next place")
	s.Sync(s.alice)
	s.refuses(refusal.Conflict, s.entry(s.alice[0], s.b)) // not two in a row, since Bob waits
	s.Send(s.bob[1], s.a, "has the one after it")
	s.Send(s.alice[0], s.b, "and so on")
	s.Send(s.bob[0], s.a, "until nobody waits")
	s.goesOn()
}

func refusesDevices(s *stage) {
	parcel := func(to account.DeviceID) postoffice.Parcel { return postoffice.Parcel{Device: to, Body: []byte{1}} }
	stranger := parcel(account.DeviceID(bytes.Repeat([]byte{0xff}, 32)))
	sender := parcel(s.alice[0].Device.ID())
	counterparty := parcel(s.bob[0].Device.ID())
	for _, wrong := range []wrongCommit{
		{refusal.WrongDevices, func(c *postoffice.Commit) { c.Parcels = nil }},
		{refusal.WrongDevices, with(stranger)},
		{refusal.WrongDevices, with(sender)},
		{refusal.WrongDevices, with(counterparty)},
		{refusal.WrongDevices, recordsAlone()},
		{refusal.WrongDevices, recordsAlone(counterparty)},
		{refusal.NotAllowed, func(c *postoffice.Commit) { c.Device = stranger.Device }},
	} {
		s.refusesEntry(wrong.class, wrong.change)
	}
	s.goesOn()
}

// with returns a change that adds a parcel.
func with(p postoffice.Parcel) change {
	return func(c *postoffice.Commit) {
		c.Parcels = append(c.Parcels, p)
		slices.SortFunc(c.Parcels, func(a, b postoffice.Parcel) int { return bytes.Compare(a.Device[:], b.Device[:]) })
	}
}

// recordsAlone returns a change to a commit of records, with these parcels.
func recordsAlone(parcels ...postoffice.Parcel) change {
	return func(c *postoffice.Commit) { c.Kind, c.Entry, c.Parcels = postoffice.KindRecords, nil, parcels }
}

func refusesEpochs(s *stage) {
	toOld := s.entry(s.bob[0], s.a)
	fromOld := s.entry(s.alice[1], s.b)
	s.Understood(s.alice[0].Rotate(ambassador.Change{}))
	b, err := s.bundle(s.a)
	if after := s.alice[0].Device.(*ambassador.Device).Epoch(); err != nil || b.Statement.Epoch != after {
		s.Violation(verdict.Mismatch, "the bundle after a rotation", fmt.Sprint("epoch ", after), suite.JSON(b))
	}
	s.refuses(refusal.StaleEpoch, toOld)
	s.refuses(refusal.StaleEpoch, fromOld)
	s.goesOn()
}

func refusesMalformed(s *stage) {
	commit := s.entry(s.alice[0], s.b)
	for _, bad := range [][]byte{
		{}, commit[:1], commit[:len(commit)/2], commit[:len(commit)-1],
		slices.Concat(commit, []byte{0}),
		slices.Concat([]byte{2}, commit[1:]), // another version
	} {
		s.refuses(refusal.Malformed, bad)
	}
	s.refusesEntry(refusal.Malformed, func(c *postoffice.Commit) { c.Entry = c.Entry[:len(c.Entry)-1] })
	s.goesOn()
}
