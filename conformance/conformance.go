// Package conformance is the suite: known-answer tests from the vectors, and live tests in which the reference is the
// peer. It knows an implementation only as a shim.Target.
//
//	report, err := conformance.Run(ctx, conformance.Options{Start: startMyTarget})
//
// In the tests of a Go implementation, package conformancetest runs it. What a run says is in package verdict.
package conformance

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"credence/conformance/internal/catalog"
	"credence/conformance/internal/runner"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/vectors"
)

// Profiles lists the profiles that the suite has tests for.
var Profiles = shim.Profiles()

// Errors of Run that mean a wrong call (exit status 2).
var (
	ErrUnknownProfile = suite.ErrUnknownProfile
	ErrNoMatch        = suite.ErrNoMatch
)

// ErrTarget wraps the reason why the target could not be run at all (exit status 3).
var ErrTarget = suite.ErrTarget

// Options select and shape a run.
type Options struct {
	Profiles []string        // only these; nil is all
	Match    *regexp.Regexp  // only tests whose id matches; nil is all
	Tests    []string        // only the tests with these ids, in this order; nil is all
	Vectors  []*vectors.File // nil is the embedded ones
	// of the randomness of the reference as a peer, and of the scenarios
	Seed uint64
	// of the property tests: as many scenarios as fit on the reference; 0 is DefaultBudget
	Budget time.Duration
	// only this part of the tests, and the tests of the shim itself
	Shard verdict.Shard
	Jobs  int // targets that run at the same time; below 1 is 1
	// the command line up to the options that select a test, for repeat
	Command string
	// directory for the scenarios on which property tests fail; "" is nowhere
	Scenarios string
	Replay    string // the command line that runs a scenario, up to its file
	// called after every test, if not nil; never from two goroutines at once
	Progress func(Progress)
	Start    func(context.Context) (shim.Target, error) // starts one target
}

// Progress says how far a run is.
type Progress struct {
	Done, Total int
	Last        verdict.TestResult
}

// List returns every test in the order in which they run; files are the vectors, nil the embedded ones. It returns the
// error of vectors.Load.
func List(files []*vectors.File) ([]verdict.TestInfo, error) {
	tests, err := catalog.Tests(files)
	if err != nil {
		return nil, err
	}
	var infos []verdict.TestInfo
	for _, c := range tests {
		infos = append(infos, c.TestInfo)
	}
	return infos, nil
}

// Run runs the suite. It returns ErrUnknownProfile, ErrNoMatch or ErrTarget, and otherwise a report, whatever the
// target does.
func Run(ctx context.Context, o Options) (*verdict.Report, error) {
	tests, err := o.selected()
	if err != nil {
		return nil, err
	}
	target, h, err := suite.Start(ctx, o.Start)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	done := 0
	r := &runner.Run{
		Tests: tests, Hello: h, Seed: o.Seed, Budget: o.Budget, Jobs: o.Jobs, Start: o.Start,
		Done: func(result *verdict.TestResult) {
			o.complete(result)
			if done++; o.Progress != nil {
				o.Progress(Progress{done, len(tests), *result})
			}
		},
	}
	report := verdict.NewReport(h.Info(), o.Seed)
	for _, result := range r.Execute(ctx, target) {
		report.Add(result)
	}
	return report, ctx.Err()
}

// selected returns the tests that the options name, and those of the shim itself.
func (o Options) selected() ([]suite.Test, error) {
	if err := suite.CheckProfiles(o.Profiles); err != nil {
		return nil, err
	}
	all, err := catalog.Tests(o.Vectors)
	if err != nil {
		return nil, err
	}
	places := map[string]int{}
	for i, id := range o.Tests {
		places[id] = i
	}
	var tests []suite.Test
	n := 0
	for _, c := range all {
		_, listed := places[c.ID]
		matches := o.matches(c) && (o.Tests == nil || listed)
		if c.Profile == verdict.ShimProfile || matches && o.Shard.Has(n) {
			tests = append(tests, c)
		}
		if matches {
			n++
		}
	}
	if n == 0 {
		return nil, ErrNoMatch
	}
	if o.Tests != nil {
		place := func(c suite.Test) int {
			if i, listed := places[c.ID]; listed {
				return i
			}
			return -1 // a test of the shim itself
		}
		slices.SortStableFunc(tests, func(a, b suite.Test) int { return place(a) - place(b) })
	}
	return tests, nil
}

// matches reports whether the options name a test.
func (o Options) matches(c suite.Test) bool {
	return (o.Profiles == nil || slices.Contains(o.Profiles, c.Profile)) &&
		(o.Match == nil || o.Match.MatchString(c.ID))
}

// complete says how to run a test again, and saves the scenario on which it failed.
func (o Options) complete(result *verdict.TestResult) {
	if o.Command != "" {
		result.Repeat = fmt.Sprintf("%s --run '^%s$'", o.Command, regexp.QuoteMeta(result.ID))
	}
	result.SaveScenario(o.Scenarios, o.Replay, o.Seed)
}
