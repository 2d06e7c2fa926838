package sessions_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/live/sessions"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// liar is the reference with its answers to some operation changed.
type liar struct {
	*adapter.Adapter
	op     shim.Op
	change func(r *shim.Result) *shim.Result
}

func (l liar) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	r, err := l.Adapter.Call(ctx, op, p)
	if op == l.op && err == nil {
		r = l.change(r)
	}
	return r, err
}

// results runs the tests of two sets, with and without signed prekeys, on a target.
func results(t *testing.T, target shim.Target) (all []verdict.TestResult) {
	h, err := suite.Greet(t.Context(), target)
	require.NoError(t, err)
	for _, c := range sessions.Tests() {
		if (c.Set == "ambassador-v1" || c.Set == "olm-v1") && c.Missing(h) == "" {
			all = append(all, c.Execute(suite.NewT(t.Context(), c.ID, target, h, c.Random(1))))
		}
	}
	return all
}

// A target that leaves something out of its results is judged, and is never taken for a fault of the suite.
func TestLeavesOut(t *testing.T) {
	empty := func(*shim.Result) *shim.Result { return &shim.Result{} }
	short := shim.Bytes{1}
	for name, c := range map[string]struct {
		op     shim.Op
		change func(r *shim.Result) *shim.Result
		reason verdict.Reason
	}{
		"bundle":               {shim.PartyNew, empty, verdict.Protocol},
		"keys of a bundle":     {shim.PartyNew, with(shim.Result{Bundle: &shim.Bundle{}}), verdict.Mismatch},
		"envelope":             {shim.SessionEncrypt, empty, verdict.Protocol},
		"body of an envelope":  {shim.SessionEncrypt, with(shim.Result{Envelope: &shim.Message{}}), verdict.Mismatch},
		"most of a message":    {shim.SessionEncrypt, with(shim.Result{Envelope: initial(short)}), verdict.Mismatch},
		"plaintext":            {shim.SessionDecrypt, empty, verdict.Protocol},
		"plaintext of respond": {shim.SessionRespond, empty, verdict.Protocol},
		"state":                {shim.PartyExport, empty, verdict.Protocol},
		"signature":            {shim.XeddsaSign, empty, verdict.Mismatch},
		"result":               {shim.SessionEncrypt, func(*shim.Result) *shim.Result { return nil }, verdict.Protocol},
	} {
		t.Run(name, func(t *testing.T) {
			seen := map[verdict.Reason]bool{}
			for _, r := range results(t, liar{adapter.New(), c.op, c.change}) {
				require.NotEqual(t, verdict.Suite, r.Reason, "%s: %s", r.ID, r.Message)
				seen[r.Reason] = true
			}
			require.Contains(t, seen, c.reason)
		})
	}
}

// with answers with a fixed result.
func with(r shim.Result) func(*shim.Result) *shim.Result {
	return func(*shim.Result) *shim.Result { return &r }
}

func initial(body shim.Bytes) *shim.Message {
	return &shim.Message{Kind: shim.InitialMessage, Body: body}
}
