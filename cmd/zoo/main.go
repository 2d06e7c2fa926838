// Command zoo runs the suite on deliberately broken builds of the reference: each must be caught.
//
//	zoo [-run REGEXP] [-seeds N] [-jobs N] [-docs FILE]
//	zoo -fuzz [-run REGEXP] [-jobs N] [-time D] [-runs N] [-docs FILE]
//
// A bug is a patch in conformance/zoo. For each one the reference shim is built with the patched files in the place of
// the files (go build -overlay), and the suite runs on it over the shim boundary until a test fails: first the tests of
// the requirements that the bug violates, then, if they see nothing, all others. With -fuzz, fuzzing campaigns run on
// those bugs that need a schedule. Exit status: 0 every bug is caught, 1 one is not, 2 usage, or a patch that does not
// apply or build.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"credence/conformance"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shim/process"
	"credence/vectors"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// zooDir holds the bugs.
const zooDir = "conformance/zoo"

// options are the flags.
type options struct {
	match *regexp.Regexp
	seeds int
	jobs  int
	docs  string
	time  time.Duration
	runs  int
	suite suite
}

// suite is what is run on every bug, read once.
type suite struct {
	vectors []*vectors.File
	tests   []verdict.TestInfo
}

// readSuite returns the error of vectors.Load.
func readSuite() (s suite, err error) {
	if s.vectors, err = vectors.Load(); err != nil {
		return s, err
	}
	s.tests, err = conformance.List(s.vectors)
	return s, err
}

func run(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("zoo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	pattern := flags.String("run", "", "only bugs whose name matches this `regexp`")
	flags.IntVar(&o.seeds, "seeds", 1, "a bug is caught only if it is caught with each of `n` seeds")
	flags.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "judge `n` bugs at the same time")
	flags.StringVar(&o.docs, "docs", "", "write the table as Markdown to this `file`")
	flags.DurationVar(&o.time, "time", 10*time.Minute, "with -fuzz: end a campaign without a finding after this `time`")
	flags.IntVar(&o.runs, "runs", 3, "with -fuzz: `n` campaigns for each bug and corpus")
	campaigns := flags.Bool("fuzz", false, "run fuzzing campaigns on the bugs that need a schedule")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	var err error
	if o.match, err = regexp.Compile(*pattern); err != nil {
		fmt.Fprintln(stderr, "zoo:", err)
		return 2
	}
	if *campaigns {
		return o.fuzz(stdout, stderr)
	}
	bugs, err := readBugs(o.match)
	if err != nil {
		fmt.Fprintln(stderr, "zoo:", err)
		return 2
	}
	if o.suite, err = readSuite(); err != nil {
		fmt.Fprintln(stderr, "zoo:", err)
		return 2
	}
	return o.judgeAll(bugs, stdout, stderr)
}

func (o options) judgeAll(bugs []bug, stdout, stderr io.Writer) int {
	verdicts := make([]judgement, len(bugs))
	errs := make([]error, len(bugs))
	var mutex sync.Mutex
	var group sync.WaitGroup
	next := make(chan int)
	for range max(o.jobs, 1) {
		group.Go(func() {
			for i := range next {
				verdicts[i], errs[i] = o.judge(bugs[i])
				mutex.Lock()
				fmt.Fprintln(stdout, line(bugs[i], verdicts[i], errs[i]))
				mutex.Unlock()
			}
		})
	}
	for i := range bugs {
		next <- i
	}
	close(next)
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(stderr, "zoo:", err)
		return 2
	}
	caught, named := count(verdicts)
	fmt.Fprintf(
		stdout, "%d bugs of %d classes: %d caught, %d of them by a test that names the requirement\n", len(bugs),
		classes(bugs), caught, named,
	)
	if o.docs != "" {
		if err := os.WriteFile(o.docs, table(bugs, verdicts), 0o644); err != nil {
			fmt.Fprintln(stderr, "zoo:", err)
			return 2
		}
	}
	if caught < len(bugs) {
		return 1
	}
	return 0
}

// judgement is what the suite says of a bug, with every seed.
type judgement struct {
	failed  string // the id of the first test that failed, or ""
	named   bool   // it names a requirement that the bug violates
	seconds float64
}

func (v judgement) caught() bool { return v.failed != "" }

func count(verdicts []judgement) (caught, named int) {
	for _, v := range verdicts {
		if v.caught() {
			caught++
		}
		if v.named {
			named++
		}
	}
	return caught, named
}

func line(b bug, v judgement, err error) string {
	if err != nil {
		return fmt.Sprintf("%-32s DOES NOT BUILD", b.Name)
	}
	if !v.caught() {
		return fmt.Sprintf("%-32s NOT CAUGHT (%s)", b.Name, strings.Join(b.Requirements, ", "))
	}
	by := "caught, but not by name"
	if v.named {
		by = "caught"
	}
	return fmt.Sprintf(
		"%-32s %s in %.1f s (%s): %s", b.Name, by, v.seconds, strings.Join(b.Requirements, ", "), v.failed,
	)
}

// judge builds a bug and runs the suite on it, with each seed. Failures are those of the last one.
func (o options) judge(b bug) (judgement, error) {
	dir, err := os.MkdirTemp("", "zoo")
	if err != nil {
		return judgement{}, err
	}
	defer os.RemoveAll(dir)
	binary, err := b.build(dir)
	if err != nil {
		return judgement{}, fmt.Errorf("%s: %w", b.Name, err)
	}
	started := time.Now()
	var v judgement
	for seed := range uint64(max(o.seeds, 1)) {
		if v, err = o.suite.judge(b, binary, seed+1); err != nil {
			return judgement{}, fmt.Errorf("%s: %w", b.Name, err)
		}
		if !v.caught() {
			break
		}
	}
	v.seconds = time.Since(started).Seconds() / float64(max(o.seeds, 1))
	return v, nil
}

// judge runs the tests of the requirements, and then all if these see nothing.
func (s suite) judge(b bug, binary string, seed uint64) (judgement, error) {
	if ids := b.testsByName(s.tests); len(ids) > 0 {
		failed, err := s.firstFailure(binary, seed, regexp.MustCompile("^("+strings.Join(ids, "|")+")$"))
		if err != nil || failed != "" {
			return judgement{failed: failed, named: true}, err
		}
	}
	failed, err := s.firstFailure(binary, seed, nil)
	return judgement{failed: failed}, err
}

// testsByName returns the ids of the tests that name a requirement of the bug, as patterns.
func (b bug) testsByName(tests []verdict.TestInfo) (ids []string) {
	for _, t := range tests {
		if b.violates(t.Requirements) {
			ids = append(ids, regexp.QuoteMeta(t.ID))
		}
	}
	return ids
}

// firstFailure runs tests until one fails, and returns its id, or "".
func (s suite) firstFailure(binary string, seed uint64, match *regexp.Regexp) (id string, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err = conformance.Run(ctx, conformance.Options{
		Vectors: s.vectors, Seed: seed, Match: match, Jobs: 1,
		Progress: func(p conformance.Progress) {
			if id == "" && (p.Last.Status == verdict.Failed || p.Last.Status == verdict.Errored) {
				id = p.Last.ID
				cancel()
			}
		},
		Start: func(ctx context.Context) (shim.Target, error) {
			return process.Start(ctx, binary, process.Options{Timeout: 30 * time.Second})
		},
	})
	switch {
	case errors.Is(err, conformance.ErrTarget):
		return "shim/hello", nil // it does not even start
	case id != "":
		return id, nil
	}
	return "", err
}
