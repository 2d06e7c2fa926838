package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/zoo"
)

var everything = regexp.MustCompile("")

// Every bug is well-formed, names requirements that there are, and still applies.
func TestBugs(t *testing.T) {
	t.Chdir("../..")
	bugs, err := readBugs(everything)
	require.NoError(t, err)
	require.GreaterOrEqual(t, classes(bugs), 80)
	table, err := os.ReadFile("docs/zoo.md")
	require.NoError(t, err)
	for _, b := range bugs {
		require.Contains(t, string(table), "| "+b.Name+" | "+b.Title+" |", "make zoo writes docs/zoo.md anew")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: patches are not applied")
	}
	for _, b := range bugs {
		dir := t.TempDir()
		require.NoError(t, b.apply(dir), b.Name)
		for _, file := range b.Files {
			before, err := os.ReadFile(file)
			require.NoError(t, err)
			after, err := os.ReadFile(dir + "/" + file)
			require.NoError(t, err)
			require.NotEqual(t, string(before), string(after), "%s changes nothing in %s", b.Name, file)
		}
	}
}

// A bug is judged: this one is caught by the tests of its requirement. And what is no bug is not.
func TestJudge(t *testing.T) {
	t.Chdir("../..")
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	var out, errs bytes.Buffer
	require.Equal(t, 0, run([]string{"-run", "^112-log-hash"}, &out, &errs), errs.String())
	require.Contains(t, out.String(), "1 bugs of 1 classes: 1 caught, 1 of them by a test that names the requirement")
	require.Equal(t, 2, run([]string{"-run", "^nothing$"}, &out, &errs))

	harmless := bug{zoo.Bug{Name: "harmless", Class: 1, Requirements: []string{"AMB-LOG-02"}, Files: []string{"reference/conversation/entry.go"}, Patch: []byte(`--- a/reference/conversation/entry.go
+++ b/reference/conversation/entry.go
@@ -1,3 +1,4 @@
+// Harmless.
 package conversation
 
 import (
`)}}
	dir := t.TempDir()
	binary, err := harmless.build(dir)
	require.NoError(t, err)
	s, err := readSuite()
	require.NoError(t, err)
	failed, err := s.firstFailure(binary, 1, regexp.MustCompile("^ambassador/ambassador-v1/scenario/out-of-place"))
	require.NoError(t, err)
	require.Empty(t, failed)
}
