package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"credence/conformance"
)

const explainHelp = `usage: credence explain ID

Explains a requirement of SPEC.md (AMB-...) or a test: its text, its tests, the command that runs it.

`

func explain(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	err := parse(flags, args, explainHelp, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return conforms
	}
	if err == nil && flags.NArg() != 1 {
		err = errors.New("explain takes one id (see credence explain --help)")
	}
	if err != nil {
		return complain(stderr, usage, err)
	}
	tests, err := conformance.List()
	if err != nil {
		return complain(stderr, usage, err)
	}
	if err := explainID(stdout, flags.Arg(0), tests); err != nil {
		return complain(stderr, usage, err)
	}
	return conforms
}

func explainID(w io.Writer, id string, tests []conformance.TestInfo) error {
	table := traceability(tests)
	if i := slices.IndexFunc(table, func(r traced) bool { return r.ID == id }); i >= 0 {
		explainRequirement(w, table[i])
		return nil
	}
	if i := slices.IndexFunc(tests, func(t conformance.TestInfo) bool { return t.ID == id }); i >= 0 {
		explainTest(w, tests[i], table)
		return nil
	}
	return fmt.Errorf("there is no requirement and no test %q; the nearest are %s", id, strings.Join(nearest(id, table, tests), ", "))
}

func explainRequirement(w io.Writer, r traced) {
	fmt.Fprintf(w, "%s\n\n%s\n\n%d tests:\n", r.ID, r.Text, len(r.Tests))
	for _, id := range r.Tests {
		fmt.Fprintf(w, "  %s\n", id)
	}
}

func explainTest(w io.Writer, t conformance.TestInfo, table []traced) {
	fmt.Fprintf(w, "%s\n\n%s\nprofile %s\n\n", t.ID, t.Comment, t.Profile)
	for _, r := range table {
		if slices.Contains(t.Requirements, r.ID) {
			fmt.Fprintf(w, "%s %s\n", r.ID, r.Text)
		}
	}
	fmt.Fprintf(w, "\nrun it:\n  credence run --shim 'COMMAND ARGS' --run '^%s$'\n", regexp.QuoteMeta(t.ID))
}

// nearest gives the three ids with the longest common part at their start.
func nearest(id string, table []traced, tests []conformance.TestInfo) []string {
	var ids []string
	for _, r := range table {
		ids = append(ids, r.ID)
	}
	for _, t := range tests {
		ids = append(ids, t.ID)
	}
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(common(b, id), common(a, id)) })
	return ids[:min(3, len(ids))]
}

func common(a, b string) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
