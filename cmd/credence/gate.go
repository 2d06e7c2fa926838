package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"credence/conformance/verdict"
)

// gateOptions say what fails a CI job.
type gateOptions struct {
	file   string
	failOn statusList
	known  *verdict.KnownFailures
}

func (g *gateOptions) add(flags *flag.FlagSet) {
	flags.StringVar(
		&g.file, "known-failures", "", "let the tests in this JSON `file` fail, and nothing else (docs/verdicts.md)",
	)
	flags.Var(&g.failOn, "fail-on",
		"what fails the run, of `outcomes` failed, errored, skipped, nothing (was passed), or none; the default is "+
			"failed,errored,nothing")
}

// check reads the list of known failures.
func (g *gateOptions) check() (err error) {
	g.known = &verdict.KnownFailures{}
	if g.file == "" {
		return nil
	}
	text, err := os.ReadFile(g.file)
	if err != nil {
		return fmt.Errorf("--known-failures: %w", err)
	}
	if g.known, err = verdict.ReadKnownFailures(text); err != nil {
		return fmt.Errorf("--known-failures %s: %w", g.file, err)
	}
	return nil
}

// asked reports whether there is a gate.
func (g *gateOptions) asked() bool { return g.file != "" || g.failOn != nil }

func (g *gateOptions) statuses() []verdict.Status {
	if g.failOn == nil {
		return verdict.DefaultFailOn
	}
	return g.failOn
}

// statusList is the value of --fail-on. It is nil if it was not given, and empty for none.
type statusList []verdict.Status

// String returns the list as it was written.
func (l *statusList) String() string {
	var words []string
	for _, s := range *l {
		words = append(words, string(s))
	}
	return strings.Join(words, ",")
}

// Set reads a comma-separated list.
func (l *statusList) Set(value string) error {
	*l = statusList{}
	if value == "none" {
		return nil
	}
	known := []verdict.Status{verdict.Failed, verdict.Errored, verdict.Skipped, verdict.Nothing}
	for word := range strings.SplitSeq(value, ",") {
		s := verdict.Status(word)
		if !slices.Contains(known, s) {
			return fmt.Errorf("unknown outcome %q (there are %v, or none)", word, known)
		}
		*l = append(*l, s)
	}
	return nil
}
