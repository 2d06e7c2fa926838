package adapter

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/session"
	"credence/reference/xeddsa"
	"credence/shim"
)

func (a *Adapter) party(p *shim.Params) (*session.Party, error) {
	party, ok := a.parties[p.Party]
	if !ok {
		return nil, fmt.Errorf("party: %q is unknown", p.Party)
	}
	return party, nil
}

// State returns a copy of the ratchet state of a session, for tools that write vectors. It returns refusal.NotReady.
func (a *Adapter) State(party, peer string) (*ratchet.State, error) {
	p, err := a.party(&shim.Params{Party: party})
	if err != nil {
		return nil, err
	}
	return p.State(peer)
}

func (a *Adapter) add(name string, set *params.Set, party *session.Party) error {
	if _, ok := a.parties[name]; ok {
		return fmt.Errorf("party: %q exists", name)
	}
	a.parties[name], a.sets[name] = party, set
	return nil
}

func partyNew(a *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	if err := needSet(set); err != nil {
		return nil, err
	}
	cadence, err := cadenceOf(p.Cadence)
	if err != nil {
		return nil, err
	}
	party, err := session.New(set, session.Options{
		SignedPrekeyID: p.SignedPrekeyID, OneTimePrekeys: max(p.OneTimePrekeyCount, len(p.OneTimePrekeys)),
		RegistrationID: p.RegistrationID, Cadence: cadence,
	}, partyDraws(set, p))
	if err != nil {
		return nil, err
	}
	if err := a.add(p.Party, set, party); err != nil {
		return nil, err
	}
	b := ToShim(party.Bundle())
	b.RegistrationID = p.RegistrationID
	return &shim.Result{Bundle: b}, nil
}

func partyDraws(set *params.Set, p *shim.Params) io.Reader {
	d := []io.Reader{draw(primitive.KeySize, p.IdentityPrivate)}
	if set.SignedPrekey {
		d = append(d, draw(primitive.KeySize, p.SignedPrekeyPrivate))
	}
	if set.Signature != params.NoSignature {
		d = append(d, draw(xeddsa.RandomSize, p.Random))
	}
	for _, k := range p.OneTimePrekeys {
		d = append(d, draw(primitive.KeySize, k))
	}
	return io.MultiReader(append(d, rand.Reader)...)
}

func cadenceOf(name string) (ratchet.Cadence, error) {
	switch name {
	case "", "per-turn":
		return ratchet.PerTurn, nil
	case "per-message":
		return ratchet.PerMessage, nil
	}
	return 0, &shim.Error{Code: shim.Unsupported, Message: fmt.Sprintf("cadence %q", name)}
}

func partyExport(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	party, err := a.party(p)
	if err != nil {
		return nil, err
	}
	return &shim.Result{State: party.Export()}, nil
}

func partyImport(a *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	party, err := session.Import(p.State, a.extra...)
	if err != nil {
		return nil, err
	}
	return &shim.Result{}, a.add(p.Party, set, party)
}

func sessionInitiate(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	party, err := a.party(p)
	if err != nil {
		return nil, err
	}
	b, err := bundle(p)
	if err != nil {
		return nil, err
	}
	return &shim.Result{}, party.Initiate(p.Peer, b, draws(p.EphemeralPrivate, p.RatchetPrivate))
}

func sessionRespond(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	party, err := a.party(p)
	if err != nil {
		return nil, err
	}
	e, err := envelope(p)
	if err != nil {
		return nil, err
	}
	if !e.Initial {
		return nil, errors.New("envelope: kind is not initial")
	}
	return plaintextResult(party.Respond(p.Peer, e.Body, draws(p.RatchetPrivate)))
}

func sessionStart(a *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	state, err := startState(set, p)
	if err != nil {
		return nil, err
	}
	return a.addSession(set, p, state)
}

// sessionLoad starts a session from its canonical state.
func sessionLoad(a *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	if err := needSet(set); err != nil {
		return nil, err
	}
	state, err := ratchet.Unmarshal(p.State, a.extra...)
	if err != nil {
		return nil, err
	}
	return a.addSession(set, p, state)
}

// addSession returns a party, which is made if it does not exist, a session without an agreement.
func (a *Adapter) addSession(set *params.Set, p *shim.Params, state *ratchet.State) (*shim.Result, error) {
	if _, ok := a.parties[p.Party]; !ok {
		if _, err := partyNew(a, set, p); err != nil {
			return nil, err
		}
	}
	return &shim.Result{}, a.parties[p.Party].Start(p.Peer, state)
}

func startState(set *params.Set, p *shim.Params) (*ratchet.State, error) {
	if err := needSet(set); err != nil {
		return nil, err
	}
	var public primitive.PublicKey
	var err error
	if p.RatchetPublic != nil {
		if public, err = set.Decode(p.RatchetPublic); err != nil {
			return nil, err
		}
	}
	switch p.Role {
	case "initiator":
		t, err := primitive.GeneratePrivate(draws(p.RatchetPrivate))
		if err != nil {
			return nil, err
		}
		return ratchet.StartInitiator(set, p.SharedSecret, p.AssociatedData, t, public)
	case "responder":
		var spk *ecdh.PrivateKey
		if set.Start != params.Olm {
			if spk, err = private("ratchet_private", p.RatchetPrivate); err != nil {
				return nil, err
			}
		}
		return ratchet.StartResponder(set, p.SharedSecret, p.AssociatedData, spk, public)
	}
	return nil, fmt.Errorf("role: %q is neither initiator nor responder", p.Role)
}

func envelope(p *shim.Params) (session.Envelope, error) {
	if p.Envelope == nil {
		return session.Envelope{}, errors.New("envelope: missing")
	}
	switch p.Envelope.Kind {
	case shim.InitialMessage, shim.RatchetMessage:
		return session.Envelope{Initial: p.Envelope.Kind == shim.InitialMessage, Body: bytes.Clone(p.Envelope.Body)},
			nil
	}
	return session.Envelope{}, fmt.Errorf("envelope: kind %q", p.Envelope.Kind)
}

func sessionEncrypt(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	party, err := a.party(p)
	if err != nil {
		return nil, err
	}
	e, err := party.Encrypt(p.Peer, p.Plaintext, draws(p.RatchetPrivate))
	if err != nil {
		return nil, err
	}
	kind := shim.RatchetMessage
	if e.Initial {
		kind = shim.InitialMessage
	}
	return &shim.Result{Envelope: &shim.Message{Kind: kind, Body: e.Body}}, nil
}

func sessionDecrypt(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	party, err := a.party(p)
	if err != nil {
		return nil, err
	}
	e, err := envelope(p)
	if err != nil {
		return nil, err
	}
	return plaintextResult(party.Decrypt(p.Peer, e, draws(p.RatchetPrivate)))
}

func sessionDigest(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	party, err := a.party(p)
	if err != nil {
		return nil, err
	}
	state, err := party.State(p.Peer)
	if err != nil {
		return nil, err
	}
	return &shim.Result{Digest: state.Digest()}, nil
}
