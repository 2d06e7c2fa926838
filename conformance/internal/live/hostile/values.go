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
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/shim"
	"credence/spec/refusal"
)

// Numbers and lengths where an implementation that has too few bits for them goes wrong.
var valueTests = slices.Concat(
	inRoles("epochs-of-entries", "entries that name epochs which are equal to the right ones in their low bytes",
		reqs("AMB-LOG-08 sender-epoch recipient-epoch", "AMB-LOG-13"), epochsOfEntries),
	inRoles("epochs-of-bundles", "bundles of epochs that are equal in their low bytes, and of prekeys",
		reqs("AMB-ACC-06", "AMB-LOG-03"), epochsOfBundles),
	inRoles("epochs-of-lists",
		"lists of epochs that are equal to the current one in their low bytes, or below it in them",
		reqs("AMB-ROT-15", "AMB-ROT-03"), epochsOfLists, "companion", "companion-restarted", "reactivated"),
	inRoles("epochs-of-requests", "link requests of epochs that are equal to the current one in their low bytes",
		reqs("AMB-ROT-09"), epochsOfRequests, "leader", "leader-restarted"),
	inRoles("high-prekeys", "prekeys whose ids are beyond 8, 16 and 31 bits",
		reqs("AMB-ACC-07", "AMB-ACC-08", "AMB-SYN-12"), highPrekeys, "companion", "companion-restarted", "reactivated"),
	inRoles("high-places", "a log that is beyond 8, 16 and 32 bits",
		reqs("AMB-LOG-07", "AMB-LOG-16", "AMB-LOG-17", "AMB-ROT-04", "AMB-SYN-06", "AMB-SYN-08", "AMB-SYN-18",
			"AMB-SYN-19"), highPlaces),
	inRoles("long-texts", "texts of no byte and of one, and around 255, 64 Ki and a mebibyte",
		reqs("AMB-ENC-01", "AMB-LOG-19"), longTexts),
	inRoles("prekey-ids-of-sibling", "a sibling's prekeys grow by one, over 255, and come late",
		reqs("AMB-CHN-09", "AMB-SYN-03"), prekeyIDs, "leader", "leader-restarted"),
)

// near returns the differences of numbers that are equal in their low bytes.
var near = []uint32{1 << 8, 1 << 16, 1 << 24, 1 << 31}

// epochsOfEntries lets a counterparty name other epochs, of the recipient and its own, in entries whose message fits.
func epochsOfEntries(n *insider) {
	own := n.liar.List.Epoch
	c := n.talks()
	n.speaks(c, false)
	n.hears(c) // the session is settled
	for _, by := range near {
		for _, change := range []func(t *conversation.Conversation){
			func(t *conversation.Conversation) { t.OwnEpoch += by },
			func(t *conversation.Conversation) {
				s := *t.PeerStatement
				s.Epoch += by
				t.PeerStatement = &s
			},
		} {
			talk := c.Talk
			change(&talk)
			o, err := c.SealIn(talk, codec.MustEncode(&conversation.Content{Text: []byte("to another epoch")}))
			n.NoFault(err)
			n.isVoid(c, o.Entry)
			n.between()
		}
		stranger := n.meets()
		start, err := stranger.StartTo(own+by, n.bundle(n.keys(), n.starts), "to another epoch")
		n.NoFault(err)
		n.isVoid(stranger, start)
	}
	n.hears(c)
	n.goesOn(c)
	// A start under an epoch of the other side that is equal in its low bytes is no start in the settled session.
	c.Keys.Statement.Epoch += 1 << 8
	c.Keys.Statement.Sign(c.Key)
	n.between()
	c.Talk.Session = nil
	n.hears(c)
	n.goesOn(c)
}

// epochsOfBundles offers bundles of higher epochs, under which a start is due, and of lower ones.
func epochsOfBundles(n *insider) {
	c := n.talks()
	for _, by := range []uint32{1, 1 << 8, 1 << 16, 1 << 24} {
		n.speaks(c, c.Talk.PeerStatement == nil)
		c.Keys.Statement.Epoch += by
		c.Keys.Statement.Sign(c.Key)
		peer := c.Account()
		n.between()
		commit, _ := n.makes(shim.DeviceSend, shim.Params{
			Account: peer[:], Plaintext: []byte("under the new epoch"), PeerBundle: codec.MustEncode(c.Bundle()),
		})
		n.returns(commit, nil, ambassador.Accepted)
		c.Talk.Session = nil
		names(n.World, c, codec.MustEncode(commit), true)
		n.between()
		for _, below := range []uint32{1, by, by - 1} {
			if below == 0 {
				continue
			}
			b := c.Bundle()
			b.Statement.Epoch -= below
			b.Statement.Sign(c.Key)
			n.refusesBundle(refusal.StaleEpoch, c, b)
		}
	}
	d := n.meets()
	for _, id := range []uint32{255, 256, 300, 65535, 65536, 1<<32 - 1} {
		b := d.Bundle()
		b.SignedPrekeyID = id
		o := n.startAnyway(n.talk(d), b)
		n.follows(o, ambassador.Sent)
		d.Spoiled(o.Entry)
		n.between()
		for _, below := range []uint32{1, 255, 256} {
			b := d.Bundle()
			if b.SignedPrekeyID = id - below; id > below {
				n.refusesBundle(refusal.StaleEpoch, d, b)
			}
		}
	}
}

// refusesBundle stops the test unless the device refuses to send under a bundle.
func (n *insider) refusesBundle(class refusal.Class, c *malicious.Counterparty, b *account.Bundle) {
	peer := c.Account()
	n.RefuseUnchanged(class, shim.DeviceSend, shim.Params{
		Party: n.device.Party(), Account: peer[:], Plaintext: []byte("no"), PeerBundle: codec.MustEncode(b),
	})
}

// epochsOfLists hands the device lists of lower epochs, and of higher ones (AMB-ROT-15).
func epochsOfLists(n *insider) {
	high := n.liar.Next()
	high.Epoch += 1 << 25 // so that there is something below
	high.Sign(n.liar.Key)
	n.opens(high, nil)
	with := func(epoch uint32, statement uint32) channel.Record {
		list := n.liar.Next()
		list.Epoch = epoch
		list.Sign(n.liar.Key)
		r, _, _, err := n.liar.Rotation(n.device.ID(), list)
		n.NoFault(err)
		r.Rotate.Statement.Epoch = statement
		r.Rotate.Statement.Sign(n.liar.Key)
		return r
	}
	for _, by := range []uint32{1 << 8, 1 << 16, 1 << 24} {
		at := n.liar.List.Epoch
		for _, below := range []uint32{0, 1, by, by - 1, by - 2} {
			n.device.Ignores(refusal.StaleEpoch, n.mail(with(at-below, at-below)))
		}
		n.device.Ignores(refusal.NotAllowed, n.mail(with(at+1, at+1+by)))
		n.between()
		list := n.liar.Next()
		list.Epoch = at + by
		list.Sign(n.liar.Key)
		n.opens(list, nil)
		n.between()
	}
}

// epochsOfRequests hands the leader link requests to other epochs.
func epochsOfRequests(n *insider) {
	offer := n.Must(shim.DeviceOffer, shim.Params{Party: n.device.Party()}).Message
	for _, by := range slices.Concat([]uint32{1}, near) {
		for _, epoch := range []uint32{n.liar.List.Epoch - by, n.liar.List.Epoch + by} {
			fresh, err := malicious.NewSibling(n.Random)
			n.NoFault(err)
			encoded, err := fresh.Request(offer)
			n.Understood(err)
			request := &ambassador.LinkRequest{}
			n.NoFault(codec.Decode(encoded, request))
			request.Epoch = epoch
			n.RefuseUnchanged(refusal.StaleEpoch, shim.DeviceRotate, shim.Params{
				Party: n.device.Party(), Message: codec.MustEncode(request),
			})
		}
		n.between()
	}
}

// highPrekeys lets the epoch begin with prekeys of high ids: what has no rule may have any value (7.1). The next batch
// follows them, and each is used once.
func highPrekeys(n *insider) {
	for _, first := range []uint32{250, 256, 65530, 65536, 1<<31 - 10, 1<<32 - 50} {
		list := n.liar.Next()
		r, _, _, err := n.liar.Rotation(n.device.ID(), list)
		n.NoFault(err)
		r.Rotate.Prekeys.SignedPrekeyID, r.Rotate.Prekeys.FirstOneTimeID = first, first
		n.device.Brings(n.mail(r), ambassador.Record, ambassador.Rotated)
		n.rotation, n.liar.List = r.Rotate, list
		n.between()
		keys := n.keys()
		newer := *keys
		newer.Batches = append(slices.Clone(keys.Batches), batchOf(n.publishes()))
		if b := newer.Batches[1]; b.SignedID != first+1 || b.FirstID != first+account.Batch {
			n.Violation(verdict.Mismatch, "the ids of the next batch", fmt.Sprint(first+1, first+account.Batch),
				fmt.Sprint(b.SignedID, b.FirstID))
		}
		n.between()
		for _, k := range []*account.EpochKeys{keys, &newer} {
			for _, i := range []int{0, 5, 6, account.Batch - 1} {
				c, again := n.meets(), n.meets()
				b := n.bundle(k, i)
				n.gets(n.begins(c, b).Entry, ambassador.Message)
				n.between()
				n.isVoid(again, n.begins(again, b).Entry)
				for _, other := range []uint32{b.SignedPrekeyID - 256, b.SignedPrekeyID + 65536} {
					wrong := n.bundle(k, i+1-2*(i%2))
					wrong.SignedPrekeyID = other
					if other != 0 {
						n.isVoid(again, n.begins(again, wrong).Entry)
					}
				}
			}
		}
		n.rotates(nil, slices.Repeat([]ambassador.EventKind{ambassador.Frozen}, 16)...)
	}
}

// highPlaces lets rotations cut a log at high places. Everything that names a place goes on from there: entries, what
// is unread and told, requests, records that wait, claims, and commits that are dropped.
func highPlaces(n *insider) {
	c := n.talks()
	for _, at := range []uint64{254, 65534, 1<<31 - 2, 1<<32 - 2, 1 << 40} {
		last := c.Talk.Seq
		cut := ends(c)
		cut.Seq, c.Talk.Seq = at, at
		n.rotates([]channel.Head{cut})
		n.between()
		n.goesOn(c)
		n.hears(c)
		o, err := c.Say("cannot be read", nil)
		n.NoFault(err)
		n.isVoid(c, damaged(n.World, o.Entry))
		n.between()
		n.speaks(c, true, run(last+1, at), place(at+2))
		n.hears(c) // and has read what was named
		_, sent := n.speaks(c, false)
		n.tellsPlace(c, sent.Sent.Seq)
		n.requestsAt(c, sent.Sent.Seq)
		n.waitsAt(c)
		n.dropsAt(c)
		n.brings(n.ack(n.claim(c)), ambassador.Record)
		n.goesOn(c)
	}
	c = n.talks()
	cut := ends(c)
	cut.Seq, c.Talk.Seq = 1<<33, 1<<33
	n.rotates([]channel.Head{cut}, ambassador.Frozen) // the other conversation is in no cut
	n.hears(c)
	claim := n.claim(c)
	truth := claim
	claim.Digest[0] ^= 1
	n.between()
	n.brings(n.ack(claim), ambassador.Record, ambassador.Frozen)
	n.between()
	if r := n.pays(); r == nil || r.Ack == nil || !slices.Contains(r.Ack.Claims, truth) {
		n.Violation(verdict.Mismatch, "the claim of a place of more than 32 bits", suite.JSON(truth), suite.JSON(r))
	}
}

// tellsPlace lets the counterparty name an own place of the device, which is told exactly, and once.
func (n *insider) tellsPlace(c *malicious.Counterparty, own uint64) {
	for _, told := range []bool{false, true} {
		c.Talk.Reports.Unread = []channel.Range{place(own)}
		events := n.device.Events(entryMail(n.says(c)))
		last := events[len(events)-1]
		if !told && (last.Kind != string(ambassador.Undelivered) || last.Seq != own || last.Last != own) {
			n.Violation(verdict.Mismatch, "the other side names an own place", fmt.Sprint("undelivered ", own),
				suite.JSON(events))
		}
		if told && len(events) != 1 {
			n.Violation(verdict.Mismatch, "the other side names an own place again", "nothing", suite.JSON(events))
		}
		c.Talk.Reports.Unread = nil
		n.between()
	}
}

// requestsAt asks for the newest own entry, and for others whose places have low bits in common with it.
func (n *insider) requestsAt(c *malicious.Counterparty, own uint64) {
	for _, other := range []uint64{1 << 8, 1 << 16, 1 << 32} {
		n.brings(n.asks(c.Account(), own+other), ambassador.Record)
		if own > other {
			n.brings(n.asks(c.Account(), own-other), ambassador.Record)
		}
		n.owesNothing("a sibling asks for another entry than the newest own one")
	}
	n.brings(n.asks(c.Account(), own), ambassador.Record)
	if r := n.pays(); r == nil || r.Sent == nil || r.Sent.Seq != own {
		n.Violation(verdict.Mismatch, "a sibling asks for the newest own entry", fmt.Sprint(own), suite.JSON(r))
	}
}

// waitsAt lets a start of the account wait for its record, which is asked for by its place.
func (n *insider) waitsAt(c *malicious.Counterparty) {
	own := n.start(n.talk(c), c.Bundle())
	n.gets(own.Entry, ambassador.Parked)
	n.between()
	if r := n.pays(); r == nil || r.Resend == nil || r.Resend.Seq != own.Next.Seq {
		n.Violation(verdict.Mismatch, "the request for a record", fmt.Sprint(own.Next.Seq), suite.JSON(r))
	}
	n.between()
	n.owesNothing("a record is awaited")
	n.brings(n.sent(own.Sent), ambassador.Record, ambassador.Sent)
	c.Talk.Session = nil // for the counterparty too it takes the place of the session
	e, err := conversation.ParseEntry(own.Entry)
	n.NoFault(err)
	c.Talk, _, err = c.Talk.Receive(c.Keys, e, own.Entry)
	n.NoFault(err)
	n.goesOn(c)
}

// dropsAt lets an entry be dropped at the end of the mailbox, which is told by its place (AMB-SYN-19).
func (n *insider) dropsAt(c *malicious.Counterparty) {
	n.sends(c)
	events := n.Must(shim.DeviceCaughtUp, shim.Params{Party: n.device.Party()}).Events
	if len(events) != 1 || events[0].Kind != string(ambassador.Dropped) || events[0].Seq != c.Talk.Seq+1 {
		n.Violation(verdict.Mismatch, "an entry that is dropped", fmt.Sprint("dropped ", c.Talk.Seq+1),
			suite.JSON(events))
	}
}

// longTexts lets texts of many lengths come, from the other side, from the device, and from a sibling.
func longTexts(n *insider) {
	c := n.talks()
	n.speaks(c, false)
	for _, length := range []int{1, 254, 255, 256, 65500, 1<<16 - 1, 1 << 16, 1<<16 + 1, 1 << 20} {
		text := bytes.Repeat([]byte{'a', 0, 0xff}, length/3+1)[:length]
		o, err := c.Say(string(text), nil)
		n.NoFault(err)
		c.Sent(o)
		n.gives(entryMail(o.Entry), ambassador.Message, text)
		peer := c.Account()
		n.between()
		commit, _ := n.makes(shim.DeviceSend, shim.Params{Account: peer[:], Plaintext: text})
		n.returns(commit, nil, ambassador.Accepted)
		e, err := conversation.ParseEntry(commit.Entry)
		n.Understood(err)
		next, reading, err := c.Talk.Receive(c.Keys, e, commit.Entry)
		n.Understood(err)
		n.Equal("text of the device", text, reading.Text)
		c.Talk = next
		d := n.meets()
		own := n.start(n.talk(d), d.Bundle())
		n.follows(own, ambassador.Sent)
		next = own.Next
		second := n.sealed(next, string(text))
		mail := withEntry(n.World, n.mail(n.sent(second.Sent)), second.Entry)
		n.gives(mail, ambassador.Sent, text)
	}
	o, err := c.Say("", nil)
	n.NoFault(err)
	c.Sent(o)
	n.gets(o.Entry, ambassador.Answer) // AMB-LOG-19
	n.goesOn(c)
}

// gives stops the test unless the last event of a mail has a text.
func (n *insider) gives(mail []byte, kind ambassador.EventKind, text []byte) {
	events := n.device.Events(mail)
	if len(events) == 0 {
		n.Violation(verdict.Mismatch, "an entry with a long text brings nothing", string(kind), "no event")
	}
	last := events[len(events)-1]
	if last.Kind != string(kind) || last.Plaintext == nil || !bytes.Equal(*last.Plaintext, text) {
		n.Violation(verdict.Mismatch, fmt.Sprintf("an entry with a text of %d bytes", len(text)), string(kind),
			last.Kind)
	}
}

// prekeyIDs lets a sibling announce newer and newer prekeys, with older ones that come late between them. The next list
// carries the newest.
func prekeyIDs(n *insider) {
	newest := uint32(0)
	for range 260 {
		n.NoFault(n.liar.RenewPrekey(n.Random))
		newest = n.liar.Prekey().ID
		if newest < 250 && newest%50 != 0 {
			continue
		}
		late := n.ack()
		n.brings(n.ack(), ambassador.Record)
		late.Ack.Prekey.ID--
		n.brings(late, ambassador.Record)
		n.between()
		c, _ := n.makes(shim.DeviceRotate, shim.Params{})
		if p := c.Rotation.List.Find(n.liar.Device).Prekey; p != n.liar.Prekey() {
			n.Violation(verdict.Mismatch, "the prekey of a sibling on the next list", fmt.Sprint("id ", newest),
				fmt.Sprint("id ", p.ID))
		}
		n.Must(shim.DeviceRefused, shim.Params{Party: n.device.Party()})
	}
}
