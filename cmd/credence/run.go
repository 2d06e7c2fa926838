package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"credence"
	"credence/conformance"
	"credence/conformance/report"
	"credence/conformance/shim"
	"credence/reference/adapter"
)

// runOptions are the options of credence run.
type runOptions struct {
	target, shim   string
	profiles       []string
	pattern        string
	seed           uint64
	jobs           int
	timeout        time.Duration
	json, junit    string
	match          *regexp.Regexp
	stdout, stderr io.Writer
}

const runHelp = `usage: credence run (--target reference | --shim 'COMMAND ARGS') [options]

Runs the suite on a target and prints the verdict. The command of a shim is split into words as a shell would.

Exit status: 0 conforms, 1 does not conform, 2 usage, 3 the target could not be run at all.

`

func runSuite(args []string, stdout, stderr io.Writer) int {
	o, err := parseRun(args, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return conforms
	}
	if err != nil {
		return complain(stderr, usage, err)
	}
	return o.run()
}

func parseRun(args []string, stdout, stderr io.Writer) (*runOptions, error) {
	o := &runOptions{stdout: stdout, stderr: stderr}
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.StringVar(&o.target, "target", "", "judge a built-in target: `reference`")
	flags.StringVar(&o.shim, "shim", "", "judge the shim that this `command` starts")
	flags.Func("profile", "only this `profile`, or several with commas: "+strings.Join(conformance.Profiles, ", "), func(s string) error {
		o.profiles = append(o.profiles, strings.Split(s, ",")...)
		return nil
	})
	flags.StringVar(&o.pattern, "run", "", "only tests whose id matches this regular `expression`")
	flags.Uint64Var(&o.seed, "seed", 1, "`seed` of the reference's randomness in the live tests")
	flags.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "`number` of targets that run at the same time")
	flags.DurationVar(&o.timeout, "timeout", shim.DefaultTimeout, "`time` for one request")
	flags.StringVar(&o.json, "json", "", "write a JSON report to this `file`; - is standard output")
	flags.StringVar(&o.junit, "junit", "", "write a JUnit report to this `file`; - is standard output")
	if err := parse(flags, args, runHelp, stdout); err != nil {
		return nil, err
	}
	return o, o.check()
}

// parse parses the flags of a subcommand. On --help it prints the text and the flags, and gives flag.ErrHelp.
func parse(flags *flag.FlagSet, args []string, text string, stdout io.Writer) error {
	flags.SetOutput(io.Discard) // the caller prints errors in one line
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(stdout)
		fmt.Fprint(stdout, text)
		flags.PrintDefaults()
		return err
	}
	if err != nil {
		return fmt.Errorf("%w (see credence %s --help)", err, flags.Name())
	}
	return nil
}

func (o *runOptions) check() (err error) {
	switch {
	case (o.target == "") == (o.shim == ""):
		return errors.New("give either --target reference or --shim 'COMMAND ARGS'")
	case o.target != "" && o.target != "reference":
		return fmt.Errorf("unknown target %q (there is reference; for anything else write a shim, docs/shim-protocol.md)", o.target)
	case o.jobs < 1:
		return fmt.Errorf("--jobs %d: at least 1", o.jobs)
	case o.timeout <= 0:
		return fmt.Errorf("--timeout %v: more than 0", o.timeout)
	case o.json == "-" && o.junit == "-":
		return errors.New("only one of --json and --junit can go to standard output")
	}
	if o.match, err = regexp.Compile(o.pattern); err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	return nil
}

func (o *runOptions) run() int {
	outputs, err := o.openOutputs()
	if err != nil {
		return complain(o.stderr, usage, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r, err := conformance.Run(ctx, o.suite())
	o.progressDone()
	if r == nil {
		return complain(o.stderr, statusOf(err), err)
	}
	if werr := o.write(r, outputs); werr != nil {
		return complain(o.stderr, usage, werr)
	}
	if err != nil {
		return complain(o.stderr, doesNotConform, fmt.Errorf("the run was ended before its end: %w", err))
	}
	if !r.Conforms() {
		return doesNotConform
	}
	return conforms
}

func statusOf(err error) int {
	if errors.Is(err, conformance.ErrTarget) {
		return noTarget
	}
	return usage
}

func (o *runOptions) suite() conformance.Options {
	s := conformance.Options{Profiles: o.profiles, Seed: o.seed, Jobs: o.jobs, Command: o.command(), Start: o.start, Progress: o.progress()}
	if o.pattern != "" {
		s.Match = o.match
	}
	return s
}

func (o *runOptions) start(ctx context.Context) (shim.Target, error) {
	if o.target != "" {
		return adapter.New(), nil
	}
	return shim.Start(ctx, o.shim, shim.ProcessOptions{Timeout: o.timeout})
}

// command is the command line that runs this target again.
func (o *runOptions) command() string {
	which := "--target " + o.target
	if o.shim != "" {
		which = "--shim " + quoted(o.shim)
	}
	return fmt.Sprintf("credence run %s --seed %d", which, o.seed)
}

// quoted quotes a word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// outputs are the report files, opened before the run, so that a wrong path is known at once.
type outputs struct{ json, junit io.WriteCloser }

func (o *runOptions) openOutputs() (f outputs, err error) {
	if f.json, err = o.open(o.json); err != nil {
		return f, fmt.Errorf("--json: %w", err)
	}
	if f.junit, err = o.open(o.junit); err != nil {
		return f, fmt.Errorf("--junit: %w", err)
	}
	return f, nil
}

func (o *runOptions) open(path string) (io.WriteCloser, error) {
	switch path {
	case "":
		return nil, nil
	case "-":
		return keepOpen{o.stdout}, nil
	}
	return os.Create(path)
}

// keepOpen is standard output, which is not ours to close.
type keepOpen struct{ io.Writer }

func (keepOpen) Close() error { return nil }

// write writes every report. The one for people goes to standard error if another one has standard output.
func (o *runOptions) write(r *conformance.Report, f outputs) error {
	people := o.stdout
	if o.json == "-" || o.junit == "-" {
		people = o.stderr
	}
	err := report.Terminal(people, r, report.Options{Color: isTerminal(people) && os.Getenv("NO_COLOR") == "", Requirements: credence.Requirements()})
	if f.json != nil {
		err = errors.Join(err, report.JSON(f.json, r), f.json.Close())
	}
	if f.junit != nil {
		err = errors.Join(err, report.JUnit(f.junit, r), f.junit.Close())
	}
	return err
}

// isTerminal tells whether w is a character device.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// progress rewrites one line on a terminal, and is quiet elsewhere.
func (o *runOptions) progress() func(conformance.Progress) {
	if !isTerminal(o.stderr) {
		return nil
	}
	bad := 0
	return func(p conformance.Progress) {
		if slices.Contains([]conformance.Status{conformance.Failed, conformance.Errored}, p.Last.Status) {
			bad++
		}
		fmt.Fprintf(o.stderr, "\r\x1b[K%d/%d tests, %d failed or errored", p.Done, p.Total, bad)
	}
}

func (o *runOptions) progressDone() {
	if isTerminal(o.stderr) {
		fmt.Fprint(o.stderr, "\r\x1b[K")
	}
}
