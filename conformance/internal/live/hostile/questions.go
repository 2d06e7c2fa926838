package hostile

import (
	"fmt"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/shim"
	"credence/spec/refusal"
)

// Questions and answers of healing first (SPEC.md 12.3), and what else a device owes.
var questionTests = slices.Concat(
	inRoles("ready-alone", "records of every kind begin a chain while a question of the leader is open: "+
		"only the answer answers it", reqs("AMB-ROT-06", "AMB-ROT-07"), readyAlone, "leader", "leader-restarted"),
	inRoles("ready-again", "an answer that was taken comes again, in new chains and after a rotation",
		reqs("AMB-ROT-07"), readyAgain, "leader", "leader-restarted"),
	inRoles("question-over-rotation", "a question stays open over rotations until it is answered",
		reqs("AMB-ROT-06"), questionOverRotation, "leader", "leader-restarted"),
	inRoles("two-questions", "the leader asks twice, and more often, before there is an answer",
		reqs("AMB-ROT-08", "AMB-ROT-26"), twoQuestions, "companion", "companion-restarted", "reactivated"),
	inRoles("two-questions-pending", "the leader asks a pending device twice before there is an answer",
		reqs("AMB-ROT-06", "AMB-ROT-08", "AMB-ROT-12", "AMB-SYN-03 pending"),
		func(n *insider) { n.suspends(); twoQuestions(n) },
		"companion", "companion-restarted", "reactivated"),
	inRoles("answer-over-rotation", "what a device owes the leader when the epoch ends, active and pending",
		reqs("AMB-ROT-06", "AMB-ROT-08", "AMB-ROT-12", "AMB-ROT-27 owed", "AMB-SYN-03"), answerOverRotation,
		"companion", "companion-restarted", "reactivated"),
	inRoles("answer-first", "an answer is owed beside other records: it goes first",
		reqs("AMB-ROT-08", "AMB-SYN-31"), answerFirst, "companion", "companion-restarted", "reactivated"),
	inRoles("two-owed", "several records are owed to one sibling: each goes out once, in order",
		reqs("AMB-SYN-03", "AMB-SYN-18", "AMB-SYN-22", "AMB-SYN-23", "AMB-SYN-31"), twoOwed),
	[]suite.Test{test("question-of-another", "two siblings are asked, and one answers the other's question",
		reqs("AMB-ROT-06", "AMB-ROT-07"), questionOfAnother)},
)

// questions lets the device, which leads, ask the malicious one to heal, and returns the nonce.
func (n *insider) questions() [32]byte {
	_, r := n.makes(shim.DevicePrepare, shim.Params{})
	if r == nil || r.Prepare == nil {
		n.Violation(verdict.Mismatch, "device.prepare sends the sibling no question", "a rotate-prepare", suite.JSON(r))
	}
	return r.Prepare.Nonce
}

// ready returns an answer of the malicious device.
func (n *insider) ready(nonce [32]byte) channel.Record {
	return n.record(channel.Record{
		Kind: channel.KindReady, Ready: &channel.Ready{Nonce: nonce, Prekey: n.liar.Prekey()},
	})
}

// wouldBe stops the test unless the malicious device has a status on the next list of the device. The rotation is
// refused then.
func (n *insider) wouldBe(status account.Status, why string) {
	c, _ := n.makes(shim.DeviceRotate, shim.Params{})
	if c.Rotation == nil || !c.Rotation.List.Has(n.liar.Device, status) {
		n.Violation(verdict.Mismatch, why, fmt.Sprint("status ", status), suite.JSON(c.Rotation))
	}
	n.Must(shim.DeviceRefused, shim.Params{Party: n.device.Party()})
	n.between()
}

// readyAlone lets the malicious device begin a chain with a record of each kind after it was asked (AMB-ROT-06).
func readyAlone(n *insider) {
	c := n.talks()
	keys := n.keys().Batches[0]
	var before [32]byte
	for i, other := range []channel.Record{
		n.ack(),
		n.ack(n.claim(c)),
		n.sent(channel.Sent{Peer: c.Account(), Seq: 1}),
		n.asks(c.Account(), 1),
		n.record(channel.Record{Kind: channel.KindPrekeys, Prekeys: &channel.Prekeys{
			SignedPrekeyID: keys.SignedID + 1, FirstOneTimeID: keys.FirstID + account.Batch,
		}}),
	} {
		nonce := n.questions()
		n.between()
		mail := n.mail(other)
		if events := n.device.Events(mail); len(events) == 0 || events[0].Kind != string(ambassador.Record) {
			n.Violation(verdict.RejectedValid, "a record that crosses the question", "taken in", suite.JSON(events))
		}
		n.between()
		n.wouldBe(account.Pending, fmt.Sprintf("a device that was asked has sent a record of kind %d", other.Kind))
		for j, wrong := range [][32]byte{flipped(nonce, 0), flipped(nonce, 16), flipped(nonce, 31), before} {
			if j < 3 || i > 0 { // the second question replaces the first
				n.device.Ignores(refusal.NotAllowed, n.mail(n.ready(wrong)))
				n.turns()
			}
		}
		before = nonce
	}
	nonce := n.questions()
	n.between()
	for _, by := range []uint32{1, 256} {
		stale := n.ready(nonce)
		stale.Epoch -= by
		n.device.Ignores(refusal.StaleEpoch, n.mail(stale))
		n.turns()
	}
	n.brings(n.ready(nonce), ambassador.Record)
	n.wouldBe(account.Active, "a device that was asked has answered")
}

// flipped returns a nonce with one bit changed.
func flipped(nonce [32]byte, at int) [32]byte {
	nonce[at] ^= 0x80
	return nonce
}

// readyAgain lets the malicious device repeat an answer that was taken, each time in a new chain.
func readyAgain(n *insider) {
	nonce := n.questions()
	n.between()
	n.brings(n.ready(nonce), ambassador.Record)
	n.between()
	for i := range 10 {
		n.turns()
		n.device.Ignores(refusal.NotAllowed, n.mail(n.ready(nonce)))
		n.between()
		if i == 4 {
			n.rotates(nil)
			n.between()
		}
	}
	n.brings(n.ack(), ambassador.Record)
	second := n.questions()
	n.device.Ignores(refusal.NotAllowed, n.mail(n.ready(nonce)))
	n.wouldBe(account.Pending, "a device has repeated an earlier answer")
	n.turns()
	n.brings(n.ready(second), ambassador.Record)
}

// turns lets each of the two devices begin a chain that the other one reads, so that the next record of the malicious
// one begins a chain too.
func (n *insider) turns() {
	n.brings(n.ack(), ambassador.Record)
	n.makes(shim.DeviceAck, shim.Params{})
}

// questionOverRotation leaves the malicious device pending for several epochs, in which it sends acks.
func questionOverRotation(n *insider) {
	nonce := n.questions()
	for range 3 {
		n.between()
		c, r := n.makes(shim.DeviceRotate, shim.Params{})
		if r == nil || r.List == nil || !r.List.Has(n.liar.Device, account.Pending) {
			n.Violation(verdict.Mismatch, "a device that was asked and has not answered", "pending", suite.JSON(r))
		}
		n.liar.List = r.List
		n.returns(c, nil, ambassador.Accepted, ambassador.Rotated)
		n.between()
		n.brings(n.ack(), ambassador.Record)
		n.wouldBe(account.Pending, "a pending device has sent an ack")
	}
	n.brings(n.ready(nonce), ambassador.Record)
	n.wouldBe(account.Active, "a pending device has answered the question of an epoch before")
}

// prepare returns a question of the malicious leader.
func (n *insider) prepare(nonce byte) channel.Record {
	return n.record(channel.Record{Kind: channel.KindPrepare, Prepare: &channel.Prepare{Nonce: [32]byte{nonce}}})
}

// answers stops the test unless the device answers a question, in a chain that the answer begins, and once.
func (n *insider) answers(nonce byte) {
	r := n.pays()
	if r == nil || r.Ready == nil || r.Ready.Nonce != [32]byte{nonce} || !n.first {
		n.Violation(verdict.Mismatch, "the answer to the leader",
			fmt.Sprintf("a rotate-ready with nonce %d, message 0 of its chain", nonce), suite.JSON(r))
	}
}

// crosses lets a question cross the answer to another one, with which the device has begun a chain: it owes an ack
// (AMB-ROT-08).
func (n *insider) crosses(nonce byte) {
	n.brings(n.prepare(99), ambassador.Record)
	mail := n.mail(n.prepare(nonce))
	n.answers(99)
	n.device.Brings(mail, ambassador.Record)
}

// twoQuestions asks the device again and again before it answers: the newest question counts. One that crosses the
// answer is met with an ack.
func twoQuestions(n *insider) {
	for nonce := range byte(10) {
		n.brings(n.prepare(nonce), ambassador.Record)
		n.between()
	}
	n.answers(9)
	n.owesNothing("a device that has answered")
	n.between()
	n.brings(n.prepare(10), ambassador.Record)
	n.between()
	n.answers(10)
	n.crosses(11)
	n.between()
	if r := n.pays(); r == nil || r.Ack == nil {
		n.Violation(verdict.Mismatch, "the answer to a question that crossed a chain", "an ack", suite.JSON(r))
	}
	n.owesNothing("a device that has sent the ack")
}

// answerOverRotation lets the epoch end between a question and the answer: the answer is owed still, and so is an ack.
func answerOverRotation(n *insider) {
	n.brings(n.prepare(1), ambassador.Record)
	n.between()
	n.suspends() // which the leader may do before it has the answer
	n.between()
	n.answers(1)
	n.brings(n.prepare(2), ambassador.Record)
	n.between()
	n.rotates(nil)
	n.between()
	n.answers(2)
	n.crosses(3)
	n.between()
	n.rotates(nil)
	n.between()
	if r := n.pays(); r == nil || r.Ack == nil || r.Epoch != n.liar.List.Epoch {
		n.Violation(verdict.Mismatch, "the ack for a question that crossed a chain, after a rotation", "an ack",
			suite.JSON(r))
	}
	n.owesNothing("a device that has sent the ack")
	n.brings(n.prepare(4), ambassador.Record)
	n.between()
	n.answers(4)
}

// answerFirst lets a device owe a record to the leader when a question comes.
func answerFirst(n *insider) {
	c := n.talks()
	n.speaks(c, false)
	_, sent := n.speaks(c, false)
	n.brings(n.asks(c.Account(), sent.Sent.Seq), ambassador.Record)
	n.between()
	n.brings(n.prepare(1), ambassador.Record)
	n.between()
	n.answers(1)
	n.between()
	if r := n.pays(); r == nil || r.Sent == nil || !sameSent(r.Sent, sent.Sent) {
		n.Violation(verdict.Mismatch, "what was owed before the question", suite.JSON(sent), suite.JSON(r))
	}
	n.owesNothing("a device that has sent what it owed")
}

// twoOwed lets a sibling ask for entries of three conversations, and two more be frozen: three records are owed, and
// one ack, which claims both.
func twoOwed(n *insider) {
	var owed []*channel.Sent
	for range 3 {
		c := n.talks()
		n.speaks(c, false)
		_, sent := n.speaks(c, false)
		owed = append(owed, sent.Sent)
		n.brings(n.asks(c.Account(), sent.Sent.Seq), ambassador.Record)
		n.between()
	}
	var disputes []channel.Claim
	for range 2 {
		c := n.talks()
		claim := n.claim(c)
		disputes = append(disputes, claim)
		claim.Digest[0] ^= 1
		n.brings(n.ack(claim), ambassador.Record, ambassador.Frozen)
		n.between()
	}
	for _, want := range owed {
		if r := n.pays(); r == nil || r.Sent == nil || !sameSent(r.Sent, want) {
			n.Violation(verdict.Mismatch, "records that are owed to one sibling", suite.JSON(want), suite.JSON(r))
		}
		n.between()
	}
	r := n.pays()
	if r == nil || r.Ack == nil {
		n.Violation(verdict.Mismatch, "what is owed for conversations that are frozen", "an ack", suite.JSON(r))
	}
	for _, dispute := range disputes {
		if !slices.Contains(r.Ack.Claims, dispute) {
			n.Violation(verdict.Mismatch, "the claims of the ack that is owed", suite.JSON(dispute), suite.JSON(r.Ack))
		}
	}
	n.owesNothing("a device that has sent all that it owed")
}

// questionOfAnother lets the device ask two siblings: each question has a nonce of its own.
func questionOfAnother(w *world.World) {
	first := newSiblingStage(w)
	second := linkSibling(w, first.leader)
	first.readRotation()
	party := first.device.Party()
	for _, s := range []*siblingStage{first, second} { // one is asked alone
		id := s.sibling.Device
		c := commitOf(w, shim.DevicePrepare, shim.Params{Party: party, Devices: []shim.Bytes{id[:]}})
		if len(c.Parcels) != 1 || c.Parcels[0].Device != id {
			w.Violation(verdict.Mismatch, "one of two siblings is asked", "one parcel, to it", suite.JSON(c.Parcels))
		}
	}
	c := commitOf(w, shim.DevicePrepare, shim.Params{Party: party})
	var nonces [][32]byte
	for _, s := range []*siblingStage{first, second} {
		for _, p := range c.Parcels {
			if p.Device != s.sibling.Device {
				continue
			}
			r, _, err := s.sibling.Open(s.sibling.List, s.device.ID(), p.Body)
			if err != nil || r.Prepare == nil {
				s.noQuestion(fmt.Sprint(r, err))
			}
			nonces = append(nonces, r.Prepare.Nonce)
		}
	}
	if len(nonces) != 2 || nonces[0] == nonces[1] {
		w.Violation(verdict.Mismatch, "the questions to two siblings", "two nonces", fmt.Sprintf("%x", nonces))
	}
	first.device.Ignores(refusal.NotAllowed, first.mail(first.ready(nonces[1])))
	first.device.Brings(second.mail(second.ready(nonces[1])), ambassador.Record)
	list := commitOf(w, shim.DeviceRotate, shim.Params{Party: party}).Rotation.List
	if !list.Has(first.sibling.Device, account.Pending) || !list.Has(second.sibling.Device, account.Active) {
		w.Violation(verdict.Mismatch, "two siblings were asked, and the second has answered",
			"the first pending, the second active", suite.JSON(list))
	}
}
