package main

import (
	"fmt"
	"io"
	"time"

	"credence/conformance"
	"credence/conformance/verdict"
)

// watch shows how far a run is: one line, rewritten, on a terminal, and nothing elsewhere.
type watch struct {
	stderr  io.Writer
	show    bool
	started time.Time
	bad     int
}

// progress is conformance.Options.Progress.
func (w *watch) progress(p conformance.Progress) {
	if p.Last.Status == verdict.Errored || p.Last.Status == verdict.Failed {
		w.bad++
	}
	if w.show {
		left := time.Since(w.started) / time.Duration(max(p.Done, 1)) * time.Duration(p.Total-p.Done)
		fmt.Fprintf(
			w.stderr, "\r\x1b[K%d/%d tests, %d failed or errored, about %v left", p.Done, p.Total, w.bad,
			left.Round(time.Second),
		)
	}
}

// done removes the line.
func (w *watch) done() {
	if w.show {
		fmt.Fprint(w.stderr, "\r\x1b[K")
	}
}
