package schedule

import (
	"slices"

	"credence/conformance/internal/adversary"
	"credence/reference/params"
)

// SetOf returns what oracle and attacker know of a parameter set: of a published one what they have of SPEC.md
// themselves, of any other one what it says of itself.
func SetOf(set *params.Set) *adversary.Set {
	if slices.Contains(params.Sets(), set) {
		return adversary.Published(set.Name)
	}
	return described(set)
}

// described says in the words of the adversary what the properties of a set are.
func described(s *params.Set) *adversary.Set {
	return &adversary.Set{
		Name: s.Name, KeyPrefix: s.KeyPrefix, Canonical: s.Canonical,
		Ed25519Identity: s.Identity == params.Ed25519Identity,

		AgreementPrefix: s.AgreementPrefix, AgreementInfo: s.AgreementInfo, AgreementSize: s.AgreementSize,
		SignedPrekey: s.SignedPrekey, OneTimePrekeyRequired: s.OneTimePrekeyRequired,
		OneTimePrekeyByKey: s.OneTimePrekeyByKey, RegistrationID: s.RegistrationID,
		AD: associatedData[s.AssociatedData], SenderFirst: s.SenderFirst,

		RootInfo: s.RootInfo, MessageInfo: s.MessageInfo, Start: starts[s.Start], Lazy: s.Lazy,
		ClosesChains: s.ClosesChains, SendsPN: s.PN != params.PNAbsent,

		MaxSkip: s.MaxSkip, MaxStored: s.MaxStored, StoredPerChain: s.StoredPerChain, MaxChains: s.MaxChains,
		MaxSessions: s.MaxSessions, ArchiveChains: s.ArchiveChains,

		Cipher: ciphers[s.Cipher], TagSize: s.TagSize, Wire: wires[s.Wire],
	}
}

var associatedData = map[params.ADForm]adversary.AD{
	params.NoAD: adversary.NoAD, params.IdentityAD: adversary.IdentityAD, params.FullAD: adversary.FullAD,
}

var starts = map[params.Start]adversary.StartForm{
	params.Specification: adversary.SpecificationStart, params.Whisper: adversary.WhisperStart,
	params.Olm: adversary.OlmStart,
}

var ciphers = map[params.Cipher]adversary.Cipher{
	params.ChaCha20Poly1305: adversary.ChaCha20Poly1305, params.AESCBC: adversary.AESCBC,
}

var wires = map[params.Wire]adversary.Wire{
	params.AmbassadorWire: adversary.AmbassadorWire, params.SignalWire: adversary.SignalWire,
	params.OlmWire: adversary.OlmWire, params.OmemoWire: adversary.OmemoWire,
}
