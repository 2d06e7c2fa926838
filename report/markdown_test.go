package report_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/verdict"
	"credence/report"
)

func markdown(t *testing.T, r *verdict.Report) string {
	var b bytes.Buffer
	require.NoError(t, report.Markdown(&b, r, report.Options{}))
	return b.String()
}

// The page of a job shows the verdict first, and what a target says is no markup.
func TestMarkdown(t *testing.T) {
	page := markdown(t, sample())
	require.True(t, strings.HasPrefix(page, "## DOES NOT CONFORM\n"))
	require.Contains(t, page, "| ratchet | ")
	require.Contains(t, page, "- repeat: `")
	evil := many(400)
	page = markdown(t, evil)
	for line := range strings.Lines(page) {
		if outside, _, _ := strings.Cut(line, "`"); !strings.Contains(outside, "summary") {
			require.NotContains(t, outside, "<", "markup outside of code")
		}
		require.Zero(t, strings.Count(line, "`")%2, line)
	}
	require.Contains(t, page, "and 180 more")
	evil.Judge(&verdict.KnownFailures{
		Known: []verdict.KnownFailure{{Test: "ratchet/test-1", Reason: "a | b", Link: "<l>"}},
	}, verdict.DefaultFailOn, []verdict.TestInfo{{ID: "ratchet/test-1"}})
	page = markdown(t, evil)
	require.Contains(t, page, "**Gate: FAILED**")
	require.Contains(t, page, `| ratchet/test-1 | a \| b | &lt;l> |`)
}

func TestBadge(t *testing.T) {
	badge := func(r *verdict.Report) (b struct {
		SchemaVersion         int
		Label, Message, Color string
	}) {
		var text bytes.Buffer
		require.NoError(t, report.Badge(&text, r, report.Options{}))
		require.NoError(t, json.Unmarshal(text.Bytes(), &b))
		require.Equal(t, 1, b.SchemaVersion)
		require.Equal(t, "credence", b.Label)
		return b
	}
	require.Equal(t, "red", badge(sample()).Color)
	good := &verdict.Report{
		Results: []verdict.TestResult{{ID: "a", Profile: "x3dh", Status: verdict.Passed}},
		Summary: verdict.Summary{Passed: 1},
	}
	require.Equal(t, "conforms, 1 passed", badge(good).Message)
	require.Equal(t, "brightgreen", badge(good).Color)
	r := sample()
	r.Gate = &verdict.Gate{Passed: true, Known: []verdict.Excused{{ID: "x"}}}
	require.Equal(t, "yellow", badge(r).Color)
	require.Contains(t, badge(r).Message, "1 known failures")
}
