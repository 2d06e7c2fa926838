package main

import (
	"encoding/binary"
	"fmt"

	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/reference/x3dh"
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
		reqs("AMB-ACC-05", "AMB-ACC-06", "AMB-ACC-11"), func(s *scene) { s.badBundles() })
	l.run("two-keys-for-an-epoch", "an account signs two ambassador keys for one epoch", []string{"Dishonest"},
		reqs("AMB-ACC-09"), func(s *scene) {
			pair(s)
			r := s.rogue()
			r.says("start", s.bundle())
			twin, _, err := account.NewEpoch(r.Key, r.Keys.Statement.Epoch, seeded(s.test.ID+" twin"))
			s.fail(err)
			b := r.Bundle()
			b.Statement = twin.Statement
			publication, err := x3dh.SignPrekey(account.Set, twin.Ambassador, b.SignedPrekey, seeded(s.test.ID))
			s.fail(err)
			copy(b.PrekeySignature[:], publication)
			peer := r.Account()
			s.refuses(refusal.NotAllowed, shim.DeviceSend, shim.Params{
				Party: "laptop", Account: peer[:], Plaintext: shim.Bytes("no"), PeerBundle: codec.MustEncode(b),
			})
		})
	l.run("void", "entries of the other side that nobody can read move the log and nothing else", []string{"Dishonest"},
		reqs("AMB-LOG-08", "AMB-LOG-05", "AMB-LOG-13", "AMB-LOG-20"), func(s *scene) { s.voidEntries() })
	l.run("out-of-place", "entries that are not the next: earlier, later, another history, another conversation",
		[]string{"Dishonest"}, reqs("AMB-LOG-07", "AMB-CNV-01"), func(s *scene) { s.outOfPlace() })
	l.run("one-time-prekey-twice", "a second start that names a used one-time prekey is void on every device",
		[]string{"PrekeyReuse"}, reqs("AMB-ACC-08", "AMB-LOG-08"), func(s *scene) {
			bob := pair(s)
			bundle, err := s.office.Bundle(s.id("phone"))
			s.fail(err)
			s.startUnder(bob, "phone", bundle, "first")
			s.deliver("phone", "laptop")
			s.tell(s.startWith(s.other(), bundle, "second"), kind("void", refusal.UnknownPrekey))
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
	refuse(refusal.StaleEpoch, genuine) // though no start is due
	refuse(refusal.StaleEpoch, firstBatch)
	refuse(refusal.NotAllowed, fetch(carol.Device.Account()))
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

// hears lets a device of the target send an entry, which the rogue reads.
func (r *rogue) hears(name, text string) {
	s := r.scene
	entry := r.spreads(name, s.tentative(name, r.Account(), text))
	e, err := conversation.ParseEntry(entry)
	s.fail(err)
	r.Talk, _, err = r.Talk.Receive(r.Keys, e, entry)
	s.fail(err)
}

// spreads lets both devices read the mails of a commit, and returns its entry.
func (r *rogue) spreads(name string, commit shim.Bytes) []byte {
	s, m := r.scene, &postoffice.Commit{}
	s.fail(codec.Decode(commit, m))
	for _, to := range []string{"phone", "laptop"} {
		mail := &postoffice.Mail{}
		s.fail(codec.Decode(parcelMail(s.device(name), commit, s.device(to)), mail))
		mail.Entry = m.Entry
		s.receive(to, codec.MustEncode(mail))
		s.status(to)
	}
	return m.Entry
}

// mumbles sends an entry that authenticates, with a content that breaks the rules.
func (r *rogue) mumbles(content []byte) {
	o, err := r.Seal(content)
	r.scene.fail(err)
	if err == nil {
		r.scene.tell(o.Entry, kind("void", refusal.Malformed))
		r.Sent(o)
	}
}

// runOf returns the encoding of a run of places.
func runOf(first, last uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, first), last)
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
	r.says("a second start, while the session is not settled", s.bundle())
	r.hears("phone", "answer")
	r.says("settles it", nil)
	r.spoils(refusal.NotAllowed, s.bundle(), func(*conversation.Entry) {})
	for _, content := range [][]byte{
		{}, {0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 1}, // nothing; a byte too many; a byte too few
		append(append([]byte{0, 0, 16}, runOf(2, 1)...), 0, 0, 0),
		append(append([]byte{0, 0, 16}, runOf(1, 1000)...), 0, 0, 0),
	} {
		r.mumbles(content)
		r.says("goes on", nil)
	}
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
