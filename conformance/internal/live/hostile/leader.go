package hostile

import (
	"slices"

	"credence/conformance/internal/world"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/conversation"
	"credence/spec/refusal"
)

// wrongRotations breaks one rule of a rotation at a time, in the list, which is signed anew, or in what comes with it.
func wrongRotations(w *world.World) {
	s := newLeaderStage(w)
	id := s.device.ID()
	other, err := account.GenerateKey(w.Random)
	w.NoFault(err)
	asItShould := func(*account.List) {}
	for _, wrong := range []struct {
		class  refusal.Class
		list   func(l *account.List)
		rotate func(r *channel.Rotate)
	}{
		{refusal.StaleEpoch, func(l *account.List) { l.Epoch-- }, nil}, // the current one
		{refusal.StaleEpoch, func(l *account.List) { l.Epoch -= 2 }, nil},
		{refusal.BadSignature, asItShould, func(r *channel.Rotate) { r.List.Signature[3] ^= 1 }},
		{refusal.BadSignature, asItShould, func(r *channel.Rotate) { r.List.Sign(other) }},
		{refusal.NotAllowed, func(l *account.List) { remove(l, id) }, nil},
		{refusal.NotAllowed, func(l *account.List) { l.Find(id).Status = account.Pending }, nil},
		{refusal.NotAllowed, func(l *account.List) { l.Account = account.IDOf(other) }, nil},
		{refusal.BadSignature, asItShould, func(r *channel.Rotate) { r.Statement.Signature[9] ^= 1 }},
		{refusal.NotAllowed, asItShould, func(r *channel.Rotate) {
			r.Statement.Epoch++
			r.Statement.Sign(s.leader.Key)
		}},
		{refusal.NotAllowed, asItShould, func(r *channel.Rotate) { r.AmbassadorPrivate[5] ^= 1 }},
	} {
		r := s.rotation(s.edited(wrong.list))
		if wrong.rotate != nil {
			wrong.rotate(r.Rotate)
		}
		s.device.Ignores(wrong.class, s.mail(r))
	}
	s.opens(s.edited(func(l *account.List) { l.Epoch += 4 }))
}

// remove takes a device off a list.
func remove(l *account.List, id account.DeviceID) {
	l.Devices = slices.DeleteFunc(l.Devices, func(d account.Device) bool { return d.ID == id })
}

func earlierRotation(w *world.World) {
	s := newLeaderStage(w)
	earlier := s.leader.List
	s.opens(s.leader.Next())
	s.device.Ignores(refusal.StaleEpoch, s.mail(s.rotation(earlier)))
	r := s.rotation(s.leader.Next())
	r.Epoch = earlier.Epoch
	s.device.Ignores(refusal.StaleEpoch, s.mail(r))
}

// cuts hands over cuts of the conversation (AMB-ROT-04).
func cuts(w *world.World) {
	for _, test := range []struct {
		change  func(cut *channel.Head)
		freezes bool
	}{
		{func(*channel.Head) {}, false},
		{func(cut *channel.Head) { cut.Seq += 5; cut.Head[0] ^= 1 }, false}, // entries that were not delivered
		{func(cut *channel.Head) { cut.Head[0] ^= 1 }, true},
		{func(cut *channel.Head) { cut.Seq-- }, true},
	} {
		s := newLeaderConversation(w)
		s.hears()
		cut := s.cut()
		test.change(&cut)
		if test.freezes {
			s.handsOver(s.leader.Next(), []channel.Head{cut}, ambassador.Record, ambassador.Rotated, ambassador.Frozen)
			continue
		}
		s.opens(s.leader.Next(), cut)
		s.counterparty.Talk.Seq, s.counterparty.Talk.Head = cut.Seq, cut.Head
		s.hears()
	}
}

// frozenAtFirstEntry lets the leader send the account's first entry to a counterparty with a false digest.
func frozenAtFirstEntry(w *world.World) {
	s := newLeaderStage(w)
	s.meet()
	talk := conversation.New(s.leader.List.Account, s.counterparty.Account())
	o, err := talk.Start(s.keys, s.counterparty.Bundle(), []byte("own"), w.Random)
	w.NoFault(err)
	o.Sent.Digest[0] ^= 1
	sent := s.leader.Record(s.device.ID(), channel.Record{Kind: channel.KindSent, Sent: &o.Sent})
	s.device.Brings(withEntry(w, s.mail(sent), o.Entry), ambassador.Record, ambassador.Frozen)
	s.counterparty.Spoiled(o.Entry)
	s.opens(s.leader.Next(), s.cut())
	s.hears()
}
