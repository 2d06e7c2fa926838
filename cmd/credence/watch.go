package main

import (
	"fmt"
	"io"

	"credence/conformance"
)

// watch shows how far a run is: one line, rewritten, on a terminal, and nothing elsewhere.
type watch struct {
	stderr io.Writer
	show   bool
	bad    int
}

// progress is conformance.Options.Progress.
func (w *watch) progress(p conformance.Progress) {
	if p.Last.Status == conformance.Errored || p.Last.Status == conformance.Failed {
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
