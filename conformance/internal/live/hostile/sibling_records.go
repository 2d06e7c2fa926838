package hostile

import (
	"fmt"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/shim"
	"credence/spec/refusal"
)

func leaderRecordsOfCompanion(w *world.World) {
	s := newSiblingStage(w)
	key, err := account.GenerateKey(w.Random)
	w.NoFault(err)
	s.sibling.Key = key // not the account's
	rotation, _, _, err := s.sibling.Rotation(s.device.ID(), s.sibling.Next())
	w.NoFault(err)
	s.refuses(refusal.NotAllowed, rotation)
	s.refuses(refusal.NotAllowed, s.addressed(channel.Record{Kind: channel.KindList, List: s.sibling.Next()}))
	s.refuses(refusal.NotAllowed, s.addressed(channel.Record{Kind: channel.KindPrepare, Prepare: &channel.Prepare{}}))
	s.goesOn()
}

func wrongEnvelopes(w *world.World) {
	s := newSiblingStage(w)
	for _, wrong := range []struct {
		class  refusal.Class
		change func(r *channel.Record)
	}{
		{refusal.NotAllowed, func(r *channel.Record) { r.Account[0] ^= 1 }},     // AMB-CHN-03
		{refusal.NotAllowed, func(r *channel.Record) { r.Sender[0] ^= 1 }},      // AMB-CHN-04
		{refusal.NotAllowed, func(r *channel.Record) { r.Sender = r.Receiver }}, // AMB-CHN-04
		{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch-- }},             // AMB-CHN-08
		{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch++ }},             // AMB-CHN-08
	} {
		r := s.ack()
		wrong.change(&r)
		s.refuses(wrong.class, r)
	}
	mail, err := s.sibling.Misdirected(s.ack()) // AMB-CHN-05
	w.NoFault(err)
	s.device.Ignores(refusal.NotAllowed, mail)
	s.goesOn()
}

func wrongBatches(w *world.World) {
	s := newSiblingStage(w)
	for _, ids := range []struct{ signed, firstOneTime uint32 }{{1, 1}, {3, 41}, {2, 41}, {2, 1}, {3, 21}} {
		s.refuses(refusal.StaleEpoch, s.addressed(channel.Record{
			Kind:    channel.KindPrekeys,
			Prekeys: &channel.Prekeys{SignedPrekeyID: ids.signed, FirstOneTimeID: ids.firstOneTime},
		}))
	}
	s.goesOn()
}

// wrongPrekeys lets the malicious device send prekeys that it has not signed (AMB-CHN-10), to a leader and to a
// companion.
func wrongPrekeys(w *world.World) {
	s := newSiblingStage(w)
	ack := s.ack()
	ack.Ack.Prekey.Signature[5] ^= 1
	s.refuses(refusal.BadSignature, ack)
	s.goesOn()
	ready := s.ready(s.asked())
	ready.Ready.Prekey.Key[5] ^= 1
	s.refuses(refusal.BadSignature, ready) // opens the chain
	s.becomesPending()

	l := newLeaderStage(w)
	ack = l.leader.Record(l.device.ID(), channel.Record{
		Kind: channel.KindAck, Ack: &channel.Ack{Prekey: l.leader.Prekey()},
	})
	good := l.mail(ack)
	ack.Ack.Prekey.Signature[5] ^= 1
	l.device.Ignores(refusal.BadSignature, l.mail(ack))
	l.device.Brings(good, ambassador.Record)
}

// wrongAnswers lets the malicious device answer rotate-prepare before it was asked, with a nonce that nobody has sent,
// and too late in its chain (AMB-ROT-07).
func wrongAnswers(w *world.World) {
	s := newSiblingStage(w)
	s.refuses(refusal.NotAllowed, s.ready([32]byte{}))
	s.goesOn() // the question then comes in a new chain, and the first answer opens one
	nonce := s.asked()
	s.refuses(refusal.NotAllowed, s.ready([32]byte{1})) // opens the chain
	s.refuses(refusal.NotAllowed, s.ready(nonce))       // is not the first of its chain
	s.becomesPending()
}

// ready returns an answer to rotate-prepare.
func (s *siblingStage) ready(nonce [32]byte) channel.Record {
	return s.addressed(channel.Record{
		Kind: channel.KindReady, Ready: &channel.Ready{Nonce: nonce, Prekey: s.sibling.Prekey()},
	})
}

// asked lets the leader ask the malicious device to heal, and returns the nonce of the question.
func (s *siblingStage) asked() [32]byte {
	s.Understood(s.leader.Prepare(nil))
	m := parseMail(s.World, newest(s.World, s.siblingMails()))
	if len(m.Parcels) == 0 {
		s.noQuestion("no parcel")
	}
	r, _, err := s.sibling.Open(s.sibling.List, m.Parcels[0].Device, m.Parcels[0].Body)
	if err != nil || r.Kind != channel.KindPrepare {
		s.noQuestion(fmt.Sprint(r, err))
	}
	return r.Prepare.Nonce
}

func (s *siblingStage) noQuestion(got string) {
	s.Violation(verdict.Mismatch, "device.prepare does not send the device a rotate-prepare", "a record of kind 5", got)
}

// becomesPending stops the test unless the leader's next list has the malicious device pending (AMB-ROT-06).
func (s *siblingStage) becomesPending() {
	c, err := parseCommit(s.Must(shim.DeviceRotate, shim.Params{Party: s.device.Party()}).Message)
	if err != nil || c.Rotation == nil {
		s.Violation(verdict.Mismatch, "device.rotate gives no commit of a rotation", "a Commit", fmt.Sprint(err))
	}
	if !c.Rotation.List.Has(s.sibling.Device, account.Pending) {
		s.Violation(verdict.Mismatch, "a device whose answer was refused is not pending", "status 2",
			suite.JSON(c.Rotation.List))
	}
}
