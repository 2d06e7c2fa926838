package hostile

import (
	"credence/conformance/internal/world"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/shim"
	"credence/spec/refusal"
)

// firstContact is an account of one device, the target's, in its second epoch, and a counterparty that is about to
// write to it.
type firstContact struct {
	*world.World
	device       *world.Device
	bundle       *account.Bundle
	counterparty *malicious.Counterparty
}

func newFirstContact(w *world.World) *firstContact {
	leader := w.Register(true)
	w.Understood(leader.Rotate(ambassador.Change{}))
	bundle := bundleOf(w, leader.Device.Account())
	counterparty, _, err := malicious.NewCounterparty(leader.Device.Account(), w.Random)
	w.NoFault(err)
	return &firstContact{w, leader.Target(), bundle, counterparty}
}

// start returns a start that names an epoch of the recipient.
func (f *firstContact) start(epoch uint32, text string) []byte {
	entry, err := f.counterparty.StartTo(epoch, f.bundle, text)
	f.Understood(err)
	return entry
}

// isVoid stops the test unless an entry is void on the device.
func (f *firstContact) isVoid(entry []byte) {
	f.device.Brings(entryMail(entry), ambassador.Void)
	f.counterparty.Spoiled(entry)
}

// goesOn stops the test unless the device reads a genuine start.
func (f *firstContact) goesOn() {
	o, err := f.counterparty.Say("genuine", f.bundle)
	f.Understood(err)
	f.device.Brings(entryMail(o.Entry), ambassador.Message)
}

func startsToOtherEpochs(w *world.World) {
	f := newFirstContact(w)
	for _, epoch := range []uint32{1, 3} {
		f.isVoid(f.start(epoch, "to another epoch"))
	}
	f.goesOn()
}

// damagedStart must not use up the one-time prekey that it names (AMB-LOG-08).
func damagedStart(w *world.World) {
	f := newFirstContact(w)
	f.isVoid(damaged(w, f.start(f.bundle.Statement.Epoch, "damaged")))
	f.goesOn()
}

// damaged returns an entry whose message does not authenticate.
func damaged(w *world.World, entry []byte) []byte {
	changed, err := malicious.Changed(entry, func(e *conversation.Entry) { e.Message[len(e.Message)-1] ^= 1 })
	w.NoFault(err)
	return changed
}

func manyVoidEntries(w *world.World) {
	s := newLeaderConversation(w)
	for range 150 {
		o, err := s.counterparty.Say("noise", nil)
		w.NoFault(err)
		entry := damaged(w, o.Entry)
		s.device.Brings(entryMail(entry), ambassador.Void)
		s.counterparty.Spoiled(entry)
	}
	s.hears()
}

// secondKeyOfEpoch offers the device a bundle with another ambassador key than the one that it knows for the
// counterparty's epoch (AMB-ACC-09).
func secondKeyOfEpoch(w *world.World) {
	s := newLeaderConversation(w)
	c := s.counterparty
	keys, publication, err := account.NewEpoch(c.Key, c.Keys.Statement.Epoch, w.Random)
	w.NoFault(err)
	s.opens(s.leader.Next(), s.cut())
	peer := c.Account()
	w.RefuseUnchanged(refusal.NotAllowed, shim.DeviceSend, shim.Params{
		Party: s.device.Party(), Account: peer[:], Plaintext: []byte("no"),
		PeerBundle: codec.MustEncode(&account.Bundle{
			Statement: keys.Statement, SignedPrekeyID: 1, SignedPrekey: publication.SignedPrekey,
			PrekeySignature: publication.PrekeySignature,
		}),
	})
}

// recordAsText lets the counterparty send the bytes of records as texts, and start a channel to the device with the
// prekey that a list shows.
func recordAsText(w *world.World) {
	s := newLeaderConversation(w)
	id := s.device.ID()
	sent := channel.Record{Kind: channel.KindSent, Sent: &channel.Sent{Peer: s.counterparty.Account(), Seq: 9}}
	rotation := s.rotation(s.leader.Next())
	before := s.list()
	for _, r := range []channel.Record{rotation, s.leader.Record(id, sent)} {
		o, err := s.counterparty.Say(string(codec.MustEncode(&r)), nil)
		w.NoFault(err)
		s.counterparty.Sent(o)
		s.device.Brings(entryMail(o.Entry), ambassador.Message)
	}
	w.Equal("device list", before, s.list())

	stranger, err := malicious.NewSibling(w.Random)
	w.NoFault(err)
	stranger.List = s.leader.List
	w.Understood(stranger.Connect(s.leader.List.Find(id), w.Random))
	mail, err := stranger.Mail(stranger.Record(id, sent))
	w.NoFault(err)
	s.device.Ignores(refusal.NotAllowed, mail) // AMB-CHN-01
	s.hears()
}

// list returns the device list that the device shows.
func (s *leaderStage) list() []byte {
	return s.Must(shim.DeviceStatus, shim.Params{Party: s.device.Party()}).List
}
