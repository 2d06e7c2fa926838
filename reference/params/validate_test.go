package params_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/params"
)

// Every published set stands, and every rule is broken by one change of one of them.
func TestValidate(t *testing.T) {
	for _, s := range params.Sets() {
		require.NoError(t, s.Validate())
	}
	for _, test := range []struct {
		set    *params.Set
		change func(s *params.Set)
		reason string
	}{
		{params.AmbassadorV1, func(s *params.Set) { s.AgreementSize = 48 }, "SK, or RK and CK"},
		{params.SignalV3, func(s *params.Set) { s.AgreementSize = 32 }, "need CK"},
		{params.SignalV3, func(s *params.Set) { s.Signature = params.Ed25519 }, "Ed25519"},
		{params.OlmV1, func(s *params.Set) { s.Signature = params.Strict }, "no prekey to sign"},
		{params.OlmV1, func(s *params.Set) { s.OneTimePrekeyRequired = false }, "without a prekey"},
		{params.OlmV1, func(s *params.Set) { s.Start = params.Specification }, "would stay"},
		{params.AmbassadorV1, func(s *params.Set) { s.OneTimePrekeyByKey = true }, "may be absent"},
		{params.AmbassadorV1, func(s *params.Set) { s.SenderFirst = true }, "have an order"},
		{params.AmbassadorV1, func(s *params.Set) { s.TagSize = 8 }, "16 bytes"},
		{params.OlmV1, func(s *params.Set) { s.TagSize = 33 }, "1 to 32 bytes"},
		{params.Omemo2, func(s *params.Set) { s.PerMessage = true }, "an eager receiver"},
		{params.OlmV1, func(s *params.Set) { s.PerMessage = true }, "a second step"},
		{params.SignalV3, func(s *params.Set) { s.ClosesChains = true }, "the length"},
		{params.OlmV1, func(s *params.Set) { s.MaxChains = 0 }, "no bound"},
		{params.Omemo2, func(s *params.Set) { s.StoredPerChain = true }, "no bound"},
		{params.SignalV3, func(s *params.Set) { s.MaxSessions = 0 }, "without a session"},
		{params.SignalV3, func(s *params.Set) { s.ArchiveChains = -1 }, "below 0"},
	} {
		s := *test.set
		test.change(&s)
		err := s.Validate()
		require.ErrorIs(t, err, params.ErrInvalidSet, test.reason)
		require.Contains(t, err.Error(), test.reason)
	}
}

func TestLookup(t *testing.T) {
	extra := &params.Set{Name: "extra"}
	found, err := params.Lookup("extra", extra)
	require.NoError(t, err)
	require.Same(t, extra, found)
	_, err = params.Lookup("extra")
	require.ErrorIs(t, err, params.ErrUnknownSet)
	for _, s := range params.Sets() {
		found, err := params.Lookup(s.Name, extra)
		require.NoError(t, err)
		require.Same(t, s, found)
	}
}
