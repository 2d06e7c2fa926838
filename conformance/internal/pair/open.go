package pair

import (
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/session"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// Setup shapes the parties of a pair.
type Setup struct {
	Role            string // of the target: initiator or responder
	NoOneTimePrekey bool
	Cadence         string
}

// The usual setups.
var (
	Initiates = Setup{Role: "initiator"}
	Responds  = Setup{Role: "responder"}
)

// Open makes both parties and the initiator's session: by a handshake if the target has it, otherwise from a shared
// secret.
func (p *Pair) Open(s Setup) {
	p.NewPeer(s)
	switch {
	case !p.Hello.Handshakes():
		p.openFromSecret(s)
	case s.Role == "initiator":
		p.openAsInitiator(s)
	default:
		p.openAsResponder(s)
	}
}

// OpenBoth opens a session and takes it past its first message, in both directions.
func (p *Pair) OpenBoth(s Setup) {
	p.Open(s)
	if s.Role == "responder" {
		p.SendToTarget()
	}
	p.SendToPeer()
	p.SendToTarget()
}

// NewPeer makes the peer.
func (p *Pair) NewPeer(s Setup) {
	o := session.Options{OneTimePrekeys: 1, SignedPrekeyID: 5, RegistrationID: p.RegistrationID()}
	if s.NoOneTimePrekey {
		o.OneTimePrekeys = 0
	}
	if s.Cadence == "per-message" {
		o.Cadence = ratchet.PerMessage
	}
	peer, err := session.New(p.Set, o, p.Random)
	p.NoFault(err)
	p.Peer = peer
}

func (p *Pair) openAsInitiator(s Setup) {
	p.NewTarget(0, s.Cadence)
	p.Bundle = p.Peer.Bundle()
	p.Must(shim.SessionInitiate, shim.Params{Party: Target, Peer: Peer, Bundle: adapter.ToShim(p.Bundle)})
	p.Started = true
}

func (p *Pair) openAsResponder(s Setup) {
	count := 1
	if s.NoOneTimePrekey {
		count = 0
	}
	p.NewTarget(count, s.Cadence)
	p.InitiateBy(p.Peer, p.Bundle)
}

// InitiateBy lets a party of the reference start a session from a bundle of the target.
func (p *Pair) InitiateBy(party *session.Party, b x3dh.Bundle) {
	if err := party.Initiate(Target, b, p.Random); err != nil {
		p.Violation(verdict.Mismatch, "the bundle of the target is refused by the reference",
			"a bundle as in SPEC.md 4.1", err.Error())
	}
}

// NewTarget makes the target's party, and keeps its bundle.
func (p *Pair) NewTarget(oneTimePrekeys int, cadence string) {
	p.Bundle = p.NewParty(Target, oneTimePrekeys, cadence)
}

// NewParty makes a party of the target, and returns its bundle.
func (p *Pair) NewParty(name string, oneTimePrekeys int, cadence string) x3dh.Bundle {
	return p.NewPartyWith(name, shim.Params{OneTimePrekeyCount: oneTimePrekeys, Cadence: cadence})
}

// NewPartyWith makes a party of the target from parameters of party.new, and returns its bundle.
func (p *Pair) NewPartyWith(name string, o shim.Params) x3dh.Bundle {
	o.Set, o.Party, o.RegistrationID = p.Set.Name, name, p.RegistrationID()
	r := p.Must(shim.PartyNew, o)
	if r.Bundle == nil {
		p.Violation(verdict.Protocol, "party.new gives no bundle", "a bundle", suite.Describe(r))
	}
	return adapter.FromShim(r.Bundle)
}

// RegistrationID returns the registration id of a party, which needs two bytes, or 0 in a set without one.
func (p *Pair) RegistrationID() uint32 {
	if p.Set.RegistrationID {
		return 12345
	}
	return 0
}

// draw returns random bytes.
func (p *Pair) draw(n int) []byte {
	b := make([]byte, n)
	p.Random.Read(b)
	return b
}

// openFromSecret starts both ends from a shared secret.
func (p *Pair) openFromSecret(s Setup) {
	spk, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	t, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	secret, ad := p.draw(p.Set.AgreementSize), p.AssociatedData()
	start := shim.Params{
		Set: p.Set.Name, Party: Target, Peer: Peer, Role: s.Role, SharedSecret: secret, AssociatedData: ad,
		Cadence: s.Cadence,
	}
	p.Started = true
	var state *ratchet.State
	if s.Role == "initiator" {
		start.RatchetPrivate, start.RatchetPublic = t.Bytes(), p.Set.Encode(primitive.Public(spk))
		state, err = ratchet.StartResponder(p.Set, secret, ad, spk, primitive.Public(t))
	} else {
		start.RatchetPrivate = spk.Bytes()
		if p.Set.Start == params.Olm {
			start.RatchetPrivate, start.RatchetPublic = nil, p.Set.Encode(primitive.Public(t))
		}
		state, err = ratchet.StartInitiator(p.Set, secret, ad, t, primitive.Public(spk))
	}
	p.NoFault(err)
	p.NoFault(p.Peer.Start(Target, state))
	p.Must(shim.SessionStart, start)
}

// AssociatedData returns what an agreement would give: drawn keys, in the form of the set.
func (p *Pair) AssociatedData() []byte {
	keys := p.draw(4 * primitive.KeySize)
	a, b := [32]byte(keys[:32]), [32]byte(keys[32:64])
	switch p.Set.AssociatedData {
	case params.NoAD:
		return nil
	case params.FullAD:
		return append([]byte(p.Set.Name), keys...)
	default:
		return append(p.Set.Encode(a), p.Set.Encode(b)...)
	}
}
