package search_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/search"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shims/reference/adapter"
)

var (
	accounts = &scenario.Scenario{
		Level: scenario.Ambassador, Set: "ambassador-v1", Faults: true,
		Users: []scenario.User{{Name: "alice", Devices: 2}, {Name: "bob", Devices: 1}},
	}
	twoParties = &scenario.Scenario{Level: scenario.Ratchet, Set: "ambassador-v1"}
)

func reference(context.Context) (shim.Target, error) { return adapter.New(), nil }

// The reference passes every schedule, and so many there are.
func TestReference(t *testing.T) {
	for name, c := range map[string]struct {
		options   search.Options
		schedules int
	}{
		"accounts":    {search.Options{From: accounts, Depth: 3, Events: []string{"basis"}}, 42},
		"two parties": {search.Options{From: twoParties, Depth: 4, Jobs: 2}, 32},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Start = reference
			var depths []int
			c.options.Progress = func(c search.Count) { depths = append(depths, c.Depth) }
			count, failure, err := search.Run(t.Context(), c.options)
			require.NoError(t, err)
			require.Nil(t, failure)
			require.Equal(t, c.schedules, count.Schedules)
			require.Len(t, depths, c.options.Depth)
		})
	}
}

// firstOnly reads the first message of a session, and loses all others.
type firstOnly struct{ shim.Target }

func (f firstOnly) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	r, err := f.Target.Call(ctx, op, p)
	if op == shim.SessionDecrypt && err == nil {
		return nil, &shim.Error{Code: shim.Rejected}
	}
	return r, err
}

// The search finds the schedule that a fault needs.
func TestFault(t *testing.T) {
	_, failure, err := search.Run(t.Context(), search.Options{
		Start: func(context.Context) (shim.Target, error) { return firstOnly{adapter.New()}, nil },
		From:  twoParties, Depth: 4,
	})
	require.NoError(t, err)
	require.NotNil(t, failure)
	require.Equal(t, verdict.RejectedValid, failure.Reason)
	require.NotNil(t, failure.Scenario)
}

// silent does not tell its user what has become of a text.
type silent struct {
	shim.Target
	kind string
}

func (s silent) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	r, err := s.Target.Call(ctx, op, p)
	if err == nil {
		r.Events = slices.DeleteFunc(r.Events, func(e shim.Event) bool { return e.Kind == s.kind })
	}
	return r, err
}

// A rule that accounts have not kept before is found to be broken by the schedule that needs the fewest events, and no
// sooner.
func TestOldRules(t *testing.T) {
	for kind, c := range map[string]struct {
		groups []string
		depth  int
	}{
		"dropped":     {[]string{"basis", "loss"}, 3},
		"undelivered": {[]string{"basis", "void"}, 2},
	} {
		t.Run(kind, func(t *testing.T) {
			options := search.Options{
				Start: func(context.Context) (shim.Target, error) { return silent{adapter.New(), kind}, nil },
				From:  accounts, Depth: c.depth - 1, Events: c.groups,
			}
			_, failure, err := search.Run(t.Context(), options)
			require.NoError(t, err)
			require.Nil(t, failure)
			options.Depth = c.depth + 1
			_, failure, err = search.Run(t.Context(), options)
			require.NoError(t, err)
			require.NotNil(t, failure)
			require.Len(t, failure.Scenario.Events, c.depth)
		})
	}
}

// A search needs its target, and ends with its context.
func TestErrors(t *testing.T) {
	gone := func(context.Context) (shim.Target, error) { return nil, errors.New("gone") }
	_, _, err := search.Run(t.Context(), search.Options{Start: gone, From: twoParties, Depth: 1})
	require.ErrorIs(t, err, suite.ErrTarget)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = search.Run(ctx, search.Options{Start: reference, From: twoParties, Depth: 1})
	require.ErrorIs(t, err, context.Canceled)
}
