package hostile

import (
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/shim"
)

// farTests play a conversation whose places and epochs are numbers that no short conversation reaches.
var farTests = []suite.Test{
	test("far-places", "a device is linked to an account whose log and epochs are about to pass 2^8, 2^16 and 2^32: "+
		"it reads, sends, follows, asks, names and claims places, with a restart after each step",
		reqs("AMB-LOG-02", "AMB-LOG-16", "AMB-LOG-17", "AMB-SYN-03", "AMB-SYN-05", "AMB-SYN-08", "AMB-SYN-17"),
		farPlaces),
}

// farPlaces begins just before each number, so that the conversation passes it, and again some places earlier, so
// that each step is taken on both sides of it.
func farPlaces(w *world.World) {
	for _, n := range []uint64{1 << 8, 1 << 16, 1 << 32} {
		for before := uint64(1); before <= 11; before += 5 {
			f := newFar(w, n-before)
			f.hears(nil, ambassador.Message)
			f.deviceSays()
			f.hears(nil, ambassador.Message) // settles the session
			f.unread()
			f.told()
			f.leaderSays(false)
			f.leaderSays(true)
			f.drops()
			f.claims()
			f.goesOn()
		}
	}
}

// unread lets entries come that cannot be read, or have a content that breaks the rules: the device names them.
func (f *far) unread() {
	f.cannotRead(func() []byte {
		o, err := f.counterparty.Say("cannot be read", nil)
		f.NoFault(err)
		entry := damaged(f.World, o.Entry)
		f.counterparty.Spoiled(entry)
		return entry
	})
	first := place(f.lead.Seq)
	f.hears(nil, ambassador.Message)
	f.cannotRead(func() []byte {
		o, err := f.counterparty.Seal([]byte("no content"))
		f.NoFault(err)
		f.counterparty.Sent(o)
		return o.Entry
	})
	f.deviceSays(first, place(f.lead.Seq))
	f.hears(nil, ambassador.Message)
}

// told lets the counterparty name own places, the second time with one that it has named.
func (f *far) told() {
	own := f.lead.Seq - 1
	for last := own; last <= own+2; last += 2 {
		if last > own {
			f.deviceSays()
		}
		told := f.hears([]channel.Range{{First: own, Last: last}}, ambassador.Message, ambassador.Undelivered)[1]
		if want := max(own, last-1); told.Seq != want || told.Last != last {
			f.Violation(verdict.Mismatch, "the own places that are reported", fmt.Sprint(want, last), suite.JSON(told))
		}
	}
}

// drops lets the post office lose an entry of the device.
func (f *far) drops() {
	m := commitOf(f.World, shim.DeviceSend, shim.Params{
		Party: f.device.Party(), Account: f.peer[:], Plaintext: []byte("lost"),
	})
	f.Renew(f.device)
	f.commits = m.Number
	r := f.Must(shim.DeviceCaughtUp, shim.Params{Party: f.device.Party(), Commits: m.Number})
	if len(r.Events) != 1 || r.Events[0].Kind != string(ambassador.Dropped) || r.Events[0].Seq != f.lead.Seq+1 {
		want := fmt.Sprint("dropped ", f.lead.Seq+1)
		f.Violation(verdict.Mismatch, "what is reported of a lost entry", want, suite.JSON(r))
	}
	f.restarts()
}

// far is a device that was linked when a log was long already, and a leader that follows the conversation.
type far struct {
	*leaderStage
	peer    account.ID
	lead    conversation.Conversation // of the leader
	commits uint64                    // of the device that the post office has seen
}

// newFar links a device with a cut at place n. The counterparty is in epoch n, the account too if it has not passed
// it.
func newFar(w *world.World, n uint64) *far {
	s, list := requestLink(w)
	epoch := uint32(min(n, 1<<32-3)) // the epochs after it need numbers too
	list.Epoch = max(list.Epoch, epoch)
	list.Sign(s.leader.Key)
	s.meet()
	c := s.counterparty
	c.Keys.Statement.Epoch = epoch
	c.Keys.Statement.Sign(c.Key)
	c.Talk.Seq, c.Talk.Head = n, [32]byte{1}
	s.opens(list, s.cut())
	f := &far{leaderStage: s, peer: c.Account()}
	f.lead = conversation.New(s.leader.List.Account, f.peer)
	f.lead.Seq, f.lead.Head = n, c.Talk.Head
	f.restarts()
	return f
}

// restarts exports the device and imports it again; nothing that it shows may change.
func (f *far) restarts() {
	before := f.StateOf(f.device, f.peer)
	f.Renew(f.device)
	_, err := f.device.CaughtUp(f.commits)
	f.Understood(err)
	if after := f.StateOf(f.device, f.peer); after != before {
		f.Violation(verdict.Mismatch, "a restart changes the conversation", before.String(), after.String())
	}
	if before.Problem == "" {
		f.stands()
	}
}

// stands stops the test unless the device stands where the leader does.
func (f *far) stands() {
	digest := f.lead.Digest()
	want := world.State{Seq: f.lead.Seq, Head: string(f.lead.Head[:]), Digest: string(digest[:])}
	if got := f.StateOf(f.device, f.peer); got != want {
		f.Violation(verdict.Mismatch, "where the conversation stands", want.String(), got.String()+" "+got.Problem)
	}
}

// reads lets the leader read an entry of the counterparty.
func (f *far) reads(entry []byte) {
	e, err := conversation.ParseEntry(entry)
	f.NoFault(err)
	next, _, err := f.lead.Receive(f.keys, e, entry)
	f.NoFault(err)
	f.lead = next
}

// hears lets the counterparty send an entry, which both devices read, and which names places. It brings these events.
func (f *far) hears(named []channel.Range, kinds ...ambassador.EventKind) []shim.Event {
	bundle := f.bundle
	if f.counterparty.Talk.Session != nil {
		bundle = nil
	}
	f.counterparty.Talk.Reports.Unread = named
	o, err := f.counterparty.Say("far away", bundle)
	f.NoFault(err)
	f.counterparty.Sent(o)
	f.reads(o.Entry)
	events := f.brings(entryMail(o.Entry), kinds...)
	f.restarts()
	return events
}

// elsewhere are events that may name another place, or none.
var elsewhere = []ambassador.EventKind{ambassador.Record, ambassador.Undelivered}

// brings stops the test unless a mail brings exactly these kinds of event, each for the place where the leader stands
// if it is about one.
func (f *far) brings(mail []byte, kinds ...ambassador.EventKind) []shim.Event {
	events := f.device.Events(mail)
	var got []ambassador.EventKind
	for _, e := range events {
		kind := ambassador.EventKind(e.Kind)
		got = append(got, kind)
		if !slices.Contains(elsewhere, kind) && e.Seq != f.lead.Seq {
			f.Violation(verdict.Mismatch, "the place in an event", fmt.Sprint(f.lead.Seq), suite.JSON(e))
		}
		if kind != ambassador.Record && string(e.Account) != string(f.peer[:]) {
			f.Violation(verdict.Mismatch, "the account in an event", suite.JSON(f.peer[:]), suite.JSON(e))
		}
	}
	if !slices.Equal(got, kinds) {
		what := fmt.Sprint("what comes at place ", f.lead.Seq)
		f.Violation(verdict.Mismatch, what, fmt.Sprint(kinds), suite.JSON(events))
	}
	return events
}

// deviceSays lets the device send an entry, which names these places; all read or follow it.
func (f *far) deviceSays(named ...channel.Range) {
	m := commitOf(f.World, shim.DeviceSend, shim.Params{
		Party: f.device.Party(), Account: f.peer[:], Plaintext: []byte("own"),
	})
	e := names(f.World, f.counterparty, codec.MustEncode(m), false, named...)
	if e.Seq != f.lead.Seq+1 || e.Previous != f.lead.Head {
		f.Violation(verdict.Mismatch, "the place of an own entry", fmt.Sprint(f.lead.Seq+1), fmt.Sprint(e.Seq))
	}
	f.Renew(f.device)
	for _, p := range m.Parcels {
		r, _, err := f.leader.Open(f.leader.List, f.device.ID(), p.Body)
		f.Understood(err)
		if r.Kind != channel.KindSent || r.Sent.Seq != e.Seq {
			f.Violation(verdict.Mismatch, "the record of an own entry", fmt.Sprint("sent ", e.Seq), suite.JSON(r))
		}
		f.follows(e, m.Entry, r.Sent)
	}
	f.brings(codec.MustEncode(&postoffice.Mail{
		Position: 1, Device: m.Device, Number: m.Number, Entry: m.Entry,
	}), ambassador.Accepted)
	f.commits = m.Number
	f.restarts()
}

// follows lets the leader follow an entry of the account.
func (f *far) follows(e *conversation.Entry, entry []byte, sent *channel.Sent) {
	next, _, err := f.lead.Follow(&f.keys.Statement, e, entry, sent)
	f.Understood(err)
	f.lead = next
}

// leaderSays lets the leader send an entry; its record comes with it or later, when the device has asked for it.
func (f *far) leaderSays(late bool) {
	o, err := f.lead.Send([]byte("by the leader"), f.Random)
	f.NoFault(err)
	record := f.mail(f.leader.Record(f.device.ID(), channel.Record{Kind: channel.KindSent, Sent: &o.Sent}))
	f.lead = o.Next
	if late {
		f.brings(entryMail(o.Entry), ambassador.Parked)
		f.asks(f.lead.Seq)
		f.brings(record, ambassador.Record, ambassador.Sent)
	} else {
		f.brings(withEntry(f.World, record, o.Entry), ambassador.Record, ambassador.Sent)
	}
	e, err := conversation.ParseEntry(o.Entry)
	f.NoFault(err)
	next, _, err := f.counterparty.Talk.Receive(f.counterparty.Keys, e, o.Entry)
	f.NoFault(err)
	f.counterparty.Talk = next
	f.restarts()
}

// asks stops the test unless the device asks the leader for the record of a place.
func (f *far) asks(seq uint64) {
	if r := f.makes("a resend-request", shim.DeviceUpkeep); r.Resend == nil || r.Resend.Seq != seq {
		f.Violation(verdict.Mismatch, "what a device asks for that misses a record", fmt.Sprint(seq), suite.JSON(r))
	}
}

// makes lets the device send the leader a record, which the post office takes.
func (f *far) makes(what string, op shim.Op) *channel.Record {
	c := parcelCommitOf(f.World, what, op, shim.Params{Party: f.device.Party()})
	f.commits = c.Number
	r, _, err := f.leader.Open(f.leader.List, f.device.ID(), c.Parcels[0].Body)
	f.Understood(err)
	return r
}

// claim is what the leader would claim.
func (f *far) claim() channel.Claim {
	return channel.Claim{Head: channel.Head{Peer: f.peer, Seq: f.lead.Seq, Head: f.lead.Head}, Digest: f.lead.Digest()}
}

// claims lets the device claim where it stands, and the leader claim the place before and the one after, rightly and
// then wrongly. The conversation is frozen after that.
func (f *far) claims() {
	f.deviceClaims(f.claim(), shim.DeviceAck)
	passed := f.claim()
	f.hears(nil, ambassador.Message)
	f.leaderClaims(passed, ambassador.Record)
	f.restarts()
	passed = f.claim()
	f.hears(nil, ambassador.Message)
	wrong := passed
	wrong.Digest[31] ^= 1
	f.leaderClaims(wrong, ambassador.Record, ambassador.Frozen)
	f.restarts()
	f.deviceClaims(passed, shim.DeviceUpkeep)
}

func (f *far) deviceClaims(want channel.Claim, op shim.Op) {
	r := f.makes("an acknowledgement", op)
	if r.Ack == nil || !slices.Equal(r.Ack.Claims, []channel.Claim{want}) {
		f.Violation(verdict.Mismatch, "what the device claims", suite.JSON(want), suite.JSON(r))
	}
}

func (f *far) leaderClaims(c channel.Claim, kinds ...ambassador.EventKind) {
	ack := &channel.Ack{Claims: []channel.Claim{c}, Prekey: f.leader.Prekey()}
	r := f.leader.Record(f.device.ID(), channel.Record{Kind: channel.KindAck, Ack: ack})
	f.brings(f.mail(r), kinds...)
}

// goesOn opens the next epoch of the account at a cut three places on: the device names what it has missed.
func (f *far) goesOn() {
	cut := f.cut()
	cut.Seq, cut.Head = cut.Seq+3, [32]byte{7}
	f.opens(f.leader.Next(), cut)
	c := f.counterparty
	c.Talk = c.Talk.Cut()
	c.Talk.Seq, c.Talk.Head = cut.Seq, cut.Head
	sent := f.Must(shim.DeviceSend, shim.Params{
		Party: f.device.Party(), Account: f.peer[:], Plaintext: []byte("anew"),
		PeerBundle: codec.MustEncode(c.Bundle()),
	})
	names(f.World, c, sent.Message, true, run(cut.Seq-2, cut.Seq))
}

// cannotRead lets an entry of the counterparty come that neither device can read.
func (f *far) cannotRead(make func() []byte) {
	entry := make()
	e, err := conversation.ParseEntry(entry)
	f.NoFault(err)
	f.lead, _, err = f.lead.Receive(f.keys, e, entry)
	require.Error(f, err)
	f.brings(entryMail(entry), ambassador.Void)
	f.restarts()
}
