package offices

import (
	"fmt"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

func fanOut(s *stage) {
	for i := range 4 {
		s.Send(s.alice[i%2], s.b, "to all")
		s.Send(s.bob[i%2], s.a, "to all")
	}
	var entries [][]string // of each device
	for _, m := range slices.Concat(s.alice, s.bob) {
		entries = append(entries, s.entriesOf(m))
	}
	const sent = 10 // with those of the beginning
	for i, got := range entries {
		if len(got) != sent || !slices.Equal(got, entries[0]) {
			s.Violation(verdict.Mismatch, fmt.Sprintf("device %d has been given other entries than device 0", i),
				"the identical 10 entries, in the same order", fmt.Sprintf("%d entries", len(got)))
		}
	}
}

// entriesOf returns the entries in the mailbox of a device, in order. The positions of the mails must have no gaps.
func (s *stage) entriesOf(m *world.Member) (entries []string) {
	for i, encoded := range s.Unread(m, 0) {
		mail := &postoffice.Mail{}
		if err := codec.Decode(encoded, mail); err != nil {
			s.Violation(verdict.Mismatch, "a mail is not canonical", "a Mail", err.Error())
		}
		if want := uint64(i) + 1; mail.Position != want {
			s.Violation(verdict.Mismatch, "positions in a mailbox have gaps",
				fmt.Sprint(want), fmt.Sprint(mail.Position))
		}
		if len(mail.Entry) > 0 {
			entries = append(entries, string(mail.Entry))
		}
	}
	return entries
}

func handsOutOnce(s *stage) {
	s.exhaust()
	s.Understood(s.alice[1].Replenish(account.Batch))
	b, err := s.bundle(s.a)
	if err != nil || b.SignedPrekeyID != 2 || b.OneTimePrekeyID <= account.Batch {
		s.Violation(verdict.Mismatch, "the bundle after a publication", "signed prekey 2, a one-time prekey above 20",
			suite.JSON(b))
	}
	s.goesOn()
}

// exhaust takes more bundles of Alice than she has one-time prekeys. Each must come once, and then none (AMB-PST-03).
func (s *stage) exhaust() {
	const more = 5
	seen, without := map[uint32]bool{}, 0
	for range account.Batch + more {
		b, err := s.bundle(s.a)
		switch {
		case err != nil:
			s.Violation(verdict.Mismatch, "office.bundle gives no bundle", "a Bundle", err.Error())
		case b.OneTimePrekeyID == 0:
			without++
		case seen[b.OneTimePrekeyID]:
			s.Violation(verdict.Mismatch, "a one-time prekey was handed out twice", "each id once",
				fmt.Sprint(b.OneTimePrekeyID))
		default:
			seen[b.OneTimePrekeyID] = true
		}
	}
	if without < more || len(seen) == 0 {
		s.Violation(verdict.Mismatch, "bundles after the last one-time prekey", "5 without one",
			fmt.Sprintf("%d with, %d without", len(seen), without))
	}
}

// excludes removes a device of Bob, and lets one of Alice be pending.
func excludes(s *stage) {
	s.excludesRemoved()
	s.Understood(s.alice[0].Prepare(nil))
	s.Understood(s.alice[0].Rotate(ambassador.Change{})) // without the answer of the companion, which is pending now
	s.excludesPending(s.alice[1])
}

// excludesRemoved stops the test unless a device that was removed gets nothing and may commit nothing (AMB-PST-09).
func (s *stage) excludesRemoved() {
	removed := s.bob[1]
	late, err := removed.Device.Ack(s.Random)
	s.Understood(err)
	id := removed.Device.ID()
	s.Understood(s.bob[0].Rotate(ambassador.Change{Remove: []account.DeviceID{id}}))
	s.Send(s.alice[0], s.b, "after the removal")
	s.Refuse(refusal.NotAllowed, shim.OfficeFetch, shim.Params{Account: s.b[:], Device: id[:]})
	s.Refuse(refusal.NotAllowed, shim.OfficeAppend, shim.Params{Message: late})
}

// excludesPending stops the test unless a pending device gets no entry and may commit none (SPEC.md 9.3).
func (s *stage) excludesPending(pending *world.Member) {
	read := s.Count(pending)
	s.Send(s.bob[0], s.a, "not for a pending device")
	s.Understood(s.alice[0].Sync())
	leader := postoffice.Parcel{Device: s.alice[0].Device.ID(), Body: []byte{1}}
	ofPending := s.entry(s.alice[0], s.b, func(c *postoffice.Commit) {
		c.Device, c.Number, c.Parcels = pending.Device.ID(), 1000, []postoffice.Parcel{leader}
	})
	s.Refuse(refusal.NotAllowed, shim.OfficeAppend, shim.Params{Message: ofPending})
	if mails := s.Unread(pending, read); len(mails) > 0 {
		s.Violation(verdict.Mismatch, "a pending device is given an entry", "nothing",
			fmt.Sprintf("%d mails", len(mails)))
	}
}
