// Package channels has the live tests of the channel between two devices and of its records, with no device logic
// behind them.
package channels

import (
	"bytes"
	"encoding/hex"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/shim"
	"credence/spec/refusal"
)

// Tests returns the tests in the order in which they run.
func Tests() []suite.Test {
	test := func(name, comment string, requirements []string, run func(s *stage)) suite.Test {
		return world.Test("channel", name, comment, requirements, func(w *world.World) { run(open(w)) })
	}
	reqs := world.Requirements
	return []suite.Test{
		test("records", "records of every kind, in both directions",
			reqs("AMB-ENC-01 record", "AMB-CHN-06", "AMB-SES-01"), recordsOfEveryKind),
		test("order", "records that come late, twice, or not at all",
			reqs("AMB-RAT-10", "AMB-RAT-11", "AMB-CNV-01 record"), outOfOrder),
		test("list", "a message of a device that is not on the list, and of the device itself",
			reqs("AMB-CHN-01 stranger", "AMB-CHN-13", "AMB-CNV-01 record"), notOnList),
		test("introduction", "an initial message in the name of another device",
			reqs("AMB-CHN-02", "AMB-CNV-01 record"), introductionOfAnother),
		test("envelope", "records that name another account, sender, receiver or epoch",
			reqs("AMB-CHN-03 channel", "AMB-CHN-04 channel", "AMB-CHN-05 channel", "AMB-CHN-08 earlier later zero",
				"AMB-CNV-01 record", "AMB-CNV-03"), wrongEnvelopes),
		test("introduction-epoch", "initial messages with records that are no introduction",
			reqs("AMB-CHN-08 earlier later zero", "AMB-CNV-01 record"), wrongIntroductions),
		test("leader", "records that only the leader sends, from another device",
			reqs("AMB-CHN-06 list rotate-prepare rotate-commit", "AMB-CNV-01 record"), fromCompanion),
		test("pending", "records of a pending device",
			reqs("AMB-CHN-07 sent ack-with-claims prekeys list rotate-prepare rotate-commit resend-request",
				"AMB-SYN-20", "AMB-CNV-01 record"), fromPending),
		test("no-record", "a channel message that holds no canonical record",
			reqs("AMB-ENC-02 record", "AMB-CNV-01 record"), noRecord),
		test("restart", "the channels go on after export and import",
			reqs("AMB-STA-01 responder", "AMB-SYN-03"), restarted),
	}
}

func recordsOfEveryKind(s *stage) {
	for _, r := range s.everyKind() {
		s.targetReads(s.toTarget(r))
		s.peerReads(s.toPeer(r))
	}
}

func outOfOrder(s *stage) {
	r := s.ackToTarget()
	var openings []shim.Params
	for range 5 {
		openings = append(openings, s.opening(s.list, s.seal(r)))
	}
	for _, i := range []int{3, 0, 4, 1} { // 2 is late
		s.opens(openings[i], r)
		s.refuses(refusal.Duplicate, openings[i])
	}
	s.peerReads(s.toPeer(s.ack()))
	s.targetReads(r)
	s.opens(openings[2], r) // in a chain that has ended
	s.refuses("", openings[3])
}

func notOnList(s *stage) {
	r := s.ackToTarget()
	good := s.opening(s.list, s.seal(r))
	without := s.ledByTarget()
	without.Devices = []account.Device{s.target}
	unlisted := s.opening(without, good.Message)
	fromItself := good
	fromItself.Device = s.target.ID[:]
	s.refuses(refusal.NotAllowed, unlisted)
	s.refuses(refusal.NotAllowed, fromItself)
	s.opens(good, r)
}

func introductionOfAnother(s *stage) {
	other := s.newPeer()
	s.NoFault(other.Connect(&s.target, s.Random))
	r := s.ackToTarget()
	message, err := other.Seal(&r, s.Random)
	s.NoFault(err)
	s.refuses(refusal.NotAllowed, s.opening(s.list, message)) // in the name of the peer
	s.targetReads(r)
}

func wrongEnvelopes(s *stage) {
	s.targetReads(s.ackToTarget())
	for _, wrong := range []struct {
		class  refusal.Class
		change func(r *channel.Record)
	}{
		{refusal.NotAllowed, func(r *channel.Record) { r.Account[31] ^= 1 }},
		{refusal.NotAllowed, func(r *channel.Record) { r.Sender[31] ^= 1 }},
		{refusal.NotAllowed, func(r *channel.Record) { r.Sender = r.Receiver }},
		{refusal.NotAllowed, func(r *channel.Record) { r.Receiver[31] ^= 1 }},
		{refusal.NotAllowed, func(r *channel.Record) { r.Receiver = r.Sender }},
		{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch-- }},
		{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch++ }},
		{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch = 0 }},
	} {
		r := s.ackToTarget()
		wrong.change(&r)
		s.refuses(wrong.class, s.opening(s.list, s.sealAnyway(r)))
	}
	s.targetReads(s.ackToTarget())
}

// wrongIntroductions opens the channel with records that do not have the receiver's epoch, and then with an ack of
// epoch 0.
func wrongIntroductions(s *stage) {
	for _, r := range append(s.everyKind(), s.ack()) {
		opening := s.toTarget(r)
		opening.Epoch = s.list.Epoch - 1
		s.refuses(refusal.StaleEpoch, s.opening(s.list, s.seal(opening)))
		opening.Epoch = s.list.Epoch + 1
		s.refuses(refusal.StaleEpoch, s.opening(s.list, s.seal(opening)))
		if r.Kind != channel.KindAck {
			opening.Epoch = 0
			s.refuses(refusal.StaleEpoch, s.opening(s.list, s.seal(opening)))
		}
	}
	introduction := s.ackToTarget()
	introduction.Epoch = 0
	s.targetReads(introduction)
	s.targetReads(s.ackToTarget())
}

func fromCompanion(s *stage) {
	list := s.ledByTarget()
	for _, r := range s.everyKind() {
		if ofLeader(r.Kind) {
			s.refuses(refusal.NotAllowed, s.opening(list, s.seal(s.toTarget(r))))
		}
	}
	s.targetReads(s.ackToTarget())
}

func fromPending(s *stage) {
	list := s.ledByTarget()
	list.Devices = slices.Clone(list.Devices)
	list.Find(s.peer.Device).Status = account.Pending
	for _, r := range append(s.everyKind(), s.ack()) {
		r = s.toTarget(r)
		opening := s.opening(list, s.seal(r))
		if ofPending(r) {
			s.opens(opening, r)
		} else {
			s.refuses(refusal.NotAllowed, opening)
		}
	}
}

func noRecord(s *stage) {
	good := s.ackToTarget()
	record := codec.MustEncode(&good)
	session, err := malicious.Sessions(s.peer)
	s.NoFault(err)
	encrypted := func(plaintext []byte) shim.Params {
		e, err := session.Encrypt(hex.EncodeToString(s.target.ID[:]), plaintext, s.Random)
		s.NoFault(err)
		return s.opening(s.list, e.Body)
	}
	for _, bad := range [][]byte{
		{},
		record[:len(record)-1],
		slices.Concat(record, []byte{0}),
		replaced(record, 2),       // another version
		replaced(record, 1, 10),   // another structure
		replaced(record, 1, 9, 9), // an unknown kind
	} {
		s.refuses(refusal.Malformed, encrypted(bad))
	}
	s.opens(encrypted(record), good)
}

// replaced returns a copy of b that begins with these bytes instead.
func replaced(b []byte, first ...byte) []byte {
	b = bytes.Clone(b)
	copy(b, first)
	return b
}

func restarted(s *stage) {
	if !s.Hello.Offers(shim.ChannelExport, shim.ChannelImport) {
		s.Skipf("the target does not offer channel.export and channel.import")
	}
	s.restart()
	s.targetReads(s.ackToTarget())
	s.restart()
	s.peerReads(s.toPeer(s.ack()))
	s.restart()
	s.targetReads(s.ackToTarget())
	s.peerReads(s.toPeer(s.ack()))
}

// restart exports the target's channels and imports them under a new name.
func (s *stage) restart() {
	state := s.Must(shim.ChannelExport, shim.Params{Party: s.party}).State
	s.party = s.NewName()
	s.Must(shim.ChannelImport, shim.Params{Party: s.party, State: state})
}
