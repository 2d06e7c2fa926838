package kat

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/x3dh"
	"credence/reference/xeddsa"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
	"credence/vectors"
)

// scripted is a target that answers what a function says.
type scripted func(op shim.Op, p *shim.Params) (*shim.Result, error)

func (s scripted) Call(_ context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	return s(op, p)
}

func (s scripted) Close() error { return nil }

// everything is the hello of a target that offers every operation.
var everything = suite.Hello{Result: &shim.Result{Operations: shim.Ops, Injects: true}}

func execute(t *testing.T, c suite.Test, target shim.Target, h suite.Hello) verdict.TestResult {
	return c.Execute(suite.NewT(t.Context(), c.ID, target, h, c.Random(1)))
}

// A target whose results have nothing in them is judged at every vector, and never taken for a fault of the suite.
func TestEmptyResults(t *testing.T) {
	files, err := vectors.Load()
	require.NoError(t, err)
	empty := scripted(func(shim.Op, *shim.Params) (*shim.Result, error) { return &shim.Result{}, nil })
	failed := 0
	for _, c := range Tests(files) {
		r := execute(t, c, empty, everything)
		require.NotEqual(t, verdict.Errored, r.Status, "%s: %s", r.ID, r.Message)
		if r.Status == verdict.Failed {
			failed++
		}
	}
	require.Greater(t, failed, 1000)
}

// script is a test of two exports and an import.
func script() suite.Test {
	step := func(op shim.Op) vectors.Step {
		return vectors.Step{Op: op, Input: &shim.Params{Party: "a"}, Result: vectors.Valid}
	}
	g := &vectors.Group{Type: vectors.Scenario, Profile: "channel"}
	return newTest(g, &vectors.Test{ID: "script", Steps: []vectors.Step{
		step(shim.ChannelExport), step(shim.ChannelExport), step(shim.ChannelImport),
	}})
}

// A script imports what the target has exported last, and says in which step it has failed.
func TestScript(t *testing.T) {
	exports, imported := byte(0), shim.Bytes(nil)
	target := scripted(func(op shim.Op, p *shim.Params) (*shim.Result, error) {
		switch op {
		case shim.ChannelExport:
			exports++
			return &shim.Result{State: shim.Bytes{exports}}, nil
		case shim.ChannelImport:
			imported = p.State
			return nil, &shim.Error{Code: shim.Rejected, Class: refusal.Malformed}
		}
		return &shim.Result{}, nil
	})
	r := execute(t, script(), target, everything)
	require.Equal(t, shim.Bytes{2}, imported)
	require.Equal(t, verdict.RejectedValid, r.Reason)
	require.Equal(t, "step 2: channel.import must succeed", r.Message)
}

// A script that a target dies in says in which step, too.
func TestScriptCrash(t *testing.T) {
	target := scripted(func(op shim.Op, _ *shim.Params) (*shim.Result, error) {
		if op == shim.ChannelExport {
			return nil, shim.ErrCrash
		}
		return &shim.Result{}, nil
	})
	r := execute(t, script(), target, everything)
	require.Equal(t, verdict.Errored, r.Status)
	require.Equal(t, verdict.Crash, r.Reason)
	require.Equal(t, "step 0: "+shim.ErrCrash.Error(), r.Message)
}

// An acceptable vector may be refused; a result must be the right one.
func TestAcceptable(t *testing.T) {
	c := newTest(&vectors.Group{Type: vectors.Operation, Operation: shim.XeddsaSign}, &vectors.Test{
		ID: "acceptable", Input: &shim.Params{}, Result: vectors.Acceptable,
		Output: &shim.Result{Signature: shim.Bytes{1}},
	})
	for _, answer := range []struct {
		result *shim.Result
		err    error
		want   verdict.Status
	}{
		{nil, &shim.Error{Code: shim.Rejected}, verdict.Passed},
		{&shim.Result{Signature: shim.Bytes{1}}, nil, verdict.Passed},
		{&shim.Result{Signature: shim.Bytes{2}}, nil, verdict.Failed},
		{nil, shim.ErrHang, verdict.Errored},
	} {
		target := scripted(func(shim.Op, *shim.Params) (*shim.Result, error) { return answer.result, answer.err })
		require.Equal(t, answer.want, execute(t, c, target, everything).Status)
	}
}

// A bundle that must be refused is brought to session.initiate if the target has no pure agreement.
func TestInitiateInstead(t *testing.T) {
	g := &vectors.Group{Type: vectors.Operation, Profile: "x3dh", Operation: shim.X3dhInitiate}
	bundle := &shim.Bundle{Identity: shim.Bytes{1}}
	v := &vectors.Test{
		ID: "bundle", Input: &shim.Params{Set: "olm-v1", Bundle: bundle, IdentityPrivate: shim.Bytes{7}},
		Result: vectors.Invalid, Class: refusal.LowOrderKey,
	}
	h := suite.Hello{Result: &shim.Result{
		Profiles: []string{"x3dh"}, ParameterSets: []string{""}, Operations: shim.ByHandshake.Ops(),
	}}
	c := newTest(g, v)
	require.Empty(t, c.Missing(h))
	var asked []shim.Op
	target := scripted(func(op shim.Op, p *shim.Params) (*shim.Result, error) {
		asked = append(asked, op)
		if op != shim.SessionInitiate {
			return &shim.Result{}, nil
		}
		require.Same(t, bundle, p.Bundle)
		return nil, &shim.Error{Code: shim.Rejected, Class: refusal.LowOrderKey}
	})
	require.Equal(t, verdict.Passed, execute(t, c, target, h).Status)
	require.Equal(t, []shim.Op{shim.Reset, shim.PartyNew, shim.SessionInitiate}, asked)

	v.Result = vectors.Valid
	c = newTest(g, v)
	require.Equal(t, "operation x3dh.initiate", c.Missing(h))
}

// A step is judged by its result, and by the digest of the state after it.
func TestStep(t *testing.T) {
	target := scripted(func(op shim.Op, _ *shim.Params) (*shim.Result, error) {
		return &shim.Result{Digest: shim.Bytes{1}}, nil
	})
	for name, c := range map[string]struct {
		step vectors.Step
		want string
	}{
		"right": {vectors.Step{DigestAfter: shim.Bytes{1}}, ""},
		"result": {vectors.Step{Output: &shim.Result{Message: shim.Bytes{2}}},
			"step 0: session.encrypt gives another result"},
		"digest": {vectors.Step{DigestAfter: shim.Bytes{2}}, "step 0: state digest differs"},
	} {
		c.step.Op, c.step.Input, c.step.Result = shim.SessionEncrypt, &shim.Params{}, vectors.Valid
		test := newTest(&vectors.Group{Type: vectors.Session}, &vectors.Test{ID: "step", Steps: []vectors.Step{c.step}})
		require.Equal(t, c.want, execute(t, test, target, everything).Message, name)
	}
}

// A party may sign its prekey in its own way; the signature must be one.
func TestOwnSignature(t *testing.T) {
	input := shim.Params{Set: "ambassador-v1", Party: "a"}
	expected, err := adapter.New().Call(t.Context(), shim.PartyNew, &input)
	require.NoError(t, err)
	spk := shim.Bytes{7: 1, 31: 0}
	k, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{5}, 32))
	require.NoError(t, err)
	sign := func(message []byte) shim.Bytes {
		s, err := xeddsa.Sign(params.Strict, k, message, bytes.NewReader(make([]byte, xeddsa.RandomSize)))
		require.NoError(t, err)
		return s
	}
	expected.Bundle.Identity, expected.Bundle.SignedPrekey = k.PublicKey().Bytes(), spk
	for name, c := range map[string]struct {
		signature shim.Bytes
		want      verdict.Status
	}{
		"another":         {sign(x3dh.SignatureInput(params.AmbassadorV1, spk)), verdict.Passed},
		"of another text": {sign(spk), verdict.Failed},
		"none":            {nil, verdict.Failed},
	} {
		bundle := *expected.Bundle
		bundle.Signature = c.signature
		answer := &shim.Result{Bundle: &bundle}
		target := scripted(func(shim.Op, *shim.Params) (*shim.Result, error) { return answer, nil })
		test := newTest(&vectors.Group{Type: vectors.Session}, &vectors.Test{ID: "party", Steps: []vectors.Step{
			{Op: shim.PartyNew, Input: &input, Result: vectors.Valid, Output: expected},
		}})
		require.Equal(t, c.want, execute(t, test, target, everything).Status, name)
	}
}

// What follows from the input may be left out of a result, and a problem is told in the target's own words.
func TestEqualResult(t *testing.T) {
	const passed, failed = verdict.Passed, verdict.Failed
	for name, c := range map[string]struct {
		change func(e, g *shim.Result)
		want   verdict.Status
	}{
		"the same":                {func(_, _ *shim.Result) {}, passed},
		"no ephemeral key":        {func(_, g *shim.Result) { g.EphemeralKey = nil }, passed},
		"another ephemeral key":   {func(_, g *shim.Result) { g.EphemeralKey = shim.Bytes{9} }, failed},
		"other words":             {func(_, g *shim.Result) { g.Problem = "two of them" }, passed},
		"no problem":              {func(_, g *shim.Result) { g.Problem = "" }, failed},
		"no secret":               {func(_, g *shim.Result) { g.SharedSecret = nil }, failed},
		"no bundle":               {func(_, g *shim.Result) { g.Bundle = nil }, failed},
		"another registration id": {func(_, g *shim.Result) { g.Bundle.RegistrationID = 0 }, passed},
		"another prekey id":       {func(_, g *shim.Result) { g.Bundle.OneTimePrekeyID = 0 }, failed},
		"another prekey id of Olm": {func(e, g *shim.Result) {
			e.Bundle.SignedPrekey, g.Bundle.SignedPrekey, g.Bundle.OneTimePrekeyID = nil, nil, 0
		}, passed},
		"a class of the family":     {func(_, g *shim.Result) { g.Events[0].Class = refusal.Malformed }, passed},
		"no class":                  {func(_, g *shim.Result) { g.Events[0].Class = "" }, passed},
		"a class of another family": {func(_, g *shim.Result) { g.Events[0].Class = refusal.Exhausted }, failed},
		"no event":                  {func(_, g *shim.Result) { g.Events = nil }, failed},
	} {
		e, g := fullResult(), fullResult()
		c.change(e, g)
		test := suite.Test{Run: func(t *suite.T) { equalResult(t, shim.X3dhInitiate, e, g) }}
		require.Equal(t, c.want, execute(t, test, nil, everything).Status, name)
	}
}

// fullResult returns a result with every field in which targets may differ.
func fullResult() *shim.Result {
	return &shim.Result{
		EphemeralKey: shim.Bytes{1}, Problem: "a fork", SharedSecret: shim.Bytes{2},
		Bundle: &shim.Bundle{
			Identity: shim.Bytes{3}, SignedPrekey: shim.Bytes{6}, OneTimePrekeyID: 4, RegistrationID: 5,
		},
		Events: []shim.Event{{Kind: "void", Class: refusal.Duplicate}},
	}
}
