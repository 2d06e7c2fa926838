package hostile

import (
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
	"credence/shim"
	"credence/spec/refusal"
)

// Why entries are void, bundles and link requests refused, and how much is told, on every kind of device.
var causeTests = slices.Concat(
	inRoles("void-causes", "entries that are void for one cause each: nothing but the log moves, and the class fits",
		reqs("AMB-LOG-08 signed-prekey one-time-prekey sender-epoch statement ephemeral no-session recipient-epoch "+
			"authentication", "AMB-KEY-02 statement"), voidCauses),
	inRoles("start-bundles", "starts under bundles that have to be refused",
		reqs("AMB-X3D-02 start", "AMB-KEY-02 statement", "AMB-ACC-05", "AMB-CNV-01"), startBundles),
	inRoles("told-bounded", "the other side names more than a hundred runs of own places",
		reqs("AMB-LOG-28 told", "AMB-LOG-17"), toldBounded, "leader", "companion"),
	[]suite.Test{
		test("leader-prekey", "the prekey of the leader is used by a device that is linked",
			reqs("AMB-CHN-11 leader", "AMB-CHN-09"), leaderPrekey),
		test("list-prekeys", "a device answers a link offer with a prekey that its device has not signed",
			reqs("AMB-X3D-02 device-list", "AMB-CNV-01"), listPrekeys),
	},
)

// causes are changes of a start for each of which it has to be void. Whoever does not look at what was changed reads
// it.
var causes = []struct {
	name   string
	class  refusal.Class
	bundle func(b *account.Bundle) *account.Bundle
	change func(c *malicious.Counterparty, e *conversation.Entry)
}{
	{"a signed prekey that is not there", refusal.UnknownPrekey, whole,
		func(_ *malicious.Counterparty, e *conversation.Entry) { e.Start.SignedPrekeyID += 7 }},
	{"the id of a one-time prekey that is not there", refusal.UnknownPrekey, (*account.Bundle).WithoutOneTime,
		func(_ *malicious.Counterparty, e *conversation.Entry) { e.Start.OneTimePrekeyID = 700 }},
	{"a statement that is not signed", refusal.BadSignature, whole,
		func(_ *malicious.Counterparty, e *conversation.Entry) { e.Start.Statement.Signature[3] ^= 1 }},
	{"an ambassador key that is not canonical", refusal.NonCanonicalKey, whole,
		func(c *malicious.Counterparty, e *conversation.Entry) {
			e.Start.Statement.AmbassadorKey = malicious.NonCanonical(e.Start.Statement.AmbassadorKey)
			e.Start.Statement.Sign(c.Key)
		}},
	{"an ephemeral key that is not canonical", refusal.NonCanonicalKey, whole,
		func(_ *malicious.Counterparty, e *conversation.Entry) {
			e.Start.Ephemeral = malicious.NonCanonical(e.Start.Ephemeral)
		}},
	{"another epoch of the recipient", refusal.StaleEpoch, whole,
		func(_ *malicious.Counterparty, e *conversation.Entry) { e.RecipientEpoch++ }},
}

func whole(b *account.Bundle) *account.Bundle { return b }

// voidCauses lets starts to a device that has no session, and to one that has one, be void, and then messages. What was
// there before goes on, and the prekeys that were named can be used.
func voidCauses(n *insider) {
	known := n.talks()
	n.speaks(known, false)
	all := []*malicious.Counterparty{known}
	for _, cause := range causes {
		all = append(all, n.meets())
		for _, c := range []*malicious.Counterparty{all[len(all)-1], known} {
			b := cause.bundle(n.bundle(n.keys(), n.starts))
			entry, err := c.StartWith(b, cause.name, func(e *conversation.Entry) { cause.change(c, e) })
			n.NoFault(err)
			n.isVoidFor(c, entry, cause.class, cause.name)
			n.isVoidFor(c, damaged(n.World, n.begins(c, b).Entry), refusal.Authentication, "a damaged message")
			n.between()
			n.goesOn(c)
		}
	}
	n.hears(all[1])
	o, err := all[1].Say("no session", nil)
	n.NoFault(err)
	n.rotates(cutsOf(all...))
	n.isVoidFor(all[1], n.changed(o.Entry, func(e *conversation.Entry) {
		e.RecipientEpoch, e.Seq, e.Previous = n.rotation.List.Epoch, all[1].Talk.Seq+1, all[1].Talk.Head
	}), refusal.NotReady, "a message without a session")
	for _, c := range all {
		n.hears(c)
	}
	talk := known.Talk
	talk.OwnEpoch++
	o, err = known.SealIn(talk, codec.MustEncode(&conversation.Content{Text: []byte("of another epoch")}))
	n.NoFault(err)
	n.isVoidFor(known, o.Entry, refusal.StaleEpoch, "an entry of another epoch of its sender")
	n.hears(known)
}

// changed returns an entry after a change.
func (n *insider) changed(entry []byte, change func(e *conversation.Entry)) []byte {
	changed, err := malicious.Changed(entry, change)
	n.NoFault(err)
	return changed
}

// isVoidFor stops the test unless an entry is void, with the class if the device tells one.
func (n *insider) isVoidFor(c *malicious.Counterparty, entry []byte, class refusal.Class, cause string) {
	events := n.device.Events(entryMail(entry))
	if len(events) != 1 || events[0].Kind != string(ambassador.Void) ||
		events[0].Class != "" && !refusal.SameFamily(events[0].Class, class) {
		n.Violation(verdict.Mismatch, "an entry with "+cause, "void ("+string(class)+")", suite.JSON(events))
	}
	c.Spoiled(entry)
}

// startBundles lets a device start under bundles that are wrong in one thing. A right one is taken afterwards.
func startBundles(n *insider) {
	c := n.meets()
	for _, wrong := range []struct {
		class  refusal.Class
		change func(b *account.Bundle)
	}{
		{refusal.BadSignature, func(b *account.Bundle) { b.PrekeySignature[0] ^= 1 }},
		{refusal.BadSignature, func(b *account.Bundle) { b.PrekeySignature[63] ^= 1 }},
		{refusal.BadSignature, func(b *account.Bundle) { b.SignedPrekey[31] ^= 1 }},
		{refusal.BadSignature, func(b *account.Bundle) { b.Statement.Signature[63] ^= 1 }},
		{refusal.NonCanonicalKey, func(b *account.Bundle) {
			b.Statement.AmbassadorKey = malicious.NonCanonical(b.Statement.AmbassadorKey)
			b.Statement.Sign(c.Key)
		}},
		{refusal.NotAllowed, func(b *account.Bundle) { b.Statement = n.meets().Keys.Statement }},
		{refusal.NotAllowed, func(b *account.Bundle) { b.Statement = n.rotation.Statement }},
	} {
		b := c.Bundle()
		wrong.change(b)
		n.refusesBundle(wrong.class, c, b)
		n.between()
	}
	n.speaks(c, true)
}

// toldBounded lets the device send many entries, of which the counterparty names every second, a hundred runs and more.
// The two oldest runs become one, so that what stands between them counts as told; what stands between others does
// not.
func toldBounded(n *insider) {
	c := n.talks()
	for range 205 {
		n.speaks(c, false)
	}
	runs := func(first, last uint64) (all []channel.Range) {
		for at := first; at <= last; at += 2 {
			all = append(all, place(at))
		}
		return all
	}
	tells := func(told int, named ...channel.Range) {
		c.Talk.Reports.Unread = named
		n.hears(c, slices.Repeat([]ambassador.EventKind{ambassador.Undelivered}, told)...)
		c.Talk.Reports.Unread = nil
	}
	tells(100, runs(2, 200)...)
	tells(0, place(4))
	tells(1, place(202))
	tells(0, place(3))
	tells(1, place(5))
	tells(0, run(2, 5))
}

// leaderPrekey lets a device be linked, which uses the leader's prekey: its next ack brings another one, and the next
// list carries it.
func leaderPrekey(w *world.World) {
	s := newSiblingStage(w)
	used := s.sibling.List.Find(s.device.ID()).Prekey
	n := &insider{World: w, device: s.device, liar: s.sibling, leads: true, rotation: s.rotation}
	n.restart()
	c := n.talks()
	claim := n.claim(c)
	claim.Digest[0] ^= 1
	n.brings(n.ack(claim), ambassador.Record, ambassador.Frozen)
	if r := n.pays(); r == nil || r.Ack == nil || r.Ack.Prekey.ID != used.ID { // an ack for another reason (11.1)
		w.Violation(verdict.Mismatch, "the prekey in an ack that is owed for a freeze", fmt.Sprint("id ", used.ID),
			suite.JSON(r))
	}
	var announced account.Prekey
	for range 3 {
		_, r := n.makes(shim.DeviceAck, shim.Params{})
		if r == nil || r.Ack == nil || r.Ack.Prekey.ID != used.ID+1 || r.Ack.Prekey.Key == used.Key {
			w.Violation(verdict.Mismatch, "the prekey in an ack of a leader whose prekey was used",
				fmt.Sprint("id ", used.ID+1), suite.JSON(r))
		}
		announced = r.Ack.Prekey
		n.restart()
	}
	n.rotates(cutsOf(c))
	if p := n.liar.List.Find(n.device.ID()).Prekey; p != announced {
		w.Violation(verdict.Mismatch, "the prekey of the leader on the next list", suite.JSON(announced), suite.JSON(p))
	}
}

// listPrekeys shows a device link offers on which one device has a prekey with a wrong signature.
func listPrekeys(w *world.World) {
	leader, err := malicious.NewLeader(w.Random)
	w.NoFault(err)
	d := w.NewDevice()
	for _, at := range []int{0, 31, 32, 63} {
		list := *leader.List
		list.Devices = slices.Clone(list.Devices)
		list.Devices[0].Prekey.Signature[at] ^= 1
		list.Sign(leader.Key)
		w.RefuseUnchanged(refusal.BadSignature, shim.DeviceRequest, shim.Params{
			Party: d.Party(), Message: codec.MustEncode(&ambassador.LinkOffer{List: list}),
		})
	}
	_, err = d.Request(leader.Offer(), nil)
	w.Understood(err)
}
