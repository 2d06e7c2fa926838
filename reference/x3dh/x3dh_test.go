package x3dh_test

import (
	"bytes"
	"crypto/ecdh"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/x3dh"
	"credence/spec/refusal"
)

// keys are the private keys of an agreement.
type keys struct{ ika, eka, ikb, spk, opk *ecdh.PrivateKey }

func newKeys(t *testing.T) keys {
	t.Helper()
	random := rand.NewChaCha8([32]byte{1})
	next := func() *ecdh.PrivateKey {
		k, err := primitive.GeneratePrivate(random)
		require.NoError(t, err)
		return k
	}
	return keys{next(), next(), next(), next(), next()}
}

// bundle is Bob's. In olm-v1 the one-time key takes the place of the signed prekey (SPEC.md 4.1).
func (k keys) bundle(t *testing.T, set *params.Set) x3dh.Bundle {
	t.Helper()
	b := x3dh.Bundle{Identity: x3dh.EncodeIdentity(set, k.ikb)}
	if set == params.OlmV1 {
		b.OneTimePrekey = set.Encode(primitive.Public(k.spk))
		return b
	}
	b.SignedPrekey = set.Encode(primitive.Public(k.spk))
	var err error
	b.Signature, err = x3dh.SignPrekey(set, k.ikb, primitive.Public(k.spk), rand.NewChaCha8([32]byte{2}))
	require.NoError(t, err)
	b.OneTimePrekey = set.Encode(primitive.Public(k.opk))
	return b
}

func (k keys) respond(set *params.Set, opk *ecdh.PrivateKey) (x3dh.Agreement, error) {
	return x3dh.Respond(set, k.ikb, k.spk, opk, x3dh.EncodeIdentity(set, k.ika), set.Encode(primitive.Public(k.eka)))
}

// Both sides agree (AMB-X3D-05, AMB-X3D-06), and a change of any key changes what they agree on.
func TestAgreement(t *testing.T) {
	for _, set := range params.Sets() {
		k := newKeys(t)
		a, err := x3dh.Initiate(set, k.ika, k.eka, k.bundle(t, set))
		require.NoError(t, err, set.Name)
		opk := k.opk
		if set == params.OlmV1 {
			opk = nil
		}
		b, err := k.respond(set, opk)
		require.NoError(t, err, set.Name)
		require.Empty(t, cmp.Diff(a, b), set.Name)
		require.Len(t, a.Secret, set.AgreementSize, set.Name)
		for name, other := range map[string]keys{
			"IK_A": {k.eka, k.eka, k.ikb, k.spk, k.opk}, "EK_A": {k.ika, k.ika, k.ikb, k.spk, k.opk},
			"IK_B": {k.ika, k.eka, k.spk, k.spk, k.opk}, "SPK_B": {k.ika, k.eka, k.ikb, k.ikb, k.opk},
		} {
			c, err := other.respond(set, opk)
			require.NoError(t, err)
			require.NotEqual(t, a.Secret, c.Secret, "%s: %s", set.Name, name)
		}
	}
}

// AMB-X3D-04: a bundle without a one-time prekey is another agreement, and a valid one.
func TestNoOneTimePrekey(t *testing.T) {
	for _, set := range []*params.Set{params.AmbassadorV1, params.SignalV3} {
		k := newKeys(t)
		with, err := x3dh.Initiate(set, k.ika, k.eka, k.bundle(t, set))
		require.NoError(t, err)
		b := k.bundle(t, set)
		b.OneTimePrekey = nil
		without, err := x3dh.Initiate(set, k.ika, k.eka, b)
		require.NoError(t, err)
		require.NotEqual(t, with.Secret, without.Secret)
		other, err := k.respond(set, nil)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(without, other))
	}
}

// AMB-X3D-07.
func TestAssociatedData(t *testing.T) {
	ad := func(set *params.Set, opk string) string {
		return string(
			x3dh.AssociatedData(set, []byte("IKA,"), []byte("IKB,"), []byte("EKA,"), []byte("SPK,"), []byte(opk)),
		)
	}
	require.Equal(t, "ambassador-v1IKA,IKB,EKA,SPK,OPK", ad(params.AmbassadorV1, "OPK"))
	require.Equal(t, "ambassador-v1IKA,IKB,EKA,SPK,", ad(params.AmbassadorV1, ""))
	require.Equal(t, "IKA,IKB,", ad(params.SignalV3, "OPK"))
	require.Equal(t, "IKA,IKB,", ad(params.Omemo2, "OPK"))
	require.Empty(t, ad(params.OlmV1, "OPK"))
}

var (
	lowOrder     = make([]byte, 32)
	nonCanonical = bytes.Repeat([]byte{0xff}, 32)
)

// The checks of SPEC.md 4.1, and that an earlier one is made before a later one (AMB-X3D-02, AMB-X3D-03, AMB-KEY-01 to
// AMB-KEY-03).
func TestInitiateRefuses(t *testing.T) {
	type bundle = x3dh.Bundle
	ambassador := params.AmbassadorV1
	for name, c := range map[string]struct {
		set    *params.Set
		change func(*bundle)
		class  refusal.Class
	}{
		"no identity":        {ambassador, func(b *bundle) { b.Identity = nil }, refusal.IncompleteBundle},
		"no signed prekey":   {ambassador, func(b *bundle) { b.SignedPrekey = nil }, refusal.IncompleteBundle},
		"no signature":       {params.SignalV3, func(b *bundle) { b.Signature = nil }, refusal.IncompleteBundle},
		"no one-time key":    {params.OlmV1, func(b *bundle) { b.OneTimePrekey = nil }, refusal.IncompleteBundle},
		"no one-time prekey": {params.Omemo2, func(b *bundle) { b.OneTimePrekey = nil }, refusal.IncompleteBundle},
		"short identity":     {ambassador, func(b *bundle) { b.Identity = b.Identity[:31] }, refusal.Malformed},
		"long prekey":        {params.Omemo2, func(b *bundle) { b.SignedPrekey = make([]byte, 33) }, refusal.Malformed},
		"type byte":          {params.SignalV3, func(b *bundle) { b.OneTimePrekey[0] = 6 }, refusal.Malformed},
		"another encoding":   {ambassador, func(b *bundle) { b.OneTimePrekey = nonCanonical }, refusal.NonCanonicalKey},
		"form before signature": {ambassador,
			func(b *bundle) { b.SignedPrekey = nonCanonical }, refusal.NonCanonicalKey},
		"signature":           {ambassador, func(b *bundle) { b.Signature[5] ^= 1 }, refusal.BadSignature},
		"signature of Signal": {params.SignalV3, func(b *bundle) { b.Signature[5] ^= 1 }, refusal.BadSignature},
		"signature of OMEMO":  {params.Omemo2, func(b *bundle) { b.Signature[5] ^= 1 }, refusal.BadSignature},
		"another prekey": {
			ambassador, func(b *bundle) { b.SignedPrekey = b.OneTimePrekey }, refusal.BadSignature,
		},
		"signature before DH":       {ambassador, func(b *bundle) { b.SignedPrekey = lowOrder }, refusal.BadSignature},
		"low-order one-time prekey": {ambassador, func(b *bundle) { b.OneTimePrekey = lowOrder }, refusal.LowOrderKey},
		"low-order one-time key": {
			params.OlmV1, func(b *bundle) { b.OneTimePrekey = lowOrder }, refusal.LowOrderKey,
		},
		"low-order identity": {params.OlmV1, func(b *bundle) { b.Identity = lowOrder }, refusal.LowOrderKey},
	} {
		k := newKeys(t)
		b := k.bundle(t, c.set)
		c.change(&b)
		a, err := x3dh.Initiate(c.set, k.ika, k.eka, b)
		require.ErrorIs(t, err, c.class, name)
		require.Empty(t, a, name)
	}
}

// A prekey of low order is refused although it is signed (AMB-KEY-01).
func TestSignedLowOrderPrekey(t *testing.T) {
	for _, set := range []*params.Set{params.AmbassadorV1, params.SignalV3, params.Omemo2} {
		k := newKeys(t)
		b := k.bundle(t, set)
		var err error
		b.SignedPrekey = set.Encode(primitive.PublicKey{})
		b.Signature, err = x3dh.SignPrekey(set, k.ikb, primitive.PublicKey{}, rand.NewChaCha8([32]byte{}))
		require.NoError(t, err)
		_, err = x3dh.Initiate(set, k.ika, k.eka, b)
		require.ErrorIs(t, err, refusal.LowOrderKey, set.Name)
	}
}

// The responder checks the initiator's keys (AMB-KEY-01 to AMB-KEY-03, AMB-XED-08).
func TestRespondRefuses(t *testing.T) {
	neutral := append([]byte{1}, make([]byte, 31)...) // of the Edwards curve
	for name, c := range map[string]struct {
		set      *params.Set
		ika, eka []byte
		class    refusal.Class
	}{
		"low-order identity":       {params.AmbassadorV1, lowOrder, nil, refusal.LowOrderKey},
		"low-order Edwards point":  {params.Omemo2, neutral, nil, refusal.LowOrderKey},
		"no Edwards point":         {params.Omemo2, append([]byte{2}, make([]byte, 31)...), nil, refusal.Malformed},
		"low-order ephemeral":      {params.AmbassadorV1, nil, lowOrder, refusal.LowOrderKey},
		"non-canonical identity":   {params.AmbassadorV1, nonCanonical, nil, refusal.NonCanonicalKey},
		"non-canonical ephemeral":  {params.AmbassadorV1, nil, nonCanonical, refusal.NonCanonicalKey},
		"short ephemeral":          {params.OlmV1, nil, lowOrder[:31], refusal.Malformed},
		"no type byte":             {params.SignalV3, nonCanonical, nil, refusal.Malformed},
		"low-order Olm identity":   {params.OlmV1, lowOrder, nil, refusal.LowOrderKey},
		"low-order Signal session": {params.SignalV3, nil, slices.Concat([]byte{5}, lowOrder), refusal.LowOrderKey},
	} {
		k := newKeys(t)
		ika, eka := x3dh.EncodeIdentity(c.set, k.ika), c.set.Encode(primitive.Public(k.eka))
		if c.ika != nil {
			ika = c.ika
		}
		if c.eka != nil {
			eka = c.eka
		}
		a, err := x3dh.Respond(c.set, k.ikb, k.spk, nil, ika, eka)
		require.ErrorIs(t, err, c.class, name)
		require.Empty(t, a, name)
	}
}

// The identity key and the first ratchet key of a bundle are the ones that its owner has.
func TestBundleKeys(t *testing.T) {
	for _, set := range params.Sets() {
		k := newKeys(t)
		b := k.bundle(t, set)
		identity, err := x3dh.DecodeIdentity(set, b.Identity)
		require.NoError(t, err)
		require.Equal(t, primitive.Public(k.ikb), identity, set.Name)
		start, err := b.StartKey(set)
		require.NoError(t, err)
		require.Equal(t, primitive.Public(k.spk), start, set.Name)
	}
	_, err := x3dh.Bundle{}.StartKey(params.AmbassadorV1)
	require.ErrorIs(t, err, refusal.Malformed)
}
