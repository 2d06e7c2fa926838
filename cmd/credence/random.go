package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"credence/conformance"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
)

// randomly plays random schedules of each level.
func (o *searchOptions) randomly(ctx context.Context) int {
	levels := []scenario.Level{scenario.Ratchet, scenario.Ambassador}
	if o.level != "" {
		levels = []scenario.Level{scenario.Level(o.level)}
	}
	w := &randomWatch{stderr: o.stderr, every: 10 * time.Second}
	tallies, wrong, err := conformance.Random(ctx, conformance.RandomOptions{
		Start: o.start, Seed: o.seed, Jobs: o.jobs, Levels: levels, Count: o.random, Progress: w.progress,
	})
	for _, t := range tallies {
		printTally(o.stdout, t)
	}
	switch {
	case err != nil:
		return o.noReport(ctx, err)
	case wrong != nil:
		return o.wrong("one is wrong", wrong)
	}
	fmt.Fprintln(o.stdout, "none of them wrong")
	return conforms
}

// printTally prints how many schedules of a level there were, and how many of each focus.
func printTally(w io.Writer, t conformance.RandomTally) {
	var focuses []string
	for _, f := range slices.Sorted(maps.Keys(t.Focuses)) {
		focuses = append(focuses, fmt.Sprint(f, " ", t.Focuses[f]))
	}
	fmt.Fprintf(w, "%s: %s\n  %s\n", t.Level, rate(t), strings.Join(focuses, ", "))
}

func rate(t conformance.RandomTally) string {
	each := float64(t.Schedules) / max(t.Seconds, 1e-3)
	return fmt.Sprintf("%d schedules, %.0f s, %.1f/s", t.Schedules, t.Seconds, each)
}

// randomWatch says now and then how far the schedules are.
type randomWatch struct {
	stderr io.Writer
	every  time.Duration
	last   time.Time
}

func (w *randomWatch) progress(t conformance.RandomTally) {
	if time.Since(w.last) > w.every {
		w.last = time.Now()
		fmt.Fprintf(w.stderr, "%s: %s\n", t.Level, rate(t))
	}
}

// wrong prints a schedule that is wrong, and saves it.
func (o *searchOptions) wrong(before string, r *verdict.TestResult) int {
	r.Scenario.Comment = "search: " + r.Message
	name, text, err := r.Scenario.Named()
	if err != nil {
		return complain(o.stderr, usage, err)
	}
	fmt.Fprintf(
		o.stdout, "%s (%s): %s\nexpected %s\ngot      %s\n", before, r.Reason, r.Message, r.Expected, r.Got,
	)
	path := filepath.Join("credence-failures", name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o644)); err != nil {
		fmt.Fprint(o.stdout, string(text))
		return complain(o.stderr, doesNotConform, fmt.Errorf("the scenario is not saved: %w", err))
	}
	fmt.Fprintf(o.stdout, "replay   %s replay %s %s\n", program(), o.which(), path)
	return doesNotConform
}
