package main

import (
	"cmp"
	"context"
	"encoding/json"

	"credence/shim"
	"credence/spec/refusal"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/serialize"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/state/record"
	libstore "go.mau.fi/libsignal/state/store"
	"go.mau.fi/libsignal/util/keyhelper"
	"go.mau.fi/libsignal/util/optional"
)

const (
	device       = 1  // every party has one
	sessionsKept = 41 // by the library, with a peer
)

var serializer = serialize.NewProtoBufSerializer()

// store is a party: all the stores that the library wants, with its records in the library's own serial form, so that
// the JSON of a store is its export. The library calls no method that only the embedded interfaces have.
type store struct {
	libstore.Session      `json:"-"`
	libstore.PreKey       `json:"-"`
	libstore.SignedPreKey `json:"-"`

	Identity      []byte
	Registration  uint32
	Trusted       map[string]string
	PreKeys       map[uint32][]byte
	SignedPreKeys map[uint32][]byte
	Sessions      map[string][]byte
	live          map[string]*record.Session // the records handed out, which nobody copies; nil for a store that copies
}

func (t *target) newStore() *store {
	s := &store{
		Trusted: map[string]string{}, Sessions: map[string][]byte{},
		PreKeys: map[uint32][]byte{}, SignedPreKeys: map[uint32][]byte{},
	}
	if t.mode == "live" {
		s.live = map[string]*record.Session{}
	}
	return s
}

func (s *store) GetIdentityKeyPair() *identity.KeyPair { return identityPair(s.Identity) }
func (s *store) GetLocalRegistrationID() uint32        { return s.Registration }

func (s *store) SaveIdentity(_ context.Context, a *protocol.SignalAddress, key *identity.Key) error {
	s.Trusted[a.Name()] = key.Fingerprint()
	return nil
}

func (s *store) IsTrustedIdentity(_ context.Context, a *protocol.SignalAddress, key *identity.Key) (bool, error) {
	known := s.Trusted[a.Name()]
	return known == "" || known == key.Fingerprint(), nil
}

func (s *store) LoadPreKey(_ context.Context, id uint32) (*record.PreKey, error) {
	if s.PreKeys[id] == nil {
		return nil, nil
	}
	return record.NewPreKeyFromBytes(s.PreKeys[id], serializer.PreKeyRecord)
}

func (s *store) RemovePreKey(_ context.Context, id uint32) error {
	delete(s.PreKeys, id)
	return nil
}

func (s *store) LoadSignedPreKey(_ context.Context, id uint32) (*record.SignedPreKey, error) {
	if s.SignedPreKeys[id] == nil {
		return nil, nil
	}
	return record.NewSignedPreKeyFromBytes(s.SignedPreKeys[id], serializer.SignedPreKeyRecord)
}

func (s *store) ContainsSession(_ context.Context, a *protocol.SignalAddress) (bool, error) {
	return s.Sessions[a.Name()] != nil || s.live[a.Name()] != nil, nil
}

// LoadSession in a live store keeps the record that it makes, as the library's tests/stores.go does.
func (s *store) LoadSession(_ context.Context, a *protocol.SignalAddress) (r *record.Session, err error) {
	if r = s.live[a.Name()]; r != nil {
		return r, nil
	}
	r = record.NewSession(serializer.Session, serializer.State)
	if stored := s.Sessions[a.Name()]; stored != nil {
		r, err = record.NewSessionFromBytes(stored, serializer.Session, serializer.State)
	}
	if s.live != nil && err == nil {
		s.live[a.Name()] = r
	}
	return r, err
}

func (s *store) StoreSession(_ context.Context, a *protocol.SignalAddress, r *record.Session) error {
	if s.live != nil {
		s.live[a.Name()] = r
	} else {
		s.Sessions[a.Name()] = r.Serialize()
	}
	return nil
}

func (t *target) newParty(_ context.Context, p *shim.Params) *shim.Result {
	t.random.add(p.IdentityPrivate, p.SignedPrekeyPrivate, p.Random)
	t.random.add(p.OneTimePrekeys...)
	own := try(keyhelper.GenerateIdentityKeyPair())
	signed := try(keyhelper.GenerateSignedPreKey(own, cmp.Or(p.SignedPrekeyID, 1), serializer.SignedPreKeyRecord))
	count := cmp.Or(len(p.OneTimePrekeys), p.OneTimePrekeyCount)
	oneTime := try(keyhelper.GeneratePreKeys(1, count, serializer.PreKeyRecord))

	s, private, signature := t.newStore(), own.PrivateKey().Serialize(), signed.Signature()
	s.Identity, s.Registration = private[:], p.RegistrationID
	s.SignedPreKeys[signed.ID()] = signed.Serialize()
	for _, k := range oneTime {
		s.PreKeys[k.ID().Value] = k.Serialize()
	}
	t.add(p.Party, s)

	b := &shim.Bundle{
		Identity: own.PublicKey().Serialize(), SignedPrekey: signed.KeyPair().PublicKey().Serialize(),
		SignedPrekeyID: signed.ID(), Signature: signature[:], RegistrationID: p.RegistrationID,
	}
	if count > 0 {
		b.OneTimePrekey, b.OneTimePrekeyID = oneTime[0].KeyPair().PublicKey().Serialize(), oneTime[0].ID().Value
	}
	return &shim.Result{Bundle: b}
}

// exportParty leaves out a live record that the library has not filled yet: there is nothing to serialise.
func (t *target) exportParty(_ context.Context, p *shim.Params) *shim.Result {
	s := t.party(p.Party)
	for peer, r := range s.live {
		if r.SessionState().HasSenderChain() {
			s.Sessions[peer] = r.Serialize()
		}
	}
	return &shim.Result{State: try(json.Marshal(s))}
}

func (t *target) importParty(_ context.Context, p *shim.Params) *shim.Result {
	s := t.newStore()
	if json.Unmarshal(p.State, s) != nil {
		must(invalidRequest("the state is not an export"))
	}
	t.add(p.Party, s)
	return &shim.Result{}
}

func (t *target) add(name string, s *store) {
	if t.parties[name] != nil {
		must(invalidRequest("the name is in use: " + name))
	}
	t.parties[name] = s
}

func (t *target) party(name string) *store {
	s, ok := t.parties[name]
	if !ok {
		must(invalidRequest("no such party: " + name))
	}
	return s
}

func (t *target) session(p *shim.Params) (*session.Builder, *session.Cipher) {
	s, address := t.party(p.Party), protocol.NewSignalAddress(p.Peer, device)
	b := session.NewBuilder(s, s, s, s, address, serializer)
	return b, session.NewCipher(b, address)
}

func (t *target) initiate(ctx context.Context, p *shim.Params) *shim.Result {
	t.random.add(p.EphemeralPrivate, p.RatchetPrivate)
	builder, _ := t.session(p)
	must(builder.ProcessBundle(ctx, bundle(p.Bundle)))
	return &shim.Result{}
}

// bundle is a bundle as the library takes it.
func bundle(b *shim.Bundle) *prekey.Bundle {
	if b == nil {
		must(invalidRequest("no bundle"))
	}
	oneTimeID := optional.NewEmptyUint32()
	if len(b.OneTimePrekey) > 0 {
		oneTimeID = optional.NewOptionalUint32(b.OneTimePrekeyID)
	}
	return prekey.NewBundle(b.RegistrationID, device, oneTimeID, b.SignedPrekeyID, keyIfAny(b.OneTimePrekey),
		keyIfAny(b.SignedPrekey), signature(b.Signature), identity.NewKey(keyIfAny(b.Identity)))
}

// keyIfAny is nil for a key that is not there.
func keyIfAny(b []byte) ecc.ECPublicKeyable {
	if len(b) == 0 {
		return nil
	}
	return publicKey(b)
}

func (t *target) encrypt(ctx context.Context, p *shim.Params) *shim.Result {
	_, c := t.session(p)
	// the library panics without one
	if !try(t.party(p.Party).ContainsSession(ctx, protocol.NewSignalAddress(p.Peer, device))) {
		must(&shim.Error{Code: shim.Rejected, Class: refusal.NotReady, Message: "no session"})
	}
	m, kind := try(c.Encrypt(ctx, p.Plaintext)), shim.RatchetMessage
	if m.Type() == protocol.PREKEY_TYPE {
		kind = shim.InitialMessage
	}
	return &shim.Result{Envelope: &shim.Message{Kind: kind, Body: m.Serialize()}}
}

// decrypt reads a message of either kind; the library starts a session from an initial message if it has to.
func (t *target) decrypt(ctx context.Context, p *shim.Params) *shim.Result {
	if p.Envelope == nil {
		must(invalidRequest("no envelope"))
	}
	for range sessionsKept { // each in which the library tries the message draws
		t.random.add(p.RatchetPrivate)
	}
	_, c := t.session(p)
	if p.Envelope.Kind == shim.InitialMessage {
		return plaintext(c.DecryptMessage(ctx, try(protocol.NewPreKeySignalMessageFromBytes(p.Envelope.Body,
			serializer.PreKeySignalMessage, serializer.SignalMessage))))
	}
	return plaintext(c.Decrypt(ctx, try(protocol.NewSignalMessageFromBytes(p.Envelope.Body, serializer.SignalMessage))))
}
