package schedule

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/adversary"
	"credence/reference/params"
)

// SPEC.md 2.4 was copied twice, for the reference and for the adversary: both say the same.
func TestPublished(t *testing.T) {
	for _, set := range params.Sets() {
		require.Equal(t, adversary.Published(set.Name), described(set), set.Name)
		require.Same(t, adversary.Published(set.Name), SetOf(set))
	}
	require.Nil(t, adversary.Published("twin"))
}

// Each property of a set that nobody has published reaches the adversary.
func TestDescribed(t *testing.T) {
	for _, change := range []func(s *params.Set){
		func(s *params.Set) { s.Name = "twin" },
		func(s *params.Set) { s.KeyPrefix = []byte{0x17} },
		func(s *params.Set) { s.Canonical = false },
		func(s *params.Set) { s.Identity = params.Ed25519Identity },
		func(s *params.Set) { s.AgreementPrefix = nil },
		func(s *params.Set) { s.AgreementInfo = "other" },
		func(s *params.Set) { s.AgreementSize = 64 },
		func(s *params.Set) { s.SignedPrekey = false },
		func(s *params.Set) { s.OneTimePrekeyRequired = true },
		func(s *params.Set) { s.OneTimePrekeyByKey = true },
		func(s *params.Set) { s.RegistrationID = true },
		func(s *params.Set) { s.AssociatedData = params.NoAD },
		func(s *params.Set) { s.SenderFirst = true },
		func(s *params.Set) { s.Wire = params.OmemoWire },
		func(s *params.Set) { s.Cipher = params.AESCBC },
		func(s *params.Set) { s.RootInfo = "other" },
		func(s *params.Set) { s.MessageInfo = "other" },
		func(s *params.Set) { s.TagSize = 8 },
		func(s *params.Set) { s.Start = params.Olm },
		func(s *params.Set) { s.Lazy = false },
		func(s *params.Set) { s.ClosesChains = false },
		func(s *params.Set) { s.PN = params.PNAbsent },
		func(s *params.Set) { s.MaxSkip++ },
		func(s *params.Set) { s.MaxStored++ },
		func(s *params.Set) { s.StoredPerChain = true },
		func(s *params.Set) { s.MaxChains++ },
	} {
		changed := *params.AmbassadorV1
		change(&changed)
		require.Equal(t, 1, differences(adversary.AmbassadorV1, SetOf(&changed)), "%+v", changed)
	}
}

// differences counts the fields in which two sets differ.
func differences(a, b *adversary.Set) (n int) {
	x, y := reflect.ValueOf(*a), reflect.ValueOf(*b)
	for i := range x.NumField() {
		if !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			n++
		}
	}
	return n
}
