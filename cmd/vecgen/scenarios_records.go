package main

import (
	"fmt"

	"credence/reference/client"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

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
	l.run("replenish", "new prekeys; a start uses one of them, another one still uses one of the batch before", nil,
		reqs("AMB-SYN-12", "AMB-ACC-07", "AMB-ACC-08"), func(s *scene) {
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
	l.run("replenish-twice", "after two batches a start under the first is void", []string{"UnknownPrekey"},
		reqs("AMB-ACC-07", "AMB-LOG-08"), func(s *scene) {
			pair(s)
			old, err := s.office.Bundle(s.id("phone"))
			s.fail(err)
			for _, name := range []string{"laptop", "phone"} {
				s.append(s.do(shim.DeviceReplenish, shim.Params{Party: name}).Message)
				s.deliver("phone", "laptop")
			}
			s.tell(s.startWith(s.other(), old, "too late"), kind("void", refusal.UnknownPrekey))
		})
}

// losses are records that do not arrive.
func (l *scenarioList) losses() {
	l.run("resend", "a record is lost: the entry waits, the sibling is asked, and answers", []string{"Dishonest"},
		reqs("AMB-SYN-08", "AMB-SYN-07", "AMB-SYN-05"), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.send("phone", b, "start")
			s.deliver("phone", "laptop")
			s.send("phone", b, "its record is lost")
			s.deliver("phone")
			s.expects(s.receive("laptop", withoutParcels(s.last("laptop"))), "parked")
			s.status("laptop")
			s.refuses(refusal.NotReady, shim.DeviceSend,
				shim.Params{Party: "laptop", Account: b[:], Plaintext: shim.Bytes("too early")})
			s.says(bob, "phone", "waits too")
			s.deliver("phone", "laptop")
			s.append(s.do(shim.DeviceUpkeep, shim.Params{Party: "laptop"}).Message)
			s.deliver("phone", "laptop")
			s.append(s.do(shim.DeviceUpkeep, shim.Params{Party: "phone"}).Message)
			s.deliver("phone", "laptop")
			s.send("laptop", b, "in step again")
			s.deliver("phone", "laptop")
		})
}

// restarts are devices that are exported and imported at different moments.
func (l *scenarioList) restarts() {
	l.run("restart", "a device is exported and imported: it has to catch up, and goes on", nil,
		reqs("AMB-SYN-03", "AMB-SYN-10"), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.send("phone", b, "start")
			s.deliver("phone", "laptop")
			s.says(bob, "phone", "while it was off")
			s.restart("laptop", "laptop-again")
			s.refuses(refusal.NotReady, shim.DeviceSend,
				shim.Params{Party: "laptop-again", Account: b[:], Plaintext: shim.Bytes("too early")})
			s.deliver("laptop-again", "phone")
			s.caughtUp("laptop-again")
			s.send("laptop-again", b, "caught up")
			s.deliver("laptop-again", "phone")
		})
	l.run("restart-under-way",
		"a device is stopped after its commit was made and before it is answered; the commit was accepted", nil, reqs(
			"AMB-SYN-02", "AMB-SYN-03",
		), func(s *scene) {
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
	l.run("restart-before-release",
		"a device is stopped after its commit was made, and the commit never leaves: it is dropped, and the device "+
			"goes on", nil, reqs("AMB-SYN-14", "AMB-SYN-02"), func(s *scene) {
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
	l.run("set-back", "a device that was set back learns of its own later commits and refuses to send for ever",
		[]string{"Dishonest"}, reqs("AMB-SYN-11", "AMB-SYN-10"), func(s *scene) {
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
			s.refuses(refusal.NotReady, shim.DeviceSend,
				shim.Params{Party: "old-laptop", Account: b[:], Plaintext: shim.Bytes("never")})
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

// startWith returns the start of another account under a bundle that it got before; it does not reach the post office.
func (s *scene) startWith(c *client.Client, bundle []byte, text string) []byte {
	commit, err := c.Device.Send(s.id("phone"), []byte(text), bundle, seeded(s.test.ID+text))
	s.fail(err)
	m := &postoffice.Commit{}
	s.fail(codec.Decode(commit, m))
	return m.Entry
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

// restart exports a device and imports it under another name. What an export looks like is the target's affair: the

// test takes it from the target.
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
