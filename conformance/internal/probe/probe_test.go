package probe_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/probe"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// run returns the failures of the tests on the reference with another hello.
func run(t *testing.T, target shim.Target, change func(r *shim.Result)) (failures []verdict.TestResult) {
	h, err := suite.Greet(t.Context(), adapter.New())
	require.NoError(t, err)
	change(h.Result)
	for _, c := range probe.Tests() {
		r := c.Execute(suite.NewT(t.Context(), c.ID, target, h, c.Random(1)))
		if r.Status != verdict.Passed {
			failures = append(failures, r)
		}
	}
	return failures
}

// Each thing that hello says wrongly fails a test, which names it.
func TestHello(t *testing.T) {
	require.Empty(t, run(t, adapter.New(), func(*shim.Result) {}))
	for message, change := range map[string]func(r *shim.Result){
		"hello: protocol version":                       func(r *shim.Result) { r.Protocol++ },
		"hello: name, version and language must be set": func(r *shim.Result) { r.Language = "" },
		`hello: profile "none" is unknown`: func(r *shim.Result) {
			r.Profiles = append(r.Profiles, "none")
		},
		`hello: unknown parameter set "none"`: func(r *shim.Result) {
			r.ParameterSets = append(r.ParameterSets, "none")
		},
		`hello: operation "none" is unknown`: func(r *shim.Result) { r.Operations = append(r.Operations, "none") },
		"profile xeddsa is claimed without the operations that it needs": func(r *shim.Result) {
			r.Operations = without(r.Operations, shim.XeddsaVerify)
		},
		"profile ratchet is claimed without the operations that it needs": func(r *shim.Result) {
			r.Operations = without(r.Operations, shim.SessionInitiate, shim.SessionStart)
		},
		"reset is needed by every profile": func(r *shim.Result) { r.Operations = without(r.Operations, shim.Reset) },
	} {
		failures := run(t, adapter.New(), change)
		require.NotEmpty(t, failures, message)
		require.Equal(t, verdict.Failed, failures[0].Status)
		require.Equal(t, message, failures[0].Message)
	}
}

// One of the ways to a profile is enough.
func TestWays(t *testing.T) {
	require.Empty(t, run(t, adapter.New(), func(r *shim.Result) {
		r.Operations = without(r.Operations, shim.SessionStart, shim.X3dhInitiate, shim.X3dhRespond)
	}))
}

func without(ops []shim.Op, gone ...shim.Op) []shim.Op {
	return slices.DeleteFunc(slices.Clone(ops), func(op shim.Op) bool { return slices.Contains(gone, op) })
}

// always is a target that answers every operation in one way.
type always struct {
	result *shim.Result
	err    error
}

func (a always) Call(context.Context, shim.Op, *shim.Params) (*shim.Result, error) {
	return a.result, a.err
}

func (a always) Close() error { return nil }

// An operation that nobody has must be refused as unsupported, and in no other way.
func TestInventedOperation(t *testing.T) {
	const message = "an invented operation must be refused as unsupported"
	for name, c := range map[string]struct {
		answer always
		status verdict.Status
		reason verdict.Reason
		text   string
	}{
		"a result": {always{result: &shim.Result{}}, verdict.Failed, verdict.Protocol, message},
		"rejected": {always{err: &shim.Error{Code: shim.Rejected}}, verdict.Failed, verdict.Protocol, message},
		"invalid": {always{err: &shim.Error{Code: shim.InvalidRequest}}, verdict.Failed, verdict.RejectedValid,
			"credence.invented: the target calls the request invalid"},
		"dies": {always{err: shim.ErrCrash}, verdict.Errored, verdict.Crash, shim.ErrCrash.Error()},
	} {
		failures := run(t, c.answer, func(*shim.Result) {})
		require.Len(t, failures, 1, name)
		require.Equal(t, c.status, failures[0].Status, name)
		require.Equal(t, c.reason, failures[0].Reason, name)
		require.Equal(t, c.text, failures[0].Message, name)
	}
}
