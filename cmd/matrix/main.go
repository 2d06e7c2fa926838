// Command matrix runs the suite on the shims of this repository and compares each verdict with the recorded one.
//
//	matrix [-record] [-docs DIR] [-allow-missing] [NAME...]
//	matrix -fuzz TIME [-docs DIR] [-allow-missing] [NAME...]
//
// It reads shims/matrix.json, writes a JSON report of each run to build/reports, and compares it with
// shims/verdicts/NAME.json. With -fuzz it runs a fuzzing campaign on each instead, and keeps the scenarios that find
// something in shims/campaigns. Exit status: 0 every verdict is the recorded one, 1 one is not, 2 usage.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"credence"
	"credence/conformance"
	"credence/conformance/verdict"
	"credence/report"
	"credence/shim"
	"credence/shim/process"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// entry is one line of shims/matrix.json.
type entry struct {
	Name    string `json:"name"`
	Own     bool   `json:"own"`   // written by this project, and so no proof of its vectors
	Needs   string `json:"needs"` // the file or folder that is there once the shim is installed
	Command string `json:"command"`
}

// options are the flags.
type options struct {
	record       bool
	docs         string
	allowMissing bool
	details      bool
	campaigns    time.Duration
}

const (
	matrixFile = "shims/matrix.json"
	verdictDir = "shims/verdicts"
	reportDir  = "build/reports"
)

func run(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("matrix", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.record, "record", false, "record the verdicts instead of comparing them")
	flags.StringVar(&o.docs, "docs", "", "write findings.md and proof.md to this `directory` (all shims must run)")
	flags.BoolVar(&o.allowMissing, "allow-missing", false, "pass over a shim that is not installed")
	flags.BoolVar(&o.details, "details", false, "print the whole report of each shim")
	flags.DurationVar(
		&o.campaigns, "fuzz", 0,
		"fuzz each shim for this `time` instead, and write campaigns.md to the directory of -docs",
	)
	if err := flags.Parse(args); err != nil {
		return 2
	}
	entries, err := readMatrix(flags.Args())
	if err != nil {
		fmt.Fprintln(stderr, "matrix:", err)
		return 2
	}
	if o.campaigns > 0 {
		return o.fuzz(entries, stdout, stderr)
	}
	return o.runAll(entries, stdout, stderr)
}

// readMatrix returns the entries with these names, or all.
func readMatrix(names []string) ([]entry, error) {
	var all, chosen []entry
	if err := readJSON(matrixFile, &all); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		i := slices.IndexFunc(all, func(e entry) bool { return e.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%s has no %q", matrixFile, name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func (o options) runAll(entries []entry, stdout, stderr io.Writer) int {
	status := 0
	var runs []finished
	for _, e := range entries {
		if _, err := os.Stat(e.Needs); err != nil && o.allowMissing {
			fmt.Fprintf(stdout, "%-20s NOT INSTALLED, not run: %v\n", e.Name, err)
			continue
		}
		r, err := o.runOne(e, stdout)
		switch {
		case err != nil:
			fmt.Fprintf(stderr, "matrix: %s: %v\n", e.Name, err)
			status = 1
		default:
			runs = append(runs, finished{e, r})
		}
	}
	if o.docs == "" || status != 0 {
		return status
	}
	if err := writeDocs(o.docs, runs); err != nil {
		fmt.Fprintln(stderr, "matrix:", err)
		return 1
	}
	return 0
}

// finished is a run that came to its end.
type finished struct {
	entry  entry
	report *verdict.Report
}

// runOne runs the suite on a shim, prints one line, and compares the verdict.
func (o options) runOne(e entry, stdout io.Writer) (*verdict.Report, error) {
	started := time.Now()
	r, err := conformance.Run(context.Background(), conformance.Options{
		Seed: 1, Jobs: runtime.NumCPU(), Command: fmt.Sprintf("credence run --shim '%s'", e.Command),
		Start: func(ctx context.Context) (shim.Target, error) {
			return process.Start(ctx, e.Command, process.Options{Timeout: time.Minute})
		},
	})
	if err != nil {
		return nil, err
	}
	if o.details {
		if err := report.Terminal(stdout, r, report.Options{Requirements: credence.Requirements()}); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(
		stdout, "%-20s %-45s %s  (%.0f s)\n", e.Name, r.Target.Name+" "+r.Target.Version, counts(r),
		time.Since(started).Seconds(),
	)
	if err := writeReport(e, r); err != nil {
		return nil, err
	}
	if o.record {
		return r, record(e, r)
	}
	return r, compare(e, r)
}

func counts(r *verdict.Report) string {
	verdict := "does not conform"
	if r.Conforms() {
		verdict = "conforms"
	}
	s := r.Summary
	return fmt.Sprintf(
		"%s: %d passed, %d failed, %d errored, %d skipped", verdict, s.Passed, s.Failed, s.Errored, s.Skipped,
	)
}

func writeReport(e entry, r *verdict.Report) error {
	if err := os.MkdirAll(reportDir, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(reportDir, e.Name+".json"))
	if err != nil {
		return err
	}
	return errors.Join(report.JSON(f, r), f.Close())
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
