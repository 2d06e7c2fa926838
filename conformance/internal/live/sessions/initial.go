package sessions

import (
	"credence/conformance/internal/pair"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/reference/x3dh"
	"credence/reference/xeddsa"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
)

// rewrapping is a change of the wrapping of an initial message.
type rewrapping func(m *wire.Initial)

// refusesThenReads brings changed copies of the first message to the target, which must be refused, and then the
// genuine one.
func refusesThenReads(changes []rewrapping) func(p *pair.Pair) {
	return func(p *pair.Pair) {
		p.Open(pair.Responds)
		genuine := p.FromPeer()
		refusesRewrapped(p, genuine, changes)
		p.Read(genuine)
		p.SendToPeer()
	}
}

func refusesRewrapped(p *pair.Pair, genuine pair.Mail, changes []rewrapping) {
	for _, change := range changes {
		p.Refuses(p.Rewrap(genuine.Envelope, change), "")
	}
}

// forgedInitial changes the ratchet message in the first message.
func forgedInitial(set *params.Set) func(p *pair.Pair) {
	var changes []rewrapping
	for i := range malicious.MutationCount {
		changes = append(changes, func(m *wire.Initial) {
			if all := malicious.Mutations(set, m.Message); i < len(all) {
				m.Message = all[i].Message
			} else {
				m.Message = nil
			}
		})
	}
	return refusesThenReads(changes)
}

// wrongPrekeys changes what the first message says of the agreement.
func wrongPrekeys(set *params.Set) func(p *pair.Pair) {
	other := set.Encode(primitive.PublicKey{9})
	changes := []rewrapping{func(m *wire.Initial) { m.Ephemeral = other }}
	if set.Identity != params.Ed25519Identity {
		changes = append(changes, func(m *wire.Initial) { m.Identity = other })
	}
	if set.SignedPrekey {
		changes = append(changes, func(m *wire.Initial) { m.SignedPrekeyID += 7 })
	}
	if set.OneTimePrekeyByKey {
		return refusesThenReads(append(changes, func(m *wire.Initial) { m.OneTimePrekey = other }))
	}
	return refusesThenReads(append(changes, func(m *wire.Initial) { m.OneTimePrekeyID += 7 }))
}

// foreignInitial wraps a genuine ratchet message of a session that has started anew.
func foreignInitial(p *pair.Pair) {
	p.Open(pair.Responds)
	p.SendToTarget()
	genuine := p.FromPeer()
	other, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	refusesRewrapped(p, genuine, []rewrapping{
		func(m *wire.Initial) { m.Ephemeral = p.Set.Encode(primitive.Public(other)) },
		func(m *wire.Initial) { m.Identity = x3dh.EncodeIdentity(p.Set, other) },
	})
	p.Read(genuine)
	p.SendToPeer()
}

// lowOrderInitial brings first messages with low-order keys to the target, which authenticate, and then a genuine one.
func lowOrderInitial(p *pair.Pair) {
	p.Open(pair.Responds)
	for _, u := range malicious.LowOrderKeys(p.Set) {
		refusesInitialWith(p, malicious.Keys{Ephemeral: p.Set.Encode(u)})
		if p.Set.Identity != params.Ed25519Identity {
			refusesInitialWith(p, malicious.Keys{Identity: p.Set.Encode(u)})
		}
	}
	p.SendToTarget()
	p.SendToPeer()
}

// refusesInitialWith wants the target to refuse the first message of a malicious initiator with low-order keys
// (AMB-KEY-01).
func refusesInitialWith(p *pair.Pair, k malicious.Keys) {
	var err error
	k.IdentityPrivate, err = primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	k.EphemeralPrivate, err = primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	t, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	body, err := malicious.Initial(p.Set, p.Bundle, k, t, []byte("evil"))
	p.NoFault(err)
	p.Refuses(&shim.Message{Kind: shim.InitialMessage, Body: body}, refusal.LowOrderKey)
}

// badBundles brings changed bundles to the target, which start no session: nothing can be sent afterwards.
func badBundles(changes []func(b *x3dh.Bundle)) func(p *pair.Pair) {
	return func(p *pair.Pair) {
		p.NewPeer(pair.Initiates)
		p.NewTarget(0, "")
		for _, change := range changes {
			b := p.Peer.Bundle()
			change(&b)
			p.RefuseUnchanged("", shim.SessionInitiate,
				shim.Params{Party: pair.Target, Peer: pair.Peer, Bundle: adapter.ToShim(b)})
			cannotSend(p)
		}
	}
}

// cannotSend wants the target to have no session. A shim that knows no such session may call the request invalid.
func cannotSend(p *pair.Pair) {
	var refused *shim.Error
	failure := p.Attempt(func() {
		_, refused = p.Call(shim.SessionEncrypt,
			shim.Params{Party: pair.Target, Peer: pair.Peer, Plaintext: []byte("must not be sent")})
	})
	if failure != nil && failure.Reason == verdict.RejectedValid {
		return
	}
	p.Stop(failure)
	if refused == nil {
		p.Violation(verdict.AcceptedInvalid, "after a refused bundle there is a session", "no session",
			"a message was sent")
	}
}

func badSignatures() []func(b *x3dh.Bundle) {
	return []func(b *x3dh.Bundle){
		func(b *x3dh.Bundle) { b.Signature = append([]byte{b.Signature[0] ^ 1}, b.Signature[1:]...) },
		func(b *x3dh.Bundle) { b.Signature = make([]byte, xeddsa.SignatureSize) },
		func(b *x3dh.Bundle) { b.SignedPrekey = b.OneTimePrekey },
	}
}

func lowOrderBundles(set *params.Set) (changes []func(b *x3dh.Bundle)) {
	for _, u := range malicious.LowOrderKeys(set) {
		changes = append(changes, func(b *x3dh.Bundle) { b.OneTimePrekey = set.Encode(u) })
	}
	return changes
}
