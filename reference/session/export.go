package session

import (
	"bytes"
	"crypto/ecdh"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"credence/reference/params"
	"credence/reference/ratchet"
	"credence/spec/refusal"
)

// stored is the export of a party. JSON keeps the keys of a map sorted, so that equal parties give equal bytes.
type stored struct {
	Set            string                   `json:"set"`
	Identity       []byte                   `json:"identity"`
	SignedPrekeys  []storedPrekey           `json:"signed_prekeys"`
	Signature      []byte                   `json:"signature"`
	OneTimePrekeys []storedPrekey           `json:"one_time_prekeys"`
	Accepted       [][]byte                 `json:"accepted"`
	RegistrationID uint32                   `json:"registration_id"`
	Cadence        ratchet.Cadence          `json:"cadence"`
	Sessions       map[string]storedSession `json:"sessions"`
}

type storedPrekey struct {
	ID  uint32 `json:"id"`
	Key []byte `json:"key"`
}

type storedSession struct {
	Ratchet  []byte  `json:"ratchet"` // the canonical state
	Wrap     initial `json:"wrap"`
	Wrapping bool    `json:"wrapping"`
}

// Export returns the whole state of the party, secrets included (SPEC.md 5.7).
func (p *Party) Export() []byte {
	s := stored{
		Set: p.set.Name, Identity: p.identity.Bytes(), Signature: p.signature, Accepted: p.accepted,
		RegistrationID: p.registrationID, Cadence: p.cadence, Sessions: map[string]storedSession{},
	}
	for _, k := range p.signedPrekeys {
		s.SignedPrekeys = append(s.SignedPrekeys, storedPrekey{k.id, k.key.Bytes()})
	}
	for _, k := range p.oneTimePrekeys {
		s.OneTimePrekeys = append(s.OneTimePrekeys, storedPrekey{k.id, k.key.Bytes()})
	}
	for peer, session := range p.sessions {
		s.Sessions[peer] = storedSession{session.ratchet.Marshal(), session.wrap, session.wrapping}
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
		set: set, signature: s.Signature, accepted: s.Accepted, registrationID: s.RegistrationID, cadence: s.Cadence,
		sessions: map[string]*session{},
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
	for peer, session := range s.Sessions {
		if p.sessions[peer], err = session.session(set); err != nil {
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

func (s storedSession) session(set *params.Set) (*session, error) {
	state, err := ratchet.Unmarshal(s.Ratchet, set)
	if err != nil {
		return nil, err
	}
	if state.Set.Name != set.Name {
		return nil, fmt.Errorf("a state of %s", state.Set.Name)
	}
	return &session{ratchet: *state, wrap: s.Wrap, wrapping: s.Wrapping}, nil
}
