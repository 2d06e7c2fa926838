package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"credence"
	"credence/conformance"
	"credence/conformance/verdict"
)

const listHelp = `usage: credence list [--profile PROFILE] [--json]
       credence list --requirements [--profile PROFILE] [--json]

Lists the tests, one a line: id, requirements, comment. With --requirements, lists the requirements of SPEC.md with the
number of tests of each, and below it the parameter sets and the places in which it binds, with the number of tests of
each, or the reason why there is none; in JSON with the tests themselves (the traceability table).

Exit status: 0 printed, 2 usage.
`

// listOptions are the options of credence list.
type listOptions struct {
	profiles     profileList
	requirements bool
	json         bool
}

func list(args []string, stdout, stderr io.Writer) int {
	var o listOptions
	flags := flag.NewFlagSet("list", flag.ContinueOnError)
	flags.Var(&o.profiles, "profile", profileUsage())
	flags.BoolVar(&o.requirements, "requirements", false, "list requirements, each with its tests")
	flags.BoolVar(&o.json, "json", false, "JSON instead of text")
	if err := parse(flags, args, listHelp, 0, stdout); err != nil {
		return failed(stderr, err)
	}
	if err := o.print(stdout); err != nil {
		return complain(stderr, usage, err)
	}
	return conforms
}

func (o listOptions) print(w io.Writer) error {
	tests, err := conformance.List(nil)
	if err != nil {
		return err
	}
	if o.profiles != nil {
		tests = slices.DeleteFunc(
			tests, func(t verdict.TestInfo) bool { return !slices.Contains(o.profiles, t.Profile) },
		)
	}
	if o.requirements {
		return listRequirements(w, traceability(tests), o.json)
	}
	return listTests(w, tests, o.json)
}

// profileList is a flag that can be repeated and takes commas.
type profileList []string

func profileUsage() string {
	return "only this `profile`: " + strings.Join(conformance.Profiles, ", ") +
		"; may be repeated or a list with commas"
}

// String returns the list with commas.
func (p *profileList) String() string { return strings.Join(*p, ",") }

// Set adds profiles. It refuses those that the suite does not have.
func (p *profileList) Set(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		if !slices.Contains(conformance.Profiles, name) {
			return fmt.Errorf(
				"%w %q (there are %s)", conformance.ErrUnknownProfile, name, strings.Join(conformance.Profiles, ", "),
			)
		}
		*p = append(*p, name)
	}
	return nil
}

// traced is a requirement with its tests.
type traced struct {
	ID    string         `json:"id"`
	Text  string         `json:"text"`
	Tests []string       `json:"tests"`
	Cells []verdict.Cell `json:"cells"` // of the grid of parameter sets and places (package spec/grid)
}

func traceability(tests []verdict.TestInfo) []traced {
	byRequirement := map[string][]string{}
	for _, t := range tests {
		for _, id := range t.Requirements {
			byRequirement[id] = append(byRequirement[id], t.ID)
		}
	}
	var table []traced
	cells := verdict.Grid(tests)
	for _, r := range credence.Requirements() {
		table = append(table, traced{r.ID, r.Text, append([]string{}, byRequirement[r.ID]...), cells[r.ID]})
	}
	return table
}

func listRequirements(w io.Writer, table []traced, asJSON bool) error {
	if asJSON {
		return writeJSON(w, table)
	}
	for _, r := range table {
		if _, err := fmt.Fprintf(w, "%s %5d tests  %s\n", r.ID, len(r.Tests), r.Text); err != nil {
			return err
		}
		if err := listCells(w, r.Cells); err != nil {
			return err
		}
	}
	return nil
}

// listCells writes a line for each parameter set, with the number of tests of each place; one line for all sets in
// which the requirement binds in one way.
func listCells(w io.Writer, cells []verdict.Cell) error {
	var sets []string
	lines := map[string][]string{}
	for _, c := range cells {
		set, words := c.Set, []string{c.Place, fmt.Sprint(len(c.Tests))}
		if c.Place == "" {
			set, words[0] = "", c.Set
		}
		if len(c.Tests) == 0 {
			words[1] = "no test (" + c.Reason + ")"
		}
		if lines[set] == nil {
			sets = append(sets, set)
		}
		lines[set] = append(lines[set], strings.Join(words, " "))
	}
	for _, set := range sets {
		line := strings.TrimSpace(set + "  " + strings.Join(lines[set], ", "))
		if _, err := fmt.Fprintf(w, "  %s\n", line); err != nil {
			return err
		}
	}
	return nil
}

func listTests(w io.Writer, tests []verdict.TestInfo, asJSON bool) error {
	if asJSON {
		return writeJSON(w, tests)
	}
	for _, t := range tests {
		if _, err := fmt.Fprintf(w, "%s [%s] %s\n", t.ID, strings.Join(t.Requirements, " "), t.Comment); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
