package hostile

import (
	"fmt"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/primitive"
	"credence/shim"
	"credence/spec/refusal"
)

// usedPrekeyReplaced lets a newcomer use the prekey of the device. Once a list carries the next one, another newcomer
// still uses the old one, which must be gone (AMB-CHN-09).
func usedPrekeyReplaced(w *world.World) {
	s := newLeaderStage(w)
	used := s.leader.List.Find(s.device.ID()).Prekey
	s.device.Brings(s.admitsNewcomer(s.leader.List), ambassador.Record)
	fresh := s.announced(used.ID)
	s.opens(s.edited(func(l *account.List) { l.Find(s.device.ID()).Prekey = fresh }))
	outdated := *s.leader.List
	outdated.Devices = slices.Clone(outdated.Devices)
	outdated.Find(s.device.ID()).Prekey = used
	s.device.Ignores(refusal.UnknownPrekey, s.admitsNewcomer(&outdated))
}

// admitsNewcomer opens an epoch with a device that has answered the link offer of a list, and returns the mail that
// introduces it.
func (s *leaderStage) admitsNewcomer(offered *account.List) []byte {
	d, introduction := newcomer(s.World, offered, s.device.ID())
	s.opens(s.edited(func(l *account.List) {
		l.Devices = append(l.Devices, account.Device{ID: d.Device, Status: account.Active, Prekey: d.Prekey()})
		l.Sort()
	}))
	return d.Carry(introduction)
}

// announced lets the device acknowledge, and returns the prekey that it announces to the leader in the place of a used
// one.
func (s *leaderStage) announced(used uint32) account.Prekey {
	fresh := s.prekeyInAck()
	if fresh == nil || fresh.ID <= used {
		s.Violation(verdict.Mismatch, "a device whose prekey was used announces no new one", "a higher prekey_id",
			suite.JSON(fresh))
	}
	return *fresh
}

// prekeyInAck lets the device acknowledge, and returns the prekey in its record to the leader, or nil if it sends none.
func (s *leaderStage) prekeyInAck() *account.Prekey {
	for _, p := range commitOf(s.World, shim.DeviceAck, shim.Params{Party: s.device.Party()}).Parcels {
		if p.Device != s.leader.Device {
			continue
		}
		r, _, err := s.leader.Open(s.leader.List, s.device.ID(), p.Body)
		if err != nil || r.Ack == nil {
			s.Violation(verdict.Mismatch, "the ack to the leader does not open", "an ack", fmt.Sprint(err))
		}
		return &r.Ack.Prekey
	}
	return nil
}

// publishedKeys are the public keys of an account that the post office has handed out, and what they were for.
type publishedKeys struct {
	*world.World
	account account.ID
	use     map[primitive.PublicKey]string
}

// epochKeysFresh rotates for every reason, and collects the keys of each epoch (AMB-ROT-13).
func epochKeysFresh(w *world.World) {
	leader := w.Register(true)
	keys := &publishedKeys{w, leader.Device.Account(), map[primitive.PublicKey]string{}}
	keys.collect("epoch 1")
	companion := w.Link(leader, true)
	keys.collect("epoch 2")
	w.Understood(leader.Rotate(ambassador.Change{}))
	keys.collect("epoch 3")
	w.Understood(leader.Rotate(ambassador.Change{Remove: []account.DeviceID{companion.Device.ID()}}))
	keys.collect("epoch 4")
}

// collect takes bundles until they come without a one-time prekey.
func (k *publishedKeys) collect(epoch string) {
	for {
		b := bundleOf(k.World, k.account)
		if b.OneTimePrekeyID == 0 {
			return
		}
		k.used(b.Statement.AmbassadorKey, "ambassador key of "+epoch)
		k.used(b.SignedPrekey, "signed prekey of "+epoch)
		k.used(b.OneTimePrekey, fmt.Sprintf("one-time prekey of %s, id %d", epoch, b.OneTimePrekeyID))
	}
}

// used stops the test if a key has another use too.
func (k *publishedKeys) used(key primitive.PublicKey, use string) {
	if other, ok := k.use[key]; ok && other != use {
		k.Violation(verdict.Mismatch, "a key is used in two places", "a new key", fmt.Sprintf("%s is %s", use, other))
	}
	k.use[key] = use
}
