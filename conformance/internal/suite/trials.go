package suite

import (
	"fmt"

	"credence/conformance/verdict"
)

// Trial is a part of a test that stands for itself: one change of a message, of many.
type Trial struct {
	Name string
	Try  func()
}

// TryAll tries everything, and stops the test with all that went wrong: nothing hides behind the first failure. stage
// makes what the trials work on, and returns them, always the same ones; it is called again after a trial that went
// wrong, because what should have been refused has changed the target. A target that broke is started again.
func (t *T) TryAll(stage func() []Trial) {
	var all Collected
	tried, goesOn := 0, true
	for goesOn {
		name := ""
		failure := t.Attempt(func() {
			trials := stage()
			all.Of = len(trials)
			for tried < len(trials) {
				trial := trials[tried]
				name = trial.Name
				tried++
				trial.Try()
			}
		})
		switch {
		case failure == nil:
			t.Stop(all.Failure())
			return
		case all.Of == 0:
			t.Stop(failure)
		case name == "":
			goesOn = false
		default:
			all.Add(name, failure, failure.Status == verdict.Failed)
			goesOn = t.GoesOn(failure)
		}
		if !goesOn {
			all.Rest(tried, failure)
		}
	}
	t.Stop(all.Failure())
}

// Collected is what became of the trials of a test.
type Collected struct {
	Of      int // trials that there are
	trials  verdict.Trials
	failure *Failure // that the test fails with
	judged  bool     // it is what the test is about
}

// Add adds a trial that did not go well. judged tells whether what the test is about went wrong in it. The test fails
// with the first such trial, or else with one that failed, or else with the first.
func (c *Collected) Add(name string, f *Failure, judged bool) {
	c.trials.Add(verdict.Trial{Name: name, Judged: judged, Reason: f.Reason, Message: f.Message})
	if c.failure == nil || judged && !c.judged ||
		judged == c.judged && f.Status == verdict.Failed && c.failure.Status == verdict.Errored {
		c.failure, c.judged = f, judged
	}
}

// Failure returns what the test fails with, and what became of all trials; nil if all went well.
func (c *Collected) Failure() *Failure {
	return c.FailureAs(func(f *Failure) *Failure { return f })
}

// FailureAs is Failure, of another failure of the same trial.
func (c *Collected) FailureAs(smaller func(*Failure) *Failure) *Failure {
	if c.failure == nil || c.failure.Reason == verdict.Suite {
		return c.failure
	}
	f := *smaller(c.failure)
	c.trials.Count = c.Of
	f.Trials = &c.trials
	if c.Of > 1 {
		f.Message += fmt.Sprintf(" (%s)", f.Trials)
	}
	return &f
}

// Rest notes that the trials from n on were not tried: the target did not go on after a failure.
func (c *Collected) Rest(n int, f *Failure) {
	if left := c.Of - n; left > 0 {
		name := fmt.Sprintf("the last %d", left)
		c.trials.Add(verdict.Trial{Name: name, Reason: f.Reason, Message: f.Message, Stands: left})
	}
}

// mostRestarts is how often a target that breaks is started again in one test.
const mostRestarts = 3

// GoesOn reports whether the target can be asked again after a failure. One that broke is started again, where that is
// possible.
func (t *T) GoesOn(f *Failure) bool {
	switch {
	case f.Status == verdict.Failed:
		return true
	case f.Status != verdict.Errored || f.Reason == verdict.Suite:
		return false
	}
	t.Broken = true
	if t.Again == nil || t.restarts == mostRestarts || t.Context.Err() != nil {
		return false
	}
	t.restarts++
	return t.Restart() == nil
}

// Restart starts a target anew that broke, where that is possible (T.Again). It returns the error of the start.
func (t *T) Restart() error {
	t.Target.Close()
	target, _, err := Start(t.Context, t.Again)
	if err == nil {
		t.Target, t.Broken = target, false
	}
	return err
}
