package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"credence"
	"credence/conformance/verdict"
	"credence/spec"
	"credence/vectors"
)

// writeDocs writes what was found in the implementations, and how the vectors are proven.
func writeDocs(dir string, runs []finished) error {
	files, err := vectors.Load()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "findings.md"), findings(runs), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "proof.md"), proof(files, runs), 0o644)
}

const findingsHead = `# Findings

What the suite finds in released implementations. This file is written by ` + "`make findings`" + ` from the JSON reports of the runs;
nothing in the suite knows any of these libraries. A finding stands under the first requirement that its tests name. What a
failure means for an application depends on what the application adds: read the requirement.

| implementation | verdict |
|---|---|
`

func findings(runs []finished) []byte {
	var b bytes.Buffer
	b.WriteString(findingsHead)
	for _, r := range runs {
		fmt.Fprintf(
			&b, "| %s %s (%s) | %s |\n", cell(r.report.Target.Name), cell(r.report.Target.Version), r.entry.Name,
			counts(r.report),
		)
	}
	b.WriteString(guaranteesHead)
	for _, r := range runs {
		r.guarantees(&b)
	}
	for _, r := range runs {
		if !r.report.Conforms() {
			r.findings(&b)
		}
	}
	return b.Bytes()
}

const guaranteesHead = `
## Guarantees

Forward secrecy and post-compromise security by experiment, on everything that can export its state (docs/scenarios.md). "Allowed" are
the readings that SPEC.md gives to the attacker of a state; "had" what he could read from the bytes of the copy, or the
library from the copy. A state that is exported in encrypted form is read by the library alone.

| implementation | guarantee | verdict | evidence |
|---|---|---|---|
`

// guarantees adds what was found of the guarantees, and for a broken one the smallest schedule that shows it.
func (r finished) guarantees(b *bytes.Buffer) {
	for _, t := range r.report.Results {
		if t.Guarantee == "" || t.Status == verdict.Skipped {
			continue
		}
		evidence := t.Evidence.String()
		if t.Scenario != nil {
			var events []string
			for _, e := range t.Scenario.Events {
				events = append(events, e.String())
			}
			evidence = t.Expected + ", and is not: " + strings.Join(events, "; ")
		}
		fmt.Fprintf(
			b, "| %s | %s | %s | %s |\n", r.entry.Name, strings.Replace(t.ID, "/property/", " ", 1), t.Verdict(),
			cell(evidence),
		)
	}
}

// finding is what failed for one requirement in one way.
type finding struct {
	requirement string
	reason      verdict.Reason
	tests       []verdict.TestResult
}

func (r finished) findings(b *bytes.Buffer) {
	t := r.report.Target
	fmt.Fprintf(
		b, "\n## %s %s\n\n%s, parameter sets %s. Run it: `credence run --shim '%s'`\n", cell(t.Name), cell(t.Version),
		cell(t.Language), cell(strings.Join(t.ParameterSets, ", ")), r.entry.Command,
	)
	texts := requirementTexts()
	for _, f := range group(r.report.Results) {
		fmt.Fprintf(
			b, "\n### %s: %s (%d tests)\n\n> %s\n\n", f.requirement, f.reason, len(f.tests), texts[f.requirement],
		)
		for _, test := range f.tests[:min(3, len(f.tests))] {
			fmt.Fprintf(b, "- `%s`: %s.", test.ID, cell(test.Message))
			if test.Expected != "" {
				fmt.Fprintf(b, " Expected %s, got %s.", shortened(test.Expected), shortened(test.Got))
			}
			b.WriteString("\n")
		}
		if n := len(f.tests) - 3; n > 0 {
			fmt.Fprintf(b, "- and %d more\n", n)
		}
	}
}

func requirementTexts() map[string]string {
	texts := map[string]string{}
	for _, q := range credence.Requirements() {
		texts[q.ID] = q.Text
	}
	return texts
}

// group sorts failures by requirement and reason.
func group(results []verdict.TestResult) []*finding {
	var all []*finding
	for _, t := range results {
		if t.Status != verdict.Failed && t.Status != verdict.Errored || len(t.Requirements) == 0 {
			continue
		}
		i := slices.IndexFunc(
			all, func(f *finding) bool { return f.requirement == t.Requirements[0] && f.reason == t.Reason },
		)
		if i < 0 {
			all = append(all, &finding{requirement: t.Requirements[0], reason: t.Reason})
			i = len(all) - 1
		}
		all[i].tests = append(all[i].tests, t)
	}
	slices.SortStableFunc(all, func(a, b *finding) int { return strings.Compare(a.requirement, b.requirement) })
	return all
}

// cell makes text of a shim safe for a line of Markdown.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;", "`", "'").Replace(s)
}

// shortened returns the start of a value as code.
func shortened(s string) string {
	const most = 160
	if len(s) > most {
		return "`" + cell(s[:most]) + "…`"
	}
	return "`" + cell(s) + "`"
}

const proofHead = `# How the vectors are proven

The vectors are written from the reference. What makes them more than its own opinion is that implementations which nobody here
wrote give the same bytes. This file is written by ` + "`make findings`" + ` from the runs of the suite: how many of the valid vectors each
implementation reproduces, which it could not run and why, and which it fails (each of these is explained in
[findings.md](findings.md)).

| parameter set | implementation | valid vectors | reproduced | not reproduced | not run |
|---|---|---|---|---|---|
`

func proof(files []*vectors.File, runs []finished) []byte {
	var b, reasons bytes.Buffer
	b.WriteString(proofHead)
	valid := validVectors(files)
	for _, set := range spec.ParameterSets() {
		for _, r := range runs {
			if !r.entry.Own && slices.Contains(r.report.Target.ParameterSets, set) {
				proofOf(&b, &reasons, set, r, valid[set])
			}
		}
	}
	b.WriteString("\n## Not run, and why\n\n")
	b.Write(reasons.Bytes())
	b.WriteString(unprovenHead)
	for _, set := range spec.ParameterSets() {
		unproven(&b, set, runs, valid[set])
	}
	b.WriteString(proofTail)
	return b.Bytes()
}

const proofTail = `
## Other anchors

- ` + "`shims/reference/adapter/adapter_test.go`" + ` checks known answers that were computed by an independent program in Python before the
  reference existed, and the published chain key vector of libsignal.
- Every live test is an interoperation of the target with the reference, on fresh randomness.
`

const unprovenHead = `
## Reproduced by no library

These valid vectors no library here reproduces: none has the operation, or every one that has it fails them. They stand on the
reference and on the second implementation of SPEC.md (` + "`shims/python`" + `: another language, other primitives, no shared code), which
gives the bytes of every vector and every state digest. Many of them are also inside a session vector that a library does
reproduce: whoever gives the bytes of a session has the steps in it right.

`

// unproven lists the valid vectors of a set that no implementation of others has reproduced, by kind.
func unproven(b *bytes.Buffer, set string, runs []finished, valid map[string]bool) {
	proven := map[string]bool{}
	for _, r := range runs {
		for _, t := range r.report.Results {
			if !r.entry.Own && t.Status == verdict.Passed {
				proven[t.ID] = true
			}
		}
	}
	kinds, total := map[string]int{}, 0
	for id := range valid {
		if !proven[id] {
			kinds[id[:strings.LastIndex(id, "/")]]++
			total++
		}
	}
	fmt.Fprintf(b, "- %s: %d of %d", set, total, len(valid))
	for _, kind := range sortedKeys(kinds) {
		fmt.Fprintf(b, "; %d `%s`", kinds[kind], kind)
	}
	b.WriteString("\n")
}

func validVectors(files []*vectors.File) map[string]map[string]bool {
	valid := map[string]map[string]bool{}
	for _, f := range files {
		for _, g := range f.TestGroups {
			if valid[g.ParameterSet] == nil {
				valid[g.ParameterSet] = map[string]bool{}
			}
			for _, t := range g.Tests {
				if t.Result == vectors.Valid {
					valid[g.ParameterSet][t.ID] = true
				}
			}
		}
	}
	return valid
}

func proofOf(b, reasons *bytes.Buffer, set string, r finished, valid map[string]bool) {
	skipped := map[string]int{}
	passed, failed := 0, []string{}
	for _, t := range r.report.Results {
		switch {
		case !valid[t.ID]:
		case t.Status == verdict.Passed:
			passed++
		case t.Status == verdict.Skipped:
			skipped[t.Message]++
		default:
			failed = append(failed, "`"+t.ID+"`")
		}
	}
	name := fmt.Sprintf("%s %s", cell(r.report.Target.Name), cell(r.report.Target.Version))
	fmt.Fprintf(
		b, "| %s | %s | %d | %d | %s | %d |\n", set, name, len(valid), passed, strings.Join(failed, " "),
		len(valid)-passed-len(failed),
	)
	for _, message := range sortedKeys(skipped) {
		fmt.Fprintf(reasons, "- %s, %s: %d because %s\n", set, name, skipped[message], message)
	}
}

func sortedKeys(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
