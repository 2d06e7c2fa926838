package adversary_test

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/adversary"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
)

// BenchmarkGrowth measures what the attacker needs for a copy of x bytes, and for a trace of x messages. The command in
// bench/ draws it with its other curves.
func BenchmarkGrowth(b *testing.B) {
	for _, x := range []int{1 << 10, 4 << 10, 16 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("of=search-by-bytes/x=%d", x), func(b *testing.B) { search(b, x, 20) })
	}
	for _, x := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("of=search-by-messages/x=%d", x), func(b *testing.B) { search(b, 1<<10, x) })
	}
}

// search reads a copy of random bytes, which opens none of the messages of a trace.
func search(b *testing.B, size, messages int) {
	trace, state := traffic(b, messages), make([]byte, size)
	rand.Read(state)
	for b.Loop() {
		readings, _ := adversary.NewAttacker(trace).Read(state)
		require.Empty(b, readings)
	}
}

// traffic returns a trace of messages in one chain.
func traffic(b *testing.B, messages int) *adversary.Trace {
	spk, err := primitive.GeneratePrivate(rand.Reader)
	require.NoError(b, err)
	first, err := primitive.GeneratePrivate(rand.Reader)
	require.NoError(b, err)
	alice, err := ratchet.StartInitiator(params.AmbassadorV1, make([]byte, 32), nil, first, primitive.Public(spk))
	require.NoError(b, err)
	t, s := adversary.NewTrace(), &adversary.Session{Set: adversary.AmbassadorV1}
	t.Open(s)
	plaintext := make([]byte, 64)
	for range messages {
		m, err := alice.Encrypt(rand.Reader, plaintext)
		require.NoError(b, err)
		require.NoError(b, t.Add(&adversary.Message{Session: s, Initiator: true, Body: m, Plaintext: plaintext}))
	}
	return t
}
