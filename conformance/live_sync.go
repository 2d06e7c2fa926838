package conformance

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"fmt"
	"slices"

	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/reference/primitive"
	"credence/shim"
	"credence/spec/refusal"
)

// liveSync are the tests in which somebody does not keep the rules: a sibling, a leader, a counterparty, the post office.
func liveSync() []testCase {
	test := func(name, comment string, requirements []string, run func(w *world) error) testCase {
		return worldCase("ambassador", name, comment, requirements, run)
	}
	return []testCase{
		test("record-lost", "a sent record is lost: the entry waits, nothing is sent, the sibling is asked and its answer puts the device in step", reqs("AMB-SYN-07", "AMB-SYN-08", "AMB-SYN-10"), lostRecord),
		test("record-late", "the sent record comes in a later mail than its entry", reqs("AMB-SYN-05", "AMB-SYN-07"), lateRecord),
		test("mail-twice", "a mail is delivered twice: the second changes nothing", reqs("AMB-SYN-05", "AMB-LOG-07", "AMB-CNV-01", "AMB-LOG-11"), mailTwice),
		test("mail-malformed", "truncated and damaged mails are refused and change nothing", reqs("AMB-ENC-02", "AMB-CNV-01"), malformedMail),
		test("sibling-digest", "a sibling's sent record has another digest: the conversation freezes until a rotation", reqs("AMB-SYN-06"), wrongDigest),
		test("sibling-own-entry", "a sibling sends an entry as it should be and says another digest or head of it: the conversation freezes", reqs("AMB-SYN-06"), lyingSent),
		test("sibling-place", "a sibling says that it has sent the entry that was the other side's: the histories differ, and the conversation freezes", reqs("AMB-SYN-06", "AMB-PRV-02"), claimedPlace),
		test("record-again", "the record of a start comes once more, when the conversation has gone on: nothing of it is kept", reqs("AMB-SYN-05", "AMB-SYN-13"), recordAgain),
		test("sibling-far", "a sent record for an entry that is out of reach", reqs("AMB-SYN-07", "AMB-CNV-01"), farRecord),
		test("waiting-bounded", "entries that wait are bounded", reqs("AMB-SYN-07"), boundedWaiting),
		test("start-secret", "the secret of a start is in no device's state afterwards", reqs("AMB-SYN-13"), startSecretGone),
		test("device-prekey", "the prekey of a device that was used is replaced, and deleted with the next list", reqs("AMB-CHN-09", "AMB-CNV-01"), replacesPrekey),
		test("false-echo", "the post office says that a commit was accepted and delivers another entry with it, one that is refused and one that is genuine", reqs("AMB-LOG-09", "AMB-LOG-11", "AMB-SYN-15"), falseEcho),
		test("record-as-text", "a counterparty sends the bytes of records as texts, and channel messages as a device: nothing of it is taken for a record", reqs("AMB-CHN-01", "AMB-CHN-03", "AMB-LOG-11", "AMB-CNV-01"), recordAsText),
		test("fresh-epochs", "ambassador keys and prekeys of four epochs are all different", reqs("AMB-ROT-13"), freshEpochs),
		test("sibling-claims", "a sibling acknowledges another head, or another digest: the conversation freezes", reqs("AMB-SYN-06"), wrongClaims),
		test("sibling-leads", "a companion sends the leader's records", reqs("AMB-CHN-06", "AMB-CNV-01"), companionLeads),
		test("sibling-lies", "records that name another account, sender, receiver, or epoch", reqs("AMB-CHN-03", "AMB-CHN-04", "AMB-CHN-05", "AMB-CHN-08", "AMB-CNV-01"), lyingRecords),
		test("sibling-prekeys", "prekeys that do not continue the batch", reqs("AMB-SYN-12", "AMB-CNV-01"), badBatches),
		test("sibling-ready", "answers to a question that was not asked, and one that does not open a chain", reqs("AMB-ROT-07", "AMB-CNV-01"), wrongReady),
		test("stranger", "channel messages of a device that is not on the list, and of a removed one", reqs("AMB-CHN-01", "AMB-ROT-10", "AMB-CNV-01"), strangers),
		test("leader-lies", "rotations with a list of another epoch, unsigned, without the device, with a statement or key that does not fit", reqs("AMB-ROT-02", "AMB-ROT-03", "AMB-CNV-01"), lyingLeader),
		test("leader-rollback", "an earlier rotation comes again after a later one", reqs("AMB-ROT-02", "AMB-CHN-08", "AMB-CNV-01"), rollback),
		test("cut", "a cut at another head freezes, a later cut is adopted", reqs("AMB-ROT-04"), cuts),
		test("secrets-of-the-epoch", "after a rotation nothing of the old epoch is in the export, and a new device has nothing older", reqs("AMB-ROT-05", "AMB-ROT-11"), oldSecretsGone),
		test("waiting-records", "records that wait for an entry of the old epoch are destroyed with it", reqs("AMB-ROT-05"), recordsGone),
		test("secrets-pending", "a pending device has no secret of either epoch", reqs("AMB-ROT-12"), pendingSecrets),
		test("equivocation", "the post office gives one device another entry than its siblings: it is noticed at the first word between them", reqs("AMB-PRV-02", "AMB-SYN-06"), equivocation),
		test("bundle-key", "a second ambassador key for a known epoch is refused", reqs("AMB-ACC-09", "AMB-CNV-01"), anotherKey),
		test("void-epochs", "starts to an epoch that is over, and to one that has not come, encrypted to the current one: void; then a genuine one", reqs("AMB-LOG-08"), voidEpochs),
		test("void-start-prekey", "a start that cannot be read, and a genuine one with the same one-time prekey", reqs("AMB-LOG-08", "AMB-ACC-08"), voidStartPrekey),
		test("frozen-first", "a conversation that froze at its first entry goes on from the cut of a rotation", reqs("AMB-SYN-06", "AMB-ROT-04"), frozenAtFirst),
		test("without-account", "a device without an account is asked for everything that needs one", reqs("AMB-SYN-10", "AMB-ROT-01", "AMB-CNV-01"), withoutAccount),
		test("restart-asked", "a leader that was restarted still knows whom it has asked to heal", reqs("AMB-SYN-03", "AMB-ROT-06"), restartAsked),
		test("restart-prekeys", "a leader that was restarted still knows the newest prekey of a device", reqs("AMB-SYN-03", "AMB-CHN-09"), restartPrekeys),
		test("restart-rotating", "a leader that is restarted while its rotation is under way opens the epoch when it comes back", reqs("AMB-SYN-02", "AMB-SYN-03"), restartUnderWay(shim.DeviceRotate)),
		test("restart-replenishing", "a device that is restarted while its publication is under way has the prekeys when it comes back", reqs("AMB-SYN-02", "AMB-SYN-03"), restartUnderWay(shim.DeviceReplenish)),
		test("restart-owed", "a device that was restarted still owes its answer to the leader", reqs("AMB-SYN-03", "AMB-ROT-07"), restartOwed),
		test("restart-claims", "a device that was restarted still knows what a sibling has claimed of an entry to come", reqs("AMB-SYN-03", "AMB-SYN-06"), restartClaims),
		test("introduction-kind", "a link request whose introduction is no acknowledgement", reqs("AMB-ROT-09"), introductionKind),
		test("acks-unanswered", "sixty acknowledgements of a sibling make no acknowledgement due", reqs("AMB-SYN-04"), acksUnanswered),
		test("void-flood", "a counterparty that sends many unreadable entries stops nobody", reqs("AMB-LOG-08"), voidFlood),
	}
}

func reqs(ids ...string) []string { return ids }

// target gives the device of the target in a member.
func (m *member) target() *shimDevice { return m.Device.(*shimDevice) }

// receive lets a device of the target read one mail, and gives the events.
func (d *shimDevice) receive(mail []byte) ([]shim.Event, error) {
	r, err := d.must(shim.DeviceReceive, shim.Params{Party: d.name, Message: mail})
	if err != nil {
		return nil, err
	}
	return r.Events, nil
}

// brings fails unless a mail brings exactly these kinds of event.
func (d *shimDevice) brings(mail []byte, kinds ...ambassador.EventKind) error {
	events, err := d.receive(mail)
	if err != nil {
		return err
	}
	var got []ambassador.EventKind
	for _, e := range events {
		got = append(got, ambassador.EventKind(e.Kind))
	}
	if !slices.Equal(got, kinds) {
		return d.fail(Mismatch, "a mail brings other events", fmt.Sprint(kinds), toJSON(events))
	}
	return nil
}

// ignores fails unless a mail is refused, with the class, and the exported state stays as it was.
func (d *shimDevice) ignores(class refusal.Class, mail []byte) error {
	before, err := d.export(shim.DeviceExport, d.name)
	if err != nil {
		return err
	}
	events, err := d.receive(mail)
	if err != nil {
		return err
	}
	sent := d.sent
	if len(events) != 1 || events[0].Kind != string(ambassador.Refused) {
		return d.fail(AcceptedInvalid, "what a mail brings must be refused", "one event: refused", toJSON(events))
	}
	if c := events[0].Class; c != "" && !sameFamily(c, class) {
		return d.fail(Mismatch, "refused for another reason", "class "+string(class), "class "+string(c))
	}
	after, err := d.export(shim.DeviceExport, d.name)
	if err != nil {
		return err
	}
	d.sent = sent
	if !bytes.Equal(before, after) {
		return d.fail(StateChanged, "a refused mail has changed the exported state", "state as before", "another state")
	}
	return nil
}

// unread gives the mails of a device that its loop has not read.
func (w *world) unread(m *member, read int) ([][]byte, error) {
	box, err := w.office.Fetch(m.Device.Account(), m.Device.ID(), uint64(read)+1)
	return box.Mails, err
}

func (w *world) count(m *member) (int, error) {
	mails, err := w.unread(m, 0)
	return len(mails), err
}

// lossy is a post office that keeps back the parcels of one mail.
type lossy struct {
	postoffice.Service
	victim   account.DeviceID
	position uint64 // of the mail
	kept     []byte // a mail of the parcels alone
}

func (l *lossy) Fetch(id account.ID, device account.DeviceID, from uint64) (postoffice.Mailbox, error) {
	box, err := l.Service.Fetch(id, device, from)
	for i, encoded := range box.Mails {
		m := &postoffice.Mail{}
		if device != l.victim || codec.Decode(encoded, m) != nil || m.Position != l.position {
			continue
		}
		withParcels := *m
		withParcels.Entry = nil
		l.kept = codec.MustEncode(&withParcels)
		m.Parcels = nil
		box.Mails[i] = codec.MustEncode(m)
	}
	return box, err
}

// lossyFamily is family around a post office that will lose the parcels of the companion's next mail.
func (w *world) lossyFamily() (*family, *lossy, error) {
	l := &lossy{Service: w.office}
	w.office = l
	f, err := w.begun(cast{"", []bool{true, true}})
	if err != nil {
		return nil, nil, err
	}
	n, err := w.count(f.alice[1])
	l.victim, l.position = f.alice[1].Device.ID(), uint64(n)+1
	return f, l, err
}

func lostRecord(w *world) error {
	f, l, err := w.lossyFamily()
	if err != nil {
		return err
	}
	if err := w.send(f.alice[0], f.b, "its record is lost"); err != nil {
		return err
	}
	d := f.alice[1].target()
	mails, err := w.unread(f.alice[1], int(l.position)-1)
	if err != nil {
		return err
	}
	return first(
		func() error { return d.brings(mails[0], ambassador.Parked) },
		func() error { return d.refuseSend(f.b) },
		func() error { return w.send(f.bob[0], f.a, "waits too") },
		func() error {
			more, err := w.unread(f.alice[1], int(l.position))
			if err != nil {
				return err
			}
			return d.brings(more[0], ambassador.Parked)
		},
		func() error { return w.asksOnce(d) },
		func() error { return w.sync(f.alice, f.alice, f.bob) },
		func() error { return w.send(f.alice[1], f.b, "in step") },
		func() error { return w.sync(f.alice, f.bob) },
		func() error { return w.sameState(f.alice, f.b) },
		func() error {
			return w.readOnce(f.alice[1], []string{"start", "answer", "its record is lost", "waits too"})
		},
	)
}

// asksOnce fails unless the device owes its siblings one request for what it misses, however many entries wait.
func (w *world) asksOnce(d *shimDevice) error {
	for _, asks := range []bool{true, false} {
		r, err := w.must(shim.DeviceUpkeep, shim.Params{Party: d.name})
		if err != nil {
			return err
		}
		if asks != (len(r.Message) > 0) {
			return w.fail(Mismatch, "a device that misses a record asks each sibling once", fmt.Sprintf("a commit: %v", asks), describeResult(r))
		}
		if asks {
			if err := w.office.Append(r.Message); err != nil {
				return w.refusedReference(err)
			}
		}
	}
	return nil
}

// refuseSend fails unless the device refuses to send, without a change.
func (d *shimDevice) refuseSend(peer account.ID) error {
	return d.refuseUnchanged(refusal.NotReady, shim.DeviceSend, shim.Params{Party: d.name, Account: peer[:], Plaintext: []byte("too early")})
}

// sameState is inStep for conversations that have had trouble and are over it.
func (w *world) sameState(members []*member, peer account.ID) error {
	for _, m := range members {
		m.events = slices.DeleteFunc(slices.Clone(m.events), func(e ambassador.Event) bool {
			return slices.Contains([]ambassador.EventKind{ambassador.Parked, ambassador.Refused, ambassador.Void, ambassador.Frozen}, e.Kind)
		})
	}
	return w.inStep(members, peer)
}

func lateRecord(w *world) error {
	f, l, err := w.lossyFamily()
	if err != nil {
		return err
	}
	if err := first(func() error { return w.send(f.alice[0], f.b, "its record is late") }, f.alice[1].Sync); err != nil {
		return w.refusedReference(err)
	}
	d := f.alice[1].target()
	return first(
		func() error { return d.brings(l.kept, ambassador.Record, ambassador.Sent) },
		func() error { return d.ignores(refusal.Duplicate, l.kept) },
		func() error { return w.send(f.alice[1], f.b, "in step") },
		func() error { return w.sync(f.alice, f.bob) },
		func() error { return w.sameState(f.alice, f.b) },
	)
}

func mailTwice(w *world) error {
	f, err := w.begun(cast{"", []bool{true, true}})
	if err != nil {
		return err
	}
	for i, text := range []string{"by the leader", "by the companion", "by Bob"} {
		sender := []*member{f.alice[0], f.alice[1], f.bob[0]}[i]
		to := f.b
		if i == 2 {
			to = f.a
		}
		if err := first(func() error { return w.send(sender, to, text) }, func() error { return w.sync(f.alice, f.bob) }); err != nil {
			return err
		}
	}
	for _, m := range f.alice {
		mails, err := w.unread(m, 0)
		if err != nil {
			return err
		}
		before, err := w.export(shim.DeviceExport, m.name)
		if err != nil {
			return err
		}
		for _, mail := range mails {
			events, err := m.target().receive(mail)
			if err != nil {
				return err
			}
			for _, e := range events {
				if e.Kind != string(ambassador.Refused) {
					return w.fail(AcceptedInvalid, "a mail that was read before brings something", "nothing, or refused", toJSON(e))
				}
			}
		}
		after, err := w.export(shim.DeviceExport, m.name)
		if err != nil {
			return err
		}
		if !bytes.Equal(before, after) {
			return w.fail(StateChanged, "mails that were read before have changed the exported state", "state as before", "another state")
		}
	}
	return w.inStep(f.alice, f.b)
}

func malformedMail(w *world) error {
	f, err := w.begun(cast{"", []bool{true, true}})
	if err != nil {
		return err
	}
	if err := w.send(f.alice[0], f.b, "to be damaged"); err != nil {
		return err
	}
	n, err := w.count(f.alice[1])
	if err != nil {
		return err
	}
	mails, err := w.unread(f.alice[1], n-1)
	if err != nil {
		return err
	}
	d, mail := f.alice[1].target(), mails[0]
	for _, bad := range [][]byte{{}, mail[:1], mail[:len(mail)/2], mail[:len(mail)-1], append(bytes.Clone(mail), 0), append([]byte{2}, mail[1:]...), append([]byte{1, 12}, mail[2:]...)} {
		if err := d.refuseUnchanged(refusal.Malformed, shim.DeviceReceive, shim.Params{Party: d.name, Message: bad}); err != nil {
			return err
		}
	}
	return first(func() error { return w.sync(f.alice) }, func() error { return w.inStep(f.alice, f.b) })
}

// fallen is an account whose leader is the target's and whose companion is malicious.
type fallen struct {
	leader *member
	evil   *malicious.Sibling
	rogue  *malicious.Counterparty
	rotate *channel.Rotate // what the leader has sent it
}

// fallen makes the account: the leader has linked the malicious device, which knows the list.
func (w *world) fallen() (*fallen, error) {
	leader, err := w.register(true)
	if err != nil {
		return nil, err
	}
	evil, err := malicious.NewSibling(w.random)
	if err != nil {
		return nil, err
	}
	d := leader.target()
	offer, err := w.must(shim.DeviceOffer, shim.Params{Party: d.name})
	if err != nil {
		return nil, err
	}
	request, err := evil.Request(offer.Message)
	if err != nil {
		return nil, w.refusedReference(err)
	}
	if err := leader.Rotate(ambassador.Change{Add: request}); err != nil {
		return nil, w.refusedReference(err)
	}
	f := &fallen{leader: leader, evil: evil}
	return f, w.learn(f)
}

// learn lets the malicious device read what the leader has sent it.
func (w *world) learn(f *fallen) error {
	box, err := w.office.Fetch(f.leader.Device.Account(), f.evil.Device, 1)
	if err != nil {
		return w.refusedReference(err)
	}
	for _, encoded := range box.Mails {
		m := &postoffice.Mail{}
		if err := codec.Decode(encoded, m); err != nil {
			return err
		}
		for _, p := range m.Parcels {
			r, _, err := f.evil.Open(f.evil.List, p.Device, p.Body)
			if err != nil {
				continue // read before
			}
			if r.Kind == channel.KindRotate {
				f.evil.List, f.rotate = &r.Rotate.List, r.Rotate
			}
		}
	}
	if f.evil.List.Find(f.evil.Device) == nil {
		return w.fail(Mismatch, "the leader has sent the linked device no list with it", "a rotate-commit", "none")
	}
	return nil
}

// tells lets the leader read a record of the malicious device.
func (f *fallen) mail(r channel.Record) ([]byte, error) {
	return f.evil.Mail(f.evil.Record(f.leader.Device.ID(), r))
}

// refusesRecord fails unless the leader ignores a record.
func (f *fallen) refusesRecord(class refusal.Class, r channel.Record) error {
	mail, err := f.evil.Mail(r)
	if err != nil {
		return err
	}
	return f.leader.target().ignores(class, mail)
}

// good fails unless the leader still takes an honest record.
func (f *fallen) good() error {
	mail, err := f.mail(channel.Record{Kind: channel.KindAck, Ack: &channel.Ack{Prekey: f.evil.Prekey()}})
	if err != nil {
		return err
	}
	return f.leader.target().brings(mail, ambassador.Record)
}

// talks gives the leader a conversation with a counterparty that holds its keys in the open.
func (w *world) talks(f *fallen) error {
	rogue, registration, err := malicious.NewCounterparty(f.leader.Device.Account(), w.random)
	if err != nil {
		return err
	}
	f.rogue = rogue
	if err := w.office.Append(registration); err != nil {
		return err
	}
	return w.says(f, "start")
}

// fallenInTalk is fallen with a conversation that has begun.
func (w *world) fallenInTalk() (*fallen, error) {
	f, err := w.fallen()
	if err != nil {
		return nil, err
	}
	return f, w.talks(f)
}

// says sends an entry of the counterparty by mail, and the leader has to read it.
func (w *world) says(f *fallen, text string) error {
	var bundle *account.Bundle
	if f.rogue.Talk.Session == nil {
		encoded, err := w.office.Bundle(f.leader.Device.Account())
		if err != nil {
			return err
		}
		bundle = &account.Bundle{}
		if err := codec.Decode(encoded, bundle); err != nil {
			return err
		}
	}
	o, err := f.rogue.Say(text, bundle)
	if err != nil {
		return w.refusedReference(err)
	}
	f.rogue.Sent(o)
	return f.leader.target().brings(entryMail(o.Entry), ambassador.Message)
}

func entryMail(entry []byte) []byte {
	return codec.MustEncode(&postoffice.Mail{Position: 1, Entry: entry})
}

// claim gives what the leader would claim of the conversation with the counterparty.
func (w *world) claim(f *fallen) (channel.Claim, error) {
	peer := f.rogue.Account()
	s, err := w.state(f.leader, peer)
	if err != nil {
		return channel.Claim{}, err
	}
	return channel.Claim{Head: channel.Head{Peer: peer, Seq: s.seq, Head: [32]byte([]byte(s.head))}, Digest: [32]byte([]byte(s.digest))}, nil
}

func wrongClaims(w *world) error {
	for _, spoil := range []func(c *channel.Claim){
		func(c *channel.Claim) { c.Head.Head[0] ^= 1 },
		func(c *channel.Claim) { c.Digest[31] ^= 1 },
		nil, // about the entry after the next
	} {
		f, err := w.fallenInTalk()
		if err != nil {
			return err
		}
		c, err := w.claim(f)
		if err != nil {
			return err
		}
		d := f.leader.target()
		ack := func(c channel.Claim) ([]byte, error) {
			return f.mail(channel.Record{Kind: channel.KindAck, Ack: &channel.Ack{Claims: []channel.Claim{c}, Prekey: f.evil.Prekey()}})
		}
		mail, err := ack(c) // the truth
		if err != nil {
			return err
		}
		if err := d.brings(mail, ambassador.Record); err != nil {
			return err
		}
		if spoil == nil {
			c.Seq += 2
		} else {
			spoil(&c)
		}
		if mail, err = ack(c); err != nil {
			return err
		}
		if spoil == nil {
			err = first(func() error { return d.brings(mail, ambassador.Record) }, func() error { return w.says(f, "one more") }, func() error { return w.lastStraw(f) })
		} else {
			err = d.brings(mail, ambassador.Record, ambassador.Frozen)
		}
		if err != nil {
			return err
		}
		if err := w.standsStill(f); err != nil {
			return err
		}
	}
	return nil
}

// lastStraw is the entry that a false claim was about.
func (w *world) lastStraw(f *fallen) error {
	o, err := f.rogue.Say("the claimed one", nil)
	if err != nil {
		return err
	}
	f.rogue.Sent(o)
	return f.leader.target().brings(entryMail(o.Entry), ambassador.Message, ambassador.Frozen)
}

// standsStill fails unless the conversation neither sends nor reads; the leader's rotation opens it again.
func (w *world) standsStill(f *fallen) error {
	d, peer := f.leader.target(), f.rogue.Account()
	if err := d.refuseUnchanged(refusal.Frozen, shim.DeviceSend, shim.Params{Party: d.name, Account: peer[:], Plaintext: []byte("frozen")}); err != nil {
		return err
	}
	for range 2 {
		o, err := f.rogue.Say("not read", nil)
		if err != nil {
			return err
		}
		if err := d.brings(entryMail(o.Entry), ambassador.Frozen); err != nil {
			return err
		}
		f.rogue.Sent(o)
	}
	if err := w.claimsNothing(f); err != nil {
		return err
	}
	s, err := w.state(f.leader, peer)
	if err != nil {
		return err
	}
	if s.problem == "" {
		return w.fail(Mismatch, "device.status does not say that the conversation stands still", "a problem", "none")
	}
	return nil
}

// claimsNothing fails if the leader acknowledges with a claim about a conversation that is frozen (SPEC.md 11.1).
func (w *world) claimsNothing(f *fallen) error {
	r, err := w.must(shim.DeviceAck, shim.Params{Party: f.leader.target().name})
	if err != nil {
		return err
	}
	m := &postoffice.Commit{}
	if err := codec.Decode(r.Message, m); err != nil || len(m.Parcels) != 1 {
		return w.fail(Mismatch, "the commit of an acknowledgement of two devices", "one parcel", fmt.Sprintf("%d parcels, %v", len(m.Parcels), err))
	}
	record, _, err := f.evil.Open(f.evil.List, f.leader.Device.ID(), m.Parcels[0].Body)
	if err != nil || record.Ack == nil {
		return w.fail(Mismatch, "the record of an acknowledgement", "ack", fmt.Sprint(err))
	}
	if len(record.Ack.Claims) > 0 {
		return w.fail(Mismatch, "an acknowledgement claims a conversation that is frozen", "no claim", fmt.Sprintf("%d claims", len(record.Ack.Claims)))
	}
	return nil
}

func wrongDigest(w *world) error {
	f, err := w.fallenInTalk()
	if err != nil {
		return err
	}
	// The malicious device has no keys of the account here: it says of an entry what cannot be.
	c, err := w.claim(f)
	if err != nil {
		return err
	}
	k, err := ecdh.X25519().GenerateKey(w.random)
	if err != nil {
		return err
	}
	entry := &conversation.Entry{Sender: f.leader.Device.Account(), Recipient: f.rogue.Account(), SenderEpoch: f.evil.List.Epoch, RecipientEpoch: 1, Seq: c.Seq + 1, Previous: c.Head.Head, Message: make([]byte, 58)}
	entry.Message[0], entry.Message[1] = 1, 2
	copy(entry.Message[2:], k.PublicKey().Bytes())
	encoded := codec.MustEncode(entry)
	sent := &channel.Sent{Peer: f.rogue.Account(), Seq: c.Seq + 1, Head: conversation.NextHead(c.Head.Head, encoded), Digest: c.Digest, RatchetPrivate: [32]byte(k.Bytes())}
	mail, err := f.mail(channel.Record{Kind: channel.KindSent, Sent: sent})
	if err != nil {
		return err
	}
	d := f.leader.target()
	return first(
		func() error { return d.brings(mail, ambassador.Record) },
		func() error { return d.brings(entryMail(encoded), ambassador.Frozen) },
		func() error { f.rogue.Spoiled(encoded); return w.standsStill(f) },
	)
}

func companionLeads(w *world) error {
	f, err := w.fallen()
	if err != nil {
		return err
	}
	key, err := account.GenerateKey(w.random)
	if err != nil {
		return err
	}
	f.evil.Key = key // not the account's
	rotate, _, _, err := f.evil.Rotation(f.leader.Device.ID(), f.evil.Next(), nil)
	if err != nil {
		return err
	}
	to := f.leader.Device.ID()
	return first(
		func() error { return f.refusesRecord(refusal.NotAllowed, rotate) },
		func() error {
			return f.refusesRecord(refusal.NotAllowed, f.evil.Record(to, channel.Record{Kind: channel.KindList, List: f.evil.Next()}))
		},
		func() error {
			return f.refusesRecord(refusal.NotAllowed, f.evil.Record(to, channel.Record{Kind: channel.KindPrepare, Prepare: &channel.Prepare{}}))
		},
		f.good,
	)
}

func lyingRecords(w *world) error {
	f, err := w.fallen()
	if err != nil {
		return err
	}
	ack := func(change func(r *channel.Record)) channel.Record {
		r := f.evil.Record(f.leader.Device.ID(), channel.Record{Kind: channel.KindAck, Ack: &channel.Ack{Prekey: f.evil.Prekey()}})
		change(&r)
		return r
	}
	// The receiver of a record says which channel it goes through; a record for another device is put into this one by hand.
	misdirected := ack(func(*channel.Record) {})
	return first(
		func() error {
			return f.refusesRecord(refusal.NotAllowed, ack(func(r *channel.Record) { r.Account[0] ^= 1 }))
		},
		func() error {
			return f.refusesRecord(refusal.NotAllowed, ack(func(r *channel.Record) { r.Sender[0] ^= 1 }))
		},
		func() error {
			return f.refusesRecord(refusal.NotAllowed, ack(func(r *channel.Record) { r.Sender = r.Receiver }))
		},
		func() error { return f.refusesRecord(refusal.StaleEpoch, ack(func(r *channel.Record) { r.Epoch-- })) },
		func() error { return f.refusesRecord(refusal.StaleEpoch, ack(func(r *channel.Record) { r.Epoch++ })) },
		func() error {
			mail, err := f.evil.Misdirected(misdirected)
			if err != nil {
				return err
			}
			return f.leader.target().ignores(refusal.NotAllowed, mail)
		},
		f.good,
	)
}

func badBatches(w *world) error {
	f, err := w.fallen()
	if err != nil {
		return err
	}
	to := f.leader.Device.ID()
	for _, ids := range [][2]uint32{{1, 1}, {3, 41}, {2, 41}, {2, 1}, {3, 21}} {
		if err := f.refusesRecord(refusal.StaleEpoch, f.evil.Record(to, channel.Record{Kind: channel.KindPrekeys, Prekeys: &channel.Prekeys{SignedPrekeyID: ids[0], FirstOneTimeID: ids[1]}})); err != nil {
			return err
		}
	}
	return f.good()
}

func wrongReady(w *world) error {
	f, err := w.fallen()
	if err != nil {
		return err
	}
	to, d := f.leader.Device.ID(), f.leader.target()
	ready := func(nonce [32]byte) channel.Record {
		return f.evil.Record(to, channel.Record{Kind: channel.KindReady, Ready: &channel.Ready{Nonce: nonce, Prekey: f.evil.Prekey()}})
	}
	if err := f.refusesRecord(refusal.NotAllowed, ready([32]byte{})); err != nil {
		return err
	}
	if err := f.good(); err != nil { // the question then comes in a new chain, and the first answer opens one
		return err
	}
	if err := f.leader.Prepare(nil); err != nil {
		return w.refusedReference(err)
	}
	box, err := w.office.Fetch(f.leader.Device.Account(), f.evil.Device, 1)
	if err != nil {
		return err
	}
	m := &postoffice.Mail{}
	if err := codec.Decode(box.Mails[len(box.Mails)-1], m); err != nil {
		return err
	}
	r, _, err := f.evil.Open(f.evil.List, m.Parcels[0].Device, m.Parcels[0].Body)
	if err != nil || r.Kind != channel.KindPrepare {
		return w.fail(Mismatch, "device.prepare does not send the device a rotate-prepare", "a record of kind 5", fmt.Sprint(r, err))
	}
	nonce := r.Prepare.Nonce
	if err := first(
		func() error { return f.refusesRecord(refusal.NotAllowed, ready([32]byte{1})) }, // opens the chain
		func() error { return f.refusesRecord(refusal.NotAllowed, ready(nonce)) },       // is not the first of its chain any more
	); err != nil {
		return err
	}
	// Not answered: the next list has it pending.
	rotated, err := w.must(shim.DeviceRotate, shim.Params{Party: d.name})
	if err != nil {
		return err
	}
	c := &postoffice.Commit{}
	if err := codec.Decode(rotated.Message, c); err != nil || c.Rotation == nil {
		return w.fail(Mismatch, "device.rotate gives no commit of a rotation", "a Commit", fmt.Sprint(err))
	}
	if !c.Rotation.List.Has(f.evil.Device, account.Pending) {
		return w.fail(Mismatch, "a device whose answer was refused is not pending", "status 2", toJSON(c.Rotation.List))
	}
	return nil
}

func strangers(w *world) error {
	f, err := w.fallen()
	if err != nil {
		return err
	}
	d := f.leader.target()
	stranger, err := malicious.NewSibling(w.random)
	if err != nil {
		return err
	}
	stranger.List = f.evil.List
	request, err := stranger.Request(codec.MustEncode(&ambassador.LinkOffer{List: *f.evil.List}))
	if err != nil {
		return err
	}
	q := &ambassador.LinkRequest{}
	if err := codec.Decode(request, q); err != nil {
		return err
	}
	for _, p := range q.Introductions {
		if p.Device == d.id {
			if err := first(
				func() error { return d.ignores(refusal.NotAllowed, stranger.Carry(p.Body)) },
				func() error { return d.ignores(refusal.NotAllowed, f.evil.Carry(p.Body)) }, // in the name of a device of the list
			); err != nil {
				return err
			}
		}
	}
	if err := f.good(); err != nil {
		return err
	}
	late, err := f.mail(channel.Record{Kind: channel.KindAck, Ack: &channel.Ack{Prekey: f.evil.Prekey()}})
	if err != nil {
		return err
	}
	root, err := w.root(f)
	if err != nil {
		return err
	}
	if err := f.leader.Rotate(ambassador.Change{Remove: []account.DeviceID{f.evil.Device}}); err != nil {
		return w.refusedReference(err)
	}
	return first(func() error { return d.ignores(refusal.NotAllowed, late) }, func() error { return w.forgot(f, root) })
}

// root gives the root key of the channel between the leader and the malicious device, if the leader's export shows it.
func (w *world) root(f *fallen) ([]byte, error) {
	sessions, err := malicious.Sessions(f.evil.Channels)
	if err != nil {
		return nil, err
	}
	id := f.leader.Device.ID()
	s, err := sessions.State(hex.EncodeToString(id[:]))
	if err != nil {
		return nil, err
	}
	state, err := w.export(shim.DeviceExport, f.leader.name)
	if err != nil || !holds(state, s.RK) {
		return nil, err
	}
	return s.RK, nil
}

// forgot fails if the leader's export still holds a secret; nil is one that it never showed.
func (w *world) forgot(f *fallen, secret []byte) error {
	state, err := w.export(shim.DeviceExport, f.leader.name)
	if err != nil {
		return err
	}
	if secret != nil && holds(state, secret) {
		return w.fail(Mismatch, "a secret that must be gone is still in the exported state", "deleted", hex.EncodeToString(secret))
	}
	return nil
}

// recordsGone lets a record wait for an entry of the epoch that ends.
func recordsGone(w *world) error {
	f, err := w.fallenInTalk()
	if err != nil {
		return err
	}
	private := make([]byte, 32)
	w.random.Read(private)
	mail, err := f.mail(channel.Record{Kind: channel.KindSent, Sent: &channel.Sent{Peer: f.rogue.Account(), Seq: 5, RatchetPrivate: [32]byte(private)}})
	if err != nil {
		return err
	}
	if err := f.leader.target().brings(mail, ambassador.Record); err != nil {
		return err
	}
	state, err := w.export(shim.DeviceExport, f.leader.name)
	if err != nil {
		return err
	}
	if !holds(state, private) {
		return (&live{}).notSearchable()
	}
	// This post office knows nothing of the conversation: the cut is not there, and the epoch ends all the same.
	r, err := w.must(shim.DeviceRotate, shim.Params{Party: f.leader.name})
	if err != nil {
		return err
	}
	c := &postoffice.Commit{}
	if err := codec.Decode(r.Message, c); err != nil {
		return w.fail(Mismatch, "device.rotate gives no commit", "a Commit", err.Error())
	}
	d := f.leader.target()
	echo := codec.MustEncode(&postoffice.Mail{Position: 9, Device: d.id, Number: c.Number})
	return first(func() error { return d.brings(echo, ambassador.Accepted, ambassador.Rotated) }, func() error { return w.forgot(f, private) })
}

// led is an account whose leader is malicious and whose companion is the target's.
type led struct {
	evil   *malicious.Sibling
	d      *shimDevice
	keys   *account.EpochKeys // of the newest epoch
	bundle *account.Bundle
}

// led links the target's device.
func (w *world) led() (*led, error) {
	evil, err := malicious.NewLeader(w.random)
	if err != nil {
		return nil, err
	}
	d, err := w.newTarget()
	if err != nil {
		return nil, err
	}
	request, err := d.Request(evil.Offer(), nil)
	if err != nil {
		return nil, w.refusedReference(err)
	}
	list, err := evil.Admit(request)
	if err != nil {
		return nil, w.refusedReference(err)
	}
	l := &led{evil: evil, d: d}
	return l, l.opens(w, list, nil)
}

// opens hands the target's device the epoch of a list.
func (l *led) opens(w *world, list *account.List, cuts []channel.Head, more ...ambassador.EventKind) error {
	r, keys, bundle, err := l.evil.Rotation(l.d.id, list, cuts)
	if err != nil {
		return err
	}
	mail, err := l.evil.Mail(r)
	if err != nil {
		return err
	}
	if err := l.d.brings(mail, append([]ambassador.EventKind{ambassador.Record, ambassador.Rotated}, more...)...); err != nil {
		return err
	}
	l.evil.List, l.keys, l.bundle = list, keys, bundle
	return nil
}

// refusesRotation fails unless the device ignores a rotation after a change.
func (l *led) refusesRotation(class refusal.Class, list *account.List, change func(r *channel.Rotate)) error {
	r, _, _, err := l.evil.Rotation(l.d.id, list, nil)
	if err != nil {
		return err
	}
	change(r.Rotate)
	mail, err := l.evil.Mail(r)
	if err != nil {
		return err
	}
	return l.d.ignores(class, mail)
}

func lyingLeader(w *world) error {
	l, err := w.led()
	if err != nil {
		return err
	}
	nothing := func(*channel.Rotate) {}
	edited := func(edit func(list *account.List)) *account.List {
		list := l.evil.Next()
		edit(list)
		list.Sign(l.evil.Key)
		return list
	}
	other, err := account.GenerateKey(w.random)
	if err != nil {
		return err
	}
	return first(
		func() error {
			return l.refusesRotation(refusal.StaleEpoch, edited(func(list *account.List) { list.Epoch++ }), nothing)
		},
		func() error {
			return l.refusesRotation(refusal.StaleEpoch, edited(func(list *account.List) { list.Epoch-- }), nothing)
		},
		func() error {
			return l.refusesRotation(refusal.BadSignature, l.evil.Next(), func(r *channel.Rotate) { r.List.Signature[3] ^= 1 })
		},
		func() error {
			return l.refusesRotation(refusal.BadSignature, l.evil.Next(), func(r *channel.Rotate) { r.List.Sign(other) })
		},
		func() error {
			return l.refusesRotation(refusal.NotAllowed, edited(func(list *account.List) {
				list.Devices = slices.DeleteFunc(list.Devices, func(d account.Device) bool { return d.ID == l.d.id })
			}), nothing)
		},
		func() error {
			return l.refusesRotation(refusal.NotAllowed, edited(func(list *account.List) { list.Find(l.d.id).Status = account.Pending }), nothing)
		},
		func() error {
			return l.refusesRotation(refusal.NotAllowed, edited(func(list *account.List) { list.Account = account.IDOf(other) }), nothing)
		},
		func() error {
			return l.refusesRotation(refusal.BadSignature, l.evil.Next(), func(r *channel.Rotate) { r.Statement.Signature[9] ^= 1 })
		},
		func() error {
			return l.refusesRotation(refusal.NotAllowed, l.evil.Next(), func(r *channel.Rotate) { r.Statement.Epoch++; r.Statement.Sign(l.evil.Key) })
		},
		func() error {
			return l.refusesRotation(refusal.NotAllowed, l.evil.Next(), func(r *channel.Rotate) { r.AmbassadorPrivate[5] ^= 1 })
		},
		func() error { return l.opens(w, l.evil.Next(), nil) },
	)
}

func rollback(w *world) error {
	l, err := w.led()
	if err != nil {
		return err
	}
	old := l.evil.List
	return first(
		func() error { return l.opens(w, l.evil.Next(), nil) },
		func() error { return l.refusesRotation(refusal.StaleEpoch, old, func(*channel.Rotate) {}) },
		func() error {
			r, _, _, err := l.evil.Rotation(l.d.id, l.evil.Next(), nil)
			if err != nil {
				return err
			}
			r.Epoch = old.Epoch
			mail, err := l.evil.Mail(r)
			if err != nil {
				return err
			}
			return l.d.ignores(refusal.StaleEpoch, mail)
		},
	)
}

// ledInTalk is led with a conversation with a counterparty that has begun.
func (w *world) ledInTalk() (*led, *malicious.Counterparty, error) {
	l, err := w.led()
	if err != nil {
		return nil, nil, err
	}
	c, _, err := malicious.NewCounterparty(l.evil.List.Account, w.random)
	if err != nil {
		return nil, nil, err
	}
	return l, c, l.hears(w, c)
}

// hears lets the device read a start or an entry of a counterparty.
func (l *led) hears(w *world, c *malicious.Counterparty) error {
	bundle := l.bundle
	if c.Talk.Session != nil && c.Talk.PeerStatement.Epoch == l.keys.Statement.Epoch {
		bundle = nil
	}
	o, err := c.Say("hello", bundle)
	if err != nil {
		return w.refusedReference(err)
	}
	c.Sent(o)
	return l.d.brings(entryMail(o.Entry), ambassador.Message)
}

func cuts(w *world) error {
	for _, test := range []struct {
		change func(h *channel.Head)
		more   []ambassador.EventKind
	}{
		{func(*channel.Head) {}, nil},
		{func(h *channel.Head) { h.Seq += 5; h.Head[0] ^= 1 }, nil}, // entries that were not delivered
		{func(h *channel.Head) { h.Head[0] ^= 1 }, []ambassador.EventKind{ambassador.Frozen}},
		{func(h *channel.Head) { h.Seq-- }, []ambassador.EventKind{ambassador.Frozen}},
	} {
		l, c, err := w.ledInTalk()
		if err != nil {
			return err
		}
		if err := l.hears(w, c); err != nil {
			return err
		}
		cut := channel.Head{Peer: c.Account(), Seq: c.Talk.Seq, Head: c.Talk.Head}
		test.change(&cut)
		if err := l.opens(w, l.evil.Next(), []channel.Head{cut}, test.more...); err != nil {
			return err
		}
		if test.more != nil {
			continue
		}
		c.Talk.Seq, c.Talk.Head = cut.Seq, cut.Head
		if err := l.hears(w, c); err != nil {
			return err
		}
	}
	return nil
}

// secrets gives the private keys of an epoch.
func secrets(k *account.EpochKeys) [][]byte {
	all := [][]byte{k.Ambassador.Bytes(), k.Batches[0].Signed}
	for _, opk := range k.Batches[0].OneTime {
		all = append(all, opk)
	}
	return all
}

// lacks fails if the exported state of the device holds a secret.
func (l *led) lacks(what string, secrets [][]byte) error {
	state, err := l.d.export(shim.DeviceExport, l.d.name)
	if err != nil {
		return err
	}
	for _, s := range secrets {
		if holds(state, s) {
			return l.d.fail(Mismatch, what+" is still in the exported state", "deleted", fmt.Sprintf("%x", s))
		}
	}
	return nil
}

// searchable skips the test where the export hides even the keys of the current epoch.
func (l *led) searchable() error {
	state, err := l.d.export(shim.DeviceExport, l.d.name)
	if err != nil {
		return err
	}
	if !holds(state, l.keys.Ambassador.Bytes()) {
		return (&live{}).notSearchable()
	}
	return nil
}

func oldSecretsGone(w *world) error {
	l, c, err := w.ledInTalk()
	if err != nil {
		return err
	}
	if err := l.searchable(); err != nil {
		return err
	}
	old := append(secrets(l.keys), c.Talk.Session.RK, c.Talk.Session.CKs)
	own, err := l.ownEntry(w, c)
	if err != nil {
		return err
	}
	old = append(old, own)
	return first(
		func() error {
			return l.opens(w, l.evil.Next(), []channel.Head{{Peer: c.Account(), Seq: c.Talk.Seq, Head: c.Talk.Head}})
		},
		func() error { return l.lacks("a secret of the epoch before", old) },
		l.searchable,
	)
}

// ownEntry lets the device send to the counterparty, and gives the private ratchet key of the entry, which the leader gets to know.
func (l *led) ownEntry(w *world, c *malicious.Counterparty) ([]byte, error) {
	peer := c.Account()
	if err := l.caughtUp(w); err != nil {
		return nil, err
	}
	r, err := w.must(shim.DeviceSend, shim.Params{Party: l.d.name, Account: peer[:], Plaintext: []byte("own")})
	if err != nil {
		return nil, err
	}
	m := &postoffice.Commit{}
	if err := codec.Decode(r.Message, m); err != nil || len(m.Parcels) != 1 {
		return nil, w.fail(Mismatch, "the commit of an entry of two devices", "one parcel", fmt.Sprintf("%d parcels, %v", len(m.Parcels), err))
	}
	record, _, err := l.evil.Open(l.evil.List, l.d.id, m.Parcels[0].Body)
	if err != nil || record.Sent == nil {
		return nil, w.fail(Mismatch, "the record of an entry", "sent", fmt.Sprint(err))
	}
	if err := l.d.brings(codec.MustEncode(&postoffice.Mail{Position: 1, Device: l.d.id, Number: m.Number, Entry: m.Entry}), ambassador.Accepted); err != nil {
		return nil, err
	}
	c.Spoiled(m.Entry) // the counterparty need not read it
	return record.Sent.RatchetPrivate[:], nil
}

// caughtUp tells the device that it has read everything.
func (l *led) caughtUp(w *world) error {
	_, err := w.must(shim.DeviceCaughtUp, shim.Params{Party: l.d.name})
	return err
}

func pendingSecrets(w *world) error {
	l, err := w.led()
	if err != nil {
		return err
	}
	if err := l.searchable(); err != nil {
		return err
	}
	list := l.evil.Next()
	list.Find(l.d.id).Status = account.Pending
	list.Sign(l.evil.Key)
	mail, err := l.evil.Mail(l.evil.Record(l.d.id, channel.Record{Kind: channel.KindList, List: list}))
	if err != nil {
		return err
	}
	if err := l.d.brings(mail, ambassador.Rotated); err != nil {
		return err
	}
	if err := l.lacks("a secret of the epoch before", secrets(l.keys)); err != nil {
		return err
	}
	l.evil.List = list
	back := l.evil.Next()
	back.Find(l.d.id).Status = account.Active
	back.Sign(l.evil.Key)
	return first(func() error { return l.opens(w, back, nil) }, l.searchable)
}

// forked is a post office that damages an entry on its way to one device.
type forked struct {
	postoffice.Service
	victim account.DeviceID
	seq    uint64
}

func (f *forked) Fetch(id account.ID, device account.DeviceID, from uint64) (postoffice.Mailbox, error) {
	box, err := f.Service.Fetch(id, device, from)
	for i, encoded := range box.Mails {
		m := &postoffice.Mail{}
		if device != f.victim || codec.Decode(encoded, m) != nil || len(m.Entry) == 0 {
			continue
		}
		e, err := conversation.ParseEntry(m.Entry)
		if err == nil && e.Seq == f.seq {
			m.Entry[len(m.Entry)-1] ^= 1
			box.Mails[i] = codec.MustEncode(m)
		}
	}
	return box, err
}

func equivocation(w *world) error {
	fork := &forked{Service: w.office}
	w.office = fork
	f, err := w.begun(cast{"", []bool{true, true}})
	if err != nil {
		return err
	}
	s, err := w.state(f.alice[0], f.b)
	if err != nil {
		return err
	}
	fork.victim, fork.seq = f.alice[1].Device.ID(), s.seq+1
	if err := first(
		func() error { return w.send(f.bob[0], f.a, "to one of them another") },
		func() error { return w.sync(f.alice) },
		func() error { return w.refusedReference(f.alice[0].Ack()) },
		func() error { return w.sync(f.alice) },
	); err != nil {
		return err
	}
	if s, err = w.state(f.alice[1], f.b); err != nil {
		return err
	}
	if s.problem == "" {
		return w.fail(Mismatch, "a device that was given another entry than its sibling goes on", "the conversation frozen", fmt.Sprintf("seq %d, head %x", s.seq, s.head))
	}
	return nil
}

func anotherKey(w *world) error {
	l, c, err := w.ledInTalk()
	if err != nil {
		return err
	}
	keys, publication, err := account.NewEpoch(c.Key, c.Keys.Statement.Epoch, w.random)
	if err != nil {
		return err
	}
	bundle := &account.Bundle{Statement: keys.Statement, SignedPrekeyID: 1, SignedPrekey: publication.SignedPrekey, PrekeySignature: publication.PrekeySignature}
	peer := c.Account()
	if err := l.opens(w, l.evil.Next(), []channel.Head{{Peer: peer, Seq: c.Talk.Seq, Head: c.Talk.Head}}); err != nil {
		return err
	}
	return l.d.refuseUnchanged(refusal.NotAllowed, shim.DeviceSend, shim.Params{Party: l.d.name, Account: peer[:], Plaintext: []byte("no"), PeerBundle: codec.MustEncode(bundle)})
}

func voidFlood(w *world) error {
	l, c, err := w.ledInTalk()
	if err != nil {
		return err
	}
	for range 150 {
		o, err := c.Say("noise", nil)
		if err != nil {
			return err
		}
		entry, err := malicious.Changed(o.Entry, func(e *conversation.Entry) { e.Message[len(e.Message)-1] ^= 1 })
		if err != nil {
			return err
		}
		if err := l.d.brings(entryMail(entry), ambassador.Void); err != nil {
			return err
		}
		c.Spoiled(entry)
	}
	return l.hears(w, c)
}

// ownStart makes a start to the counterparty as a device of the account should, with the secrets that the leader has sent.
func (w *world) ownStart(f *fallen) (*conversation.Outgoing, error) {
	rogue, _, err := malicious.NewCounterparty(f.leader.Device.Account(), w.random)
	if err != nil {
		return nil, err
	}
	f.rogue = rogue
	ambassadorKey, err := ecdh.X25519().NewPrivateKey(f.rotate.AmbassadorPrivate[:])
	if err != nil {
		return nil, w.fail(Mismatch, "rotate-commit has no ambassador key", "32 bytes", err.Error())
	}
	keys := &account.EpochKeys{Statement: f.rotate.Statement, Ambassador: ambassadorKey}
	return conversation.New(f.rotate.List.Account, rogue.Account()).Start(keys, rogue.Bundle(), []byte("own"), w.random)
}

// sentMail gives the mail of a sent record with its entry.
func (f *fallen) sentMail(sent *channel.Sent, entry []byte) ([]byte, error) {
	encoded, err := f.mail(channel.Record{Kind: channel.KindSent, Sent: sent})
	if err != nil {
		return nil, err
	}
	m := &postoffice.Mail{}
	if err := codec.Decode(encoded, m); err != nil {
		return nil, err
	}
	m.Entry = entry
	return codec.Encode(m)
}

func lyingSent(w *world) error {
	for _, test := range []struct {
		change func(s *channel.Sent)
		kind   ambassador.EventKind
	}{
		{func(*channel.Sent) {}, ambassador.Sent},
		{func(s *channel.Sent) { s.Digest[0] ^= 1 }, ambassador.Frozen},
		{func(s *channel.Sent) { s.Head[0] ^= 1 }, ambassador.Frozen},
		{func(s *channel.Sent) { s.Secret[0] ^= 1 }, ambassador.Frozen},
		{func(s *channel.Sent) { s.RatchetPrivate[5] ^= 1 }, ambassador.Frozen},
	} {
		f, err := w.fallen()
		if err != nil {
			return err
		}
		o, err := w.ownStart(f)
		if err != nil {
			return err
		}
		test.change(&o.Sent)
		mail, err := f.sentMail(&o.Sent, o.Entry)
		if err != nil {
			return err
		}
		if err := f.leader.target().brings(mail, ambassador.Record, test.kind); err != nil {
			return err
		}
	}
	return nil
}

func recordAgain(w *world) error {
	f, err := w.fallen()
	if err != nil {
		return err
	}
	o, err := w.ownStart(f)
	if err != nil {
		return err
	}
	mail, err := f.sentMail(&o.Sent, o.Entry)
	if err != nil {
		return err
	}
	d := f.leader.target()
	if err := d.brings(mail, ambassador.Record, ambassador.Sent); err != nil {
		return err
	}
	f.rogue.Talk.Seq, f.rogue.Talk.Head = o.Next.Seq, o.Next.Head
	noise, err := f.rogue.StartTo(9, f.rogue.Bundle(), "an entry that nobody can read")
	if err != nil {
		return err
	}
	again, err := f.mail(channel.Record{Kind: channel.KindSent, Sent: &o.Sent})
	if err != nil {
		return err
	}
	if err := first(
		func() error { return d.brings(entryMail(noise), ambassador.Void) },
		func() error { return d.brings(again, ambassador.Record) }, func() error { return w.standsAt(f, 2) },
	); err != nil {
		return err
	}
	state, err := w.export(shim.DeviceExport, f.leader.name)
	if err != nil {
		return err
	}
	if holds(state, o.Sent.Secret) {
		return w.fail(Mismatch, "a repeated record is kept: the secret of the start is in the state again", "deleted", fmt.Sprintf("%x", o.Sent.Secret))
	}
	return nil
}

// standsAt fails unless the leader's conversation with the counterparty is at an entry, and goes on.
func (w *world) standsAt(f *fallen, seq uint64) error {
	s, err := w.state(f.leader, f.rogue.Account())
	if err != nil {
		return err
	}
	if s.seq != seq || s.problem != "" {
		return w.fail(Mismatch, "a record that says nothing new has changed the conversation", fmt.Sprintf("seq %d", seq), fmt.Sprintf("seq %d %s", s.seq, s.problem))
	}
	return nil
}

func farRecord(w *world) error {
	f, err := w.fallenInTalk()
	if err != nil {
		return err
	}
	sent := func(seq uint64) channel.Record {
		return f.evil.Record(f.leader.Device.ID(), channel.Record{Kind: channel.KindSent, Sent: &channel.Sent{Peer: f.rogue.Account(), Seq: seq}})
	}
	return first(
		func() error { return f.refusesRecord(refusal.SkipLimit, sent(102)) },
		func() error { return f.refusesRecord(refusal.SkipLimit, sent(1<<63)) },
		func() error {
			mail, err := f.evil.Mail(sent(101))
			if err != nil {
				return err
			}
			return f.leader.target().brings(mail, ambassador.Record)
		},
	)
}

func boundedWaiting(w *world) error {
	f, err := w.fallen()
	if err != nil {
		return err
	}
	o, err := w.ownStart(f)
	if err != nil {
		return err
	}
	d := f.leader.target()
	if err := d.brings(entryMail(o.Entry), ambassador.Parked); err != nil { // its record does not come
		return err
	}
	previous, seq := o.Next.Head, o.Next.Seq
	var size [3]int
	for i := range size {
		for range 120 {
			seq++
			entry := codec.MustEncode(&conversation.Entry{
				Sender: f.rogue.Account(), Recipient: f.rotate.List.Account, SenderEpoch: 1, RecipientEpoch: f.rotate.List.Epoch,
				Seq: seq, Previous: previous, Message: make([]byte, 58),
			})
			previous = conversation.NextHead(previous, entry)
			if err := d.brings(entryMail(entry), ambassador.Parked); err != nil {
				return err
			}
		}
		state, err := d.export(shim.DeviceExport, d.name)
		if err != nil {
			return err
		}
		size[i] = len(state)
	}
	if size[2]-size[1] > (size[1]-0)/10 {
		return w.fail(Mismatch, "the state grows with every entry that waits", fmt.Sprintf("about %d bytes after 240 and after 360 entries", size[1]), fmt.Sprint(size[2]))
	}
	return nil
}

func startSecretGone(w *world) error {
	alice, err := w.play(cast{"", []bool{true, true}})
	if err != nil {
		return err
	}
	rogue, registration, err := malicious.NewCounterparty(alice[0].Device.Account(), w.random)
	if err != nil {
		return err
	}
	if err := w.office.Append(registration); err != nil {
		return err
	}
	if err := first(func() error { return w.send(alice[1], rogue.Account(), "start") }, func() error { return w.sync(alice) }); err != nil {
		return err
	}
	box, err := w.office.Fetch(rogue.Account(), rogue.Device, 1)
	if err != nil {
		return err
	}
	m := &postoffice.Mail{}
	if err := codec.Decode(box.Mails[len(box.Mails)-1], m); err != nil {
		return err
	}
	secret, err := rogue.Secret(m.Entry)
	if err != nil {
		return w.refusedReference(err)
	}
	for _, a := range alice {
		state, err := w.export(shim.DeviceExport, a.name)
		if err != nil {
			return err
		}
		if holds(state, secret) {
			return w.fail(Mismatch, "the secret of a start is still in the exported state", "deleted", fmt.Sprintf("%x", secret))
		}
	}
	return nil
}

func replacesPrekey(w *world) error {
	l, err := w.led()
	if err != nil {
		return err
	}
	stranger := func(offered *account.List) (*malicious.Sibling, []byte, error) {
		s, err := malicious.NewSibling(w.random)
		if err != nil {
			return nil, nil, err
		}
		request, err := s.Request(codec.MustEncode(&ambassador.LinkOffer{List: *offered}))
		if err != nil {
			return nil, nil, err
		}
		q := &ambassador.LinkRequest{}
		if err := codec.Decode(request, q); err != nil {
			return nil, nil, err
		}
		for _, p := range q.Introductions {
			if p.Device == l.d.id {
				return s, s.Carry(p.Body), nil
			}
		}
		return nil, nil, fmt.Errorf("no introduction to the device")
	}
	// joins links a sibling with the prekeys of a list that was offered, and lets the device read its introduction.
	joins := func(offered *account.List, prekey *account.Prekey) (func() error, error) {
		s, introduction, err := stranger(offered)
		if err != nil {
			return nil, err
		}
		list := l.evil.Next()
		list.Devices = append(list.Devices, account.Device{ID: s.Device, Status: account.Active, Prekey: s.Prekey()})
		if prekey != nil {
			list.Find(l.d.id).Prekey = *prekey
		}
		list.Sort()
		list.Sign(l.evil.Key)
		if err := l.opens(w, list, nil); err != nil {
			return nil, err
		}
		return func() error { return l.d.brings(introduction, ambassador.Record) }, nil
	}
	before := *l.evil.List
	reads, err := joins(&before, nil)
	if err != nil {
		return err
	}
	if err := reads(); err != nil {
		return err
	}
	// The prekey was used: the next ack brings another one.
	ack, err := w.must(shim.DeviceAck, shim.Params{Party: l.d.name})
	if err != nil {
		return err
	}
	c := &postoffice.Commit{}
	if err := codec.Decode(ack.Message, c); err != nil {
		return w.fail(Mismatch, "device.ack gives no commit", "a Commit", err.Error())
	}
	var fresh *account.Prekey
	for _, p := range c.Parcels {
		if p.Device == l.evil.Device {
			r, _, err := l.evil.Open(l.evil.List, l.d.id, p.Body)
			if err != nil || r.Ack == nil {
				return w.fail(Mismatch, "the ack to the leader does not open", "an ack", fmt.Sprint(err))
			}
			fresh = &r.Ack.Prekey
		}
	}
	if fresh == nil || fresh.ID <= before.Find(l.d.id).Prekey.ID {
		return w.fail(Mismatch, "a device whose prekey was used announces no new one", "a higher prekey_id", toJSON(fresh))
	}
	list := l.evil.Next()
	list.Find(l.d.id).Prekey = *fresh
	list.Sign(l.evil.Key)
	if err := l.opens(w, list, nil); err != nil {
		return err
	}
	// Somebody still starts a channel with the old one: it is gone.
	next := *l.evil.List
	next.Devices = slices.Clone(l.evil.List.Devices)
	next.Find(l.d.id).Prekey = before.Find(l.d.id).Prekey
	s, introduction, err := stranger(&next)
	if err != nil {
		return err
	}
	list = l.evil.Next()
	list.Devices = append(list.Devices, account.Device{ID: s.Device, Status: account.Active, Prekey: s.Prekey()})
	list.Sort()
	list.Sign(l.evil.Key)
	return first(func() error { return l.opens(w, list, nil) }, func() error { return l.d.ignores(refusal.UnknownPrekey, introduction) })
}

func falseEcho(w *world) error {
	f, err := w.fallenInTalk()
	if err != nil {
		return err
	}
	d, peer := f.leader.target(), f.rogue.Account()
	r, err := w.must(shim.DeviceSend, shim.Params{Party: d.name, Account: peer[:], Plaintext: []byte("mine")})
	if err != nil {
		return err
	}
	c := &postoffice.Commit{}
	if err := codec.Decode(r.Message, c); err != nil {
		return w.fail(Mismatch, "device.send gives no commit", "a Commit", err.Error())
	}
	o, err := f.rogue.Say("another entry for the place", nil)
	if err != nil {
		return err
	}
	f.rogue.Sent(o)
	echo := codec.MustEncode(&postoffice.Mail{Position: 9, Device: d.id, Number: c.Number, Entry: o.Entry})
	damaged := codec.MustEncode(&postoffice.Mail{Position: 9, Device: d.id, Number: c.Number, Entry: append(bytes.Clone(c.Entry), 0)})
	return first(
		func() error { return d.ignores(refusal.Malformed, damaged) },
		func() error { return d.brings(echo, ambassador.Message) },
		func() error { return w.says(f, "goes on") },
	)
}

func recordAsText(w *world) error {
	l, c, err := w.ledInTalk()
	if err != nil {
		return err
	}
	rotate, _, _, err := l.evil.Rotation(l.d.id, l.evil.Next(), nil)
	if err != nil {
		return err
	}
	sent := l.evil.Record(l.d.id, channel.Record{Kind: channel.KindSent, Sent: &channel.Sent{Peer: c.Account(), Seq: 9}})
	before, err := w.must(shim.DeviceStatus, shim.Params{Party: l.d.name})
	if err != nil {
		return err
	}
	for _, r := range []channel.Record{rotate, sent} {
		o, err := c.Say(string(codec.MustEncode(&r)), nil)
		if err != nil {
			return err
		}
		c.Sent(o)
		if err := l.d.brings(entryMail(o.Entry), ambassador.Message); err != nil {
			return err
		}
	}
	after, err := w.must(shim.DeviceStatus, shim.Params{Party: l.d.name})
	if err != nil {
		return err
	}
	if err := w.equal("device list", before.List, after.List); err != nil {
		return err
	}
	// The counterparty's device starts a channel to the victim's, with the prekey that a list shows.
	stranger, err := malicious.NewSibling(w.random)
	if err != nil {
		return err
	}
	stranger.List = l.evil.List
	if err := stranger.Connect(l.evil.List.Find(l.d.id), w.random); err != nil {
		return err
	}
	mail, err := stranger.Mail(stranger.Record(l.d.id, channel.Record{Kind: channel.KindSent, Sent: sent.Sent}))
	if err != nil {
		return err
	}
	return first(func() error { return l.d.ignores(refusal.NotAllowed, mail) }, func() error { return l.hears(w, c) })
}

// claimedPlace lets the record of a sibling come before and after the other side's entry for the place.
func claimedPlace(w *world) error {
	for _, late := range []bool{false, true} {
		f, err := w.fallenInTalk()
		if err != nil {
			return err
		}
		o, err := f.rogue.Say("the other side's", nil)
		if err != nil {
			return err
		}
		f.rogue.Sent(o)
		record, err := f.mail(channel.Record{Kind: channel.KindSent, Sent: &channel.Sent{Peer: f.rogue.Account(), Seq: o.Next.Seq, Head: [32]byte{1}}})
		if err != nil {
			return err
		}
		d := f.leader.target()
		if late {
			err = first(
				func() error { return d.brings(entryMail(o.Entry), ambassador.Message) },
				func() error { return d.brings(record, ambassador.Record, ambassador.Frozen) },
			)
		} else {
			err = first(
				func() error { return d.brings(record, ambassador.Record) },
				func() error { return d.brings(entryMail(o.Entry), ambassador.Message, ambassador.Frozen) },
			)
		}
		if err != nil {
			return err
		}
		if err := w.standsStill(f); err != nil {
			return err
		}
	}
	return nil
}

// freshEpochs rotates for every reason, and collects the keys that are published.
func freshEpochs(w *world) error {
	leader, err := w.register(true)
	if err != nil {
		return err
	}
	seen := map[primitive.PublicKey]string{}
	collect := func(epoch string) error {
		for {
			encoded, err := w.office.Bundle(leader.Device.Account())
			if err != nil {
				return err
			}
			b := &account.Bundle{}
			if err := codec.Decode(encoded, b); err != nil {
				return w.refusedReference(err)
			}
			if b.OneTimePrekeyID == 0 {
				return nil
			}
			for what, k := range map[string]primitive.PublicKey{"ambassador key": b.Statement.AmbassadorKey, "signed prekey": b.SignedPrekey, "one-time prekey": b.OneTimePrekey} {
				name := fmt.Sprintf("%s of %s", what, epoch)
				if what == "one-time prekey" {
					name += fmt.Sprint(", id ", b.OneTimePrekeyID)
				}
				if other, ok := seen[k]; ok && other != name {
					return w.fail(Mismatch, "a key is used in two places", "a new key", fmt.Sprintf("%s is %s", name, other))
				}
				seen[k] = name
			}
		}
	}
	var added *member
	return first(
		func() error { return collect("epoch 1") },
		func() error { added, err = w.link(leader, true); return err },
		func() error { return collect("epoch 2") },
		func() error { return w.refusedReference(leader.Rotate(ambassador.Change{})) },
		func() error { return collect("epoch 3") },
		func() error {
			return w.refusedReference(leader.Rotate(ambassador.Change{Remove: []account.DeviceID{added.Device.ID()}}))
		},
		func() error { return collect("epoch 4") },
	)
}

// addressed is an account of one device of the target in its second epoch, its bundle, and somebody who writes to it.
func (w *world) addressed() (d *shimDevice, rogue *malicious.Counterparty, b *account.Bundle, err error) {
	leader, err := w.register(true)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := leader.Rotate(ambassador.Change{}); err != nil {
		return nil, nil, nil, w.refusedReference(err)
	}
	encoded, err := w.office.Bundle(leader.Device.Account())
	if err != nil {
		return nil, nil, nil, err
	}
	b = &account.Bundle{}
	if err := codec.Decode(encoded, b); err != nil {
		return nil, nil, nil, w.refusedReference(err)
	}
	rogue, _, err = malicious.NewCounterparty(leader.Device.Account(), w.random)
	return leader.target(), rogue, b, err
}

// genuine brings a start that must be read.
func genuine(d *shimDevice, rogue *malicious.Counterparty, b *account.Bundle) error {
	o, err := rogue.Say("genuine", b)
	if err != nil {
		return err
	}
	return d.brings(entryMail(o.Entry), ambassador.Message)
}

func voidEpochs(w *world) error {
	d, rogue, b, err := w.addressed()
	if err != nil {
		return err
	}
	for _, epoch := range []uint32{1, 3} {
		entry, err := rogue.StartTo(epoch, b, "to another epoch")
		if err != nil {
			return err
		}
		if err := d.brings(entryMail(entry), ambassador.Void); err != nil {
			return err
		}
		rogue.Spoiled(entry)
	}
	return genuine(d, rogue, b)
}

func voidStartPrekey(w *world) error {
	d, rogue, b, err := w.addressed()
	if err != nil {
		return err
	}
	entry, err := rogue.StartTo(b.Statement.Epoch, b, "damaged")
	if err != nil {
		return err
	}
	damaged, err := malicious.Changed(entry, func(e *conversation.Entry) { e.Message[len(e.Message)-1] ^= 1 })
	if err != nil {
		return err
	}
	if err := d.brings(entryMail(damaged), ambassador.Void); err != nil {
		return err
	}
	rogue.Spoiled(damaged)
	return genuine(d, rogue, b)
}

func acksUnanswered(w *world) error {
	alice, err := w.play(cast{"", []bool{true, false}})
	if err != nil {
		return err
	}
	if err := w.sync(alice); err != nil {
		return err
	}
	for range 60 {
		if err := first(func() error { return w.refusedReference(alice[1].Ack()) }, func() error { return w.sync(alice) }); err != nil {
			return err
		}
	}
	box, err := w.office.Fetch(alice[1].Device.Account(), alice[1].Device.ID(), 1)
	if err != nil {
		return err
	}
	for _, encoded := range box.Mails {
		m := &postoffice.Mail{}
		if err := codec.Decode(encoded, m); err != nil {
			return err
		}
		if m.Device == alice[0].Device.ID() && len(m.Parcels) > 0 && m.Position > 1 {
			return w.fail(Mismatch, "acknowledgements are answered with acknowledgements", "nothing", "a record of the leader")
		}
	}
	return nil
}

func restartAsked(w *world) error {
	leader, err := w.register(true)
	if err != nil {
		return err
	}
	var companions []*member
	for range 3 {
		m, err := w.link(leader, false)
		if err != nil {
			return err
		}
		companions = append(companions, m)
	}
	err = first(
		func() error { return w.refusedReference(leader.Prepare(nil)) },
		func() error { return w.restart(leader) },
		func() error { return w.refusedReference(leader.Rotate(ambassador.Change{})) },
		func() error { return w.sync(companions) },
	)
	if err != nil {
		return err
	}
	for _, m := range companions {
		if m.Device.(*ambassador.Device).Active() {
			return w.fail(Mismatch, "a device that was asked and has not answered is active in the next epoch, after a restart of the leader", "pending", "active")
		}
	}
	return nil
}

func restartPrekeys(w *world) error {
	leader, err := w.register(true)
	if err != nil {
		return err
	}
	companion, err := w.link(leader, false)
	if err != nil {
		return err
	}
	newer, err := w.link(leader, false) // uses the prekey of the companion
	if err != nil {
		return err
	}
	all := []*member{leader, companion, newer}
	err = first(
		func() error { return w.sync(all) },
		func() error { return w.refusedReference(companion.Ack()) }, // with a new one
		func() error { return w.sync(all) },
		func() error { return w.restart(leader) },
		func() error { return w.refusedReference(leader.Rotate(ambassador.Change{})) },
		func() error { return w.sync(all) },
	)
	if err != nil {
		return err
	}
	d := companion.Device.(*ambassador.Device)
	if p := d.List().Find(d.ID()).Prekey; p.ID != 2 {
		return w.fail(Mismatch, "the list does not carry the newest prekey of a device, after a restart of the leader", "prekey 2", fmt.Sprint("prekey ", p.ID))
	}
	return nil
}

// restartUnderWay restarts a leader while a commit of his is under way; when it comes back, it takes effect: a start under the new
// keys is read.
func restartUnderWay(op shim.Op) func(w *world) error {
	return func(w *world) error {
		leader, err := w.register(true)
		if err != nil {
			return err
		}
		r, err := w.must(op, shim.Params{Party: leader.target().name})
		if err != nil {
			return err
		}
		bob, _, err := w.bob()
		if err != nil {
			return err
		}
		return first(
			func() error { return w.restart(leader) },
			func() error { return w.refusedReference(w.office.Append(r.Message)) },
			func() error { return w.send(bob[0], leader.Device.Account(), "a start under the new keys") },
			func() error { return w.sync([]*member{leader}) },
			func() error { return w.readOnce(leader, []string{"a start under the new keys"}) },
		)
	}
}

func restartOwed(w *world) error {
	leader, err := w.register(false)
	if err != nil {
		return err
	}
	companion, err := w.link(leader, true)
	if err != nil {
		return err
	}
	both := []*member{leader, companion}
	// The first question may come in a chain that the companion cannot answer in (AMB-ROT-08).
	if err := first(func() error { return w.refusedReference(companion.Ack()) }, func() error { return w.sync(both) }, func() error { return w.refusedReference(leader.Prepare(nil)) }); err != nil {
		return err
	}
	d := companion.target()
	box, err := w.office.Fetch(leader.Device.Account(), d.id, 1)
	if err != nil {
		return err
	}
	if err := d.brings(box.Mails[len(box.Mails)-1], ambassador.Record); err != nil {
		return err
	}
	if err := w.restart(companion); err != nil {
		return err
	}
	if _, err := w.must(shim.DeviceCaughtUp, shim.Params{Party: d.name, Commits: box.Commits}); err != nil {
		return err
	}
	r, err := w.must(shim.DeviceUpkeep, shim.Params{Party: d.name})
	if err != nil {
		return err
	}
	if len(r.Message) == 0 {
		return w.fail(Mismatch, "the answer to the leader is forgotten in a restart", "a commit", "nothing")
	}
	return nil
}

func restartClaims(w *world) error {
	f, err := w.fallenInTalk()
	if err != nil {
		return err
	}
	c, err := w.claim(f)
	if err != nil {
		return err
	}
	c.Seq, c.Head.Head, c.Digest = c.Seq+1, [32]byte{1}, [32]byte{2}
	ahead, err := f.mail(channel.Record{Kind: channel.KindAck, Ack: &channel.Ack{Claims: []channel.Claim{c}, Prekey: f.evil.Prekey()}})
	if err != nil {
		return err
	}
	if err := first(func() error { return f.leader.target().brings(ahead, ambassador.Record) }, func() error { return w.restart(f.leader) }); err != nil {
		return err
	}
	o, err := f.rogue.Say("where the histories part", nil)
	if err != nil {
		return err
	}
	return f.leader.target().brings(entryMail(o.Entry), ambassador.Message, ambassador.Frozen)
}

func introductionKind(w *world) error {
	leader, err := w.register(true)
	if err != nil {
		return err
	}
	evil, err := malicious.NewSibling(w.random)
	if err != nil {
		return err
	}
	d := leader.target()
	offer, err := w.must(shim.DeviceOffer, shim.Params{Party: d.name})
	if err != nil {
		return err
	}
	request, err := evil.RequestWith(offer.Message, channel.Record{Kind: channel.KindReady, Ready: &channel.Ready{Prekey: evil.Prekey()}})
	if err != nil {
		return w.refusedReference(err)
	}
	return d.refuseUnchanged(refusal.NotAllowed, shim.DeviceRotate, shim.Params{Party: d.name, Message: request})
}

func frozenAtFirst(w *world) error {
	l, err := w.led()
	if err != nil {
		return err
	}
	c, _, err := malicious.NewCounterparty(l.evil.List.Account, w.random)
	if err != nil {
		return err
	}
	o, err := conversation.New(l.evil.List.Account, c.Account()).Start(l.keys, c.Bundle(), []byte("own"), w.random)
	if err != nil {
		return err
	}
	o.Sent.Digest[0] ^= 1
	encoded, err := l.evil.Mail(l.evil.Record(l.d.id, channel.Record{Kind: channel.KindSent, Sent: &o.Sent}))
	if err != nil {
		return err
	}
	m := &postoffice.Mail{}
	if err := codec.Decode(encoded, m); err != nil {
		return err
	}
	m.Entry = o.Entry
	if err := l.d.brings(codec.MustEncode(m), ambassador.Record, ambassador.Frozen); err != nil {
		return err
	}
	c.Spoiled(o.Entry)
	return first(
		func() error {
			return l.opens(w, l.evil.Next(), []channel.Head{{Peer: c.Account(), Seq: c.Talk.Seq, Head: c.Talk.Head}})
		},
		func() error { return l.hears(w, c) },
	)
}

func withoutAccount(w *world) error {
	d, err := w.newTarget()
	if err != nil {
		return err
	}
	peer := [32]byte{1}
	for op, p := range map[shim.Op]shim.Params{
		shim.DeviceSend:      {Account: peer[:], Plaintext: []byte("nobody")},
		shim.DeviceAck:       {},
		shim.DeviceReplenish: {},
		shim.DevicePrepare:   {},
		shim.DeviceRotate:    {},
		shim.DeviceOffer:     {},
		shim.DeviceReceive:   {Message: entryMail([]byte{1})},
	} {
		p.Party = d.name
		if err := d.refuseUnchanged("", op, p); err != nil {
			return err
		}
	}
	leader, err := w.register(true)
	if err != nil {
		return err
	}
	_, err = w.join(leader, d, d.name) // and it can still be linked
	return err
}
