package properties

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/replay"
	"credence/conformance/internal/schedule"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// newT returns the T of a test on a target.
func newT(t *testing.T, target shim.Target) *suite.T {
	t.Helper()
	h, err := suite.Greet(t.Context(), target)
	require.NoError(t, err)
	return suite.NewT(t.Context(), t.Name(), target, h, suite.Random(1, t.Name()))
}

// Every event of the fixed schedules applies, and the attacker reads exactly what he may.
func TestFixedSchedules(t *testing.T) {
	schedules := []*scenario.Scenario{
		copiedAtEveryStep(wholeLife(), "alice/0", "alice/1", "alice/2"),
		copiedAtEveryStep(inTurns("ambassador-v1"), "a", "b"),
	}
	for _, set := range params.Sets() {
		schedules = append(schedules, copiedAtEveryStep(twoParties(set.Name), "a", "b"))
	}
	for _, s := range schedules {
		p := replay.Scenario(newT(t, adapter.New()), s)
		require.Equal(t, verdict.Passed, p.Result.Status, p.Result.Message)
		for i, line := range p.Lines {
			if s.Events[i].Do != scenario.Compromise {
				require.NotContains(t, line, schedule.DoesNotApply)
			}
		}
		require.Equal(t, p.Allowed, p.Read, s.Comment)
		require.NotZero(t, p.Read)
	}
}

// A reply is what a target answers.
type reply struct {
	*shim.Result
	err error
}

// liar is the reference with some of its answers changed.
type liar struct {
	shim.Target
	change func(op shim.Op, r reply) reply
}

func (l liar) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	r, err := l.Target.Call(ctx, op, p)
	changed := l.change(op, reply{r, err})
	return changed.Result, changed.err
}

// hoarder keeps every state that it had, and exports all of them. Each is followed by |, which stands in none.
type hoarder struct {
	shim.Target
	states []byte
}

func (h *hoarder) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	switch op {
	case shim.Reset:
		h.states = nil
	case shim.PartyImport:
		all := bytes.Split(bytes.TrimSuffix(p.State, []byte("|")), []byte("|"))
		newest := *p
		newest.State, p = all[len(all)-1], &newest
	}
	r, err := h.Target.Call(ctx, op, p)
	if op != shim.PartyExport || err != nil {
		return r, err
	}
	h.states = append(append(h.states, r.State...), '|')
	return &shim.Result{State: bytes.Clone(h.states)}, nil
}

// losesLate refuses to read the second message of a.
func losesLate(op shim.Op, r reply) reply {
	if op == shim.SessionDecrypt && r.err == nil && strings.HasSuffix(string(*r.Plaintext), "a2") {
		return reply{err: &shim.Error{Code: shim.Rejected}}
	}
	return r
}

// believesAll reads what it should refuse.
func believesAll(op shim.Op, r reply) reply {
	if op == shim.SessionDecrypt && r.err != nil {
		return reply{Result: &shim.Result{Plaintext: &shim.Bytes{}}}
	}
	return r
}

// crashes ends at the first message.
func crashes(op shim.Op, r reply) reply {
	if op == shim.SessionEncrypt {
		return reply{err: shim.ErrCrash}
	}
	return r
}

// Faults of a target become verdicts, with the smallest scenario that shows them, and what happened in it.
func TestPropertiesFindFaults(t *testing.T) {
	const anyLength = 100
	for name, c := range map[string]struct {
		id     string
		target shim.Target
		reason verdict.Reason
		most   int // events of the smallest scenario
	}{
		"keeps every state that it had": {
			"ratchet/ambassador-v1/property/forward-secrecy", &hoarder{Target: adapter.New()}, verdict.Exposed, 6,
		},
		"loses late messages": {
			"ratchet/signal-v3/property/agreement", liar{adapter.New(), losesLate}, verdict.RejectedValid, 5,
		},
		"believes everybody": {
			"ratchet/omemo-2/property/impersonation", liar{adapter.New(), believesAll}, verdict.AcceptedInvalid, 12,
		},
		"accepts forgeries": {
			"ratchet/ambassador-v1/property/per-message/agreement", liar{adapter.New(), believesAll},
			verdict.AcceptedInvalid, 6,
		},
		"crashes": {
			"ratchet/ambassador-v1/property/agreement", liar{adapter.New(), crashes}, verdict.Crash, anyLength,
		},
	} {
		t.Run(name, func(t *testing.T) {
			tests := Parties()
			test := tests[slices.IndexFunc(tests, func(other suite.Test) bool { return other.ID == c.id })]
			result := test.Execute(newT(t, c.target))
			require.Equal(t, c.reason, result.Reason, result.Message)
			require.LessOrEqual(t, len(result.Scenario.Events), c.most, result.Scenario.Events)
			require.NotEmpty(t, result.Record.Lines)
		})
	}
}

// What goes wrong in one scenario keeps the others from nothing: a guarantee is judged where it can be.
func TestJudgedInPart(t *testing.T) {
	const id = "ratchet/signal-v3/property/forward-secrecy"
	tests := Parties()
	test := tests[slices.IndexFunc(tests, func(other suite.Test) bool { return other.ID == id })]
	refused := 0
	once := func(op shim.Op, r reply) reply {
		if op == shim.SessionInitiate && refused < 2 {
			refused++
			return reply{err: &shim.Error{Code: shim.Rejected}}
		}
		return r
	}
	result := test.Execute(newT(t, liar{adapter.New(), once}))
	require.Equal(t, verdict.RejectedValid, result.Reason)
	require.Equal(t, "in part", result.Verdict())
	require.Equal(t, 15, result.Trials.Count)
	require.Zero(t, result.Trials.Wrong)
	const why = "2 of 15 not judged: scenario 1 (rejected-valid: session.initiate must succeed), scenario 2"
	require.Contains(t, result.Found(), why)
}
