package main

import (
	"fmt"

	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/shim"
	"credence/spec/refusal"
)

func (l *scenarioList) refusals() {
	l.run("companion-leads", "a companion tries what only the leader may", []string{"Dishonest"}, reqs("AMB-ROT-01"),
		func(s *scene) {
			pair(s)
			s.refuses(refusal.NotAllowed, shim.DeviceOffer, shim.Params{Party: "laptop"})
			s.refuses(refusal.NotAllowed, shim.DevicePrepare, shim.Params{Party: "laptop"})
			s.refuses(refusal.NotAllowed, shim.DeviceRotate, shim.Params{Party: "laptop"})
			s.refuses(refusal.NotAllowed, shim.DeviceRotate,
				shim.Params{Party: "laptop", Devices: []shim.Bytes{s.device("phone")}})
		})
	l.run("bundles",
		"bundles that a sender refuses: another account's, forged, of an older epoch, of an older prekey, another "+
			"key for the epoch", []string{"Dishonest"},
		reqs("AMB-ACC-05", "AMB-ACC-06"), func(s *scene) { s.badBundles() })
	l.run("void", "entries of the other side that nobody can read move the log and nothing else", []string{"Dishonest"},
		reqs("AMB-LOG-08", "AMB-LOG-05", "AMB-LOG-10"), func(s *scene) { s.voidEntries() })
	l.run("out-of-place", "entries that are not the next: earlier, later, another history, another conversation",
		[]string{"Dishonest"}, reqs("AMB-LOG-07", "AMB-CNV-01"), func(s *scene) { s.outOfPlace() })
	l.run("one-time-prekey-twice", "a second start that names a used one-time prekey is void on every device",
		[]string{"PrekeyReuse"}, reqs("AMB-ACC-08", "AMB-LOG-08"), func(s *scene) {
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
		s.refuses(refusal.NotReady, shim.DeviceSend,
			shim.Params{Party: "laptop", Account: b[:], Plaintext: shim.Bytes("another"), PeerBundle: bundle})
		s.refuses(refusal.NotReady, shim.DeviceReplenish, shim.Params{Party: "laptop"})
		s.append(commit)
		s.deliver("laptop", "phone")
		s.send("laptop", b, "another")
		s.deliver("laptop", "phone")
	})
	l.run("stale-link-request", "a link request to an epoch that has ended is refused", nil, reqs("AMB-ROT-09"),
		func(s *scene) {
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
		s.refuses(class, shim.DeviceSend,
			shim.Params{Party: "laptop", Account: b[:], Plaintext: shim.Bytes("no"), PeerBundle: bundle})
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

// rogue is another account that holds its conversation in the open. Its entries come by mail alone: this post office

// looks at nothing.
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
	foreign, err := malicious.Changed(
		next.Entry, func(e *conversation.Entry) { e.Recipient = account.ID(secret("nobody")) },
	)
	s.fail(err)
	s.tell(foreign, kind("refused", refusal.NotAllowed))
	s.tell(next.Entry[:len(next.Entry)-1], kind("refused", refusal.Malformed))
	s.tell(next.Entry, "message")
	s.tell(later.Entry, "message")
}
