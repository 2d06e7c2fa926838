package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/verdict"
	"credence/report"
	"credence/study/claims"
)

// The picture has the texts and the designs of the story, and is well-formed whatever they are called.
func TestDesigns(t *testing.T) {
	story := &claims.Story{
		Texts: []claims.Said{{From: "alice", Text: "one"}, {From: "bob", Text: "two"}},
		Designs: []claims.Column{
			{Design: "<leader>", Read: []bool{false, true}}, {Design: "fan-out", Read: []bool{false, false}},
		},
	}
	var b bytes.Buffer
	require.NoError(t, report.Designs(&b, story))
	for _, text := range []string{"&lt;leader&gt;", "fan-out", "from alice", "from bob", "state copied"} {
		require.Contains(t, b.String(), text)
	}
	none := strings.Count(b.String(), "<")
	story.Designs[1].Read[1] = true
	b.Reset()
	require.NoError(t, report.Designs(&b, story))
	require.NotEqual(t, none, strings.Count(b.String(), "<"), "what is read is drawn")
	d := xml.NewDecoder(&b)
	for {
		if _, err := d.Token(); err != nil {
			require.True(t, errors.Is(err, io.EOF), "%v", err)
			return
		}
	}
}

// A profile stands on the page with the worst that has happened in it, and every status can be filtered by.
func TestStates(t *testing.T) {
	statuses := []verdict.Status{
		verdict.Passed, verdict.Failed, verdict.Errored, verdict.Skipped,
	}
	for _, status := range statuses {
		r := many(0)
		r.Results = []verdict.TestResult{
			{ID: "ratchet/a", Profile: "ratchet", Status: status},
			{ID: "ratchet/b", Profile: "ratchet", Status: verdict.Skipped},
		}
		page := html(t, r)
		require.Contains(t, page, `<td class="`+string(status)+`">`+string(status)+`</td>`)
		require.Contains(t, page, `name="status" value="`+string(status)+`"`)
	}
}
