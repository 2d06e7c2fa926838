package ratchet

import (
	"crypto/ecdh"
	"fmt"
	"io"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/spec/refusal"
)

// StartInitiator returns the initiator's first state (AMB-RAT-01). secret is the output of the agreement, 32 or 64
// bytes by the set; t is a fresh ratchet key; spk is the responder's signed prekey, which the start olm does not use.
// It returns refusal.Malformed for a secret of the wrong size and refusal.LowOrderKey.
func StartInitiator(set *params.Set, secret, ad []byte, t *ecdh.PrivateKey, spk primitive.PublicKey) (*State, error) {
	if err := checkSecret(set, secret); err != nil {
		return nil, err
	}
	s := &State{Set: set, Role: Initiator, Cadence: PerTurn, AD: ad, RK: secret[:32], DHs: t}
	if set.Start == params.Olm {
		s.CKs = secret[32:]
		return s, nil
	}
	if set.Start == params.Whisper {
		s.Chains = []Chain{{DH: spk, CK: secret[32:]}}
	}
	s.DHr = &spk
	var err error
	s.CKs, err = s.ratchetRoot()
	return s, err
}

// StartResponder returns the responder's first state (AMB-RAT-02). spk is the private key of his signed prekey; with
// the start olm it is not used, and first is the ratchet key of the first message, which the other starts do not use.
// It returns refusal.Malformed for a secret of the wrong size.
func StartResponder(set *params.Set, secret, ad []byte, spk *ecdh.PrivateKey, first primitive.PublicKey) (
	*State, error,
) {
	if err := checkSecret(set, secret); err != nil {
		return nil, err
	}
	s := &State{Set: set, Role: Responder, Cadence: PerTurn, AD: ad, RK: secret[:32]}
	switch set.Start {
	case params.Olm:
		s.Chains = []Chain{{DH: first, CK: secret[32:]}}
		s.DHr = &first
	case params.Whisper:
		s.DHs, s.CKs = spk, secret[32:]
	default:
		s.DHs = spk
	}
	return s, nil
}

// Answer starts the responder's side from the first message that has come, and reads it. It returns the errors of
// StartResponder and State.Decrypt.
func Answer(
	set *params.Set, secret, ad []byte, spk *ecdh.PrivateKey, message []byte, rand io.Reader,
) (s *State, plaintext []byte, err error) {
	m, err := wire.Parse(set, message)
	if err != nil {
		return nil, nil, err
	}
	if s, err = StartResponder(set, secret, ad, spk, m.Header.Key); err != nil {
		return nil, nil, err
	}
	plaintext, err = s.Decrypt(rand, message)
	return s, plaintext, err
}

func checkSecret(set *params.Set, secret []byte) error {
	if len(secret) != set.AgreementSize {
		return fmt.Errorf("%w: shared secret of %d bytes, not %d", refusal.Malformed, len(secret), set.AgreementSize)
	}
	return nil
}
