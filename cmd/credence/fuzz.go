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
	"runtime"
	"time"

	"credence/conformance"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/report"
	"credence/shim/process"
)

const fuzzHelp = `usage: credence fuzz (--target reference | --shim 'COMMAND ARGS') [options]

Plays scenarios on a target for a time: new ones, and changed ones of a corpus. Messages are lost, repeated, late and forged
field by field; states are stored, copied and set back; devices come and go. What the target reads, refuses and keeps
is compared with SPEC.md after every event. A target that dies, hangs or grows is started anew and the campaign goes on. Every fault is
reported once, as a scenario that is made small and saved with the command that replays it.

Exit status: 0 nothing was found; 1 something was, or the campaign was interrupted; 2 usage, or a file cannot be written; 3 the
target could not be run at all.
`

// fuzzOptions are the options of credence fuzz.
type fuzzOptions struct {
	*runOptions
	duration   time.Duration
	executions int
	first      bool
	memory     int
	corpus     string
	seedDir    string
	seeds      []*scenario.Scenario
}

func fuzz(args []string, stdout, stderr io.Writer) int {
	o := &fuzzOptions{runOptions: &runOptions{stdout: stdout, stderr: stderr}}
	flags := flag.NewFlagSet("fuzz", flag.ContinueOnError)
	flags.StringVar(&o.target, "target", "", "fuzz a built-in `target`: reference")
	flags.StringVar(&o.shim, "shim", "", "fuzz the shim that this `command` starts")
	flags.Var(&o.profiles, "profile", "only these `profiles`, comma-separated: ratchet, ambassador")
	flags.DurationVar(&o.duration, "time", time.Minute, "end after this `time`")
	flags.IntVar(&o.executions, "executions", 0, "end after `n` executions, of all shards; 0 is no limit")
	flags.BoolVar(&o.first, "first", false, "end at the first finding")
	flags.StringVar(
		&o.corpus, "corpus", "",
		"start from the scenarios in this `directory`, and add those to it that show new behaviour",
	)
	flags.StringVar(&o.seedDir, "seeds", "", "start from the scenarios in this `directory` too, and leave it as it is")
	flags.StringVar(&o.scenarios, "findings", "credence-failures", "save the scenarios of findings in this `directory`")
	flags.IntVar(&o.memory, "memory", 256, "a shim that grows by more than `n` MiB is a finding; 0 is no limit")
	flags.Var(shardFlag{&o.shard}, "shard", shardUsage)
	flags.Uint64Var(&o.seed, "seed", 1, "seed `n` of the scenarios")
	flags.IntVar(
		&o.jobs, "jobs", runtime.NumCPU(), "run `n` targets at the same time; the default is the number of CPUs",
	)
	flags.DurationVar(&o.timeout, "timeout", process.DefaultTimeout, "time `d` for one request to a shim")
	o.addOutputs(flags)
	err := parse(flags, args, fuzzHelp, 0, stdout)
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return failed(stderr, err)
	}
	return o.run()
}

func (o *fuzzOptions) check() error {
	switch {
	case o.duration <= 0:
		return fmt.Errorf("--time %v: more than 0", o.duration)
	case o.executions < 0:
		return fmt.Errorf("--executions %d: at least 0", o.executions)
	case o.memory < 0:
		return fmt.Errorf("--memory %d: at least 0", o.memory)
	}
	if err := errors.Join(o.checkTarget(), o.checkShape()); err != nil {
		return err
	}
	if o.seedDir != "" {
		if _, err := os.Stat(o.seedDir); err != nil {
			return fmt.Errorf("--seeds: %w", err)
		}
	}
	for _, dir := range []string{o.seedDir, o.corpus} {
		if dir == "" {
			continue
		}
		more, err := scenario.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("corpus: %w", err)
		}
		o.seeds = append(o.seeds, more...)
	}
	return nil
}

func (o *fuzzOptions) run() int {
	if err := o.openOutputs(); err != nil {
		return complain(o.stderr, usage, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	w := &fuzzWatch{stderr: o.stderr, show: isTerminal(o.stderr), people: o.people()}
	var unsaved error
	r, err := conformance.Fuzz(ctx, conformance.FuzzOptions{
		Start: o.start, Profiles: o.profiles, Seed: o.seed, Shard: o.shard, Jobs: o.jobs,
		Scenarios: o.scenarios, Replay: o.replay(), Duration: o.duration, Executions: o.executions, FirstOnly: o.first,
		Memory: uint64(o.memory) << 20, Corpus: o.seeds,
		Found: w.found, Status: w.status,
		New: func(s scenario.Scenario) { unsaved = errors.Join(unsaved, o.keep(s)) },
	})
	w.done()
	if r == nil {
		return o.noReport(ctx, err)
	}
	if err := errors.Join(unsaved, o.write(r, ctx.Err() != nil)); err != nil {
		return complain(o.stderr, usage, fmt.Errorf("cannot write: %w", err))
	}
	switch {
	case ctx.Err() != nil:
		return complain(o.stderr, doesNotConform, errors.New("interrupted; the report has what was found before"))
	case err != nil:
		return complain(o.stderr, noTarget, err)
	case r.Summary.Failed+r.Summary.Errored > 0:
		return doesNotConform
	}
	return conforms
}

// replay is the command line that runs a scenario as this campaign has.
func (o *fuzzOptions) replay() string {
	line := o.runOptions.replay()
	if o.timeout != process.DefaultTimeout {
		line += fmt.Sprintf(" --timeout %v", o.timeout)
	}
	return line
}

// keep adds a scenario to the corpus. Its name is that of its content, so that shards can share a directory.
func (o *fuzzOptions) keep(s scenario.Scenario) error {
	if o.corpus == "" {
		return nil
	}
	s.Comment = ""
	name, text, err := s.Named()
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(o.corpus, 0o755), os.WriteFile(filepath.Join(o.corpus, name), text, 0o644))
}

// fuzzWatch shows how far a campaign is: a line, rewritten, on a terminal; and every finding when it is found.
type fuzzWatch struct {
	stderr, people io.Writer
	show           bool
	last           time.Time
}

func (w *fuzzWatch) status(c verdict.Campaign, findings int) {
	if w.show && time.Since(w.last) > 200*time.Millisecond {
		w.last = time.Now()
		fmt.Fprintf(
			w.stderr, "\r\x1b[K%.0f s: %d executions (%.0f/s), %d behaviours, %d restarts, %d findings", c.Seconds,
			c.Executions, float64(c.Executions)/c.Seconds, c.Behaviours, c.Restarts, findings,
		)
	}
}

func (w *fuzzWatch) found(t verdict.TestResult) {
	w.done()
	fmt.Fprintln(w.people, report.Line(fmt.Sprintf("found: %s (%s): %s", t.ID, t.Reason, t.Message)))
}

// done removes the line.
func (w *fuzzWatch) done() {
	if w.show {
		fmt.Fprint(w.stderr, "\r\x1b[K")
	}
}
