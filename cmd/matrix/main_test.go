package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/verdict"
	"credence/vectors"
)

// inTemp runs a test in an empty folder with a matrix.
func inTemp(t *testing.T, matrix string) {
	t.Helper()
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll("shims", 0o755))
	require.NoError(t, os.WriteFile(matrixFile, []byte(matrix), 0o644))
}

func matrix(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestUsage(t *testing.T) {
	inTemp(t, `[{"name": "gone", "own": false, "needs": "/nowhere/shim", "command": "/nowhere/shim"}]`)
	status, _, stderr := matrix("other")
	require.Equal(t, 2, status)
	require.Contains(t, stderr, `"other"`)
	status, _, stderr = matrix()
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "gone")
	status, stdout, _ := matrix("-allow-missing")
	require.Zero(t, status)
	require.Contains(t, stdout, "NOT INSTALLED")
	require.NoError(t, os.WriteFile(matrixFile, []byte("["), 0o644))
	status, _, stderr = matrix()
	require.Equal(t, 2, status)
	require.Contains(t, stderr, matrixFile)
}

func sample(failed string) *verdict.Report {
	return &verdict.Report{
		Suite:   "credence",
		Target:  verdict.TargetInfo{Name: "sample|", Version: "1", Language: "Go", ParameterSets: []string{"olm-v1"}},
		Summary: verdict.Summary{Passed: 1, Failed: 1},
		Results: []verdict.TestResult{
			{ID: "a", Status: verdict.Passed, Requirements: []string{"AMB-KEY-01"}},
			{ID: failed, Status: verdict.Failed, Reason: verdict.Mismatch, Message: "<b>differs\n",
				Requirements: []string{"AMB-KEY-01"}, Expected: "x", Got: "y"},
		},
	}
}

// A verdict equals the one that was recorded of it, and no other.
func TestCompare(t *testing.T) {
	inTemp(t, "[]")
	e := entry{Name: "sample"}
	require.Error(t, compare(e, sample("b")), "nothing is recorded")
	require.NoError(t, record(e, sample("b")))
	require.NoError(t, compare(e, sample("b")))
	require.ErrorContains(t, compare(e, sample("c")), `b: recorded "failed mismatch", got "passed or skipped"`)
	other := sample("b")
	other.Results[1].Reason = verdict.AcceptedInvalid
	require.ErrorContains(t, compare(e, other), "accepted-invalid")
	skipped := sample("b")
	skipped.Summary = verdict.Summary{Skipped: 1, Failed: 1}
	require.ErrorContains(t, compare(e, skipped), "recorded 1 passed, got 0")
	newer := sample("b")
	newer.Target.Version = "2"
	require.ErrorContains(t, compare(e, newer), "version")
}

func TestDocs(t *testing.T) {
	runs := []finished{{entry{Name: "sample", Command: "build/sample"}, sample("b")}}
	text := string(findings(runs))
	require.Contains(t, text, "AMB-KEY-01: mismatch (1 tests)")
	require.Contains(t, text, "&lt;b>differs")
	require.NotContains(t, text, "sample| ")
	files, err := vectors.Load()
	require.NoError(t, err)
	require.Contains(t, string(proof(files, runs)), "| olm-v1 | sample\\| 1 | ")
	require.NoError(t, writeDocs(t.TempDir(), runs))
	require.Error(t, writeDocs(filepath.Join(t.TempDir(), "gone"), runs))
}
