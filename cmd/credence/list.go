package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"credence"
	"credence/conformance"
)

const listHelp = `usage: credence list [--profile PROFILE] [--json]
       credence list --requirements [--json]

Lists the tests, or the requirements of SPEC.md with the tests of each (the traceability table).

`

func list(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("list", flag.ContinueOnError)
	requirements := flags.Bool("requirements", false, "list requirements, each with its tests")
	profile := flags.String("profile", "", "only tests of this `profile`")
	asJSON := flags.Bool("json", false, "JSON instead of text")
	err := parse(flags, args, listHelp, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return conforms
	}
	if err == nil && *profile != "" && !slices.Contains(conformance.Profiles, *profile) {
		err = fmt.Errorf("%w %q (there are %s)", conformance.ErrUnknownProfile, *profile, strings.Join(conformance.Profiles, ", "))
	}
	if err != nil {
		return complain(stderr, usage, err)
	}
	tests, err := conformance.List()
	if err != nil {
		return complain(stderr, usage, err)
	}
	if *profile != "" {
		tests = slices.DeleteFunc(tests, func(t conformance.TestInfo) bool { return t.Profile != *profile })
	}
	if *requirements {
		err = listRequirements(stdout, traceability(tests), *asJSON)
	} else {
		err = listTests(stdout, tests, *asJSON)
	}
	if err != nil {
		return complain(stderr, usage, err)
	}
	return conforms
}

// traced is a requirement with its tests.
type traced struct {
	ID    string   `json:"id"`
	Text  string   `json:"text"`
	Tests []string `json:"tests"`
}

func traceability(tests []conformance.TestInfo) []traced {
	byRequirement := map[string][]string{}
	for _, t := range tests {
		for _, id := range t.Requirements {
			byRequirement[id] = append(byRequirement[id], t.ID)
		}
	}
	var table []traced
	for _, r := range credence.Requirements() {
		table = append(table, traced{r.ID, r.Text, append([]string{}, byRequirement[r.ID]...)})
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
	}
	return nil
}

func listTests(w io.Writer, tests []conformance.TestInfo, asJSON bool) error {
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
