package wire_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/wire"
	"credence/spec/refusal"
)

// initial returns an initial message with the fields that a set has (SPEC.md 6.1).
func initial(set *params.Set) wire.Initial {
	m := wire.Initial{
		Identity:  set.Encode(primitive.PublicKey{1}),
		Ephemeral: set.Encode(primitive.PublicKey{2}),
		Message:   []byte("a ratchet message, which is not looked into when the message around it is read"),
	}
	if set == params.OlmV1 {
		m.OneTimePrekey = set.Encode(primitive.PublicKey{3})
		return m
	}
	m.SignedPrekeyID, m.OneTimePrekeyID = 0x01020304, 1<<32-1
	if set == params.SignalV3 {
		m.RegistrationID = 7
	}
	return m
}

// AMB-SES-02: every field comes back.
func TestInitial(t *testing.T) {
	for _, set := range params.Sets() {
		m, err := wire.ParseInitial(set, wire.EncodeInitial(set, initial(set)))
		require.NoError(t, err, set.Name)
		require.Empty(t, cmp.Diff(initial(set), m), set.Name)
	}
}

func TestInitialWithoutOneTimePrekey(t *testing.T) {
	for _, set := range []*params.Set{params.AmbassadorV1, params.SignalV3} {
		want := initial(set)
		want.OneTimePrekeyID = 0
		m, err := wire.ParseInitial(set, wire.EncodeInitial(set, want))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want, m), set.Name)
	}
}

// SPEC.md 6.1, byte for byte.
func TestInitialOfAmbassador(t *testing.T) {
	m := initial(params.AmbassadorV1)
	want := bytes.Join([][]byte{{1, 1}, m.Identity, m.Ephemeral, {1, 2, 3, 4}, {255, 255, 255, 255}, m.Message}, nil)
	require.Equal(t, want, wire.EncodeInitial(params.AmbassadorV1, m))
}

// AMB-SES-04: another version, another type, and a message that is cut.
func TestInitialRefused(t *testing.T) {
	for _, set := range params.Sets() {
		message := wire.EncodeInitial(set, initial(set))
		cut := len(message)
		if set == params.AmbassadorV1 {
			cut = 2 + 32 + 32 + 4 + 4 // the rest is the ratchet message, whatever its length
		}
		for n := range cut {
			_, err := wire.ParseInitial(set, message[:n])
			require.ErrorIs(t, err, refusal.Malformed, "%s: %d bytes", set.Name, n)
		}
		if set == params.Omemo2 {
			continue // has no version byte
		}
		message[0] ^= 0xff
		_, err := wire.ParseInitial(set, message)
		require.ErrorIs(t, err, refusal.Malformed, set.Name)
	}
	message := wire.EncodeInitial(params.AmbassadorV1, initial(params.AmbassadorV1))
	message[1] = 2
	_, err := wire.ParseInitial(params.AmbassadorV1, message)
	require.ErrorIs(t, err, refusal.Malformed)
}

// sealed returns the first ratchet message of a session, and the ratchet key in it.
func sealed(t *testing.T, set *params.Set) (message []byte, key primitive.PublicKey) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{1})
	k, err := primitive.GeneratePrivate(random)
	require.NoError(t, err)
	s, err := ratchet.StartInitiator(set, make([]byte, set.AgreementSize), nil, k, primitive.Public(k))
	require.NoError(t, err)
	message, err = s.Encrypt(random, []byte("plaintext"))
	require.NoError(t, err)
	return message, primitive.Public(k)
}

// AMB-WIR-02: what is cut, and another version or type byte.
func TestParse(t *testing.T) {
	for _, set := range params.Sets() {
		message, key := sealed(t, set)
		m, err := wire.Parse(set, message)
		require.NoError(t, err, set.Name)
		require.Equal(t, key, m.Header.Key, set.Name)
		cut := len(message)
		if set == params.AmbassadorV1 {
			cut = 58
		}
		for n := range cut {
			_, err := wire.Parse(set, message[:n])
			require.ErrorIs(t, err, refusal.Malformed, "%s: %d bytes", set.Name, n)
		}
		message[0] ^= 0xff
		_, err = wire.Parse(set, message)
		require.ErrorIs(t, err, refusal.Malformed, set.Name)
	}
	message, _ := sealed(t, params.AmbassadorV1)
	message[1] = 1
	_, err := wire.Parse(params.AmbassadorV1, message)
	require.ErrorIs(t, err, refusal.Malformed)
}

// AMB-WIR-02: counters are below 2^32 in the Protocol Buffers too, and every field is there; a field that is not
// known is skipped.
func TestParseFields(t *testing.T) {
	key := params.SignalV3.Encode(primitive.PublicKey{9})
	message := func(n uint64, more ...byte) []byte {
		b := protowire.AppendBytes(protowire.AppendTag([]byte{0x33}, 1, protowire.BytesType), key)
		b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), n)
		b = append(b, more...)
		b = protowire.AppendBytes(protowire.AppendTag(b, 4, protowire.BytesType), make([]byte, 16))
		return append(b, make([]byte, 8)...)
	}
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 9, protowire.VarintType), 1)
	for _, good := range [][]byte{message(math.MaxUint32), message(0, unknown...)} {
		_, err := wire.Parse(params.SignalV3, good)
		require.NoError(t, err)
	}
	large := protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), 1<<32)
	for _, bad := range [][]byte{message(1 << 32), message(0, large...), append([]byte{0x33}, message(0)[1+2+33:]...)} {
		_, err := wire.Parse(params.SignalV3, bad)
		require.ErrorIs(t, err, refusal.Malformed)
	}
}

// AMB-KEY-02 for a ratchet key.
func TestParseNonCanonicalKey(t *testing.T) {
	message, _ := sealed(t, params.AmbassadorV1)
	message[2+31] |= 0x80
	_, err := wire.Parse(params.AmbassadorV1, message)
	require.ErrorIs(t, err, refusal.NonCanonicalKey)
}

// Another message key opens nothing, and neither does other associated data (AMB-AEA-01).
func TestOpen(t *testing.T) {
	for _, set := range params.Sets() {
		mk, ad := make([]byte, 32), []byte("associated data")
		message := wire.Seal(set, mk, ad, headerOf(t, set), []byte("plaintext"))
		m, err := wire.Parse(set, message)
		require.NoError(t, err)
		plaintext, err := m.Open(mk, ad)
		require.NoError(t, err, set.Name)
		require.Equal(t, "plaintext", string(plaintext))
		_, err = m.Open(mk, ad[1:])
		require.ErrorIs(t, err, refusal.Authentication, set.Name)
		_, err = m.Open(append(mk[:31:31], 1), ad)
		require.ErrorIs(t, err, refusal.Authentication, set.Name)
	}
}

// headerOf returns the header of a genuine message.
func headerOf(t *testing.T, set *params.Set) wire.Header {
	t.Helper()
	message, _ := sealed(t, set)
	m, err := wire.Parse(set, message)
	require.NoError(t, err)
	return m.Header
}
