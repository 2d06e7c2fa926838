package main

import (
	"fmt"

	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
	"credence/vectors"
)

// scenarioList collects the scenario tests of a profile.
type scenarioList struct {
	group vectors.Group
	file  *vectors.File
	err   error
}

// run makes one scenario. Its story is told in terms of the target's devices; the rest of the world is made by the scene.
func (l *scenarioList) run(id, comment string, flags, requirements []string, story func(s *scene)) {
	s := newScene(fmt.Sprintf("%s/ambassador-v1/scenario/%s", l.group.Profile, id), comment, flags, requirements...)
	story(s)
	if s.err != nil && l.err == nil {
		l.err = s.err
	}
	for _, flag := range s.test.Flags {
		l.file.Notes[flag] = flagNotes[flag]
	}
	l.group.Tests = append(l.group.Tests, s.test)
}

func (l *scenarioList) done() error {
	l.file.TestGroups = append(l.file.TestGroups, l.group)
	return l.err
}

func newScenarios(f *vectors.File, profile string) *scenarioList {
	return &scenarioList{group: vectors.Group{Type: vectors.Scenario, Profile: profile, ParameterSet: account.Set.Name}, file: f}
}

func reqs(ids ...string) []string { return ids }

// scenarios adds every scenario of the profile ambassador.
func scenarios(f *vectors.File) error {
	l := newScenarios(f, "ambassador")
	l.run("register", "an account with one device", nil, reqs("AMB-ENC-01", "AMB-ACC-01", "AMB-ACC-02", "AMB-ACC-04"), func(s *scene) { s.register("phone") })
	l.run("link", "two devices are linked, one after the other", nil, reqs("AMB-ROT-11", "AMB-ENC-01"), func(s *scene) {
		s.register("phone")
		s.link("phone", "laptop")
		s.link("phone", "tablet", "laptop")
	})
	l.conversations()
	l.records()
	l.rotations()
	l.refusals()
	return l.done()
}

// pair makes the target's phone and laptop, and another account.
func pair(s *scene) *client.Client {
	bob := s.other()
	s.register("phone")
	s.link("phone", "laptop")
	return bob
}

// says lets the other account send to the target's.
func (s *scene) says(c *client.Client, to, text string) { s.fail(c.Send(s.id(to), []byte(text))) }

func (l *scenarioList) conversations() {
	l.run("start-sent", "a companion starts a conversation, the leader follows, the other side answers, both read", nil,
		reqs("AMB-LOG-03", "AMB-SYN-01", "AMB-LOG-05", "AMB-LOG-06", "AMB-LOG-12"), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.send("laptop", b, "first contact")
			s.deliver("laptop", "phone")
			s.fail(bob.Sync())
			s.says(bob, "phone", "answer")
			s.deliver("phone", "laptop")
		})
	l.run("start-received", "the other side starts, both devices read, both answer", nil,
		reqs("AMB-LOG-03", "AMB-LOG-06", "AMB-LOG-11", "AMB-ACC-08"), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.says(bob, "phone", "first contact")
			s.deliver("phone", "laptop")
			s.send("phone", b, "answer")
			s.deliver("laptop", "phone")
			s.send("laptop", b, "another one")
			s.deliver("laptop", "phone")
		})
	l.run("per-message", "every entry has a ratchet key of its own, whoever sends", nil, reqs("AMB-LOG-04", "AMB-LOG-06", "AMB-RAT-08"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		s.send("phone", b, "start")
		s.deliver("phone", "laptop")
		for i, name := range []string{"phone", "phone", "laptop", "bob", "bob", "laptop", "phone", "bob", "laptop"} {
			text := fmt.Sprintf("entry %d", i+2)
			if name == "bob" {
				s.says(bob, "phone", text)
			} else {
				s.send(name, b, text)
			}
			s.deliver("phone", "laptop")
		}
	})
	l.run("empty-plaintext", "an empty plaintext, sent and received", nil, reqs("AMB-LOG-11"), func(s *scene) {
		bob := pair(s)
		s.send("phone", bob.Device.Account(), "")
		s.deliver("phone", "laptop")
		s.says(bob, "phone", "")
		s.deliver("phone", "laptop")
	})
	l.run("no-one-time-prekey", "a start under a bundle without a one-time prekey", []string{"NoOneTimePrekey"}, reqs("AMB-ENC-01", "AMB-PST-03"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		for range account.Batch {
			_, err := s.office.Bundle(b)
			s.fail(err)
			_, err = s.office.Bundle(s.id("phone"))
			s.fail(err)
		}
		s.send("phone", b, "without")
		s.deliver("phone", "laptop")
		carol := s.other()
		s.says(carol, "phone", "without")
		s.deliver("phone", "laptop")
	})
	l.run("racing-siblings", "two devices race for a place: one is refused, reads, and sends anew", []string{"Racing"}, reqs("AMB-LOG-09", "AMB-SYN-09", "AMB-PST-05"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		s.send("phone", b, "start")
		s.deliver("phone", "laptop")
		winner, loser := s.tentative("laptop", b, "wins"), s.tentative("phone", b, "loses")
		s.append(winner)
		s.expectRefusal(refusal.Conflict, s.office.Append(loser))
		s.do(shim.DeviceRefused, shim.Params{Party: "phone"})
		s.deliver("phone", "laptop")
		s.send("phone", b, "comes second")
		s.deliver("phone", "laptop")
	})
	l.run("crossing-starts", "both sides start at once: the other side's came first, the own one is dropped", []string{"Racing"}, reqs("AMB-LOG-03", "AMB-LOG-09"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		own := s.tentative("laptop", b, "my start")
		s.says(bob, "phone", "came first")
		s.expectRefusal(refusal.Conflict, s.office.Append(own))
		s.do(shim.DeviceRefused, shim.Params{Party: "laptop"})
		s.deliver("phone", "laptop")
		s.send("laptop", b, "no start is needed")
		s.deliver("phone", "laptop")
	})
	l.run("two-peers", "conversations with two accounts do not influence each other", nil, reqs("AMB-LOG-06"), func(s *scene) {
		bob := pair(s)
		carol := s.other()
		s.send("phone", bob.Device.Account(), "to Bob")
		s.says(carol, "phone", "from Carol")
		s.deliver("phone", "laptop")
		s.send("laptop", carol.Device.Account(), "to Carol")
		s.says(bob, "phone", "from Bob")
		s.deliver("phone", "laptop")
	})
}

func (s *scene) expectRefusal(class shim.Class, err error) {
	if refusal.Of(err) != class {
		s.fail(fmt.Errorf("refusal %q expected, got: %v", class, err))
	}
}

func (l *scenarioList) records() {
	l.run("ack", "devices acknowledge", nil, reqs("AMB-SYN-04"), func(s *scene) {
		bob := pair(s)
		s.send("phone", bob.Device.Account(), "start")
		s.deliver("phone", "laptop")
		for _, name := range []string{"laptop", "phone", "laptop"} {
			s.append(s.do(shim.DeviceAck, shim.Params{Party: name}).Message)
			s.deliver("phone", "laptop")
		}
	})
	l.run("ack-due", "after 50 records an ack is due, and not before", nil, reqs("AMB-SYN-04"), func(s *scene) {
		bob := pair(s)
		for i := range 49 { // and the rotation that linked it
			s.fail(noCommit(s.do(shim.DeviceUpkeep, shim.Params{Party: "laptop"})))
			s.send("phone", bob.Device.Account(), fmt.Sprint(i))
			for _, name := range []string{"phone", "laptop"} {
				for _, mail := range s.mails(name) {
					s.receive(name, mail)
				}
			}
		}
		s.append(s.do(shim.DeviceUpkeep, shim.Params{Party: "laptop"}).Message)
		s.deliver("phone", "laptop")
		s.fail(noCommit(s.do(shim.DeviceUpkeep, shim.Params{Party: "laptop"})))
	})
	l.run("replenish", "new prekeys; a start uses one of them, another one still uses one of the batch before", nil, reqs("AMB-SYN-12", "AMB-ACC-07", "AMB-ACC-08"), func(s *scene) {
		bob := pair(s)
		old, err := s.office.Bundle(s.id("phone"))
		s.fail(err)
		s.append(s.do(shim.DeviceReplenish, shim.Params{Party: "laptop"}).Message)
		s.deliver("phone", "laptop")
		s.says(bob, "phone", "under the new batch")
		s.deliver("phone", "laptop")
		s.startUnder(s.other(), "phone", old, "under the batch before")
		s.deliver("phone", "laptop")
	})
	l.run("replenish-twice", "after two batches a start under the first is void", []string{"UnknownPrekey"}, reqs("AMB-ACC-07", "AMB-LOG-08"), func(s *scene) {
		pair(s)
		old, err := s.office.Bundle(s.id("phone"))
		s.fail(err)
		for _, name := range []string{"laptop", "phone"} {
			s.append(s.do(shim.DeviceReplenish, shim.Params{Party: name}).Message)
			s.deliver("phone", "laptop")
		}
		s.startUnder(s.other(), "phone", old, "too late")
		s.deliver("phone", "laptop")
	})
	l.run("resend", "a record is lost: the entry waits, the sibling is asked, and answers", []string{"Dishonest"}, reqs("AMB-SYN-08", "AMB-SYN-07", "AMB-SYN-05"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		s.send("phone", b, "start")
		s.deliver("phone", "laptop")
		s.send("phone", b, "its record is lost")
		s.deliver("phone")
		s.expects(s.receive("laptop", withoutParcels(s.last("laptop"))), "parked")
		s.status("laptop")
		s.refuses(refusal.NotReady, shim.DeviceSend, shim.Params{Party: "laptop", Account: b[:], Plaintext: shim.Bytes("too early")})
		s.says(bob, "phone", "waits too")
		s.deliver("phone", "laptop")
		s.append(s.do(shim.DeviceUpkeep, shim.Params{Party: "laptop"}).Message)
		s.deliver("phone", "laptop")
		s.append(s.do(shim.DeviceUpkeep, shim.Params{Party: "phone"}).Message)
		s.deliver("phone", "laptop")
		s.send("laptop", b, "in step again")
		s.deliver("phone", "laptop")
	})
	l.run("restart", "a device is exported and imported: it has to catch up, and goes on", nil, reqs("AMB-SYN-03", "AMB-SYN-10"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		s.send("phone", b, "start")
		s.deliver("phone", "laptop")
		s.says(bob, "phone", "while it was off")
		s.restart("laptop", "laptop-again")
		s.refuses(refusal.NotReady, shim.DeviceSend, shim.Params{Party: "laptop-again", Account: b[:], Plaintext: shim.Bytes("too early")})
		s.deliver("laptop-again", "phone")
		s.caughtUp("laptop-again")
		s.send("laptop-again", b, "caught up")
		s.deliver("laptop-again", "phone")
	})
	l.run("restart-under-way", "a device is stopped after its commit was made and before it is answered; the commit was accepted", nil, reqs("AMB-SYN-02", "AMB-SYN-03"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		s.send("phone", b, "start")
		s.deliver("phone", "laptop")
		commit := s.tentative("laptop", b, "accepted while it was off")
		s.restart("laptop", "laptop-again")
		s.append(commit)
		s.deliver("laptop-again", "phone")
		s.caughtUp("laptop-again")
		s.send("laptop-again", b, "next")
		s.deliver("laptop-again", "phone")
	})
	l.run("restart-before-release", "a device is stopped after its commit was made, and the commit never leaves: it is dropped, and the device goes on", nil, reqs("AMB-SYN-14", "AMB-SYN-02"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		s.send("phone", b, "start")
		s.deliver("phone", "laptop")
		s.tentative("laptop", b, "never leaves")
		s.restart("laptop", "laptop-again")
		s.deliver("laptop-again")
		s.caughtUp("laptop-again")
		s.send("laptop-again", b, "leaves")
		s.deliver("laptop-again", "phone")
	})
	l.run("set-back", "a device that was set back learns of its own later commits and refuses to send for ever", []string{"Dishonest"}, reqs("AMB-SYN-11", "AMB-SYN-10"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		s.send("phone", b, "start")
		s.deliver("phone", "laptop")
		snapshot := s.do(shim.DeviceExport, shim.Params{Party: "laptop"}).State
		s.forgetState()
		s.send("laptop", b, "after the snapshot")
		s.deliver("laptop", "phone")
		s.importState("old-laptop", snapshot)
		s.refuses(refusal.NotReady, shim.DeviceCaughtUp, shim.Params{Party: "old-laptop", Commits: 1})
		s.refuses(refusal.NotReady, shim.DeviceSend, shim.Params{Party: "old-laptop", Account: b[:], Plaintext: shim.Bytes("never")})
		s.refuses(refusal.NotReady, shim.DeviceAck, shim.Params{Party: "old-laptop"})
	})
}

func noCommit(r *shim.Result) error {
	if r.Message != nil {
		return fmt.Errorf("nothing is owed yet")
	}
	return nil
}

// startUnder lets another account start a conversation under a bundle that it got before.
func (s *scene) startUnder(c *client.Client, to string, bundle []byte, text string) {
	commit, err := c.Device.Send(s.id(to), []byte(text), bundle, seeded(s.test.ID+text))
	s.fail(err)
	if err == nil {
		s.append(commit)
	}
}

// withoutParcels is a mail whose parcels a post office has lost.
func withoutParcels(mail []byte) []byte {
	m := &postoffice.Mail{}
	if err := codec.Decode(mail, m); err != nil {
		return nil // last has complained
	}
	m.Parcels = nil
	return codec.MustEncode(m)
}

// restart exports a device and imports it under another name. What an export looks like is the target's affair: the test
// takes it from the target.
func (s *scene) restart(from, to string) {
	state := s.do(shim.DeviceExport, shim.Params{Party: from}).State
	s.forgetState()
	s.importState(to, state)
	s.mailbox[to] = s.mailbox[from]
}

// forgetState takes the exported bytes out of the last step.
func (s *scene) forgetState() { s.test.Steps[len(s.test.Steps)-1].Output = nil }

// importState imports what the last export gave: in the test the state is empty, which stands for it.
func (s *scene) importState(to string, state shim.Bytes) {
	s.do(shim.DeviceImport, shim.Params{Party: to, State: state})
	s.test.Steps[len(s.test.Steps)-1].Input.State = shim.Bytes{}
}

func (s *scene) caughtUp(name string) {
	d := s.adapter.Device(name)
	box, err := s.office.Fetch(d.Account(), d.ID(), 1)
	s.fail(err)
	s.do(shim.DeviceCaughtUp, shim.Params{Party: name, Commits: box.Commits})
}

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
		s.expects(s.receive("laptop", parcelMail(s.device("tablet"), late, s.device("laptop"))), kind("refused", refusal.NotAllowed))
	})
	l.run("rotate-on-demand", "a rotation that changes no device; an offline device reads up to the cut and then the rotation", nil, reqs("AMB-ROT-05", "AMB-LOG-03"), func(s *scene) {
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
	l.run("rotate-heal", "healing first: the leader asks, the device answers under a new ratchet key, and is in", nil, reqs("AMB-ROT-07", "AMB-ROT-05"), func(s *scene) {
		pair(s)
		s.askAndAnswer("phone", "laptop")
		s.rotate("phone", shim.Params{})
		s.deliver("phone", "laptop")
	})
	l.run("rotate-pending", "a device does not answer, is pending, answers later, and comes in again", nil, reqs("AMB-ROT-06", "AMB-CHN-07", "AMB-ROT-11", "AMB-ROT-12"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		s.send("phone", b, "before")
		s.deliver("phone", "laptop")
		s.append(s.do(shim.DevicePrepare, shim.Params{Party: "phone"}).Message)
		s.rotate("phone", shim.Params{})
		s.deliver("phone", "laptop")
		s.rotate("phone", shim.Params{}) // it stays pending: it has not answered
		s.deliver("phone", "laptop")
		s.refuses(refusal.NotReady, shim.DeviceSend, shim.Params{Party: "laptop", Account: b[:], Plaintext: shim.Bytes("pending")})
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
	l.run("rotate-crossing", "question and ack cross: the device does not answer in the old chain, and the leader asks again", []string{"Racing"}, reqs("AMB-ROT-08", "AMB-ROT-07"), func(s *scene) {
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
	l.run("rotate-conflict", "an entry comes before the rotation: it is refused, and made anew with the new cut", []string{"Racing"}, reqs("AMB-LOG-09", "AMB-ROT-05"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		s.send("phone", b, "start")
		s.deliver("phone", "laptop")
		early := s.do(shim.DeviceRotate, shim.Params{Party: "phone"}).Message
		s.fail(bob.Sync())
		s.says(bob, "phone", "in between")
		s.expectRefusal(refusal.Conflict, s.office.Append(early))
		s.do(shim.DeviceRefused, shim.Params{Party: "phone"})
		s.deliver("phone")
		s.rotate("phone", shim.Params{})
		s.deliver("phone", "laptop")
	})
	l.run("peer-rotates", "the other side rotates: the next entry is a start to its new epoch", nil, reqs("AMB-LOG-03", "AMB-ACC-06"), func(s *scene) {
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
		s.append(s.do(shim.DeviceSend, shim.Params{Party: "laptop", Account: b[:], Plaintext: shim.Bytes("to the new epoch"), PeerBundle: bundle}).Message)
		s.deliver("laptop", "phone")
		s.fail(bob.Sync())
		s.says(bob, "phone", "answer")
		s.deliver("laptop", "phone")
	})
	l.run("device-prekey", "a device whose prekey was used draws a new one, and the next list carries it", nil, reqs("AMB-CHN-09"), func(s *scene) {
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

func (l *scenarioList) refusals() {
	l.run("companion-leads", "a companion tries what only the leader may", []string{"Dishonest"}, reqs("AMB-ROT-01"), func(s *scene) {
		pair(s)
		s.refuses(refusal.NotAllowed, shim.DeviceOffer, shim.Params{Party: "laptop"})
		s.refuses(refusal.NotAllowed, shim.DevicePrepare, shim.Params{Party: "laptop"})
		s.refuses(refusal.NotAllowed, shim.DeviceRotate, shim.Params{Party: "laptop"})
		s.refuses(refusal.NotAllowed, shim.DeviceRotate, shim.Params{Party: "laptop", Devices: []shim.Bytes{s.device("phone")}})
	})
	l.run("bundles", "bundles that a sender refuses: another account's, forged, of an older epoch, of an older prekey, another key for the epoch", []string{"Dishonest"},
		reqs("AMB-ACC-05", "AMB-ACC-06"), func(s *scene) { s.badBundles() })
	l.run("void", "entries of the other side that nobody can read move the log and nothing else", []string{"Dishonest"}, reqs("AMB-LOG-08", "AMB-LOG-05", "AMB-LOG-10"), func(s *scene) { s.voidEntries() })
	l.run("out-of-place", "entries that are not the next: earlier, later, another history, another conversation", []string{"Dishonest"}, reqs("AMB-LOG-07", "AMB-CNV-01"), func(s *scene) { s.outOfPlace() })
	l.run("one-time-prekey-twice", "a second start that names a used one-time prekey is void on every device", []string{"PrekeyReuse"}, reqs("AMB-ACC-08", "AMB-LOG-08"), func(s *scene) {
		bob := pair(s)
		bundle, err := s.office.Bundle(s.id("phone"))
		s.fail(err)
		s.startUnder(bob, "phone", bundle, "first")
		s.startUnder(s.other(), "phone", bundle, "second")
		s.deliver("phone", "laptop")
	})
	l.run("under-way", "while a commit is under way no other one is made", nil, reqs("AMB-SYN-09"), func(s *scene) {
		bob := pair(s)
		b := bob.Device.Account()
		commit := s.tentative("laptop", b, "under way")
		bundle, err := s.office.Bundle(b)
		s.fail(err)
		s.refuses(refusal.NotReady, shim.DeviceSend, shim.Params{Party: "laptop", Account: b[:], Plaintext: shim.Bytes("another"), PeerBundle: bundle})
		s.refuses(refusal.NotReady, shim.DeviceReplenish, shim.Params{Party: "laptop"})
		s.append(commit)
		s.deliver("laptop", "phone")
		s.send("laptop", b, "another")
		s.deliver("laptop", "phone")
	})
	l.run("stale-link-request", "a link request to an epoch that has ended is refused", nil, reqs("AMB-ROT-09"), func(s *scene) {
		pair(s)
		s.do(shim.DeviceNew, shim.Params{Party: "tablet"})
		offer := s.do(shim.DeviceOffer, shim.Params{Party: "phone"})
		request := s.do(shim.DeviceRequest, shim.Params{Party: "tablet", Message: offer.Message})
		s.rotate("phone", shim.Params{})
		s.deliver("phone", "laptop")
		s.refuses(refusal.StaleEpoch, shim.DeviceRotate, shim.Params{Party: "phone", Message: request.Message})
	})
}

func (s *scene) badBundles() {
	bob := pair(s)
	b := bob.Device.Account()
	carol := s.other()
	refuse := func(class shim.Class, bundle []byte) {
		s.refuses(class, shim.DeviceSend, shim.Params{Party: "laptop", Account: b[:], Plaintext: shim.Bytes("no"), PeerBundle: bundle})
	}
	fetch := func(id account.ID) []byte {
		bundle, err := s.office.Bundle(id)
		s.fail(err)
		return bundle
	}
	refuse(refusal.IncompleteBundle, nil)
	refuse(refusal.NotAllowed, fetch(carol.Device.Account()))
	genuine := fetch(b)
	forged := append([]byte{}, genuine...)
	forged[60] ^= 1
	refuse(refusal.BadSignature, forged)
	for _, at := range []int{100, 180} { // the signature of the statement, and of the prekey
		forged = append([]byte{}, genuine...)
		forged[at] ^= 1
		refuse(refusal.BadSignature, forged)
	}
	refuse(refusal.Malformed, genuine[:len(genuine)-1])
	s.fail(bob.Rotate(ambassador.Change{}))
	firstBatch := fetch(b)
	s.fail(bob.Replenish(account.Batch + 1))
	s.send("laptop", b, "in epoch 2, under batch 2")
	s.deliver("laptop", "phone")
	s.rotate("phone", shim.Params{})
	s.deliver("phone", "laptop")
	refuse(refusal.StaleEpoch, genuine)
	refuse(refusal.StaleEpoch, firstBatch)
	s.fail(bob.Rotate(ambassador.Change{}))
	s.send("laptop", b, "in epoch 3, under batch 1")
	s.deliver("laptop", "phone")
	s.rotate("phone", shim.Params{})
	s.deliver("phone", "laptop")
	s.send("phone", b, "in epoch 3, under batch 1 still: ids of batches count within an epoch")
	s.deliver("laptop", "phone")
}

// rogue is another account that holds its conversation in the open. Its entries come by mail alone: this post office looks at
// nothing.
type rogue struct {
	*malicious.Counterparty
	scene *scene
}

func (s *scene) rogue() *rogue {
	s.others++
	c, _, err := malicious.NewCounterparty(s.id("phone"), seeded(fmt.Sprintf("%s rogue %d", s.test.ID, s.others)))
	s.fail(err)
	s.peers = append(s.peers, c.Account())
	return &rogue{c, s}
}

// bundle returns the target's bundle.
func (s *scene) bundle() *account.Bundle {
	encoded, err := s.office.Bundle(s.id("phone"))
	s.fail(err)
	b := &account.Bundle{}
	s.fail(codec.Decode(encoded, b))
	return b
}

// tell lets both devices of the target read an entry, with the same outcome.
func (s *scene) tell(entry []byte, event string) {
	for _, name := range []string{"phone", "laptop"} {
		s.expects(s.receive(name, entryMail(entry)), event)
		s.status(name)
	}
}

// says sends an entry as it should be.
func (r *rogue) says(text string, bundle *account.Bundle) {
	o, err := r.Say(text, bundle)
	r.scene.fail(err)
	if err == nil {
		r.scene.tell(o.Entry, "message")
		r.Sent(o)
	}
}

// spoils sends an entry after a change, which must make it void.
func (r *rogue) spoils(class shim.Class, bundle *account.Bundle, change func(e *conversation.Entry)) {
	o, err := r.Say("spoiled", bundle)
	r.scene.fail(err)
	if err != nil {
		return
	}
	entry, err := malicious.Changed(o.Entry, change)
	r.scene.fail(err)
	r.scene.tell(entry, kind("void", class))
	r.Spoiled(entry)
}

// lies sends an entry that authenticates and says something wrong.
func (r *rogue) lies(class shim.Class, change func(c *conversation.Conversation)) {
	talk := r.Talk
	change(&talk)
	honest := r.Talk
	r.Talk = talk
	o, err := r.Say("a lie", nil)
	r.Talk = honest
	r.scene.fail(err)
	if err == nil {
		r.scene.tell(o.Entry, kind("void", class))
		r.Spoiled(o.Entry)
	}
}

// voidEntries are entries at their place that nobody can read; genuine ones in between are read.
func (s *scene) voidEntries() {
	pair(s)
	r := s.rogue()
	lastByte := func(e *conversation.Entry) { e.Message[len(e.Message)-1] ^= 1 }
	r.spoils(refusal.Authentication, s.bundle(), lastByte)
	r.spoils(refusal.UnknownPrekey, s.bundle(), func(e *conversation.Entry) { e.Start.SignedPrekeyID = 9 })
	r.spoils(refusal.UnknownPrekey, s.bundle(), func(e *conversation.Entry) { e.Start.OneTimePrekeyID = 900 })
	r.spoils(refusal.Authentication, s.bundle(), func(e *conversation.Entry) { e.Start.OneTimePrekeyID = 0 })
	r.spoils(refusal.BadSignature, s.bundle(), func(e *conversation.Entry) { e.Start.Statement.Signature[5] ^= 1 })
	r.spoils(refusal.StaleEpoch, s.bundle(), func(e *conversation.Entry) { e.RecipientEpoch = 9 })
	r.spoils(refusal.NotReady, s.bundle(), func(e *conversation.Entry) { e.Start = nil })
	r.says("a genuine start after all that", s.bundle())
	r.spoils(refusal.Authentication, nil, lastByte)
	r.spoils(refusal.StaleEpoch, nil, func(e *conversation.Entry) { e.SenderEpoch = 9 })
	r.spoils(refusal.StaleEpoch, nil, func(e *conversation.Entry) { e.RecipientEpoch = 9 })
	r.lies(refusal.StaleEpoch, func(c *conversation.Conversation) { c.OwnEpoch = 9 })
	r.lies(refusal.StaleEpoch, func(c *conversation.Conversation) {
		statement := *c.PeerStatement
		statement.Epoch = 9
		c.PeerStatement = &statement
	})
	r.spoils(refusal.NotAllowed, s.bundle(), func(*conversation.Entry) {}) // a second start
	moved, err := r.Say("made for another place", nil)
	s.fail(err)
	r.spoils(refusal.Authentication, nil, lastByte)
	r.spoils(refusal.Authentication, nil, func(e *conversation.Entry) {
		m, err := conversation.ParseEntry(moved.Entry)
		s.fail(err)
		e.Message = m.Message
	})
	r.says("a genuine entry after all that", nil)
}

// outOfPlace are entries that are not the next one.
func (s *scene) outOfPlace() {
	pair(s)
	r := s.rogue()
	o, err := r.Say("start", s.bundle())
	s.fail(err)
	s.tell(o.Entry, "message")
	r.Sent(o)
	s.tell(o.Entry, kind("refused", refusal.Duplicate))
	next, err := r.Say("next", nil)
	s.fail(err)
	r.Sent(next)
	later, err := r.Say("later", nil)
	s.fail(err)
	s.tell(later.Entry, kind("refused", refusal.NotReady))
	another, err := malicious.Changed(next.Entry, func(e *conversation.Entry) { e.Previous[0] ^= 1 })
	s.fail(err)
	s.tell(another, kind("refused", refusal.Conflict))
	foreign, err := malicious.Changed(next.Entry, func(e *conversation.Entry) { e.Recipient = account.ID(secret("nobody")) })
	s.fail(err)
	s.tell(foreign, kind("refused", refusal.NotAllowed))
	s.tell(next.Entry[:len(next.Entry)-1], kind("refused", refusal.Malformed))
	s.tell(next.Entry, "message")
	s.tell(later.Entry, "message")
}
