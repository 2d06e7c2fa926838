package verdict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/verdict"
)

func TestReadKnownFailures(t *testing.T) {
	k, err := verdict.ReadKnownFailures(
		[]byte(`{"known_failures": [{"test": "a/*", "reason": "r", "link": "l"}], "flaky": []}`),
	)
	require.NoError(t, err)
	require.Len(t, k.Known, 1)
	for name, text := range map[string]string{
		"no JSON":         `a`,
		"more after it":   `{} {}`,
		"unknown key":     `{"known": []}`,
		"without a link":  `{"flaky": [{"test": "a", "reason": "r"}]}`,
		"without reason":  `{"known_failures": [{"test": "a", "link": "l"}]}`,
		"bad pattern":     `{"known_failures": [{"test": "a[", "reason": "r", "link": "l"}]}`,
		"in both lists":   `{"known_failures": [{"test": "a", "reason": "r", "link": "l"}], "flaky": [{"test": "a", "reason": "r", "link": "l"}]}`,
		"an array":        `[]`,
		"a wrong type":    `{"flaky": {}}`,
		"a test of bytes": `{"flaky": [{"test": 1, "reason": "r", "link": "l"}]}`,
	} {
		_, err := verdict.ReadKnownFailures([]byte(text))
		require.ErrorIs(t, err, verdict.ErrKnownFailures, name)
	}
}

func TestKnownFailureMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, id string
		want        bool
	}{
		{"ratchet/olm-v1/live/loss", "ratchet/olm-v1/live/loss", true},
		{"ratchet/olm-v1/live/loss", "ratchet/olm-v1/live/loss-2", false},
		{"ratchet/*/live/loss", "ratchet/olm-v1/live/loss", true},
		{"ratchet/*", "ratchet/olm-v1/live/loss", false},
		{"ratchet/olm-v1/...", "ratchet/olm-v1/live/loss", true},
		{"ratchet/*/live/...", "ratchet/olm-v1/live/loss", true},
		{"ratchet/olm-v1/...", "ratchet/olm-v1", false},
		{"ratchet/olm/...", "ratchet/olm-v1/live/loss", false},
	} {
		require.Equal(t, c.want, verdict.KnownFailure{Test: c.pattern}.Matches(c.id), c.pattern+" "+c.id)
	}
}

func TestGate(t *testing.T) {
	all := []verdict.TestInfo{{ID: "a/1"}, {ID: "a/2"}, {ID: "b/1"}, {ID: "c/not-run"}}
	results := func(a1, a2, b1 verdict.Status) *verdict.Report {
		r := &verdict.Report{}
		for i, s := range []verdict.Status{a1, a2, b1} {
			r.Results = append(r.Results, verdict.TestResult{ID: all[i].ID, Profile: "x", Status: s})
		}
		return r
	}
	entry := func(test string) []verdict.KnownFailure {
		return []verdict.KnownFailure{{Test: test, Reason: "why", Link: "where"}}
	}
	const passed, failed, errored, skipped = verdict.Passed, verdict.Failed, verdict.Errored, verdict.Skipped
	for name, c := range map[string]struct {
		report  *verdict.Report
		known   []verdict.KnownFailure
		flaky   []verdict.KnownFailure
		failOn  []verdict.Status
		problem string // "" passes
		excused int
	}{
		"nothing fails": {report: results(passed, passed, passed)},
		"a failure": {
			report: results(failed, passed, passed), problem: "1 failed and not listed (a/1)",
		},
		"an error": {
			report: results(passed, errored, passed), problem: "1 errored and not listed (a/2)",
		},
		"a known failure":  {report: results(failed, passed, passed), known: entry("a/1"), excused: 1},
		"a known error":    {report: results(errored, passed, passed), known: entry("a/1"), excused: 1},
		"two by a pattern": {report: results(failed, failed, passed), known: entry("a/*"), excused: 2},
		"one of a pattern passes again": {
			report: results(failed, passed, passed), known: entry("a/*"), problem: `"a/*" passes again (a/2)`,
			excused: 1,
		},
		"it passes again": {
			report: results(passed, passed, passed), known: entry("a/1"), problem: `"a/1" passes again`,
		},
		"it matches nothing": {
			report: results(passed, passed, passed), known: entry("z/1"), problem: `"z/1" matches no test`,
		},
		"it was not run": {report: results(passed, passed, passed), known: entry("c/not-run")},
		"it is skipped": {
			report: results(skipped, passed, passed), known: entry("a/1"), problem: "skipped tests only",
		},
		"another one fails": {
			report: results(failed, failed, passed), known: entry("a/1"), problem: "1 failed and not listed (a/2)",
			excused: 1,
		},
		"flaky and fails":  {report: results(failed, passed, passed), flaky: entry("a/1"), excused: 1},
		"flaky and passes": {report: results(passed, passed, passed), flaky: entry("a/1")},
		"flaky and unknown": {
			report: results(passed, passed, passed), flaky: entry("z/..."), problem: "matches no test",
		},
		"skips count if asked": {
			report: results(passed, skipped, passed), failOn: []verdict.Status{skipped}, problem: "1 skipped",
		},
		"failures do not if not asked": {report: results(failed, passed, passed), failOn: []verdict.Status{errored}},
		"nothing was passed": {
			report: results(skipped, skipped, skipped), problem: "no test of a profile was passed",
		},
		"nothing was passed, and may not": {
			report: results(skipped, skipped, skipped), failOn: []verdict.Status{failed},
		},
	} {
		t.Run(name, func(t *testing.T) {
			failOn := c.failOn
			if failOn == nil {
				failOn = verdict.DefaultFailOn
			}
			g := c.report.Judge(&verdict.KnownFailures{Known: c.known, Flaky: c.flaky}, failOn, all)
			require.Equal(t, c.problem == "", g.Passed, g.Problems)
			require.Len(t, append(g.Known, g.Flaky...), c.excused)
			if c.problem != "" {
				require.Len(t, g.Problems, 1)
				require.Contains(t, g.Problems[0], c.problem)
			}
			require.Same(t, g, c.report.Gate)
		})
	}
}
