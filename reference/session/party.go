// Package session is SPEC.md 4.3 and 6: a party with its prekeys and its sessions with peers, which join X3DH to the
// Double Ratchet.
package session

import (
	"crypto/ecdh"
	"crypto/hmac"
	"fmt"
	"io"
	"maps"
	"slices"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/x3dh"
	"credence/spec/refusal"
)

// Party is one account: identity key, prekeys, digests of the agreements it has accepted, and the sessions with each
// peer.
type Party struct {
	set            *params.Set
	identity       *ecdh.PrivateKey
	signedPrekeys  []prekey // newest last; the earlier ones until they are forgotten
	signature      []byte   // of the newest
	oneTimePrekeys []prekey // in the order of their ids
	accepted       []digest // of agreements that started a session (AMB-X3D-13)
	registrationID uint32
	cadence        ratchet.Cadence
	sessions       map[string]held
}

type prekey struct {
	id  uint32
	key *ecdh.PrivateKey
}

// digest is what is remembered of an accepted agreement, as long as its signed prekey is kept (SPEC.md 4.3).
type digest struct {
	prekey uint32 // id of the signed prekey
	sum    []byte // 32 bytes
}

// Options shape a new party. The zero value is a party with per-turn cadence and no one-time prekey.
type Options struct {
	SignedPrekeyID  uint32 // 0 is 1
	OneTimePrekeys  int
	OneTimePrekeyID uint32 // of the first; 0 is 1
	RegistrationID  uint32
	Cadence         ratchet.Cadence // 0 is PerTurn
}

// New makes a party. It draws from rand in the order of SPEC.md 1.3, and returns the error of rand, or
// params.ErrInvalidSet, or refusal.Malformed for a cadence that the set does not have.
func New(set *params.Set, o Options, rand io.Reader) (p *Party, err error) {
	if err := set.Validate(); err != nil {
		return nil, err
	}
	p = &Party{set: set, registrationID: o.RegistrationID, cadence: max(o.Cadence, ratchet.PerTurn),
		sessions: map[string]held{}}
	if p.cadence == ratchet.PerMessage && !set.PerMessage {
		return nil, fmt.Errorf("%w: no cadence per-message in %s", refusal.Malformed, set.Name)
	}
	if p.identity, err = primitive.GeneratePrivate(rand); err != nil {
		return nil, err
	}
	if set.SignedPrekey {
		if err := p.makeSignedPrekey(max(o.SignedPrekeyID, 1), rand); err != nil {
			return nil, err
		}
	}
	first := max(o.OneTimePrekeyID, 1)
	for i := range o.OneTimePrekeys {
		k, err := primitive.GeneratePrivate(rand)
		if err != nil {
			return nil, err
		}
		p.oneTimePrekeys = append(p.oneTimePrekeys, prekey{first + uint32(i), k})
	}
	return p, nil
}

func (p *Party) makeSignedPrekey(id uint32, rand io.Reader) error {
	k, err := primitive.GeneratePrivate(rand)
	if err != nil {
		return err
	}
	signature, err := x3dh.SignPrekey(p.set, p.identity, primitive.Public(k), rand)
	if err != nil {
		return err
	}
	p.signedPrekeys, p.signature = append(slices.Clip(p.signedPrekeys), prekey{id, k}), signature
	return nil
}

// RenewSignedPrekey makes a new signed prekey with the next id; the earlier ones stay until they are forgotten. It
// draws the private key and Z from rand, and returns the error of rand.
func (p *Party) RenewSignedPrekey(rand io.Reader) error {
	return p.makeSignedPrekey(p.newestSignedPrekey().id+1, rand)
}

// ForgetSignedPrekeys deletes the signed prekeys with a lower id, but for the newest, and what is remembered of the
// agreements that were made with them.
func (p *Party) ForgetSignedPrekeys(below uint32) {
	newest := p.newestSignedPrekey().id
	old := func(id uint32) bool { return id < below && id != newest }
	p.signedPrekeys = slices.DeleteFunc(slices.Clone(p.signedPrekeys), func(k prekey) bool { return old(k.id) })
	p.accepted = slices.DeleteFunc(slices.Clone(p.accepted), func(d digest) bool { return old(d.prekey) })
}

// newestSignedPrekey returns the zero prekey in a set that has none.
func (p *Party) newestSignedPrekey() prekey {
	if len(p.signedPrekeys) == 0 {
		return prekey{}
	}
	return p.signedPrekeys[len(p.signedPrekeys)-1]
}

// Bundle returns the party's bundle with the first one-time prekey that it still has, if any (SPEC.md 4.1).
func (p *Party) Bundle() x3dh.Bundle {
	b := x3dh.Bundle{Identity: x3dh.EncodeIdentity(p.set, p.identity), Signature: p.signature}
	if k := p.newestSignedPrekey(); k.key != nil {
		b.SignedPrekey, b.SignedPrekeyID = p.set.Encode(primitive.Public(k.key)), k.id
	}
	if len(p.oneTimePrekeys) > 0 {
		k := p.oneTimePrekeys[0]
		b.OneTimePrekey = p.set.Encode(primitive.Public(k.key))
		if !p.set.OneTimePrekeyByKey {
			b.OneTimePrekeyID = k.id
		}
	}
	return b
}

// findPrekeys returns the private keys that an initial message names: the one from which the ratchet starts, and the
// one-time prekey for DH4. It returns refusal.UnknownPrekey (AMB-X3D-09).
func (p *Party) findPrekeys(m initial) (spk, opk *ecdh.PrivateKey, err error) {
	if !p.set.SignedPrekey { // the one-time prekey takes its place
		spk, err = p.findOneTimePrekey(m)
		return spk, nil, err
	}
	signed := slices.IndexFunc(p.signedPrekeys, func(k prekey) bool { return k.id == m.SignedPrekeyID })
	if signed < 0 {
		return nil, nil, fmt.Errorf("%w: signed prekey %d", refusal.UnknownPrekey, m.SignedPrekeyID)
	}
	if p.set.OneTimePrekeyRequired || m.OneTimePrekeyID != 0 || len(m.OneTimePrekey) > 0 {
		if opk, err = p.findOneTimePrekey(m); err != nil {
			return nil, nil, err
		}
	}
	return p.signedPrekeys[signed].key, opk, nil
}

func (p *Party) findOneTimePrekey(m initial) (*ecdh.PrivateKey, error) {
	named := func(k prekey) bool { return k.id == m.OneTimePrekeyID }
	if p.set.OneTimePrekeyByKey {
		named = func(k prekey) bool { return slices.Equal(p.set.Encode(primitive.Public(k.key)), m.OneTimePrekey) }
	}
	i := slices.IndexFunc(p.oneTimePrekeys, named)
	if i < 0 {
		return nil, fmt.Errorf("%w: one-time prekey %d %x", refusal.UnknownPrekey, m.OneTimePrekeyID, m.OneTimePrekey)
	}
	return p.oneTimePrekeys[i].key, nil
}

// acceptedDigest is what is remembered of an accepted agreement (SPEC.md 4.3), 32 bytes.
func acceptedDigest(a x3dh.Agreement) []byte { return primitive.HMAC(a.Secret, []byte("accepted")) }

func (p *Party) hasAccepted(a x3dh.Agreement) bool {
	sum := acceptedDigest(a)
	return slices.ContainsFunc(p.accepted, func(d digest) bool { return hmac.Equal(d.sum, sum) })
}

// consume deletes the one-time prekey that an accepted initial message used (AMB-X3D-10), and remembers the agreement
// (AMB-X3D-13). Without a signed prekey there is nothing to remember: the one-time prekey is gone.
func (p *Party) consume(m initial, a x3dh.Agreement, used ...*ecdh.PrivateKey) {
	p.oneTimePrekeys = slices.DeleteFunc(
		slices.Clone(p.oneTimePrekeys), func(k prekey) bool { return slices.Contains(used, k.key) },
	)
	if p.set.SignedPrekey {
		p.accepted = append(slices.Clip(p.accepted), digest{m.SignedPrekeyID, acceptedDigest(a)})
	}
}

// Clone returns a copy of the party: what is done to one of the two does not show in the other.
func (p *Party) Clone() *Party {
	c := *p
	c.sessions = maps.Clone(p.sessions)
	return &c
}

// Drop deletes the sessions with a peer, if there are any.
func (p *Party) Drop(peer string) { delete(p.sessions, peer) }

// Peers lists those with whom there are sessions, in ascending order.
func (p *Party) Peers() []string { return slices.Sorted(maps.Keys(p.sessions)) }
