package hostile

import (
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/ambassador"
	"credence/reference/channel"
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
