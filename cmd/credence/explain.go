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
	"credence/conformance/verdict"
	"credence/conformance/zoo"
)

const explainHelp = `usage: credence explain ID

Explains a requirement of SPEC.md (AMB-...): its text, what goes wrong without it and where that was seen, where it binds, and its tests. Or a test: its profile, its comment, the texts of
its requirements, and the command that runs it.

Exit status: 0 printed, 2 usage, or an unknown id.
`

// suggestions is how many ids are named for an unknown one.
const suggestions = 3

func explain(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	err := parse(flags, args, explainHelp, 1, stdout)
	if err == nil && flags.NArg() == 0 {
		err = errors.New("explain takes one id (see credence explain --help)")
	}
	if err != nil {
		return failed(stderr, err)
	}
	tests, err := conformance.List(nil)
	if err != nil {
		return complain(stderr, usage, err)
	}
	if err := explainID(stdout, flags.Arg(0), tests); err != nil {
		return complain(stderr, usage, err)
	}
	return conforms
}

func explainID(w io.Writer, id string, tests []verdict.TestInfo) error {
	table := traceability(tests)
	if i := slices.IndexFunc(table, func(r traced) bool { return r.ID == id }); i >= 0 {
		return explainRequirement(w, table[i])
	}
	if i := slices.IndexFunc(tests, func(t verdict.TestInfo) bool { return t.ID == id }); i >= 0 {
		explainTest(w, tests[i], table)
		return nil
	}
	return fmt.Errorf(
		"there is no requirement and no test %.100q; the nearest are %s", id,
		strings.Join(nearest(id, table, tests), ", "),
	)
}

func explainRequirement(w io.Writer, r traced) error {
	fmt.Fprintf(w, "%s\n\n%s\n", r.ID, r.Text)
	if err := explainBugs(w, r.ID); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nwhere it binds, with the number of tests:\n")
	if err := listCells(w, r.Cells); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d tests:\n", len(r.Tests))
	for _, id := range r.Tests {
		fmt.Fprintf(w, "  %s\n", id)
	}
	return nil
}

// explainBugs prints what goes wrong without a requirement: the bugs of the zoo that violate it.
func explainBugs(w io.Writer, id string) error {
	bugs, err := zoo.Bugs()
	if err != nil {
		return err
	}
	head := "\nwhat goes wrong without it (docs/zoo.md has what catches each):\n"
	for _, b := range bugs {
		if !slices.Contains(b.Requirements, id) {
			continue
		}
		seen := "seen in " + b.Source
		if b.Source == zoo.Reasoned {
			seen = "reasoned, not seen yet"
		}
		fmt.Fprintf(w, "%s  %s (%s)\n", head, b.Title, seen)
		head = ""
	}
	return nil
}

func explainTest(w io.Writer, t verdict.TestInfo, table []traced) {
	fmt.Fprintf(w, "%s\n\n%s\nprofile %s\n\n", t.ID, t.Comment, t.Profile)
	for _, r := range table {
		if slices.Contains(t.Requirements, r.ID) {
			fmt.Fprintf(w, "%s %s\n", r.ID, r.Text)
		}
	}
	fmt.Fprintf(w, "\nrun it:\n  credence run --shim 'COMMAND ARGS' --run '^%s$'\n", regexp.QuoteMeta(t.ID))
}

// nearest returns the ids that are written most like id.
func nearest(id string, table []traced, tests []verdict.TestInfo) []string {
	var ids []string
	for _, r := range table {
		ids = append(ids, r.ID)
	}
	for _, t := range tests {
		ids = append(ids, t.ID)
	}
	far := map[string]int{}
	for _, other := range ids {
		far[other] = distance(id, other)
	}
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(far[a], far[b]) })
	return ids[:min(suggestions, len(ids))]
}

// distance is the number of bytes to insert, delete or replace to get from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
