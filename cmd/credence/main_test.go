package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"credence/conformance"
	"credence/conformance/verdict"
	"credence/report"
	"credence/shim"
	"credence/shim/process"
	"credence/shims/reference/adapter"
)

// modeVariable makes the test binary a shim that misbehaves in some way.
const modeVariable = "CREDENCE_TEST_SHIM"

func TestMain(m *testing.M) {
	if mode := os.Getenv(modeVariable); mode != "" {
		shimOf(mode)()
		os.Exit(0)
	}
	os.Exit(runTests(m))
}

// repository is the root of the source tree, also for tests that change the directory.
var repository string

func runTests(m *testing.M) int {
	var err error
	if repository, err = filepath.Abs("../.."); err == nil {
		built, err = os.MkdirTemp("", "credence-test-*")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(built)
	return m.Run()
}

func shimOf(mode string) func() {
	switch mode {
	case "dies on every third request":
		return dyingShim
	case "leaks":
		return leakingShim
	case "slow":
		return slowShim
	}
	return func() { badShim(mode) }
}

// badShim is the reference, but that it misbehaves on xeddsa.sign.
func badShim(mode string) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, shim.MaxLine)
	for lines.Scan() {
		if bytes.Contains(lines.Bytes(), []byte(`"op":"xeddsa.sign"`)) {
			misbehave(mode)
		}
		if err := shim.Serve(adapter.New(), bytes.NewReader(lines.Bytes()), os.Stdout); err != nil {
			return
		}
	}
}

func misbehave(mode string) {
	switch mode {
	case "exits":
		fmt.Fprintln(os.Stderr, "last words")
		os.Exit(3)
	case "is killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hangs":
		time.Sleep(time.Hour)
	case "prints garbage":
		fmt.Println("Segmentation fault (not really)")
	case "prints an endless line":
		for {
			fmt.Print(strings.Repeat("x", 1<<16))
		}
	case "floods stdout":
		for {
			fmt.Println(`{"id":1,"result":{}}`)
		}
	case "answers another request":
		fmt.Println(`{"id":999999,"result":{}}`)
	case "floods stderr":
		for range 200 {
			fmt.Fprintln(os.Stderr, strings.Repeat("noise ", 1000))
		}
	}
}

func credenceRun(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func badShimCommand(t *testing.T, mode string) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return fmt.Sprintf("env '%s=%s' '%s'", modeVariable, mode, self)
}

// A shim that misbehaves yields errored results with the reason, and the run goes on to its end.
func TestMisbehavingShims(t *testing.T) {
	for mode, want := range map[string]struct {
		reason  verdict.Reason
		message string
	}{
		"exits":                   {verdict.Crash, "exit status 3"},
		"is killed":               {verdict.Crash, "killed"},
		"hangs":                   {verdict.Hang, "nothing within"},
		"prints garbage":          {verdict.Protocol, "Segmentation fault"},
		"prints an endless line":  {verdict.Protocol, "line above"},
		"floods stdout":           {verdict.Protocol, ""},
		"answers another request": {verdict.Protocol, ""},
		"floods stderr":           {"", ""},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "report.json")
			status, stdout, stderr := credenceRun(
				"run", "--shim", badShimCommand(t, mode), "--profile", "xeddsa", "--run", "ambassador", "--timeout",
				"500ms", "--jobs", "1", "--json", file,
			)
			require.Empty(t, stderr)
			r := readReport(t, file)
			require.Positive(t, r.Summary.Passed, "the tests of the other operation are run")
			if want.reason == "" {
				require.Equal(t, conforms, status, stdout)
				return
			}
			require.Equal(t, doesNotConform, status)
			checkErrored(t, r, want.reason, want.message)
			require.Contains(t, stdout, "DOES NOT CONFORM")
		})
	}
}

func readReport(t *testing.T, file string) *verdict.Report {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	r, err := report.Read(f)
	require.NoError(t, err)
	return r
}

// checkErrored wants every test that signs to be errored for the reason, and no other.
func checkErrored(t *testing.T, r *verdict.Report, reason verdict.Reason, message string) {
	t.Helper()
	n := 0
	for _, result := range r.Results {
		if result.Status != verdict.Errored {
			continue
		}
		n++
		require.Equal(t, reason, result.Reason, result.ID)
		require.Contains(t, result.Message, message, result.ID)
	}
	require.Equal(t, 15, n, "13 vectors and two live tests sign")
	require.Zero(t, r.Summary.Failed)
}

func TestRunReference(t *testing.T) {
	dir := t.TempDir()
	jsonFile, junitFile := filepath.Join(dir, "r.json"), filepath.Join(dir, "r.xml")
	status, stdout, stderr := credenceRun(
		"run", "--target", "reference", "--profile", "xeddsa", "--json", jsonFile, "--junit", junitFile,
	)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "CONFORMS: Credence reference")
	require.True(t, readReport(t, jsonFile).Conforms())
	b, err := os.ReadFile(junitFile)
	require.NoError(t, err)
	require.NoError(t, xml.Unmarshal(b, new(struct {
		XMLName xml.Name `xml:"testsuites"`
	})))
}

func TestReportOnStdout(t *testing.T) {
	status, stdout, stderr := credenceRun(
		"run", "--target", "reference", "--run", "^xeddsa/omemo-2/verify/genuine-1$", "--json", "-",
	)
	require.Zero(t, status)
	var r verdict.Report
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	require.Contains(t, stderr, "CONFORMS")
}

// Every wrong call is one clear line and the right status.
func TestWrongCalls(t *testing.T) {
	for name, test := range map[string]struct {
		args    []string
		status  int
		message string
	}{
		"unknown command": {[]string{"judge"}, usage, "unknown command"},
		"no target":       {[]string{"run"}, usage, "either --target"},
		"two targets":     {[]string{"run", "--target", "reference", "--shim", "x"}, usage, "either --target"},
		"unknown target":  {[]string{"run", "--target", "other"}, usage, `unknown target "other"`},
		"unknown profile": {
			[]string{"run", "--target", "reference", "--profile", "x9"}, usage, `unknown profile "x9"`,
		},
		"no match": {
			[]string{"run", "--target", "reference", "--run", "^nothing$"}, usage, "no test matches",
		},
		"bad expression":      {[]string{"run", "--target", "reference", "--run", "("}, usage, "--run"},
		"bad seed":            {[]string{"run", "--target", "reference", "--seed", "x"}, usage, "seed"},
		"no command":          {nil, usage, "credence help"},
		"unknown help":        {[]string{"help", "judge"}, usage, "unknown command"},
		"argument of run":     {[]string{"run", "--target", "reference", "xeddsa"}, usage, `"xeddsa"`},
		"argument of version": {[]string{"version", "2"}, usage, "unexpected argument"},
		"same file": {
			[]string{"run", "--target", "reference", "--json", "-", "--junit", "-"}, usage, "cannot both",
		},
		"no match in profile": {
			[]string{"run", "--target", "reference", "--profile", "x3dh", "--run", "^xeddsa/"}, usage, "credence list",
		},
		"two lines":         {[]string{"explain", "a\nb\x1b[2J"}, usage, "nearest"},
		"nearest of a typo": {[]string{"explain", "BMB-RAT-18"}, usage, "AMB-RAT-18"},
		"unknown option":    {[]string{"run", "--colour"}, usage, "colour"},
		"jobs":              {[]string{"run", "--target", "reference", "--jobs", "0"}, usage, "--jobs"},
		"timeout":           {[]string{"run", "--target", "reference", "--timeout", "0s"}, usage, "--timeout"},
		"no vectors": {
			[]string{"run", "--target", "reference", "--vectors", "/nowhere"}, usage, "--vectors /nowhere",
		},
		"unwritable json":     {[]string{"run", "--target", "reference", "--json", "/nowhere/r.json"}, usage, "--json"},
		"missing shim":        {[]string{"run", "--shim", "/nowhere/shim"}, noTarget, "/nowhere/shim"},
		"empty shim":          {[]string{"run", "--shim", " "}, noTarget, "empty"},
		"unbalanced quotes":   {[]string{"run", "--shim", "'x"}, noTarget, "quot"},
		"shim that says no":   {[]string{"run", "--shim", "false"}, noTarget, "exit status 1"},
		"shim that is no one": {[]string{"run", "--shim", "echo hello"}, noTarget, "hello"},
		"list profile":        {[]string{"list", "--profile", "x9"}, usage, "unknown profile"},
		"explain nothing":     {[]string{"explain"}, usage, "one id"},
		"explain unknown":     {[]string{"explain", "AMB-KEY-77"}, usage, "AMB-KEY-01"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := credenceRun(test.args...)
			require.Equal(t, test.status, status)
			require.Empty(t, stdout)
			require.Contains(t, stderr, test.message)
			require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
			require.True(t, strings.HasPrefix(stderr, "credence: "), stderr)
		})
	}
}

func TestList(t *testing.T) {
	status, stdout, _ := credenceRun("list", "--requirements", "--json")
	require.Zero(t, status)
	var table []struct {
		ID, Text string
		Tests    []string
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &table))
	require.NotEmpty(t, table)
	for _, r := range table {
		require.NotEmpty(t, r.Tests, r.ID)
	}
	status, stdout, _ = credenceRun("list", "--profile", "xeddsa")
	require.Zero(t, status)
	require.Contains(t, stdout, "xeddsa/ambassador-v1/sign/key-0 [AMB-XED-01]")
	require.NotContains(t, stdout, "ratchet/")
}

func TestExplain(t *testing.T) {
	status, stdout, _ := credenceRun("explain", "AMB-RAT-18")
	require.Zero(t, status)
	require.Contains(t, stdout, "forged copy of a late message")
	status, stdout, _ = credenceRun("explain", "ratchet/olm-v1/live/forged-late")
	require.Zero(t, status)
	require.Contains(t, stdout, "AMB-RAT-18")
	require.Contains(t, stdout, "--run '^ratchet/olm-v1/live/forged-late$'")
}

func TestHelp(t *testing.T) {
	for _, c := range commands() {
		for _, args := range [][]string{{"help", c.name}, {c.name, "--help"}} {
			status, stdout, stderr := credenceRun(args...)
			require.Zero(t, status)
			require.Empty(t, stderr)
			require.Contains(t, stdout, "usage: credence "+c.name)
			require.Contains(t, stdout, "Exit status: 0 ")
		}
	}
	for _, args := range [][]string{{"help"}, {"--help"}, {"-h"}} {
		status, stdout, _ := credenceRun(args...)
		require.Zero(t, status)
		require.Contains(t, stdout, "Commands:")
	}
}

func TestVersion(t *testing.T) {
	for _, name := range []string{"version", "--version"} {
		status, stdout, _ := credenceRun(name)
		require.Zero(t, status)
		require.Equal(t, "credence "+verdict.SuiteVersion+"\n", stdout)
	}
}

// A wrong call leaves an earlier report alone.
func TestWrongCallKeepsFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.json")
	require.NoError(t, os.WriteFile(file, []byte("earlier"), 0o600))
	status, _, _ := credenceRun("run", "--target", "reference", "--run", "^nothing$", "--json", file)
	require.Equal(t, usage, status)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "earlier", string(b))
}

// The command that a failure names repeats just that test, quoting included.
func TestRepeatCommand(t *testing.T) {
	o := &runOptions{shim: "it's a shim", seed: 3, timeout: process.DefaultTimeout, budget: conformance.DefaultBudget}
	require.Equal(t, `credence run --shim 'it'\''s a shim' --seed 3`, o.command())
	o.timeout, o.budget = time.Minute, 10*time.Minute
	require.Equal(t, `credence run --shim 'it'\''s a shim' --seed 3 --budget 10m0s --timeout 1m0s`, o.command())
}
