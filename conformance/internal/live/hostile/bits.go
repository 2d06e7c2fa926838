package hostile

import (
	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/shim"
	"credence/spec/refusal"
)

// bitTests have one bit wrong: of a key, a hash or an id, at its ends and in between, and of a number beyond its first
// byte. What would authenticate it is made anew, so that only the comparison itself can see the difference.
var bitTests = []suite.Test{
	test("one-bit-records", "records whose account, sender, receiver or epoch differs in one bit",
		reqs("AMB-CHN-03", "AMB-CHN-04", "AMB-CHN-05", "AMB-CHN-08", "AMB-CNV-01"), recordsOfOneBit),
	test("one-bit-rotations", "rotations whose statement has another key or epoch than what comes with it, by one bit",
		reqs("AMB-ROT-03", "AMB-CNV-01"), rotationsOfOneBit),
	test("one-bit-sent", "sent records whose head, digest, key or bundle differs in one bit: the conversation freezes",
		reqs("AMB-SYN-06", "AMB-ACC-06"), sentOfOneBit),
	test("one-bit-claims", "claims and cuts whose head or digest differs in one bit: the conversation freezes",
		reqs("AMB-SYN-06", "AMB-ROT-04"), claimsOfOneBit),
	test("one-bit-entries", "entries whose accounts, history or epochs differ in one bit",
		reqs("AMB-LOG-05", "AMB-LOG-07", "AMB-LOG-08", "AMB-CNV-01"), entriesOfOneBit),
	test("one-bit-starts", "starts that name prekeys and epochs whose numbers differ in one bit from what they use",
		reqs("AMB-LOG-08", "AMB-ACC-08"), startsOfOneBit),
	test("one-bit-bundles", "bundles of a peer that is known, whose key or epoch differs in one bit",
		reqs("AMB-ACC-06", "AMB-ACC-09", "AMB-CNV-01"), bundlesOfOneBit),
}

// flips is how many bits of a field are tried.
const flips = 5

// flip flips one of the bits that are tried: at both ends of the first and the last byte, and in the middle.
func flip(field []byte, n int) {
	bit := [flips]int{0, 7, 4*len(field) + 3, 8*len(field) - 8, 8*len(field) - 1}[n]
	field[bit/8] ^= 1 << (bit % 8)
}

// eachBit calls f with each of these bits flipped.
func eachBit(field []byte, f func()) {
	for n := range flips {
		flip(field, n)
		f()
		flip(field, n)
	}
}

// highBits are bits beyond the first byte of a number.
var highBits = []uint32{1 << 8, 1 << 15, 1 << 16, 1 << 31}

func recordsOfOneBit(w *world.World) {
	s := newSiblingStage(w)
	r := s.ack()
	eachBit(r.Account[:], func() { s.refuses(refusal.NotAllowed, r) })
	eachBit(r.Sender[:], func() { s.refuses(refusal.NotAllowed, r) })
	to := r.Receiver
	eachBit(r.Receiver[:], func() {
		body, next, err := malicious.SealTo(s.sibling.Channels, to, r, w.Random)
		w.NoFault(err)
		s.sibling.Channels = next
		s.device.Ignores(refusal.NotAllowed, s.sibling.Carry(body))
	})
	for _, bit := range highBits {
		r := s.ack()
		r.Epoch ^= bit
		s.refuses(refusal.StaleEpoch, r)
	}
	s.goesOn()
}

// keyClass is why an ambassador key with a bit flipped is refused: with the last one it is no canonical key.
func keyClass(n int) refusal.Class {
	if n == flips-1 {
		return refusal.NonCanonicalKey
	}
	return refusal.NotAllowed
}

func rotationsOfOneBit(w *world.World) {
	s := newLeaderStage(w)
	list := s.leader.Next()
	ignores := func(class refusal.Class, change func(r *channel.Rotate)) {
		r := s.rotation(list)
		change(r.Rotate)
		r.Rotate.Statement.Sign(s.leader.Key)
		s.device.Ignores(class, s.mail(r))
	}
	for n := range flips {
		ignores(keyClass(n), func(r *channel.Rotate) { flip(r.Statement.AmbassadorKey[:], n) })
	}
	for _, bit := range highBits {
		ignores(refusal.NotAllowed, func(r *channel.Rotate) { r.Statement.Epoch ^= bit })
	}
	s.opens(list)
}

func sentOfOneBit(w *world.World) {
	freezes := func(change func(s *siblingStage, sent *channel.Sent)) {
		s := newSiblingStage(w)
		o := s.ownStart()
		change(s, &o.Sent)
		s.device.Brings(withEntry(w, s.mail(s.sent(o.Sent)), o.Entry), ambassador.Record, ambassador.Frozen)
	}
	for _, field := range []func(s *channel.Sent) []byte{
		func(s *channel.Sent) []byte { return s.Head[:] },
		func(s *channel.Sent) []byte { return s.Digest[:] },
		func(s *channel.Sent) []byte { return s.Secret },
	} {
		for n := range flips {
			freezes(func(_ *siblingStage, sent *channel.Sent) { flip(field(sent), n) })
		}
	}
	for _, bit := range highBits {
		for _, change := range []func(b *account.Bundle){
			func(b *account.Bundle) { b.SignedPrekeyID ^= bit },
			func(b *account.Bundle) { b.OneTimePrekeyID ^= bit },
			func(b *account.Bundle) { b.Statement.Epoch ^= bit },
		} {
			freezes(func(s *siblingStage, sent *channel.Sent) {
				inBundle(w, func(b *account.Bundle) {
					change(b)
					b.Statement.Sign(s.counterparty.Key)
				})(sent)
			})
		}
	}
}

func claimsOfOneBit(w *world.World) {
	for n := range flips {
		for _, digest := range []bool{false, true} {
			s := newSiblingConversation(w)
			c := s.claimsTruth()
			if digest {
				flip(c.Digest[:], n)
			} else {
				flip(c.Head.Head[:], n)
			}
			s.device.Brings(s.mail(s.ack(c)), ambassador.Record, ambassador.Frozen)
		}
		s := newLeaderConversation(w)
		cut := s.cut()
		flip(cut.Head[:], n)
		s.handsOver(s.leader.Next(), []channel.Head{cut}, ambassador.Record, ambassador.Rotated, ambassador.Frozen)
	}
}

// entriesOfOneBit lets the counterparty seal entries in a conversation that differs: those that are of another
// conversation or history are refused, those of other epochs void.
func entriesOfOneBit(w *world.World) {
	s := newLeaderConversation(w)
	c := s.counterparty
	sealed := func(change func(talk *conversation.Conversation)) []byte {
		talk := c.Talk
		change(&talk)
		o, err := c.SealIn(talk, codec.MustEncode(&conversation.Content{Text: []byte("of another conversation")}))
		w.NoFault(err)
		return entryMail(o.Entry)
	}
	for _, entry := range [][]byte{{1}, {1, 3}, {1, 4}} {
		s.device.Ignores(refusal.Malformed, entryMail(entry))
	}
	for n := range flips {
		s.device.Ignores(refusal.Conflict, sealed(func(t *conversation.Conversation) { flip(t.Head[:], n) }))
		s.device.Ignores(refusal.NotAllowed, sealed(func(t *conversation.Conversation) { flip(t.Peer[:], n) }))
		s.device.Ignores(refusal.NotAllowed, sealed(func(t *conversation.Conversation) {
			t.Own, t.Peer = t.Peer, t.Own // as if the account had sent it
			flip(t.Own[:], n)
		}))
	}
	s.hears()
	for _, bit := range highBits {
		for _, sender := range []bool{false, true} {
			s := newLeaderConversation(w)
			c = s.counterparty
			s.device.Brings(sealed(func(t *conversation.Conversation) {
				if sender {
					t.OwnEpoch ^= bit
					return
				}
				statement := *t.PeerStatement
				statement.Epoch ^= bit
				t.PeerStatement = &statement
			}), ambassador.Void)
		}
	}
}

// startsOfOneBit lets the counterparty use a prekey and name another one, whose number agrees in its first byte.
func startsOfOneBit(w *world.World) {
	f := newFirstContact(w)
	for _, bit := range highBits {
		for _, change := range []func(b *account.Bundle){
			func(b *account.Bundle) { b.SignedPrekeyID ^= bit },
			func(b *account.Bundle) { b.OneTimePrekeyID ^= bit },
		} {
			b := *f.bundle
			change(&b)
			entry, err := f.counterparty.StartTo(b.Statement.Epoch, &b, "with another prekey")
			w.NoFault(err)
			f.isVoid(entry)
		}
		f.isVoid(f.start(f.bundle.Statement.Epoch^bit, "to another epoch"))
	}
	f.goesOn()
}

// bundlesOfOneBit gives the device bundles of a peer whose start it has read, signed anew.
func bundlesOfOneBit(w *world.World) {
	s := newLeaderStage(w)
	s.meet()
	c := s.counterparty
	const epoch = 1<<31 + 1<<16 + 1<<15 + 1<<8 + 1 // each high bit can be taken away
	c.Keys.Statement.Epoch = epoch
	c.Keys.Statement.Sign(c.Key)
	s.hears()
	peer := c.Account()
	refuses := func(class refusal.Class, change func(b *account.Bundle)) {
		b := *c.Bundle()
		change(&b)
		b.Statement.Sign(c.Key)
		w.RefuseUnchanged(class, shim.DeviceSend, shim.Params{
			Party: s.device.Party(), Account: peer[:], Plaintext: []byte("own"), PeerBundle: codec.MustEncode(&b),
		})
	}
	for n := range flips {
		refuses(keyClass(n), func(b *account.Bundle) { flip(b.Statement.AmbassadorKey[:], n) })
	}
	for _, bit := range highBits {
		refuses(refusal.StaleEpoch, func(b *account.Bundle) { b.Statement.Epoch ^= bit })
	}
}
