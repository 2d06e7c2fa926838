package conformance

import (
	"context"
	"errors"
	"testing"

	"credence/shim"
)

// Test runs the whole suite on a target inside a Go test, one subtest a test of the suite. Tests of what the target does
// not offer are skipped. It fails if nothing was executed.
func Test(t *testing.T, target shim.Target) {
	t.Helper()
	cases, err := allTests(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	_, h, err := Options{Start: func(context.Context) (shim.Target, error) { return target, nil }}.start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	executed := false
	for i := range cases {
		c := &cases[i]
		t.Run(c.ID, func(t *testing.T) {
			if missing := h.missing(c); missing != "" {
				t.Skip("the target does not offer " + missing)
			}
			executed = executed || c.Profile != shimProfile
			run := &tester{ctx: ctx, target: target, hello: h, random: c.random(1)}
			err := runRecovered(c, run)
			var v *verdict
			switch {
			case errors.As(err, &v) && v.status == Skipped:
				t.Skip(v.message)
			case err != nil:
				t.Error(explain(c, err))
			}
		})
	}
	if !executed {
		t.Error("no test was executed")
	}
}

// explain gives the requirements and the evidence of a failure.
func explain(c *testCase, err error) string {
	var r TestResult
	judge(&r, err)
	return c.Comment + "\nrequirements: " + toJSON(c.Requirements) + "\n" + string(r.Reason) + ": " + r.Message + "\nsent: " + r.Sent + "\nexpected: " + r.Expected + "\ngot: " + r.Got
}
