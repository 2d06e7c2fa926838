package session

import (
	"bytes"
	"crypto/ecdh"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"credence/reference/params"
	"credence/reference/ratchet"
	"credence/spec/refusal"
)

// stored is the export of a party. JSON keeps the keys of a map sorted, so that equal parties give equal bytes.
type stored struct {
	Set            string                     `json:"set"`
	Identity       []byte                     `json:"identity"`
	SignedPrekeys  []storedPrekey             `json:"signed_prekeys"`
	Signature      []byte                     `json:"signature"`
	OneTimePrekeys []storedPrekey             `json:"one_time_prekeys"`
	Accepted       []storedDigest             `json:"accepted"`
	RegistrationID uint32                     `json:"registration_id"`
	Cadence        ratchet.Cadence            `json:"cadence"`
	Sessions       map[string][]storedSession `json:"sessions"` // of each peer the one that was used last first
}

type storedPrekey struct {
	ID  uint32 `json:"id"`
	Key []byte `json:"key"`
}

type storedDigest struct {
	Prekey uint32 `json:"prekey"`
	Sum    []byte `json:"sum"`
}

type storedSession struct {
	Ratchet   []byte  `json:"ratchet"` // the canonical state
	Wrap      initial `json:"wrap"`
	Wrapping  bool    `json:"wrapping"`
	Elsewhere int     `json:"elsewhere"`
}

// Export returns the whole state of the party, secrets included (SPEC.md 5.7).
func (p *Party) Export() []byte {
	s := stored{
		Set: p.set.Name, Identity: p.identity.Bytes(), Signature: p.signature, RegistrationID: p.registrationID,
		Cadence: p.cadence, Sessions: map[string][]storedSession{},
	}
	for _, k := range p.signedPrekeys {
		s.SignedPrekeys = append(s.SignedPrekeys, storedPrekey{k.id, k.key.Bytes()})
	}
	for _, k := range p.oneTimePrekeys {
		s.OneTimePrekeys = append(s.OneTimePrekeys, storedPrekey{k.id, k.key.Bytes()})
	}
	for _, d := range p.accepted {
		s.Accepted = append(s.Accepted, storedDigest{d.prekey, d.sum})
	}
	for peer, sessions := range p.sessions {
		for _, h := range sessions {
			s.Sessions[peer] = append(
				s.Sessions[peer], storedSession{h.ratchet.Marshal(), h.wrap, h.wrapping, h.elsewhere},
			)
		}
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // the type has nothing that JSON cannot hold
	}
	return b
}

// Import returns the party that was exported (AMB-STA-01), of a published set or of one of extra. It returns
// refusal.Malformed with the field that is wrong.
func Import(exported []byte, extra ...*params.Set) (*Party, error) {
	var s stored
	d := json.NewDecoder(bytes.NewReader(exported))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("%w: party: %v", refusal.Malformed, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: party: trailing data", refusal.Malformed)
	}
	p, err := s.party(extra)
	if err != nil {
		return nil, fmt.Errorf("%w: party: %v", refusal.Malformed, err)
	}
	return p, nil
}

func (s stored) party(extra []*params.Set) (*Party, error) {
	set, err := params.Lookup(s.Set, extra...)
	if err != nil {
		return nil, err
	}
	p := &Party{
		set: set, signature: s.Signature, registrationID: s.RegistrationID, cadence: s.Cadence,
		sessions: map[string]held{},
	}
	if p.identity, err = ecdh.X25519().NewPrivateKey(s.Identity); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if p.signedPrekeys, err = prekeys("signed_prekeys", s.SignedPrekeys); err != nil {
		return nil, err
	}
	if set.SignedPrekey != (len(p.signedPrekeys) > 0) {
		return nil, errors.New("signed_prekeys: number does not fit the set")
	}
	if p.oneTimePrekeys, err = prekeys("one_time_prekeys", s.OneTimePrekeys); err != nil {
		return nil, err
	}
	for _, d := range s.Accepted {
		if !slices.ContainsFunc(p.signedPrekeys, func(k prekey) bool { return k.id == d.Prekey }) {
			return nil, fmt.Errorf("accepted: no signed prekey %d", d.Prekey)
		}
		p.accepted = append(p.accepted, digest{d.Prekey, d.Sum})
	}
	for peer, sessions := range s.Sessions {
		if p.sessions[peer], err = importSessions(set, sessions); err != nil {
			return nil, fmt.Errorf("sessions: %q: %w", peer, err)
		}
	}
	return p, nil
}

func prekeys(field string, stored []storedPrekey) (keys []prekey, err error) {
	for _, k := range stored {
		key, err := ecdh.X25519().NewPrivateKey(k.Key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field, err)
		}
		keys = append(keys, prekey{k.ID, key})
	}
	return keys, nil
}

// importSessions reads the sessions with one peer. They are as many as the set keeps, and none of them is there for
// longer than it keeps them.
func importSessions(set *params.Set, stored []storedSession) (sessions held, err error) {
	if len(stored) == 0 || len(stored) > set.MaxSessions {
		return nil, fmt.Errorf("%d sessions", len(stored))
	}
	age := 0
	for i, s := range stored {
		session, err := s.session(set)
		switch {
		case err != nil:
			return nil, err
		case s.Elsewhere < age, i == 0 && s.Elsewhere > 0, s.Elsewhere > 0 && s.Elsewhere >= set.ArchiveChains:
			return nil, fmt.Errorf("session %d: elsewhere is %d", i, s.Elsewhere)
		case s.Wrap.Ephemeral != nil && sessions.find(s.Wrap) >= 0:
			return nil, fmt.Errorf("session %d is there before", i)
		}
		age, sessions = s.Elsewhere, append(sessions, session)
	}
	return sessions, nil
}

func (s storedSession) session(set *params.Set) (*session, error) {
	state, err := ratchet.Unmarshal(s.Ratchet, set)
	if err != nil {
		return nil, err
	}
	if state.Set.Name != set.Name {
		return nil, fmt.Errorf("a state of %s", state.Set.Name)
	}
	return &session{ratchet: *state, wrap: s.Wrap, wrapping: s.Wrapping, elsewhere: s.Elsewhere}, nil
}
