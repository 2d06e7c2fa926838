package params

import (
	"errors"
	"fmt"
	"slices"
)

// ErrInvalidSet is returned by Validate.
var ErrInvalidSet = errors.New("invalid parameter set")

// Validate reports properties that cannot stand together. It returns ErrInvalidSet with the reason.
func (s *Set) Validate() error {
	for _, r := range s.rules() {
		if r.broken {
			return fmt.Errorf("%w %q: %s", ErrInvalidSet, s.Name, r.reason)
		}
	}
	return nil
}

type rule struct {
	broken bool
	reason string
}

func (s *Set) rules() []rule {
	return slices.Concat(s.agreementRules(), s.ratchetRules(), s.sessionRules())
}

func (s *Set) agreementRules() []rule {
	return []rule{
		{s.AgreementSize != 32 && s.AgreementSize != 64, "the agreement gives SK, or RK and CK"},
		{s.Start != Specification && s.AgreementSize != 64, "the starts whisper and olm need CK"},
		{s.Signature == Ed25519 && s.Identity != Ed25519Identity, "an Ed25519 signature verifies under an Ed25519 key"},
		{s.Signature != NoSignature && !s.SignedPrekey, "there is no prekey to sign"},
		{!s.SignedPrekey && !s.OneTimePrekeyRequired, "without a prekey there is no agreement"},
		{!s.SignedPrekey && s.Lazy && s.Start != Olm, "a one-time prekey would stay as ratchet key (AMB-X3D-10)"},
		{s.keyMayBeAbsent() && s.Wire == AmbassadorWire, "a fixed layout has no room for a key that may be absent"},
		{s.SenderFirst && s.AssociatedData != IdentityAD, "only two identity keys have an order"},
	}
}

// keyMayBeAbsent reports whether an initial message has a one-time prekey in it or not.
func (s *Set) keyMayBeAbsent() bool { return s.OneTimePrekeyByKey && !s.OneTimePrekeyRequired }

func (s *Set) ratchetRules() []rule {
	return []rule{
		{s.Cipher == ChaCha20Poly1305 && s.TagSize != 16, "a tag of ChaCha20-Poly1305 has 16 bytes"},
		{s.Cipher == AESCBC && (s.TagSize < 1 || s.TagSize > 32), "a tag of HMAC-SHA-256 has 1 to 32 bytes"},
		{s.PerMessage && !s.Lazy, "an eager receiver takes a step of its own for every ratchet key it gets"},
		{s.PerMessage && s.Start == Olm, "with the start olm the initiator has no key to take a second step with"},
		{s.ClosesChains && s.PN != PNLength, "a chain is closed at the length that pn gives"},
		{s.MaxChains == 0 && (!s.ClosesChains || s.StoredPerChain), "the number of stored keys has no bound"},
	}
}

func (s *Set) sessionRules() []rule {
	return []rule{
		{s.MaxSessions < 1, "without a session nothing is sent or read"},
		{s.ArchiveChains < 0, "a number of chains is not below 0"},
	}
}
