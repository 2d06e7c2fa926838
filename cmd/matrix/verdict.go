package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"credence/conformance/verdict"
)

// recorded is what is recorded of a run: every test that did not pass, with its status and reason.
type recorded struct {
	Version string `json:"version"` // of the implementation
	// and so a test that is no longer run is noticed; what does not apply is not counted
	Passed   int               `json:"passed"`
	Failures map[string]string `json:"failures"`
}

func verdictOf(r *verdict.Report) recorded {
	v := recorded{Version: r.Target.Version, Passed: r.Summary.Passed, Failures: map[string]string{}}
	for _, t := range r.Results {
		if t.Status == verdict.Failed || t.Status == verdict.Errored {
			v.Failures[t.ID] = fmt.Sprintf("%s %s", t.Status, t.Reason)
		}
	}
	return v
}

func verdictPath(e entry) string { return filepath.Join(verdictDir, e.Name+".json") }

func record(e entry, r *verdict.Report) error {
	b, err := json.MarshalIndent(verdictOf(r), "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(verdictDir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(verdictPath(e), append(b, '\n'), 0o644)
}

// compare names the first test whose outcome is not the recorded one.
func compare(e entry, r *verdict.Report) error {
	var want recorded
	if err := readJSON(verdictPath(e), &want); err != nil {
		return err
	}
	got := verdictOf(r)
	ids := slices.Sorted(maps.Keys(want.Failures))
	ids = append(ids, slices.Sorted(maps.Keys(got.Failures))...)
	for _, id := range ids {
		if want.Failures[id] != got.Failures[id] {
			return fmt.Errorf(
				"the verdict is not the recorded one: %s: recorded %q, got %q", id, outcome(want.Failures[id]),
				outcome(got.Failures[id]),
			)
		}
	}
	if want.Passed != got.Passed {
		return fmt.Errorf(
			"the verdict is not the recorded one: recorded %d passed, got %d (after new tests: make record)",
			want.Passed, got.Passed,
		)
	}
	if want.Version != got.Version {
		return fmt.Errorf("the version is %s, recorded was %s", got.Version, want.Version)
	}
	return nil
}

func outcome(failure string) string {
	if failure == "" {
		return "passed or skipped"
	}
	return failure
}
