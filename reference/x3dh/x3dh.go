// Package x3dh is SPEC.md 4.1 and 4.2: bundles and the agreement. Keeping prekeys is in package session.
package x3dh

import (
	"crypto/ecdh"
	"fmt"
	"io"
	"slices"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/xeddsa"
	"credence/spec/refusal"
)

// Bundle is what an initiator gets of a responder. Keys are in the wire form of the set; nil is none.
type Bundle struct {
	Identity        []byte
	SignedPrekey    []byte
	SignedPrekeyID  uint32
	Signature       []byte // 64 bytes
	OneTimePrekey   []byte
	OneTimePrekeyID uint32
}

// Agreement is the outcome of X3DH, the same on both sides.
type Agreement struct {
	Secret []byte // 32 bytes SK, or 64 bytes RK || CK
	AD     []byte // associated data of the session (AMB-X3D-07)
}

// EncodeIdentity returns the identity key of k on the wire: the Ed25519 point or Enc(IK).
func EncodeIdentity(set *params.Set, k *ecdh.PrivateKey) []byte {
	if set.Identity == params.Ed25519Identity {
		return xeddsa.EdwardsPublic(k)
	}
	return set.Encode(primitive.Public(k))
}

// DecodeIdentity returns the X25519 form of an identity key on the wire. It returns the refusals of params.Set.Decode
// or of xeddsa.EdwardsToMontgomery.
func DecodeIdentity(set *params.Set, encoded []byte) (primitive.PublicKey, error) {
	if set.Identity != params.Ed25519Identity {
		return set.Decode(encoded)
	}
	return xeddsa.EdwardsToMontgomery(encoded)
}

// SignPrekey signs a signed prekey with the identity key (AMB-X3D-01). It draws Z from rand, and returns the error of
// rand. A set without signatures returns nil.
func SignPrekey(set *params.Set, identity *ecdh.PrivateKey, spk primitive.PublicKey, rand io.Reader) ([]byte, error) {
	if set.Signature == params.NoSignature {
		return nil, nil
	}
	return xeddsa.Sign(set.Signature, identity, SignatureInput(set, set.Encode(spk)), rand)
}

// SignatureInput returns what the identity key signs of an encoded signed prekey (SPEC.md 2.4).
func SignatureInput(set *params.Set, encodedSPK []byte) []byte {
	return append([]byte(set.SignatureLabel), encodedSPK...)
}

// peerKeys are the public keys of the responder, checked.
type peerKeys struct {
	identity, signedPrekey primitive.PublicKey
	oneTimePrekey          *primitive.PublicKey
}

// check does the checks of SPEC.md 4.1 in their order, up to the agreement.
func (b Bundle) check(set *params.Set) (p peerKeys, err error) {
	if err := b.complete(set); err != nil {
		return p, err
	}
	if p.identity, err = DecodeIdentity(set, b.Identity); err != nil {
		return p, fmt.Errorf("identity key: %w", err)
	}
	if p.signedPrekey, err = set.Decode(b.startKey(set)); err != nil {
		return p, fmt.Errorf("signed prekey: %w", err)
	}
	if !set.SignedPrekey {
		return p, nil
	}
	if b.OneTimePrekey != nil {
		opk, err := set.Decode(b.OneTimePrekey)
		if err != nil {
			return p, fmt.Errorf("one-time prekey: %w", err)
		}
		p.oneTimePrekey = &opk
	}
	if err := VerifyPrekey(set, b.Identity, b.SignedPrekey, b.Signature); err != nil { // AMB-X3D-02
		return p, fmt.Errorf("signed prekey: %w", err)
	}
	return p, nil
}

// startKey is the key from which the ratchet starts: the signed prekey, or the one-time prekey that takes its place.
func (b Bundle) startKey(set *params.Set) []byte {
	if !set.SignedPrekey {
		return b.OneTimePrekey
	}
	return b.SignedPrekey
}

// complete refuses a bundle that lacks a key (AMB-X3D-03).
func (b Bundle) complete(set *params.Set) error {
	missing := func(what string) error { return fmt.Errorf("%w: no %s", refusal.IncompleteBundle, what) }
	switch {
	case len(b.Identity) == 0:
		return missing("identity key")
	case set.SignedPrekey && len(b.SignedPrekey) == 0:
		return missing("signed prekey")
	case set.Signature != params.NoSignature && len(b.Signature) == 0:
		return missing("signature")
	case set.OneTimePrekeyRequired && len(b.OneTimePrekey) == 0:
		return missing("one-time prekey")
	}
	return nil
}

// StartKey returns the responder's first ratchet key of a bundle (SPEC.md 5.2), or its refusal.
func (b Bundle) StartKey(set *params.Set) (primitive.PublicKey, error) {
	return set.Decode(b.startKey(set))
}

// Initiate is the initiator's side (AMB-X3D-05). It checks the bundle first and returns its refusal.
func Initiate(set *params.Set, identity, ephemeral *ecdh.PrivateKey, b Bundle) (Agreement, error) {
	p, err := b.check(set)
	if err != nil {
		return Agreement{}, fmt.Errorf("bundle: %w", err)
	}
	pairs := []dhPair{{identity, p.signedPrekey}, {ephemeral, p.identity}, {ephemeral, p.signedPrekey}}
	if p.oneTimePrekey != nil {
		pairs = append(pairs, dhPair{ephemeral, *p.oneTimePrekey})
	}
	ika, eka := EncodeIdentity(set, identity), set.Encode(primitive.Public(ephemeral))
	ad := AssociatedData(set, ika, b.Identity, eka, b.SignedPrekey, b.OneTimePrekey)
	return agree(set, pairs, ad)
}

// Respond is the responder's side (AMB-X3D-06). spk is the signed prekey, or the one-time prekey that takes its place;
// opk is nil if there is no DH4. It returns the refusals of the initiator's keys.
func Respond(set *params.Set, identity, spk, opk *ecdh.PrivateKey, initiatorIdentity, ephemeral []byte) (
	Agreement, error,
) {
	ika, err := DecodeIdentity(set, initiatorIdentity)
	if err != nil {
		return Agreement{}, fmt.Errorf("initiator's identity key: %w", err)
	}
	eka, err := set.Decode(ephemeral)
	if err != nil {
		return Agreement{}, fmt.Errorf("ephemeral key: %w", err)
	}
	pairs := []dhPair{{spk, ika}, {identity, eka}, {spk, eka}}
	var encodedOPK []byte
	if opk != nil {
		pairs = append(pairs, dhPair{opk, eka})
		encodedOPK = set.Encode(primitive.Public(opk))
	}
	ikb, encodedSPK := EncodeIdentity(set, identity), set.Encode(primitive.Public(spk))
	ad := AssociatedData(set, initiatorIdentity, ikb, ephemeral, encodedSPK, encodedOPK)
	return agree(set, pairs, ad)
}

type dhPair struct {
	private *ecdh.PrivateKey
	public  primitive.PublicKey
}

func agree(set *params.Set, pairs []dhPair, ad []byte) (Agreement, error) {
	var outputs [][]byte
	for i, p := range pairs {
		dh, err := primitive.DH(p.private, p.public)
		if err != nil {
			return Agreement{}, fmt.Errorf("DH%d: %w", i+1, err)
		}
		outputs = append(outputs, dh)
	}
	return Agreement{Secret: Derive(set, outputs...), AD: ad}, nil
}

// Derive is HKDF over F and the DH outputs (SPEC.md 4.2): 32 or 64 bytes by the set.
func Derive(set *params.Set, outputs ...[]byte) []byte {
	ikm := slices.Concat(append([][]byte{set.AgreementPrefix}, outputs...)...)
	return primitive.HKDF(make([]byte, primitive.KeySize), ikm, set.AgreementInfo, set.AgreementSize)
}

// AssociatedData is AMB-X3D-07: the keys in their wire form, initiator first; nil is a key that the agreement does not
// have.
func AssociatedData(set *params.Set, ika, ikb, eka, spk, opk []byte) []byte {
	switch set.AssociatedData {
	case params.FullAD:
		return slices.Concat([]byte(set.Name), ika, ikb, eka, spk, opk)
	case params.IdentityAD:
		return slices.Concat(ika, ikb)
	default:
		return nil
	}
}
