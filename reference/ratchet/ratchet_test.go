package ratchet_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/spec/refusal"
)

func random(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// pair returns both ends of a session from a shared secret.
func pair(t testing.TB, set *params.Set) (alice, bob *ratchet.State, r *rand.ChaCha8) {
	t.Helper()
	r = random(1)
	secret, ad := make([]byte, set.AgreementSize), make([]byte, 66)
	spk, err := primitive.GeneratePrivate(r)
	require.NoError(t, err)
	first, err := primitive.GeneratePrivate(r)
	require.NoError(t, err)
	alice, err = ratchet.StartInitiator(set, secret, ad, first, primitive.Public(spk))
	require.NoError(t, err)
	bob, err = ratchet.StartResponder(set, secret, ad, spk, primitive.Public(first))
	require.NoError(t, err)
	return alice, bob, r
}

func exchange(t testing.TB, from, to *ratchet.State, r *rand.ChaCha8) {
	t.Helper()
	text := []byte("sixty-four bytes of plaintext, which is what the benchmarks send.")
	m, err := from.Encrypt(r, text)
	require.NoError(t, err)
	plaintext, err := to.Decrypt(r, m)
	require.NoError(t, err)
	require.Equal(t, text, plaintext)
}

// A canonical state is read back, and every neighbour of one byte is read back as itself or refused.
func TestCanonicalState(t *testing.T) {
	for _, set := range params.Sets() {
		alice, bob, r := pair(t, set)
		exchange(t, alice, bob, r)
		exchange(t, bob, alice, r)
		encoded := alice.Marshal()
		again, err := ratchet.Unmarshal(encoded)
		require.NoError(t, err)
		require.Equal(t, encoded, again.Marshal())
		for i := range encoded {
			changed := append([]byte{}, encoded...)
			changed[i] ^= 1
			s, err := ratchet.Unmarshal(changed)
			if err != nil {
				require.ErrorIs(t, err, refusal.Malformed)
				continue
			}
			require.Equal(t, changed, s.Marshal())
		}
		for n := range encoded {
			_, err := ratchet.Unmarshal(encoded[:n])
			require.ErrorIs(t, err, refusal.Malformed)
		}
	}
}

// A state that was read does not share memory with the bytes that it was read from.
func TestUnmarshalCopies(t *testing.T) {
	alice, bob, r := pair(t, params.AmbassadorV1)
	exchange(t, alice, bob, r)
	encoded := bob.Marshal()
	s, err := ratchet.Unmarshal(encoded)
	require.NoError(t, err)
	want := s.Digest()
	clear(encoded)
	require.Equal(t, want, s.Digest())
}

// Copies of a state are independent of each other: siblings read the same message from the same state.
func TestCopies(t *testing.T) {
	alice, bob, r := pair(t, params.AmbassadorV1)
	exchange(t, alice, bob, r)
	for range 3 {
		_, err := alice.Encrypt(r, nil)
		require.NoError(t, err)
	}
	m, err := alice.Encrypt(r, []byte("to both"))
	require.NoError(t, err)
	one, two := *bob, *bob
	for _, s := range []*ratchet.State{&one, &two} {
		plaintext, err := s.Decrypt(nil, m) // nil: a lazy set draws nothing
		require.NoError(t, err)
		require.Equal(t, "to both", string(plaintext))
	}
	require.Equal(t, one.Digest(), two.Digest())
	require.NotEqual(t, bob.Digest(), one.Digest())
}

func BenchmarkOneWay(b *testing.B) {
	alice, bob, r := pair(b, params.AmbassadorV1)
	exchange(b, alice, bob, r)
	for b.Loop() {
		exchange(b, alice, bob, r)
	}
}

func BenchmarkPingPong(b *testing.B) {
	alice, bob, r := pair(b, params.AmbassadorV1)
	for b.Loop() {
		exchange(b, alice, bob, r)
		exchange(b, bob, alice, r)
	}
}
