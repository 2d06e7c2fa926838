package hostile

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"

	"credence/conformance/internal/live/exported"
	"credence/conformance/internal/suite"
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

// What a device checks of records, and how it counts and bounds them, on every kind of device.
var recordTests = slices.Concat(
	inRoles("envelopes", "records of every kind with one field of the envelope changed",
		reqs("AMB-CHN-03", "AMB-CHN-04", "AMB-CHN-05", "AMB-CHN-06", "AMB-CHN-08", "AMB-CNV-01"), envelopes),
	inRoles("claims", "claims and sent records of places passed, reached and ahead, with one bit changed",
		reqs("AMB-SYN-05", "AMB-SYN-06", "AMB-SYN-17", "AMB-INV-22"), claims),
	inRoles("other-place", "claims of a place ahead that name the head of the current one, and the other way round",
		reqs("AMB-SYN-06", "AMB-SYN-17"), otherPlace),
	inRoles("own-entry", "a sibling sends an entry as it should be and says another digest, head, key or secret of it",
		reqs("AMB-SYN-06", "AMB-LOG-25 start message"), ownEntries),
	inRoles("batches", "prekeys of the next ids, and of others", reqs("AMB-SYN-12", "AMB-CNV-01"), batches),
	inRoles("fifty-records", "the 49th, 50th and 51st record of every kind since an acknowledgement",
		reqs("AMB-SYN-04"), fiftyRecords),
	inRoles("fifty-over-rotation", "fifty records, of which some came before a rotation",
		reqs("AMB-SYN-04"), fiftyOverRotation),
	inRoles("owed-hundred", "a sibling asks for more than a hundred records", reqs("AMB-SYN-32"), owedHundred),
	inRoles("waiting-hundred", "a hundred entries wait for a record, and one more",
		reqs("AMB-SYN-07", "AMB-SYN-10"), waitingHundred),
	inRoles("records-hundred", "records of the hundredth place ahead, and of the next",
		reqs("AMB-SYN-07", "AMB-CNV-01"), recordsHundred),
	inRoles("while-pending", "records and entries that come to a pending device",
		reqs("AMB-ROT-05 pending", "AMB-ROT-12", "AMB-SYN-03 pending", "AMB-SYN-35", "AMB-LOG-22", "AMB-CNV-01"),
		whilePending,
		"companion", "companion-restarted", "reactivated"),
	inRoles("removed-siblings", "the channels to two devices that are removed at once",
		reqs("AMB-ROT-10", "AMB-CHN-01"), removedSiblings, "companion", "companion-restarted", "reactivated"),
	inRoles("removed-while-pending", "the channels to two devices that are removed while the device is pending",
		reqs("AMB-ROT-10", "AMB-ROT-12"), removedWhilePending, "companion", "companion-restarted", "reactivated"),
)

// everyKind returns a record of every kind that says nothing to the device, with the right envelopes.
func (n *insider) everyKind(c *malicious.Counterparty) []channel.Record {
	keys := n.keys().Batches[0]
	all := []channel.Record{
		n.ack(), n.sent(channel.Sent{Peer: c.Account(), Seq: c.Talk.Seq + 50}), n.asks(c.Account(), 999),
		n.record(channel.Record{Kind: channel.KindPrekeys, Prekeys: &channel.Prekeys{
			SignedPrekeyID: keys.SignedID + 1, FirstOneTimeID: keys.FirstID + account.Batch,
		}}),
		n.ready([32]byte{1}),
	}
	if !n.leads {
		rotation, _, _, err := n.liar.Rotation(n.device.ID(), n.liar.Next())
		n.NoFault(err)
		pending := n.liar.Next()
		pending.Find(n.device.ID()).Status = account.Pending
		pending.Sign(n.liar.Key)
		all = append(all, n.prepare(1), rotation, n.record(channel.Record{Kind: channel.KindList, List: pending}))
	}
	return all
}

// envelopes changes one field at a time (SPEC.md 8.3).
func envelopes(n *insider) {
	c := n.talks()
	for _, r := range n.everyKind(c) {
		for _, wrong := range []struct {
			class  refusal.Class
			change func(r *channel.Record)
		}{
			{refusal.NotAllowed, func(r *channel.Record) { r.Account[0] ^= 0x80 }},
			{refusal.NotAllowed, func(r *channel.Record) { r.Account[31] ^= 1 }},
			{refusal.NotAllowed, func(r *channel.Record) { r.Sender[0] ^= 1 }},
			{refusal.NotAllowed, func(r *channel.Record) { r.Sender[31] ^= 1 }},
			{refusal.NotAllowed, func(r *channel.Record) { r.Sender = r.Receiver }},
			{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch-- }},
			{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch++ }},
			{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch -= 256 }},
			{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch += 256 }},
			{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch += 65536 }},
			{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch += 1 << 24 }},
			{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch = 0 }},
		} {
			changed := r
			wrong.change(&changed)
			n.device.Ignores(wrong.class, n.mail(changed))
		}
		misdirected, err := n.liar.Misdirected(r)
		n.NoFault(err)
		n.device.Ignores(refusal.NotAllowed, misdirected)
	}
	n.between()
	n.brings(n.ack(), ambassador.Record)
	n.hears(c)
}

// falsifications change one bit of a claim.
var falsifications = []func(c *channel.Claim){
	func(c *channel.Claim) { c.Head.Head[0] ^= 0x80 },
	func(c *channel.Claim) { c.Digest[31] ^= 1 },
	func(c *channel.Claim) { c.Head.Head[31] ^= 1 },
	func(c *channel.Claim) { c.Digest[0] ^= 0x80 },
	func(c *channel.Claim) { c.Digest[16] ^= 0x10 },
}

// claims lets a sibling claim places 1 to 5 of conversations that the device has read to place 3, once as they are and
// once falsely: what is false freezes the conversation there, and not before.
func claims(n *insider) {
	tried := 0
	for at := range 5 {
		for _, asSent := range []bool{false, true} {
			n.claimsPlace(at, asSent, nil)
			n.claimsPlace(at, asSent, falsifications[tried%len(falsifications)])
			tried++
		}
	}
}

// course lets a copy of the device read entries of a counterparty, and returns these, with what the device would claim
// before the first and after each.
func (n *insider) course(c *malicious.Counterparty, length int) (entries [][]byte, places []channel.Claim) {
	copied := n.Import(n.state())
	places = []channel.Claim{n.claim(c)}
	for range length {
		entry := n.says(c)
		copied.Brings(entryMail(entry), ambassador.Message)
		entries, places = append(entries, entry), append(places, n.claimOf(copied, c))
	}
	return entries, places
}

func (n *insider) claimsPlace(at int, asSent bool, falsify func(c *channel.Claim)) {
	const read = 2
	c := n.talks()
	entries, places := n.course(c, 4)
	for _, entry := range entries[:read] {
		n.gets(entry, ambassador.Message)
	}
	claim := places[at]
	if falsify != nil {
		falsify(&claim)
	}
	n.between()
	n.brings(n.claiming(claim, asSent), freezesIf(ambassador.Record, falsify != nil && at <= read)...)
	n.between()
	n.readsOn(c, entries[read:], read, at, falsify != nil)
}

// readsOn brings the entries after a number of them. If a claim of the place after at is false, the conversation
// freezes there, and reads nothing more.
func (n *insider) readsOn(c *malicious.Counterparty, entries [][]byte, read, at int, isFalse bool) {
	for i, entry := range entries {
		place := read + 1 + i
		kinds := freezesIf(ambassador.Message, isFalse && place == at)
		if isFalse && place > at {
			kinds = []ambassador.EventKind{ambassador.Frozen}
		}
		n.gets(entry, kinds...)
	}
	if !isFalse {
		n.goesOn(c)
		return
	}
	peer := c.Account()
	n.RefuseUnchanged(refusal.Frozen, shim.DeviceSend, shim.Params{
		Party: n.device.Party(), Account: peer[:], Plaintext: []byte("frozen"),
	})
}

// claiming returns a record that claims a place: an ack, or a sent record.
func (n *insider) claiming(c channel.Claim, asSent bool) channel.Record {
	if !asSent {
		return n.ack(c)
	}
	return n.sent(channel.Sent{Peer: c.Peer, Seq: c.Seq, Head: c.Head.Head, Digest: c.Digest})
}

// freezesIf returns the events of something that freezes a conversation, or does not.
func freezesIf(kind ambassador.EventKind, freezes bool) []ambassador.EventKind {
	if !freezes {
		return []ambassador.EventKind{kind}
	}
	return []ambassador.EventKind{kind, ambassador.Frozen}
}

// otherPlace lets a sibling claim places with heads and digests of others: of the current one for two places ahead, of
// the one before for the current one, and of the right head with another digest.
func otherPlace(n *insider) {
	for _, lie := range []struct {
		place        int // that is claimed; the device has read to place 1 then
		head, digest int // of which place
		freezes      bool
	}{
		{3, 1, 1, true}, {3, 3, 1, true}, {3, 1, 3, true}, {2, 1, 1, true}, {1, 0, 0, true},
		{0, 1, 1, true}, {1, 1, 0, true},
		{2, 2, 2, false}, {3, 3, 3, false},
	} {
		c := n.talks()
		entries, places := n.course(c, 3)
		n.gets(entries[0], ambassador.Message)
		claim := places[lie.head]
		claim.Seq, claim.Digest = places[lie.place].Seq, places[lie.digest].Digest
		n.brings(n.ack(claim), freezesIf(ambassador.Record, lie.freezes && lie.place <= 1)...)
		n.between()
		n.readsOn(c, entries[1:], 1, lie.place, lie.freezes)
	}
}

// ownEntries lets a sibling send starts and message entries that are right, with records that are not.
func ownEntries(n *insider) {
	for _, start := range []bool{true, false} {
		for i, change := range []func(s *channel.Sent){
			func(*channel.Sent) {},
			func(s *channel.Sent) { s.Digest[0] ^= 1 },
			func(s *channel.Sent) { s.Digest[31] ^= 0x80 },
			func(s *channel.Sent) { s.Head[0] ^= 1 },
			func(s *channel.Sent) { s.Head[31] ^= 0x80 },
			func(s *channel.Sent) { s.RatchetPrivate[5] ^= 1 },
			func(s *channel.Sent) { s.RatchetPrivate = n.private() },
			func(s *channel.Sent) {
				if s.Secret = bytes.Clone(s.Secret); len(s.Secret) > 0 {
					s.Secret[31] ^= 1
				} else { // a message entry has none
					s.Secret, s.Bundle = make([]byte, 32), codec.MustEncode(n.meets().Bundle())
				}
			},
		} {
			c := n.meets()
			o := n.start(n.talk(c), c.Bundle())
			if !start {
				n.follows(o, ambassador.Sent)
				c.Spoiled(o.Entry)
				o = n.sealed(o.Next, "own")
			}
			change(&o.Sent)
			kind := ambassador.Frozen
			if i == 0 {
				kind = ambassador.Sent
			}
			n.between()
			n.follows(o, kind)
		}
	}
}

// sealed returns the message entry of the account that follows a conversation, with its record.
func (n *insider) sealed(talk conversation.Conversation, text string) *conversation.Outgoing {
	o, err := talk.Send([]byte(text), n.Random)
	n.NoFault(err)
	return o
}

// batches hands the device prekeys of ids that do not follow, and of those that do.
func batches(n *insider) {
	keys := n.keys().Batches[0]
	signed, first := keys.SignedID, keys.FirstID
	prekeys := func(signed, first uint32) channel.Record {
		return n.record(channel.Record{
			Kind: channel.KindPrekeys, Prekeys: &channel.Prekeys{SignedPrekeyID: signed, FirstOneTimeID: first},
		})
	}
	for range 3 {
		for _, wrong := range [][2]uint32{
			{signed, first}, {signed + 2, first + 40}, {signed + 1, first + 40}, {signed + 1, first},
			{signed + 2, first + 20}, {signed, first + 20},
			{signed + 257, first + 20}, {signed + 1, first + 276}, {signed + 65537, first + 65556},
		} {
			n.device.Ignores(refusal.StaleEpoch, n.mail(prekeys(wrong[0], wrong[1])))
		}
		n.between()
		n.brings(prekeys(signed+1, first+account.Batch), ambassador.Record)
		signed, first = signed+1, first+account.Batch
		n.between()
	}
	n.rotates(nil)
	n.device.Ignores(refusal.StaleEpoch, n.mail(prekeys(signed+1, first+account.Batch)))
	n.brings(prekeys(2, 21), ambassador.Record)
}

// counted returns the ith record since the epoch began, one that the device takes in without an answer, and counts.
func (n *insider) counted(i int, c *malicious.Counterparty) channel.Record {
	switch i % 5 {
	case 0, 3:
		return n.sent(channel.Sent{Peer: c.Account(), Seq: c.Talk.Seq + 50})
	case 1, 2:
		return n.asks(c.Account(), 999)
	}
	keys, batch := n.keys().Batches[0], uint32(i/5+1)
	return n.record(channel.Record{Kind: channel.KindPrekeys, Prekeys: &channel.Prekeys{
		SignedPrekeyID: keys.SignedID + batch, FirstOneTimeID: keys.FirstID + account.Batch*batch,
	}})
}

// fiftyRecords counts to fifty, twice (AMB-SYN-04). Acks do not count.
func fiftyRecords(n *insider) {
	c := n.talks()
	n.makes(shim.DeviceAck, shim.Params{})
	for round := range 2 {
		for i := range 50 {
			n.owesNothing(fmt.Sprintf("a device has received %d records", i))
			n.brings(n.counted(50*round+i, c), ambassador.Record)
			if i%10 == 0 {
				n.brings(n.ack(), ambassador.Record)
				n.between()
			}
		}
		n.between()
		if r := n.pays(); r == nil || r.Ack == nil {
			n.Violation(verdict.Mismatch, "a device has received fifty records", "an ack", suite.JSON(r))
		}
	}
	n.owesNothing("a device has acknowledged")
}

// fiftyOverRotation counts over a rotation, whose record counts too. An ack for another reason does not end it.
func fiftyOverRotation(n *insider) {
	c, frozen := n.talks(), n.talks()
	n.makes(shim.DeviceAck, shim.Params{})
	received, inEpoch := 0, 0
	counts := func(to int) {
		for ; received < to; received++ {
			n.brings(n.counted(inEpoch, c), ambassador.Record)
			inEpoch++
		}
		n.between()
	}
	counts(20)
	claim := n.claim(frozen)
	claim.Digest[0] ^= 1
	n.brings(n.ack(claim), ambassador.Record, ambassador.Frozen)
	n.pays()
	n.rotates(cutsOf(c, frozen))
	inEpoch = 0
	if !n.leads {
		received++ // the rotate-commit
	}
	n.between()
	counts(49)
	n.owesNothing("a device has received 49 records, some before a rotation")
	counts(50)
	if r := n.pays(); r == nil || r.Ack == nil {
		n.Violation(verdict.Mismatch, "a device has received fifty records, some before a rotation", "an ack",
			suite.JSON(r))
	}
}

// owedHundred asks for one entry many times: a hundred answers are owed, and not more (11.2).
func owedHundred(n *insider) {
	c := n.talks()
	n.speaks(c, false)
	_, sent := n.speaks(c, false)
	const most = 100
	for range most + 5 {
		n.brings(n.asks(c.Account(), sent.Sent.Seq), ambassador.Record)
	}
	n.between()
	for i := range most {
		if r := n.pays(); r == nil || r.Sent == nil {
			n.Violation(verdict.Mismatch, fmt.Sprintf("answer %d of a hundred that are owed", i+1), "a sent record",
				suite.JSON(r))
		}
	}
	if r := n.pays(); r == nil || r.Ack == nil { // more than fifty records have come
		n.Violation(verdict.Mismatch, "what is owed beyond a hundred records", "an ack alone", suite.JSON(r))
	}
	n.owesNothing("a device that has sent all that it owed")
}

// waitingHundred lets an own entry and 99 of the other side wait. With its record all are read; with one more that one
// is lost, until the next epoch.
func waitingHundred(n *insider) {
	for _, more := range []int{0, 1} {
		c := n.meets()
		own := n.start(n.talk(c), c.Bundle())
		names(n.World, c, codec.MustEncode(&postoffice.Commit{
			Kind: postoffice.KindEntry, Number: 1, Entry: own.Entry,
		}), true)
		n.gets(own.Entry, ambassador.Parked)
		for range 99 + more {
			n.gets(n.says(c), ambassador.Parked)
		}
		n.between()
		kinds := slices.Repeat([]ambassador.EventKind{ambassador.Message}, 99)
		n.brings(n.sent(own.Sent), slices.Concat([]ambassador.EventKind{ambassador.Record, ambassador.Sent}, kinds)...)
		if more == 0 {
			n.goesOn(c)
			n.hears(c)
			n.rotates([]channel.Head{ends(c)})
			continue
		}
		peer := c.Account()
		n.RefuseUnchanged(refusal.NotReady, shim.DeviceSend, shim.Params{
			Party: n.device.Party(), Account: peer[:], Plaintext: []byte("an entry is lost"),
		})
	}
}

// recordsHundred hands the device records for places ahead (AMB-SYN-07).
func recordsHundred(n *insider) {
	c := n.talks()
	far := func(seq uint64) channel.Record { return n.sent(channel.Sent{Peer: c.Account(), Seq: seq}) }
	for range 2 {
		at := c.Talk.Seq
		for _, seq := range []uint64{at + 101, at + 256, at + 357, at + 65536, at + 1<<32, 1 << 63, 1<<64 - 1} {
			n.device.Ignores(refusal.SkipLimit, n.mail(far(seq)))
		}
		n.brings(far(at+100), ambassador.Record)
		n.between()
		n.rotates([]channel.Head{ends(c)})
		n.hears(c)
	}
	n.goesOn(c)
}

// whilePending brings a pending device what only an active one may read: it takes in acks and what the leader sends.
func whilePending(n *insider) {
	c := n.talks()
	keys := n.keys()
	entry := n.says(c)
	secrets := append(epochSecrets(keys), c.Talk.Session.RK)
	n.suspends()
	n.between()
	for _, r := range []channel.Record{
		n.sent(channel.Sent{Peer: c.Account(), Seq: 1}),
		n.record(channel.Record{Kind: channel.KindPrekeys, Prekeys: &channel.Prekeys{
			SignedPrekeyID: keys.Batches[0].SignedID + 1, FirstOneTimeID: keys.Batches[0].FirstID + account.Batch,
		}}),
	} {
		n.device.Ignores(refusal.NotAllowed, n.mail(r))
	}
	n.device.Ignores(refusal.NotAllowed, entryMail(entry))
	n.brings(n.ack(channel.Claim{Head: ends(c)}), ambassador.Record)
	n.brings(n.asks(c.Account(), 1), ambassador.Record)
	n.owesNothing("a pending device is asked for a record")
	for _, op := range []shim.Op{shim.DeviceReplenish, shim.DeviceSend} {
		peer := c.Account()
		p := shim.Params{Party: n.device.Party()}
		if op == shim.DeviceSend {
			p.Account, p.Plaintext, p.PeerBundle = peer[:], []byte("pending"), codec.MustEncode(c.Bundle())
		}
		n.RefuseUnchanged(refusal.NotReady, op, p)
	}
	exported.MustNotHold(n.T, oldEpoch, n.state(), secrets...)
	n.rotates([]channel.Head{ends(c)})
	n.between()
	n.hears(c)
	n.goesOn(c)
}

// joined lets the malicious leader take two more devices into the account, whose channels to the device are open.
func (n *insider) joined() []*malicious.Sibling {
	var all []*malicious.Sibling
	for range 2 {
		d, introduction := newcomer(n.World, n.liar.List, n.device.ID())
		list := n.liar.Next()
		list.Devices = append(list.Devices, account.Device{ID: d.Device, Status: account.Active, Prekey: d.Prekey()})
		list.Sort()
		list.Sign(n.liar.Key)
		n.opens(list, nil)
		n.device.Brings(d.Carry(introduction), ambassador.Record)
		all = append(all, d)
	}
	for _, d := range all {
		d.List = n.liar.List
		n.device.Brings(n.acks(d), ambassador.Record)
	}
	commit := commitOf(n.World, shim.DeviceAck, shim.Params{Party: n.device.Party()})
	for _, p := range commit.Parcels { // so that there is a chain in each direction
		for _, d := range append(slices.Clone(all), n.liar) {
			if d.Device == p.Device {
				_, _, err := d.Open(n.liar.List, n.device.ID(), p.Body)
				n.Understood(err)
			}
		}
	}
	return all
}

// acks returns the mail of an ack of a device.
func (n *insider) acks(d *malicious.Sibling) []byte {
	mail, err := d.Mail(d.Record(n.device.ID(), channel.Record{
		Kind: channel.KindAck, Ack: &channel.Ack{Prekey: d.Prekey()},
	}))
	n.NoFault(err)
	return mail
}

// without returns the list of the next epoch without devices.
func (n *insider) without(gone []*malicious.Sibling) *account.List {
	list := n.liar.Next()
	for _, d := range gone {
		remove(list, d.Device)
	}
	list.Sign(n.liar.Key)
	return list
}

// rootKeys returns the root keys of the channels of devices to the device.
func (n *insider) rootKeys(all []*malicious.Sibling) (keys [][]byte) {
	for _, d := range all {
		sessions, err := malicious.Sessions(d.Channels)
		n.NoFault(err)
		id := n.device.ID()
		state, err := sessions.State(hex.EncodeToString(id[:]))
		n.NoFault(err)
		exported.NeedsSearchable(n.T, n.state(), state.RK)
		keys = append(keys, state.RK)
	}
	return keys
}

// removedSiblings removes both devices (AMB-ROT-10).
func removedSiblings(n *insider) {
	gone := n.joined()
	roots := n.rootKeys(gone)
	late := [][]byte{n.acks(gone[0]), n.acks(gone[1])}
	n.between()
	n.opens(n.without(gone), nil)
	n.areGone(roots, late)
}

// removedWhilePending removes them in the epoch in which the device becomes pending.
func removedWhilePending(n *insider) {
	gone := n.joined()
	roots := n.rootKeys(gone)
	late := [][]byte{n.acks(gone[0]), n.acks(gone[1])}
	n.between()
	list := n.without(gone)
	list.Find(n.device.ID()).Status = account.Pending
	list.Sign(n.liar.Key)
	n.brings(n.record(channel.Record{Kind: channel.KindList, List: list}), ambassador.Rotated)
	n.liar.List = list
	n.areGone(roots, late)
	n.rotates(nil)
	n.areGone(roots, late)
}

// areGone stops the test if the device has kept root keys of channels, or takes messages that come in them.
func (n *insider) areGone(roots, late [][]byte) {
	exported.MustNotHold(n.T, "the channel to a device that was removed", n.state(), roots...)
	n.between()
	for _, mail := range late {
		n.device.Ignores(refusal.NotAllowed, mail)
	}
	n.brings(n.ack(), ambassador.Record)
}
