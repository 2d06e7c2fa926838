// Package ratchet is SPEC.md 5: the Double Ratchet, for every parameter set.
//
// A State is one side of a session. Encrypt and Decrypt work on a copy and replace the state in one assignment at the
// end, so that refused input leaves no trace (AMB-CNV-01):
//
//	message, err := alice.Encrypt(rand.Reader, []byte("hello"))
//	plaintext, err := bob.Decrypt(rand.Reader, message)
package ratchet

import (
	"crypto/ecdh"
	"slices"

	"credence/reference/params"
	"credence/reference/primitive"
)

// Role is the side of a session, for its whole life.
type Role uint8

// The roles, as they stand in the canonical state.
const (
	Initiator Role = 1
	Responder Role = 2
)

// Cadence says when a sender takes a new ratchet key (SPEC.md 5.3).
type Cadence uint8

// The cadences, as they stand in the canonical state.
const (
	PerTurn    Cadence = 1
	PerMessage Cadence = 2
)

// State is the state of SPEC.md 5.1. Keys are 32 bytes; nil is none.
type State struct {
	Set     *params.Set
	Role    Role
	Cadence Cadence
	AD      []byte // associated data of the session, initiator first

	RK     []byte
	DHs    *ecdh.PrivateKey
	DHr    *primitive.PublicKey
	CKs    []byte
	Ns     uint64
	PN     uint64
	Chains []Chain // receiving chains, oldest first
}

// Chain is a receiving chain.
type Chain struct {
	DH      primitive.PublicKey
	CK      []byte // nil when closed
	N       uint64 // number of the next message
	Skipped []SkippedKey
}

// SkippedKey is a stored message key, oldest first in its chain. The slices of a state are never changed in place, so
// that a copy of the struct and of Chains is a copy of the state.
type SkippedKey struct {
	N  uint64
	MK []byte
}

// AssociatedData returns the associated data of a message: the sender's half first, or as agreed (SPEC.md 5.6).
func (s *State) AssociatedData(sending bool) []byte {
	if !s.Set.SenderFirst || (s.Role == Initiator) == sending {
		return s.AD
	}
	half := len(s.AD) / 2
	return append(append(make([]byte, 0, len(s.AD)), s.AD[half:]...), s.AD[:half]...)
}

func (s *State) associatedData(sending bool, context []byte) []byte {
	if len(context) == 0 {
		return s.AssociatedData(sending)
	}
	return slices.Concat(s.AssociatedData(sending), context)
}

// ratchetRoot is the DH ratchet: (RK, ck) = KDF_RK(RK, DH(DHs, DHr)).
func (s *State) ratchetRoot() (ck []byte, err error) {
	dh, err := primitive.DH(s.DHs, *s.DHr)
	if err != nil {
		return nil, err
	}
	s.RK, ck = primitive.KDFRK(s.RK, dh, s.Set.RootInfo)
	return ck, nil
}
