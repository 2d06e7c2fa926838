package sessions

import (
	"bytes"
	"crypto/ecdh"

	"credence/conformance/internal/live/exported"
	"credence/conformance/internal/pair"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// mustNotHold wants none of some secrets to be in the target's state.
func mustNotHold(p *pair.Pair, what string, secrets ...[]byte) {
	exported.MustNotHold(p.T, what, export(p), secrets...)
}

// needsSearchable looks in the target's state for a key that it must hold: that of a message which is still to come.
func needsSearchable(p *pair.Pair) {
	_, pending := primitive.KDFCK(p.PeerState().CKs)
	p.Lose(1)
	p.SendToTarget()
	exported.NeedsSearchable(p.T, export(p), messageKeys(p.Set, pending)...)
}

// messageKeys returns the message key and the keys that follow from it.
func messageKeys(set *params.Set, mk []byte) [][]byte {
	if set.Cipher == params.ChaCha20Poly1305 {
		return [][]byte{mk, primitive.HKDF(make([]byte, primitive.KeySize), mk, set.MessageInfo, 44)[:32]}
	}
	k := primitive.DeriveCBC(mk, set.MessageInfo)
	return [][]byte{mk, k.Encryption, k.MAC}
}

// messageKeysDeleted knows the keys of both directions from the peer's state (AMB-RAT-06).
func messageKeysDeleted(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	needsSearchable(p)

	chainKey := p.PeerState().CKs
	_, mk := primitive.KDFCK(chainKey)
	p.SendToTarget()
	mustNotHold(p, "the key of a message that was read, or the chain key before it,",
		append(messageKeys(p.Set, mk), chainKey)...)

	_, mk = primitive.KDFCK(p.PeerState().CKs)
	late := skipped(p)
	p.Read(late)
	mustNotHold(p, "the key of a message that was read late", messageKeys(p.Set, mk)...)

	p.SendToPeer()
	m := p.FromTarget()
	chains := p.PeerState().Chains
	chainKey = chains[len(chains)-1].CK
	_, mk = primitive.KDFCK(chainKey)
	p.PeerReads(m)
	mustNotHold(p, "the key of a message that was sent, or the chain key before it,",
		append(messageKeys(p.Set, mk), chainKey)...)
}

// closedChainDeleted knows the chain key from the peer's sending chain (AMB-RAT-24).
func closedChainDeleted(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	needsSearchable(p)
	before := p.PeerState()
	p.Turns(1)
	mustNotHold(p, "the key of a closed chain", before.CKs)
}

// injectParty makes the target's party with a private key in its parameters, which its state must hold then.
func injectParty(p *pair.Pair, o shim.Params, private []byte) {
	p.Bundle = p.NewPartyWith(pair.Target, o)
	exported.NeedsSearchable(p.T, export(p), private)
}

// ephemeralDeleted injects the ephemeral key and looks for it (AMB-X3D-08).
func ephemeralDeleted(p *pair.Pair) {
	p.NewPeer(pair.Initiates)
	identity, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	injectParty(p, shim.Params{IdentityPrivate: identity.Bytes()}, identity.Bytes())
	ephemeral, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	b := p.Peer.Bundle()
	p.Must(shim.SessionInitiate, shim.Params{
		Party: pair.Target, Peer: pair.Peer, Bundle: adapter.ToShim(b), EphemeralPrivate: ephemeral.Bytes(),
	})
	p.Started = true
	m := p.FromTarget()
	mustCarry(p, m, ephemeral.PublicKey().Bytes())
	mustNotHold(p, "the ephemeral key or a DH output",
		append([][]byte{ephemeral.Bytes()}, outputs(p, ephemeral, b.SignedPrekey, b.OneTimePrekey)...)...)
	p.PeerReads(m)
}

// outputs returns the DH outputs of a private key with encoded public ones, of which some may be missing.
func outputs(p *pair.Pair, private *ecdh.PrivateKey, encoded ...[]byte) (all [][]byte) {
	for _, e := range encoded {
		if e == nil {
			continue
		}
		k, err := p.Set.Decode(e)
		p.NoFault(err)
		dh, err := primitive.DH(private, k)
		p.NoFault(err)
		all = append(all, dh)
	}
	return all
}

// mustCarry wants the first message to have the ephemeral key that was injected: otherwise its absence from the state
// would prove nothing.
func mustCarry(p *pair.Pair, m pair.Mail, ephemeral []byte) {
	initial, err := wire.ParseInitial(p.Set, m.Envelope.Body)
	if err != nil {
		p.Violation(verdict.Mismatch, "the first message of the target cannot be parsed", "SPEC.md 6.1", err.Error())
	}
	p.Equal("ephemeral key that was injected", ephemeral, bytes.TrimPrefix(initial.Ephemeral, p.Set.KeyPrefix))
}

// oneTimePrekeyDeleted injects a one-time prekey, uses it, and looks for it (AMB-X3D-10).
func oneTimePrekeyDeleted(p *pair.Pair) {
	p.NewPeer(pair.Responds)
	opk, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	injectParty(p, shim.Params{OneTimePrekeys: []shim.Bytes{opk.Bytes()}}, opk.Bytes())
	p.Equal("one-time prekey that was injected", p.Set.Encode(primitive.Public(opk)), p.Bundle.OneTimePrekey)
	p.InitiateBy(p.Peer, p.Bundle)
	p.SendToTarget()
	mustNotHold(p, "the one-time prekey that was used", opk.Bytes())
	p.SendToPeer()
}
