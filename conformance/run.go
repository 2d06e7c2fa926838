// Package conformance is the suite: known-answer tests from the vectors and live tests in which the reference is the
// peer. It knows an implementation only as a shim.Target.
//
// In the tests of a Go implementation:
//
//	func TestConformance(t *testing.T) { conformance.Test(t, myTarget) }
package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"credence/shim"
	"credence/vectors"
)

// SuiteVersion is the version of the suite and its vectors.
const SuiteVersion = "0.1.0"

// Profiles lists the profiles that the suite has tests for.
var Profiles = []string{"xeddsa", "x3dh", "ratchet", "channel", "ambassador", "postoffice"}

// Errors of Run that mean a wrong call (exit status 2).
var (
	ErrUnknownProfile = errors.New("unknown profile")
	ErrNoMatch        = errors.New("no test matches")
)

// ErrTarget wraps the reason why the target could not be run at all (exit status 3).
var ErrTarget = errors.New("target could not be run")

// Options select and shape a run.
type Options struct {
	Profiles  []string                                   // only these; nil is all
	Match     *regexp.Regexp                             // only tests whose id matches; nil is all
	Vectors   []*vectors.File                            // nil is the embedded ones
	Seed      uint64                                     // of the randomness of the reference as a peer, and of the scenarios
	Budget    time.Duration                              // of the property tests: as many scenarios as fit on the reference; 0 is DefaultBudget
	Shard     Shard                                      // only this part of the tests, and the tests of the shim itself
	Jobs      int                                        // targets that run at the same time; below 1 is 1
	Command   string                                     // the command line up to the options that select a test, for repeat
	Scenarios string                                     // directory for the scenarios on which property tests fail; "" is nowhere
	Replay    string                                     // the command line that runs a scenario, up to its file
	Progress  func(Progress)                             // called after every test, if not nil; never from two goroutines at once
	Start     func(context.Context) (shim.Target, error) // starts one target
}

// Progress tells how far a run is.
type Progress struct {
	Done, Total int
	Last        TestResult
}

// TestInfo describes a test.
type TestInfo struct {
	ID           string   `json:"id"`
	Profile      string   `json:"profile"`
	Comment      string   `json:"comment"`
	Requirements []string `json:"requirements"`
}

// List gives every test in the order in which they run; files are the vectors, nil the embedded ones. It returns the
// error of vectors.Load.
func List(files []*vectors.File) ([]TestInfo, error) {
	cases, err := allTests(files)
	if err != nil {
		return nil, err
	}
	var infos []TestInfo
	for _, c := range cases {
		infos = append(infos, c.TestInfo)
	}
	return infos, nil
}

// allTests gives the probes, the vectors and the live tests.
func allTests(files []*vectors.File) ([]testCase, error) {
	if files == nil {
		var err error
		if files, err = vectors.Load(); err != nil {
			return nil, err
		}
	}
	return slices.Concat(probes(), vectorTests(files), liveTests(), liveDevices(), liveSync(), liveChannel(), liveOffice(), liveGames(), ratchetProperties(), ambassadorProperties()), nil
}

// Run runs the suite. It returns ErrUnknownProfile, ErrNoMatch or ErrTarget, and otherwise a report, whatever the target
// does.
func Run(ctx context.Context, o Options) (*Report, error) {
	cases, err := o.selected()
	if err != nil {
		return nil, err
	}
	target, h, err := o.start(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	r := &runner{options: o, hello: h, cases: cases, results: make([]TestResult, len(cases))}
	r.runAll(ctx, target)
	return r.report(), ctx.Err()
}

// selected gives the tests that the options name, and the probes.
func (o Options) selected() ([]testCase, error) {
	for _, p := range o.Profiles {
		if !slices.Contains(Profiles, p) {
			return nil, fmt.Errorf("%w %q (there are %v)", ErrUnknownProfile, p, Profiles)
		}
	}
	all, err := allTests(o.Vectors)
	if err != nil {
		return nil, err
	}
	var cases []testCase
	n := 0
	for _, c := range all {
		matches := (o.Profiles == nil || slices.Contains(o.Profiles, c.Profile)) && (o.Match == nil || o.Match.MatchString(c.ID))
		if c.Profile == shimProfile || matches && o.Shard.Has(n) {
			cases = append(cases, c)
		}
		if matches {
			n++
		}
	}
	if n == 0 {
		return nil, ErrNoMatch
	}
	return cases, nil
}

// start starts a target and asks it for its hello.
func (o Options) start(ctx context.Context) (shim.Target, hello, error) {
	target, err := o.Start(ctx)
	if err != nil {
		return nil, hello{}, err
	}
	r, err := target.Call(ctx, shim.Hello, &shim.Params{})
	if err != nil {
		target.Close()
		return nil, hello{}, fmt.Errorf("hello: %w", err)
	}
	if r.Cadences == nil {
		r.Cadences = []string{"per-turn"}
	}
	return target, hello{r}, nil
}

// runner runs the tests of a run on one target a job.
type runner struct {
	options Options
	hello   hello
	cases   []testCase
	results []TestResult

	mutex sync.Mutex
	next  int
	done  int
}

func (r *runner) runAll(ctx context.Context, first shim.Target) {
	var workers sync.WaitGroup
	for i := range max(r.options.Jobs, 1) {
		target := first
		if i > 0 {
			target = nil
		}
		workers.Go(func() { r.work(ctx, target) })
	}
	workers.Wait()
}

// work runs tests until none is left. target may be nil: it is started when it is needed.
func (r *runner) work(ctx context.Context, target shim.Target) {
	for i := r.take(); i >= 0 && ctx.Err() == nil; i = r.take() {
		var result TestResult
		result, target = r.runOne(ctx, &r.cases[i], target)
		if ctx.Err() != nil && result.Status == Errored {
			break // the run was ended, which is not the target's fault
		}
		r.finish(i, result)
	}
	if target != nil {
		target.Close()
	}
}

func (r *runner) take() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.next == len(r.cases) {
		return -1
	}
	r.next++
	return r.next - 1
}

func (r *runner) finish(i int, result TestResult) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.results[i] = result
	r.done++
	if r.options.Progress != nil {
		r.options.Progress(Progress{r.done, len(r.cases), result})
	}
}

// runOne runs a test. It gives back the target, or nil if the target is broken and must be started anew.
func (r *runner) runOne(ctx context.Context, c *testCase, target shim.Target) (TestResult, shim.Target) {
	result := TestResult{ID: c.ID, Profile: c.Profile, Requirements: c.Requirements, Guarantee: c.guarantee, Repeat: r.repeat(c.ID)}
	if missing := r.hello.missing(c); missing != "" {
		result.Status, result.Reason, result.Message = Skipped, Unsupported, "the target does not offer "+missing
		return result, target
	}
	if target == nil {
		var err error
		if target, _, err = r.options.start(ctx); err != nil {
			result.Status, result.Reason, result.Message = Errored, Crash, "the target does not start again: "+err.Error()
			return result, nil
		}
	}
	t := &tester{ctx: ctx, target: target, hello: r.hello, random: c.random(r.options.Seed), budget: r.options.Budget}
	judge(&result, runRecovered(c, t))
	if t.evidence != (Evidence{}) {
		result.Evidence = &t.evidence
	}
	r.save(&result)
	if result.Status == Errored {
		target.Close()
		target = nil
	}
	return result, target
}

// missing tells what the target lacks for a test.
func (h hello) missing(c *testCase) string {
	switch {
	case c.Profile == shimProfile:
		return ""
	case !slices.Contains(h.Profiles, c.Profile):
		return "profile " + c.Profile
	case !slices.Contains(h.ParameterSets, c.set):
		return "parameter set " + c.set
	}
	return c.needs(h)
}

// runRecovered runs a test. A reply that no check foresaw must not end the run.
func runRecovered(c *testCase, t *tester) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = t.errored(Protocol, fmt.Sprintf("the suite cannot use what the target replied: %v", v), "")
		}
	}()
	return c.run(t)
}

func judge(result *TestResult, err error) {
	var v *verdict
	switch {
	case err == nil:
		result.Status = Passed
	case errors.As(err, &v):
		result.Status, result.Reason, result.Message = v.status, v.reason, v.message
		result.Expected, result.Got, result.Sent, result.Scenario, result.Record = v.expected, v.got, v.sent, v.scenario, v.record
	default:
		result.Status, result.Reason, result.Message = Errored, Protocol, err.Error()
	}
}

// testRandom gives the randomness of the reference in a test. It does not depend on the other tests of the run.
func testRandom(seed uint64, id string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), id...)))
}

func (r *runner) repeat(id string) string {
	if r.options.Command == "" {
		return ""
	}
	return fmt.Sprintf("%s --run '^%s$'", r.options.Command, regexp.QuoteMeta(id))
}

// save writes the scenario of a failure, and says how to replay it. A scenario that cannot be written stays in the report.
func (r *runner) save(result *TestResult) {
	if result.Scenario == nil || r.options.Scenarios == "" {
		return
	}
	result.Scenario.Comment = fmt.Sprintf("%s, seed %d: %s", result.ID, r.options.Seed, result.Message)
	path := filepath.Join(r.options.Scenarios, strings.ReplaceAll(result.ID, "/", "-")+".json")
	text, err := result.Scenario.Encode()
	if err == nil {
		err = errors.Join(os.MkdirAll(r.options.Scenarios, 0o755), os.WriteFile(path, text, 0o644))
	}
	if err != nil {
		result.Replay = "the scenario could not be saved: " + err.Error()
		return
	}
	result.Replay = r.options.Replay
	if result.Times > 0 {
		result.Replay += fmt.Sprintf(" --times %d", result.Times)
	}
	result.Replay += " " + path
}

func (r *runner) report() *Report {
	rep := reportOf(r.hello, r.options.Seed)
	for _, result := range r.results {
		if result.Status != "" { // the run was ended before this test
			rep.add(result)
		}
	}
	return rep
}

// reportOf gives a report without results.
func reportOf(h hello, seed uint64) *Report {
	return &Report{Suite: "credence", Version: SuiteVersion, Seed: seed, Target: TargetInfo{h.Name, h.Version, h.Language, h.Profiles, h.ParameterSets}}
}
