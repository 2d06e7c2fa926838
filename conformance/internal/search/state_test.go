package search

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/shims/reference/adapter"
)

// From equal states the same events lead to equal states, whatever has led there: what is left out was played.
func TestStates(t *testing.T) {
	o := Options{Events: Groups, From: &scenario.Scenario{
		Level: scenario.Ambassador, Set: "ambassador-v1", Faults: true,
		Users: []scenario.User{{Name: "alice", Devices: 2}, {Name: "bob", Devices: 1}},
	}}
	target := adapter.New()
	h, err := suite.Greet(t.Context(), target)
	require.NoError(t, err)
	w := &worker{from: o.From, target: target, hello: h}
	known := &states{seen: map[[32]byte]bool{}}
	following := map[string]string{}
	again := 0
	frontier := []outcome{w.play(t.Context(), known, nil)}
	for range 2 {
		var next []outcome
		for _, s := range frontier {
			var ends []string
			for _, events := range o.longer([]outcome{s}) {
				out := w.play(t.Context(), known, events)
				require.Nil(t, out.failure, events)
				next = append(next, out)
				ends = append(ends, out.end.State)
			}
			slices.Sort(ends)
			all := strings.Join(slices.Compact(ends), "\n")
			if before, ok := following[s.end.State]; ok {
				again++
				require.Equal(t, before, all, s.events)
			}
			following[s.end.State] = all
		}
		frontier = next
	}
	require.NotZero(t, again)
}

// Accounts and companions are the same whatever they are called.
func TestNames(t *testing.T) {
	o := Options{Events: []string{"basis"}, From: &scenario.Scenario{
		Level: scenario.Ambassador, Set: "ambassador-v1", Faults: true,
		Users: []scenario.User{{Name: "alice", Devices: 3}, {Name: "bob", Devices: 3}},
	}}
	target := adapter.New()
	h, err := suite.Greet(t.Context(), target)
	require.NoError(t, err)
	w := &worker{from: o.From, target: target, hello: h}
	known := &states{seen: map[[32]byte]bool{}}
	isNew := 0
	for _, events := range o.longer([]outcome{w.play(t.Context(), known, nil)}) {
		if w.play(t.Context(), known, events).isNew {
			isNew++
		}
	}
	require.Equal(t, 2, isNew, "a leader or a companion makes an entry")
}
