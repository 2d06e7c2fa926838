package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"credence/conformance"
	"credence/conformance/adversary"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/postoffice"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// BenchmarkGrowth returns the points of the curves in docs/performance.md: what something costs that has x of
// something. state-B is the size of the state that is left, in bytes.
func BenchmarkGrowth(b *testing.B) {
	for _, c := range curves {
		for _, x := range c.at {
			b.Run(fmt.Sprintf("of=%s/x=%d", c.name, x), func(b *testing.B) { c.run(b, x) })
		}
	}
}

// curve is something that grows. A name is the cost, and what it grows with.
type curve struct {
	name string
	at   []int
	run  func(b *testing.B, x int)
}

var curves = []curve{
	{"conversation-by-messages", []int{10, 100, 1000, 10000}, conversationOf},
	{"message-by-devices", []int{1, 2, 5, 10, 20, 50}, messageToDevices},
	{"message-by-conversations", []int{1, 10, 100, 1000}, messageAmongConversations},
	{"jump-by-skipped", []int{10, 100, 1000}, jump},
	{"reading-by-skipped", []int{10, 100, 1000}, readSkipped},
	{"search-by-bytes", []int{1 << 10, 4 << 10, 16 << 10, 64 << 10}, searchBytes},
	{"search-by-messages", []int{10, 100, 1000}, searchMessages},
	{"scenario-by-events", []int{20, 80, 320, 1280}, func(b *testing.B, x int) { playScenario(b, x, x) }},
	{"scenario-by-events-and-thefts", []int{20, 80, 320, 1280}, func(b *testing.B, x int) { playScenario(b, x, 20) }},
	{"suite-by-tests", []int{16, 8, 4, 2, 1}, suitePart},
}

// conversationOf is a conversation of x messages, in turns of ten.
func conversationOf(b *testing.B, x int) {
	var state int
	for b.Loop() {
		p := newPair(b, params.AmbassadorV1)
		for i := range x {
			p.message(b, i/10%2)
		}
		state = len(p[0].Export())
	}
	b.ReportMetric(float64(state), "state-B")
}

// messageToDevices is a message of an account with x devices to one with x devices.
func messageToDevices(b *testing.B, x int) {
	alice, bob := talk(b, x, x)
	timed(b, func() time.Duration { return alice.message(b, bob, nil) })
	b.ReportMetric(float64(len(alice[0].Export())), "state-B")
}

// messageAmongConversations is a message of a device that has x conversations.
func messageAmongConversations(b *testing.B, x int) {
	office := postoffice.New(time.Now)
	alice := newDevices(b, office, 1)
	var bob devices
	for range x {
		bob = newDevices(b, office, 1)
		bundle, err := office.Bundle(bob[0].Account())
		require.NoError(b, err)
		alice.message(b, bob, bundle)
	}
	for b.Loop() {
		alice.message(b, bob, nil)
	}
	b.ReportMetric(float64(len(alice[0].Export())), "state-B")
}

// skipped returns a state that has not received x messages, and these with the one after them.
func skipped(b *testing.B, x int) (bob ratchet.State, messages [][]byte) {
	spk, first := floorDraw(), floorDraw()
	alice, err := ratchet.StartInitiator(params.AmbassadorV1, zeros[:], nil, first, primitive.Public(spk))
	require.NoError(b, err)
	s, err := ratchet.StartResponder(params.AmbassadorV1, zeros[:], nil, spk, primitive.Public(first))
	require.NoError(b, err)
	for range x + 2 {
		m, err := alice.Encrypt(rand.Reader, plaintext)
		require.NoError(b, err)
		messages = append(messages, m)
	}
	_, err = s.Decrypt(rand.Reader, messages[0])
	require.NoError(b, err)
	return *s, messages[1:]
}

// jump is the reading of a message before which x were lost.
func jump(b *testing.B, x int) {
	bob, messages := skipped(b, x)
	var s ratchet.State
	for b.Loop() {
		s = bob
		_, err := s.Decrypt(rand.Reader, messages[x])
		require.NoError(b, err)
	}
	b.ReportMetric(float64(len(s.Marshal())), "state-B")
}

// readSkipped is the reading of x messages that come late, after that jump.
func readSkipped(b *testing.B, x int) {
	bob, messages := skipped(b, x)
	_, err := bob.Decrypt(rand.Reader, messages[x])
	require.NoError(b, err)
	for b.Loop() {
		s := bob
		for _, m := range messages[:x] {
			_, err := s.Decrypt(rand.Reader, m)
			require.NoError(b, err)
		}
	}
}

// traffic returns a trace of x messages of which an attacker can read none.
func traffic(b *testing.B, x int) *adversary.Trace {
	_, messages := skipped(b, x)
	t, s := adversary.NewTrace(), &adversary.Session{Set: params.AmbassadorV1}
	t.Open(s)
	for _, m := range messages {
		require.NoError(b, t.Add(&adversary.Message{Session: s, Initiator: true, Body: m, Plaintext: plaintext}))
	}
	return t
}

// search is what an attacker needs for a copy of so many bytes and a trace.
func search(b *testing.B, size int, t *adversary.Trace) {
	copied := make([]byte, size)
	rand.Read(copied)
	for b.Loop() {
		readings, _ := adversary.NewAttacker(t).Read(copied)
		require.Empty(b, readings)
	}
}

func searchBytes(b *testing.B, x int)    { search(b, x, traffic(b, 20)) }
func searchMessages(b *testing.B, x int) { search(b, 1<<10, traffic(b, x)) }

// playScenario plays a scenario of two parties with so many events, in turns of two messages, with a theft after each
// so many.
func playScenario(b *testing.B, events, theft int) {
	s := &scenario.Scenario{
		Format: scenario.Format, Version: scenario.Version, Level: scenario.Ratchet, Set: params.AmbassadorV1.Name,
	}
	sent := map[string]int{}
	for i := 1; len(s.Events) < events; i++ {
		by, to := "a", "b"
		if i/2%2 == 1 {
			by, to = to, by
		}
		sent[by]++
		s.Events = append(
			s.Events, scenario.Event{Do: scenario.Send, By: by},
			scenario.Event{Do: scenario.Deliver, By: to, Message: fmt.Sprint(by, sent[by])},
		)
		if len(s.Events)%theft == 0 {
			s.Events = append(s.Events, scenario.Event{Do: scenario.Compromise, By: "b"})
		}
	}
	p, err := conformance.NewPlayer(
		b.Context(),
		conformance.Options{Seed: 1, Start: func(context.Context) (shim.Target, error) { return adapter.New(), nil }},
	)
	require.NoError(b, err)
	for b.Loop() {
		play, err := p.Play(s)
		require.NoError(b, err)
		require.Equal(b, verdict.Passed, play.Result.Status, play.Result.Message)
	}
}

// sessionTests matches tests that are much alike.
var sessionTests = regexp.MustCompile(`^ratchet/.*/session/`)

// suitePart is a run of these, of which every x-th is taken.
func suitePart(b *testing.B, x int) {
	suite(b, conformance.Options{Match: sessionTests, Jobs: 1, Shard: verdict.Shard{Index: 1, Count: x}})
}
