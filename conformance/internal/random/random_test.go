package random_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/random"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shims/reference/adapter"
)

var both = []scenario.Level{scenario.Ratchet, scenario.Ambassador}

func reference(context.Context) (shim.Target, error) { return adapter.New(), nil }

// Accounts and worlds with faults have equal shares, and every focus has its own.
func TestShares(t *testing.T) {
	var last random.Tally
	tallies, wrong, err := random.Run(t.Context(), random.Options{
		Start: reference, Seed: 1, Jobs: 2, Levels: both, Count: 14, Progress: func(c random.Tally) { last = c },
	})
	require.NoError(t, err)
	require.Nil(t, wrong)
	require.Len(t, tallies, 2)
	require.Equal(t, 14, tallies[0].Schedules)
	require.Len(t, tallies[0].Focuses, 5)
	require.Equal(t, tallies[1], last)
	require.Equal(t, 2, last.Focuses["faults"])
	require.Equal(t, 1, last.Focuses["healing"])
	require.Equal(t, 1, last.Focuses["faults/secrets"])
}

// deaf refuses every message.
type deaf struct{ shim.Target }

func (d deaf) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	if op == shim.SessionDecrypt {
		return nil, &shim.Error{Code: shim.Rejected}
	}
	return d.Target.Call(ctx, op, p)
}

// The first schedule that is wrong ends the run, and is small.
func TestWrong(t *testing.T) {
	tallies, wrong, err := random.Run(t.Context(), random.Options{
		Start: func(context.Context) (shim.Target, error) { return deaf{adapter.New()}, nil }, Seed: 1, Levels: both,
		Count: 10,
	})
	require.NoError(t, err)
	require.Len(t, tallies, 1)
	require.Equal(t, verdict.RejectedValid, wrong.Reason)
	require.LessOrEqual(t, len(wrong.Scenario.Events), 4)
}

// A run needs a target that has the level, and ends with its context.
func TestErrors(t *testing.T) {
	gone := func(context.Context) (shim.Target, error) { return nil, errors.New("gone") }
	_, _, err := random.Run(t.Context(), random.Options{Start: gone})
	require.ErrorIs(t, err, suite.ErrTarget)
	_, _, err = random.Run(t.Context(), random.Options{Start: reference, Levels: []scenario.Level{"other"}, Count: 1})
	require.ErrorIs(t, err, suite.ErrNoMatch)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = random.Run(ctx, random.Options{Start: reference, Levels: both, Count: 1})
	require.ErrorIs(t, err, context.Canceled)
}
