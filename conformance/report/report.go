// Package report renders a conformance.Report: for people (Terminal), for programs (JSON) and for CI systems (JUnit).
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"credence/conformance"
)

// ErrMalformed is returned by Read for what is no report.
var ErrMalformed = errors.New("malformed report")

// JSON writes the report in its stable JSON form, indented. Arrays are never null.
func JSON(w io.Writer, r *conformance.Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(withoutNull(r))
}

// withoutNull gives a copy whose arrays are there.
func withoutNull(r *conformance.Report) *conformance.Report {
	c := *r
	c.Target.Profiles = append([]string{}, r.Target.Profiles...)
	c.Target.ParameterSets = append([]string{}, r.Target.ParameterSets...)
	c.Results = append([]conformance.TestResult{}, r.Results...)
	for i := range c.Results {
		c.Results[i].Requirements = append([]string{}, c.Results[i].Requirements...)
	}
	return &c
}

// Read reads what JSON wrote. It returns ErrMalformed with the reason for everything else.
func Read(r io.Reader) (*conformance.Report, error) {
	var report conformance.Report
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&report); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: data after the end", ErrMalformed)
	}
	if report.Suite != "credence" {
		return nil, fmt.Errorf("%w: suite is %q", ErrMalformed, report.Suite)
	}
	return &report, nil
}

// byProfile gives the profiles in the order in which they come, each with its results.
func byProfile(r *conformance.Report) (profiles []string, results map[string][]conformance.TestResult) {
	results = map[string][]conformance.TestResult{}
	for _, t := range r.Results {
		if results[t.Profile] == nil {
			profiles = append(profiles, t.Profile)
		}
		results[t.Profile] = append(results[t.Profile], t)
	}
	return profiles, results
}

// count counts the results with a status.
func count(results []conformance.TestResult, status conformance.Status) (n int) {
	for _, t := range results {
		if t.Status == status {
			n++
		}
	}
	return n
}
