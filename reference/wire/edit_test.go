package wire_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/spec/refusal"
)

var (
	mk     = bytes.Repeat([]byte{1}, 32)
	ad     = []byte("associated data")
	text   = []byte("a plaintext of more than one block")
	header = wire.Header{Key: primitive.PublicKey{9}, PN: 3, N: 5}
)

// parts are the fields of a ratchet message in each set (SPEC.md 5.6).
var parts = map[string][]string{
	"ambassador-v1": {"version", "type", "key", "pn", "n", "ciphertext", "tag"},
	"signal-v3":     {"version", "key", "n", "pn", "ciphertext", "tag"},
	"olm-v1":        {"version", "key", "n", "ciphertext", "tag"},
	"omemo-2":       {"n", "pn", "key", "ciphertext", "tag"},
}

func TestSplit(t *testing.T) {
	for _, set := range params.Sets() {
		message := wire.Seal(set, mk, ad, header, text)
		p, err := wire.Split(set, message)
		require.NoError(t, err)
		require.Equal(t, parts[set.Name], p.Names())
		require.Equal(t, message, p.Bytes())
		key, ok := p.Value("key")
		require.True(t, ok)
		require.Equal(t, set.Encode(header.Key), key)
		_, ok = p.Value("no such field")
		require.False(t, ok)
		_, err = wire.Split(set, message[:10])
		require.ErrorIs(t, err, refusal.Malformed)
	}
}

func TestSplitInitial(t *testing.T) {
	for _, set := range params.Sets() {
		m := wire.Initial{
			Identity: bytes.Repeat([]byte{2}, set.IdentitySize()), Ephemeral: bytes.Repeat([]byte{3}, set.KeySize()),
			SignedPrekeyID: 4, OneTimePrekeyID: 5, OneTimePrekey: bytes.Repeat([]byte{6}, set.KeySize()),
			RegistrationID: 7, Message: text,
		}
		encoded := wire.EncodeInitial(set, m)
		p, err := wire.SplitInitial(set, encoded)
		require.NoError(t, err)
		require.Equal(t, encoded, p.Bytes())
		require.Contains(t, p.Names(), "one-time-prekey")
		require.True(t, p.Set("message", []byte("another")))
		changed, err := wire.ParseInitial(set, p.Bytes())
		require.NoError(t, err)
		require.Equal(t, "another", string(changed.Message))
		require.Equal(t, m.Identity, changed.Identity)
	}
}

// A changed field is read as it was set, and refused; sealed anew it authenticates.
func TestReseal(t *testing.T) {
	for _, set := range params.Sets() {
		message := wire.Seal(set, mk, ad, header, text)
		edit := func(p *wire.Parts) { require.True(t, p.SetNumber("n", 300)) }
		forged, err := wire.Split(set, message)
		require.NoError(t, err)
		edit(forged)
		opens(t, set, forged.Bytes(), refusal.Authentication)
		resealed, err := wire.Reseal(set, mk, ad, message, edit)
		require.NoError(t, err)
		opens(t, set, resealed, "")
	}
}

func opens(t *testing.T, set *params.Set, message []byte, class refusal.Class) {
	t.Helper()
	m, err := wire.Parse(set, message)
	require.NoError(t, err)
	require.Equal(t, uint64(300), m.Header.N)
	plaintext, err := m.Open(mk, ad)
	require.Equal(t, class, refusal.Of(err))
	if class == "" {
		require.Equal(t, text, plaintext)
	}
}

// What cannot be said in a message of the reference can be said in parts of one.
func TestOddParts(t *testing.T) {
	for _, set := range []*params.Set{params.SignalV3, params.OlmV1, params.Omemo2} {
		for name, test := range map[string]struct {
			edit  func(p *wire.Parts)
			class refusal.Class
		}{
			"unknown field":     {(*wire.Parts).AddUnknown, ""},
			"long number":       {func(p *wire.Parts) { p.Lengthen("n") }, ""},
			"large number":      {func(p *wire.Parts) { p.SetNumber("n", 1<<32) }, refusal.Malformed},
			"missing field":     {func(p *wire.Parts) { p.Remove("ciphertext") }, refusal.Malformed},
			"uneven ciphertext": {func(p *wire.Parts) { p.Set("ciphertext", text[:15]) }, refusal.Authentication},
		} {
			message, err := wire.Reseal(set, mk, ad, wire.Seal(set, mk, ad, header, text), test.edit)
			require.NoError(t, err)
			m, err := wire.Parse(set, message)
			if err == nil {
				_, err = m.Open(mk, ad)
			}
			require.Equal(t, test.class, refusal.Of(err), "%s: %s", set.Name, name)
		}
	}
}

func TestOtherVersions(t *testing.T) {
	for _, set := range params.Sets() {
		for _, start := range wire.OtherVersions(set) {
			genuine := wire.Seal(set, mk, ad, header, text)
			message, err := wire.Reseal(set, mk, ad, genuine, func(p *wire.Parts) { p.SetStart(start) })
			require.NoError(t, err)
			_, err = wire.Parse(set, message)
			require.ErrorIs(t, err, refusal.Malformed)
		}
	}
}

// A tag of another length is read where it has a field of its own, and refused for its length.
func TestTagSizes(t *testing.T) {
	for _, set := range []*params.Set{params.SignalV3, params.OlmV1, params.Omemo2} {
		p, err := wire.Split(set, wire.Seal(set, mk, ad, header, text))
		require.NoError(t, err)
		for size := range 33 {
			p.Authenticate(mk, ad, size)
			m, err := wire.Parse(set, p.Bytes())
			if err == nil {
				_, err = m.Open(mk, ad)
			}
			require.Equal(t, size == set.TagSize, err == nil, "%s: %d bytes", set.Name, size)
			if wire.TagFramed(set) && size != set.TagSize {
				require.ErrorIs(t, err, refusal.Malformed)
			}
		}
	}
}
