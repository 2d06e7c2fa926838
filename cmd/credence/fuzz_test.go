package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/stretchr/testify/require"

	"credence/conformance"
	"credence/conformance/verdict"
)

// A shim that dies, hangs or leaks does not stop a campaign; it is a finding, and the command of the finding shows it
// again.
func TestFuzzBadShims(t *testing.T) {
	for mode, want := range map[string]struct {
		reason verdict.Reason
		args   []string
	}{
		"dies on every third request": {verdict.Crash, nil},
		"slow":                        {verdict.Hang, []string{"--timeout", "300ms", "--executions", "2"}},
		"leaks": {
			verdict.Memory, []string{"--memory", "16", "--executions", "160", "--timeout", "5s"},
		},
	} {
		t.Run(mode, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "report.json")
			t.Setenv(markVariable, filepath.Join(dir, "mark"))
			args := append(
				[]string{"fuzz", "--shim", badShimCommand(t, mode), "--profile", "ratchet", "--executions", "6",
					"--jobs", "1", "--findings", dir, "--json", file}, want.args...,
			)
			status, stdout, stderr := credenceRun(args...)
			require.Equal(t, doesNotConform, status, stderr)
			require.Empty(t, stderr, "quiet in a pipe")
			r := readReport(t, file)
			require.GreaterOrEqual(t, r.Campaign.Executions, 2, "the campaign goes on")
			require.Positive(t, r.Campaign.Restarts)
			require.Contains(t, stdout, "found: ratchet/")
			for _, f := range r.Results {
				if f.Status == verdict.Passed {
					continue
				}
				require.Equal(t, want.reason, f.Reason, f.Message)
				words, err := shlex.Split(f.Replay)
				require.NoError(t, err)
				status, stdout, stderr := credenceRun(words[1:]...)
				if want.reason == verdict.Memory {
					grown := regexp.MustCompile(`has (\d+) MiB`).FindAllString(stderr, -1)
					require.NotEqual(t, grown[0], grown[len(grown)-1], stderr)
					continue
				}
				require.Equal(t, doesNotConform, status, stderr)
				require.Contains(t, stdout, "("+string(want.reason)+")")
			}
		})
	}
}

// The corpus grows by what shows new behaviour, and a campaign starts from it.
func TestFuzzCorpusDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "corpus")
	status, stdout, stderr := credenceRun("fuzz", "--target", "reference", "--executions", "5", "--corpus", dir)
	require.Equal(t, conforms, status, stderr)
	require.Contains(t, stdout, "5 executions")
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bad.json"), []byte("{}"), 0o600))
	status, _, stderr = credenceRun("fuzz", "--target", "reference", "--corpus", dir)
	require.Equal(t, usage, status)
	require.Contains(t, stderr, "bad.json")
}

func TestFuzzUsage(t *testing.T) {
	for wrong, args := range map[string][]string{
		"--time 0s":       {"--target", "reference", "--time", "0s"},
		"--executions -1": {"--target", "reference", "--executions", "-1"},
		"--memory -1":     {"--target", "reference", "--memory", "-1"},
		"--seeds":         {"--target", "reference", "--seeds", "nowhere"},
		"--jobs 0":        {"--target", "reference", "--jobs", "0"},
		"I/N":             {"--target", "reference", "--shard", "3/2"},
		"either --target": {},
		"unknown profile": {"--target", "reference", "--profile", "xmpp"},
		"can be fuzzed":   {"--target", "reference", "--profile", "xeddsa"},
	} {
		status, _, stderr := credenceRun(append([]string{"fuzz"}, args...)...)
		require.Equal(t, usage, status, wrong)
		require.Contains(t, stderr, wrong)
		require.Equal(t, 1, strings.Count(stderr, "\n"))
	}
}

// Shards are run by themselves, and merge gives the verdict on the whole.
func TestMergeReports(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for _, shard := range []string{"1/2", "2/2"} {
		file := filepath.Join(dir, strings.ReplaceAll(shard, "/", "-")+".json")
		status, stdout, stderr := credenceRun(
			"run", "--target", "reference", "--profile", "channel", "--shard", shard, "--json", file,
		)
		require.Equal(t, conforms, status, stderr)
		require.Contains(t, stdout, "selected tests only")
		files = append(files, file)
	}
	whole := filepath.Join(dir, "whole.json")
	status, stdout, stderr := credenceRun(append([]string{"merge", "--json", whole}, files...)...)
	require.Equal(t, conforms, status, stderr)
	require.Contains(t, stdout, "CONFORMS")
	tests, err := conformance.List(nil)
	require.NoError(t, err)
	want := 0
	for _, test := range tests {
		if test.Profile == "channel" || test.Profile == "shim" {
			want++
		}
	}
	require.Len(t, readReport(t, whole).Results, want)

	status, _, stderr = credenceRun("merge", filepath.Join(dir, "none.json"))
	require.Equal(t, usage, status)
	require.Contains(t, stderr, "none.json")
	status, _, stderr = credenceRun("merge")
	require.Equal(t, usage, status)
	require.Contains(t, stderr, "files of JSON reports")
}

// leakingShim is the reference, but that it keeps a quarter of a megabyte of every request.
func leakingShim() {
	var kept [][]byte
	serveLines(func() {
		b := make([]byte, 256<<10)
		for i := range b {
			b[i] = byte(i)
		}
		kept = append(kept, b)
	})
	_ = kept
}
