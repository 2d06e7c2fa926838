package sessions

import (
	"crypto/ecdh"
	"fmt"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
)

// rewrapping is a change of the wrapping of an initial message.
type rewrapping struct {
	name   string
	change func(m *wire.Initial)
}

// refusesThenReads brings changed copies of the first message to the target, which must be refused, and then the
// genuine one.
func refusesThenReads(changes func(p *pair.Pair, genuine wire.Initial) []rewrapping) func(p *pair.Pair) {
	return triesAll(func(p *pair.Pair) []suite.Trial {
		p.Open(pair.Responds)
		genuine := p.FromPeer()
		return append(rewrapped(p, genuine, changes(p, p.Initial(genuine.Envelope))), goesOn(p, genuine))
	})
}

func rewrapped(p *pair.Pair, genuine pair.Mail, changes []rewrapping) (trials []suite.Trial) {
	for _, c := range changes {
		trials = append(trials, p.Refusal(c.name, p.Rewrap(genuine.Envelope, c.change), ""))
	}
	return trials
}

// forgedMessages changes the ratchet message in the first message.
func forgedMessages(p *pair.Pair, genuine wire.Initial) (changes []rewrapping) {
	for _, mutation := range malicious.Mutations(p.Set, genuine.Message) {
		changes = append(changes, rewrapping{mutation.Name, func(m *wire.Initial) { m.Message = mutation.Message }})
	}
	return changes
}

// wrongKeys changes what the first message says of the keys of the agreement.
func wrongKeys(p *pair.Pair, _ wire.Initial) []rewrapping {
	other := p.Set.Encode(primitive.PublicKey{9})
	changes := []rewrapping{{"ephemeral", func(m *wire.Initial) { m.Ephemeral = other }}}
	if p.Set.Identity != params.Ed25519Identity {
		changes = append(changes, rewrapping{"identity", func(m *wire.Initial) { m.Identity = other }})
	}
	if p.Set.OneTimePrekeyByKey {
		changes = append(changes, rewrapping{"one-time key", func(m *wire.Initial) { m.OneTimePrekey = other }})
	}
	return changes
}

// foreignInitial wraps a genuine ratchet message of a session that has started anew.
func foreignInitial(p *pair.Pair) []suite.Trial {
	p.Open(pair.Responds)
	p.SendToTarget()
	genuine := p.FromPeer()
	other, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	return append(rewrapped(p, genuine, []rewrapping{
		{"ephemeral", func(m *wire.Initial) { m.Ephemeral = p.Set.Encode(primitive.Public(other)) }},
		{"identity", func(m *wire.Initial) { m.Identity = x3dh.EncodeIdentity(p.Set, other) }},
	}), goesOn(p, genuine))
}

// lowOrderInitial brings first messages with low-order keys to the target, which authenticate, and then a genuine one
// (AMB-KEY-01).
func lowOrderInitial(p *pair.Pair) (trials []suite.Trial) {
	p.Open(pair.Responds)
	for _, u := range malicious.LowOrderKeys(p.Set) {
		evil := fromMalicious(p, malicious.Keys{Ephemeral: p.Set.Encode(u)}, p.Bundle)
		trials = append(trials, p.Refusal(fmt.Sprintf("ephemeral %x..", u[:4]), evil, refusal.LowOrderKey))
		if p.Set.Identity != params.Ed25519Identity {
			evil = fromMalicious(p, malicious.Keys{Identity: p.Set.Encode(u)}, p.Bundle)
			trials = append(trials, p.Refusal(fmt.Sprintf("identity %x..", u[:4]), evil, refusal.LowOrderKey))
		}
	}
	return append(trials, goesOn(p, p.FromPeer()))
}

// fromMalicious returns the first message of a malicious initiator, whose private keys are drawn.
func fromMalicious(p *pair.Pair, k malicious.Keys, agreed x3dh.Bundle) *shim.Message {
	var drawn [3]*ecdh.PrivateKey
	for i := range drawn {
		var err error
		drawn[i], err = primitive.GeneratePrivate(p.Random)
		p.NoFault(err)
	}
	k.IdentityPrivate, k.EphemeralPrivate = drawn[0], drawn[1]
	body, err := malicious.Initial(p.Set, agreed, k, drawn[2], []byte("evil"))
	p.NoFault(err)
	return &shim.Message{Kind: shim.InitialMessage, Body: body}
}

// badIdentities brings identity keys to the target that are no points, or of low order, in both roles.
func badIdentities(p *pair.Pair) (trials []suite.Trial) {
	p.Open(pair.Responds)
	try := func(name string, identity []byte, class refusal.Class) {
		evil := fromMalicious(p, malicious.Keys{Identity: identity}, p.Bundle)
		trials = append(trials, p.Refusal("first message, "+name, evil, class))
		b := p.Peer.Bundle()
		b.Identity = identity
		trials = append(trials, suite.Trial{Name: "bundle, " + name, Try: func() { refusesBundle(p, "another", b) }})
	}
	for _, id := range malicious.LowOrderAccounts[:8] { // those in canonical form
		try(fmt.Sprintf("low order %x..", id[:4]), id[:], refusal.LowOrderKey)
	}
	for _, y := range []byte{2, 7} { // there is no x on the curve
		try(fmt.Sprint("y = ", y), append([]byte{y}, make([]byte, primitive.KeySize-1)...), refusal.Malformed)
	}
	return append(trials, goesOn(p, p.FromPeer()))
}

// badBundle is a change of a bundle.
type badBundle struct {
	name   string
	change func(b *x3dh.Bundle)
}

// badBundles brings changed bundles to the target, which start no session: nothing can be sent afterwards.
func badBundles(changes func(p *pair.Pair) []badBundle) func(p *pair.Pair) {
	return triesAll(func(p *pair.Pair) (trials []suite.Trial) {
		p.NewPeer(pair.Initiates)
		p.NewTarget(0, "")
		for _, c := range changes(p) {
			b := p.Peer.Bundle()
			c.change(&b)
			trials = append(trials, suite.Trial{Name: c.name, Try: func() {
				refusesBundle(p, pair.Peer, b)
				cannotSend(p)
			}})
		}
		return trials
	})
}

// refusesBundle wants the target to start no session with a bundle.
func refusesBundle(p *pair.Pair, peer string, b x3dh.Bundle) {
	p.RefuseUnchanged("", shim.SessionInitiate,
		shim.Params{Party: pair.Target, Peer: peer, Bundle: adapter.ToShim(b)})
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

func lowOrderBundles(p *pair.Pair) (changes []badBundle) {
	for _, u := range malicious.LowOrderKeys(p.Set) {
		changes = append(changes, badBundle{
			fmt.Sprintf("%x..", u[:4]), func(b *x3dh.Bundle) { b.OneTimePrekey = p.Set.Encode(u) },
		})
	}
	return changes
}
