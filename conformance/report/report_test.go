package report_test

import (
	"bytes"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"credence"
	"credence/conformance"
	"credence/conformance/report"
)

var update = flag.Bool("update", false, "write the golden files")

// sample has a result of every status, and failures alike.
func sample() *conformance.Report {
	r := &conformance.Report{
		Suite: "credence", Version: "0.1.0", Seed: 1,
		Target:  conformance.TargetInfo{Name: "sample", Version: "1.2", Language: "Go", Profiles: []string{"ratchet"}},
		Summary: conformance.Summary{Passed: 1, Failed: 8, Skipped: 2, Errored: 1},
	}
	add := func(id string, status conformance.Status, reason conformance.Reason, message string) {
		r.Results = append(r.Results, conformance.TestResult{
			ID: id, Profile: strings.Split(id, "/")[0], Requirements: []string{"AMB-KEY-01"}, Status: status, Reason: reason, Message: message,
			Sent: "op {}", Expected: "rejected", Got: "result " + strings.Repeat("ab", 200), Repeat: "credence run --shim 'x' --run '^" + id + "$'",
		})
	}
	add("x3dh/a", conformance.Passed, "", "")
	for _, id := range []string{"b", "c", "d", "e", "f", "g", "h"} {
		add("x3dh/"+id, conformance.Failed, conformance.AcceptedInvalid, "must be refused")
	}
	add("ratchet/a", conformance.Failed, conformance.Mismatch, "differs")
	add("ratchet/b", conformance.Errored, conformance.Crash, "shim ended: exit status 3")
	add("ratchet/c", conformance.Skipped, conformance.Unsupported, "the target does not offer x")
	add("ratchet/d", conformance.Skipped, conformance.Unsupported, "the target does not offer x")
	return r
}

// hostile says everything that a shim may say to harm a reader.
func hostile() *conformance.Report {
	evil := "\x1b[2J\x00\u202e<script>alert(1)</script>]]>&\"'\r\n\uffff"
	r := sample()
	r.Target.Name, r.Target.Version = evil, evil
	for i := range r.Results {
		r.Results[i].Message, r.Results[i].Got = evil, evil
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
	for name, r := range map[string]*conformance.Report{"sample": sample(), "hostile": hostile(), "empty": {Suite: "credence"}} {
		o := report.Options{Requirements: []credence.Requirement{{ID: "AMB-KEY-01", Text: "the text of the requirement"}}}
		golden(t, name+".txt", func(w io.Writer) error { return report.Terminal(w, r, o) })
		golden(t, name+".json", func(w io.Writer) error { return report.JSON(w, r) })
		golden(t, name+".xml", func(w io.Writer) error { return report.JUnit(w, r) })
	}
}

func TestTerminalIsSafe(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, report.Terminal(&b, hostile(), report.Options{}))
	for _, c := range b.String() {
		require.True(t, c == '\n' || c >= 0x20 && c != '\u202e' && c != '\u007f', "%q", c)
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
	for _, r := range []*conformance.Report{sample(), hostile()} {
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
	for _, bad := range []string{"", "{", `{"suite":"other"}`, text + "{}", strings.Replace(text, `"seed"`, `"seeds"`, 1)} {
		_, err := report.Read(strings.NewReader(bad))
		require.ErrorIs(t, err, report.ErrMalformed)
	}
}
