package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"credence"
	"credence/conformance"
	"credence/conformance/verdict"
	"credence/report"
	"credence/shim"
	"credence/shim/process"
	"credence/shims/reference/adapter"
	"credence/vectors"
)

// runOptions are the options of credence run.
type runOptions struct {
	target, shim   string
	profiles       profileList
	pattern        string
	seed           uint64
	jobs           int
	timeout        time.Duration
	outputs        []*output
	gate           gateOptions
	scenarios      string
	budget         time.Duration
	quick          bool
	verbose        bool
	traffic        *traffic // of --verbose
	shard          verdict.Shard
	vectors        string
	files          []*vectors.File // of --vectors; nil is the embedded ones
	match          *regexp.Regexp
	stdout, stderr io.Writer
}

const runHelp = `usage: credence run (--target reference | --shim 'COMMAND ARGS') [options]

Runs the suite on a target and prints the verdict. The command of a shim is split into words as a shell would, without
expansions. The tests of the shim itself (shim/...) always run.

Exit status: 0 conforms; 1 does not conform, or the run was interrupted; 2 usage, or a report cannot be written; 3 the
target could not be run at all. With --known-failures or --fail-on, 0 and 1 say whether the gate was passed.
`

func runSuite(args []string, stdout, stderr io.Writer) int {
	o, err := parseRun(args, stdout, stderr)
	if err != nil {
		return failed(stderr, err)
	}
	return o.run()
}

func parseRun(args []string, stdout, stderr io.Writer) (*runOptions, error) {
	o := &runOptions{stdout: stdout, stderr: stderr}
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.StringVar(&o.target, "target", "", "judge a built-in `target`: reference")
	flags.StringVar(&o.shim, "shim", "", "judge the shim that this `command` starts")
	flags.Var(&o.profiles, "profile", profileUsage())
	flags.StringVar(&o.pattern, "run", "", "only tests whose id matches this `regexp`")
	flags.Uint64Var(&o.seed, "seed", 1, "seed `n` of the reference's randomness in the live tests")
	flags.IntVar(
		&o.jobs, "jobs", runtime.NumCPU(), "run `n` targets at the same time; the default is the number of CPUs",
	)
	flags.DurationVar(&o.timeout, "timeout", process.DefaultTimeout, "time `d` for one request to a shim")
	o.addOutputs(flags)
	flags.StringVar(
		&o.scenarios, "scenarios", "credence-failures",
		"save the scenarios on which property tests fail in this `directory`",
	)
	flags.DurationVar(
		&o.budget, "budget", conformance.DefaultBudget,
		"search scenarios for so long a `time`, as the reference takes; the number of scenarios follows from it",
	)
	flags.BoolVar(
		&o.verbose, "verbose", false,
		"show what passes between the suite and the target on standard error; secrets are marked and cut",
	)
	flags.BoolVar(&o.quick, "quick", false, "all vectors and live tests, and a tenth of the scenarios")
	flags.Var(shardFlag{&o.shard}, "shard", shardUsage)
	o.gate.add(flags)
	flags.StringVar(&o.vectors, "vectors", "", "use the vector files of this `directory` instead of the built-in ones")
	if err := parse(flags, args, runHelp, 0, stdout); err != nil {
		return nil, err
	}
	return o, o.check()
}

// checkTarget refuses options that name no target.
func (o *runOptions) checkTarget() error {
	switch {
	case (o.target == "") == (o.shim == ""):
		return errors.New("give either --target reference or --shim 'COMMAND ARGS'")
	case o.target != "" && o.target != "reference":
		return fmt.Errorf(
			"unknown target %q (there is reference; for anything else write a shim, docs/shim-protocol.md)", o.target,
		)
	case o.timeout <= 0:
		return fmt.Errorf("--timeout %v: more than 0", o.timeout)
	}
	return nil
}

func (o *runOptions) check() (err error) {
	if err := o.checkTarget(); err != nil {
		return err
	}
	if o.quick {
		if o.budget != conformance.DefaultBudget {
			return errors.New("--quick and --budget: give one of them")
		}
		o.budget = conformance.DefaultBudget / 10
	}
	if o.budget <= 0 {
		return fmt.Errorf("--budget %v: more than 0", o.budget)
	}
	if err := o.gate.check(); err != nil {
		return err
	}
	if err := o.checkShape(); err != nil {
		return err
	}
	if o.match, err = regexp.Compile(o.pattern); err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	if o.vectors != "" {
		if o.files, err = vectors.LoadFS(os.DirFS(o.vectors)); err != nil {
			return fmt.Errorf("--vectors %s: %w", o.vectors, err)
		}
	}
	return o.checkSelection()
}

// checkShape refuses what no run can do.
func (o *runOptions) checkShape() error {
	if o.jobs < 1 {
		return fmt.Errorf("--jobs %d: at least 1", o.jobs)
	}
	return o.checkOutputs()
}

// checkSelection wants a test to run, before any file is opened and any shim is started.
func (o *runOptions) checkSelection() error {
	tests, err := conformance.List(o.files)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(tests, o.selects) {
		return fmt.Errorf(
			"%w --run %q with these profiles; 'credence list' gives the ids", conformance.ErrNoMatch, o.pattern,
		)
	}
	return nil
}

func (o *runOptions) selects(t verdict.TestInfo) bool {
	return (o.profiles == nil || slices.Contains(o.profiles, t.Profile)) && o.match.MatchString(t.ID)
}

func (o *runOptions) run() int {
	if err := o.openOutputs(); err != nil {
		return complain(o.stderr, usage, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	if o.verbose {
		o.traffic = &traffic{w: o.stderr}
	}
	w := &watch{stderr: o.stderr, show: isTerminal(o.stderr) && !o.verbose, started: time.Now()}
	r, err := conformance.Run(ctx, o.suite(w))
	w.done()
	if r == nil {
		return o.noReport(ctx, err)
	}
	if err := o.judge(r); err != nil {
		return complain(o.stderr, usage, err)
	}
	if err := o.write(r, ctx.Err() != nil); err != nil {
		return complain(o.stderr, usage, fmt.Errorf("cannot write the report: %w", err))
	}
	if ctx.Err() != nil {
		return complain(
			o.stderr, doesNotConform,
			fmt.Errorf("interrupted after %d tests; the report has only these", len(r.Results)),
		)
	}
	return status(r)
}

// status is the exit status of a whole run.
func status(r *verdict.Report) int {
	good := r.Conforms()
	if r.Gate != nil {
		good = r.Gate.Passed
	}
	if !good {
		return doesNotConform
	}
	return conforms
}

// judge judges the run by the gate, if there is one.
func (o *runOptions) judge(r *verdict.Report) error {
	if !o.gate.asked() {
		return nil
	}
	all, err := conformance.List(o.files)
	if err == nil {
		r.Judge(o.gate.known, o.gate.statuses(), all)
	}
	return err
}

// noReport prints why there was no run.
func (o *runOptions) noReport(ctx context.Context, err error) int {
	switch {
	case ctx.Err() != nil:
		return complain(o.stderr, doesNotConform, errors.New("interrupted before the first test"))
	case errors.Is(err, conformance.ErrTarget):
		return complain(
			o.stderr, noTarget,
			fmt.Errorf("%w; start the command of --shim by hand: it must answer hello (docs/shim-protocol.md)", err),
		)
	}
	return complain(o.stderr, usage, err)
}

func (o *runOptions) suite(w *watch) conformance.Options {
	s := conformance.Options{
		Profiles: o.profiles, Vectors: o.files, Seed: o.seed, Shard: o.shard, Jobs: o.jobs, Command: o.command(),
		Start: o.start, Progress: w.progress, Budget: o.budget, Scenarios: o.scenarios, Replay: o.replay(),
	}
	if o.pattern != "" {
		s.Match = o.match
	}
	return s
}

func (o *runOptions) start(ctx context.Context) (shim.Target, error) {
	t, err := o.startQuietly(ctx)
	if err != nil || o.traffic == nil {
		return t, err
	}
	return o.traffic.of(t), nil
}

func (o *runOptions) startQuietly(ctx context.Context) (shim.Target, error) {
	if o.target != "" {
		return adapter.New(), nil
	}
	p, err := process.Start(ctx, o.shim, process.Options{Timeout: o.timeout})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// command is the command line that runs this target again.
func (o *runOptions) command() string {
	line := fmt.Sprintf("%s run %s --seed %d", program(), o.which(), o.seed)
	if o.budget != conformance.DefaultBudget {
		line += fmt.Sprintf(" --budget %v", o.budget)
	}
	if o.vectors != "" {
		line += " --vectors " + quoted(o.vectors)
	}
	if o.timeout != process.DefaultTimeout {
		line += fmt.Sprintf(" --timeout %v", o.timeout)
	}
	return line
}

// replay is the command line that runs a scenario on this target, up to its file.
func (o *runOptions) replay() string {
	line := program() + " replay " + o.which()
	if o.seed != 1 {
		line += fmt.Sprintf(" --seed %d", o.seed)
	}
	return line
}

// which returns the option that names the target.
func (o *runOptions) which() string {
	if o.shim != "" {
		return "--shim " + quoted(o.shim)
	}
	return "--target " + o.target
}

// program is how this command was called, if by a path.
func program() string {
	if filepath.Base(os.Args[0]) == "credence" {
		return os.Args[0]
	}
	return "credence"
}

// quoted quotes a word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// write writes every report.
func (o *runOptions) write(r *verdict.Report, interrupted bool) error {
	people := o.people()
	tests, err := conformance.List(o.files)
	if err != nil {
		return err
	}
	options := report.Options{
		Color: wantsColor(people), Requirements: credence.Requirements(), Tests: tests,
		Selected: o.profiles != nil || o.pattern != "" || o.shard != verdict.Shard{}, Interrupted: interrupted,
	}
	return errors.Join(report.Terminal(people, r, options), o.writeOutputs(r, options))
}
