package hostile

import (
	"fmt"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/shim"
)

// startsInDoubt lets starts of the counterparty be unreadable, and one readable (SPEC.md 10.6).
func startsInDoubt(w *world.World) { inDoubt(newDialogue(w), func() {}) }

// startsInDoubtRestarted is startsInDoubt with a restart of the device before each step.
func startsInDoubtRestarted(w *world.World) {
	d := newDialogue(w)
	inDoubt(d, d.restarts)
}

// inDoubt calls between before each step.
func inDoubt(d *dialogue, between func()) {
	d.owes(false)
	d.cannotRead(d.bundle())
	between()
	d.owes(true)
	d.withoutOneTime(d.says("by the user", true, place(1)))
	between()
	d.owes(false) // what is unread is named
	d.cannotRead(d.bundle())
	between()
	d.owes(true)
	d.withoutOneTime(d.says("in the place of the start before", true, place(1), place(3)))
	between()
	d.counterparty.Talk.Session = nil
	d.hears(d.bundle(), nil) // which has not read the start before
	between()
	d.owes(true)
	d.says("in the session", false, place(1), place(3)) // no doubt is left
	between()
	d.owes(false)
	d.hears(nil, nil) // and it has read what was named
	between()
	d.says("names nothing", false)
}

// withoutOneTime stops the test unless a start names no one-time prekey (AMB-LOG-21).
func (d *dialogue) withoutOneTime(e *conversation.Entry) {
	if e.Start.OneTimePrekeyID != 0 {
		d.Violation(verdict.Mismatch, "the one-time prekey of a start that is made in doubt", "none",
			fmt.Sprint(e.Start.OneTimePrekeyID))
	}
}

// doubtSettled lets entries of a settled session be unreadable: the session goes on, and what is unread is named until
// the counterparty has read of it.
func doubtSettled(w *world.World) { settledDoubt(newDialogue(w), func() {}) }

// doubtSettledRestarted is doubtSettled with a restart of the device before each step.
func doubtSettledRestarted(w *world.World) {
	d := newDialogue(w)
	settledDoubt(d, d.restarts)
}

func settledDoubt(d *dialogue, between func()) {
	d.hears(d.bundle(), nil)
	d.says("own", false)
	between()
	d.hears(nil, nil) // and the session is settled
	between()
	d.cannotRead(nil)
	between()
	d.owes(true)
	d.says("names it", false, place(4))
	between()
	d.owes(false)
	d.cannotRead(nil)
	between()
	d.owes(true)
	d.says("names both", false, place(4), place(6))
	between()
	d.cannotRead(d.bundle()) // no new session begins (AMB-LOG-13)
	d.hears(nil, nil)
	between()
	d.owes(true)
	d.says("names what came after", false, place(8))
	d.hears(nil, nil)
	d.says("names nothing", false)
}

// newStartInSession lets the counterparty begin anew in sessions that are not settled (AMB-LOG-14).
func newStartInSession(w *world.World) {
	d := newDialogue(w)
	d.hears(d.bundle(), nil)
	d.hears(nil, nil)        // which has not heard from the device
	d.hears(d.bundle(), nil) // so a start takes the place of the session
	d.says("own", false)
	d.hears(d.bundle(), nil) // and of this one
	d.says("own", false)
	d.hears(nil, nil)
	d.start(ambassador.Void) // but not of one that is settled (AMB-LOG-13)
	d.hears(nil, nil)
}

// start lets the counterparty make a start that is right in itself.
func (d *dialogue) start(kind ambassador.EventKind) {
	o, err := d.counterparty.Say("a start", d.bundle())
	d.NoFault(err)
	d.counterparty.Spoiled(o.Entry)
	d.arrives(o.Entry, kind)
}

// answersOnce lets a counterparty that cannot be read send ever more: each is answered once, and once more after a
// rotation of either side (AMB-LOG-18).
func answersOnce(w *world.World) {
	answered(newDialogue(w), func() {})
	d := newDialogue(w)
	d.says("", true) // which nobody has asked for
	d.cannotRead(d.bundle())
	d.owes(false)
	d.rotates()
	d.owes(true)
}

// answersOnceRestarted is answersOnce with a restart of the device before each step.
func answersOnceRestarted(w *world.World) {
	d := newDialogue(w)
	answered(d, d.restarts)
}

func answered(d *dialogue, between func()) {
	d.cannotRead(d.bundle())
	between()
	d.owes(true)
	d.commit("", true)
	d.device.PostOfficeRefused()
	between()
	d.owes(true) // an answer that was refused is none (AMB-LOG-09)
	d.answers(place(1))
	d.cannotRead(d.bundle())
	between()
	d.owes(false)
	d.peerRotates()
	d.cannotRead(d.bundle())
	between()
	d.owes(true)
	d.answers(place(1), run(3, 4))
	d.cannotRead(d.bundle())
	between()
	d.owes(false)
	d.rotates()
	between()
	d.owes(true)
	bundle := d.bundleOfPeer()
	e := d.says("", true, place(1), run(3, 4), place(6))
	if want := bundle.OneTimePrekeyID + 1; e.Start.OneTimePrekeyID != want { // a rotation ends the doubt
		d.Violation(verdict.Mismatch, "the one-time prekey of a start after a rotation", fmt.Sprint(want),
			fmt.Sprint(e.Start.OneTimePrekeyID))
	}
	d.owes(false)
	d.counterparty.Talk.Session = nil
	d.hears(d.bundle(), nil)
	d.owes(true) // something was read since
	d.says("by the user", false, place(1), run(3, 4), place(6))
	d.owes(false)
}

// answers lets the device answer with a start, which names these places.
func (d *dialogue) answers(named ...channel.Range) {
	d.withoutOneTime(d.says("", true, named...))
	d.owes(false)
	d.counterparty.Talk.Session = nil
}

// bundleOfPeer returns a bundle of the counterparty.
func (d *dialogue) bundleOfPeer() *account.Bundle { return bundleOf(d.World, d.peer) }

// toldOnce lets the counterparty name places of the device, again and again (AMB-LOG-17).
func toldOnce(w *world.World) { told(newDialogue(w), func() {}) }

// toldOnceRestarted is toldOnce with a restart of the device before each step.
func toldOnceRestarted(w *world.World) {
	d := newDialogue(w)
	told(d, d.restarts)
}

func told(d *dialogue, between func()) {
	d.says("own", true)
	d.says("own", false)
	d.hears(nil, []channel.Range{place(2)}, ambassador.Undelivered)
	between()
	d.hears(nil, []channel.Range{place(2)})
	d.hears(nil, nil)
	between()
	d.hears(nil, []channel.Range{place(2)})
	between()
	d.hears(nil, []channel.Range{run(1, 2)}, ambassador.Undelivered)
	d.says("own", false)
	between()
	d.hears(nil, []channel.Range{run(1, 2), place(8)}, ambassador.Undelivered)
	d.rotates()
	between()
	d.hears(d.bundle(), []channel.Range{run(1, 2), place(8)})
	d.says("own", false)
	d.hears(nil, []channel.Range{run(1, 2), place(8), place(11)}, ambassador.Undelivered)
}

// unreadBounded lets so many entries be unreadable, with others between them, that not all runs have a place in an
// entry: the two oldest become one (AMB-LOG-16).
func unreadBounded(w *world.World) {
	d := newDialogue(w)
	d.hears(d.bundle(), nil)
	const most = 100
	var runs []channel.Range
	for i := range uint64(most + 2) {
		d.cannotRead(nil)
		d.hears(nil, nil)
		runs = append(runs, place(2+2*i))
	}
	runs = runs[2:]
	runs[0].First = 2
	d.says("names as many as it may", false, runs...)
}

// badContents lets the counterparty, and then a sibling, seal contents that break the rules (AMB-LOG-20).
func badContents(w *world.World) {
	d := newDialogue(w)
	d.hears(d.bundle(), nil)
	for i, content := range [][]byte{{}, {1}, {0, 0, 0, 0, 0, 0, 9}} {
		o, err := d.counterparty.Seal(content)
		d.NoFault(err)
		d.counterparty.Sent(o)
		d.arrives(o.Entry, ambassador.Void)
		d.hears(nil, nil)                               // the session has moved
		d.says("names it", false, place(2+3*uint64(i))) // and what was named before has been read
	}
	ownBadContent(w)
}

// ownBadContent lets a sibling send an entry whose content breaks the rules: it is followed as an answer.
func ownBadContent(w *world.World) {
	s := newSiblingStage(w)
	o := s.ownStart()
	s.device.Brings(withEntry(w, s.mail(s.sent(o.Sent)), o.Entry), ambassador.Record, ambassador.Sent)
	bad := s.sealed(o.Next, []byte{9})
	s.device.Brings(withEntry(w, s.mail(s.sent(bad.Sent)), bad.Entry), ambassador.Record, ambassador.Sent)
	s.standsAt(2)
}

// sealed returns the entry of the malicious device that follows a conversation, with any content.
func (s *siblingStage) sealed(talk conversation.Conversation, content []byte) *conversation.Outgoing {
	o, err := s.counterparty.SealIn(talk, content)
	s.NoFault(err)
	o.Sent = channel.Sent{
		Peer: talk.Peer, Seq: o.Next.Seq, Head: o.Next.Head, Digest: o.Next.Digest(),
		RatchetPrivate: [32]byte(o.Next.Session.DHs.Bytes()),
	}
	return o
}

// follows lets the counterparty read an entry of the account, and the leader follow it.
func (s *siblingStage) follows(o *conversation.Outgoing) {
	e, err := conversation.ParseEntry(o.Entry)
	s.NoFault(err)
	c := s.counterparty
	c.Talk, _, err = c.Talk.Receive(c.Keys, e, o.Entry)
	s.NoFault(err)
	s.device.Brings(withEntry(s.World, s.mail(s.sent(o.Sent)), o.Entry), ambassador.Record, ambassador.Sent)
}

// siblingNames lets a sibling name a place that the leader has read: the leader goes on naming it (AMB-LOG-16).
func siblingNames(w *world.World) {
	s := newSiblingStage(w)
	start := s.ownStart()
	s.follows(start)
	peer := s.counterparty.Account()
	entry := s.nextEntry("can be read by the leader")
	s.device.Brings(entryMail(entry), ambassador.Message)
	e, err := conversation.ParseEntry(entry)
	w.NoFault(err)
	talk, _, err := start.Next.Receive(s.ownKeys(), e, entry)
	w.NoFault(err)
	s.follows(s.sealed(talk, codec.MustEncode(
		&conversation.Content{Unread: []channel.Range{place(2)}, Text: []byte("names what the sibling could not read")},
	)))
	owesAnswer(w, s.device, peer, false)
	r := w.Must(shim.DeviceSend, shim.Params{
		Party: s.device.Party(), Account: peer[:], Plaintext: []byte("names it too"),
	})
	names(w, s.counterparty, r.Message, false, place(2))
}

// siblingAnswers lets a sibling answer without naming a place before the answer that the leader could not read: an
// answer is owed for it (AMB-LOG-18).
func siblingAnswers(w *world.World) {
	s := newSiblingStage(w)
	start := s.ownStart()
	s.follows(start)
	peer := s.counterparty.Account()
	noise := damaged(w, s.entry("cannot be read"))
	s.counterparty.Spoiled(noise)
	s.device.Brings(entryMail(noise), ambassador.Void)
	s.follows(s.sealed(start.Next.Pass(noise), codec.MustEncode(&conversation.Content{})))
	owesAnswer(w, s.device, peer, true)
}

// frozenOwesNothing freezes a conversation in which an answer is owed: it is put off (AMB-LOG-18).
func frozenOwesNothing(w *world.World) {
	s := newSiblingConversation(w)
	peer := s.counterparty.Account()
	noise := damaged(w, s.entry("cannot be read"))
	s.counterparty.Spoiled(noise)
	s.device.Brings(entryMail(noise), ambassador.Void)
	owesAnswer(w, s.device, peer, true)
	c := s.claim()
	c.Digest[0] ^= 1
	s.device.Brings(s.mail(s.ack(c)), ambassador.Record, ambassador.Frozen)
	owesAnswer(w, s.device, peer, false)
}

// entry returns the next entry of the counterparty, which it has not sent.
func (s *siblingStage) entry(text string) []byte {
	o, err := s.counterparty.Say(text, nil)
	s.NoFault(err)
	return o.Entry
}

// givenUp lets a rotation cut a conversation beyond what the device has read: what it has not is unread (AMB-ROT-04).
func givenUp(w *world.World) {
	s := newLeaderConversation(w)
	cut := s.cut()
	cut.Seq, cut.Head = cut.Seq+3, [32]byte{7}
	s.opens(s.leader.Next(), cut)
	c := s.counterparty
	c.Talk = c.Talk.Cut()
	c.Talk.Seq, c.Talk.Head = cut.Seq, cut.Head
	peer := c.Account()
	owesAnswer(w, s.device, peer, true)
	r := w.Must(shim.DeviceSend, shim.Params{
		Party: s.device.Party(), Account: peer[:], Plaintext: []byte("names what was given up"),
		PeerBundle: codec.MustEncode(c.Bundle()),
	})
	names(w, c, r.Message, true, run(2, 4))
}
