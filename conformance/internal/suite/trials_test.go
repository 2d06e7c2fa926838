package suite_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/shim"
)

// trials returns trials of session.decrypt, named by their numbers, with what happens before some of them.
func trials(t *suite.T, n int, before map[int]func()) (all []suite.Trial) {
	for i := range n {
		all = append(all, suite.Trial{Name: fmt.Sprint(i), Try: func() {
			if do := before[i]; do != nil {
				do()
			}
			t.Refuse("", shim.SessionDecrypt, shim.Params{})
		}})
	}
	return all
}

// refuser refuses everything but hello.
func refuser() *target { return &target{err: &shim.Error{Code: shim.Rejected}} }

// Every trial is tried, on a stage that is made anew after each that goes wrong; the test fails with the first.
func TestTryAll(t *testing.T) {
	of := refuser()
	stages := 0
	r := execute(t, of, func(t *suite.T) {
		wrong := func() { t.Violation(verdict.Mismatch, "wrong", "right", "wrong") }
		t.TryAll(func() []suite.Trial {
			stages++
			accepts := func() { of.err, of.result = nil, &shim.Result{} }
			return trials(t, 5, map[int]func(){1: wrong, 3: wrong, 4: accepts})
		})
	})
	require.Equal(t, 3+1, stages)
	require.Equal(t, verdict.Failed, r.Status)
	require.Equal(t, "wrong (3 of 5 went wrong: 1 (mismatch), 3, 4 (accepted-invalid))", r.Message)
	require.Equal(t, 3, r.Trials.Wrong)
	r = execute(t, refuser(), func(t *suite.T) { t.TryAll(func() []suite.Trial { return trials(t, 5, nil) }) })
	require.Equal(t, verdict.Passed, r.Status)
	require.Nil(t, r.Trials)
}

// A target that breaks is started again where that is possible, a few times, and what is left is not judged.
func TestTryAllRestarts(t *testing.T) {
	for _, c := range []struct {
		crashes, starts int
		again           bool
		says            string
	}{
		{1, 0, false, "(5 of 6 not judged: 1 (crash: gone: shim ended), the last 4)"},
		{1, 1, true, "(1 of 6 not judged: 1 (crash: gone: shim ended))"},
		{5, 3, true, "(5 of 6 not judged: 1 (crash: gone: shim ended), 2, 3, 4, the last 1)"},
	} {
		of, starts := refuser(), 0
		breaks := map[int]func(){}
		for i := range c.crashes {
			breaks[i+1] = func() { of.err = fmt.Errorf("gone: %w", shim.ErrCrash) }
		}
		r := execute(t, of, func(st *suite.T) {
			if c.again {
				st.Again = func(context.Context) (shim.Target, error) {
					starts++
					of = refuser()
					return greeting{of}, nil
				}
			}
			st.TryAll(func() []suite.Trial { return trials(st, 6, breaks) })
			t.Error("a test that goes on after its failure")
		})
		require.Equal(t, verdict.Errored, r.Status)
		require.Contains(t, r.Message, c.says)
		require.Equal(t, c.starts, starts)
	}
}

// greeting is a target that says hello too.
type greeting struct{ *target }

func (g greeting) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	if op == shim.Hello {
		return hello.Result, nil
	}
	return g.target.Call(ctx, op, p)
}
