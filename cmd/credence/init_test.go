package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/stretchr/testify/require"

	"credence/conformance/verdict"
	"credence/shim"
	"credence/shim/schema"
)

// tools are what a skeleton needs on the machine.
var tools = map[string][]string{
	"go": {"go"}, "python": {"python3"}, "typescript": {"node", "npm"}, "rust": {"cargo"}, "java": {"java", "mvn"},
	"c": {"cc", "make"},
}

// Every skeleton builds by the commands of its README, keeps the protocol, and gets through the suite without an error
// or a failure.
func TestInit(t *testing.T) {
	known, err := languages()
	require.NoError(t, err)
	require.Len(t, known, 6)
	for _, language := range known {
		t.Run(language, func(t *testing.T) {
			for _, tool := range tools[language] {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skipf("%s is not installed", tool)
				}
			}
			if language == "c" &&
				exec.Command("cc", "-fsyntax-only", "-include", "cjson/cJSON.h", "-xc", os.DevNull).Run() != nil {
				t.Skip("cJSON (libcjson-dev) is not installed")
			}
			dir := filepath.Join(t.TempDir(), "shim")
			status, stdout, stderr := credenceRun("init", language, dir)
			require.Equal(t, conforms, status, stderr)
			require.Contains(t, stdout, "README.md")
			readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
			require.NoError(t, err)
			t.Chdir(dir)
			var command string
			for _, m := range regexp.MustCompile(`(?m)^    (.*)$`).FindAllStringSubmatch(string(readme), -1) {
				if words, err := shlex.Split(m[1]); err == nil && words[0] == "credence" {
					command = words[3]
					continue
				}
				out, err := exec.Command("bash", "-c", m[1]).CombinedOutput()
				require.NoError(t, err, "%s: %s", m[1], out)
			}
			require.NotEmpty(t, command)
			answersEverything(t, command)
			file := filepath.Join(t.TempDir(), "report.json")
			status, stdout, stderr = credenceRun("run", "--shim", command, "--json", file)
			require.Equal(t, doesNotConform, status, stderr)
			require.Contains(t, stdout, "no test of a profile was passed")
			r := readReport(t, file)
			require.Equal(t, verdict.Summary{Passed: 3, Skipped: len(r.Results) - 3}, r.Summary)
		})
	}
}

// answersEverything returns a shim what is no request, and what it does not have.
func answersEverything(t *testing.T, command string) {
	words, err := shlex.Split(command)
	require.NoError(t, err)
	c := exec.Command(words[0], words[1:]...)
	c.Stdin = strings.NewReader(
		"no json\n\n[]\n" + `{"id":3,"op":"session.fly","params":{}}` + "\n" +
			`{"id":4,"op":"reset","params":{"new":[1]}}` + "\n",
	)
	c.Stderr = os.Stderr
	out, err := c.Output()
	require.NoError(t, err, "it ends well at the end of its input")
	var got []string
	for line := range bytes.Lines(out) {
		require.NoError(t, schema.ValidateReply("", line))
		var r shim.Reply
		require.NoError(t, json.Unmarshal(line, &r))
		if r.Error != nil {
			got = append(got, string(r.Error.Code))
		} else {
			got = append(got, "result")
		}
	}
	require.Equal(t, []string{"invalid-request", "invalid-request", "unsupported", "result"}, got, string(out))
}

func TestInitRefuses(t *testing.T) {
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "mine"), nil, 0o600))
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"cobol", filepath.Join(t.TempDir(), "x")}, "c, go, java, python, rust, typescript"},
		{[]string{"go", full}, "is not empty"},
		{[]string{"go"}, "a language and a directory"},
		{[]string{"go", filepath.Join(full, "mine")}, "not a directory"},
	} {
		status, _, stderr := credenceRun(append([]string{"init"}, c.args...)...)
		require.Equal(t, usage, status)
		require.Contains(t, stderr, c.says)
	}
	entries, err := os.ReadDir(full)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}
