package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"credence/conformance"
)

// watch follows a run: it shows how far it is, and knows which tests were disturbed by its end.
type watch struct {
	ctx       context.Context
	stderr    io.Writer
	show      bool // on a terminal; quiet elsewhere
	bad       int
	disturbed []string // ids of tests that were errored after Ctrl-C, which is not the target's fault
}

// progress is conformance.Options.Progress.
func (w *watch) progress(p conformance.Progress) {
	errored := p.Last.Status == conformance.Errored
	if errored && w.ctx.Err() != nil {
		w.disturbed = append(w.disturbed, p.Last.ID)
		return
	}
	if errored || p.Last.Status == conformance.Failed {
		w.bad++
	}
	if w.show {
		fmt.Fprintf(w.stderr, "\r\x1b[K%d/%d tests, %d failed or errored", p.Done, p.Total, w.bad)
	}
}

// done removes the line.
func (w *watch) done() {
	if w.show {
		fmt.Fprint(w.stderr, "\r\x1b[K")
	}
}

// forget takes the disturbed tests out of a report, as if they had not been run.
func (w *watch) forget(r *conformance.Report) {
	r.Results = slices.DeleteFunc(r.Results, func(t conformance.TestResult) bool { return slices.Contains(w.disturbed, t.ID) })
	r.Summary.Errored -= len(w.disturbed)
}
