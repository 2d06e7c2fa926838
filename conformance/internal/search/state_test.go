package search

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/shims/reference/adapter"
)

// From equal states the same events lead to equal states, whatever came before.
func TestStates(t *testing.T) {
	depth := 2
	if d, err := strconv.Atoi(os.Getenv("DEPTH")); err == nil {
		depth = d
	}
	o := Options{Events: Groups, From: &scenario.Scenario{
		Level: scenario.Ambassador, Set: "ambassador-v1", Faults: true,
		Users: []scenario.User{{Name: "alice", Devices: 2}, {Name: "bob", Devices: 1}},
	}}
	if g := os.Getenv("GROUPS_"); g != "" {
		o.Events = []string{"basis", g}
	}
	target := adapter.New()
	h, err := suite.Greet(t.Context(), target)
	require.NoError(t, err)
	w := &worker{from: o.From, target: target, hello: h}
	known := &states{seen: map[[32]byte]bool{}}
	after := map[string]string{}
	by := map[string]string{}
	frontier := []outcome{w.play(t.Context(), known, nil)}
	n := 0
	for range depth {
		var next []outcome
		for _, s := range frontier {
			var ends []string
			for _, events := range o.longer([]outcome{s}) {
				out := w.play(t.Context(), known, events)
				n++
				require.Nil(t, out.failure, events)
				next = append(next, out)
				ends = append(ends, out.end.State)
			}
			slices.Sort(ends)
			all := fmt.Sprint(slices.Compact(ends))
			if before, ok := after[s.end.State]; ok {
				require.Equal(t, before, all, "%s\n%v\n%v", s.end.State, by[s.end.State], s.events)
			}
			after[s.end.State], by[s.end.State] = all, fmt.Sprint(s.events)
		}
		frontier = next
	}
	t.Log(n, len(after))
}
