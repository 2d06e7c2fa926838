package ratchet_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/spec/refusal"
)

// inSession returns both ends of a session in which both have sent.
func inSession(t *testing.T, set *params.Set) (alice, bob *ratchet.State, r *rand.ChaCha8) {
	t.Helper()
	alice, bob, r = pair(t, set)
	exchange(t, alice, bob, r)
	exchange(t, bob, alice, r)
	return alice, bob, r
}

func encrypt(t *testing.T, s *ratchet.State, r *rand.ChaCha8, n int) (messages [][]byte) {
	t.Helper()
	for i := range n {
		m, err := s.Encrypt(r, fmt.Appendf(nil, "message %d", i))
		require.NoError(t, err)
		messages = append(messages, m)
	}
	return messages
}

// refuses requires that a message is refused with a class and without a trace (AMB-CNV-01).
func refuses(t *testing.T, s *ratchet.State, message []byte, classes ...refusal.Class) {
	t.Helper()
	before := s.Digest()
	plaintext, err := s.Decrypt(random(9), message)
	require.Contains(t, classes, refusal.Of(err), "%v", err)
	require.Nil(t, plaintext) // AMB-CNV-02
	require.Equal(t, before, s.Digest())
}

func reads(t *testing.T, s *ratchet.State, r *rand.ChaCha8, message []byte, i int) {
	t.Helper()
	plaintext, err := s.Decrypt(r, message)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("message %d", i), string(plaintext))
}

// Messages of a chain are read in any order (AMB-RAT-10), each once (AMB-RAT-11).
func TestAnyOrder(t *testing.T) {
	for _, set := range params.Sets() {
		alice, bob, r := inSession(t, set)
		messages := encrypt(t, alice, r, 4)
		for _, i := range []int{2, 0, 3, 1} {
			reads(t, bob, r, messages[i], i)
			refuses(t, bob, messages[i], refusal.Duplicate)
		}
	}
}

// A message with one changed byte is refused, on the path of skipped keys too, and the genuine one is still read
// (AMB-WIR-03, AMB-RAT-15, AMB-RAT-17, AMB-RAT-18).
func TestForgeries(t *testing.T) {
	any := []refusal.Class{
		refusal.Malformed, refusal.Authentication, refusal.Duplicate, refusal.SkipLimit,
		refusal.NonCanonicalKey, refusal.LowOrderKey,
	}
	for _, set := range params.Sets() {
		alice, bob, r := inSession(t, set)
		messages := encrypt(t, alice, r, 2)
		for _, i := range []int{1, 0} {
			for at := range messages[i] {
				forged := bytes.Clone(messages[i])
				forged[at] ^= 1
				refuses(t, bob, forged, any...)
			}
			reads(t, bob, r, messages[i], i)
		}
	}
}

// AMB-RAT-19 and AMB-RAT-20: MAX_SKIP keys may be skipped, and no more.
func TestSkipLimit(t *testing.T) {
	for _, set := range params.Sets() {
		alice, bob, r := inSession(t, set)
		exchange(t, alice, bob, r) // from here on the chain is known
		most := int(set.MaxSkip)
		messages := encrypt(t, alice, r, most+2)
		refuses(t, bob, messages[most+1], refusal.SkipLimit)
		reads(t, bob, r, messages[most], most)
	}
}

// AMB-RAT-21: olm-v1 stores 40 keys a chain, and drops the oldest.
func TestStoredLimit(t *testing.T) {
	alice, bob, r := inSession(t, params.OlmV1)
	messages := encrypt(t, alice, r, 43)
	reads(t, bob, r, messages[42], 42)
	for i := range 2 {
		refuses(t, bob, messages[i], refusal.Duplicate)
	}
	for i := 2; i < 42; i++ {
		reads(t, bob, r, messages[i], i)
	}
}

// AMB-RAT-12 and AMB-RAT-23: a late message is read until five newer chains have been opened.
func TestChainLimit(t *testing.T) {
	for _, set := range []*params.Set{params.AmbassadorV1, params.SignalV3, params.OlmV1} {
		alice, bob, r := inSession(t, set)
		late := encrypt(t, alice, r, 2)
		reads(t, bob, r, encrypt(t, alice, r, 1)[0], 0)
		for turn := range 5 {
			exchange(t, bob, alice, r)
			if turn == 4 {
				reads(t, bob, r, late[0], 0)
			}
			exchange(t, alice, bob, r)
		}
		refuses(t, bob, late[1], refusal.Authentication)
	}
}

// AMB-RAT-13 and AMB-RAT-24: a closed chain has the skipped keys below pn and no others.
func TestClosedChain(t *testing.T) {
	for _, set := range []*params.Set{params.AmbassadorV1, params.Omemo2} {
		alice, bob, r := inSession(t, set)
		messages := encrypt(t, alice, r, 2)
		copied := *alice
		beyond := encrypt(t, &copied, r, 1)[0]
		reads(t, bob, r, messages[1], 1)
		exchange(t, bob, alice, r)
		exchange(t, alice, bob, r)
		require.Nil(t, bob.Chains[len(bob.Chains)-2].CK, set.Name)
		refuses(t, bob, beyond, refusal.Duplicate)
		reads(t, bob, r, messages[0], 0)
	}
}

// AMB-RAT-03.
func TestResponderWaits(t *testing.T) {
	for _, set := range []*params.Set{params.AmbassadorV1, params.Omemo2} {
		_, bob, r := pair(t, set)
		before := bob.Digest()
		_, err := bob.Encrypt(r, nil)
		require.ErrorIs(t, err, refusal.NotReady)
		require.Equal(t, before, bob.Digest())
	}
}

// AMB-RAT-09.
func TestExhausted(t *testing.T) {
	for _, set := range params.Sets() {
		alice, _, r := pair(t, set)
		alice.Ns = math.MaxUint32 - 1
		encrypt(t, alice, r, 1)
		before := alice.Digest()
		_, err := alice.Encrypt(r, nil)
		require.ErrorIs(t, err, refusal.Exhausted)
		require.Equal(t, before, alice.Digest())
	}
}

// AMB-RAT-07 and AMB-RAT-08: a ratchet key lasts for a turn, or for a message.
func TestCadence(t *testing.T) {
	for cadence, want := range map[ratchet.Cadence]int{ratchet.PerTurn: 1, ratchet.PerMessage: 3} {
		alice, bob, r := inSession(t, params.AmbassadorV1)
		alice.Cadence = cadence
		keys := map[primitive.PublicKey]bool{}
		for range 3 {
			reads(t, bob, r, encrypt(t, alice, r, 1)[0], 0)
			keys[primitive.Public(alice.DHs)] = true
		}
		require.Len(t, keys, want)
	}
}

// AMB-RAT-16: the associated data is authenticated, in signal-v3 with the sender's half first.
func TestAssociatedData(t *testing.T) {
	for _, set := range []*params.Set{params.AmbassadorV1, params.SignalV3, params.Omemo2} {
		alice, bob, r := inSession(t, set)
		alice.AD = append(bytes.Repeat([]byte{1}, 33), bytes.Repeat([]byte{2}, 33)...)
		refuses(t, bob, encrypt(t, alice, r, 1)[0], refusal.Authentication)
		bob.AD = alice.AD
		exchange(t, alice, bob, r)
		exchange(t, bob, alice, r)
		require.Equal(t, alice.AD, alice.AssociatedData(true))
		require.Equal(t, alice.AD, bob.AssociatedData(false))
		turned := alice.AD
		if set == params.SignalV3 {
			turned = append(bytes.Repeat([]byte{2}, 33), bytes.Repeat([]byte{1}, 33)...)
		}
		require.Equal(t, turned, bob.AssociatedData(true))
		require.Equal(t, turned, alice.AssociatedData(false))
	}
}

// The context is authenticated too (SPEC.md 5.6).
func TestContext(t *testing.T) {
	alice, bob, r := inSession(t, params.AmbassadorV1)
	m, err := alice.EncryptIn(r, []byte("entry 7"), []byte("text"))
	require.NoError(t, err)
	refuses(t, bob, m, refusal.Authentication)
	_, err = bob.DecryptIn(r, []byte("entry 8"), m)
	require.ErrorIs(t, err, refusal.Authentication)
	plaintext, err := bob.DecryptIn(r, []byte("entry 7"), m)
	require.NoError(t, err)
	require.Equal(t, "text", string(plaintext))
}

// A device with the same state makes the step of the one that sent (SPEC.md 10.4).
func TestFollow(t *testing.T) {
	alice, bob, r := inSession(t, params.AmbassadorV1)
	alice.Cadence = ratchet.PerMessage
	sibling := *alice
	for i := range 3 {
		m, err := alice.EncryptIn(r, []byte("context"), fmt.Appendf(nil, "message %d", i))
		require.NoError(t, err)
		private := [primitive.KeySize]byte(alice.DHs.Bytes())
		before := sibling.Digest()
		_, err = sibling.Follow([primitive.KeySize]byte{1}, []byte("context"), m)
		require.ErrorIs(t, err, refusal.Authentication, "another key")
		_, err = sibling.Follow(private, []byte("other"), m)
		require.ErrorIs(t, err, refusal.Authentication, "another context")
		_, err = sibling.Follow(private, []byte("context"), m[:20])
		require.ErrorIs(t, err, refusal.Malformed)
		require.Equal(t, before, sibling.Digest())
		plaintext, err := sibling.Follow(private, []byte("context"), m)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("message %d", i), string(plaintext))
		require.Equal(t, alice.Digest(), sibling.Digest())
		_, err = bob.DecryptIn(r, []byte("context"), m)
		require.NoError(t, err)
	}
	exchange(t, &sibling, bob, r)
}

func TestStartRefuses(t *testing.T) {
	for _, set := range params.Sets() {
		k, err := primitive.GeneratePrivate(random(1))
		require.NoError(t, err)
		short := make([]byte, set.AgreementSize-1)
		_, err = ratchet.StartInitiator(set, short, nil, k, primitive.Public(k))
		require.ErrorIs(t, err, refusal.Malformed)
		_, err = ratchet.StartResponder(set, short, nil, k, primitive.Public(k))
		require.ErrorIs(t, err, refusal.Malformed)
		if set != params.OlmV1 { // which makes no agreement at the start
			_, err = ratchet.StartInitiator(set, append(short, 0), nil, k, primitive.PublicKey{})
			require.ErrorIs(t, err, refusal.LowOrderKey) // AMB-KEY-01
		}
	}
}
