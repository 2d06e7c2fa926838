package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"

	"credence/conformance"
	"credence/report"
	"credence/shim/process"
)

const doctorHelp = `usage: credence doctor --shim 'COMMAND ARGS'

Tells the author of a shim how far it is, and what to do next: whether it starts, whether it keeps the shim protocol, and for each profile
which operations are missing, or which test fails first and why.

Exit status: 0 everything that the shim offers works; 1 something does not; 2 usage; 3 the shim does not start.
`

func doctor(args []string, stdout, stderr io.Writer) int {
	o := &runOptions{stdout: stdout, stderr: stderr, seed: 1, budget: conformance.DefaultBudget}
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.StringVar(&o.target, "target", "", "examine a built-in `target`: reference")
	flags.StringVar(&o.shim, "shim", "", "examine the shim that this `command` starts")
	flags.DurationVar(&o.timeout, "timeout", process.DefaultTimeout, "time `d` for one request to a shim")
	err := parse(flags, args, doctorHelp, 0, stdout)
	if err == nil {
		err = o.checkTarget()
	}
	if err != nil {
		return failed(stderr, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	steps, err := conformance.Diagnose(
		ctx, conformance.Options{Seed: o.seed, Jobs: runtime.NumCPU(), Start: o.start, Command: o.command()},
	)
	next := printSteps(stdout, steps)
	switch {
	case err != nil:
		return complain(stderr, doesNotConform, err)
	case len(steps) == 1:
		return noTarget
	case next:
		return doesNotConform
	}
	return conforms
}

// printSteps prints how a shim stands, and what is next: mending first, then the next profile. It reports whether there
// is something to mend.
func printSteps(w io.Writer, steps []conformance.Step) (mend bool) {
	var next *conformance.Step
	for i, s := range steps {
		mark, missing := "ok", s.Says == conformance.NotClaimed
		switch {
		case missing:
			mark = "--"
		case !s.Done:
			mark = "!!"
		}
		fmt.Fprintln(w, report.Line(fmt.Sprintf("%-11s %s  %s", s.Name, mark, s.Says)))
		if !s.Done && (next == nil || next.Says == conformance.NotClaimed && !missing) {
			next = &steps[i]
		}
		mend = mend || !s.Done && !missing
	}
	if next != nil {
		fmt.Fprintln(w)
		fmt.Fprintln(w, report.Line(fmt.Sprintf("next: %s: %s", next.Name, next.Next)))
	}
	return mend
}
