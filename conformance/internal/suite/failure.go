package suite

import (
	"fmt"

	"credence/conformance/scenario"
	"credence/conformance/verdict"
)

// Failure is why a test did not pass. It is nil if the test passed.
type Failure struct {
	Status   verdict.Status
	Reason   verdict.Reason
	Message  string
	Expected string
	Got      string
	Sent     string
	Scenario *scenario.Scenario // of a property test
	Record   *verdict.Record    // of the scenario
	Trials   *verdict.Trials    // of a test that tries many things
}

// String returns reason and message.
func (f *Failure) String() string { return fmt.Sprintf("%s: %s", f.Reason, f.Message) }

// Judge writes the failure into the result of the test; no failure is a pass.
func (f *Failure) Judge(result *verdict.TestResult) {
	if f == nil {
		result.Status = verdict.Passed
		return
	}
	result.Status, result.Reason, result.Message = f.Status, f.Reason, f.Message
	result.Expected, result.Got, result.Sent = f.Expected, f.Got, f.Sent
	result.Scenario, result.Record, result.Trials = f.Scenario, f.Record, f.Trials
}

// FailureOf returns the failure that a result has. It is the inverse of Judge.
func FailureOf(r verdict.TestResult) *Failure {
	return &Failure{
		Status: r.Status, Reason: r.Reason, Message: r.Message, Expected: r.Expected, Got: r.Got, Sent: r.Sent,
		Scenario: r.Scenario, Record: r.Record,
	}
}

// stop is the value of the panic with which a test stops.
type stop struct{ *Failure }

// Attempt runs a part of a test, or all of it, and returns what stopped it, or nil. What was noted by Errorf alone
// stops it at its end. A panic of the suite is a fault of the suite. What was noted before the part is not the part's.
func (t *T) Attempt(part func()) (failure *Failure) {
	before := *t.noted
	*t.noted = nil
	defer func() {
		switch v := recover().(type) {
		case nil:
			failure = *t.noted
		case stop:
			failure = v.Failure
		default:
			failure = t.fault(fmt.Sprintf("panic: %v", v))
		}
		*t.noted = before
	}()
	part()
	return nil
}

// Stop stops the test with a failure that a part of it came to.
func (t *T) Stop(f *Failure) {
	if f != nil {
		panic(stop{f})
	}
}

// Violation stops the test: the target did what it must not. expected and got are for people.
func (t *T) Violation(reason verdict.Reason, message, expected, got string) {
	t.Stop(&Failure{
		Status: verdict.Failed, Reason: reason, Message: message, Expected: expected, Got: got, Sent: *t.sent,
	})
}

// Unusable stops the test: the target could not be judged, because it died, hung or broke the shim protocol.
func (t *T) Unusable(reason verdict.Reason, message, got string) {
	t.Stop(&Failure{
		Status: verdict.Errored, Reason: reason, Message: message, Expected: "a reply", Got: got, Sent: *t.sent,
	})
}

// Fault stops the test as a fault of the suite, which is never blamed on the target.
func (t *T) Fault(format string, args ...any) { t.Stop(t.fault(fmt.Sprintf(format, args...))) }

func (t *T) fault(message string) *Failure {
	return &Failure{
		Status: verdict.Errored, Reason: verdict.Suite, Sent: *t.sent,
		Message: "a fault of the suite, which says nothing about the target; please report it: " + message,
	}
}

// NoFault stops the test as a fault of the suite if err is not nil: what the suite does by itself must succeed.
func (t *T) NoFault(err error) {
	if err != nil {
		t.Fault("%v", err)
	}
}

// Understood stops the test if the reference refused what the target has made, or the other way round.
func (t *T) Understood(err error) {
	if err != nil {
		t.Violation(verdict.Mismatch, "target and reference do not understand each other", "accepted", err.Error())
	}
}
