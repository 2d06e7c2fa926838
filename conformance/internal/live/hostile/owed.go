package hostile

import (
	"fmt"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// owing are the tests of what devices owe and ask each other.
var owing = []suite.Test{
	test("resend-requests", "a sibling asks for records: for that of the newest own entry, and for others",
		reqs("AMB-SYN-22 newest other start"), resendRequests),
	test("owed-order", "a device owes the leader a record, and then the answer to a question; a rotation comes",
		reqs("AMB-SYN-31", "AMB-SYN-34"), owedInOrder),
	test("owed-bounded", "a sibling asks for a record again and again: what is owed is bounded",
		reqs("AMB-SYN-32"), owedBounded),
	test("ack-claims", "an acknowledgement of a device with two conversations claims both",
		reqs("AMB-SYN-23"), ackClaims),
	test("sent-own-account", "a sent record and a claim about the own account",
		reqs("AMB-SYN-24", "AMB-CNV-01 record"), sentToOwnAccount),
	test("two-sents", "two records for one entry that has not come: the later one is followed",
		reqs("AMB-SYN-26"), twoSents),
	test("questions", "the leader asks twice: the second question replaces the first",
		reqs("AMB-ROT-26 leader companion", "AMB-ROT-07 answered", "AMB-CNV-01 record"), askedTwice),
}

// owed lets the device make the commit of what it owes, and returns its record to the reader, or nil if it owes
// nothing. The account has two devices.
func owed(
	w *world.World, d *world.Device, reader func(body []byte) (*channel.Record, channel.Arrival, error),
) *channel.Record {
	r := w.Must(shim.DeviceUpkeep, shim.Params{Party: d.Party()})
	if len(r.Message) == 0 {
		return nil
	}
	c, err := parseCommit(r.Message)
	if err != nil || len(c.Parcels) != 1 {
		w.Violation(verdict.Mismatch, "a commit of what is owed, of two devices", "one parcel", fmt.Sprint(c, err))
	}
	record, _, err := reader(c.Parcels[0].Body)
	w.Understood(err)
	return record
}

func (s *siblingStage) owed() *channel.Record {
	return owed(s.World, s.device, func(body []byte) (*channel.Record, channel.Arrival, error) {
		return s.sibling.Open(s.sibling.List, s.device.ID(), body)
	})
}

func (s *leaderStage) owed() *channel.Record {
	return owed(s.World, s.device, func(body []byte) (*channel.Record, channel.Arrival, error) {
		return s.leader.Open(s.leader.List, s.device.ID(), body)
	})
}

// owesKind stops the test unless what is owed is a record of a kind; 0 is nothing.
func owesKind(w *world.World, kind channel.Kind, got *channel.Record) {
	var is channel.Kind
	if got != nil {
		is = got.Kind
	}
	if is != kind {
		w.Violation(verdict.Mismatch, "the kind of record that is owed, 0 for none", fmt.Sprint(kind), fmt.Sprint(is))
	}
}

// own lets the leader send an entry, which comes back.
func (s *siblingStage) own(text string) {
	peer := s.counterparty.Account()
	c := parcelCommitOf(s.World, "an entry", shim.DeviceSend, shim.Params{
		Party: s.device.Party(), Account: peer[:], Plaintext: []byte(text),
		PeerBundle: codec.MustEncode(s.counterparty.Bundle()),
	})
	s.device.Brings(codec.MustEncode(&postoffice.Mail{
		Position: 9, Device: s.device.ID(), Number: c.Number, Entry: c.Entry,
	}), ambassador.Accepted)
}

// asks lets the malicious device ask for a record.
func (s *siblingStage) asks(peer account.ID, seq uint64) {
	s.device.Brings(s.mail(s.addressed(channel.Record{
		Kind: channel.KindResendRequest, Resend: &channel.ResendRequest{Peer: peer, Seq: seq},
	})), ambassador.Record)
}

func resendRequests(w *world.World) {
	s := newSiblingConversation(w)
	peer := s.counterparty.Account()
	s.own("newest")
	for _, wrong := range []struct {
		peer account.ID
		seq  uint64
	}{{peer, 1}, {peer, 3}, {peer, 0}, {account.ID{1}, 2}, {s.leader.Device.Account(), 2}} {
		s.asks(wrong.peer, wrong.seq)
		owesKind(w, 0, s.owed())
	}
	for range 2 {
		s.asks(peer, 2)
		r := s.owed()
		owesKind(w, channel.KindSent, r)
		if r.Sent.Seq != 2 || r.Sent.Peer != peer {
			w.Violation(verdict.Mismatch, "the record that was asked for", "of entry 2", suite.JSON(r.Sent))
		}
		owesKind(w, 0, s.owed())
	}
	s.own("newer")
	s.asks(peer, 2)
	owesKind(w, 0, s.owed())
	s.asks(peer, 3)
	owesKind(w, channel.KindSent, s.owed())
	startIsNotSentAgain(w)
}

func startIsNotSentAgain(w *world.World) {
	s := newSiblingStage(w)
	s.ownStart() // makes the counterparty
	s.own("start")
	s.asks(s.counterparty.Account(), 1)
	owesKind(w, 0, s.owed())
}

// owedInOrder lets the leader ask for a record, and then ask the device to heal: the answer to that goes first. Over a
// rotation nothing but this is owed.
func owedInOrder(w *world.World) {
	for _, rotates := range []bool{false, true} {
		s := newLeaderConversation(w)
		s.ownEntry()
		id := s.device.ID()
		asks := channel.Record{
			Kind: channel.KindResendRequest, Resend: &channel.ResendRequest{Peer: s.counterparty.Account(), Seq: 2},
		}
		s.device.Brings(s.mail(s.leader.Record(id, asks)), ambassador.Record)
		s.device.Brings(s.mail(s.leader.Record(id, channel.Record{
			Kind: channel.KindPrepare, Prepare: &channel.Prepare{Nonce: [32]byte{7}},
		})), ambassador.Record)
		if rotates {
			s.opens(s.leader.Next(), s.cut())
			w.Must(shim.DeviceCaughtUp, shim.Params{Party: s.device.Party()})
		}
		owesKind(w, channel.KindReady, s.owed())
		if !rotates {
			owesKind(w, channel.KindSent, s.owed())
		}
		owesKind(w, 0, s.owed())
	}
}

// owedBounded lets the sibling ask for more records than may be owed.
func owedBounded(w *world.World) {
	s := newSiblingConversation(w)
	s.own("newest")
	const most = 100
	for range most + 20 {
		s.asks(s.counterparty.Account(), 2)
	}
	answers := 0
	for r := s.owed(); r != nil; r = s.owed() {
		if r.Kind == channel.KindSent {
			answers++
		}
	}
	if answers == 0 || answers > most {
		w.Violation(verdict.Mismatch, "answers to 120 requests", "at most 100, and one at least", fmt.Sprint(answers))
	}
}

// ackClaims lets the leader acknowledge one conversation, and then two (AMB-SYN-23).
func ackClaims(w *world.World) {
	s := newSiblingConversation(w)
	claims := func(want ...channel.Claim) {
		c := parcelCommitOf(w, "an acknowledgement", shim.DeviceAck, shim.Params{Party: s.device.Party()})
		r, _, err := s.sibling.Open(s.sibling.List, s.device.ID(), c.Parcels[0].Body)
		w.Understood(err)
		slices.SortFunc(want, func(a, b channel.Claim) int { return slices.Compare(a.Peer[:], b.Peer[:]) })
		if r.Ack == nil || !slices.Equal(r.Ack.Claims, want) {
			w.Violation(verdict.Mismatch, "the claims of an acknowledgement", fmt.Sprint(want), fmt.Sprint(r.Ack))
		}
	}
	claims(s.claim())
	s.says("goes on")
	first := s.claim()
	s.meet()
	claims(first, s.claim())
}

func sentToOwnAccount(w *world.World) {
	s := newSiblingConversation(w)
	own := s.leader.Device.Account()
	for _, seq := range []uint64{0, 1, 2} {
		s.refuses(refusal.NotAllowed, s.sent(channel.Sent{Peer: own, Seq: seq}))
		s.device.Brings(s.mail(s.ack(channel.Claim{Head: channel.Head{Peer: own, Seq: seq}})), ambassador.Record)
	}
	s.standsAt(1)
	s.says("goes on")
}

// twoSents brings a record with another digest, and the right one, in both orders (AMB-SYN-26).
func twoSents(w *world.World) {
	for _, rightLast := range []bool{false, true} {
		s := newSiblingStage(w)
		o := s.ownStart()
		wrong := o.Sent
		wrong.Digest[0] ^= 1
		records, kind := []channel.Sent{o.Sent, wrong}, ambassador.Frozen
		if rightLast {
			records, kind = []channel.Sent{wrong, o.Sent}, ambassador.Sent
		}
		for _, r := range records {
			s.device.Brings(s.mail(s.sent(r)), ambassador.Record)
		}
		s.device.Brings(entryMail(o.Entry), kind)
	}
}

// askedTwice lets a leader of the target ask twice, and a malicious leader too (AMB-ROT-26).
func askedTwice(w *world.World) {
	s := newSiblingStage(w)
	first := s.asked()
	s.asked()
	s.refuses(refusal.NotAllowed, s.ready(first))
	s.becomesPending()

	s = newSiblingStage(w)
	s.asked()
	s.device.Brings(s.mail(s.ready(s.asked())), ambassador.Record)
	c := commitOf(w, shim.DeviceRotate, shim.Params{Party: s.device.Party()})
	if c.Rotation == nil || !c.Rotation.List.Has(s.sibling.Device, account.Active) {
		w.Violation(verdict.Mismatch, "a device that has answered the second question", "active",
			suite.JSON(c.Rotation))
	}

	l := newLeaderStage(w)
	for i := range 2 {
		l.device.Brings(l.mail(l.leader.Record(l.device.ID(), channel.Record{
			Kind: channel.KindPrepare, Prepare: &channel.Prepare{Nonce: [32]byte{byte(i)}},
		})), ambassador.Record)
	}
	l.answersOnce([32]byte{1})
}

// answersOnce stops the test unless the device owes the leader one answer to a question, with this nonce.
func (s *leaderStage) answersOnce(nonce [32]byte) {
	r := s.owed()
	owesKind(s.World, channel.KindReady, r)
	if r.Ready.Nonce != nonce {
		s.Violation(verdict.Mismatch, "the nonce of an answer", fmt.Sprintf("%x", nonce),
			fmt.Sprintf("%x", r.Ready.Nonce))
	}
	owesKind(s.World, 0, s.owed())
}
