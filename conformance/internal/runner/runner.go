// Package runner runs tests on targets, several at the same time, and starts a target anew when it has broken.
package runner

import (
	"context"
	"sync"
	"time"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/shim"
)

// Run is what is to be run.
type Run struct {
	Tests  []suite.Test
	Hello  suite.Hello // of the target
	Seed   uint64
	Budget time.Duration
	Jobs   int                                        // targets that run at the same time; below 1 is 1
	Start  func(context.Context) (shim.Target, error) // starts one target
	// Done is called with each result, as it becomes known; never from two goroutines at once. It may complete the
	// result.
	Done func(result *verdict.TestResult)

	mutex   sync.Mutex
	next    int
	results []verdict.TestResult
}

// Execute runs the tests and returns their results in the order of the tests, fewer of them if the context ends. first
// is a target that has been started.
func (r *Run) Execute(ctx context.Context, first shim.Target) []verdict.TestResult {
	r.results = make([]verdict.TestResult, len(r.Tests))
	var workers sync.WaitGroup
	for i := range max(r.Jobs, 1) {
		target := first
		if i > 0 {
			target = nil
		}
		workers.Go(func() { r.work(ctx, target) })
	}
	workers.Wait()
	var known []verdict.TestResult
	for _, result := range r.results {
		if result.Status != "" {
			known = append(known, result)
		}
	}
	return known
}

// work runs tests until none is left. target may be nil: it is started when it is needed.
func (r *Run) work(ctx context.Context, target shim.Target) {
	for i := r.take(); i >= 0 && ctx.Err() == nil; i = r.take() {
		var result verdict.TestResult
		result, target = r.one(ctx, &r.Tests[i], target)
		if ctx.Err() != nil && result.Status == verdict.Errored {
			break // the run was ended, which is not the target's fault
		}
		r.finish(i, result)
	}
	if target != nil {
		target.Close()
	}
}

// take returns the index of the next test, or -1.
func (r *Run) take() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.next == len(r.Tests) {
		return -1
	}
	r.next++
	return r.next - 1
}

func (r *Run) finish(i int, result verdict.TestResult) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.Done(&result)
	r.results[i] = result
}

// one runs a test. It returns the target, or nil if the target is broken and must be started anew.
func (r *Run) one(ctx context.Context, c *suite.Test, target shim.Target) (verdict.TestResult, shim.Target) {
	result := verdict.TestResult{ID: c.ID, Profile: c.Profile, Requirements: c.Requirements, Guarantee: c.Guarantee}
	if missing := c.Missing(r.Hello); missing != "" {
		result.Status, result.Reason = verdict.Skipped, verdict.Unsupported
		result.Message = "the target does not offer " + missing
		return result, target
	}
	if target == nil {
		var err error
		if target, _, err = suite.Start(ctx, r.Start); err != nil {
			result.Status, result.Reason = verdict.Errored, verdict.Crash
			result.Message = "the target does not start again: " + err.Error()
			return result, nil
		}
	}
	t := suite.NewT(ctx, c.ID, target, r.Hello, c.Random(r.Seed))
	t.Seed, t.Budget, t.Again = r.Seed, r.Budget, r.Start
	result = c.Execute(t)
	target = t.Target
	if result.Status == verdict.Errored || t.Broken {
		target.Close()
		target = nil
	}
	return result, target
}
