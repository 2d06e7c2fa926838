package hostile

import (
	"crypto/ecdh"
	"fmt"

	"credence/conformance/internal/live/exported"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/primitive"
	"credence/shim"
	"credence/spec/refusal"
)

// emptyMessage is the size of a ratchet message without plaintext: a header and a tag.
const emptyMessage = 42 + 16

// ownStart returns a start of the account to a counterparty, made as a device should, with the secrets that the leader
// has sent to the malicious device.
func (s *siblingStage) ownStart() *conversation.Outgoing {
	counterparty, _, err := malicious.NewCounterparty(s.leader.Device.Account(), s.Random)
	s.NoFault(err)
	s.counterparty = counterparty
	talk := conversation.New(s.rotation.List.Account, counterparty.Account())
	o, err := talk.Start(s.ownKeys(), counterparty.Bundle(), []byte("own"), s.Random)
	s.Understood(err)
	return o
}

// ownKeys returns the keys of the account, without prekeys.
func (s *siblingStage) ownKeys() *account.EpochKeys {
	private, err := ecdh.X25519().NewPrivateKey(s.rotation.AmbassadorPrivate[:])
	if err != nil {
		s.Violation(verdict.Mismatch, "rotate-commit has no ambassador key", "32 bytes", err.Error())
	}
	return &account.EpochKeys{Statement: s.rotation.Statement, Ambassador: private}
}

// unfollowableEntry lets the malicious device send an entry without the keys of the conversation, and a record with
// another digest than the leader comes to.
func unfollowableEntry(w *world.World) {
	s := newSiblingConversation(w)
	c := s.claim()
	private, err := primitive.GeneratePrivate(w.Random)
	w.NoFault(err)
	entry := s.unreadable(c, private.PublicKey().Bytes())
	record := s.mail(s.sent(channel.Sent{
		Peer: c.Peer, Seq: c.Seq + 1, Head: conversation.NextHead(c.Head.Head, entry), Digest: c.Digest,
		RatchetPrivate: [32]byte(private.Bytes()),
	}))
	s.device.Brings(record, ambassador.Record)
	s.device.Brings(entryMail(entry), ambassador.Frozen)
	s.counterparty.Spoiled(entry)
	differs := s.claim()
	if want := conversation.NextHead(c.Head.Head, entry); differs.Seq != c.Seq+1 || differs.Head.Head != want {
		s.Violation(verdict.Mismatch, "the place of an own entry that cannot be followed, which counts as passed",
			fmt.Sprintf("seq %d, head %x", c.Seq+1, want),
			fmt.Sprintf("seq %d, head %x", differs.Seq, differs.Head.Head))
	}
	s.standsStill()
}

// unreadable returns an entry of the account that follows a claim, under a ratchet key, and decrypts to nothing.
func (s *siblingStage) unreadable(c channel.Claim, ratchetKey []byte) []byte {
	e := &conversation.Entry{
		Sender: s.leader.Device.Account(), Recipient: c.Peer,
		SenderEpoch: s.sibling.List.Epoch, RecipientEpoch: 1,
		Seq: c.Seq + 1, Previous: c.Head.Head, Message: make([]byte, emptyMessage),
	}
	e.Message[0], e.Message[1] = 1, 2 // version and type
	copy(e.Message[2:], ratchetKey)
	return codec.MustEncode(e)
}

func falseSent(w *world.World) {
	for _, test := range []struct {
		change func(s *channel.Sent)
		kind   ambassador.EventKind
	}{
		{func(*channel.Sent) {}, ambassador.Sent},
		{func(s *channel.Sent) { s.Digest[0] ^= 1 }, ambassador.Frozen},
		{func(s *channel.Sent) { s.Head[0] ^= 1 }, ambassador.Frozen},
		{func(s *channel.Sent) { s.Secret[0] ^= 1 }, ambassador.Frozen},
		{func(s *channel.Sent) { s.RatchetPrivate[5] ^= 1 }, ambassador.Frozen},
		{inBundle(w, func(b *account.Bundle) { b.SignedPrekeyID++ }), ambassador.Frozen},
		{inBundle(w, func(b *account.Bundle) { b.OneTimePrekeyID++ }), ambassador.Frozen},
		{inBundle(w, func(b *account.Bundle) { b.Statement.Signature[0] ^= 1 }), ambassador.Frozen},
	} {
		s := newSiblingStage(w)
		o := s.ownStart()
		test.change(&o.Sent)
		s.device.Brings(withEntry(w, s.mail(s.sent(o.Sent)), o.Entry), ambassador.Record, test.kind)
	}
}

// inBundle returns a change of the bundle in a record.
func inBundle(w *world.World, change func(b *account.Bundle)) func(s *channel.Sent) {
	return func(s *channel.Sent) {
		b := &account.Bundle{}
		w.NoFault(codec.Decode(s.Bundle, b))
		change(b)
		s.Bundle = codec.MustEncode(b)
	}
}

// askedOnce lets entries come while the record of an own one is awaited: the siblings are asked for it once, also over
// a restart (AMB-SYN-08).
func askedOnce(w *world.World) {
	for _, restarts := range []bool{false, true} {
		s := newSiblingStage(w)
		start := s.ownStart()
		s.device.Brings(entryMail(start.Entry), ambassador.Parked)
		parcelCommitOf(w, "a resend-request", shim.DeviceUpkeep, shim.Params{Party: s.device.Party()})
		if restarts {
			w.Restart(s.leader)
			_, err := s.device.CaughtUp(w.Commits(s.leader) + 1)
			w.Understood(err)
		}
		s.device.Brings(entryMail(s.waiting(start.Next.Seq+1, start.Next.Head)), ambassador.Parked)
		if r := w.Must(shim.DeviceUpkeep, shim.Params{Party: s.device.Party()}); len(r.Message) > 0 {
			w.Violation(
				verdict.Mismatch, "the siblings are asked again for a record that is awaited", "nothing is owed",
				fmt.Sprintf("a commit of %d bytes", len(r.Message)))
		}
	}
}

// claimedPlace lets the record of the malicious device come before and after the other side's entry for the place.
func claimedPlace(w *world.World) {
	for _, late := range []bool{false, true} {
		s := newSiblingConversation(w)
		entry := entryMail(s.nextEntry("the other side's"))
		record := s.mail(s.sent(channel.Sent{
			Peer: s.counterparty.Account(), Seq: s.counterparty.Talk.Seq, Head: [32]byte{1},
		}))
		if late {
			s.device.Brings(entry, ambassador.Message)
			s.device.Brings(record, ambassador.Record, ambassador.Frozen)
		} else {
			s.device.Brings(record, ambassador.Record)
			s.device.Brings(entry, ambassador.Message, ambassador.Frozen)
		}
		s.standsStill()
	}
}

func recordAgain(w *world.World) {
	s := newSiblingStage(w)
	o := s.ownStart()
	s.device.Brings(withEntry(w, s.mail(s.sent(o.Sent)), o.Entry), ambassador.Record, ambassador.Sent)
	s.counterparty.Talk.Seq, s.counterparty.Talk.Head = o.Next.Seq, o.Next.Head
	noise, err := s.counterparty.StartTo(9, s.counterparty.Bundle(), "an entry that nobody can read")
	w.NoFault(err)
	again := s.mail(s.sent(o.Sent))
	s.device.Brings(entryMail(noise), ambassador.Void)
	s.device.Brings(again, ambassador.Record)
	s.standsAt(2)
	// AMB-SYN-13: the first record was followed, and the second must leave nothing behind.
	if exported.Holds(w.Export(shim.DeviceExport, s.device.Party()), o.Sent.Secret) {
		w.Violation(verdict.Mismatch, "a repeated record is kept: the secret of the start is in the state again",
			"deleted", fmt.Sprintf("%x", o.Sent.Secret))
	}
}

// standsAt stops the test unless the leader's conversation with the counterparty is at an entry, and goes on.
func (s *siblingStage) standsAt(seq uint64) {
	state := s.State(s.leader, s.counterparty.Account())
	if state.Seq != seq || state.Problem != "" {
		s.Violation(verdict.Mismatch, "a record that says nothing new has changed the conversation",
			fmt.Sprintf("seq %d", seq), fmt.Sprintf("seq %d %s", state.Seq, state.Problem))
	}
}

func recordOutOfReach(w *world.World) {
	s := newSiblingConversation(w)
	sent := func(seq uint64) channel.Record {
		return s.sent(channel.Sent{Peer: s.counterparty.Account(), Seq: seq})
	}
	// AMB-SYN-07: the conversation stands at entry 1.
	s.refuses(refusal.SkipLimit, sent(102))
	s.refuses(refusal.SkipLimit, sent(1<<63))
	s.device.Brings(s.mail(sent(101)), ambassador.Record)
}

// waitingBounded lets a start of the account wait for its record, which does not come, and entries wait behind it
// (AMB-SYN-07): between 240 and 360 of them the state no longer grows.
func waitingBounded(w *world.World) {
	s := newSiblingStage(w)
	start := s.ownStart()
	s.device.Brings(entryMail(start.Entry), ambassador.Parked)
	previous, seq := start.Next.Head, start.Next.Seq
	var size [3]int
	for i := range size {
		for range 120 {
			seq++
			entry := s.waiting(seq, previous)
			previous = conversation.NextHead(previous, entry)
			s.device.Brings(entryMail(entry), ambassador.Parked)
		}
		size[i] = len(w.Export(shim.DeviceExport, s.device.Party()))
	}
	if size[2]-size[1] > size[1]/10 {
		w.Violation(verdict.Mismatch, "the state grows with every entry that waits",
			fmt.Sprintf("about %d bytes after 240 and after 360 entries", size[1]), fmt.Sprint(size[2]))
	}
}

// waiting returns an entry of the counterparty that fits into the log and decrypts to nothing.
func (s *siblingStage) waiting(seq uint64, previous [32]byte) []byte {
	return codec.MustEncode(&conversation.Entry{
		Sender: s.counterparty.Account(), Recipient: s.rotation.List.Account,
		SenderEpoch: 1, RecipientEpoch: s.rotation.List.Epoch,
		Seq: seq, Previous: previous, Message: make([]byte, emptyMessage),
	})
}
