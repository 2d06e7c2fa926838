package main

import (
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/spec/refusal"
)

// twin gives the account another ambassador key for its epoch.
func (r *rogue) twin() *account.EpochKeys {
	keys, _, err := account.NewEpoch(r.Key, r.Keys.Statement.Epoch, seeded(r.scene.test.ID+" twin"))
	r.scene.fail(err)
	return keys
}

// startsTo sends a start that authenticates, made under a bundle after a change, and to an epoch of the recipient.
func (r *rogue) startsTo(class shim.Class, epoch uint32, change func(b *account.Bundle)) {
	b := r.scene.bundle()
	change(b)
	entry, err := r.StartTo(epoch, b, "an id that is not quite right")
	r.scene.fail(err)
	if err == nil {
		r.scene.tell(entry, kind("void", class))
		r.Spoiled(entry)
	}
}

// alike are entries and bundles that agree with the right ones in a part. All of them authenticate.
func (l *scenarioList) alike() {
	l.run("void-alike", "starts that name prekeys, epochs and keys which agree with the right ones in a part, and "+
		"authenticate", []string{"Dishonest", "UnknownPrekey"},
		reqs("AMB-LOG-08", "AMB-ACC-08", "AMB-ACC-13"), func(s *scene) {
			pair(s)
			r := s.rogue()
			epoch := s.bundle().Statement.Epoch
			for _, other := range append(lowAlike(epoch), epoch-1, epoch+1) {
				r.startsTo(refusal.StaleEpoch, other, func(*account.Bundle) {})
			}
			for _, mask := range lowAlike(0) {
				r.startsTo(refusal.UnknownPrekey, epoch, func(b *account.Bundle) { b.SignedPrekeyID ^= mask })
				r.startsTo(refusal.UnknownPrekey, epoch, func(b *account.Bundle) { b.OneTimePrekeyID ^= mask })
			}
			signer := malicious.AccountSigner(r.Key)
			for _, b := range []bit{{0, 0x01}, {16, 0x10}, {31, 0x80}} {
				r.spoils(refusal.BadSignature, s.bundle(), func(e *conversation.Entry) {
					encoded := codec.MustEncode(&e.Start.Statement)
					message := append([]byte("ambassador-v1 epoch statement"), encoded[:len(encoded)-64]...)
					copy(e.Start.Statement.Signature[:], signer.Sign(message, b.in))
				})
			}
			r.says("a genuine start after all that", s.bundle())
			r.hears("phone", "answer")
			r.says("settles it", nil)
			for _, mask := range lowAlike(0) {
				r.lies(refusal.StaleEpoch, func(c *conversation.Conversation) { c.OwnEpoch ^= mask })
				r.lies(refusal.StaleEpoch, func(c *conversation.Conversation) {
					statement := *c.PeerStatement
					statement.Epoch ^= mask
					c.PeerStatement = &statement
				})
			}
			r.says("a genuine entry after all that", nil)
		})
	l.run("one-time-prekey-again", "the same account uses a one-time prekey again, while the session may be replaced",
		[]string{"PrekeyReuse"}, reqs("AMB-ACC-08", "AMB-LOG-08"), func(s *scene) {
			pair(s)
			r := s.rogue()
			b := s.bundle()
			r.says("first", b)
			for range 2 {
				entry, err := r.StartTo(b.Statement.Epoch, b, "again")
				s.fail(err)
				s.tell(entry, kind("void", refusal.UnknownPrekey))
				r.Spoiled(entry)
			}
			r.says("with another one", s.bundle())
		})
	l.run("void-two-keys", "a start with another ambassador key than the one that was seen for the epoch",
		[]string{"Dishonest"}, reqs("AMB-ACC-09", "AMB-LOG-08"), func(s *scene) {
			pair(s)
			r := s.rogue()
			r.says("start", s.bundle())
			keys := r.Keys
			r.Keys = r.twin()
			r.startsTo(refusal.NotAllowed, s.bundle().Statement.Epoch, func(*account.Bundle) {})
			r.Keys = keys
			r.says("with the key that was seen", s.bundle())
		})
	l.run("out-of-place-alike", "entries that agree with the next one in a part of a place, a head or an account",
		[]string{"Dishonest"}, reqs("AMB-LOG-07", "AMB-CNV-01"), func(s *scene) { s.placesAlike() })
	l.run("bundles-alike", "bundles that agree in a part with what was seen, or whose R is another one in one bit",
		[]string{"Dishonest"}, reqs("AMB-ACC-05", "AMB-ACC-06", "AMB-ACC-09", "AMB-ACC-13", "AMB-X3D-02"),
		func(s *scene) { s.bundlesAlike() })
}

func (s *scene) placesAlike() {
	pair(s)
	r := s.rogue()
	r.says("start", s.bundle())
	next, err := r.Say("next", nil)
	s.fail(err)
	changed := func(class shim.Class, change func(e *conversation.Entry)) {
		entry, err := malicious.Changed(next.Entry, change)
		s.fail(err)
		s.tell(entry, kind("refused", class))
	}
	for _, b := range bitsOf(32) {
		changed(refusal.Conflict, func(e *conversation.Entry) { e.Previous = otherID(e.Previous, b) })
		changed(refusal.NotAllowed, func(e *conversation.Entry) { e.Recipient = otherID(e.Recipient, b) })
	}
	for _, more := range []uint64{1, 1 << 8, 1 << 16, 1 << 32, 1 << 63} {
		changed(refusal.NotReady, func(e *conversation.Entry) { e.Seq += more })
	}
	changed(refusal.Duplicate, func(e *conversation.Entry) { e.Seq = 1 })
	s.tell(next.Entry, "message")
	r.Sent(next)
	r.says("after it", nil)
}

func (s *scene) bundlesAlike() {
	pair(s)
	r := s.rogue()
	peer := r.Account()
	_, err := r.Say("never sent", s.bundle())
	s.fail(err)
	genuine := func(epoch, prekey uint32) *account.Bundle {
		b := r.Bundle()
		b.SignedPrekeyID = prekey
		b.Statement.Epoch = epoch
		b.Statement.Sign(r.Key)
		return b
	}
	refuse := func(class shim.Class, b *account.Bundle) {
		s.refuses(class, shim.DeviceSend, shim.Params{
			Party: "laptop", Account: peer[:], Plaintext: shim.Bytes("no"), PeerBundle: codec.MustEncode(b),
		})
	}
	const epoch, prekey = 1<<16 + 1<<8 + 2, 1<<16 + 1<<8 + 2
	r.seenBy("laptop", genuine(epoch, prekey))
	for _, old := range []uint32{epoch - 1, epoch - 1<<8, epoch - 1<<16, 2, 1 << 8, 1 << 16} {
		refuse(refusal.StaleEpoch, genuine(old, prekey+1))
		refuse(refusal.StaleEpoch, genuine(epoch, old))
	}
	signer := malicious.AccountSigner(r.Key)
	prekeys := malicious.NewSigner(account.Set.Signature, r.Keys.Ambassador)
	for _, b := range []bit{{0, 0x01}, {16, 0x10}, {31, 0x80}} {
		bundle := genuine(epoch, prekey)
		encoded := codec.MustEncode(&bundle.Statement)
		message := append([]byte("ambassador-v1 epoch statement"), encoded[:len(encoded)-64]...)
		copy(bundle.Statement.Signature[:], signer.Sign(message, b.in))
		refuse(refusal.BadSignature, bundle)
		bundle = genuine(epoch, prekey)
		input := x3dh.SignatureInput(account.Set, bundle.SignedPrekey[:])
		copy(bundle.PrekeySignature[:], prekeys.Sign(input, b.in))
		refuse(refusal.BadSignature, bundle)
		bundle = genuine(epoch, prekey)
		bundle.Statement.Account = otherID(bundle.Statement.Account, b)
		refuse(refusal.NotAllowed, bundle)
	}
	twin := r.twin()
	bundle := genuine(epoch, prekey)
	bundle.Statement.AmbassadorKey = twin.Statement.AmbassadorKey
	bundle.Statement.Sign(r.Key)
	signature, err := x3dh.SignPrekey(account.Set, twin.Ambassador, bundle.SignedPrekey, seeded(s.test.ID))
	s.fail(err)
	copy(bundle.PrekeySignature[:], signature)
	refuse(refusal.NotAllowed, bundle)
	bundle.Statement.Epoch++ // in a later epoch it is the right one
	bundle.Statement.Sign(r.Key)
	r.seenBy("laptop", bundle)
}

// seenBy lets a device start under a bundle, which both devices have seen then.
func (r *rogue) seenBy(name string, b *account.Bundle) {
	s, peer := r.scene, r.Account()
	commit := s.do(shim.DeviceSend, shim.Params{
		Party: name, Account: peer[:], Plaintext: shim.Bytes("start"), PeerBundle: codec.MustEncode(b),
	}).Message
	r.spreads(name, commit)
}
