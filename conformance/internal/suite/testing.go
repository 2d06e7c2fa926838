package suite

import (
	"fmt"
	"strings"

	"credence/conformance/verdict"
)

// What follows makes a T the TestingT of testify and the TB of rapid, so that require and go-cmp work as in any Go
// test. What they find wrong is the target's fault; for what the suite itself must get right there is NoFault. A
// property of rapid uses the T of rapid alone: rapid takes the stop of another one for a panic of the property.

// Name returns the id of the test.
func (t *T) Name() string { return t.name }

// Helper does nothing: a failure is shown with what was sent and not with a line of the suite.
func (t *T) Helper() {}

// Errorf notes what the target did wrong. The test goes on; the first note is what it fails with.
func (t *T) Errorf(format string, args ...any) {
	if *t.noted == nil {
		*t.noted = &Failure{
			Status: verdict.Failed, Reason: verdict.Mismatch, Sent: *t.sent,
			Message: strings.TrimSpace(fmt.Sprintf(format, args...)),
		}
	}
}

// Error is Errorf in the manner of fmt.Sprintln.
func (t *T) Error(args ...any) { t.Errorf("%s", fmt.Sprintln(args...)) }

// Fail notes that the target did something wrong.
func (t *T) Fail() { t.Errorf("the test failed") }

// FailNow stops the test with what was noted.
func (t *T) FailNow() {
	t.Fail()
	t.Stop(*t.noted)
}

// Fatalf is Errorf and FailNow.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	t.FailNow()
}

// Fatal is Error and FailNow.
func (t *T) Fatal(args ...any) {
	t.Error(args...)
	t.FailNow()
}

// Failed reports whether something was noted.
func (t *T) Failed() bool { return *t.noted != nil }

// SkipNow stops the test: it does not apply to the target.
func (t *T) SkipNow() { t.Skipf("the test does not apply to the target") }

// Skipf stops the test: it does not apply to the target, and why.
func (t *T) Skipf(format string, args ...any) {
	t.Stop(&Failure{Status: verdict.Skipped, Reason: verdict.Unsupported, Message: fmt.Sprintf(format, args...)})
}

// Skip is Skipf in the manner of fmt.Sprintln.
func (t *T) Skip(args ...any) { t.Skipf("%s", strings.TrimSpace(fmt.Sprintln(args...))) }

// Logf does nothing: the results of a test are its evidence.
func (t *T) Logf(string, ...any) {}

// Log does nothing, like Logf.
func (t *T) Log(...any) {}
