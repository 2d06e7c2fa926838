package hostile

import (
	"bytes"
	"fmt"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/conversation"
	"credence/shim"
)

// An account that talks to three others: what happens in one conversation does not touch the others.
var conversationTests = slices.Concat(
	inRoles("freeze-of-one", "a sibling claims three conversations, one of them falsely",
		reqs("AMB-SYN-06", "AMB-SYN-18", "AMB-SYN-23"), freezeOfOne),
	inRoles("late-claims-of-three", "a sibling claims passed places of three conversations, one of them falsely",
		reqs("AMB-SYN-17", "AMB-SYN-18"), lateClaimsOfThree),
	inRoles("wait-of-one", "an entry of one conversation waits for its record",
		reqs("AMB-SYN-08", "AMB-SYN-10"), waitOfOne),
	inRoles("void-of-one", "entries of two of three conversations cannot be read",
		reqs("AMB-LOG-08", "AMB-LOG-15", "AMB-LOG-16", "AMB-LOG-18"), voidOfOne),
	inRoles("cuts-of-three", "a rotation at the cuts of three conversations, one of them at another head",
		reqs("AMB-ROT-04"), cutsOfThree),
	inRoles("resend-of-one", "a sibling asks for entries of conversations that stand at the same place",
		reqs("AMB-SYN-08", "AMB-SYN-22"), resendOfOne),
	inRoles("unread-of-three", "a device that is new is told what three conversations have to report",
		reqs("AMB-ROT-11", "AMB-LOG-16"), unreadOfThree, "companion", "companion-restarted", "reactivated"),
	inRoles("unread-for-new", "a leader tells a new device what three conversations have to report",
		reqs("AMB-ROT-11"), unreadForNew, "leader", "leader-restarted"),
	inRoles("unknown-peer", "a sibling claims conversations that the device does not know",
		reqs("AMB-SYN-06"), unknownPeer),
)

// three makes three counterparties that talk to the account, in the order of their keys.
func (n *insider) three() []*malicious.Counterparty {
	all := []*malicious.Counterparty{n.talks(), n.talks(), n.talks()}
	slices.SortFunc(all, func(a, b *malicious.Counterparty) int {
		x, y := a.Account(), b.Account()
		return bytes.Compare(x[:], y[:])
	})
	return all
}

// claims returns what the device would claim of conversations.
func (n *insider) claims(all []*malicious.Counterparty) (claims []channel.Claim) {
	for _, c := range all {
		claims = append(claims, n.claim(c))
	}
	return claims
}

// acknowledges lets the device acknowledge, and stops the test unless it claims exactly these.
func (n *insider) acknowledges(want []channel.Claim) {
	_, r := n.makes(shim.DeviceAck, shim.Params{})
	if r == nil || r.Ack == nil || !slices.Equal(r.Ack.Claims, want) {
		n.Violation(verdict.Mismatch, "the claims of an ack", suite.JSON(want), suite.JSON(r))
	}
}

// freezeOfOne freezes one conversation of three, in turn the first, the second and the third, while claims of nothing
// stand between those that count.
func freezeOfOne(n *insider) {
	all := n.three()
	for i := range 3 {
		truth := n.claims(all)
		wrong := slices.Clone(truth)
		wrong[i].Digest[31] ^= 0x80
		wrong = append(wrong, channel.Claim{Head: channel.Head{Peer: n.liar.List.Account, Seq: 1}},
			channel.Claim{Head: channel.Head{Peer: account.ID{}}})
		slices.SortFunc(wrong, func(a, b channel.Claim) int { return bytes.Compare(a.Peer[:], b.Peer[:]) })
		n.brings(n.ack(wrong...), ambassador.Record, ambassador.Frozen)
		n.between()
		n.standsStill(all[i])
		for j, c := range all {
			if j != i {
				n.hears(c)
				n.speaks(c, false)
				n.hears(c)
				truth[j] = n.claim(c)
			}
		}
		n.between()
		n.acknowledges(truth)
		n.standsStill(all[i])
		n.rotates(cutsOf(all...))
		n.between()
		for _, c := range all {
			n.goesOn(c)
			n.hears(c)
			n.goesOn(c)
		}
		n.speaks(all[i], false, run(truth[i].Seq+1, truth[i].Seq+2)) // what came while it was frozen
		n.hears(all[i])
	}
}

// lateClaimsOfThree claims places that were passed.
func lateClaimsOfThree(n *insider) {
	all := n.three()
	for i := range 3 {
		passed := n.claims(all)
		for range 2 {
			for _, c := range all {
				n.hears(c)
			}
		}
		n.between()
		wrong := slices.Clone(passed)
		wrong[i].Head.Head[0] ^= 1
		n.brings(n.ack(wrong...), ambassador.Record, ambassador.Frozen)
		n.between()
		now := n.claims(all)
		now[i] = passed[i]
		n.acknowledges(now)
		n.rotates(cutsOf(all...))
		for _, c := range all {
			n.hears(c)
		}
	}
	wrong := n.claims(all) // and all three at once
	for i := range wrong {
		wrong[i].Digest[i] ^= 1
	}
	n.brings(n.ack(wrong...), ambassador.Record, ambassador.Frozen, ambassador.Frozen, ambassador.Frozen)
	for _, c := range all {
		n.standsStill(c)
	}
}

// waitOfOne lets an own entry of one conversation wait. The device sends and reads in the others.
func waitOfOne(n *insider) {
	all := n.three()
	own := n.start(n.talk(all[1]), all[1].Bundle())
	n.gets(own.Entry, ambassador.Parked)
	n.between()
	for _, c := range []*malicious.Counterparty{all[0], all[2]} {
		n.speaks(c, false)
		n.hears(c)
		n.goesOn(c)
	}
	peer := all[1].Account()
	n.RefuseUnchanged("not-ready", shim.DeviceSend, shim.Params{
		Party: n.device.Party(), Account: peer[:], Plaintext: []byte("too early"),
	})
	n.between()
	n.brings(n.sent(own.Sent), ambassador.Record, ambassador.Sent)
	n.speaks(all[0], false)
}

// owed stops the test unless answers are due to exactly these counterparties.
func (n *insider) owed(to ...*malicious.Counterparty) {
	var want []shim.Bytes
	for _, c := range to {
		peer := c.Account()
		want = append(want, peer[:])
	}
	got := n.Must(shim.DeviceOwes, shim.Params{Party: n.device.Party()}).Accounts
	if !slices.EqualFunc(want, got, func(a, b shim.Bytes) bool { return bytes.Equal(a, b) }) {
		n.Violation(verdict.Mismatch, "to whom an answer is due", fmt.Sprintf("%x", want), fmt.Sprintf("%x", got))
	}
}

// voidOfOne lets entries of the first and the last conversation be void. Each names its own.
func voidOfOne(n *insider) {
	all := n.three()
	n.owed()
	for _, c := range []*malicious.Counterparty{all[2], all[0]} {
		o, err := c.Say("cannot be read", nil)
		n.NoFault(err)
		n.isVoid(c, damaged(n.World, o.Entry))
		n.between()
	}
	n.owed(all[0], all[2])
	n.speaks(all[1], false)
	n.owed(all[0], all[2])
	n.speaks(all[2], true, place(2))
	n.owed(all[0])
	n.hears(all[1])
	n.speaks(all[1], false)
	n.speaks(all[0], true, place(2))
	n.owed()
	n.hears(all[2])
	n.speaks(all[2], false)
}

// cutsOfThree lets the conversations be at different places when the epoch ends. One of the cuts has another
// head; that of the own account, which has no log, means nothing.
func cutsOfThree(n *insider) {
	all := n.three()
	for i := range 3 {
		for j, c := range all {
			for range j {
				n.hears(c)
			}
		}
		var cuts []channel.Head
		for j, c := range all {
			cut := ends(c)
			if j == i {
				cut.Head[31] ^= 1
			}
			cuts = append(cuts, cut)
		}
		cuts = append(cuts, channel.Head{Peer: n.liar.List.Account, Seq: 3})
		slices.SortFunc(cuts, func(a, b channel.Head) int { return bytes.Compare(a.Peer[:], b.Peer[:]) })
		n.rotates(cuts, ambassador.Frozen)
		n.between()
		for j, c := range all {
			if j == i {
				n.standsStill(c)
				continue
			}
			n.hears(c)
			n.goesOn(c)
		}
		n.rotates(cutsOf(all...))
		n.between()
		for _, c := range all {
			n.hears(c)
			n.goesOn(c)
		}
	}
}

// resendOfOne asks for the newest own entries of three conversations, which stand at the same place.
func resendOfOne(n *insider) {
	all := n.three()
	var sent []*channel.Sent
	for _, c := range all {
		n.speaks(c, false)
		_, r := n.speaks(c, false)
		sent = append(sent, r.Sent)
	}
	for _, i := range []int{1, 2, 0} {
		n.between()
		n.brings(n.asks(all[i].Account(), sent[i].Seq), ambassador.Record)
		n.between()
		if r := n.pays(); r == nil || r.Sent == nil || r.Sent.Peer != all[i].Account() || !sameSent(r.Sent, sent[i]) {
			n.Violation(verdict.Mismatch, "a sibling asks for the newest own entry of a conversation",
				suite.JSON(sent[i]), suite.JSON(r))
		}
	}
	stranger := n.meets()
	n.brings(n.asks(stranger.Account(), sent[0].Seq), ambassador.Record)
	n.owesNothing("a sibling asks for an entry of a conversation that is not there")
	// What the other side sends does not end it, but a start of the other side does.
	n.hears(all[0])
	n.brings(n.asks(all[0].Account(), sent[0].Seq), ambassador.Record)
	if r := n.pays(); r == nil || r.Sent == nil || !sameSent(r.Sent, sent[0]) {
		n.Violation(verdict.Mismatch, "a sibling asks for the newest own entry, after which the other side has sent",
			suite.JSON(sent[0]), suite.JSON(r))
	}
	all[1].Talk.Session = nil
	n.hears(all[1])
	n.between()
	n.brings(n.asks(all[1].Account(), sent[1].Seq), ambassador.Record)
	n.owesNothing("a sibling asks for an entry of a session that is not there any more")
	n.resendOfRefused(all[2], sent[2])
	n.resendOfSibling()
}

// resendOfRefused asks for an entry that was refused, and for the one before it.
func (n *insider) resendOfRefused(c *malicious.Counterparty, before *channel.Sent) {
	n.sends(c)
	n.Must(shim.DeviceRefused, shim.Params{Party: n.device.Party()})
	n.between()
	n.brings(n.asks(c.Account(), before.Seq+1), ambassador.Record)
	n.owesNothing("a sibling asks for an entry that was refused")
	n.brings(n.asks(c.Account(), before.Seq), ambassador.Record)
	if r := n.pays(); r == nil || r.Sent == nil || !sameSent(r.Sent, before) {
		n.Violation(verdict.Mismatch, "a sibling asks for the newest own entry, after one that was refused",
			suite.JSON(before), suite.JSON(r))
	}
}

// resendOfSibling asks for an entry that a sibling has made, and that the device has followed.
func (n *insider) resendOfSibling() {
	c := n.meets()
	start := n.start(n.talk(c), c.Bundle())
	n.follows(start, ambassador.Sent)
	n.brings(n.asks(c.Account(), start.Next.Seq), ambassador.Record)
	n.owesNothing("a sibling asks for a start")
	next := n.sealed(start.Next, "own")
	n.follows(next, ambassador.Sent)
	n.between()
	n.brings(n.asks(c.Account(), next.Next.Seq), ambassador.Record)
	if r := n.pays(); r == nil || r.Sent == nil || !sameSent(r.Sent, &next.Sent) {
		n.Violation(verdict.Mismatch, "a sibling asks for the newest own entry, which the device has followed",
			suite.JSON(next.Sent), suite.JSON(r))
	}
}

// unreadOfThree hands a device that was pending what it has to report.
func unreadOfThree(n *insider) {
	all := n.three()
	n.suspends()
	n.between()
	var unread []channel.Unread
	var cuts []channel.Head
	for i, c := range all {
		cut := ends(c)
		cut.Seq += 10
		c.Talk.Seq, cuts = cut.Seq, append(cuts, cut)
		unread = append(unread, channel.Unread{
			Peer: c.Account(), Ranges: []channel.Range{place(uint64(i + 1)), run(uint64(i+5), uint64(i+6))},
		})
	}
	list := n.liar.Next()
	list.Find(n.device.ID()).Status = account.Active
	list.Sign(n.liar.Key)
	r, _, _, err := n.liar.Rotation(n.device.ID(), list)
	n.NoFault(err)
	r.Rotate.Unread = unread
	n.device.Brings(withCuts(n.World, n.mail(r), cuts), ambassador.Record, ambassador.Rotated)
	n.rotation, n.liar.List, n.starts = r.Rotate, list, 0
	n.between()
	n.owed(all...)
	for i, c := range all {
		n.speaks(c, true, unread[i].Ranges...)
	}
	n.owed()
}

// unreadForNew lets entries of three conversations be void, and links a device, which is told of each.
func unreadForNew(n *insider) {
	all := n.three()
	for _, i := range []int{2, 0} {
		o, err := all[i].Say("cannot be read", nil)
		n.NoFault(err)
		n.isVoid(all[i], damaged(n.World, o.Entry))
	}
	n.between()
	offer := n.Must(shim.DeviceOffer, shim.Params{Party: n.device.Party()}).Message
	fresh, err := malicious.NewSibling(n.Random)
	n.NoFault(err)
	request, err := fresh.Request(offer)
	n.Understood(err)
	commit := commitOf(n.World, shim.DeviceRotate, shim.Params{Party: n.device.Party(), Message: request})
	want := []channel.Unread{
		{Peer: all[0].Account(), Ranges: []channel.Range{place(2)}},
		{Peer: all[2].Account(), Ranges: []channel.Range{place(2)}},
	}
	for _, p := range commit.Parcels {
		if p.Device != fresh.Device {
			continue
		}
		r, _, err := fresh.Open(fresh.List, n.device.ID(), p.Body)
		n.Understood(err)
		if r.Rotate == nil || suite.JSON(r.Rotate.Unread) != suite.JSON(want) {
			n.Violation(verdict.Mismatch, "what a new device has to report", suite.JSON(want), suite.JSON(r))
		}
		return
	}
	n.Violation(verdict.Mismatch, "a rotation hands the new device no epoch", "a rotate-commit", "no parcel")
}

// unknownPeer claims the first place of conversations that the device does not have yet, rightly and falsely.
func unknownPeer(n *insider) {
	known, right, wrong := n.talks(), n.meets(), n.meets()
	for _, c := range []*malicious.Counterparty{right, wrong} {
		entry := n.says(c)
		e, err := conversation.ParseEntry(entry)
		n.NoFault(err)
		next, _, err := conversation.New(n.liar.List.Account, c.Account()).Receive(n.keys(), e, entry)
		n.NoFault(err)
		claim := channel.Claim{Head: channel.Head{Peer: c.Account(), Seq: 1, Head: next.Head}, Digest: next.Digest()}
		kinds := []ambassador.EventKind{ambassador.Message}
		if c == wrong {
			claim.Digest[0] ^= 1
			kinds = append(kinds, ambassador.Frozen)
		}
		n.brings(n.ack(claim), ambassador.Record)
		n.between()
		n.gets(entry, kinds...)
	}
	n.standsStill(wrong)
	for _, c := range []*malicious.Counterparty{known, right} {
		n.hears(c)
		n.speaks(c, false)
	}
}
