package hostile

import (
	"encoding/hex"

	"credence/conformance/internal/live/exported"
	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/shim"
	"credence/spec/refusal"
)

// newcomer makes a device that answers the link offer of a list, and returns it with the channel message that
// introduces it to one of the devices.
func newcomer(w *world.World, offered *account.List, to account.DeviceID) (*malicious.Sibling, []byte) {
	d, err := malicious.NewSibling(w.Random)
	w.NoFault(err)
	encoded, err := d.Request(codec.MustEncode(&ambassador.LinkOffer{List: *offered}))
	w.Understood(err)
	request := &ambassador.LinkRequest{}
	w.NoFault(codec.Decode(encoded, request))
	for _, p := range request.Introductions {
		if p.Device == to {
			return d, p.Body
		}
	}
	w.Violation(verdict.Mismatch, "a device is not on its own list", "an entry of the device", suite.JSON(offered))
	return nil, nil
}

// wrongIntroduction lets devices that would be linked introduce themselves with records that are no ack. Their epoch is
// that of the new list, so that nothing but the kind is wrong with them (AMB-ROT-09).
func wrongIntroduction(w *world.World) {
	leader := w.Register(true)
	party := leader.Target().Party()
	offer := w.Must(shim.DeviceOffer, shim.Params{Party: party})
	for _, restarts := range []bool{false, true} {
		for _, introduction := range []channel.Record{
			{Kind: channel.KindReady, Ready: &channel.Ready{}},
			{Kind: channel.KindSent, Sent: &channel.Sent{Peer: account.ID{1}, Seq: 1}},
			{Kind: channel.KindPrekeys, Prekeys: &channel.Prekeys{SignedPrekeyID: 2, FirstOneTimeID: 21}},
			{Kind: channel.KindResendRequest, Resend: &channel.ResendRequest{Peer: account.ID{1}, Seq: 1}},
			{Kind: channel.KindPrepare, Prepare: &channel.Prepare{}},
		} {
			sibling, err := malicious.NewSibling(w.Random)
			w.NoFault(err)
			if introduction.Ready != nil {
				introduction.Ready.Prekey = sibling.Prekey()
			}
			introduction.Epoch = bundleOf(w, leader.Device.Account()).Statement.Epoch + 1
			request, err := sibling.RequestWith(offer.Message, introduction)
			w.Understood(err)
			w.RefuseUnchanged(refusal.NotAllowed, shim.DeviceRotate, shim.Params{Party: party, Message: request})
		}
		if restarts {
			break
		}
		w.Restart(leader)
		party = leader.Target().Party()
		w.Must(shim.DeviceCaughtUp, shim.Params{Party: party, Commits: w.Commits(leader)})
	}
	linkSibling(w, leader) // and the right one is taken
}

// unlistedDevices brings the introduction of a device that was not admitted, in its own name and in a sibling's, and
// then a message of a device that was removed.
func unlistedDevices(w *world.World) {
	s := newSiblingStage(w)
	stranger, introduction := newcomer(w, s.sibling.List, s.device.ID())
	s.device.Ignores(refusal.NotAllowed, stranger.Carry(introduction))
	s.device.Ignores(refusal.NotAllowed, s.sibling.Carry(introduction))
	s.goesOn()

	late := s.mail(s.ack())
	root := s.rootKey()
	held := exported.Holds(w.Export(shim.DeviceExport, s.device.Party()), root)
	w.Understood(s.leader.Rotate(ambassador.Change{Remove: []account.DeviceID{s.sibling.Device}}))
	s.device.Ignores(refusal.NotAllowed, late)
	state := w.Export(shim.DeviceExport, s.device.Party())
	if held { // AMB-ROT-10
		exported.MustNotHold(w.T, "a secret that must be gone", state, root)
	}
}

// rootKey returns the root key of the channel between the leader and the malicious device.
func (s *siblingStage) rootKey() []byte {
	sessions, err := malicious.Sessions(s.sibling.Channels)
	s.NoFault(err)
	id := s.device.ID()
	state, err := sessions.State(hex.EncodeToString(id[:]))
	s.NoFault(err)
	return state.RK
}

func withoutAccount(w *world.World) {
	d := w.NewDevice()
	peer := [32]byte{1}
	for _, needsAccount := range []struct {
		op     shim.Op
		params shim.Params
	}{
		{shim.DeviceSend, shim.Params{Account: peer[:], Plaintext: []byte("nobody")}},
		{shim.DeviceAck, shim.Params{}},
		{shim.DeviceReplenish, shim.Params{}},
		{shim.DevicePrepare, shim.Params{}},
		{shim.DeviceRotate, shim.Params{}},
		{shim.DeviceOffer, shim.Params{}},
		{shim.DeviceReceive, shim.Params{Message: entryMail([]byte{1})}},
	} {
		needsAccount.params.Party = d.Party()
		w.RefuseUnchanged("", needsAccount.op, needsAccount.params)
	}
	w.Join(w.Register(true), d, d.Party()) // and it can still be linked
}
