package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"credence/conformance"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// markVariable names a file that the slow shim creates when it is busy.
const markVariable = "CREDENCE_TEST_MARK"

// dyingShim is the reference, but that it dies on every third request.
func dyingShim() {
	n := 0
	serveLines(func() {
		if n++; n == 3 {
			os.Exit(7)
		}
	})
}

// slowShim is the reference, but that it takes its time after it has answered a few requests.
func slowShim() {
	n := 0
	serveLines(func() {
		if n++; n > 10 {
			_ = os.WriteFile(os.Getenv(markVariable), nil, 0o600)
			time.Sleep(time.Minute)
		}
	})
}

// serveLines serves the reference, and calls before ahead of every request.
func serveLines(before func()) {
	target, lines := adapter.New(), bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, shim.MaxLine)
	for lines.Scan() {
		before()
		if err := shim.Serve(target, bytes.NewReader(lines.Bytes()), os.Stdout); err != nil {
			return
		}
	}
}

// built holds what the tests build. TestMain creates and removes it.
var built string

var buildOnce = sync.OnceValues(func() (output []byte, err error) {
	return exec.Command(
		"make", "-C", repository, "build", "CREDENCE="+filepath.Join(built, "credence"),
	).CombinedOutput()
})

// buildCredence returns the path of the command, which is built once for all tests.
func buildCredence(t *testing.T) string {
	t.Helper()
	out, err := buildOnce()
	require.NoError(t, err, string(out))
	return filepath.Join(built, "credence")
}

// A shim that dies on every third request does not keep the run from its end.
func TestBinaryWithDyingShim(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "report.json")
	c := exec.Command(buildCredence(t), "run", "--shim", badShimCommand(t, "dies on every third request"),
		"--run", "^xeddsa/ambassador-v1/", "--json", file, "--junit", filepath.Join(t.TempDir(), "report.xml"))
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	require.Error(t, c.Run())
	require.Equal(t, doesNotConform, c.ProcessState.ExitCode(), stderr.String())
	require.Empty(t, stderr.String(), "quiet in a pipe")
	require.NotContains(t, stdout.String(), "\x1b")
	checkDied(t, readReport(t, file))
}

func checkDied(t *testing.T, r *verdict.Report) {
	t.Helper()
	tests, err := conformance.List(nil)
	require.NoError(t, err)
	want := 0
	for _, test := range tests {
		if test.Profile == "shim" || strings.HasPrefix(test.ID, "xeddsa/ambassador-v1/") {
			want++
		}
	}
	require.Len(t, r.Results, want, "the run goes on to its end")
	require.Positive(t, r.Summary.Errored)
	for _, result := range r.Results {
		require.NotEqual(t, verdict.Failed, result.Status, result.ID)
		if result.Status == verdict.Errored {
			require.Equal(t, verdict.Crash, result.Reason, result.ID)
			require.Contains(t, result.Message, "exit status 7")
		}
	}
}

// Ctrl-C ends a run with a report of what was run, and does not blame the target.
func TestBinaryInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mark, file := filepath.Join(dir, "mark"), filepath.Join(dir, "report.json")
	c := exec.Command(
		buildCredence(t), "run", "--shim", badShimCommand(t, "slow"), "--jobs", "2", "--timeout", "1m", "--json", file,
	)
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%s", markVariable, mark))
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	require.NoError(t, c.Start())
	require.Eventually(
		t, func() bool { _, err := os.Stat(mark); return err == nil }, 30*time.Second, 10*time.Millisecond,
	)
	require.NoError(t, c.Process.Signal(os.Interrupt))
	require.Error(t, c.Wait())
	require.Equal(t, doesNotConform, c.ProcessState.ExitCode())
	require.Contains(t, stderr.String(), "credence: interrupted after")
	require.Contains(t, stdout.String(), "interrupted: not every test was run")
	r := readReport(t, file)
	require.Positive(t, r.Summary.Passed)
	require.Zero(t, r.Summary.Errored+r.Summary.Failed)
}

// The progress is one line, rewritten, and gone at the end.
func TestProgress(t *testing.T) {
	var b bytes.Buffer
	w := &watch{stderr: &b, show: true, started: time.Now().Add(-2 * time.Minute)}
	w.progress(conformance.Progress{Done: 1, Total: 9, Last: verdict.TestResult{Status: verdict.Failed}})
	w.progress(conformance.Progress{Done: 2, Total: 9, Last: verdict.TestResult{Status: verdict.Passed}})
	w.done()
	require.Equal(
		t, "\r\x1b[K1/9 tests, 1 failed or errored, about 16m0s left\r\x1b[K2/9 tests, 1 failed or errored, about "+
			"7m0s left\r\x1b[K", b.String(),
	)
}
