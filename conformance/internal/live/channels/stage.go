package channels

import (
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/shim"
	"credence/spec/refusal"
)

// stage is a device of the target and a peer, the reference's, on one device list. The peer leads, and starts the
// channel.
type stage struct {
	*world.World
	party  string // the name of the target's device
	target account.Device
	peer   *channel.Channels
	list   *account.List
}

// open makes both devices and their list.
func open(w *world.World) *stage {
	s := &stage{World: w, party: "target"}
	r := w.Must(shim.ChannelNew, shim.Params{Party: s.party})
	if err := codec.Decode(r.Device, &s.target); err != nil {
		w.Violation(verdict.Mismatch, "channel.new gives no Device", "133 bytes", err.Error())
	}
	s.peer = s.newPeer()
	s.newList()
	if err := s.peer.Connect(&s.target, w.Random); err != nil {
		w.Violation(verdict.Mismatch, "the prekey of the target's device is refused by the reference",
			"a Device", err.Error())
	}
	return s
}

// newPeer makes a device of the reference without a channel.
func (s *stage) newPeer() *channel.Channels {
	c, err := channel.New(s.Random)
	s.NoFault(err)
	return c
}

// newList makes the account and its list, with both devices active.
func (s *stage) newList() {
	key, err := account.GenerateKey(s.Random)
	s.NoFault(err)
	s.list = &account.List{Account: account.IDOf(key), Epoch: 4, Leader: s.peer.Device, Devices: []account.Device{
		s.target, {ID: s.peer.Device, Status: account.Active, Prekey: s.peer.Prekey()},
	}}
	s.list.Sort()
	s.list.Sign(key)
}

// ledByTarget returns a copy of the list on which the target's device leads.
func (s *stage) ledByTarget() *account.List {
	list := *s.list
	list.Leader = s.target.ID
	return &list
}

// toTarget returns a record with the envelope of one from the peer to the target's device.
func (s *stage) toTarget(r channel.Record) channel.Record {
	r.Account, r.Epoch, r.Sender, r.Receiver = s.list.Account, s.list.Epoch, s.peer.Device, s.target.ID
	return r
}

// toPeer is toTarget in the other direction.
func (s *stage) toPeer(r channel.Record) channel.Record {
	r = s.toTarget(r)
	r.Sender, r.Receiver = r.Receiver, r.Sender
	return r
}

// seal lets the peer seal a record, and returns the channel message.
func (s *stage) seal(r channel.Record) []byte {
	message, err := s.peer.Seal(&r, s.Random)
	s.NoFault(err)
	return message
}

// sealAnyway lets the peer seal a record in the channel to the target, whichever receiver it names.
func (s *stage) sealAnyway(r channel.Record) []byte {
	message, next, err := malicious.SealTo(s.peer, s.target.ID, r, s.Random)
	s.NoFault(err)
	s.peer = next
	return message
}

// opening returns the parameters with which the target opens a message of the peer.
func (s *stage) opening(list *account.List, message []byte) shim.Params {
	return shim.Params{Party: s.party, List: codec.MustEncode(list), Device: s.peer.Device[:], Message: message}
}

// opens stops the test unless the target opens a message and finds the record.
func (s *stage) opens(opening shim.Params, r channel.Record) {
	s.Equal("record", codec.MustEncode(&r), s.Must(shim.ChannelOpen, opening).Record)
}

// refuses stops the test unless the target refuses a message, without a change.
func (s *stage) refuses(class refusal.Class, opening shim.Params) {
	s.RefuseUnchanged(class, shim.ChannelOpen, opening)
}

// targetReads lets the target open a record of the peer.
func (s *stage) targetReads(r channel.Record) { s.opens(s.opening(s.list, s.seal(r)), r) }

// peerReads lets the target seal a record, which the peer has to open.
func (s *stage) peerReads(r channel.Record) {
	encoded := codec.MustEncode(&r)
	sealed := s.Must(shim.ChannelSeal, shim.Params{Party: s.party, Record: encoded})
	got, _, err := s.peer.Open(s.ledByTarget(), s.target.ID, sealed.Message) // a leader may send every kind
	if err != nil {
		s.Violation(verdict.Mismatch, "a channel message of the target is refused by the reference",
			"opened", err.Error())
	}
	s.Equal("record that the reference opens", encoded, codec.MustEncode(got))
}
