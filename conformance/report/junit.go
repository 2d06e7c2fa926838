package report

import (
	"encoding/xml"
	"io"
	"strings"
	"unicode/utf8"

	"credence/conformance"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	ClassName string        `xml:"classname,attr"`
	Name      string        `xml:"name,attr"`
	Failure   *junitOutcome `xml:"failure"`
	Error     *junitOutcome `xml:"error"`
	Skipped   *junitOutcome `xml:"skipped"`
}

type junitOutcome struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the report as JUnit XML: a test suite for each profile. Characters that XML does not allow, which a shim may
// have said, are replaced.
func JUnit(w io.Writer, r *conformance.Report) error {
	s := junitSuites{
		Name: clean("credence: " + r.Target.Name + " " + r.Target.Version), Tests: len(r.Results),
		Failures: r.Summary.Failed, Errors: r.Summary.Errored, Skipped: r.Summary.Skipped,
	}
	profiles, results := byProfile(r)
	for _, p := range profiles {
		s.Suites = append(s.Suites, suiteOf(p, results[p]))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func suiteOf(profile string, results []conformance.TestResult) junitSuite {
	s := junitSuite{
		Name: profile, Tests: len(results), Failures: count(results, conformance.Failed),
		Errors: count(results, conformance.Errored), Skipped: count(results, conformance.Skipped),
	}
	for _, t := range results {
		s.Cases = append(s.Cases, caseOf(t))
	}
	return s
}

func caseOf(t conformance.TestResult) junitCase {
	c := junitCase{ClassName: "credence." + t.Profile, Name: t.ID}
	o := &junitOutcome{Type: string(t.Reason), Message: clean(t.Message), Text: clean(evidence(t))}
	switch t.Status {
	case conformance.Failed:
		c.Failure = o
	case conformance.Errored:
		c.Error = o
	case conformance.Skipped:
		c.Skipped = &junitOutcome{Message: clean(t.Message)}
	}
	return c
}

// evidence gives everything that is known of a failure.
func evidence(t conformance.TestResult) string {
	return strings.Join([]string{
		"requirements: " + strings.Join(t.Requirements, " "), "sent: " + t.Sent, "expected: " + t.Expected, "got: " + t.Got, "repeat: " + t.Repeat,
	}, "\n")
}

// clean replaces what XML 1.0 cannot hold.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		allowed := c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c <= 0xd7ff || c >= 0xe000 && c <= 0xfffd || c >= 0x10000
		if !allowed {
			return utf8.RuneError
		}
		return c
	}, s)
}
