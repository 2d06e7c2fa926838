// Package conformance is the suite: known-answer tests from the vectors and live tests in which the reference is the
// peer. It knows an implementation only as a shim.Target.
//
// In the tests of a Go implementation:
//
//	func TestConformance(t *testing.T) { conformance.Test(t, myTarget) }
package conformance

import (
	"context"
	"errors"
	"regexp"
	"time"

	"credence/conformance/shim"
)

// SuiteVersion is the version of the suite and its vectors.
const SuiteVersion = "0.1.0"

// Profiles lists the profiles that the suite has tests for.
var Profiles = []string{"xeddsa", "x3dh", "ratchet"}

// Errors of Run that mean a wrong call (exit status 2).
var (
	ErrUnknownProfile = errors.New("unknown profile")
	ErrNoMatch        = errors.New("no test matches")
)

// ErrTarget wraps the reason why the target could not be run at all (exit status 3).
var ErrTarget = errors.New("target could not be run")

// Options select and shape a run.
type Options struct {
	Profiles []string                                   // only these; nil is all
	Match    *regexp.Regexp                             // only tests whose id matches; nil is all
	Seed     uint64                                     // of the randomness of the reference as a peer
	Jobs     int                                        // targets that run at the same time; below 1 is 1
	Timeout  time.Duration                              // for one request; 0 is 10 s
	Command  string                                     // how this target is named on a command line, for the repeat commands
	Progress func(Progress)                             // called after every test, if not nil; never from two goroutines at once
	Start    func(context.Context) (shim.Target, error) // starts one target
}

// Progress tells how far a run is.
type Progress struct {
	Done, Total int
	Last        TestResult
}
