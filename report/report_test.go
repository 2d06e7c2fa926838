package report_test

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"credence"
	"credence/conformance/verdict"
	"credence/report"
)

var update = flag.Bool("update", false, "write the golden files")

// sample has a result of every status, and failures alike.
func sample() *verdict.Report {
	r := &verdict.Report{
		Suite: "credence", Version: "0.1.0", Seed: 1,
		Target:  verdict.TargetInfo{Name: "sample", Version: "1.2", Language: "Go", Profiles: []string{"ratchet"}},
		Summary: verdict.Summary{Passed: 1, Failed: 8, Skipped: 2, Errored: 1},
	}
	add := func(id string, status verdict.Status, reason verdict.Reason, message string) {
		r.Results = append(r.Results, verdict.TestResult{
			ID: id, Profile: strings.Split(id, "/")[0], Requirements: []string{"AMB-KEY-01"}, Status: status,
			Reason: reason, Message: message,
			Sent: "op {}", Expected: "rejected", Got: "result " + strings.Repeat("ab", 200),
			Repeat: "credence run --shim 'x' --run '^" + id + "$'",
		})
	}
	add("x3dh/a", verdict.Passed, "", "")
	for _, id := range []string{"b", "c", "d", "e", "f", "g", "h"} {
		add("x3dh/"+id, verdict.Failed, verdict.AcceptedInvalid, "must be refused")
	}
	add("ratchet/a", verdict.Failed, verdict.Mismatch, "differs")
	add("ratchet/b", verdict.Errored, verdict.Crash, "shim ended: exit status 3")
	add("ratchet/c", verdict.Skipped, verdict.Unsupported, "the target does not offer x")
	add("ratchet/d", verdict.Skipped, verdict.Unsupported, "the target does not offer x")
	return r
}

// hostile says everything that a shim may say to harm a reader.
func hostile() *verdict.Report {
	evil := "\x1b[2J\x00\u009b31m\x7f\xff\u202e<script>alert(1)</script>]]>&\"'\r\n\uffff"
	r := sample()
	r.Target.Name, r.Target.Version, r.Target.Language = evil, evil, evil
	for i := range r.Results {
		t := &r.Results[i]
		t.Message, t.Got, t.Sent, t.Repeat = evil, evil, evil+strings.Repeat("A ", 700), evil
		t.ID, t.Requirements = t.ID+evil, []string{evil}
	}
	return r
}

func golden(t *testing.T, name string, render func(w io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, render(&b))
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), b.String()))
	return b.String()
}

func TestGolden(t *testing.T) {
	for name, r := range map[string]*verdict.Report{
		"sample": sample(), "hostile": hostile(), "empty": {Suite: "credence"},
	} {
		o := report.Options{
			Requirements: []credence.Requirement{{ID: "AMB-KEY-01", Text: "the text of the requirement"}},
		}
		golden(t, name+".txt", func(w io.Writer) error { return report.Terminal(w, r, o) })
		golden(t, name+".json", func(w io.Writer) error { return report.JSON(w, r) })
		golden(t, name+".xml", func(w io.Writer) error { return report.JUnit(w, r) })
	}
}

func TestOutputIsSafe(t *testing.T) {
	for name, render := range map[string]func(io.Writer, *verdict.Report) error{
		"terminal": func(w io.Writer, r *verdict.Report) error { return report.Terminal(w, r, report.Options{}) },
		"json":     report.JSON,
		"junit":    report.JUnit,
	} {
		var b bytes.Buffer
		require.NoError(t, render(&b, hostile()))
		require.True(t, utf8.Valid(b.Bytes()), name)
		for _, c := range b.String() {
			safe := c == '\n' || !unicode.IsControl(c) && (name == "junit" || c != '\u202e')
			require.True(t, safe, "%s: %q", name, c)
		}
	}
}

func terminalText(t *testing.T, r *verdict.Report, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, report.Terminal(&b, r, o))
	return b.String()
}

// failures returns a report with n failures alike.
func failures(n int) *verdict.Report {
	r := &verdict.Report{Suite: "credence", Summary: verdict.Summary{Failed: n}}
	for i := range n {
		r.Results = append(r.Results, verdict.TestResult{
			ID: fmt.Sprintf("x3dh/%d", i), Profile: "x3dh", Status: verdict.Failed, Reason: verdict.Mismatch,
			Requirements: []string{"AMB-KEY-01"},
		})
	}
	return r
}

func TestManyFailuresAlike(t *testing.T) {
	for n, want := range map[int]struct {
		shown int
		more  string
	}{6: {6, ""}, 21: {3, "and 18 more failed alike (x3dh, mismatch, AMB-KEY-01)"}} {
		text := terminalText(t, failures(n), report.Options{})
		require.Equal(t, want.shown, strings.Count(text, "FAILED x3dh/"))
		require.Contains(t, text, want.more)
		require.Equal(t, want.more != "", strings.Contains(text, " more failed"))
	}
}

// A difference in the middle of long values is told although the middle is not shown.
func TestHiddenDifference(t *testing.T) {
	r := failures(1)
	r.Results[0].Expected = strings.Repeat("a", 500)
	r.Results[0].Got = strings.Repeat("a", 250) + "b" + strings.Repeat("a", 249)
	require.Contains(t, terminalText(t, r, report.Options{}), "differ first at character 251")
}

func TestVerdict(t *testing.T) {
	passed, nothing := failures(1), failures(0)
	passed.Results[0].Status, passed.Results[0].Reason = verdict.Passed, ""
	passed.Summary = verdict.Summary{Passed: 1}
	for _, test := range []struct {
		report *verdict.Report
		o      report.Options
		start  string
		end    string
	}{
		{passed, report.Options{}, "CONFORMS: ", "0 skipped"},
		{passed, report.Options{Selected: true}, "CONFORMS: ", "(selected tests only)"},
		{passed, report.Options{Interrupted: true}, "DOES NOT CONFORM: ", "(interrupted: not every test was run)"},
		{nothing, report.Options{}, "DOES NOT CONFORM: ", "(no test of a profile was passed)"},
		{failures(1), report.Options{}, "DOES NOT CONFORM: ", "0 skipped"},
	} {
		lines := strings.Split(strings.TrimSpace(terminalText(t, test.report, test.o)), "\n")
		last := lines[len(lines)-1]
		require.True(t, strings.HasPrefix(last, test.start) && strings.HasSuffix(last, test.end), last)
	}
}

func TestColor(t *testing.T) {
	var plain, colored bytes.Buffer
	require.NoError(t, report.Terminal(&plain, sample(), report.Options{}))
	require.NoError(t, report.Terminal(&colored, sample(), report.Options{Color: true}))
	require.NotContains(t, plain.String(), "\x1b")
	require.Contains(t, colored.String(), "\x1b[31m")
}

func TestJUnitCounts(t *testing.T) {
	for _, r := range []*verdict.Report{sample(), hostile()} {
		var b bytes.Buffer
		require.NoError(t, report.JUnit(&b, r))
		var doc struct {
			Tests, Failures, Errors, Skipped int `xml:",attr"`
			Suites                           []struct {
				Name  string `xml:"name,attr"`
				Cases []struct {
					Name    string    `xml:"name,attr"`
					Failure *struct{} `xml:"failure"`
				} `xml:"testcase"`
			} `xml:"testsuite"`
		}
		d := xml.NewDecoder(&b)
		require.NoError(t, d.Decode(&doc))
		require.Len(t, doc.Suites, 2)
		cases := 0
		for _, s := range doc.Suites {
			cases += len(s.Cases)
		}
		require.Equal(t, len(r.Results), cases)
	}
}

func TestRead(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.JSON(&b, sample()))
	text := b.String()
	r, err := report.Read(strings.NewReader(text))
	require.NoError(t, err)
	want := sample()
	want.Target.ParameterSets = []string{}
	require.Empty(t, cmp.Diff(want, r))
	for _, bad := range []string{
		"", "{", `{"suite":"other"}`, text + "{}",
		strings.Replace(text, `"seed"`, `"seeds"`, 1),
		strings.Replace(text, `"seed"`, `"Seed"`, 1),
		strings.Replace(text, `  "seed": 1,`, "", 1),
		strings.Replace(text, `"parameter_sets": []`, `"parameter_sets": null`, 1),
		strings.Replace(text, `"passed": 1`, `"passed": 2`, 1),
		strings.Replace(text, `"crash"`, `"boredom"`, 1),
		strings.Replace(text, `"errored",`, `"passed",`, 1),
		strings.Replace(text, `"x3dh/b"`, `"x3dh/a"`, 1),
	} {
		require.NotEqual(t, text, bad)
		_, err := report.Read(strings.NewReader(bad))
		require.ErrorIs(t, err, report.ErrMalformed, bad[:min(len(bad), 100)])
	}
}

// What is written of any target is read again.
func TestReadHostile(t *testing.T) {
	var first, second bytes.Buffer
	require.NoError(t, report.JSON(&first, hostile()))
	r, err := report.Read(bytes.NewReader(first.Bytes()))
	require.NoError(t, err)
	require.NoError(t, report.JSON(&second, r))
	require.Equal(t, first.String(), second.String())
}
