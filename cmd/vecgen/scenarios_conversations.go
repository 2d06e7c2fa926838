package main

import (
	"fmt"

	"credence/reference/account"
	"credence/shim"
	"credence/spec/refusal"
)

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
	l.run("per-message", "every entry has a ratchet key of its own, whoever sends", nil,
		reqs("AMB-LOG-04", "AMB-LOG-06", "AMB-RAT-08"), func(s *scene) {
			bob := pair(s)
			b := bob.Device.Account()
			s.send("phone", b, "start")
			s.deliver("phone", "laptop")
			for i, name := range []string{
				"phone", "phone", "laptop", "bob", "bob", "laptop", "phone", "bob", "laptop",
			} {
				text := fmt.Sprintf("entry %d", i+2)
				if name == "bob" {
					s.says(bob, "phone", text)
				} else {
					s.send(name, b, text)
				}
				s.deliver("phone", "laptop")
			}
		})
}

// races are conversations in which a bundle is short or places are raced for.
func (l *scenarioList) races() {
	l.run("no-one-time-prekey", "a start under a bundle without a one-time prekey", []string{"NoOneTimePrekey"},
		reqs("AMB-ENC-01", "AMB-PST-03"), func(s *scene) {
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
	l.run("racing-siblings", "two devices race for a place: one is refused, reads, and sends anew", []string{"Racing"},
		reqs("AMB-LOG-09", "AMB-SYN-09", "AMB-PST-05"), func(s *scene) {
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
	l.run("crossing-starts", "both sides start at once: the other side's came first, the own one is dropped",
		[]string{"Racing"}, reqs("AMB-LOG-03", "AMB-LOG-09"), func(s *scene) {
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
	l.run("two-peers", "conversations with two accounts do not influence each other", nil, reqs("AMB-LOG-06"),
		func(s *scene) {
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
