package main

import (
	"testing"

	"credence/shim"
)

// The benchmarks are those of bench/messages_test.go, with the library behind the functions of the shim: cgo and the
// base64 that the library wants are in the figures.

var text = make(shim.Bytes, 64)

func parties() (alice, bob *party, b *shim.Bundle) {
	alice, bob = newParty(), newParty()
	alice.create(&shim.Params{})
	return alice, bob, bob.create(&shim.Params{OneTimePrekeyCount: 1}).Bundle
}

func start(alice, bob *party, b *shim.Bundle) {
	alice.initiate(&shim.Params{Peer: "bob", Bundle: b})
	m := alice.encrypt(&shim.Params{Peer: "bob", Plaintext: text})
	bob.respond(&shim.Params{Peer: "alice", Envelope: m.Envelope})
}

func message(from *party, to string, reader *party, sender string) {
	m := from.encrypt(&shim.Params{Peer: to, Plaintext: text})
	reader.decrypt(&shim.Params{Peer: sender, Envelope: m.Envelope})
}

func each(b *testing.B, run func(b *testing.B, alice, bob *party)) {
	b.Run("set=olm-v1/impl=libolm", func(b *testing.B) {
		b.ReportAllocs()
		defer freeAll()
		alice, bob, bundle := parties()
		start(alice, bob, bundle)
		message(bob, "alice", alice, "bob")
		run(b, alice, bob)
	})
}

func BenchmarkOneWay(b *testing.B) {
	each(b, func(b *testing.B, alice, bob *party) {
		for b.Loop() {
			message(alice, "bob", bob, "alice")
		}
	})
}

func BenchmarkPingPong(b *testing.B) {
	each(b, func(b *testing.B, alice, bob *party) {
		for b.Loop() {
			message(alice, "bob", bob, "alice")
			message(bob, "alice", alice, "bob")
		}
	})
}

func BenchmarkSetUp(b *testing.B) {
	each(b, func(b *testing.B, alice, bob *party) {
		for b.Loop() {
			b.StopTimer() // a one-time key is used once
			freeAll()
			alice, bob, bundle := parties()
			b.StartTimer()
			start(alice, bob, bundle)
		}
	})
}
