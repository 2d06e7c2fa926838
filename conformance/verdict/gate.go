package verdict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// ErrKnownFailures is returned for a list of known failures that cannot be used.
var ErrKnownFailures = errors.New("list of known failures")

// KnownFailures are outcomes that do not fail a gate. The tests are run all the same.
type KnownFailures struct {
	Known []KnownFailure `json:"known_failures"` // have to fail: one that passes again fails the gate
	Flaky []KnownFailure `json:"flaky"`          // may fail
}

// KnownFailure is one entry. All its fields are needed.
type KnownFailure struct {
	Test   string `json:"test"`   // an id, or a pattern: * is anything but a slash, /... at the end is everything below
	Reason string `json:"reason"` // why it fails
	Link   string `json:"link"`   // where it is worked on
}

// ReadKnownFailures reads a list. It returns ErrKnownFailures for anything but one object with these keys, for an entry
// that lacks something, and for one that is there twice.
func ReadKnownFailures(text []byte) (*KnownFailures, error) {
	k := &KnownFailures{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(k); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKnownFailures, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more after the object", ErrKnownFailures)
	}
	seen := map[string]bool{}
	for _, l := range []struct {
		name    string
		entries []KnownFailure
	}{{"known_failures", k.Known}, {"flaky", k.Flaky}} {
		for i, e := range l.entries {
			_, bad := path.Match(e.Test, "")
			switch {
			case e.Test == "" || e.Reason == "" || e.Link == "":
				return nil, fmt.Errorf("%w: %s[%d] needs test, reason and link", ErrKnownFailures, l.name, i)
			case bad != nil:
				return nil, fmt.Errorf("%w: %s[%d]: pattern %q: %w", ErrKnownFailures, l.name, i, e.Test, bad)
			case seen[e.Test]:
				return nil, fmt.Errorf("%w: %q is there twice", ErrKnownFailures, e.Test)
			}
			seen[e.Test] = true
		}
	}
	return k, nil
}

// Matches reports whether a test belongs to the entry.
func (k KnownFailure) Matches(id string) bool {
	if prefix, ok := strings.CutSuffix(k.Test, "/..."); ok {
		parts := strings.Split(id, "/")
		n := strings.Count(prefix, "/") + 1
		return len(parts) > n && matches(prefix, strings.Join(parts[:n], "/"))
	}
	return matches(k.Test, id)
}

func matches(pattern, id string) bool {
	ok, err := path.Match(pattern, id)
	return ok && err == nil
}

// Outcomes that can fail a gate, beside the statuses: Nothing is a run in which no test of a profile was passed.
const Nothing Status = "nothing"

// DefaultFailOn is what fails a gate if nothing else is said: what does not conform.
var DefaultFailOn = []Status{Failed, Errored, Nothing}

// Gate reports whether a run may go on to be merged, released or the like.
type Gate struct {
	Passed   bool      `json:"passed"`
	Known    []Excused `json:"known"`    // what failed as the list says
	Flaky    []Excused `json:"flaky"`    // what failed, and may
	Problems []string  `json:"problems"` // what fails the gate
}

// Excused is a test that failed and does not fail the gate.
type Excused struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
	Link   string `json:"link"`
}

// Excuses returns the entry for a test, or nil.
func (g *Gate) Excuses(id string) *Excused {
	if g == nil {
		return nil
	}
	for _, list := range [][]Excused{g.Known, g.Flaky} {
		if i := slices.IndexFunc(list, func(e Excused) bool { return e.ID == id }); i >= 0 {
			return &list[i]
		}
	}
	return nil
}

// Judge judges the report by a list and by what fails a gate, and keeps the outcome in it. all are the tests of the
// suite: an entry that names none of them fails the gate, one whose tests were not run does not.
func (r *Report) Judge(k *KnownFailures, failOn []Status, all []TestInfo) *Gate {
	g := &Gate{Known: []Excused{}, Flaky: []Excused{}, Problems: []string{}}
	for _, e := range k.Known {
		g.known(e, r.Results, all)
	}
	for _, e := range k.Flaky {
		for _, t := range r.Results {
			if e.Matches(t.ID) && bad(t) {
				g.Flaky = append(g.Flaky, Excused{t.ID, e.Reason, e.Link})
			}
		}
		g.namesTests(e, all)
	}
	for _, status := range []Status{Failed, Errored, Skipped} {
		if slices.Contains(failOn, status) {
			g.others(status, r.Results)
		}
	}
	if slices.Contains(failOn, Nothing) && !r.executed() {
		g.problem("no test of a profile was passed")
	}
	g.Passed = len(g.Problems) == 0
	r.Gate = g
	return g
}

func bad(t TestResult) bool { return t.Status == Failed || t.Status == Errored }

func (g *Gate) problem(format string, args ...any) {
	g.Problems = append(g.Problems, fmt.Sprintf(format, args...))
}

// namesTests wants an entry to name a test of the suite.
func (g *Gate) namesTests(e KnownFailure, all []TestInfo) {
	if !slices.ContainsFunc(all, func(t TestInfo) bool { return e.Matches(t.ID) }) {
		g.problem("%q matches no test: take it out of the list", e.Test)
	}
}

// known excuses what fails as an entry says, and wants nothing else of its tests.
func (g *Gate) known(e KnownFailure, results []TestResult, all []TestInfo) {
	var passed []string
	failed, skipped := 0, 0
	for _, t := range results {
		switch {
		case !e.Matches(t.ID):
		case t.Status == Passed:
			passed = append(passed, t.ID)
		case t.Status == Skipped:
			skipped++
		default:
			failed++
			g.Known = append(g.Known, Excused{t.ID, e.Reason, e.Link})
		}
	}
	switch {
	case len(passed) > 0:
		g.problem("%q passes again (%s): take it out of the list, or make the pattern narrower", e.Test, few(passed))
	case failed == 0 && skipped > 0:
		g.problem("%q matches skipped tests only: take it out of the list", e.Test)
	default:
		g.namesTests(e, all)
	}
}

// others counts what has a status and no excuse.
func (g *Gate) others(status Status, results []TestResult) {
	var ids []string
	for _, t := range results {
		if t.Status == status && g.Excuses(t.ID) == nil {
			ids = append(ids, t.ID)
		}
	}
	if len(ids) > 0 {
		g.problem("%d %s and not listed (%s)", len(ids), status, few(ids))
	}
}

// few returns the first ids of many.
func few(ids []string) string {
	const shown = 3
	if len(ids) <= shown {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:shown], ", "), len(ids)-shown)
}
