package parties

import (
	"slices"
	"strconv"

	"credence/conformance/internal/adversary"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// open makes the parties. a has a session then, and b has not.
func (p *player) open() {
	p.play.Lanes = append(p.play.Lanes, verdict.Lane{Name: "a", Since: -1, Until: -1},
		verdict.Lane{Name: "b", Since: -1, Until: -1})
	if !p.Hello.Handshakes() {
		p.openFromSecret()
		return
	}
	count := 1
	if p.scenario.NoOPK && !p.Set.OneTimePrekeyRequired {
		count = 0
	}
	p.makeParty(p.b, count)
	if slices.ContainsFunc(p.scenario.Events, func(e scenario.Event) bool {
		return e.Do == scenario.Start && e.By == "b"
	}) {
		p.makeParty(p.a, count)
	} else {
		b := p.NewParty("a", 0, p.scenario.Cadence)
		p.a.keys[p.oracle.Private(p.identity(b))] = true
		p.a.identity = p.identity(b)
	}
	p.start(p.a)
}

// makeParty makes a party with which the other can start sessions.
func (p *player) makeParty(own *party, oneTimePrekeys int) {
	b := p.NewParty(own.name, oneTimePrekeys, p.scenario.Cadence)
	own.bundle, own.identity = &b, p.identity(b)
	own.keys[p.oracle.Private(own.identity)] = true
	spk, err := p.rules.StartKey(b.SignedPrekey, b.OneTimePrekey)
	p.decodes("signed prekey", err)
	own.keys[p.oracle.Private(spk)] = true
	if key := p.oneTimePrekey(b); key != nil {
		own.keys[p.oracle.Private(*key)] = true
	}
}

func (p *player) identity(b x3dh.Bundle) adversary.PublicKey {
	key, err := p.rules.DecodeIdentity(b.Identity)
	p.decodes("identity", err)
	return key
}

// oneTimePrekey returns the one-time prekey of a bundle, or nil.
func (p *player) oneTimePrekey(b x3dh.Bundle) *adversary.PublicKey {
	if b.OneTimePrekey == nil {
		return nil
	}
	key, err := p.rules.Decode(b.OneTimePrekey)
	p.decodes("one-time prekey", err)
	return &key
}

// mayStart reports whether a party can start a session.
func (p *player) mayStart(own *party) bool {
	return p.Hello.Handshakes() && p.other(own).bundle != nil && p.maySend(own)
}

// start lets a party start a session, from the bundle of the other. Its one-time prekey is given out once, where a
// bundle can be without.
func (p *player) start(own *party) string {
	other := p.other(own)
	b := *other.bundle
	if other.given && !p.Set.OneTimePrekeyRequired {
		b.OneTimePrekey, b.OneTimePrekeyID = nil, 0
	}
	other.given = true
	p.Must(shim.SessionInitiate, shim.Params{Party: own.handle, Peer: other.name, Bundle: adapter.ToShim(b)})
	s := &session{initiator: own, bundle: b}
	s.Name, s.Set = own.name+other.name, p.rules
	if len(p.sessions) > 0 {
		s.Name += strconv.Itoa(len(p.sessions) + 1)
	}
	s.Start = &adversary.Start{Initiator: own.identity, Responder: other.identity}
	var err error
	s.Start.SignedPrekey, err = p.rules.StartKey(b.SignedPrekey, b.OneTimePrekey)
	p.decodes("signed prekey", err)
	s.signedPrekey = s.Start.SignedPrekey
	if key := p.oneTimePrekey(b); key != nil {
		s.oneTimePrekey = p.oracle.Private(*key)
		if p.Set.SignedPrekey { // Olm's one-time key stands for the signed prekey
			s.Start.OneTimePrekey = key
		}
	}
	p.sessions = append(p.sessions, s)
	own.ends.Start(&s.Session)
	return ""
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
	s := &session{initiator: p.a, signedPrekey: primitive.Public(private)}
	s.Name, s.Set, s.AD = "ab", p.rules, p.AssociatedData()
	common := shim.Params{
		Set: p.Set.Name, SharedSecret: secret, AssociatedData: s.AD, Cadence: p.scenario.Cadence,
	}
	initiator, responder := common, common
	initiator.Party, initiator.Peer, initiator.Role = "a", "b", "initiator"
	responder.Party, responder.Peer, responder.Role = "b", "a", "responder"
	if p.Set.Start != params.Olm {
		initiator.RatchetPublic, responder.RatchetPrivate = p.Set.Encode(s.signedPrekey), private.Bytes()
		p.trace.Publics[s.signedPrekey] = true
	}
	p.fromHere = &responder
	p.Must(shim.SessionStart, initiator)
	p.sessions = append(p.sessions, s)
	p.a.ends.Start(&s.Session)
}
