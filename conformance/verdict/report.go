// Package verdict is what a run says: the outcome of each test, the record of the scenarios that were played, the
// report of all of them, and the gate that judges it.
package verdict

import (
	"regexp"
	"slices"
	"strings"

	"credence/conformance/scenario"
	"credence/spec/grid"
)

// SuiteVersion is the version of the suite and its vectors.
const SuiteVersion = "0.1.0"

// ShimProfile is the profile of the tests of the shim itself. They always run.
const ShimProfile = "shim"

// TestInfo describes a test of the suite.
type TestInfo struct {
	ID           string   `json:"id"`
	Profile      string   `json:"profile"`
	Comment      string   `json:"comment"`
	Requirements []string `json:"requirements"`
	// of a requirement that binds in several places, those that the test exercises (package spec/grid)
	Places map[string][]string `json:"places,omitempty"`
	Set    string              `json:"parameter_set,omitempty"` // none for the tests of the shim itself
}

// NewInfo describes a test in a parameter set. Each requirement is its id, and behind it the places in which the test
// exercises it: "AMB-RAT-15 chain turn".
func NewInfo(id, profile, set, comment string, requirements []string) TestInfo {
	t := TestInfo{ID: id, Profile: profile, Comment: comment, Requirements: []string{}, Set: set}
	for _, r := range requirements {
		words := strings.Fields(r)
		t.Requirements = append(t.Requirements, words[0])
		t.AddPlaces(words[0], words[1:]...)
	}
	return t
}

// AddPlaces says that the test exercises a requirement in some places.
func (t *TestInfo) AddPlaces(requirement string, places ...string) {
	if len(places) == 0 {
		return
	}
	if t.Places == nil {
		t.Places = map[string][]string{}
	}
	t.Places[requirement] = append(t.Places[requirement], places...)
}

// AddPlacesNamed says that the test exercises each of its requirements that binds in a place of that name there.
func (t *TestInfo) AddPlacesNamed(place string) {
	for _, r := range t.Requirements {
		if grid.Has(r, place) {
			t.AddPlaces(r, place)
		}
	}
}

// Status is the outcome of one test.
type Status string

// The statuses. Errored means that the target could not be judged: it died, hung or broke the shim protocol.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Skipped Status = "skipped"
	Errored Status = "errored"
)

// Reason says why a test did not pass.
type Reason string

// The reasons. The first four belong to Errored, unsupported to Skipped or Failed, the others to Failed.
const (
	Suite           Reason = "suite"            // a fault of the suite itself; it says nothing about the target
	Crash           Reason = "crash"            // the target ended
	Hang            Reason = "hang"             // no reply before the deadline
	Protocol        Reason = "protocol"         // a reply that the shim protocol does not allow
	Unsupported     Reason = "unsupported"      // skipped: not claimed; failed: claimed and then refused
	Mismatch        Reason = "mismatch"         // a value differs from the expected one
	AcceptedInvalid Reason = "accepted-invalid" // input that must be refused was accepted
	RejectedValid   Reason = "rejected-valid"   // input that must be accepted was refused
	StateChanged    Reason = "state-changed"    // refused input changed the state
	Exposed         Reason = "exposed"          // an attacker reads what must be secret from him
	Memory          Reason = "memory"           // the target takes more and more memory
)

// TestResult is the outcome of one test.
type TestResult struct {
	ID           string    `json:"id"`
	Profile      string    `json:"profile"`
	Requirements []string  `json:"requirements"`
	Status       Status    `json:"status"`
	Message      string    `json:"message"`
	Reason       Reason    `json:"reason"`
	Sent         string    `json:"sent,omitempty"` // the operation and its parameters that led to the outcome
	Expected     string    `json:"expected"`
	Got          string    `json:"got"`
	Repeat       string    `json:"repeat"`              // the command that runs just this test again
	Guarantee    Guarantee `json:"guarantee,omitempty"` // that a property test judges
	// on which a property test failed, as small as it could be made
	Scenario *scenario.Scenario `json:"scenario,omitempty"`
	Replay   string             `json:"replay,omitempty"`   // the command that runs the scenario, if it was saved
	Evidence *Evidence          `json:"evidence,omitempty"` // of a property test
	Trials   *Trials            `json:"trials,omitempty"`   // that did not all go well
	Record   *Record            `json:"-"`                  // of the scenario: what happened in it, for drawings
	// that the scenario must be played to show the fault, if more than once
	Times int `json:"times,omitempty"`
}

// Verdict says what was found of the guarantee that a test judges: holds, broken, holds in part, where it could be
// judged, or not judged.
func (t TestResult) Verdict() string {
	switch {
	case t.Status == Passed:
		return "holds"
	case t.Status == Failed && t.Reason == Exposed:
		return "broken"
	case t.Trials != nil && t.Trials.NotJudged < t.Trials.Count:
		return "in part"
	}
	return "not judged"
}

// Found returns the evidence of a property test, and what was not judged and why.
func (t TestResult) Found() string {
	found := t.Evidence.String()
	if t.Trials != nil {
		found = strings.TrimPrefix(found+"; of the scenarios "+t.Trials.String(), "; ")
	}
	return found
}

// varying is what differs between two sightings of one thing: keys, numbers, and the names of messages and devices.
var varying = regexp.MustCompile(`\b[0-9a-f]{8,}\b|0x[0-9a-f]+|\b([a-z]+/|[a-z])?[0-9]+`)

// Alike returns a text without keys, numbers, and the names of messages and devices.
func Alike(text string) string { return varying.ReplaceAllString(text, "#") }

// Cause returns the same for two sightings of one fault: its reason, the operation after which it was seen, and what is
// said of it.
func (t TestResult) Cause() string {
	op, _, _ := strings.Cut(t.Sent, " ")
	return strings.Join([]string{string(t.Reason), op, Alike(t.Message)}, " ")
}

// Summary counts the results by status.
type Summary struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	Errored int `json:"errored"`
}

// TargetInfo is what the target says of itself.
type TargetInfo struct {
	Name          string   `json:"name"`
	Version       string   `json:"version"`
	Language      string   `json:"language"`
	Profiles      []string `json:"profiles"`
	ParameterSets []string `json:"parameter_sets"`
}

// Report is the outcome of a run. Its JSON form is stable.
type Report struct {
	Suite    string       `json:"suite"`
	Version  string       `json:"version"`
	Seed     uint64       `json:"seed"`
	Target   TargetInfo   `json:"target"`
	Summary  Summary      `json:"summary"`
	Results  []TestResult `json:"results"`
	Campaign *Campaign    `json:"campaign,omitempty"` // of a fuzzing campaign
	Gate     *Gate        `json:"gate,omitempty"`     // of a run with known failures, or with --fail-on
}

// Campaign is what a fuzzing campaign has done.
type Campaign struct {
	Executions int     `json:"executions"` // scenarios that were played, without those that made a finding smaller
	Seconds    float64 `json:"seconds"`
	Restarts   int     `json:"restarts"`   // of targets that had broken
	Behaviours int     `json:"behaviours"` // pairs of events with what came of them, in a row
}

// NewReport returns a report without results.
func NewReport(target TargetInfo, seed uint64) *Report {
	return &Report{Suite: "credence", Version: SuiteVersion, Seed: seed, Target: target}
}

// Add appends a result and counts it.
func (r *Report) Add(t TestResult) {
	r.Results = append(r.Results, t)
	r.Summary.Count(t.Status)
}

// Count counts a status.
func (s *Summary) Count(status Status) {
	switch status {
	case Passed:
		s.Passed++
	case Failed:
		s.Failed++
	case Skipped:
		s.Skipped++
	case Errored:
		s.Errored++
	}
}

// Conforms reports whether no test failed or errored and at least one test of a profile passed: a run in which nothing
// was executed proves nothing.
func (r *Report) Conforms() bool {
	return r.Summary.Failed == 0 && r.Summary.Errored == 0 && r.executed()
}

// executed reports whether a test of a profile was passed.
func (r *Report) executed() bool {
	return slices.ContainsFunc(
		r.Results, func(t TestResult) bool { return t.Status == Passed && t.Profile != ShimProfile },
	)
}
