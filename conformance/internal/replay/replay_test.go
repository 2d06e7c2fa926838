package replay_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/replay"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// losesA2 is the reference, except that it does not read the second message of a.
type losesA2 struct{ shim.Target }

func (l losesA2) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	r, err := l.Target.Call(ctx, op, p)
	if op == shim.SessionDecrypt && err == nil && strings.HasSuffix(string(*r.Plaintext), "a2") {
		return nil, &shim.Error{Code: shim.Rejected}
	}
	return r, err
}

// A scenario that goes wrong has the record up to there, and what the attacker could read in all of it.
func TestWrong(t *testing.T) {
	event := func(do scenario.Verb, by, message string) scenario.Event {
		return scenario.Event{Do: do, By: by, Message: message}
	}
	s := &scenario.Scenario{Level: scenario.Ratchet, Set: "ambassador-v1", Events: []scenario.Event{
		event(scenario.Send, "a", ""), event(scenario.Deliver, "b", "a1"), event(scenario.Compromise, "b", ""),
		event(scenario.Send, "a", ""), event(scenario.Deliver, "b", "a2"), event(scenario.Send, "a", ""),
	}}
	target := losesA2{adapter.New()}
	h, err := suite.Greet(t.Context(), target)
	require.NoError(t, err)
	p := replay.Scenario(suite.NewT(t.Context(), "replay", target, h, suite.Random(1, "replay")), s)
	require.Equal(t, verdict.RejectedValid, p.Result.Reason)
	require.Len(t, p.Lines, 5)
	require.Equal(t, "deliver b a2: WRONG", p.Lines[4])
	require.Equal(t, verdict.WentWrong, p.Arrivals[1].Outcome)
	require.Len(t, p.Messages, 3)
	require.Len(t, p.Compromises, 1)
	readA3 := func(e verdict.Exposure) bool { return e.Message == "a3" && e.Read != "" }
	require.True(t, slices.ContainsFunc(p.Compromises[0].Exposed, readA3))
	evidence := verdict.Evidence{Scenarios: 1, Messages: 3, Copies: 1, Allowed: p.Allowed, Read: p.Read}
	require.Equal(t, evidence, p.Evidence)
}
