package hostile

import (
	"fmt"

	"credence/conformance/internal/live/exported"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/reference/primitive"
	"credence/shim"
)

// startSecretDeleted lets a companion send a start, whose secret the counterparty knows (AMB-SYN-13).
func startSecretDeleted(w *world.World) {
	alice := w.Account(world.Cast{Target: []bool{true, true}})
	counterparty, registration, err := malicious.NewCounterparty(alice[0].Device.Account(), w.Random)
	w.NoFault(err)
	w.NoFault(w.Office.Append(registration))
	w.Send(alice[1], counterparty.Account(), "start")
	w.Sync(alice)
	box, err := w.Office.Fetch(counterparty.Account(), counterparty.Device, 1)
	w.Understood(err)
	secret, err := counterparty.Secret(parseMail(w, newest(w, box.Mails)).Entry)
	w.Understood(err)
	for _, m := range alice {
		exported.MustNotHold(w.T, "the secret of a start", w.Export(shim.DeviceExport, m.Name), secret)
	}
}

// epochSecretsDeleted looks for the secrets of an epoch after a rotation: those of the account, of the session, and of
// an entry that the device has sent.
func epochSecretsDeleted(w *world.World) {
	s := newLeaderConversation(w)
	s.needsSearchable()
	session := s.counterparty.Talk.Session
	old := append(epochSecrets(s.keys), session.RK, session.CKs)
	old = append(old, s.ownEntry())
	s.opens(s.leader.Next(), s.cut())
	exported.MustNotHold(w.T, oldEpoch, s.state(), old...) // AMB-ROT-05
	s.needsSearchable()
}

const oldEpoch = "a secret of the epoch before"

// epochSecrets returns the private keys of an epoch.
func epochSecrets(k *account.EpochKeys) [][]byte {
	all := [][]byte{k.Ambassador.Bytes(), k.Batches[0].Signed}
	for _, oneTime := range k.Batches[0].OneTime {
		all = append(all, oneTime)
	}
	return all
}

// ownEntry lets the device send to the counterparty, and returns the private ratchet key of the entry, which its record
// tells the leader.
func (s *leaderStage) ownEntry() []byte {
	s.Must(shim.DeviceCaughtUp, shim.Params{Party: s.device.Party()})
	peer := s.counterparty.Account()
	c := parcelCommitOf(s.World, "an entry", shim.DeviceSend, shim.Params{
		Party: s.device.Party(), Account: peer[:], Plaintext: []byte("own"),
	})
	record, _, err := s.leader.Open(s.leader.List, s.device.ID(), c.Parcels[0].Body)
	if err != nil || record.Sent == nil {
		s.Violation(verdict.Mismatch, "the record of an entry", "sent", fmt.Sprint(err))
	}
	s.device.Brings(codec.MustEncode(&postoffice.Mail{
		Position: 1, Device: s.device.ID(), Number: c.Number, Entry: c.Entry,
	}), ambassador.Accepted)
	s.counterparty.Spoiled(c.Entry) // the counterparty need not read it
	return record.Sent.RatchetPrivate[:]
}

// waitingRecordsDeleted lets a record wait for an entry of the epoch that ends (AMB-ROT-05).
func waitingRecordsDeleted(w *world.World) {
	s := newSiblingConversation(w)
	private := make([]byte, primitive.KeySize)
	_, err := w.Random.Read(private)
	w.NoFault(err)
	s.device.Brings(s.mail(s.sent(channel.Sent{
		Peer: s.counterparty.Account(), Seq: 5, RatchetPrivate: [32]byte(private),
	})), ambassador.Record)
	party := s.device.Party()
	exported.NeedsSearchable(w.T, w.Export(shim.DeviceExport, party), private)
	c := commitOf(w, shim.DeviceRotate, shim.Params{Party: party})
	returned := codec.MustEncode(&postoffice.Mail{
		Position: 9, Device: s.device.ID(), Number: c.Number, Cuts: []channel.Head{s.claim().Head},
	})
	s.device.Brings(returned, ambassador.Accepted, ambassador.Rotated)
	exported.MustNotHold(w.T, "a secret that must be gone", w.Export(shim.DeviceExport, party), private)
}

// pendingWithoutSecrets makes the device pending, and active again (AMB-ROT-12).
func pendingWithoutSecrets(w *world.World) {
	s := newLeaderStage(w)
	s.needsSearchable()
	status := func(status account.Status) *account.List {
		return s.edited(func(l *account.List) { l.Find(s.device.ID()).Status = status })
	}
	list := status(account.Pending)
	record := s.leader.Record(s.device.ID(), channel.Record{Kind: channel.KindList, List: list})
	s.device.Brings(s.mail(record), ambassador.Rotated)
	exported.MustNotHold(w.T, oldEpoch, s.state(), epochSecrets(s.keys)...)
	s.leader.List = list
	s.opens(status(account.Active))
	s.needsSearchable()
}
