package hostile

import (
	"bytes"
	"fmt"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// placeTests name accounts and devices that are almost the right ones, and prekeys and epochs far from the first.
var placeTests = []suite.Test{
	test("near-accounts", "entries, records, cuts, lists and sends that name an account which differs from the own "+
		"one in one bit: it is another one",
		reqs("AMB-LOG-23", "AMB-LOG-24", "AMB-SYN-24", "AMB-SYN-06", "AMB-ROT-02", "AMB-ROT-05", "AMB-ENC-02"),
		nearAccounts),
	test("near-returns", "mails that name the commit under way, but for one bit of its device or number",
		reqs("AMB-SYN-15"), nearReturns),
	test("near-devices", "devices on the list that differ from the leader, the reader or a sibling in one bit",
		reqs("AMB-CHN-02", "AMB-CHN-06", "AMB-ROT-02", "AMB-CNV-01"), nearDevices),
	test("near-requests", "link requests that differ in one bit of their account, epoch or introduction's receiver",
		reqs("AMB-ROT-09", "AMB-ROT-18", "AMB-CHN-10", "AMB-CNV-01"), nearRequests),
	test("far-prekeys", "the prekeys of an epoch have ids about 2^8, 2^16 and 2^31: each is found, used once and "+
		"replaced", reqs("AMB-ACC-08", "AMB-ACC-15", "AMB-SYN-03", "AMB-SYN-12"), farPrekeys),
	test("last-prekeys", "a batch whose last one-time prekey has the highest id that there is",
		reqs("AMB-ENC-03", "AMB-ACC-15"), lastPrekeys),
	test("far-bundles", "bundles of a peer whose prekeys have ids about 2^8, 2^16 and 2^31, and of epochs as far away",
		reqs("AMB-ACC-06", "AMB-ACC-14", "AMB-SYN-03", "AMB-ROT-27", "AMB-LOG-03"), farBundles),
	test("many-commits", "the numbers of a device go on beyond 2^8, for every kind of commit, with restarts",
		reqs("AMB-SYN-02", "AMB-SYN-03", "AMB-SYN-22"), manyCommits),
	test("restart-used", "a leader that was restarted still knows that its prekey was used, and which prekey of a "+
		"device is the newest, also while a question to it is open",
		reqs("AMB-SYN-03", "AMB-CHN-11", "AMB-CHN-12", "AMB-ROT-06", "AMB-RND-01"), usedBeforeRestart),
}

// nearAccounts says everything to a device of an account that can be said of another account.
func nearAccounts(w *world.World) {
	s := newLeaderConversation(w)
	const at, next = 5, 6
	var cuts []channel.Head
	near := s.leader.List.Account
	own := near
	eachBit(near[:], func() {
		peer := near
		w.RefuseUnchanged(refusal.IncompleteBundle, shim.DeviceSend, shim.Params{
			Party: s.device.Party(), Account: peer[:], Plaintext: []byte("to another account"),
		})
		for _, seq := range []uint64{0, next} {
			s.device.Brings(s.mail(s.leader.Record(s.device.ID(), channel.Record{
				Kind: channel.KindSent, Sent: &channel.Sent{Peer: peer, Seq: seq},
			})), ambassador.Record)
		}
		s.device.Brings(fromStranger(s, peer, 1, conversation.FirstHead(peer, own)), ambassador.Void)
		cuts = append(cuts, channel.Head{Peer: peer, Seq: at, Head: [32]byte{at}})
		list := s.leader.Next()
		list.Account = peer
		s.device.Ignores(refusal.NotAllowed, s.mail(s.rotation(list)))
	})
	s.refusesNearStatements()
	cuts = append(cuts, s.cut())
	slices.SortFunc(cuts, func(a, b channel.Head) int { return bytes.Compare(a.Peer[:], b.Peer[:]) })
	s.opens(s.leader.Next(), cuts...)
	eachBit(near[:], func() {
		peer := near
		s.device.Brings(fromStranger(s, peer, next, [32]byte{at}), ambassador.Void)
		claim := channel.Claim{Head: channel.Head{Peer: peer, Seq: at, Head: [32]byte{at}}}
		ack := channel.Ack{Claims: []channel.Claim{claim}, Prekey: s.leader.Prekey()}
		r := s.leader.Record(s.device.ID(), channel.Record{Kind: channel.KindAck, Ack: &ack})
		s.device.Brings(s.mail(r), ambassador.Record, ambassador.Frozen)
	})
}

// fromStranger is the mail of a message entry of an account that has no session.
func fromStranger(s *leaderStage, sender account.ID, seq uint64, previous [32]byte) []byte {
	return entryMail(codec.MustEncode(&conversation.Entry{
		Sender: sender, Recipient: s.leader.List.Account, RecipientEpoch: s.keys.Statement.Epoch,
		Seq: seq, Previous: previous, Message: make([]byte, 100),
	}))
}

// refusesNearStatements lets the other side put statements of almost its account and epoch into a start, and the leader
// one of another account, which has signed it, into a rotation.
func (s *leaderStage) refusesNearStatements() {
	stranger := *s
	stranger.meet()
	o, err := stranger.counterparty.Say("start", s.bundle)
	s.NoFault(err)
	const statement, epoch, end = 116, 148, 152 // the account and the epoch of the statement in a start entry
	for _, field := range [][]byte{o.Entry[statement:epoch], o.Entry[epoch:end]} {
		eachBit(field, func() { s.device.Ignores(refusal.Malformed, entryMail(slices.Clone(o.Entry))) })
	}
	for _, signer := range []malicious.Signer{malicious.AccountSigner(s.leader.Key).Negated(), s.firstByteOnly()} {
		r := s.rotation(s.leader.Next())
		signed := &r.Rotate.Statement
		signed.Account = account.ID(signer.A)
		encoded := codec.MustEncode(signed)
		message := append([]byte("ambassador-v1 epoch statement"), encoded[:len(encoded)-len(signed.Signature)]...)
		copy(signed.Signature[:], signer.Sign(message, func(r []byte) []byte { return r }))
		s.NoFault(signed.Verify())
		s.device.Ignores(refusal.NotAllowed, s.mail(r))
	}
}

// firstByteOnly returns the signer of another account that agrees with that of the device in its first byte.
func (s *leaderStage) firstByteOnly() malicious.Signer {
	for {
		key, err := account.GenerateKey(s.Random)
		s.NoFault(err)
		if account.IDOf(key)[0] == s.leader.List.Account[0] {
			return malicious.AccountSigner(key)
		}
	}
}

func nearReturns(w *world.World) {
	s := newLeaderStage(w)
	m := commitOf(w, shim.DeviceReplenish, shim.Params{Party: s.device.Party()})
	mail := func() []byte {
		return codec.MustEncode(&postoffice.Mail{Position: 1, Device: m.Device, Number: m.Number})
	}
	eachBit(m.Device[:], func() { s.device.Brings(mail()) })
	for _, bit := range []uint64{1 << 8, 1 << 16, 1 << 32, 1 << 63} {
		m.Number ^= bit
		s.device.Brings(mail())
		m.Number ^= bit
	}
	s.device.Brings(mail(), ambassador.Accepted)
}

// nearDevices puts devices on the list that nobody has the keys of.
func nearDevices(w *world.World) {
	for n := range flips {
		add := func(s *leaderStage, near account.DeviceID, status account.Status, leads bool) account.DeviceID {
			flip(near[:], n)
			s.opens(s.edited(func(l *account.List) {
				l.Devices = append(l.Devices, account.Device{ID: near, Status: status, Prekey: s.leader.Prekey()})
				l.Sort()
				if leads {
					l.Leader = near
				}
			}))
			return near
		}
		s := newLeaderStage(w)
		add(s, s.leader.Device, account.Active, true)
		s.device.Ignores(refusal.NotAllowed, s.mail(s.leader.Record(s.device.ID(), channel.Record{
			Kind: channel.KindPrepare, Prepare: &channel.Prepare{},
		})))
		s = newLeaderStage(w)
		add(s, s.device.ID(), account.Pending, false)
		s.opens(s.leader.Next())
		other, err := malicious.NewSibling(w.Random)
		w.NoFault(err)
		other.List = s.leader.List
		s.NoFault(other.Connect(s.leader.List.Find(s.device.ID()), w.Random))
		near := add(s, other.Device, account.Pending, false)
		r := other.Record(s.device.ID(), channel.Record{
			Kind: channel.KindAck, Ack: &channel.Ack{Prekey: other.Prekey()},
		})
		r.Epoch, r.Sender = 0, near
		body, _, err := malicious.SealTo(other.Channels, s.device.ID(), r, w.Random)
		w.NoFault(err)
		s.device.Ignores(refusal.NotAllowed, codec.MustEncode(&postoffice.Mail{
			Position: 1, Device: near, Number: 1, Parcels: []postoffice.Parcel{{Device: near, Body: body}},
		}))
		parcelCommitOf(w, "an acknowledgement", shim.DeviceAck, shim.Params{Party: s.device.Party()})
	}
}

func nearRequests(w *world.World) {
	s := newSiblingStage(w)
	other, err := malicious.NewSibling(w.Random)
	w.NoFault(err)
	offer := w.Must(shim.DeviceOffer, shim.Params{Party: s.device.Party()}).Message
	rotates := func(request []byte) shim.Params {
		return shim.Params{Party: s.device.Party(), Message: request}
	}
	bad := other.Prekey()
	bad.Signature[0] ^= 1
	request, err := other.RequestWith(offer, channel.Record{Kind: channel.KindAck, Ack: &channel.Ack{Prekey: bad}})
	w.NoFault(err)
	w.RefuseUnchanged(refusal.BadSignature, shim.DeviceRotate, rotates(request))
	request, err = other.Request(offer)
	w.NoFault(err)
	refuses := func(class refusal.Class, change func(q *ambassador.LinkRequest)) {
		q := &ambassador.LinkRequest{}
		w.NoFault(codec.Decode(request, q))
		change(q)
		w.RefuseUnchanged(class, shim.DeviceRotate, rotates(codec.MustEncode(q)))
	}
	for n := range flips {
		refuses(refusal.StaleEpoch, func(q *ambassador.LinkRequest) { flip(q.Account[:], n) })
		refuses(refusal.Malformed, func(q *ambassador.LinkRequest) {
			own := slices.IndexFunc(q.Introductions, func(p postoffice.Parcel) bool {
				return p.Device == s.device.ID()
			})
			flip(q.Introductions[own].Device[:], n)
			slices.SortFunc(q.Introductions, func(a, b postoffice.Parcel) int {
				return bytes.Compare(a.Device[:], b.Device[:])
			})
		})
	}
	for _, bit := range highBits {
		refuses(refusal.StaleEpoch, func(q *ambassador.LinkRequest) { q.Epoch ^= bit })
	}
	w.Must(shim.DeviceRotate, rotates(request))
}

// farIDs are ids of prekeys, and distances of epochs, that fewer bytes cannot tell from small ones.
var farIDs = []uint32{1 << 8, 1 << 16, 1 << 31}

func farPrekeys(w *world.World) {
	for _, id := range farIDs {
		n := following(w)
		list := n.liar.Next()
		r, _, _, err := n.liar.Rotation(n.device.ID(), list)
		w.NoFault(err)
		batch := &r.Rotate.Prekeys
		batch.SignedPrekeyID, batch.FirstOneTimeID = id, id-3
		n.brings(r, ambassador.Record, ambassador.Rotated)
		n.rotation, n.liar.List = r.Rotate, list
		n.uses()
		m, made := n.makes(shim.DeviceReplenish, shim.Params{})
		want := fmt.Sprint(id+1, id-3+account.Batch)
		if got := fmt.Sprint(m.Publication.SignedPrekeyID, m.Publication.FirstOneTimeID); got != want {
			w.Violation(verdict.Mismatch, "the ids of the next batch", want, got)
		}
		if made == nil || made.Prekeys == nil ||
			want != fmt.Sprint(made.Prekeys.SignedPrekeyID, made.Prekeys.FirstOneTimeID) {
			w.Violation(verdict.Mismatch, "the record of the next batch", want, suite.JSON(made))
		}
		n.Renew(n.device) // with the commit under way
		n.returns(m, nil, ambassador.Accepted)
		n.restart()
		n.rotation.Prekeys = *made.Prekeys
		n.uses()
		further := *made.Prekeys
		further.SignedPrekeyID, further.FirstOneTimeID = id+2, id-3+2*account.Batch
		for _, bit := range highBits {
			for _, field := range []*uint32{&further.SignedPrekeyID, &further.FirstOneTimeID} {
				wrong := *field
				*field ^= bit
				n.device.Ignores(refusal.StaleEpoch, n.mail(n.record(channel.Record{
					Kind: channel.KindPrekeys, Prekeys: &further,
				})))
				*field = wrong
			}
		}
		n.brings(n.record(channel.Record{Kind: channel.KindPrekeys, Prekeys: &further}), ambassador.Record)
		n.restart()
		n.rotation.Prekeys = further
		n.uses()
	}
}

func lastPrekeys(w *world.World) {
	const last = 1<<32 - account.Batch // the first of the last batch
	n := following(w)
	list := n.liar.Next()
	r, _, _, err := n.liar.Rotation(n.device.ID(), list)
	w.NoFault(err)
	r.Rotate.Prekeys.FirstOneTimeID = last - account.Batch
	n.brings(r, ambassador.Record, ambassador.Rotated)
	n.rotation, n.liar.List = r.Rotate, list
	m, made := n.makes(shim.DeviceReplenish, shim.Params{})
	if made == nil || made.Prekeys == nil || made.Prekeys.FirstOneTimeID != last ||
		m.Publication.FirstOneTimeID != last {
		w.Violation(verdict.Mismatch, "the last batch", fmt.Sprint(last), suite.JSON(made))
	}
	n.returns(m, nil, ambassador.Accepted)
	n.rotation.Prekeys = *made.Prekeys
	o, err := n.meets().Say("hello", n.bundle(n.keys(), account.Batch-1))
	w.NoFault(err)
	n.gets(o.Entry, ambassador.Message)
}

// uses lets counterparties start with prekeys of the newest batch, on both sides of a far id, each twice.
func (n *insider) uses() {
	for oneTime := range 5 {
		for _, kind := range []ambassador.EventKind{ambassador.Message, ambassador.Void} {
			o, err := n.meets().Say("hello", n.bundle(n.keys(), oneTime))
			n.NoFault(err)
			n.gets(o.Entry, kind)
			n.restart()
		}
	}
}

func farBundles(w *world.World) {
	for _, id := range farIDs {
		n := following(w)
		c := n.meets()
		peer := c.Account()
		bundle := c.Bundle()
		bundle.SignedPrekeyID, bundle.OneTimePrekeyID = id, id+1
		stale := func() {
			old := *bundle
			old.SignedPrekeyID--
			for range 2 {
				w.RefuseUnchanged(refusal.StaleEpoch, shim.DeviceSend, shim.Params{
					Party: n.device.Party(), Account: peer[:], Plaintext: []byte("own"),
					PeerBundle: codec.MustEncode(&old),
				})
				n.restart()
			}
		}
		c.Spoiled(n.startsTo(c, bundle).Entry) // which has no prekeys of these ids
		stale()
		n.hears(c)
		stale()
		n.suspends()
		n.rotates(cutsOf(c))
		stale()
		n.goesFar(c, id)
		names(w, c, codec.MustEncode(n.startsTo(c, c.Bundle())), true)
		n.hears(c) // settles the session
		if id < 1<<31 {
			n.goesFar(c, id)
			n.hears(c)
		}
	}
}

// goesFar opens an epoch of a counterparty with a number that is so much higher; its prekeys begin at 1 again.
func (n *insider) goesFar(c *malicious.Counterparty, epochs uint32) {
	c.Keys.Statement.Epoch += epochs - 1
	_, err := c.NextEpoch()
	n.NoFault(err)
}

// startsTo lets the device start a session with a bundle of a counterparty.
func (n *insider) startsTo(c *malicious.Counterparty, bundle *account.Bundle) *postoffice.Commit {
	peer := c.Account()
	m, _ := n.makes(shim.DeviceSend, shim.Params{
		Account: peer[:], Plaintext: []byte("own"), PeerBundle: codec.MustEncode(bundle),
	})
	e, err := conversation.ParseEntry(m.Entry)
	want := fmt.Sprint(bundle.SignedPrekeyID, bundle.OneTimePrekeyID, bundle.Statement.Epoch)
	if err != nil || e.Start == nil ||
		want != fmt.Sprint(e.Start.SignedPrekeyID, e.Start.OneTimePrekeyID, e.RecipientEpoch) {
		n.Violation(verdict.Mismatch, "the prekeys and the epoch that a start names", want, suite.JSON(e))
	}
	n.returns(m, nil, ambassador.Accepted)
	return m
}

func manyCommits(w *world.World) {
	n := leading(w)
	number := uint64(0)
	for number < 1<<8 {
		m, _ := n.makes(shim.DeviceAck, shim.Params{})
		number = m.Number
	}
	c := n.talks()
	peer := c.Account()
	for _, s := range []struct {
		op     shim.Op
		p      shim.Params
		events []ambassador.EventKind
	}{
		{shim.DeviceReplenish, shim.Params{}, nil},
		{shim.DeviceSend, shim.Params{Account: peer[:], Plaintext: []byte("own")}, nil},
		{shim.DeviceRotate, shim.Params{}, []ambassador.EventKind{ambassador.Rotated}},
	} {
		m, _ := n.makes(s.op, s.p)
		number++
		if m.Number != number {
			w.Violation(verdict.Mismatch, "the number of "+string(s.op), fmt.Sprint(number), fmt.Sprint(m.Number))
		}
		n.Renew(n.device)
		var cuts []channel.Head
		if s.op == shim.DeviceRotate {
			cuts = cutsOf(c)
		}
		n.returns(m, cuts, append([]ambassador.EventKind{ambassador.Accepted}, s.events...)...)
		n.restart()
		if s.op == shim.DeviceSend {
			e, err := conversation.ParseEntry(m.Entry)
			n.NoFault(err)
			c.Spoiled(m.Entry)
			n.brings(n.asks(peer, e.Seq+1<<8), ambassador.Record)
			n.owesNothing("an entry that there is not is asked for")
			n.brings(n.asks(peer, e.Seq), ambassador.Record)
			if r := n.pays(); r == nil || r.Sent == nil || r.Sent.Seq != e.Seq {
				w.Violation(verdict.Mismatch, "the newest own entry is asked for", "its record", suite.JSON(r))
			}
			number++
		}
	}
}

func usedBeforeRestart(w *world.World) {
	n := leading(w)
	n.restart()
	short := shim.Params{Party: n.device.Party(), Random: make([]byte, 40)} // a prekey, and no signature
	if r, _ := n.MayLackRandomness(shim.DeviceAck, short); r != nil {
		w.Violation(verdict.Mismatch, "an acknowledgement that draws a prekey, of 40 random bytes", "none",
			suite.JSON(r))
	}
	for range 2 {
		_, r := n.makes(shim.DeviceAck, shim.Params{})
		if r == nil || r.Ack == nil || r.Ack.Prekey.ID != 2 {
			w.Violation(verdict.Mismatch, "the prekey of an ack after the first was used", "2", suite.JSON(r))
		}
		n.restart()
	}
	first := n.ack()
	n.NoFault(n.liar.RenewPrekey(n.Random))
	n.brings(n.ack(), ambassador.Record)
	n.brings(first, ambassador.Record)
	n.restart()
	n.makes(shim.DevicePrepare, shim.Params{})
	n.restart()
	_, r := n.makes(shim.DeviceRotate, shim.Params{})
	if r == nil || r.List == nil || r.List.Find(n.liar.Device).Prekey.ID != 2 ||
		r.List.Find(n.device.ID()).Prekey.ID != 2 {
		w.Violation(verdict.Mismatch, "the list after a question without an answer", "pending, with the newest prekeys",
			suite.JSON(r))
	}
}
