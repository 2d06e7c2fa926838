package x3dh

import (
	"bytes"
	"crypto/ecdh"
	"fmt"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/xeddsa"
	"credence/spec/refusal"
)

// SignerKey returns the public key of k under which its signatures verify (SPEC.md 3.2): the point in Ed25519 mode,
// Enc(u) in the others. It need not be the identity key in the form of the set.
func SignerKey(set *params.Set, k *ecdh.PrivateKey) []byte {
	if set.Signature == params.Ed25519 {
		return xeddsa.EdwardsPublic(k)
	}
	return set.Encode(primitive.Public(k))
}

// VerifySignature checks a signature under a public key as SignerKey returns it. It returns refusal.Malformed for a key
// without its type byte, and the refusals of xeddsa.Verify.
func VerifySignature(set *params.Set, signer, message, signature []byte) error {
	if set.Signature == params.Ed25519 {
		return xeddsa.Verify(set.Signature, signer, message, signature)
	}
	u, ok := bytes.CutPrefix(signer, set.KeyPrefix)
	if !ok {
		return fmt.Errorf("%w: public key without its type byte", refusal.Malformed)
	}
	return xeddsa.Verify(set.Signature, u, message, signature)
}

// VerifyPrekey checks the signature of an encoded signed prekey under the identity key of its owner (AMB-X3D-02). In a
// set without signatures there is none to check. It returns the refusals of xeddsa.EdwardsToMontgomery and
// VerifySignature.
func VerifyPrekey(set *params.Set, identity, encodedSPK, signature []byte) error {
	if set.Signature == params.NoSignature {
		return nil
	}
	signer, err := signerOf(set, identity)
	if err != nil {
		return err
	}
	return VerifySignature(set, signer, SignatureInput(set, encodedSPK), signature)
}

// signerOf returns the signer key that belongs to an identity key on the wire.
func signerOf(set *params.Set, identity []byte) ([]byte, error) {
	if set.Identity != params.Ed25519Identity || set.Signature == params.Ed25519 {
		return identity, nil
	}
	u, err := xeddsa.EdwardsToMontgomery(identity)
	return set.Encode(u), err
}
