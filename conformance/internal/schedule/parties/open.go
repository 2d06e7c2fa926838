package parties

import (
	"credence/conformance/internal/adversary"
	"credence/conformance/internal/schedule"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// open makes the parties. The initiator has a session then, and the responder has not.
func (p *player) open() {
	p.play.Lanes = append(p.play.Lanes, verdict.Lane{Name: "a", Since: -1, Until: -1},
		verdict.Lane{Name: "b", Since: -1, Until: -1})
	p.a.started = true
	p.session = &adversary.Session{Name: "ab", Set: schedule.SetOf(p.Set)}
	if p.Hello.Handshakes() {
		p.openByHandshake()
	} else {
		p.openFromSecret()
	}
}

func (p *player) openByHandshake() {
	count := 1
	if p.scenario.NoOPK && !p.Set.OneTimePrekeyRequired {
		count = 0
	}
	p.Bundle = p.NewParty("b", count, p.scenario.Cadence)
	initiator := p.NewParty("a", 0, p.scenario.Cadence)
	p.Must(shim.SessionInitiate, shim.Params{Party: "a", Peer: "b", Bundle: adapter.ToShim(p.Bundle)})
	p.agree(initiator.Identity)
}

// agree notes the public keys of the agreement; the ephemeral key comes with the first message.
func (p *player) agree(initiator []byte) {
	var err error
	s := &adversary.Start{}
	s.Initiator, err = p.session.Set.DecodeIdentity(initiator)
	p.decodes("identity", err)
	s.Responder, err = p.session.Set.DecodeIdentity(p.Bundle.Identity)
	p.decodes("identity", err)
	s.SignedPrekey, err = p.session.Set.StartKey(p.Bundle.SignedPrekey, p.Bundle.OneTimePrekey)
	p.decodes("signed prekey", err)
	p.a.keys[p.oracle.Private(s.Initiator)] = true
	p.b.keys[p.oracle.Private(s.Responder)] = true
	p.b.keys[p.oracle.Private(s.SignedPrekey)] = true
	if p.Bundle.OneTimePrekey != nil && p.Set.SignedPrekey {
		key, err := p.session.Set.Decode(p.Bundle.OneTimePrekey)
		p.decodes("one-time prekey", err)
		s.OneTimePrekey = &key
		p.b.keys[p.oracle.Private(key)] = true
	}
	p.session.Start, p.signedPrekey = s, s.SignedPrekey
}

// decodes stops the test if a public key of the target could not be decoded.
func (p *player) decodes(name string, err error) {
	if err != nil {
		p.Violation(verdict.Mismatch, "a public key of the target: "+name, "SPEC.md 4.1", err.Error())
	}
}

// openFromSecret starts the initiator from a shared secret, and keeps what the responder will start from.
func (p *player) openFromSecret() {
	secret := make([]byte, p.Set.AgreementSize)
	p.Random.Read(secret)
	private, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	p.signedPrekey = primitive.Public(private)
	p.session.AD = p.AssociatedData()
	common := shim.Params{
		Set: p.Set.Name, SharedSecret: secret, AssociatedData: p.session.AD, Cadence: p.scenario.Cadence,
	}
	initiator, responder := common, common
	initiator.Party, initiator.Peer, initiator.Role = "a", "b", "initiator"
	responder.Party, responder.Peer, responder.Role = "b", "a", "responder"
	if p.Set.Start != params.Olm {
		initiator.RatchetPublic, responder.RatchetPrivate = p.Set.Encode(p.signedPrekey), private.Bytes()
		p.trace.Publics[p.signedPrekey] = true
	}
	p.start = &responder
	p.Must(shim.SessionStart, initiator)
}
