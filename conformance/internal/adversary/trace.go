// Package adversary decides who can read what. The Oracle says which messages an attacker may be able to read by the
// specification, over names and without a single byte; the Attacker reads what he can from exported bytes and recorded
// traffic. A target is secure if the second reads nothing that the first does not allow (SPEC.md 13.3).
package adversary

import (
	"crypto/cipher"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/wire"
)

// Start holds the public keys of an agreement (SPEC.md 4.2). OneTimePrekey is nil if there is none.
type Start struct {
	Initiator, Responder, Ephemeral, SignedPrekey primitive.PublicKey
	OneTimePrekey                                 *primitive.PublicKey
}

// Session is what everybody can see of a session: its public keys and its steps.
type Session struct {
	Name  string
	Set   *params.Set
	AD    []byte // associated data, initiator first
	Start *Start // nil if the session came from a secret that both sides were given
	Steps []Step // the ratchet keys that were sent, in the order in which they were first seen
}

// Step is a DH ratchet step: Key is new, Partner the newest key of the other side that the sender of Key had, Previous
// the key of the step before, whose root key this one goes on from; it is nil for the first one.
type Step struct {
	Key      primitive.PublicKey
	Partner  primitive.PublicKey
	Previous *primitive.PublicKey
}

// Message is a ciphertext under way, with its plaintext for the judge.
type Message struct {
	Name      string
	Session   *Session
	Initiator bool // the initiator's side has sent it
	Body      []byte
	Context   []byte // authenticated with it (SPEC.md 5.6)
	Plaintext []byte
	Header    wire.Header
	parsed    *wire.Message

	authenticated, sealed []byte // what the message key is tried on, once it was needed
}

// Trace is everything that travels.
type Trace struct {
	Sessions []*Session
	Messages []*Message
	Publics  map[primitive.PublicKey]bool // every public key that was seen
}

// NewTrace returns an empty trace.
func NewTrace() *Trace { return &Trace{Publics: map[primitive.PublicKey]bool{}} }

// Open adds a session.
func (t *Trace) Open(s *Session) {
	t.Sessions = append(t.Sessions, s)
	if s.Start == nil {
		return
	}
	for _, k := range []primitive.PublicKey{
		s.Start.Initiator, s.Start.Responder, s.Start.Ephemeral, s.Start.SignedPrekey,
	} {
		t.Publics[k] = true
	}
	if s.Start.OneTimePrekey != nil {
		t.Publics[*s.Start.OneTimePrekey] = true
	}
}

// Add parses a message and adds it. It returns the refusals of wire.Parse.
func (t *Trace) Add(m *Message) error {
	if err := m.parse(); err != nil {
		return err
	}
	t.see(m)
	return nil
}

func (m *Message) parse() (err error) {
	if m.parsed, err = wire.Parse(m.Session.Set, m.Body); err != nil {
		return fmt.Errorf("message %s: %w", m.Name, err)
	}
	m.Header = m.parsed.Header
	return nil
}

func (t *Trace) see(m *Message) {
	t.Messages = append(t.Messages, m)
	t.Publics[m.Header.Key] = true
}

// opener tries one message key on many messages: what follows from the key alone is computed once.
type opener struct {
	mk    []byte
	aead  cipher.AEAD // of the sets with ChaCha20-Poly1305 (SPEC.md 2.3)
	nonce []byte
	room  []byte // for plaintexts
}

// opens reports whether the message key opens a message. The plaintext is good until the next trial of any opener of
// the attacker: nearly all trials fail, and need no memory of their own.
func (o *opener) opens(m *Message) ([]byte, bool) {
	if m.Session.Set.Cipher != params.ChaCha20Poly1305 {
		plaintext, err := m.parsed.Open(o.mk, m.associatedData())
		return plaintext, err == nil
	}
	if o.aead == nil {
		keys := primitive.HKDF(
			make([]byte, primitive.KeySize), o.mk, m.Session.Set.MessageInfo,
			chacha20poly1305.KeySize+chacha20poly1305.NonceSize,
		)
		var err error
		if o.aead, err = chacha20poly1305.New(keys[:chacha20poly1305.KeySize]); err != nil {
			panic(err) // only a wrong key size fails
		}
		o.nonce = keys[chacha20poly1305.KeySize:]
	}
	if m.authenticated == nil {
		m.authenticated, m.sealed = m.parsed.Authenticated(m.associatedData()), m.parsed.Sealed()
	}
	plaintext, err := o.aead.Open(o.room, o.nonce, m.sealed, m.authenticated)
	return plaintext, err == nil
}

func (m *Message) associatedData() []byte {
	role := ratchet.Responder
	if m.Initiator {
		role = ratchet.Initiator
	}
	s := ratchet.State{Set: m.Session.Set, Role: role, AD: m.Session.AD}
	return append(append([]byte{}, s.AssociatedData(true)...), m.Context...)
}

// step returns the step of a key, or nil.
func (s *Session) step(key primitive.PublicKey) *Step {
	for i := range s.Steps {
		if s.Steps[i].Key == key {
			return &s.Steps[i]
		}
	}
	return nil
}

// stepped notes the step of a key that is seen for the first time.
func (s *Session) stepped(key, partner primitive.PublicKey, previous *primitive.PublicKey) {
	if s.step(key) == nil {
		s.Steps = append(s.Steps, Step{key, partner, previous})
	}
}
