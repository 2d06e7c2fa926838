package hostile

import (
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/shim"
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

// rotationDrops lets a rotation come while the device has a commit under way, which it drops and reports
// (AMB-SYN-19).
func rotationDrops(w *world.World) {
	s := newLeaderConversation(w)
	peer := s.counterparty.Account()
	w.Must(shim.DeviceSend, shim.Params{Party: s.device.Party(), Account: peer[:], Plaintext: []byte("too late")})
	r, keys, bundle, err := s.leader.Rotation(s.device.ID(), s.leader.Next())
	w.NoFault(err)
	events := s.device.Events(withCuts(w, s.mail(r), []channel.Head{s.cut()}))
	i := slices.IndexFunc(events, func(e shim.Event) bool { return e.Kind == string(ambassador.Dropped) })
	if i < 0 || string(events[i].Account) != string(peer[:]) || events[i].Seq != 2 {
		w.Violation(verdict.Mismatch, "the events of a rotation that drops entry 2", "dropped, with account and seq",
			suite.JSON(events))
	}
	s.leader.List, s.keys, s.bundle = &r.Rotate.List, keys, bundle
	s.counterparty.Talk = s.counterparty.Talk.Cut()
	s.hears()
}

// unreadOfOthers hands a device that is not new what the leader has to report: it has its own (AMB-ROT-11).
func unreadOfOthers(w *world.World) {
	s := newLeaderConversation(w)
	o, err := s.counterparty.Say("cannot be read", nil)
	w.NoFault(err)
	noise := damaged(w, o.Entry)
	s.counterparty.Spoiled(noise)
	s.device.Brings(entryMail(noise), ambassador.Void)
	r, _, _, err := s.leader.Rotation(s.device.ID(), s.leader.Next())
	w.NoFault(err)
	c := s.counterparty
	r.Rotate.Unread = []channel.Unread{{Peer: c.Account(), Ranges: []channel.Range{place(1)}}}
	s.device.Brings(withCuts(w, s.mail(r), []channel.Head{s.cut()}), ambassador.Record, ambassador.Rotated)
	c.Talk = c.Talk.Cut()
	peer := c.Account()
	sent := w.Must(shim.DeviceSend, shim.Params{
		Party: s.device.Party(), Account: peer[:], Plaintext: []byte("names its own"),
		PeerBundle: codec.MustEncode(c.Bundle()),
	})
	names(w, c, sent.Message, true, place(2))
}

// newDeviceIsTold lets the counterparty name places from before the device was linked: they count as told, and what
// comes later does not (AMB-ROT-11).
func newDeviceIsTold(w *world.World) {
	s, list := requestLink(w)
	s.meet()
	c := s.counterparty
	c.Talk.Seq, c.Talk.Head = 4, [32]byte{1}
	s.opens(list, s.cut())
	says := func(bundle *account.Bundle, named []channel.Range, kinds ...ambassador.EventKind) {
		c.Talk.Reports.Unread = named
		o, err := c.Say("names", bundle)
		w.NoFault(err)
		c.Sent(o)
		s.device.Brings(entryMail(o.Entry), kinds...)
	}
	says(s.bundle, []channel.Range{run(2, 3)}, ambassador.Message)
	says(nil, []channel.Range{run(2, 5)}, ambassador.Message, ambassador.Undelivered)
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
