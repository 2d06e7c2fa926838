package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/verdict"
)

// A CI job: a shim that dies is let through with its list, and only with it; every output says so.
func TestGate(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if text != "" {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		}
		return path
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(text)
	}
	bad := []string{
		"run", "--shim", badShimCommand(t, "dies on every third request"), "--run", "^xeddsa/signal-v3/", "--jobs", "1",
	}
	status, _, stderr := credenceRun(append(bad, "--json", file("first.json", ""))...)
	require.Equal(t, doesNotConform, status, stderr)
	failing := map[string]bool{}
	for _, r := range readReport(t, filepath.Join(dir, "first.json")).Results {
		failing[r.ID] = r.Status != verdict.Passed
	}
	require.NotEmpty(t, failing)

	var entries []verdict.KnownFailure
	for id, fails := range failing {
		if fails {
			entries = append(
				entries, verdict.KnownFailure{Test: id, Reason: "it | dies", Link: "https://example.org/1"},
			)
		}
	}
	require.NotEmpty(t, entries)
	text, err := json.Marshal(verdict.KnownFailures{Known: entries})
	require.NoError(t, err)
	list := file("known.json", string(text))
	gated := append(
		bad, "--known-failures", list, "--fail-on", "failed,errored", "--json", file("r.json", ""), "--junit",
		file("r.xml", ""), "--markdown", file("r.md", ""), "--badge", file("badge.json", ""),
	)
	status, stdout, stderr := credenceRun(gated...)
	require.Equal(t, conforms, status, stdout+stderr)
	require.Contains(t, stdout, "DOES NOT CONFORM")
	require.Contains(t, stdout, "GATE PASSED")
	require.NotContains(t, stdout, "ERRORED")
	require.True(t, readReport(t, filepath.Join(dir, "r.json")).Gate.Passed)
	require.NotContains(t, read("r.xml"), "<error")
	require.Contains(t, read("r.xml"), "known failure: it | dies")
	require.Contains(t, read("r.md"), `it \| dies`)
	require.Contains(t, read("badge.json"), `"color":"yellow"`)

	status, stdout, _ = credenceRun(
		append(bad, "--known-failures",
			file("other.json", `{"known_failures": [{"test": "xeddsa/none", "reason": "r", "link": "l"}]}`))...,
	)
	require.Equal(t, doesNotConform, status)
	require.Contains(t, stdout, `"xeddsa/none" matches no test`)
	require.Contains(t, stdout, "GATE FAILED")

	status, _, stderr = credenceRun(
		append(bad, "--known-failures", file("bad.json", `{"known_failures": [{"test": "x"}]}`))...,
	)
	require.Equal(t, usage, status)
	require.Contains(t, stderr, "known_failures[0] needs test, reason and link")
	status, _, stderr = credenceRun(append(bad, "--fail-on", "sometimes")...)
	require.Equal(t, usage, status)
	require.Contains(t, stderr, "sometimes")
	status, _, _ = credenceRun(append(bad, "--fail-on", "none")...)
	require.Equal(t, conforms, status)
	status, _, stderr = credenceRun(append(bad, "--quick", "--budget", "2m")...)
	require.Equal(t, usage, status)
	require.Contains(t, stderr, "give one of them")
}
