package main

import (
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

func (l *scenarioList) rotations() {
	l.run("rotate-add", "a device is linked in the middle of conversations and takes part from its first start on", nil,
		reqs("AMB-ROT-11", "AMB-ROT-05", "AMB-LOG-03"), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.send("phone", b, "before")
			s.deliver("phone", "laptop")
			s.link("phone", "tablet", "laptop")
			s.says(bob, "phone", "to three devices")
			s.deliver("phone", "laptop", "tablet")
			s.send("tablet", b, "from the new one")
			s.deliver("tablet", "phone", "laptop")
		})
	l.run("rotate-remove", "a device is removed", nil, reqs("AMB-ROT-05", "AMB-ROT-10", "AMB-PST-09"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		s.link("phone", "tablet", "laptop")
		s.send("tablet", b, "before")
		s.deliver("phone", "laptop", "tablet")
		late := s.do(shim.DeviceAck, shim.Params{Party: "tablet"}).Message
		s.rotate("phone", shim.Params{Devices: []shim.Bytes{s.device("tablet")}})
		s.expectRefusal(refusal.NotAllowed, s.office.Append(late))
		s.deliver("phone", "laptop")
		s.send("laptop", b, "without it")
		s.deliver("phone", "laptop")
		s.expects(s.receive("laptop", parcelMail(s.device("tablet"), late, s.device("laptop"))),
			kind("refused", refusal.NotAllowed))
	})
	l.run("rotate-on-demand",
		"a rotation that changes no device; an offline device reads up to the cut and then the rotation", nil, reqs(
			"AMB-ROT-05", "AMB-LOG-03",
		), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.send("phone", b, "start")
			s.deliver("phone")
			s.says(bob, "phone", "before the cut")
			s.deliver("phone")
			s.rotate("phone", shim.Params{})
			s.deliver("phone")
			s.says(bob, "phone", "after the cut")
			s.deliver("phone", "laptop")
			s.send("laptop", b, "answer")
			s.deliver("phone", "laptop")
		})
	l.run("rotate-heal", "healing first: the leader asks, the device answers under a new ratchet key, and is in", nil,
		reqs("AMB-ROT-07", "AMB-ROT-05"), func(s *scene) {
			pair(s)
			s.askAndAnswer("phone", "laptop")
			s.rotate("phone", shim.Params{})
			s.deliver("phone", "laptop")
		})
}

// crossings are rotations that cross an answer, a question or an entry.
func (l *scenarioList) crossings() {
	l.run("rotate-pending", "a device does not answer, is pending, answers later, and comes in again", nil,
		reqs("AMB-ROT-06", "AMB-CHN-07", "AMB-ROT-11", "AMB-ROT-12"), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.send("phone", b, "before")
			s.deliver("phone", "laptop")
			s.append(s.do(shim.DevicePrepare, shim.Params{Party: "phone"}).Message)
			s.rotate("phone", shim.Params{})
			s.deliver("phone", "laptop")
			s.rotate("phone", shim.Params{}) // it stays pending: it has not answered
			s.deliver("phone", "laptop")
			s.refuses(refusal.NotReady, shim.DeviceSend,
				shim.Params{Party: "laptop", Account: b[:], Plaintext: shim.Bytes("pending")})
			s.says(bob, "phone", "not for the pending one")
			s.deliver("phone")
			s.askAndAnswer("phone", "laptop")
			s.rotate("phone", shim.Params{})
			s.deliver("phone", "laptop")
			s.says(bob, "phone", "for both again")
			s.deliver("phone", "laptop")
			s.send("laptop", b, "back")
			s.deliver("phone", "laptop")
		})
	l.run("rotate-crossing",
		"question and ack cross: the device does not answer in the old chain, and the leader asks again", []string{
			"Racing",
		}, reqs("AMB-ROT-08", "AMB-ROT-07"), func(s *scene) {
			pair(s)
			// The ack opens a chain of the laptop that the leader has not seen when it asks.
			s.append(s.do(shim.DeviceAck, shim.Params{Party: "laptop"}).Message)
			s.append(s.do(shim.DevicePrepare, shim.Params{Party: "phone"}).Message)
			s.deliver("laptop", "phone")
			s.append(s.do(shim.DeviceUpkeep, shim.Params{Party: "laptop"}).Message)
			s.deliver("laptop", "phone")
			s.askAndAnswer("phone", "laptop")
			s.rotate("phone", shim.Params{})
			s.deliver("phone", "laptop")
		})
	l.run("rotate-moved-log", "entries come before the rotation: it is taken, and cuts the log where it is then",
		[]string{"Racing"}, reqs("AMB-PST-15", "AMB-PST-18", "AMB-ROT-05"), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.send("phone", b, "start")
			s.deliver("phone", "laptop")
			rotation := s.do(shim.DeviceRotate, shim.Params{Party: "phone"}).Message
			s.fail(bob.Sync())
			s.says(bob, "phone", "in between")
			s.says(s.other(), "phone", "opens a log")
			s.append(rotation)
			s.deliver("phone", "laptop")
			s.says(bob, "phone", "in the new epoch")
			s.deliver("phone", "laptop")
		})
	l.run("rotate-anew", "a rotation is lost, and made anew: it is of another epoch", nil,
		reqs("AMB-ROT-14", "AMB-ROT-15"),
		func(s *scene) {
			bob := pair(s)
			s.send("phone", bob.Device.Account(), "start")
			s.deliver("phone", "laptop")
			s.do(shim.DeviceRotate, shim.Params{Party: "phone"})
			s.caughtUp("phone")
			s.rotate("phone", shim.Params{})
			s.deliver("phone", "laptop")
		})
}

// afterRotations is what follows from a rotation: of the other side, and of a device whose prekey was used.
func (l *scenarioList) afterRotations() {
	l.run("peer-rotates", "the other side rotates: the next entry is a start to its new epoch", nil,
		reqs("AMB-LOG-03", "AMB-ACC-06"), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.send("phone", b, "start")
			s.deliver("phone", "laptop")
			s.fail(bob.Sync())
			s.fail(bob.Rotate(ambassador.Change{}))
			stale := s.tentative("laptop", b, "to the old epoch")
			s.expectRefusal(refusal.StaleEpoch, s.office.Append(stale))
			s.do(shim.DeviceRefused, shim.Params{Party: "laptop"})
			bundle, err := s.office.Bundle(b)
			s.fail(err)
			s.append(s.do(
				shim.DeviceSend,
				shim.Params{
					Party: "laptop", Account: b[:], Plaintext: shim.Bytes("to the new epoch"), PeerBundle: bundle,
				},
			).Message)
			s.deliver("laptop", "phone")
			s.fail(bob.Sync())
			s.says(bob, "phone", "answer")
			s.deliver("laptop", "phone")
		})
	l.run("device-prekey", "a device whose prekey was used draws a new one, and the next list carries it", nil,
		reqs("AMB-CHN-09"), func(s *scene) {
			pair(s)
			s.link("phone", "tablet", "laptop")
			s.append(s.do(shim.DeviceAck, shim.Params{Party: "laptop"}).Message)
			s.deliver("laptop", "phone", "tablet")
			s.link("phone", "watch", "laptop", "tablet")
			s.append(s.do(shim.DeviceAck, shim.Params{Party: "watch"}).Message)
			s.deliver("watch", "phone", "laptop", "tablet")
		})
}

// askAndAnswer is one round of healing.
func (s *scene) askAndAnswer(leader, name string) {
	s.append(s.do(shim.DevicePrepare, shim.Params{Party: leader, Devices: []shim.Bytes{s.device(name)}}).Message)
	s.deliver(leader, name)
	s.append(s.do(shim.DeviceUpkeep, shim.Params{Party: name}).Message)
	s.deliver(leader, name)
}

// parcelMail makes a mail of the parcel that a commit has for a device.
func parcelMail(from, commit, to shim.Bytes) []byte {
	m := &postoffice.Commit{}
	if err := codec.Decode(commit, m); err != nil {
		return nil
	}
	mail := &postoffice.Mail{Position: 1, Device: account.DeviceID(from), Number: m.Number}
	for _, p := range m.Parcels {
		if p.Device == account.DeviceID(to) {
			mail.Parcels = []postoffice.Parcel{{Device: account.DeviceID(from), Body: p.Body}}
		}
	}
	return codec.MustEncode(mail)
}

// entryMail makes a mail of an entry, from another account.
func entryMail(entry []byte) []byte {
	return codec.MustEncode(&postoffice.Mail{Position: 1, Entry: entry})
}
