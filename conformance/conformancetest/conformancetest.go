// Package conformancetest runs the suite inside the tests of a Go implementation:
//
//	func TestConformance(t *testing.T) { conformancetest.Run(t, myTarget) }
package conformancetest

import (
	"errors"
	"strings"
	"testing"

	"credence/conformance/internal/catalog"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/shim"
)

// errNothing is what fails a test in which nothing was executed: it proves nothing.
var errNothing = errors.New("no test was executed")

// Run runs the whole suite on a target, one subtest a test of the suite. Tests of what the target does not offer are
// skipped. It fails if nothing was executed.
func Run(t *testing.T, target shim.Target) {
	t.Helper()
	tests, err := catalog.Tests(nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := suite.Greet(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	executed := false
	for i := range tests {
		c := &tests[i]
		t.Run(c.ID, func(t *testing.T) {
			if missing := c.Missing(h); missing != "" {
				t.Skip("the target does not offer " + missing)
			}
			executed = executed || c.Profile != verdict.ShimProfile
			report(t, c, c.Execute(suite.NewT(t.Context(), c.ID, target, h, c.Random(1))))
		})
	}
	if !executed {
		t.Error(errNothing)
	}
}

// report ends the subtest of a test with its result.
func report(t *testing.T, c *suite.Test, r verdict.TestResult) {
	t.Helper()
	switch r.Status {
	case verdict.Passed:
	case verdict.Skipped:
		t.Skip(r.Message)
	default:
		t.Error(explain(c, r))
	}
}

// explain returns the requirements and the evidence of a failure.
func explain(c *suite.Test, r verdict.TestResult) string {
	return strings.Join([]string{
		c.Comment, "requirements: " + suite.JSON(c.Requirements), string(r.Reason) + ": " + r.Message,
		"sent: " + r.Sent, "expected: " + r.Expected, "got: " + r.Got,
	}, "\n")
}
