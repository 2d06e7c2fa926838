package offices

import (
	"fmt"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// ownMails lets a device make a commit of each kind: it gets a mail of its own for each, which names it and the number,
// as do those of its sibling; those of the other account name nobody (AMB-PST-33, AMB-PST-35).
func ownMails(s *stage) {
	committer, sibling := s.alice[0], s.alice[1]
	for _, kind := range []struct {
		name   string
		others int // mails of the other account
		commit func() ([]byte, error)
	}{
		{"entry", 1, func() ([]byte, error) { return committer.Device.Send(s.b, []byte("own"), nil, s.Random) }},
		{"prekeys", 0, func() ([]byte, error) { return committer.Device.Replenish(s.Random) }},
		{"records", 0, func() ([]byte, error) { return committer.Device.Ack(s.Random) }},
	} {
		read := []int{s.Count(committer), s.Count(sibling), s.Count(s.bob[0])}
		encoded, err := kind.commit()
		s.Understood(err)
		c := &postoffice.Commit{}
		s.NoFault(codec.Decode(encoded, c))
		s.Understood(s.Office.Append(encoded))
		s.namesIn(kind.name, s.Unread(committer, read[0]), 1, c.Device, c.Number)
		s.namesIn(kind.name, s.Unread(sibling, read[1]), 1, c.Device, c.Number)
		s.namesIn(kind.name, s.Unread(s.bob[0], read[2]), kind.others, account.DeviceID{}, 0)
		s.Sync(s.alice)
	}
}

// namesIn stops the test unless there are so many mails, and each names this device and number.
func (s *stage) namesIn(kind string, mails [][]byte, count int, device account.DeviceID, number uint64) {
	if len(mails) != count {
		s.Violation(verdict.Mismatch, "mails that a device gets of a commit of kind "+kind, fmt.Sprint(count),
			fmt.Sprint(len(mails)))
	}
	for _, encoded := range mails {
		m := &postoffice.Mail{}
		s.Understood(codec.Decode(encoded, m))
		if m.Device != device || m.Number != number {
			s.Violation(verdict.Mismatch, "device and number in a mail of kind "+kind,
				fmt.Sprintf("%x, %d", device, number), fmt.Sprintf("%x, %d", m.Device, m.Number))
		}
	}
}

// prekeysLeft takes bundles, and compares what a device is told of the one-time prekeys that are left, from whatever
// position it reads (AMB-PST-37).
func prekeysLeft(s *stage) {
	left := func(want int) {
		for _, from := range []uint64{1, uint64(s.Count(s.alice[1])) + 1} {
			box, err := s.Office.Fetch(s.a, s.alice[1].Device.ID(), from)
			s.Understood(err)
			if box.Prekeys != want || box.Commits != s.Commits(s.alice[1]) {
				s.Violation(verdict.Mismatch, "the one-time prekeys that are left, as a device is told",
					fmt.Sprint(want), fmt.Sprint(box.Prekeys))
			}
		}
	}
	s.replenish()
	left(account.Batch)
	for i := range 3 {
		s.encodedBundle(s.a)
		left(account.Batch - 1 - i)
	}
	s.exhaust()
	left(0)
	s.replenish()
	left(account.Batch)
}

// refusesUnknown brings commits and announcements of accounts and devices that are not there.
func refusesUnknown(s *stage) {
	s.refusesEntry(refusal.NotAllowed, func(c *postoffice.Commit) { c.Account[0] ^= 1 })
	s.refusesEntry(refusal.NotAllowed, func(c *postoffice.Commit) { c.Device[0] ^= 1 })
	s.refusesEntry(refusal.NotAllowed, func(c *postoffice.Commit) { c.Device = s.bob[0].Device.ID() })
	for _, who := range []*world.Member{s.alice[0], s.bob[0]} {
		other := map[account.ID]account.ID{s.a: s.b, s.b: s.a}[who.Device.Account()]
		if _, err := s.Office.Announce(other, who.Device.ID(), 90); refusal.Of(err) != refusal.NotAllowed {
			s.Violation(verdict.AcceptedInvalid, "an announcement of a device that is not on the list", "not-allowed",
				fmt.Sprint(err))
		}
	}
	s.goesOn()
}

// refusesUnfit brings rotations whose parts are of different accounts or epochs, or whose prekeys do not begin anew
// (AMB-PST-28), and rotations whose introductions are wrong (AMB-PST-29).
func refusesUnfit(s *stage) {
	foreign := &postoffice.Commit{}
	s.NoFault(codec.Decode(s.registration(), foreign))
	for _, wrong := range []wrongCommit{
		{refusal.Malformed, func(c *postoffice.Commit) { c.Rotation.List.Account = s.b }},
		{refusal.Malformed, func(c *postoffice.Commit) { c.Rotation.Statement = foreign.Rotation.Statement }},
		{refusal.Malformed, func(c *postoffice.Commit) { c.Rotation.Statement.Epoch++ }},
		{refusal.Malformed, func(c *postoffice.Commit) { c.Rotation.List.Epoch++ }},
		{refusal.Malformed, func(c *postoffice.Commit) { c.Rotation.Publication.SignedPrekeyID++ }},
		{refusal.Malformed, func(c *postoffice.Commit) { c.Rotation.Publication.FirstOneTimeID += account.Batch }},
	} {
		s.refuses(wrong.class, s.rotation(s.alice[0], wrong.change))
	}
	for _, introduced := range [][]postoffice.Parcel{
		{{Device: s.alice[0].Device.ID(), Body: []byte{1}}}, {{Device: s.alice[1].Device.ID(), Body: []byte{1}}},
	} {
		s.refuses(refusal.WrongDevices, s.rotation(s.alice[0], func(c *postoffice.Commit) {
			c.Rotation.Introductions = introduced // of nobody
		}))
	}
	s.goesOn()
}
