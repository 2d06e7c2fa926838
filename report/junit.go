package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"credence/conformance/verdict"
)

type junitCounts struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
}

type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Name    string   `xml:"name,attr"`
	junitCounts
	Suites []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name string `xml:"name,attr"`
	junitCounts
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitOutcome `xml:"failure"`
	Error   *junitOutcome `xml:"error"`
	Skipped *junitSkipped `xml:"skipped"`
}

type junitOutcome struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

// JUnit writes a report as JUnit XML, one testsuite a profile. Known failures count as skipped. Characters that XML 1.0
// forbids are left out, and so are DEL and the C1 controls.
func JUnit(w io.Writer, r *verdict.Report) error {
	suites := junitSuites{Name: "credence"}
	for _, g := range byProfile(r.Results) {
		s := g.junit(r)
		suites.Suites = append(suites.Suites, s)
		suites.add(s.junitCounts)
	}
	text, err := xml.MarshalIndent(suites, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

func (c *junitCounts) add(more junitCounts) {
	c.Tests += more.Tests
	c.Failures += more.Failures
	c.Errors += more.Errors
	c.Skipped += more.Skipped
}

func countsOf(s verdict.Summary) junitCounts {
	return junitCounts{s.Passed + s.Failed + s.Skipped + s.Errored, s.Failed, s.Errored, s.Skipped}
}

func (g *profileGroup) junit(r *verdict.Report) junitSuite {
	suite := junitSuite{
		Name: xmlText(g.name), junitCounts: countsOf(g.summary),
		Properties: []junitProperty{
			{"suite", xmlText(r.Suite + " " + r.Version)},
			{"seed", fmt.Sprint(r.Seed)},
			{"target", xmlText(describeTarget(r.Target))},
		},
	}
	for _, t := range g.results {
		c := junitCaseOf(t)
		if e := r.Gate.Excuses(t.ID); e != nil {
			c.Failure, c.Error, c.Skipped = nil, nil, &junitSkipped{
				xmlText("known failure: " + e.Reason + " (" + e.Link + ")"),
			}
			suite.excuse(t.Status)
		}
		suite.Cases = append(suite.Cases, c)
	}
	return suite
}

// excuse counts a known failure as skipped: CI systems know no other name for it.
func (s *junitSuite) excuse(status verdict.Status) {
	s.Skipped++
	if status == verdict.Errored {
		s.Errors--
	} else {
		s.Failures--
	}
}

func junitCaseOf(t verdict.TestResult) junitCase {
	c := junitCase{Class: xmlText("credence." + t.Profile), Name: xmlText(t.ID)}
	switch t.Status {
	case verdict.Passed:
	case verdict.Skipped:
		c.Skipped = &junitSkipped{xmlText(t.Message)}
	case verdict.Failed:
		c.Failure = junitOutcomeOf(t)
	default:
		c.Error = junitOutcomeOf(t)
	}
	return c
}

func junitOutcomeOf(t verdict.TestResult) *junitOutcome {
	text := fmt.Sprintf("requirements: %s\nsent: %s\nexpected: %s\ngot: %s\nrepeat: %s\n",
		strings.Join(t.Requirements, ", "), t.Sent, t.Expected, t.Got, t.Repeat)
	return &junitOutcome{xmlText(string(t.Reason)), xmlText(t.Message), xmlText(text)}
}

// xmlText leaves out what XML 1.0 forbids, DEL and the C1 controls.
func xmlText(text string) string {
	return strings.Map(func(r rune) rune {
		allowed := r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r < 0x7f || r > 0x9f && r != 0xfffe &&
			r != 0xffff
		if !allowed {
			return -1
		}
		return r
	}, text)
}
