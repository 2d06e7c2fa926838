package hostile

import (
	"fmt"
	"slices"

	"credence/conformance/internal/live/exported"
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

// What is remembered, tried again: prekeys, bundles that were seen, signatures, message keys, and states.
var againTests = slices.Concat(
	inRoles("one-time-prekey-again", "a one-time prekey is named again: by the same account, another one, "+
		"a third and a tenth time", reqs("AMB-ACC-08", "AMB-LOG-08"), oneTimePrekeyAgain),
	inRoles("one-time-prekeys-of-batches", "the first and the last one-time prekeys of two batches, each twice",
		reqs("AMB-ACC-07", "AMB-ACC-08"), oneTimePrekeysOfBatches),
	inRoles("one-time-prekey-of-epochs", "a one-time prekey that was used, under its id in later epochs",
		reqs("AMB-ACC-08", "AMB-ROT-05"), oneTimePrekeyOfEpochs),
	inRoles("siblings-bundle", "a sibling starts under a bundle that a device must refuse",
		reqs("AMB-ACC-05", "AMB-ACC-06", "AMB-ACC-09", "AMB-INV-14", "AMB-SYN-06"), siblingsBundle),
	inRoles("siblings-bundle-seen", "bundles that a sibling started under have been seen: older ones are refused",
		reqs("AMB-ACC-06", "AMB-ACC-09", "AMB-ACC-14"), siblingsBundleSeen),
	inRoles("prekey-of-sibling-again", "prekeys of a sibling with the same id, verified each time",
		reqs("AMB-CHN-10"), prekeyAgain),
	inRoles("refused-commits", "commits that are refused, dropped, or lost to a restart, and others after them: "+
		"no message key is used twice, and nothing of them counts",
		reqs("AMB-INV-05", "AMB-LOG-09", "AMB-SYN-09 prekeys", "AMB-SYN-14"), refusedCommits,
		"companion", "reactivated"),
	inRoles("refused-commits", "commits that are refused, dropped, or lost to a restart, and others after them: "+
		"no message key and no epoch is used twice, and nothing of them counts",
		reqs("AMB-INV-05", "AMB-LOG-09", "AMB-ROT-14 refused", "AMB-SYN-09 prekeys rotate", "AMB-SYN-14"),
		refusedCommits, "leader"),
	inRoles("import-first", "a device that was imported is asked for every kind of commit before it has caught up",
		reqs("AMB-SYN-10", "AMB-INV-15"), importFirst, "leader", "companion", "reactivated"),
)

// isVoid stops the test unless an entry of a counterparty is void.
func (n *insider) isVoid(c *malicious.Counterparty, entry []byte) {
	n.gets(entry, ambassador.Void)
	c.Spoiled(entry)
}

// begins returns a start of a counterparty under a bundle, which it has not sent.
func (n *insider) begins(c *malicious.Counterparty, b *account.Bundle) *conversation.Outgoing {
	o, err := c.Say("start", b)
	n.NoFault(err)
	return o
}

// oneTimePrekeyAgain lets two accounts start with a one-time prekey that one of them has used. The sessions are not
// settled, so that another start is not void for itself (AMB-LOG-14).
func oneTimePrekeyAgain(n *insider) {
	keys := n.keys()
	private := keys.Batches[0].OneTime[0]
	exported.NeedsSearchable(n.T, n.state(), private)
	first, second := n.meets(), n.meets()
	b := n.bundle(keys, 0)
	n.isVoid(first, damaged(n.World, n.begins(first, b).Entry)) // which uses nothing (AMB-LOG-08)
	n.between()
	o := n.begins(first, b)
	n.gets(o.Entry, ambassador.Message)
	first.Sent(o)
	exported.MustNotHold(n.T, "a one-time prekey that was used", n.state(), private)
	for i := range 10 {
		n.between()
		n.isVoid(first, n.begins(first, b).Entry)
		n.isVoid(second, n.begins(second, b).Entry)
		if i == 4 {
			n.publishes()
		}
	}
	exported.MustNotHold(n.T, "a one-time prekey that was used", n.state(), private)
	for i, c := range []*malicious.Counterparty{first, second} {
		for again := range 2 { // in the place of a session, and of the one after it
			b := n.bundle(keys, 2*i+1+again)
			o := n.begins(c, b)
			n.gets(o.Entry, ambassador.Message)
			c.Sent(o)
			n.isVoid(c, n.begins(c, b).Entry)
		}
	}
}

// oneTimePrekeysOfBatches uses the one-time prekeys at the ends of two batches, twice each. A third batch ends the
// first.
func oneTimePrekeysOfBatches(n *insider) {
	keys := n.keys()
	older := *keys
	newer := *keys
	newer.Batches = append(slices.Clone(keys.Batches), batchOf(n.publishes()))
	n.between()
	for _, k := range []*account.EpochKeys{&newer, &older} {
		for _, i := range []int{0, account.Batch - 1} {
			c, again := n.meets(), n.meets()
			b := n.bundle(k, i)
			o := n.begins(c, b)
			n.gets(o.Entry, ambassador.Message)
			n.between()
			n.isVoid(again, n.begins(again, b).Entry)
			newest := k.Batches[len(k.Batches)-1]
			exported.MustNotHold(n.T, "a one-time prekey that was used", n.state(), newest.OneTime[i])
		}
	}
	n.publishes()
	n.between()
	c := n.meets()
	n.isVoid(c, n.begins(c, n.bundle(&older, 5)).Entry)
	exported.MustNotHold(n.T, "a prekey of the batch before the two newest", n.state(), older.Batches[0].OneTime[:]...)
	n.gets(n.begins(c, n.bundle(&newer, 5)).Entry, ambassador.Message)
}

// batchOf returns the batch of a record.
func batchOf(p *channel.Prekeys) account.PrekeyBatch {
	b := account.PrekeyBatch{SignedID: p.SignedPrekeyID, Signed: p.SignedPrekeyPrivate[:], FirstID: p.FirstOneTimeID}
	for i := range p.OneTimePrivates {
		b.OneTime[i] = p.OneTimePrivates[i][:]
	}
	return b
}

// oneTimePrekeyOfEpochs uses the prekey of an epoch, and names it by its id in the next: under the keys of the new
// epoch it is another one, which can be used, once.
func oneTimePrekeyOfEpochs(n *insider) {
	c := n.meets()
	old := n.bundle(n.keys(), 0)
	o := n.begins(c, old)
	n.gets(o.Entry, ambassador.Message)
	c.Sent(o)
	for range 3 {
		n.rotates([]channel.Head{ends(c)})
		n.between()
		mixed := n.bundle(n.keys(), 0)
		mixed.OneTimePrekey = old.OneTimePrekey
		n.isVoid(c, n.begins(c, mixed).Entry)
		stale, err := c.StartTo(n.rotation.List.Epoch, old, "under the keys of an epoch before")
		n.NoFault(err)
		n.isVoid(c, stale)
		n.between()
		fresh := n.bundle(n.keys(), 0)
		o := n.begins(c, fresh)
		n.gets(o.Entry, ambassador.Message)
		c.Sent(o)
		n.between()
		n.isVoid(c, n.begins(c, fresh).Entry)
		old = fresh
	}
}

// follows hands the device a start of the account with its record, and what it makes of it.
func (n *insider) follows(o *conversation.Outgoing, kinds ...ambassador.EventKind) {
	n.device.Brings(withEntry(n.World, n.mail(n.sent(o.Sent)), o.Entry),
		slices.Concat([]ambassador.EventKind{ambassador.Record}, kinds)...)
}

// siblingsBundle lets the malicious device start under a bundle that it should have refused. Entry, record and digest
// fit that bundle, so that nothing but the check of the bundle tells.
func siblingsBundle(n *insider) {
	for _, wrong := range []struct {
		what string
		// change is made to a bundle that is good, of an account whose newer epoch and second batch have been seen
		change func(c *malicious.Counterparty, b *account.Bundle)
		kind   ambassador.EventKind
	}{
		{"none", func(*malicious.Counterparty, *account.Bundle) {}, ambassador.Sent},
		{"the signature of its prekey", func(_ *malicious.Counterparty, b *account.Bundle) {
			b.PrekeySignature[0] ^= 1 // which only the sender has to look at (10.4)
		}, ambassador.Sent},
		{"the last byte of its signature", func(_ *malicious.Counterparty, b *account.Bundle) {
			b.Statement.Signature[63] ^= 1
		}, ambassador.Frozen},
		{"its epoch, one below", func(c *malicious.Counterparty, b *account.Bundle) {
			b.Statement.Epoch--
			b.Statement.Sign(c.Key)
		}, ambassador.Frozen},
		{"its epoch, 256 below", func(c *malicious.Counterparty, b *account.Bundle) {
			b.Statement.Epoch -= 256
			b.Statement.Sign(c.Key)
		}, ambassador.Frozen},
		{"its key", func(c *malicious.Counterparty, b *account.Bundle) {
			other, _, err := malicious.NewCounterparty(n.liar.List.Account, n.Random)
			n.NoFault(err)
			b.Statement.AmbassadorKey = other.Keys.Statement.AmbassadorKey
			b.Statement.Sign(c.Key)
		}, ambassador.Frozen},
		{"its signed prekey", func(_ *malicious.Counterparty, b *account.Bundle) {
			b.SignedPrekeyID--
		}, ambassador.Frozen},
		{"its account", func(_ *malicious.Counterparty, b *account.Bundle) {
			other, _, err := malicious.NewCounterparty(n.liar.List.Account, n.Random)
			n.NoFault(err)
			b.Statement = other.Keys.Statement
			b.Statement.Epoch += 9
			b.Statement.Sign(other.Key)
		}, ambassador.Frozen},
	} {
		c := n.meets()
		n.seesSecondBatch(c)
		n.between()
		b := c.Bundle()
		b.SignedPrekeyID = 2
		wrong.change(c, b)
		o := n.startAnyway(n.talk(c), b)
		if events := n.device.Events(withEntry(n.World, n.mail(n.sent(o.Sent)), o.Entry)); len(events) != 2 ||
			events[1].Kind != string(wrong.kind) {
			n.Violation(verdict.Mismatch, "a sibling has started under a bundle that is wrong in "+wrong.what,
				string(wrong.kind), fmt.Sprintf("%+v", events))
		}
	}
}

// seesSecondBatch lets a sibling start under a bundle of the second batch, in the first epoch of a counterparty.
func (n *insider) seesSecondBatch(c *malicious.Counterparty) {
	b := c.Bundle()
	b.SignedPrekeyID = 2
	o := n.startAnyway(n.talk(c), b)
	n.follows(o, ambassador.Sent)
	c.Spoiled(o.Entry)
}

// startAnyway is start for a bundle that nobody checks: its prekey signature need not verify.
func (n *insider) startAnyway(talk conversation.Conversation, b *account.Bundle) *conversation.Outgoing {
	o, err := malicious.StartAnyway(talk, n.keys(), b, n.Random)
	n.Understood(err)
	return o
}

// siblingsBundleSeen lets a sibling start under newer and newer bundles: what the device starts under afterwards must
// not be older, over restarts and rotations too.
func siblingsBundleSeen(n *insider) {
	c := n.meets()
	n.seesSecondBatch(c)
	refuses := func(class refusal.Class, change func(b *account.Bundle)) {
		peer := c.Account()
		b := c.Bundle()
		change(b)
		n.RefuseUnchanged(class, shim.DeviceSend, shim.Params{
			Party: n.device.Party(), Account: peer[:], Plaintext: []byte("no"), PeerBundle: codec.MustEncode(b),
		})
	}
	older := func(b *account.Bundle) { b.SignedPrekeyID = 1 }
	earlier := func(by uint32) func(b *account.Bundle) {
		return func(b *account.Bundle) { b.Statement.Epoch -= by; b.Statement.Sign(c.Key) }
	}
	for range 3 {
		n.between()
		refuses(refusal.StaleEpoch, older)
		refuses(refusal.StaleEpoch, earlier(1))
		refuses(refusal.StaleEpoch, earlier(256))
		refuses(refusal.NotAllowed, func(b *account.Bundle) {
			b.Statement.AmbassadorKey[0] ^= 4
			b.Statement.Sign(c.Key)
		})
		n.rotates([]channel.Head{ends(c)})
	}
	_, err := c.NextEpoch()
	n.NoFault(err)
	n.speaks(c, true)
}

// prekeyAgain lets a sibling send prekeys of one id: right, wrong, and right again.
func prekeyAgain(n *insider) {
	n.brings(n.ack(), ambassador.Record)
	for _, at := range []int{0, 31, 63, 32} {
		n.between()
		wrong := n.ack()
		wrong.Ack.Prekey.Signature[at] ^= 1
		n.device.Ignores(refusal.BadSignature, n.mail(wrong))
		n.brings(n.ack(), ambassador.Record)
	}
	wrong := n.ack()
	wrong.Ack.Prekey.Key[31] ^= 1
	n.device.Ignores(refusal.BadSignature, n.mail(wrong))
	wrong = n.ack()
	wrong.Ack.Prekey.ID += 256
	n.brings(wrong, ambassador.Record) // the id is not signed (7.2)
}

// nowhere is a post office that takes nothing.
type nowhere struct{ postoffice.Service }

func (nowhere) Append([]byte) error { return refusal.Conflict }

// refusedCommits makes commits of every kind that are never accepted, and looks at the keys of all.
func refusedCommits(n *insider) {
	c := n.talks()
	n.hears(c)
	peer := c.Account()
	watch := world.NewKeyWatch(nowhere{})
	kinds := []struct {
		op     shim.Op
		params shim.Params
	}{
		{shim.DeviceReplenish, shim.Params{}},
		{shim.DeviceSend, shim.Params{Account: peer[:], Plaintext: []byte("own")}},
		{shim.DeviceAck, shim.Params{}},
	}
	if n.leads {
		kinds = append(kinds, kinds[0])
		kinds[3].op = shim.DeviceRotate
		kinds = append(kinds, kinds[0])
		kinds[4].op = shim.DevicePrepare
	}
	var number uint64
	var epoch uint32
	makes := func(op shim.Op, p shim.Params) *postoffice.Commit {
		p.Party = n.device.Party()
		commit := commitOf(n.World, op, p)
		if commit.Number <= number {
			n.Violation(verdict.Mismatch, "the number of a commit after one that was not accepted",
				fmt.Sprint("above ", number), fmt.Sprint(commit.Number))
		}
		number = commit.Number
		if r := commit.Rotation; r != nil {
			if epoch != 0 && r.List.Epoch != epoch+1 {
				n.Violation(verdict.Mismatch, "the epoch of a rotation after one that was not accepted",
					fmt.Sprint(epoch+1), fmt.Sprint(r.List.Epoch))
			}
			epoch = r.List.Epoch
		}
		_ = watch.Append(codec.MustEncode(commit)) // it looks, and takes nothing
		n.UsedOnce(watch)
		return commit
	}
	makes(shim.DeviceAck, shim.Params{}) // so that a chain has begun
	for _, ends := range []func(){
		func() { n.Must(shim.DeviceRefused, shim.Params{Party: n.device.Party()}) },
		func() { n.Must(shim.DeviceCaughtUp, shim.Params{Party: n.device.Party(), Commits: number}) },
		func() {
			n.Renew(n.device)
			n.Must(shim.DeviceCaughtUp, shim.Params{Party: n.device.Party(), Commits: number})
		},
	} {
		before := n.claim(c)
		for _, kind := range kinds {
			commit := makes(kind.op, kind.params)
			ends()
			if p := commit.Publication; p != nil && p.SignedPrekeyID != 2 {
				n.Violation(verdict.Mismatch, "the signed prekey of a publication after one that was not accepted",
					"id 2", fmt.Sprint(p.SignedPrekeyID))
			}
			makes(shim.DeviceAck, shim.Params{})
			if after := n.claim(c); after != before {
				n.Violation(verdict.StateChanged, "a commit that was not accepted counts: "+string(kind.op),
					fmt.Sprint(before), fmt.Sprint(after))
			}
		}
	}
	n.hears(c)
	n.goesOn(c)
	n.returns(makes(shim.DeviceReplenish, shim.Params{}), nil, ambassador.Accepted)
	own := makes(shim.DeviceSend, kinds[1].params)
	n.returns(own, nil, ambassador.Accepted)
	names(n.World, c, codec.MustEncode(own), false)
	n.goesOn(c)
	if n.leads {
		rotation := makes(shim.DeviceRotate, shim.Params{})
		n.returns(rotation, []channel.Head{ends(c)}, ambassador.Accepted, ambassador.Rotated)
	}
}

// importFirst asks a device for commits after an import: one that has never had a conversation, one that has one, and
// one that has a commit under way (AMB-SYN-10).
func importFirst(n *insider) {
	c := n.meets()
	peer := c.Account()
	refusesAll := func() {
		for range 2 {
			n.Renew(n.device)
			for _, kind := range []struct {
				op       shim.Op
				params   shim.Params
				ofLeader bool
			}{
				{shim.DeviceSend, shim.Params{
					Account: peer[:], Plaintext: []byte("too early"), PeerBundle: codec.MustEncode(c.Bundle()),
				}, false},
				{shim.DeviceReplenish, shim.Params{}, false},
				{shim.DeviceAck, shim.Params{}, false},
				{shim.DevicePrepare, shim.Params{}, true},
				{shim.DeviceRotate, shim.Params{}, true},
				{shim.DeviceOffer, shim.Params{}, true},
			} {
				kind.params.Party = n.device.Party()
				class := refusal.NotReady
				if kind.ofLeader && !n.leads {
					class = refusal.NotAllowed
				}
				n.RefuseUnchanged(class, kind.op, kind.params)
			}
			n.brings(n.ack(), ambassador.Record) // reading alone does not end it
		}
	}
	refusesAll()
	n.Must(shim.DeviceCaughtUp, shim.Params{Party: n.device.Party()})
	commit, _ := n.sends(c)
	n.returns(commit, nil, ambassador.Accepted)
	refusesAll()
	n.Must(shim.DeviceCaughtUp, shim.Params{Party: n.device.Party()})
	n.makes(shim.DeviceReplenish, shim.Params{})
	refusesAll()
	n.RefuseUnchanged(refusal.NotReady, shim.DeviceCaughtUp, shim.Params{Party: n.device.Party(), Commits: 1 << 40})
	for range 3 { // and one that was set back stays so
		n.RefuseUnchanged(refusal.NotReady, shim.DeviceAck, shim.Params{Party: n.device.Party()})
		n.Refuse(refusal.NotReady, shim.DeviceCaughtUp, shim.Params{Party: n.device.Party(), Commits: 1 << 40})
	}
}
