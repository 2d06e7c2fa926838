package hostile

import (
	"slices"

	"credence/conformance/internal/live/exported"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/primitive"
	"credence/shim"
)

// What a rotation has to end, and what it must not, on every kind of device.
var crossingTests = slices.Concat(
	inRoles("claim-over-rotation",
		"a sibling claims a place that the epoch does not reach, and the next epoch passes it",
		reqs("AMB-ROT-05", "AMB-SYN-06"), claimOverRotation),
	inRoles("record-over-rotation", "a record waits for an entry that the epoch does not reach",
		reqs("AMB-ROT-05", "AMB-SYN-08"), recordOverRotation),
	inRoles("wait-over-rotation", "entries wait for a record when the epoch ends",
		reqs("AMB-ROT-04", "AMB-ROT-05", "AMB-ROT-24", "AMB-SYN-34"), waitOverRotation),
	inRoles("resend-over-rotation", "a sibling asks for the record of an entry of the epoch before",
		reqs("AMB-ROT-05", "AMB-SYN-13", "AMB-SYN-22", "AMB-SYN-34"), resendOverRotation),
	inRoles("secrets-over-rotation", "after each of three rotations nothing of the epoch before is in the export",
		reqs("AMB-ROT-05"), secretsOverRotation),
	inRoles("freeze-over-rotation", "a conversation is frozen, with entries that came since, when the epoch ends",
		reqs("AMB-SYN-06", "AMB-ROT-04", "AMB-ROT-24 frozen", "AMB-LOG-16"), freezeOverRotation),
	inRoles("commit-over-rotation", "a commit is under way when another rotation ends its epoch, and comes back late",
		reqs("AMB-SYN-19", "AMB-SYN-36", "AMB-LOG-09"), commitOverRotation,
		"companion", "companion-restarted", "reactivated"),
	inRoles("digest-over-restart", "status and export before and after restarts, with everything under way at once",
		reqs("AMB-SYN-03", "AMB-LOG-12"), digestOverRestart, "leader", "companion", "reactivated"),
)

// claimOverRotation claims false states of the next places, which no claim of the epoch can be about once it has ended.
func claimOverRotation(n *insider) {
	c := n.talks()
	for range 3 {
		claim := n.claim(c)
		claim.Seq, claim.Head.Head = claim.Seq+1, [32]byte{1}
		n.brings(n.ack(claim), ambassador.Record)
		n.between()
		n.rotates([]channel.Head{ends(c)})
		n.between()
		n.hears(c)
		n.hears(c)
		n.goesOn(c)
	}
	claim := n.claim(c)
	claim.Digest[3] ^= 1
	n.brings(n.ack(claim), ambassador.Record, ambassador.Frozen) // and what is claimed in this epoch counts
}

// recordOverRotation lets a record wait over a rotation: the entry that comes at its place later waits for one of its
// own.
func recordOverRotation(n *insider) {
	c := n.talks()
	private := n.private()
	ahead := channel.Sent{Peer: c.Account(), Seq: c.Talk.Seq + 1, RatchetPrivate: private}
	n.brings(n.sent(ahead), ambassador.Record)
	n.between()
	n.rotates([]channel.Head{ends(c)})
	n.between()
	exported.MustNotHold(n.T, "a record that waited", n.state(), private[:])
	own := n.start(n.talk(c), c.Bundle())
	n.gets(own.Entry, ambassador.Parked)
	if r := n.pays(); r == nil || r.Resend == nil || r.Resend.Seq != own.Next.Seq {
		n.Violation(verdict.Mismatch, "a device that misses the record of an own entry asks for it",
			"a resend-request", suite.JSON(r))
	}
	n.brings(n.sent(own.Sent), ambassador.Record, ambassador.Sent)
}

// private draws 32 bytes, which no state holds by chance.
func (n *insider) private() (key [primitive.KeySize]byte) {
	_, err := n.Random.Read(key[:])
	n.NoFault(err)
	return key
}

// state returns the exported state of the device.
func (n *insider) state() []byte { return n.Export(shim.DeviceExport, n.device.Party()) }

// waitOverRotation lets an own entry wait for its record, and the other side's behind it. The cut gives them up, and
// the next epoch does not come to them again.
func waitOverRotation(n *insider) {
	c := n.talks()
	for range 2 {
		before := c.Talk.Seq
		own := n.start(n.talk(c), c.Bundle())
		n.gets(own.Entry, ambassador.Parked)
		c.Spoiled(own.Entry)
		n.between()
		n.gets(n.says(c), ambassador.Parked)
		n.between()
		n.rotates([]channel.Head{ends(c)})
		n.between()
		n.goesOn(c)
		n.owesNothing("what was asked for in an epoch is not asked for in the next")
		n.speaks(c, true, run(before+1, before+2))
		n.hears(c) // so that the counterparty has read what was named
		n.goesOn(c)
	}
}

// resendOverRotation asks for the record of the newest own entry in its epoch, in which it is given, and in the next.
func resendOverRotation(n *insider) {
	c := n.talks()
	n.speaks(c, false)
	_, sent := n.speaks(c, false)
	seq := sent.Sent.Seq
	n.between()
	n.brings(n.asks(c.Account(), seq), ambassador.Record)
	n.between()
	if r := n.pays(); r == nil || r.Sent == nil || !sameSent(sent.Sent, r.Sent) {
		n.Violation(verdict.Mismatch, "a sibling asks for the newest own entry", suite.JSON(sent.Sent), suite.JSON(r))
	}
	for _, other := range []uint64{seq - 1, seq + 1, seq + 256, seq + 65536} {
		n.brings(n.asks(c.Account(), other), ambassador.Record)
		n.owesNothing("a sibling asks for another entry than the newest own one")
	}
	n.brings(n.asks(c.Account(), seq), ambassador.Record) // and that is owed still
	n.rotates([]channel.Head{ends(c)})
	n.owesNothing("a record that was owed when the epoch ended")
	n.between()
	n.brings(n.asks(c.Account(), seq), ambassador.Record)
	n.owesNothing("a sibling asks for an entry of the epoch before")
	exported.MustNotHold(n.T, oldEpoch, n.state(), sent.Sent.RatchetPrivate[:])
}

// secretsOverRotation looks for what an epoch leaves behind: its keys, both batches of prekeys, the session, the record
// of an own entry, one that waits, and one that is owed.
func secretsOverRotation(n *insider) {
	exported.NeedsSearchable(n.T, n.state(), n.keys().Ambassador.Bytes())
	c := n.meets()
	for range 3 {
		n.hears(c)
		n.speaks(c, false)
		_, sent := n.speaks(c, false)
		private, batch := n.private(), n.publishes()
		n.brings(n.asks(c.Account(), sent.Sent.Seq), ambassador.Record)
		waits := channel.Sent{Peer: c.Account(), Seq: c.Talk.Seq + 9, RatchetPrivate: private}
		n.brings(n.sent(waits), ambassador.Record)
		old := append(epochSecrets(n.keys()), batch.SignedPrekeyPrivate[:], c.Talk.Session.RK,
			sent.Sent.RatchetPrivate[:], private[:])
		for i := range batch.OneTimePrivates {
			old = append(old, batch.OneTimePrivates[i][:])
		}
		n.between()
		n.rotates([]channel.Head{ends(c)})
		exported.MustNotHold(n.T, oldEpoch, n.state(), old...)
		n.between()
		exported.NeedsSearchable(n.T, n.state(), n.keys().Ambassador.Bytes())
	}
}

// publishes lets the device publish the next batch of prekeys, and returns their private keys.
func (n *insider) publishes() *channel.Prekeys {
	c, r := n.makes(shim.DeviceReplenish, shim.Params{})
	if r == nil || r.Prekeys == nil {
		n.Violation(verdict.Mismatch, "a publication hands the sibling no prekeys", "a record of kind 3", suite.JSON(r))
	}
	n.returns(c, nil, ambassador.Accepted)
	return r.Prekeys
}

// freezeOverRotation freezes a conversation, in which entries go on to come. The rotation thaws it at the cut.
func freezeOverRotation(n *insider) {
	c := n.talks()
	claim := n.claim(c)
	claim.Digest[0] ^= 1
	n.brings(n.ack(claim), ambassador.Record, ambassador.Frozen)
	n.between()
	n.standsStill(c)
	n.between()
	n.standsStill(c)
	own := n.start(n.talk(c), c.Bundle()) // which is not followed either
	n.follows(own, ambassador.Frozen)
	c.Spoiled(own.Entry)
	n.rotates([]channel.Head{ends(c)})
	n.between()
	n.goesOn(c)
	n.speaks(c, true, run(2, 4)) // what came while it was frozen is unread
	n.hears(c)
	n.goesOn(c)
}

// commitOverRotation lets commits be under way when the leader ends their epoch. They are dropped, and what comes back
// all the same changes nothing.
func commitOverRotation(n *insider) {
	c := n.talks()
	entry, _ := n.sends(c)
	n.rotates([]channel.Head{ends(c)}, ambassador.Dropped)
	n.between()
	n.goesOn(c)
	n.returns(entry, nil, ambassador.Parked) // it is dealt with like one of a sibling (11.4)
	if r := n.pays(); r == nil || r.Resend == nil {
		n.Violation(verdict.Mismatch, "a commit that was dropped comes back", "a resend-request", suite.JSON(r))
	}
	c.Spoiled(entry.Entry)
	batch, _ := n.makes(shim.DeviceReplenish, shim.Params{})
	n.rotates([]channel.Head{ends(c)}, ambassador.Dropped)
	n.between()
	n.returns(batch, nil)
	next, _ := n.makes(shim.DeviceReplenish, shim.Params{})
	if id := next.Publication.SignedPrekeyID; id != 2 {
		n.Violation(verdict.Mismatch, "the signed prekey after one that was published in the epoch before", "id 2",
			suite.JSON(next.Publication))
	}
	n.returns(next, nil, ambassador.Accepted)
	n.hears(c)
	n.goesOn(c)
}

// digestOverRestart restarts a device with a commit under way, a conversation that waits, one that is frozen, claims of
// places ahead, and records owed: it shows the same before and after, and exports the same (AMB-SYN-03).
func digestOverRestart(n *insider) {
	open, waits, frozen := n.talks(), n.talks(), n.talks()
	n.speaks(open, false)
	n.hears(open)
	own := n.start(n.talk(waits), waits.Bundle())
	n.gets(own.Entry, ambassador.Parked)
	claim := n.claim(frozen)
	claim.Digest[0] ^= 1
	n.brings(n.ack(claim), ambassador.Record, ambassador.Frozen)
	ahead := n.claim(open)
	ahead.Seq += 2
	n.brings(n.ack(ahead), ambassador.Record)
	n.brings(n.asks(open.Account(), 2), ambassador.Record)
	n.sends(open)
	for range 3 {
		before := n.state()
		shown := []any{n.claim(open), n.claim(waits), n.claim(frozen)}
		n.Renew(n.device)
		n.Equal("the export of a device that was imported", before, n.state())
		if again := []any{n.claim(open), n.claim(waits), n.claim(frozen)}; !slices.Equal(shown, again) {
			n.Violation(verdict.Mismatch, "heads and digests after a restart", suite.JSON(shown), suite.JSON(again))
		}
	}
	n.Must(shim.DeviceCaughtUp, shim.Params{Party: n.device.Party()})
	n.brings(n.sent(own.Sent), ambassador.Record, ambassador.Sent)
	n.hears(open)
	n.standsStill(frozen)
}

func sameSent(a, b *channel.Sent) bool {
	return a.Seq == b.Seq && a.Head == b.Head && a.Digest == b.Digest && a.RatchetPrivate == b.RatchetPrivate
}
