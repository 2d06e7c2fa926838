package offices

import (
	"bytes"
	"fmt"
	"slices"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// keepsNothing lets refused commits that are no lost race against the other account precede a good one of the other
// account, which must be taken.
func keepsNothing(s *stage) {
	lost := s.entry(s.alice[1], s.b)
	s.Send(s.alice[0], s.b, "wins against a sibling")
	s.refuses(refusal.Conflict, lost)
	s.Send(s.bob[0], s.a, "goes on at once")
	s.Sync(s.alice, s.bob)
	for _, wrong := range []func(e *conversation.Entry){
		func(e *conversation.Entry) { e.Seq += 7 },
		func(e *conversation.Entry) { e.Seq-- },
		func(e *conversation.Entry) { e.Previous[0] ^= 1 },
		func(e *conversation.Entry) { e.Seq, e.Previous = 1, conversation.FirstHead(s.a, s.b) },
	} {
		s.refuses(refusal.Conflict, s.entry(s.bob[1], s.a, s.inEntry(wrong)))
		s.Send(s.alice[0], s.b, "goes on at once")
		s.Sync(s.alice, s.bob)
	}
	s.goesOn()
}

// keepsForOvertaken lets Bob be overtaken twice before he comes: he has lost a place all the same.
func keepsForOvertaken(s *stage) {
	late := s.entry(s.bob[0], s.a)
	s.Send(s.alice[0], s.b, "wins")
	s.Send(s.alice[1], s.b, "and takes the next place, since nobody has come")
	s.refuses(refusal.Conflict, late)
	s.Sync(s.alice)
	s.refuses(refusal.Conflict, s.entry(s.alice[0], s.b))
	s.Send(s.bob[1], s.a, "has the place")
	s.goesOn()
}

// keepsOnce lets Bob lose one place again and again: it is kept for him once.
func keepsOnce(s *stage) {
	first, second := s.entry(s.bob[0], s.a), s.entry(s.bob[0], s.a)
	s.Send(s.alice[0], s.b, "wins")
	s.refuses(refusal.Conflict, first)
	s.refuses(refusal.Conflict, second)
	s.Send(s.bob[1], s.a, "has the place")
	s.Send(s.alice[0], s.b, "nobody waits")
	s.Send(s.alice[0], s.b, "for anything")
	s.goesOn()
}

// refusesStaleStarts begins new conversations of a stranger under bundles that are not good any more.
func refusesStaleStarts(s *stage) {
	stranger, other := s.Register(false), s.Register(false)
	old, used := s.encodedBundle(s.a), s.encodedBundle(s.a)
	s.replenish()
	commit, err := other.Device.Send(s.a, []byte("under the batch before the newest"), used, s.Random)
	s.Understood(err)
	s.Understood(s.Office.Append(commit))
	s.Understood(other.Sync())
	refusedStart := func(bundle []byte, text string, changes ...change) {
		start, err := stranger.Device.Send(s.a, []byte(text), bundle, s.Random)
		s.Understood(err)
		s.refuses(refusal.UnknownPrekey, s.forgotten(stranger, start, changes))
	}
	refusedStart(used, "under a used one-time prekey")
	s.usedByNone()
	s.replenish()
	refusedStart(old, "under the second batch before the newest")
	refusedStart(old, "under it, without a one-time prekey",
		s.inEntry(func(e *conversation.Entry) { e.Start.OneTimePrekeyID = 0 }))
	refusedStart(s.encodedBundle(s.a), "under a one-time prekey that was never there",
		s.inEntry(func(e *conversation.Entry) { e.Start.OneTimePrekeyID += 1000 }))
	refusedStart(s.encodedBundle(s.a), "under a signed prekey that is not there yet",
		s.inEntry(func(e *conversation.Entry) { e.Start.SignedPrekeyID++ }))
	s.Send(stranger, s.a, "under a fresh bundle")
	s.goesOn()
}

// usedByNone lets a start be refused for its place: its one-time prekey is not used by that.
func (s *stage) usedByNone() {
	third := s.Register(false)
	start, err := third.Device.Send(s.a, []byte("in its place"), s.encodedBundle(s.a), s.Random)
	s.Understood(err)
	early := s.changed(start, s.inEntry(func(e *conversation.Entry) { e.Seq = 5 }))
	s.refuses(refusal.Conflict, early)
	s.Understood(s.Office.Append(s.changed(start, func(c *postoffice.Commit) { c.Number++ })))
}

// encodedBundle fetches a bundle.
func (s *stage) encodedBundle(id account.ID) []byte {
	b, err := s.Office.Bundle(id)
	s.Understood(err)
	return b
}

// hearsAnnouncements announces numbers and brings the commits later, or not at all.
func hearsAnnouncements(s *stage) {
	id := s.alice[0].Device.ID()
	announces := func(number, want uint64) {
		got, err := s.Office.Announce(s.a, id, number)
		s.Understood(err)
		if got != want {
			s.Violation(verdict.Mismatch, "the answer to an announcement: the highest number before it",
				fmt.Sprint(want), fmt.Sprint(got))
		}
	}
	number := s.Commits(s.alice[0])
	inTime, late := s.numbered(number+1), s.numbered(number+2)
	announces(number+1, number)
	s.Understood(s.Office.Append(inTime))
	s.Understood(s.alice[1].Sync())
	announces(number+2, number+1)
	announces(number+2, number+2)
	if got := s.Commits(s.alice[0]); got != number+2 { // and reads the mailbox
		s.Violation(
			verdict.Mismatch, "the commits of a device that has announced", fmt.Sprint(number+2), fmt.Sprint(got),
		)
	}
	s.refuses(refusal.Duplicate, late)
	lower := s.numbered(number + 3)
	announces(number+9, number+2)
	s.refuses(refusal.Duplicate, lower)
	if _, err := s.Office.Announce(s.b, id, 1); refusal.Of(err) != refusal.NotAllowed {
		s.Violation(verdict.AcceptedInvalid, "an announcement of a device that is not on the list", "not-allowed",
			fmt.Sprint(err))
	}
}

// numbered makes a commit of Alice's leader, an acknowledgement, that has a number.
func (s *stage) numbered(number uint64) []byte {
	commit, err := s.alice[0].Device.Ack(s.Random)
	s.Understood(err)
	return s.changed(commit, func(c *postoffice.Commit) { c.Number = number })
}

// rotatesOverMovedLogs lets entries come, and a stranger open a log, between the making of a rotation and its arrival.
func rotatesOverMovedLogs(s *stage) {
	read := []int{s.Count(s.alice[0]), s.Count(s.alice[1])}
	commit, err := s.alice[0].Device.Rotate(ambassador.Change{}, s.Random)
	s.Understood(err)
	s.Send(s.bob[0], s.a, "in between")
	stranger := s.Register(false)
	s.Send(stranger, s.a, "opens a log")
	s.Understood(s.Office.Append(commit))
	for i, m := range s.alice {
		if got, want := s.cutsOf(m, read[i]), s.heads(s.bob[0], stranger); !slices.Equal(got, want) {
			s.Violation(verdict.Mismatch, "the cuts of a rotation", fmt.Sprint(want), fmt.Sprint(got))
		}
	}
	s.Sync(s.alice, s.bob)
	s.Send(s.bob[1], s.a, "in the new epoch")
	s.Send(stranger, s.a, "in the new epoch")
	s.Sync(s.alice)
	s.InStep(s.alice, stranger.Device.Account())
	s.goesOn()
}

// rotatesOverKeptPlace brings a rotation of Alice while the next place is kept for Bob.
func rotatesOverKeptPlace(s *stage) {
	lost := s.entry(s.bob[1], s.a)
	s.Send(s.alice[1], s.b, "wins")
	s.refuses(refusal.Conflict, lost)
	s.Sync(s.alice, s.bob)
	commit, err := s.alice[0].Device.Rotate(ambassador.Change{}, s.Random)
	s.Understood(err)
	s.Understood(s.Office.Append(commit))
	s.Sync(s.alice, s.bob)
	s.Send(s.bob[1], s.a, "has the place in the new epoch")
	s.goesOn()
}

// cutsNowhereElse lets an account do everything but rotate, and then rotate with a pending device: no mail of these has
// cuts.
func cutsNowhereElse(s *stage) {
	for _, m := range s.alice {
		s.withoutCuts(s.Unread(m, 0)) // of registration and linking: there was no log
	}
	read := []int{s.Count(s.alice[0]), s.Count(s.alice[1])}
	s.replenish()
	s.Understood(s.alice[1].Ack())
	s.Send(s.bob[1], s.a, "from the other account")
	s.Send(s.alice[1], s.b, "from the account")
	for i, m := range s.alice {
		s.withoutCuts(s.Unread(m, read[i]))
	}
	s.Sync(s.alice)
	s.Understood(s.alice[0].Prepare(nil))
	before := s.Count(s.alice[1])
	s.Understood(s.alice[0].Rotate(ambassador.Change{})) // without the answer of the companion, which is pending now
	s.withoutCuts(s.Unread(s.alice[1], before))
	s.Understood(s.alice[0].Sync())
	s.Send(s.alice[0], s.b, "goes on")
}

// withoutCuts stops the test if a mail has cuts.
func (s *stage) withoutCuts(mails [][]byte) {
	for _, encoded := range mails {
		mail := &postoffice.Mail{}
		s.Understood(codec.Decode(encoded, mail))
		if len(mail.Cuts) > 0 {
			s.Violation(verdict.Mismatch, "the cuts in a mail that brings no rotation to an active device", "none",
				fmt.Sprintf("%d", len(mail.Cuts)))
		}
	}
}

// cutsOf returns the cuts in the mails of a device after the first read ones. There must be one mail with cuts.
func (s *stage) cutsOf(m *world.Member, read int) (cuts []channel.Head) {
	with := 0
	for _, encoded := range s.Unread(m, read) {
		mail := &postoffice.Mail{}
		s.Understood(codec.Decode(encoded, mail))
		if len(mail.Cuts) > 0 {
			with, cuts = with+1, mail.Cuts
		}
	}
	if with != 1 {
		s.Violation(verdict.Mismatch, "mails with cuts, after one rotation", "1", fmt.Sprint(with))
	}
	return cuts
}

// heads returns where accounts, whose devices are of the reference, see their conversations with Alice, by account.
func (s *stage) heads(members ...*world.Member) (heads []channel.Head) {
	for _, m := range members {
		c := m.Device.(*ambassador.Device).Conversation(s.a)
		heads = append(heads, channel.Head{Peer: m.Device.Account(), Seq: c.Seq, Head: c.Head})
	}
	slices.SortFunc(heads, func(a, b channel.Head) int { return bytes.Compare(a.Peer[:], b.Peer[:]) })
	return heads
}

func (s *stage) replenish() {
	const always = 1000
	s.Understood(s.alice[0].Replenish(always))
}
