package main

import (
	"bytes"

	"credence/reference/account"
	"credence/shim"
	"credence/spec/refusal"
)

// delivery are conversations in which something cannot be read, and is reported (SPEC.md 10.6).
func (l *scenarioList) delivery() {
	l.run("start-void",
		"the other side's start cannot be read: an answer is due, which is a start without a one-time prekey, and "+
			"after "+
			"it none", []string{"Dishonest"},
		reqs("AMB-LOG-08", "AMB-LOG-15", "AMB-LOG-16", "AMB-LOG-18", "AMB-LOG-21"), func(s *scene) {
			bob := pair(s)
			s.owes("phone")
			s.startUnder(bob, "phone", flipped(s.bundleOf(s.id("phone"))), "cannot be read")
			s.deliver("phone", "laptop")
			s.owes("phone", bob.Device.Account())
			s.owes("laptop", bob.Device.Account())
			s.answers("laptop", bob.Device.Account())
			s.deliver("laptop", "phone")
			s.owes("phone")
			s.owes("laptop")
			s.fail(bob.Sync()) // and sends it anew
			s.says(bob, "phone", "can be read")
			s.deliver("phone", "laptop")
			s.owes("phone")
			s.send("phone", bob.Device.Account(), "names nothing any more")
			s.deliver("phone", "laptop")
		})
	l.run("own-start-void",
		"the own start cannot be read: the other side's takes the place of its session, and what was sent is reported",
		[]string{"Dishonest"}, reqs("AMB-LOG-14", "AMB-LOG-17", "AMB-LOG-19"), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.append(s.do(shim.DeviceSend, shim.Params{
				Party: "laptop", Account: b[:], Plaintext: shim.Bytes("cannot be read"),
				PeerBundle: flipped(s.bundleOf(b)),
			}).Message)
			s.deliver("laptop", "phone")
			s.send("phone", b, "nor can this")
			s.deliver("laptop", "phone")
			s.fail(bob.Sync())
			s.expects(s.receive("phone", s.last("phone")), "answer", "undelivered")
			s.deliver("laptop")
			s.send("laptop", b, "sent anew")
			s.deliver("laptop", "phone")
			s.says(bob, "phone", "understood")
			s.deliver("laptop", "phone")
		})
	l.run("both-starts-void", "neither side can read the other's start: each answers once", []string{"Dishonest"},
		reqs("AMB-LOG-15", "AMB-LOG-18"), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.startUnder(bob, "phone", flipped(s.bundleOf(s.id("phone"))), "cannot be read")
			s.deliver("phone", "laptop")
			s.append(s.do(shim.DeviceSend, shim.Params{
				Party: "phone", Account: b[:], PeerBundle: flipped(s.bundleOf(b)),
			}).Message) // without the one-time prekey: it can be read
			s.deliver("phone", "laptop")
			s.fail(bob.Sync())
			s.deliver("phone", "laptop")
		})
}

// reports are what is reported later: over a rotation, and in a session that goes on.
func (l *scenarioList) reports() {
	l.run("unread-over-rotation", "what was not read is reported in the next epoch too, by a new device as well",
		[]string{"Dishonest"}, reqs("AMB-LOG-16", "AMB-ROT-11"), func(s *scene) {
			bob := pair(s)
			s.startUnder(bob, "phone", flipped(s.bundleOf(s.id("phone"))), "cannot be read")
			s.deliver("phone", "laptop")
			s.link("phone", "tablet", "laptop")
			s.owes("tablet", bob.Device.Account())
			s.answers("tablet", bob.Device.Account())
			s.deliver("tablet", "phone", "laptop")
			s.owes("laptop")
			s.fail(bob.Sync())
			s.deliver("tablet", "phone", "laptop")
		})
	l.run("answer-in-session", "an answer in a session that goes on, sent and received", nil, reqs("AMB-LOG-19"),
		func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.send("phone", b, "start")
			s.deliver("phone", "laptop")
			s.append(s.do(shim.DeviceSend, shim.Params{Party: "laptop", Account: b[:]}).Message)
			s.deliver("phone", "laptop")
			s.fail(bob.Sync())
			commit, err := bob.Device.Send(s.id("phone"), nil, nil, seeded(s.test.ID+" answer"))
			s.fail(err)
			s.append(commit)
			s.deliver("phone", "laptop")
		})
}

// commits are commits that are lost, and what devices refuse before they make one.
func (l *scenarioList) commits() {
	l.run("dropped", "a commit does not come back until the mailbox is read to its end: it is dropped and reported",
		nil,
		reqs("AMB-SYN-14", "AMB-SYN-19"), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.send("phone", b, "start")
			s.deliver("phone", "laptop")
			s.tentative("laptop", b, "lost")
			s.caughtUp("laptop")
			s.do(shim.DeviceReplenish, shim.Params{Party: "laptop"})
			s.caughtUp("laptop")
			s.caughtUp("laptop")
			s.send("laptop", b, "goes on")
			s.deliver("phone", "laptop")
		})
	l.run("linked-twice", "a device that is on a list answers no offer, also when it is pending", []string{"Dishonest"},
		reqs("AMB-ROT-16"), func(s *scene) {
			pair(s)
			s.register("other")
			offer := s.do(shim.DeviceOffer, shim.Params{Party: "other"}).Message
			s.refuses(refusal.NotAllowed, shim.DeviceRequest, shim.Params{Party: "laptop", Message: offer})
			s.append(s.do(shim.DevicePrepare, shim.Params{Party: "phone"}).Message)
			s.rotate("phone", shim.Params{})
			s.deliver("phone", "laptop")
			s.refuses(refusal.NotAllowed, shim.DeviceRequest, shim.Params{Party: "laptop", Message: offer})
		})
	l.run("link-request-prekey", "the prekey of a link request is not signed by the device",
		[]string{"ForgedSignature"},
		reqs("AMB-CHN-10"), func(s *scene) {
			pair(s)
			s.do(shim.DeviceNew, shim.Params{Party: "tablet"})
			offer := s.do(shim.DeviceOffer, shim.Params{Party: "phone"}).Message
			request := s.do(shim.DeviceRequest, shim.Params{Party: "tablet", Message: offer}).Message
			for _, at := range []int{prekeyAt, prekeyAt + 40} { // the key, and its signature
				forged := bytes.Clone(request)
				forged[at] ^= 1
				s.refuses(refusal.BadSignature, shim.DeviceRotate, shim.Params{Party: "phone", Message: forged})
			}
			s.rotate("phone", shim.Params{Message: request})
			s.deliver("phone", "tablet", "laptop")
		})
}

// prekeyAt is where the prekey stands in a link request: after version, type, account, epoch, device, status and
// prekey id.
const prekeyAt = 2 + 32 + 4 + 32 + 1 + 4

// bundleOf fetches the bundle of an account.
func (s *scene) bundleOf(id account.ID) []byte {
	b, err := s.office.Bundle(id)
	s.fail(err)
	return b
}

// flipped returns a bundle with a bit of its one-time prekey changed.
func flipped(bundle []byte) []byte {
	b := bytes.Clone(bundle)
	b[len(b)-1] ^= 1
	return b
}

// owes shows to whom a device owes an answer.
func (s *scene) owes(name string, peers ...account.ID) {
	r := s.do(shim.DeviceOwes, shim.Params{Party: name})
	var want []shim.Bytes
	for _, peer := range peers {
		want = append(want, peer[:])
	}
	if len(r.Accounts) != len(want) || len(want) > 0 && !bytes.Equal(r.Accounts[0], want[0]) {
		s.expectRefusal("other accounts", nil)
	}
}

// answers lets a device send an answer, which is a start.
func (s *scene) answers(name string, peer account.ID) {
	s.append(s.do(shim.DeviceSend, shim.Params{Party: name, Account: peer[:], PeerBundle: s.bundleOf(peer)}).Message)
}
