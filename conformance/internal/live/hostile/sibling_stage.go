package hostile

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/shim"
	"credence/spec/refusal"
)

// siblingStage is an account whose leader is the target's and whose companion is malicious.
type siblingStage struct {
	*world.World
	leader       *world.Member
	device       *world.Device // of the leader
	sibling      *malicious.Sibling
	rotation     *channel.Rotate         // the last one that the leader has sent to the sibling
	counterparty *malicious.Counterparty // nil before they have met
}

// newSiblingStage makes the account: the leader has linked the malicious device, which knows the list.
func newSiblingStage(w *world.World) *siblingStage { return linkSibling(w, w.Register(true)) }

// linkSibling links a malicious device to the account of a leader of the target.
func linkSibling(w *world.World, leader *world.Member) *siblingStage {
	sibling, err := malicious.NewSibling(w.Random)
	w.NoFault(err)
	s := &siblingStage{World: w, leader: leader, device: leader.Target(), sibling: sibling}
	offer := w.Must(shim.DeviceOffer, shim.Params{Party: s.device.Party()})
	request, err := sibling.Request(offer.Message)
	w.Understood(err)
	w.Understood(leader.Rotate(ambassador.Change{Add: request}))
	s.readRotation()
	return s
}

// newSiblingConversation makes the account with a conversation that has begun.
func newSiblingConversation(w *world.World) *siblingStage {
	s := newSiblingStage(w)
	s.meet()
	return s
}

// meet begins a conversation of the leader with a counterparty.
func (s *siblingStage) meet() {
	counterparty, registration, err := malicious.NewCounterparty(s.leader.Device.Account(), s.Random)
	s.NoFault(err)
	s.counterparty = counterparty
	s.NoFault(s.Office.Append(registration))
	s.says("start")
}

// readRotation lets the malicious device read the rotation that has linked it.
func (s *siblingStage) readRotation() {
	for _, mail := range s.siblingMails() {
		for _, p := range parseMail(s.World, mail).Parcels {
			r, _, err := s.sibling.Open(s.sibling.List, p.Device, p.Body)
			if err == nil && r.Kind == channel.KindRotate {
				s.sibling.List, s.rotation = &r.Rotate.List, r.Rotate
			}
		}
	}
	if s.rotation == nil || s.sibling.List.Find(s.sibling.Device) == nil {
		s.Violation(verdict.Mismatch, "the leader has sent the linked device no list with it",
			"a rotate-commit", "none")
	}
}

// siblingMails returns all mails that the malicious device has got.
func (s *siblingStage) siblingMails() [][]byte {
	box, err := s.Office.Fetch(s.leader.Device.Account(), s.sibling.Device, 1)
	s.Understood(err)
	return box.Mails
}

// addressed returns a record of the malicious device to the leader, with the envelope that it should have.
func (s *siblingStage) addressed(r channel.Record) channel.Record {
	return s.sibling.Record(s.device.ID(), r)
}

// mail returns the mail of a record, whatever its envelope.
func (s *siblingStage) mail(r channel.Record) []byte {
	mail, err := s.sibling.Mail(r)
	s.NoFault(err)
	return mail
}

// ack returns an acknowledgement of the malicious device.
func (s *siblingStage) ack(claims ...channel.Claim) channel.Record {
	return s.addressed(channel.Record{
		Kind: channel.KindAck, Ack: &channel.Ack{Claims: claims, Prekey: s.sibling.Prekey()},
	})
}

// sent returns the record of an entry that the malicious device says it has sent.
func (s *siblingStage) sent(sent channel.Sent) channel.Record {
	return s.addressed(channel.Record{Kind: channel.KindSent, Sent: &sent})
}

// refuses stops the test unless the leader refuses a record, without a change.
func (s *siblingStage) refuses(class refusal.Class, r channel.Record) {
	s.device.Ignores(class, s.mail(r))
}

// goesOn stops the test unless the leader still takes an honest record.
func (s *siblingStage) goesOn() { s.device.Brings(s.mail(s.ack()), ambassador.Record) }

// says sends an entry of the counterparty, a start if it is the first, which the leader has to read.
func (s *siblingStage) says(text string) {
	if s.counterparty.Talk.Session != nil {
		s.device.Brings(entryMail(s.nextEntry(text)), ambassador.Message)
		return
	}
	o, err := s.counterparty.Say(text, bundleOf(s.World, s.leader.Device.Account()))
	s.Understood(err)
	s.counterparty.Sent(o)
	s.device.Brings(entryMail(o.Entry), ambassador.Message)
}

// nextEntry returns the next entry of the counterparty in a session that exists.
func (s *siblingStage) nextEntry(text string) []byte {
	o, err := s.counterparty.Say(text, nil)
	s.NoFault(err)
	s.counterparty.Sent(o)
	return o.Entry
}

// claim returns what the leader would claim of the conversation with the counterparty.
func (s *siblingStage) claim() channel.Claim {
	peer := s.counterparty.Account()
	state := s.State(s.leader, peer)
	return channel.Claim{
		Head:   channel.Head{Peer: peer, Seq: state.Seq, Head: s.hash("head", state.Head)},
		Digest: s.hash("digest", state.Digest),
	}
}

// hash returns a hash of a device.status of the target.
func (s *siblingStage) hash(what, value string) [32]byte {
	if len(value) != sha256.Size {
		s.Violation(verdict.Protocol, "device.status: "+what, "32 bytes", fmt.Sprintf("%d bytes", len(value)))
	}
	return [32]byte([]byte(value))
}

// standsStill stops the test unless the leader neither sends nor reads in the conversation (AMB-SYN-06).
func (s *siblingStage) standsStill() { s.standsStillAt(s.claim()) }

// standsStillAt is standsStill where the place that differs is known.
func (s *siblingStage) standsStillAt(dispute channel.Claim) {
	peer := s.counterparty.Account()
	s.RefuseUnchanged(refusal.Frozen, shim.DeviceSend, shim.Params{
		Party: s.device.Party(), Account: peer[:], Plaintext: []byte("frozen"),
	})
	for range 2 {
		s.device.Brings(entryMail(s.nextEntry("not read")), ambassador.Frozen)
	}
	s.claimsDispute(dispute)
	if s.State(s.leader, peer).Problem == "" {
		s.Violation(verdict.Mismatch, "device.status does not say that the conversation stands still",
			"a problem", "none")
	}
}

// claimsDispute stops the test unless the leader owes the siblings an acknowledgement that claims the conversation
// which is frozen, as it stood at the place that differs (AMB-SYN-18).
func (s *siblingStage) claimsDispute(dispute channel.Claim) {
	c := parcelCommitOf(s.World, "an acknowledgement", shim.DeviceUpkeep, shim.Params{Party: s.device.Party()})
	record, _, err := s.sibling.Open(s.sibling.List, s.device.ID(), c.Parcels[0].Body)
	if err != nil || record.Ack == nil {
		s.Violation(verdict.Mismatch, "the record of an acknowledgement", "ack", fmt.Sprint(err))
	}
	if want := []channel.Claim{dispute}; !slices.Equal(record.Ack.Claims, want) {
		s.Violation(verdict.Mismatch, "what is claimed of a conversation that is frozen", fmt.Sprint(want),
			fmt.Sprint(record.Ack.Claims))
	}
}
