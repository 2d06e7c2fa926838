package hostile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

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
	"credence/reference/primitive"
	"credence/reference/x3dh"
	"credence/shim"
)

// insider is an account of a device of the target and a malicious one, whichever of them leads. What the two hand each
// other needs no post office.
type insider struct {
	*world.World
	device   *world.Device
	liar     *malicious.Sibling
	leads    bool            // the target's device does
	restarts bool            // it does, wherever a test calls between
	rotation *channel.Rotate // the newest that either has handed the other
	starts   int             // of counterparties in this epoch
	first    bool            // the last record of the device has begun a chain
}

// role is a kind of device that the target can play, since a rule holds on each.
type role struct {
	name, comment string
	build         func(w *world.World) *insider
}

var roles = []role{
	{"leader", "on the leader", leading},
	{"companion", "on a companion", following},
	{"reactivated", "on a companion that was pending before", reactivated},
	{"leader-restarted", "on a leader that restarts at each step", restarting(leading)},
	{"companion-restarted", "on a companion that restarts at each step", restarting(following)},
}

// inRoles returns a live test for each role, or for those that are named.
func inRoles(name, comment string, requirements []string, run func(n *insider), only ...string) []suite.Test {
	var all []suite.Test
	for _, r := range roles {
		if len(only) == 0 || slices.Contains(only, r.name) {
			t := test(name+"-"+r.name, comment+" ("+r.comment+")", requirements,
				func(w *world.World) { run(r.build(w)) })
			t.AddPlacesNamed(strings.TrimSuffix(r.name, "-restarted"))
			all = append(all, t)
		}
	}
	return all
}

func leading(w *world.World) *insider {
	s := newSiblingStage(w)
	return &insider{World: w, device: s.device, liar: s.sibling, leads: true, rotation: s.rotation}
}

func following(w *world.World) *insider {
	s := newLeaderStage(w)
	s.Must(shim.DeviceCaughtUp, shim.Params{Party: s.device.Party()})
	return &insider{World: w, device: s.device, liar: s.leader, rotation: s.handed}
}

func reactivated(w *world.World) *insider {
	n := following(w)
	n.suspends()
	n.rotates(nil)
	return n
}

func restarting(build func(w *world.World) *insider) func(w *world.World) *insider {
	return func(w *world.World) *insider {
		n := build(w)
		n.restarts = true
		return n
	}
}

// between is called where a test goes on after something that has to be remembered.
func (n *insider) between() {
	if n.restarts {
		n.restart()
	}
}

// restart exports the device and imports it again, with the same conversations (AMB-SYN-03). It has caught up then.
func (n *insider) restart() {
	n.Renew(n.device)
	n.Must(shim.DeviceCaughtUp, shim.Params{Party: n.device.Party()})
}

// brings hands the device a record of the malicious one.
func (n *insider) brings(r channel.Record, kinds ...ambassador.EventKind) {
	n.device.Brings(n.mail(r), kinds...)
}

// record returns a record of the malicious device, with the envelope that it should have.
func (n *insider) record(r channel.Record) channel.Record { return n.liar.Record(n.device.ID(), r) }

func (n *insider) mail(r channel.Record) []byte {
	mail, err := n.liar.Mail(r)
	n.NoFault(err)
	return mail
}

func (n *insider) ack(claims ...channel.Claim) channel.Record {
	return n.record(channel.Record{
		Kind: channel.KindAck, Ack: &channel.Ack{Claims: claims, Prekey: n.liar.Prekey()},
	})
}

func (n *insider) sent(s channel.Sent) channel.Record {
	return n.record(channel.Record{Kind: channel.KindSent, Sent: &s})
}

// asks returns a resend-request.
func (n *insider) asks(peer account.ID, seq uint64) channel.Record {
	return n.record(channel.Record{
		Kind: channel.KindResendRequest, Resend: &channel.ResendRequest{Peer: peer, Seq: seq},
	})
}

// makes lets the device make a commit, and returns it with the record that it has for the malicious device, nil if
// there is none.
func (n *insider) makes(op shim.Op, p shim.Params) (*postoffice.Commit, *channel.Record) {
	p.Party = n.device.Party()
	c := commitOf(n.World, op, p)
	for _, parcel := range c.Parcels {
		if parcel.Device != n.liar.Device {
			continue
		}
		return c, n.opened(parcel)
	}
	return c, nil
}

// opened lets the malicious device read a record of the device.
func (n *insider) opened(parcel postoffice.Parcel) *channel.Record {
	r, arrival, err := n.liar.Open(n.liar.List, n.device.ID(), parcel.Body)
	if err != nil {
		n.Violation(verdict.Mismatch, "a record of the device to its sibling does not open", "opened", err.Error())
	}
	n.first = arrival.First
	return r
}

// pays lets the device send what it owes, and returns the record that the malicious device gets; nil if nothing is
// owed.
func (n *insider) pays() *channel.Record {
	if r := n.Must(shim.DeviceUpkeep, shim.Params{Party: n.device.Party()}); len(r.Message) > 0 {
		c, err := parseCommit(r.Message)
		if err != nil || len(c.Parcels) != 1 {
			n.Violation(verdict.Mismatch, "device.upkeep of an account of two devices", "a commit of one parcel",
				suite.Describe(r))
		}
		return n.opened(c.Parcels[0])
	}
	return nil
}

// owesNothing stops the test if the device owes its sibling a record.
func (n *insider) owesNothing(why string) {
	if r := n.pays(); r != nil {
		n.Violation(verdict.Mismatch, why, "nothing is owed", fmt.Sprint("a record of kind ", r.Kind))
	}
}

// returns brings a commit of the device back.
func (n *insider) returns(c *postoffice.Commit, cuts []channel.Head, kinds ...ambassador.EventKind) {
	n.device.Brings(codec.MustEncode(&postoffice.Mail{
		Position: 1, Device: n.device.ID(), Number: c.Number, Entry: c.Entry, Cuts: cuts,
	}), kinds...)
}

// rotates opens the next epoch with the same devices, all active, and returns the keys of the one before. What the
// device makes of the cuts comes to these events.
func (n *insider) rotates(cuts []channel.Head, more ...ambassador.EventKind) *account.EpochKeys {
	before := n.keys()
	n.starts = 0
	if n.leads {
		c, r := n.makes(shim.DeviceRotate, shim.Params{})
		if r == nil || r.Rotate == nil {
			n.Violation(verdict.Mismatch, "a rotation hands the sibling no epoch", "a rotate-commit", suite.JSON(r))
		}
		n.rotation, n.liar.List = r.Rotate, &r.Rotate.List
		n.returns(c, cuts, slices.Concat([]ambassador.EventKind{ambassador.Accepted, ambassador.Rotated}, more)...)
		return before
	}
	list := n.liar.Next()
	for i := range list.Devices {
		list.Devices[i].Status = account.Active
	}
	list.Sign(n.liar.Key)
	n.opens(list, cuts, more...)
	return before
}

// opens lets the malicious leader hand the device the epoch of a list.
func (n *insider) opens(list *account.List, cuts []channel.Head, more ...ambassador.EventKind) {
	r, _, _, err := n.liar.Rotation(n.device.ID(), list)
	n.NoFault(err)
	n.device.Brings(withCuts(n.World, n.mail(r), cuts),
		slices.Concat([]ambassador.EventKind{ambassador.Record, ambassador.Rotated}, more)...)
	n.rotation, n.liar.List = r.Rotate, list
}

// suspends opens an epoch in which the device is pending.
func (n *insider) suspends() {
	list := n.liar.Next()
	list.Find(n.device.ID()).Status = account.Pending
	list.Sign(n.liar.Key)
	n.brings(n.record(channel.Record{Kind: channel.KindList, List: list}), ambassador.Rotated)
	n.liar.List = list
}

// keys returns the keys of the account's epoch, as the leader has handed them over.
func (n *insider) keys() *account.EpochKeys {
	r := n.rotation
	b := account.PrekeyBatch{
		SignedID: r.Prekeys.SignedPrekeyID, Signed: r.Prekeys.SignedPrekeyPrivate[:],
		FirstID: r.Prekeys.FirstOneTimeID,
	}
	for i := range r.Prekeys.OneTimePrivates {
		b.OneTime[i] = r.Prekeys.OneTimePrivates[i][:]
	}
	return &account.EpochKeys{
		Statement: r.Statement, Ambassador: primitive.PrivateKey(r.AmbassadorPrivate),
		Batches: []account.PrekeyBatch{b},
	}
}

// bundle returns a bundle of the account with a one-time prekey, by its place in the newest batch of the keys.
func (n *insider) bundle(keys *account.EpochKeys, oneTime int) *account.Bundle {
	b := keys.Batches[len(keys.Batches)-1]
	public := func(private []byte) primitive.PublicKey {
		return primitive.Public(primitive.PrivateKey([primitive.KeySize]byte(private)))
	}
	signature, err := x3dh.SignPrekey(account.Set, keys.Ambassador, public(b.Signed), n.Random)
	n.NoFault(err)
	bundle := &account.Bundle{
		Statement: keys.Statement, SignedPrekeyID: b.SignedID, SignedPrekey: public(b.Signed),
		OneTimePrekeyID: b.FirstID + uint32(oneTime), OneTimePrekey: public(b.OneTime[oneTime]),
	}
	copy(bundle.PrekeySignature[:], signature)
	return bundle
}

// meets makes a counterparty, which has not spoken yet.
func (n *insider) meets() *malicious.Counterparty {
	c, _, err := malicious.NewCounterparty(n.liar.List.Account, n.Random)
	n.NoFault(err)
	return c
}

// talks makes a counterparty, of which the device has read a start.
func (n *insider) talks() *malicious.Counterparty {
	c := n.meets()
	n.hears(c)
	return c
}

// gets lets the device read an entry of a conversation, which has to bring exactly these kinds of event. They name the
// conversation, and the first of them the place.
func (n *insider) gets(entry []byte, kinds ...ambassador.EventKind) {
	e, err := conversation.ParseEntry(entry)
	n.NoFault(err)
	events := n.device.Brings(entryMail(entry), kinds...)
	peer := e.Peer(n.liar.List.Account)
	for i, event := range events {
		if !bytes.Equal(event.Account, peer[:]) || i == 0 && event.Seq != e.Seq {
			n.Violation(verdict.Mismatch, "the conversation and the place that an event names",
				fmt.Sprintf("account %x, seq %d", peer, e.Seq), suite.JSON(events))
		}
	}
}

// hears lets the device read the next entry of a counterparty: a start if it has no session.
func (n *insider) hears(c *malicious.Counterparty, more ...ambassador.EventKind) {
	n.gets(n.says(c), slices.Concat([]ambassador.EventKind{ambassador.Message}, more)...)
}

// says returns the next entry of a counterparty, which it has sent: a start if it has no session.
func (n *insider) says(c *malicious.Counterparty) []byte {
	var bundle *account.Bundle
	if c.Talk.Session == nil {
		bundle = n.bundle(n.keys(), n.starts)
		n.starts++
	}
	o, err := c.Say("hello", bundle)
	n.NoFault(err)
	c.Sent(o)
	return o.Entry
}

// speaks lets the device send an entry to a counterparty, which reads it, and brings it back.
func (n *insider) speaks(c *malicious.Counterparty, start bool, named ...channel.Range) (
	*postoffice.Commit, *channel.Record,
) {
	commit, record := n.sends(c)
	n.returns(commit, nil, ambassador.Accepted)
	names(n.World, c, codec.MustEncode(commit), start, named...)
	return commit, record
}

// sends lets the device make an entry.
func (n *insider) sends(c *malicious.Counterparty) (*postoffice.Commit, *channel.Record) {
	peer := c.Account()
	return n.makes(shim.DeviceSend, shim.Params{
		Account: peer[:], Plaintext: []byte("own"), PeerBundle: codec.MustEncode(c.Bundle()),
	})
}

// start returns a start of the account, made as a device should with what the malicious device knows.
func (n *insider) start(talk conversation.Conversation, bundle *account.Bundle) *conversation.Outgoing {
	o, err := talk.Start(n.keys(), bundle, []byte("own"), n.Random)
	n.Understood(err)
	return o
}

// talk returns the conversation of the account with a counterparty as it is before a start: its place in the log.
func (n *insider) talk(c *malicious.Counterparty) conversation.Conversation {
	talk := conversation.New(n.liar.List.Account, c.Account())
	talk.Seq, talk.Head = c.Talk.Seq, c.Talk.Head
	return talk
}

// ends moves a counterparty past a rotation of the account, and returns where the log stands.
func ends(c *malicious.Counterparty) channel.Head {
	c.Talk = c.Talk.Cut()
	return channel.Head{Peer: c.Account(), Seq: c.Talk.Seq, Head: c.Talk.Head}
}

// cutsOf is ends of several.
func cutsOf(all ...*malicious.Counterparty) (cuts []channel.Head) {
	for _, c := range all {
		cuts = append(cuts, ends(c))
	}
	slices.SortFunc(cuts, func(a, b channel.Head) int { return bytes.Compare(a.Peer[:], b.Peer[:]) })
	return cuts
}

// claim returns what the device would claim of the conversation with a counterparty.
func (n *insider) claim(c *malicious.Counterparty) channel.Claim { return n.claimOf(n.device, c) }

// claimOf is claim of a copy of the device.
func (n *insider) claimOf(d *world.Device, c *malicious.Counterparty) channel.Claim {
	state := n.StateOf(d, c.Account())
	claim := channel.Claim{Head: channel.Head{Peer: c.Account(), Seq: state.Seq}}
	head, digest := copy(claim.Head.Head[:], state.Head), copy(claim.Digest[:], state.Digest)
	if head != len(claim.Head.Head) || digest != len(claim.Digest) {
		n.Violation(verdict.Protocol, "device.status: head and digest", "32 bytes", fmt.Sprintf("%x", state.Head))
	}
	return claim
}

// goesOn stops the test unless the conversation with a counterparty is where that has it, and nothing stops it.
func (n *insider) goesOn(c *malicious.Counterparty) {
	state := n.StateOf(n.device, c.Account())
	if state.Problem != "" || state.Seq != c.Talk.Seq || state.Head != string(c.Talk.Head[:]) {
		n.Violation(verdict.Mismatch, "a conversation does not go on",
			fmt.Sprintf("seq %d, head %x", c.Talk.Seq, c.Talk.Head), fmt.Sprint(state, " ", state.Problem))
	}
}

// standsStill stops the test unless the device neither sends nor reads in a conversation (AMB-SYN-06).
func (n *insider) standsStill(c *malicious.Counterparty) {
	peer := c.Account()
	n.RefuseUnchanged("frozen", shim.DeviceSend, shim.Params{
		Party: n.device.Party(), Account: peer[:], Plaintext: []byte("frozen"),
	})
	n.gets(n.says(c), ambassador.Frozen)
}
