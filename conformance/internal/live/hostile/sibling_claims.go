package hostile

import (
	"bytes"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/conversation"
	"credence/shim"
)

func falseClaims(w *world.World) {
	for _, falsify := range []func(c *channel.Claim){
		func(c *channel.Claim) { c.Head.Head[0] ^= 1 },
		func(c *channel.Claim) { c.Digest[31] ^= 1 },
	} {
		s := newSiblingConversation(w)
		c := s.claimsTruth()
		falsify(&c)
		s.device.Brings(s.mail(s.ack(c)), ambassador.Record, ambassador.Frozen)
		s.standsStill()
	}
	falseClaimAhead(w)
}

// falseClaimAhead claims the entry after the next: the conversation goes on to it, and freezes there.
func falseClaimAhead(w *world.World) {
	s := newSiblingConversation(w)
	c := s.claimsTruth()
	c.Seq += 2
	s.device.Brings(s.mail(s.ack(c)), ambassador.Record)
	s.says("one more")
	s.device.Brings(entryMail(s.nextEntry("the claimed one")), ambassador.Message, ambassador.Frozen)
	s.standsStill()
}

// lateClaims brings claims about places that the leader has passed (AMB-SYN-17): what agrees changes nothing, what
// differs freezes the conversation, in claims and in sent records, and at the first place of an epoch too.
func lateClaims(w *world.World) {
	for _, passed := range []uint64{1, 2, 4} {
		for _, falsify := range []func(c *channel.Claim){
			func(c *channel.Claim) { c.Head.Head[31] ^= 1 },
			func(c *channel.Claim) { c.Digest[0] ^= 1 },
		} {
			for _, asSent := range []bool{false, true} {
				lateClaim(w, passed, falsify, asSent)
			}
		}
	}
}

func lateClaim(w *world.World, passed uint64, falsify func(c *channel.Claim), asSent bool) {
	lateClaimWith(newSiblingConversation(w), passed, falsify, asSent, func() {})
}

// lateClaimsRestarted is lateClaims with a restart of the leader before each claim, and before the siblings are told.
func lateClaimsRestarted(w *world.World) {
	for _, asSent := range []bool{false, true} {
		s := newSiblingConversation(w)
		lateClaimWith(s, 2, func(c *channel.Claim) { c.Digest[0] ^= 1 }, asSent, func() {
			w.Restart(s.leader)
			_, err := s.device.CaughtUp(w.Commits(s.leader))
			w.Understood(err)
		})
	}
}

// lateClaimWith calls between before each claim, and after the last.
func lateClaimWith(
	s *siblingStage, passed uint64, falsify func(c *channel.Claim), asSent bool, between func(),
) {
	places := []channel.Claim{s.claim()}
	for range 4 {
		s.says("goes on")
		places = append(places, s.claim())
	}
	between()
	late := places[passed-1]
	s.device.Brings(s.mail(s.claiming(late, asSent)), ambassador.Record)
	s.standsAt(5)
	between()
	later := places[passed]
	falsify(&later)
	s.device.Brings(s.mail(s.claiming(later, asSent)), ambassador.Record, ambassador.Frozen)
	between()
	s.standsStillAt(places[passed])
}

// claiming returns a record that claims a place: an ack, or a sent record.
func (s *siblingStage) claiming(c channel.Claim, asSent bool) channel.Record {
	if !asSent {
		return s.ack(c)
	}
	return s.sent(channel.Sent{Peer: c.Peer, Seq: c.Seq, Head: c.Head.Head, Digest: c.Digest})
}

// forgottenPlace claims a place that the leader need not remember, because the claim is older than any other that it
// could get from an honest post office (AMB-SYN-17).
func forgottenPlace(w *world.World) {
	s := newSiblingConversation(w)
	first := s.claim()
	const remembered = 1000
	var early channel.Claim
	for i := range remembered + 1 {
		s.says("goes on")
		if i == 2 {
			early = s.claim()
		}
	}
	copied := w.Import(w.Export(shim.DeviceExport, s.device.Party())) // which hears of a place that is remembered
	copied.Brings(s.mail(s.ack(early)), ambassador.Record)
	s.device.Brings(s.mail(s.ack(first)), ambassador.Record, ambassador.Frozen)
}

// claimedOnce lets a sibling claim a place, and an earlier one after it: what every sibling has passed is forgotten.
func claimedOnce(w *world.World) {
	for _, restarts := range []bool{false, true} {
		claimedOnceWith(w, restarts)
	}
}

func claimedOnceWith(w *world.World, restarts bool) {
	s := newSiblingConversation(w)
	first := s.claim()
	s.says("goes on")
	s.device.Brings(s.mail(s.ack(s.claim())), ambassador.Record)
	if restarts {
		w.Restart(s.leader)
	}
	first.Digest[9] ^= 1
	s.device.Brings(s.mail(s.ack(first)), ambassador.Record)
	s.standsAt(2)
}

// slowSibling has two siblings, of which one claims a place and the other one, later, the place before it: which the
// leader still knows (AMB-SYN-17).
func slowSibling(w *world.World) {
	fast := newSiblingStage(w)
	slow := linkSibling(w, fast.leader)
	fast.readRotation()
	fast.meet()
	first := fast.claim()
	fast.says("goes on")
	fast.device.Brings(fast.mail(fast.ack(fast.claim())), ambassador.Record)
	fast.device.Brings(slow.mail(slow.ack(first)), ambassador.Record)
	fast.standsAt(2)
}

// claimedCut claims the place at which an epoch begins, as it is and as it is not (AMB-SYN-17).
func claimedCut(w *world.World) {
	s := newLeaderConversation(w)
	cut := s.cut()
	s.opens(s.leader.Next(), cut)
	talk := conversation.New(s.leader.List.Account, cut.Peer)
	talk.Seq, talk.Head = cut.Seq, cut.Head
	claim := channel.Claim{Head: cut, Digest: talk.Digest()}
	claims := func(kinds ...ambassador.EventKind) {
		ack := s.leader.Record(s.device.ID(), channel.Record{
			Kind: channel.KindAck, Ack: &channel.Ack{Claims: []channel.Claim{claim}, Prekey: s.leader.Prekey()},
		})
		s.device.Brings(s.mail(ack), kinds...)
	}
	s.counterparty.Talk = s.counterparty.Talk.Cut()
	s.hears()
	claims(ambassador.Record)
	s.opens(s.leader.Next(), s.cut())
	claim.Head = s.cut()
	claims(ambassador.Record, ambassador.Frozen) // the digest is that of the cut before
}

// claimsOfTwo has two malicious devices that both claim something else of the next entry. What the leader makes of it
// must not depend on which of them it looks at first (AMB-INV-04): copies of its state that read the entry stay equal.
func claimsOfTwo(w *world.World) {
	first := newSiblingStage(w)
	second := linkSibling(w, first.leader)
	first.readRotation()
	first.meet()
	for i, s := range []*siblingStage{first, second} {
		c := first.claim()
		c.Seq, c.Digest = c.Seq+1, [32]byte{byte(i)}
		first.device.Brings(s.mail(s.ack(c)), ambassador.Record)
	}
	state := w.Export(shim.DeviceExport, first.device.Party())
	entry := entryMail(first.nextEntry("the claimed one"))
	var before []byte
	for range 64 { // a choice that is drawn may fall the same way many times
		d := w.Import(state)
		d.Brings(entry, ambassador.Message, ambassador.Frozen)
		after := w.Export(shim.DeviceExport, d.Party())
		if before != nil && !bytes.Equal(before, after) {
			w.Violation(
				verdict.Mismatch, "the same state and the same mail give two states", "equal exports",
				"exports that differ",
			)
		}
		before = after
	}
}

// claimsTruth lets the malicious device claim what the leader knows, and returns the claim.
func (s *siblingStage) claimsTruth() channel.Claim {
	c := s.claim()
	s.device.Brings(s.mail(s.ack(c)), ambassador.Record)
	return c
}

// acksUnanswered lets an honest companion acknowledge many times (AMB-SYN-04).
func acksUnanswered(w *world.World) {
	alice := w.Account(world.Cast{Target: []bool{true, false}})
	leader, companion := alice[0], alice[1]
	w.Sync(alice)
	for range 60 {
		w.Understood(companion.Ack())
		w.Sync(alice)
	}
	for _, mail := range w.Unread(companion, 0) {
		m := parseMail(w, mail)
		if m.Device == leader.Device.ID() && len(m.Parcels) > 0 && m.Position > 1 { // the first one links the companion
			w.Violation(verdict.Mismatch, "acknowledgements are answered with acknowledgements",
				"nothing", "a record of the leader")
		}
	}
}
