package hostile

import (
	"fmt"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// sending are the tests of what a device may send, publish and take at all.
var sending = []suite.Test{
	test("send-refused", "an entry to the own account, without a bundle or with none that decodes",
		reqs("AMB-LOG-23", "AMB-LOG-24", "AMB-CNV-01 send"), sendRefused),
	test("under-way", "everything that a device can commit, while an entry, a batch or a rotation is under way",
		reqs("AMB-SYN-21 entry prekeys rotate", "AMB-CNV-01 send"), oneUnderWay),
	test("pending-sends", "a pending device is asked to send and to publish, and is given entries, sent records and "+
		"prekeys; then it is active again",
		reqs("AMB-LOG-22 send prekeys", "AMB-SYN-35 entry sent prekeys", "AMB-ROT-27 channels seen",
			"AMB-CNV-01 send record entry"), pendingSends),
	test("dropped-returns", "a commit that was dropped comes back: its entry waits for its record",
		reqs("AMB-SYN-36"), droppedReturns),
	test("batch-ids", "the ids of three batches of prekeys, and of the first one of the next epoch",
		reqs("AMB-ACC-15 first next next-epoch"), batchIDs),
	test("mixed-batches", "starts with prekeys of two batches",
		reqs("AMB-ACC-16"), mixedBatches),
	test("loose-signatures", "lists, statements and bundles whose signatures only a verifier takes that is not strict",
		reqs("AMB-ACC-13 list statement bundle", "AMB-CNV-01 record"), looseSignatures),
	test("free-values", "values that no rule of a structure forbids",
		reqs("AMB-ENC-03 record mail"), freeValues),
	test("no-cut", "a rotation with no cut for a conversation that has entries",
		reqs("AMB-ROT-23"), noCut),
}

func sendRefused(w *world.World) {
	d := newDialogue(w)
	send := func(to account.ID, bundle []byte) shim.Params {
		return shim.Params{Party: d.device.Party(), Account: to[:], Plaintext: []byte("no"), PeerBundle: bundle}
	}
	own := codec.MustEncode(d.bundle())
	w.RefuseUnchanged(refusal.NotAllowed, shim.DeviceSend, send(d.a, nil))
	w.RefuseUnchanged(refusal.NotAllowed, shim.DeviceSend, send(d.a, own))
	w.RefuseUnchanged(refusal.IncompleteBundle, shim.DeviceSend, send(d.peer, nil))
	bundle := codec.MustEncode(d.bundleOfPeer())
	w.RefuseUnchanged(refusal.Malformed, shim.DeviceSend, send(d.peer, bundle[:len(bundle)-1]))
	d.says("first", true)
	d.peerRotates()
	d.cannotRead(d.bundle()) // under the next epoch, which the device does not know yet
	w.Must(shim.DeviceSend, send(d.peer, codec.MustEncode(d.bundleOfPeer())))
}

// oneUnderWay lets each kind of commit be under way, and asks for each kind.
func oneUnderWay(w *world.World) {
	d := newDialogue(w)
	commit := func(op shim.Op) shim.Params {
		p := shim.Params{Party: d.device.Party()}
		if op == shim.DeviceSend {
			p.Account, p.Plaintext, p.PeerBundle = d.peer[:], []byte("one"), codec.MustEncode(d.bundleOfPeer())
		}
		return p
	}
	ops := []shim.Op{shim.DeviceSend, shim.DeviceReplenish, shim.DeviceRotate}
	for _, first := range ops {
		w.Must(first, commit(first))
		for _, second := range ops {
			w.RefuseUnchanged(refusal.NotReady, second, commit(second))
		}
		d.device.PostOfficeRefused()
	}
	d.says("goes on", true)
}

// pendingSends makes the device pending, and active again.
func pendingSends(w *world.World) {
	s := newLeaderConversation(w)
	party, peer := s.device.Party(), s.counterparty.Account()
	status := func(status account.Status) *account.List {
		return s.edited(func(l *account.List) { l.Find(s.device.ID()).Status = status })
	}
	list := status(account.Pending)
	s.device.Brings(s.mail(s.leader.Record(s.device.ID(), channel.Record{Kind: channel.KindList, List: list})),
		ambassador.Rotated)
	s.leader.List = list
	w.Must(shim.DeviceCaughtUp, shim.Params{Party: party})
	send := func(b *account.Bundle) shim.Params {
		return shim.Params{Party: party, Account: peer[:], Plaintext: []byte("no"), PeerBundle: codec.MustEncode(b)}
	}
	w.RefuseUnchanged(refusal.NotReady, shim.DeviceSend, send(s.counterparty.Bundle()))
	w.RefuseUnchanged(refusal.NotReady, shim.DeviceReplenish, shim.Params{Party: party})
	for _, r := range []channel.Record{
		{Kind: channel.KindSent, Sent: &channel.Sent{Peer: peer, Seq: 1}},
		{Kind: channel.KindPrekeys, Prekeys: &channel.Prekeys{SignedPrekeyID: 2, FirstOneTimeID: 21}},
	} {
		s.device.Ignores(refusal.NotAllowed, s.mail(s.leader.Record(s.device.ID(), r)))
	}
	o, err := s.counterparty.Say("not for a pending device", s.bundle)
	w.NoFault(err)
	s.device.Ignores(refusal.NotAllowed, entryMail(o.Entry))
	s.opens(status(account.Active), s.cut()) // through the channel that it has kept
	w.Must(shim.DeviceCaughtUp, shim.Params{Party: party})
	other := *s.counterparty.Bundle() // of the epoch that it has seen before it was pending
	keys, publication, err := account.NewEpoch(s.counterparty.Key, other.Statement.Epoch, w.Random)
	w.NoFault(err)
	other.Statement, other.SignedPrekey, other.PrekeySignature = keys.Statement, publication.SignedPrekey,
		publication.PrekeySignature
	w.RefuseUnchanged(refusal.NotAllowed, shim.DeviceSend, send(&other))
	w.Must(shim.DeviceSend, send(s.counterparty.Bundle()))
}

func droppedReturns(w *world.World) {
	s := newSiblingConversation(w)
	peer := s.counterparty.Account()
	c := commitOf(w, shim.DeviceSend, shim.Params{
		Party: s.device.Party(), Account: peer[:], Plaintext: []byte("held back"),
	})
	events, err := s.device.CaughtUp(c.Number)
	w.Understood(err)
	if len(events) != 1 || events[0].Kind != ambassador.Dropped {
		w.Violation(verdict.Mismatch, "a commit that has not come back by the end of the mailbox", "dropped",
			fmt.Sprint(events))
	}
	s.device.Brings(codec.MustEncode(&postoffice.Mail{
		Position: 9, Device: s.device.ID(), Number: c.Number, Entry: c.Entry,
	}), ambassador.Parked)
	r := parcelCommitOf(w, "a resend-request", shim.DeviceUpkeep, shim.Params{Party: s.device.Party()})
	record, _, err := s.sibling.Open(s.sibling.List, s.device.ID(), r.Parcels[0].Body)
	if err != nil || record.Kind != channel.KindResendRequest {
		w.Violation(verdict.Mismatch, "what is asked for a commit that was dropped and came back", "a resend-request",
			fmt.Sprint(record, err))
	}
}

// batchIDs publishes two more batches, and rotates (AMB-ACC-15).
func batchIDs(w *world.World) {
	leader := w.Register(true)
	is := func(signed, oneTime uint32) {
		b := bundleOf(w, leader.Device.Account())
		if b.SignedPrekeyID != signed || b.OneTimePrekeyID != oneTime {
			w.Violation(verdict.Mismatch, "the ids of a batch", fmt.Sprintf("signed %d, one-time %d", signed, oneTime),
				fmt.Sprintf("signed %d, one-time %d", b.SignedPrekeyID, b.OneTimePrekeyID))
		}
	}
	is(1, 1)
	for i := range uint32(2) {
		w.Understood(leader.Replenish(1000))
		is(2+i, 21+20*i)
	}
	w.Understood(leader.Rotate(ambassador.Change{}))
	is(1, 1)
}

// mixedBatches lets strangers start with the signed prekey of one batch and a one-time prekey of the other.
func mixedBatches(w *world.World) {
	d := newDialogue(w)
	older := d.bundle()
	w.Understood(d.leader.Replenish(1000))
	d.read = w.Count(d.leader)
	newer := d.bundle()
	a, b := *older, *newer
	a.OneTimePrekeyID, a.OneTimePrekey = newer.OneTimePrekeyID, newer.OneTimePrekey
	b.OneTimePrekeyID, b.OneTimePrekey = older.OneTimePrekeyID, older.OneTimePrekey
	d.hears(&a, nil)
	d.hears(&b, nil)
	d.says("own", false)
}

// looseSignatures lets a leader and a counterparty sign so that only a verifier takes it which is not strict.
func looseSignatures(w *world.World) {
	const list, statement = "ambassador-v1 device list", "ambassador-v1 epoch statement"
	s := newLeaderConversation(w)
	peer := s.counterparty.Account()
	for i := range 2 {
		r := s.rotation(s.leader.Next())
		r.Rotate.List.Signature = malicious.LooseSignatures(s.leader.Key, list, codec.MustEncode(&r.Rotate.List))[i]
		s.device.Ignores(refusal.BadSignature, s.mail(r))
		r = s.rotation(s.leader.Next())
		r.Rotate.Statement.Signature = malicious.LooseSignatures(
			s.leader.Key, statement, codec.MustEncode(&r.Rotate.Statement))[i]
		s.device.Ignores(refusal.BadSignature, s.mail(r))
		b := s.counterparty.Bundle()
		b.Statement.Signature = malicious.LooseSignatures(
			s.counterparty.Key, statement, codec.MustEncode(&b.Statement))[i]
		w.RefuseUnchanged(refusal.BadSignature, shim.DeviceSend, shim.Params{
			Party: s.device.Party(), Account: peer[:], Plaintext: []byte("no"), PeerBundle: codec.MustEncode(b),
		})
	}
	s.hears()
}

// freeValues brings mails and records with values that mean nothing and break no rule (AMB-ENC-03).
func freeValues(w *world.World) {
	s := newSiblingConversation(w)
	at := s.claim()
	at.Seq = 0
	s.device.Brings(s.mail(s.ack(at)), ambassador.Record)
	noBundle := s.sent(channel.Sent{Peer: at.Peer, Seq: 9, Secret: make([]byte, 32), Bundle: []byte("none")})
	mail := parseMail(w, s.mail(noBundle))
	mail.Position, mail.Number = 0, 0
	s.device.Brings(codec.MustEncode(mail), ambassador.Record)
	s.device.Brings(s.mail(s.sent(channel.Sent{Peer: at.Peer})), ambassador.Record)
	s.standsAt(1)
	s.says("goes on")
}

// noCut hands over an epoch as if the conversation had no entries (AMB-ROT-23).
func noCut(w *world.World) {
	s := newLeaderConversation(w)
	s.handsOver(s.leader.Next(), nil, ambassador.Record, ambassador.Rotated, ambassador.Frozen)
}
