package hostile

import (
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
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// What is under way or awaited when a device stops, and what is said again with another content.
var underWayTests = slices.Concat(
	inRoles("return-over-restart", "commits of every kind come back after restarts",
		reqs("AMB-SYN-02", "AMB-SYN-03", "AMB-SYN-15"), returnOverRestart, "leader", "companion", "reactivated"),
	inRoles("wait-over-restart", "an entry waits for its record, and a record for its entry, over restarts",
		reqs("AMB-SYN-03", "AMB-SYN-08"), waitOverRestart, "leader", "companion", "reactivated"),
	inRoles("claim-again", "a sibling claims one place ahead several times: what came last counts",
		reqs("AMB-SYN-06", "AMB-SYN-25"), claimAgain),
	inRoles("introduction-again", "the first message of a channel comes again: at once, after restarts, "+
		"and when its device was removed and is on the list again",
		reqs("AMB-X3D-13", "AMB-CHN-01", "AMB-CNV-01"), introductionAgain,
		"companion", "companion-restarted", "reactivated"),
	inRoles("four-devices", "what a device owes and sends in an account of four, of which one is pending then",
		reqs("AMB-SYN-01", "AMB-SYN-08", "AMB-SYN-18", "AMB-SYN-22"), fourDevices,
		"companion", "companion-restarted", "reactivated"),
	inRoles("entry-under-way", "an entry is under way when its place is taken, when its conversation freezes, "+
		"and when its place was claimed", reqs("AMB-SYN-06", "AMB-SYN-15", "AMB-SYN-27", "AMB-LOG-07"), entryUnderWay),
	inRoles("old-records", "records that were made in an epoch come in a later one, in a channel that goes on",
		reqs("AMB-CHN-08", "AMB-CNV-01"), oldRecords),
	inRoles("own-mail-again", "the mail of an own commit comes again, with other numbers, and as another device's",
		reqs("AMB-SYN-15", "AMB-LOG-07", "AMB-CNV-01"), ownMailAgain),
)

// renews restarts the device and does not tell it that it has caught up.
func (n *insider) renews() {
	before := n.state()
	n.Renew(n.device)
	n.Equal("the export of a device that was imported", before, n.state())
}

// returnOverRestart makes a commit of each kind, restarts the device twice, and lets it come back: it takes effect
// as if nothing had happened.
func returnOverRestart(n *insider) {
	c := n.talks()
	for _, start := range []bool{false, false, true} {
		if start {
			n.rotates([]channel.Head{ends(c)})
		}
		commit, sent := n.sends(c)
		n.renews()
		n.renews()
		n.returns(commit, nil, ambassador.Accepted)
		names(n.World, c, codec.MustEncode(commit), start)
		n.goesOn(c)
		n.renews()
		n.Must(shim.DeviceCaughtUp, shim.Params{Party: n.device.Party()})
		n.brings(n.asks(c.Account(), sent.Sent.Seq), ambassador.Record)
		n.renews()
		n.Must(shim.DeviceCaughtUp, shim.Params{Party: n.device.Party()})
		if r := n.pays(); start && r != nil || !start && (r == nil || r.Sent == nil || !sameSent(r.Sent, sent.Sent)) {
			n.Violation(verdict.Mismatch, "a sibling asks for the entry that came back after restarts",
				suite.JSON(sent), suite.JSON(r))
		}
		n.hears(c)
	}
	commit, r := n.makes(shim.DeviceReplenish, shim.Params{})
	n.renews()
	n.returns(commit, nil, ambassador.Accepted)
	keys := n.keys()
	keys.Batches = append(keys.Batches, batchOf(r.Prekeys))
	n.renews()
	stranger := n.meets()
	n.gets(n.begins(stranger, n.bundle(keys, 7)).Entry, ambassador.Message)
	if n.leads {
		n.Must(shim.DeviceCaughtUp, shim.Params{Party: n.device.Party()})
		commit, r := n.makes(shim.DeviceRotate, shim.Params{})
		n.renews()
		n.renews()
		c := n.meets()
		n.rotation, n.liar.List, n.starts = r.Rotate, &r.Rotate.List, 0
		n.returns(commit, nil, ambassador.Accepted, ambassador.Rotated, ambassador.Frozen, ambassador.Frozen)
		n.hears(c)
	}
}

// waitOverRestart restarts the device between each step of an entry and its record.
func waitOverRestart(n *insider) {
	c := n.meets()
	for _, recordFirst := range []bool{true, false} {
		own := n.start(n.talk(c), c.Bundle())
		next := n.sealed(own.Next, "own")
		if recordFirst {
			n.brings(n.sent(own.Sent), ambassador.Record)
			n.brings(n.sent(next.Sent), ambassador.Record)
			n.renews()
			n.gets(own.Entry, ambassador.Sent)
			n.renews()
			exported.MustNotHold(n.T, "the secret of a start", n.state(), own.Sent.Secret)
			n.gets(next.Entry, ambassador.Sent)
		} else {
			n.gets(own.Entry, ambassador.Parked)
			n.renews()
			n.gets(next.Entry, ambassador.Parked)
			n.renews()
			n.brings(n.sent(next.Sent), ambassador.Record)
			n.renews()
			n.brings(n.sent(own.Sent), ambassador.Record, ambassador.Sent, ambassador.Sent)
		}
		n.renews()
		c.Spoiled(own.Entry)
		c.Spoiled(next.Entry)
		n.goesOn(c)
	}
}

// entryUnderWay lets entries of the device come back when they cannot take effect any more, or when they show that a
// sibling has lied.
func entryUnderWay(n *insider) {
	c := n.talks()
	late, _ := n.sends(c)
	n.hears(c) // at its place
	n.between()
	n.returns(late, nil, ambassador.Refused)
	n.goesOn(c)

	frozen := n.talks()
	n.Must(shim.DeviceRefused, shim.Params{Party: n.device.Party()})
	claim := n.claim(frozen)
	commit, _ := n.sends(frozen)
	claim.Digest[0] ^= 1
	n.brings(n.ack(claim), ambassador.Record, ambassador.Frozen)
	n.returns(commit, nil, ambassador.Frozen)
	frozen.Spoiled(commit.Entry)
	n.standsStill(frozen)

	claimed := n.talks()
	claim = n.claim(claimed)
	claim.Seq, claim.Digest = claim.Seq+1, [32]byte{1}
	n.Must(shim.DeviceRefused, shim.Params{Party: n.device.Party()})
	commit, _ = n.sends(claimed)
	n.brings(n.ack(claim), ambassador.Record)
	n.returns(commit, nil, ambassador.Accepted, ambassador.Frozen)
	claimed.Spoiled(commit.Entry)
	n.standsStill(claimed)
	n.hears(c)
}

// claimAgain claims the next place as it is not, and then as it is, and the other way round.
func claimAgain(n *insider) {
	for _, last := range []bool{true, false} {
		c := n.talks()
		entries, places := n.course(c, 2)
		for i := range 10 {
			claim := places[2]
			if (i%2 == 1) != last {
				claim.Digest[i] ^= 1
			}
			n.brings(n.ack(claim), ambassador.Record)
			n.between()
		}
		n.gets(entries[0], ambassador.Message)
		n.between()
		n.gets(entries[1], freezesIf(ambassador.Message, !last)...)
	}
}

// introductionAgain repeats the introduction of a device.
func introductionAgain(n *insider) {
	d, introduction := newcomer(n.World, n.liar.List, n.device.ID())
	with := func(on bool) *account.List {
		list := n.liar.Next()
		remove(list, d.Device)
		if on {
			again := account.Device{ID: d.Device, Status: account.Active, Prekey: d.Prekey()}
			list.Devices = append(list.Devices, again)
			list.Sort()
		}
		list.Sign(n.liar.Key)
		return list
	}
	n.device.Ignores(refusal.NotAllowed, d.Carry(introduction))
	n.opens(with(true), nil)
	n.device.Brings(d.Carry(introduction), ambassador.Record)
	for range 3 {
		n.between()
		n.device.Ignores(refusal.Duplicate, d.Carry(introduction))
	}
	n.opens(with(false), nil)
	n.between()
	n.device.Ignores(refusal.NotAllowed, d.Carry(introduction))
	n.opens(with(true), nil)
	for range 3 {
		n.between()
		n.device.Ignores(refusal.Replay, d.Carry(introduction)) // the agreement was accepted before (AMB-X3D-13)
	}
}

// oldRecords holds back records of each kind over a rotation. Those of the new epoch, in the same chain, are taken.
func oldRecords(n *insider) {
	c := n.talks()
	var late [][]byte
	for _, r := range n.everyKind(c) {
		late = append(late, n.mail(r))
	}
	n.rotates([]channel.Head{ends(c)})
	for _, mail := range late {
		n.between()
		n.device.Ignores(refusal.StaleEpoch, mail)
	}
	n.brings(n.ack(), ambassador.Record)
	n.hears(c)
}

// ownMailAgain repeats the mail that has brought a commit back, as it is and changed. Nothing of it counts again.
func ownMailAgain(n *insider) {
	c := n.talks()
	entry, _ := n.speaks(c, false)
	batch, _ := n.makes(shim.DeviceReplenish, shim.Params{})
	for _, other := range []uint64{batch.Number - 1, batch.Number + 1, batch.Number + 256, batch.Number + 1<<32} {
		n.device.Brings(codec.MustEncode(&postoffice.Mail{Position: 1, Device: n.device.ID(), Number: other}))
	}
	for _, at := range []int{0, 16, 31} { // a device with another key, and the sibling
		other := n.device.ID()
		other[at] ^= 1
		n.device.Brings(codec.MustEncode(&postoffice.Mail{Position: 1, Device: other, Number: batch.Number}))
	}
	n.device.Brings(codec.MustEncode(&postoffice.Mail{Position: 1, Device: n.liar.Device, Number: batch.Number}))
	n.returns(batch, nil, ambassador.Accepted)
	waiting, _ := n.sends(c)
	for _, mail := range []postoffice.Mail{
		{Device: n.device.ID(), Number: entry.Number, Entry: entry.Entry},
		{Device: n.device.ID(), Number: waiting.Number, Entry: entry.Entry},
		{Device: n.liar.Device, Number: waiting.Number, Entry: entry.Entry},
	} {
		mail.Position = 1
		n.device.Ignores(refusal.Duplicate, codec.MustEncode(&mail))
	}
	for _, mail := range []postoffice.Mail{
		{Device: n.device.ID(), Number: batch.Number},
		{Device: n.device.ID(), Number: waiting.Number + 1},
		{Device: n.device.ID(), Number: waiting.Number + 256},
		{Device: n.liar.Device, Number: waiting.Number},
	} {
		mail.Position = 1
		before := n.state()
		n.device.Brings(codec.MustEncode(&mail))
		n.Equal("the state after a mail that says nothing", before, n.state())
	}
	n.returns(waiting, nil, ambassador.Accepted)
	names(n.World, c, codec.MustEncode(waiting), false)
	n.goesOn(c)
	if next, _ := n.makes(shim.DeviceReplenish, shim.Params{}); next.Publication.SignedPrekeyID != 3 {
		n.Violation(verdict.Mismatch, "the signed prekey after two batches", "id 3", suite.JSON(next.Publication))
	}
}

// owesTo stops the test unless the device owes a record of a kind to exactly these devices.
func (n *insider) owesTo(kind channel.Kind, to ...*malicious.Sibling) {
	c := commitOf(n.World, shim.DeviceUpkeep, shim.Params{Party: n.device.Party()})
	n.goesTo(c, kind, to...)
}

// goesTo stops the test unless a commit has a record of a kind for exactly these devices.
func (n *insider) goesTo(c *postoffice.Commit, kind channel.Kind, to ...*malicious.Sibling) {
	for _, d := range to {
		i := slices.IndexFunc(c.Parcels, func(p postoffice.Parcel) bool { return p.Device == d.Device })
		if i < 0 || len(c.Parcels) != len(to) {
			n.Violation(verdict.Mismatch, fmt.Sprintf("to whom a record of kind %d goes", kind),
				fmt.Sprint(len(to), " devices"), suite.JSON(c.Parcels))
		}
		r, _, err := d.Open(n.liar.List, n.device.ID(), c.Parcels[i].Body)
		if err != nil || r.Kind != kind {
			n.Violation(verdict.Mismatch, "a record that is owed", fmt.Sprint("kind ", kind), fmt.Sprint(r, err))
		}
	}
}

// fourDevices lets a device have three siblings: who asks gets an answer, everybody gets what goes to everybody, and a
// pending device only what concerns it.
func fourDevices(n *insider) {
	more := n.joined()
	active := append(slices.Clone(more), n.liar)
	var all []*malicious.Counterparty
	for range 2 {
		c, frozen, waits := n.talks(), n.talks(), n.talks()
		all = append(all, c, frozen, waits)
		for range 2 {
			peer := c.Account()
			entry := commitOf(n.World, shim.DeviceSend, shim.Params{
				Party: n.device.Party(), Account: peer[:], Plaintext: []byte("own"),
			})
			n.goesTo(entry, channel.KindSent, active...)
			n.returns(entry, nil, ambassador.Accepted)
			names(n.World, c, codec.MustEncode(entry), false)
		}
		n.brings(n.asks(c.Account(), c.Talk.Seq), ambassador.Record)
		n.between()
		n.owesTo(channel.KindSent, n.liar)
		claim := n.claim(frozen)
		claim.Digest[0] ^= 1
		n.brings(n.ack(claim), ambassador.Record, ambassador.Frozen)
		n.between()
		n.owesTo(channel.KindAck, active...)
		own := n.start(n.talk(waits), waits.Bundle())
		n.gets(own.Entry, ambassador.Parked)
		n.between()
		n.owesTo(channel.KindResendRequest, active...)
		n.goesTo(commitOf(n.World, shim.DeviceAck, shim.Params{Party: n.device.Party()}), channel.KindAck, active...)
		n.owesNothing("a device has sent what it owes")
		list := n.liar.Next()
		list.Find(more[0].Device).Status = account.Pending
		list.Sign(n.liar.Key)
		waits.Spoiled(own.Entry)
		n.opens(list, cutsOf(all...))
		n.starts, active = 0, active[1:]
	}
}
