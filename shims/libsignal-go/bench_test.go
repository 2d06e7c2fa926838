package main

import (
	"context"
	"maps"
	"testing"

	"credence/shim"

	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/session"
)

// The benchmarks are those of bench/messages_test.go, with the library as an application calls it.

var (
	ctx   = context.Background()
	text  = make([]byte, 64)
	impls = map[string]string{"live": "libsignal-go-live", "copy": "libsignal-go-copy"}
)

// end is one party with its cipher for the other.
type end struct {
	*store
	builder *session.Builder
	cipher  *session.Cipher
}

func (s *store) to(peer string) end {
	a := protocol.NewSignalAddress(peer, device)
	b := session.NewBuilder(s, s, s, s, a, serializer)
	return end{s, b, session.NewCipher(b, a)}
}

// again returns a copy of a party that has no session.
func (s *store) again() *store {
	c := *s
	c.Trusted, c.Sessions = map[string]string{}, map[string][]byte{}
	c.PreKeys = maps.Clone(s.PreKeys)
	if s.live != nil {
		clear(c.live)
	}
	return &c
}

func parties(mode string) (alice, bob *store, b *shim.Bundle) {
	t := newTarget(mode)
	t.newParty(ctx, &shim.Params{Party: "alice"})
	r := t.newParty(ctx, &shim.Params{Party: "bob", OneTimePrekeyCount: 1})
	return t.parties["alice"], t.parties["bob"], r.Bundle
}

func start(alice, bob end, b *shim.Bundle) {
	must(alice.builder.ProcessBundle(ctx, bundle(b)))
	m := try(alice.cipher.Encrypt(ctx, text)).Serialize()
	try(bob.cipher.DecryptMessage(
		ctx, try(protocol.NewPreKeySignalMessageFromBytes(m, serializer.PreKeySignalMessage, serializer.SignalMessage)),
	))
}

func exchange(from, to end) {
	m := try(from.cipher.Encrypt(ctx, text)).Serialize()
	try(to.cipher.Decrypt(ctx, try(protocol.NewSignalMessageFromBytes(m, serializer.SignalMessage))))
}

func each(b *testing.B, run func(b *testing.B, alice, bob *store, bundle *shim.Bundle)) {
	for _, mode := range []string{"live", "copy"} {
		b.Run("set=signal-v3/impl="+impls[mode], func(b *testing.B) {
			b.ReportAllocs()
			alice, bob, bundle := parties(mode)
			run(b, alice, bob, bundle)
		})
	}
}

func BenchmarkOneWay(b *testing.B) {
	each(b, func(b *testing.B, alice, bob *store, bundle *shim.Bundle) {
		a, z := alice.to("bob"), bob.to("alice")
		start(a, z, bundle)
		exchange(z, a)
		for b.Loop() {
			exchange(a, z)
		}
	})
}

func BenchmarkPingPong(b *testing.B) {
	each(b, func(b *testing.B, alice, bob *store, bundle *shim.Bundle) {
		a, z := alice.to("bob"), bob.to("alice")
		start(a, z, bundle)
		exchange(z, a)
		for b.Loop() {
			exchange(a, z)
			exchange(z, a)
		}
	})
}

func BenchmarkSetUp(b *testing.B) {
	each(b, func(b *testing.B, alice, bob *store, bundle *shim.Bundle) {
		for b.Loop() {
			start(alice.again().to("bob"), bob.again().to("alice"), bundle)
		}
	})
}
