// Package adversary decides who can read what. The Oracle says which messages an attacker may be able to read by the
// specification, over names and without a single byte; the Attacker reads what he can from exported bytes and recorded
// traffic. A target is secure if the second reads nothing that the first does not allow (SPEC.md 13.4).
//
// Nothing here is the reference's: the table of parameter sets, the derivations, and the reading of messages and
// structures were written from SPEC.md a second time, so that no mistake is made by target and judge alike.
package adversary

import "fmt"

// Start holds the public keys of an agreement (SPEC.md 4.2). OneTimePrekey is nil if there is none.
type Start struct {
	Initiator, Responder, Ephemeral, SignedPrekey PublicKey
	OneTimePrekey                                 *PublicKey
}

// Session is what everybody can see of a session: its public keys and its steps.
type Session struct {
	Name  string
	Set   *Set
	AD    []byte // associated data, initiator first
	Start *Start // nil if the session came from a secret that both sides were given
	Steps []Step // the ratchet keys that were sent, in the order in which they were first seen
}

// Step is a DH ratchet step: Key is new, Partner the newest key of the other side that the sender of Key had, Previous
// the key of the step before, whose root key this one goes on from; it is nil for the first one.
type Step struct {
	Key      PublicKey
	Partner  PublicKey
	Previous *PublicKey
}

// Message is a ciphertext under way, with its plaintext for the judge.
type Message struct {
	Name      string
	Session   *Session
	Initiator bool // the initiator's side has sent it
	Body      []byte
	Context   []byte // authenticated with it (SPEC.md 5.6)
	Plaintext []byte
	Header    Header
	parsed    *Sealed

	authenticated, sealed []byte // what the message key is tried on, once it was needed
}

// Trace is everything that travels.
type Trace struct {
	Sessions []*Session
	Messages []*Message
	Publics  map[PublicKey]bool // every public key that was seen
}

// NewTrace returns an empty trace.
func NewTrace() *Trace { return &Trace{Publics: map[PublicKey]bool{}} }

// Open adds a session.
func (t *Trace) Open(s *Session) {
	t.Sessions = append(t.Sessions, s)
	if s.Start == nil {
		return
	}
	for _, k := range []PublicKey{
		s.Start.Initiator, s.Start.Responder, s.Start.Ephemeral, s.Start.SignedPrekey,
	} {
		t.Publics[k] = true
	}
	if s.Start.OneTimePrekey != nil {
		t.Publics[*s.Start.OneTimePrekey] = true
	}
}

// Add parses a message and adds it. It returns the refusals of Set.ReadMessage.
func (t *Trace) Add(m *Message) error {
	if err := m.parse(); err != nil {
		return err
	}
	t.see(m)
	return nil
}

func (m *Message) parse() (err error) {
	if m.parsed, err = m.Session.Set.ReadMessage(m.Body); err != nil {
		return fmt.Errorf("message %s: %w", m.Name, err)
	}
	m.Header = m.parsed.Header
	return nil
}

func (t *Trace) see(m *Message) {
	t.Messages = append(t.Messages, m)
	t.Publics[m.Header.Key] = true
}

// step returns the step of a key, or nil.
func (s *Session) step(key PublicKey) *Step {
	for i := range s.Steps {
		if s.Steps[i].Key == key {
			return &s.Steps[i]
		}
	}
	return nil
}

// stepped notes the step of a key that is seen for the first time.
func (s *Session) stepped(key, partner PublicKey, previous *PublicKey) {
	if s.step(key) == nil {
		s.Steps = append(s.Steps, Step{key, partner, previous})
	}
}
