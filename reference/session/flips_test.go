package session_test

import "credence/reference/params"

// flip changes one property of a set. With the values of some sets the change makes no sense alone: because then has
// the reasons, as params.Validate gives them, and with changes what has to change too.
type flip struct {
	property string
	change   func(s *params.Set)
	because  []string
	with     func(s *params.Set)
	given    func(s *params.Set) // makes the property show in a short conversation; for the set without the flip too
}

func flips() []flip {
	all := keyFlips()
	all = append(all, agreementFlips()...)
	all = append(all, messageFlips()...)
	all = append(all, ratchetFlips()...)
	return append(all,
		flip{property: "sessions kept", change: func(s *params.Set) { s.MaxSessions = 2 }},
		flip{property: "archived sessions", change: func(s *params.Set) { s.ArchiveChains = 2 }},
	)
}

func keyFlips() []flip {
	eager := func(s *params.Set) { s.Lazy, s.PerMessage = false, false }
	noSignature := func(s *params.Set) { s.Signature = params.NoSignature }
	return []flip{
		{property: "key prefix", change: func(s *params.Set) {
			if s.KeyPrefix == nil {
				s.KeyPrefix = []byte{0x05}
			} else {
				s.KeyPrefix = nil
			}
		}},
		{property: "another key prefix", change: func(s *params.Set) { s.KeyPrefix = []byte{0x06, 0x07} }},
		{property: "canonical keys", change: func(s *params.Set) { s.Canonical = !s.Canonical }},
		{
			property: "identity form", change: func(s *params.Set) { s.Identity = params.Ed25519Identity - s.Identity },
			because: []string{"verifies under an Ed25519 key"},
			with:    func(s *params.Set) { s.Signature = params.SignBit },
		},
		{
			property: "identity form beside a key prefix", change: func(s *params.Set) {
				s.Identity, s.KeyPrefix = params.Ed25519Identity, []byte{0x05}
			},
		},
		{
			property: "signed prekey", change: func(s *params.Set) { s.SignedPrekey = !s.SignedPrekey },
			because: []string{"no prekey to sign"},
			with:    func(s *params.Set) { noSignature(s); eager(s); s.OneTimePrekeyRequired = true },
		},
		{property: "no signature", change: noSignature},
		{
			property: "strict signature", change: func(s *params.Set) { s.Signature = params.Strict },
			because: []string{"no prekey to sign"},
			with:    func(s *params.Set) { s.SignedPrekey = true },
		},
		{
			property: "sign-bit signature", change: func(s *params.Set) { s.Signature = params.SignBit },
			because: []string{"no prekey to sign"},
			with:    func(s *params.Set) { s.SignedPrekey = true },
		},
		{
			property: "Ed25519 signature", change: func(s *params.Set) { s.Signature = params.Ed25519 },
			because: []string{"an Ed25519 signature"},
			with:    func(s *params.Set) { s.SignedPrekey, s.Identity = true, params.Ed25519Identity },
		},
		{
			property: "signature label", change: func(s *params.Set) { s.SignatureLabel += "another" },
			given: func(s *params.Set) { // Olm signs nothing
				if s.SignedPrekey = true; s.Signature == params.NoSignature {
					s.Signature = params.SignBit
				}
			},
		},
		{
			property: "one-time prekey required",
			change:   func(s *params.Set) { s.OneTimePrekeyRequired = !s.OneTimePrekeyRequired },
			because:  []string{"without a prekey"},
			with:     func(s *params.Set) { s.SignedPrekey = true },
		},
		{
			property: "one-time prekey by key",
			change:   func(s *params.Set) { s.OneTimePrekeyByKey = !s.OneTimePrekeyByKey },
			because:  []string{"a key that may be absent"},
			with:     func(s *params.Set) { s.OneTimePrekeyRequired = true },
		},
	}
}

func agreementFlips() []flip {
	all := []flip{
		{property: "agreement prefix", change: func(s *params.Set) { s.AgreementPrefix = []byte{1} }},
		{property: "agreement info", change: func(s *params.Set) { s.AgreementInfo += "another" }},
		{
			property: "agreement size", change: func(s *params.Set) { s.AgreementSize = 96 - s.AgreementSize },
			because: []string{"need CK"},
			with:    func(s *params.Set) { s.Start, s.SignedPrekey = params.Specification, true },
		},
		{
			property: "sender first", change: func(s *params.Set) { s.SenderFirst = !s.SenderFirst },
			because: []string{"have an order"},
			with:    func(s *params.Set) { s.AssociatedData = params.IdentityAD },
		},
		{property: "registration id", change: func(s *params.Set) { s.RegistrationID = !s.RegistrationID }},
	}
	for form, name := range []string{"no associated data", "identities as associated data", "full associated data"} {
		all = append(all, flip{
			property: name, change: func(s *params.Set) { s.AssociatedData = params.ADForm(form) },
			because: []string{"have an order"},
			with:    func(s *params.Set) { s.SenderFirst = false },
		})
	}
	return all
}

func messageFlips() []flip {
	all := []flip{
		{
			property: "cipher", change: func(s *params.Set) { s.Cipher = params.AESCBC - s.Cipher },
			because: []string{"has 16 bytes"},
			with:    func(s *params.Set) { s.TagSize = 16 },
		},
		{property: "root info", change: func(s *params.Set) { s.RootInfo += "another" }},
		{property: "message info", change: func(s *params.Set) { s.MessageInfo += "another" }},
		{
			property: "tag size", change: func(s *params.Set) { s.TagSize = 12 },
			because: []string{"has 16 bytes"},
			with:    func(s *params.Set) { s.Cipher = params.AESCBC },
		},
	}
	for form, name := range []string{"Ambassador", "Signal", "Olm", "OMEMO"} {
		change := func(s *params.Set) { s.Wire = params.Wire(form) }
		all = append(all, flip{property: name + " wire form", change: change})
	}
	return all
}

func ratchetFlips() []flip {
	noLimit := func(s *params.Set) { s.ClosesChains, s.PN, s.StoredPerChain = true, params.PNLength, false }
	all := []flip{
		{
			property: "start of the specification", change: func(s *params.Set) { s.Start = params.Specification },
			because: []string{"would stay"}, with: func(s *params.Set) { s.SignedPrekey = true },
		},
		{
			property: "start whisper", change: func(s *params.Set) { s.Start = params.Whisper },
			because: []string{"need CK", "would stay"},
			with:    func(s *params.Set) { s.AgreementSize, s.SignedPrekey = 64, true },
		},
		{
			property: "start olm", change: func(s *params.Set) { s.Start = params.Olm },
			because: []string{"need CK"},
			with:    func(s *params.Set) { s.AgreementSize, s.PerMessage = 64, false },
		},
		{
			property: "lazy", change: func(s *params.Set) { s.Lazy = !s.Lazy },
			because: []string{"an eager receiver"},
			with:    func(s *params.Set) { s.PerMessage = false },
		},
		{
			property: "cadence per-message", change: func(s *params.Set) { s.PerMessage = !s.PerMessage },
			because: []string{"an eager receiver", "with the start olm"},
			with:    func(s *params.Set) { s.Lazy, s.Start, s.SignedPrekey = true, params.Specification, true },
		},
		{
			property: "closes chains", change: func(s *params.Set) { s.ClosesChains = !s.ClosesChains },
			because: []string{"closed at the length", "no bound"},
			with:    func(s *params.Set) { s.PN, s.MaxChains = params.PNLength, 5 },
		},
		{property: "largest jump", change: func(s *params.Set) { s.MaxSkip = 4 }},
		{property: "stored keys", change: func(s *params.Set) { s.MaxStored = 4 }},
		{
			property: "stored keys of a chain", change: func(s *params.Set) { s.StoredPerChain = !s.StoredPerChain },
			because: []string{"no bound"},
			with:    func(s *params.Set) { s.MaxChains = 5 },
			given:   func(s *params.Set) { s.MaxStored = 6 },
		},
		{property: "receiving chains", change: func(s *params.Set) { s.MaxChains = 3 }},
		{
			property: "receiving chains without limit", change: func(s *params.Set) { s.MaxChains = 0 },
			because: []string{"no bound"}, with: noLimit,
		},
	}
	for pn, name := range []string{"pn is the length", "pn is one less", "no pn"} {
		all = append(all, flip{
			property: name, change: func(s *params.Set) { s.PN = params.PN(pn) },
			because: []string{"closed at the length"},
			with:    func(s *params.Set) { s.ClosesChains, s.MaxChains = false, 5 },
		})
	}
	return all
}
