package hostile

import (
	"credence/conformance/internal/live/exported"
	"credence/conformance/internal/world"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/shim"
)

// leaderStage is an account whose leader is malicious and whose companion is the target's.
type leaderStage struct {
	*world.World
	leader       *malicious.Sibling
	device       *world.Device
	handed       *channel.Rotate    // the last one that the device has read
	keys         *account.EpochKeys // of the newest epoch
	bundle       *account.Bundle
	counterparty *malicious.Counterparty // nil before they have met
}

// newLeaderStage makes the account: the malicious leader has linked the target's device.
func newLeaderStage(w *world.World) *leaderStage {
	s, list := requestLink(w)
	s.opens(list)
	return s
}

// requestLink lets the device ask the leader to link it, and returns the list with it, whose epoch is still to be
// opened.
func requestLink(w *world.World) (*leaderStage, *account.List) {
	leader, err := malicious.NewLeader(w.Random)
	w.NoFault(err)
	s := &leaderStage{World: w, leader: leader, device: w.NewDevice()}
	request, err := s.device.Request(leader.Offer(), nil)
	w.Understood(err)
	list, err := leader.Admit(request)
	w.Understood(err)
	return s, list
}

// newLeaderConversation makes the account with a conversation that has begun.
func newLeaderConversation(w *world.World) *leaderStage {
	s := newLeaderStage(w)
	s.meet()
	s.hears()
	return s
}

// meet makes a counterparty, which has not spoken yet.
func (s *leaderStage) meet() {
	counterparty, _, err := malicious.NewCounterparty(s.leader.List.Account, s.Random)
	s.NoFault(err)
	s.counterparty = counterparty
}

// mail returns the mail of a record of the leader.
func (s *leaderStage) mail(r channel.Record) []byte {
	mail, err := s.leader.Mail(r)
	s.NoFault(err)
	return mail
}

// rotation returns the record that hands the device the epoch of a list.
func (s *leaderStage) rotation(list *account.List) channel.Record {
	r, _, _, err := s.leader.Rotation(s.device.ID(), list)
	s.NoFault(err)
	return r
}

// edited returns the list of the next epoch after a change, signed.
func (s *leaderStage) edited(edit func(list *account.List)) *account.List {
	list := s.leader.Next()
	edit(list)
	list.Sign(s.leader.Key)
	return list
}

// opens hands the device the epoch of a list, which it has to open.
func (s *leaderStage) opens(list *account.List, cuts ...channel.Head) {
	s.handsOver(list, cuts, ambassador.Record, ambassador.Rotated)
}

// handsOver hands the device the epoch of a list, which has to bring exactly these kinds of event.
func (s *leaderStage) handsOver(list *account.List, cuts []channel.Head, kinds ...ambassador.EventKind) {
	r, keys, bundle, err := s.leader.Rotation(s.device.ID(), list)
	s.NoFault(err)
	s.device.Brings(withCuts(s.World, s.mail(r), cuts), kinds...)
	s.leader.List, s.handed, s.keys, s.bundle = list, r.Rotate, keys, bundle
}

// hears lets the device read the next entry of the counterparty: a start if there is none under the newest epoch.
func (s *leaderStage) hears() {
	bundle := s.bundle
	talk := &s.counterparty.Talk
	if talk.Session != nil && talk.PeerStatement.Epoch == s.keys.Statement.Epoch {
		bundle = nil
	}
	o, err := s.counterparty.Say("hello", bundle)
	s.NoFault(err)
	s.counterparty.Sent(o)
	s.device.Brings(entryMail(o.Entry), ambassador.Message)
}

// cut returns where the conversation with the counterparty stands.
func (s *leaderStage) cut() channel.Head {
	c := s.counterparty
	return channel.Head{Peer: c.Account(), Seq: c.Talk.Seq, Head: c.Talk.Head}
}

// state returns the exported state of the device.
func (s *leaderStage) state() []byte { return s.Export(shim.DeviceExport, s.device.Party()) }

// needsSearchable skips the test if the export hides even the keys of the current epoch.
func (s *leaderStage) needsSearchable() {
	exported.NeedsSearchable(s.T, s.state(), s.keys.Ambassador.Bytes())
}
