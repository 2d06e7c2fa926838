package malicious

import (
	"cmp"
	"crypto/ecdh"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/wire"
	"credence/reference/x3dh"
)

// Keys are the keys of a malicious initiator. Identity and Ephemeral, if they are set, are low-order keys in the wire
// form of the set, and stand in the message in the place of the public keys of the private ones. Named has the prekeys
// that the message names, if they are others than those of the agreement.
type Keys struct {
	IdentityPrivate, EphemeralPrivate *ecdh.PrivateKey
	Identity, Ephemeral               []byte
	Named                             *x3dh.Bundle
}

// Initial returns an initial message to the owner of the bundle. A responder who takes the all-zero results of the
// low-order keys computes the same session, and reads it.
func Initial(set *params.Set, b x3dh.Bundle, k Keys, t *ecdh.PrivateKey, plaintext []byte) ([]byte, error) {
	spk, err := b.StartKey(set)
	if err != nil {
		return nil, err
	}
	outputs, err := k.outputs(set, b, spk)
	if err != nil {
		return nil, err
	}
	named := cmp.Or(k.Named, &b)
	m := wire.Initial{
		Identity:       orElse(k.Identity, x3dh.EncodeIdentity(set, k.IdentityPrivate)),
		Ephemeral:      orElse(k.Ephemeral, set.Encode(primitive.Public(k.EphemeralPrivate))),
		SignedPrekeyID: named.SignedPrekeyID, OneTimePrekeyID: named.OneTimePrekeyID,
		OneTimePrekey: named.OneTimePrekey, RegistrationID: 1,
	}
	ad := x3dh.AssociatedData(set, m.Identity, b.Identity, m.Ephemeral, b.SignedPrekey, b.OneTimePrekey)
	state, err := ratchet.StartInitiator(set, x3dh.Derive(set, outputs...), ad, t, spk)
	if err != nil {
		return nil, err
	}
	if m.Message, err = state.Encrypt(nil, plaintext); err != nil {
		return nil, err
	}
	return wire.EncodeInitial(set, m), nil
}

// outputs returns the DH outputs as the responder gets them: zero wherever a low-order key takes part.
func (k Keys) outputs(set *params.Set, b x3dh.Bundle, spk primitive.PublicKey) ([][]byte, error) {
	identity, err := x3dh.DecodeIdentity(set, b.Identity)
	if err != nil {
		return nil, err
	}
	pairs := []struct {
		zero    bool
		private *ecdh.PrivateKey
		public  primitive.PublicKey
	}{
		{k.Identity != nil, k.IdentityPrivate, spk},
		{k.Ephemeral != nil, k.EphemeralPrivate, identity},
		{k.Ephemeral != nil, k.EphemeralPrivate, spk},
	}
	if set.SignedPrekey && b.OneTimePrekey != nil {
		opk, err := set.Decode(b.OneTimePrekey)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pairs[2])
		pairs[3].public = opk
	}
	var outputs [][]byte
	for _, p := range pairs {
		dh := make([]byte, primitive.KeySize)
		if !p.zero {
			if dh, err = primitive.DH(p.private, p.public); err != nil {
				return nil, err
			}
		}
		outputs = append(outputs, dh)
	}
	return outputs, nil
}

func orElse(a, b []byte) []byte {
	if a != nil {
		return a
	}
	return b
}
