package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const published = "../../vectors"

// copied returns a directory with the published files, for a test to spoil.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	names, err := filepath.Glob(filepath.Join(published, "*.json"))
	require.NoError(t, err)
	for _, name := range names {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o644))
	}
	return dir
}

func vecgen(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func replace(t *testing.T, path, old, new string) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(b), old)
	require.NoError(t, os.WriteFile(path, bytes.Replace(b, []byte(old), []byte(new), 1), 0o644))
}

func TestPublishedVectorsAreGenerated(t *testing.T) {
	status, stdout, stderr := vecgen("-check", "-dir", published)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "vectors")
}

func TestCheckNamesFirstDifference(t *testing.T) {
	dir := copied(t)
	replace(t, filepath.Join(dir, "xeddsa_test.json"), `"result": "valid"`, `"result": "invalid"`)
	status, _, stderr := vecgen("-check", "-dir", dir)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "xeddsa_test.json:")
	require.Contains(t, stderr, `"result": "invalid"`)
}

func TestRewritesByteForByte(t *testing.T) {
	dir := copied(t)
	replace(t, filepath.Join(dir, "x3dh_test.json"), `"valid"`, `"acceptable"`)
	status, _, stderr := vecgen("-dir", dir)
	require.Zero(t, status, stderr)
	status, _, stderr = vecgen("-check", "-dir", dir)
	require.Zero(t, status, stderr)
	want, err := os.ReadFile(filepath.Join(published, "x3dh_test.json"))
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(dir, "x3dh_test.json"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
}

// A published id is neither changed nor dropped.
func TestManifest(t *testing.T) {
	changed, dropped := copied(t), copied(t)
	changeKnown(t, changed)
	publishMore(t, dropped)
	for dir, name := range map[string]string{changed: known, dropped: gone} {
		status, _, stderr := vecgen("-dir", dir)
		require.Equal(t, 1, status)
		require.Contains(t, stderr, name)
	}
}

const (
	known = "xeddsa/ambassador-v1/sign/key-0" // a published test, with the number 1
	gone  = "xeddsa/ambassador-v1/sign/gone"  // one that is not generated
)

// changeKnown makes a manifest in which the published test was another one.
func changeKnown(t *testing.T, dir string) {
	head := `"` + known + "\": {\n   \"tcId\": 1,\n   \"sha256\": \""
	replace(t, filepath.Join(dir, manifestFile), head, head+"0")
}

// publishMore makes a manifest with a test that is not generated.
func publishMore(t *testing.T, dir string) {
	head := `"` + known + `": {`
	replace(t, filepath.Join(dir, manifestFile), head, `"`+gone+`": {"tcId": 2, "sha256": ""}, `+head)
}

// A test that is taken back stays in the manifest with its number and the reason; the one in its place has an id and a
// number of its own, and no other test changes. A second time the id goes up.
func TestWithdraw(t *testing.T) {
	dir := copied(t)
	before := manifestOf(t, dir)
	changeKnown(t, dir)
	publishMore(t, dir)
	status, stdout, stderr := vecgen("-dir", dir, "-withdraw", "a reason")
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "withdrawn 2: 1-2\n")
	after := manifestOf(t, dir)
	require.Equal(t, manifestTest{1, "0" + before.Tests[known].SHA256, "a reason"}, after.Tests[known])
	require.Equal(t, manifestTest{2, "", "a reason"}, after.Tests[gone])
	require.Equal(t, before.Next, after.Tests[known+"-r2"].TcID)
	require.Equal(t, before.Next+1, after.Next)
	for id, was := range before.Tests {
		if id != known {
			require.Equal(t, was, after.Tests[id], id)
		}
	}
	status, _, stderr = vecgen("-check", "-dir", dir)
	require.Zero(t, status, stderr)

	replace(t, filepath.Join(dir, manifestFile), after.Tests[known+"-r2"].SHA256, "0")
	status, _, stderr = vecgen("-dir", dir, "-withdraw", "another reason")
	require.Zero(t, status, stderr)
	again := manifestOf(t, dir)
	require.Equal(t, "a reason", again.Tests[known].Withdrawn)
	require.Equal(t, "another reason", again.Tests[known+"-r2"].Withdrawn)
	require.Equal(t, after.Next, again.Tests[known+"-r3"].TcID)
}

func manifestOf(t *testing.T, dir string) *manifest {
	t.Helper()
	m, err := readManifest(filepath.Join(dir, manifestFile), "")
	require.NoError(t, err)
	return m
}

func TestRanges(t *testing.T) {
	require.Equal(t, "1, 3-5, 9", ranges([]int{9, 4, 3, 5, 1}))
}

func TestUsage(t *testing.T) {
	status, _, stderr := vecgen("extra")
	require.Equal(t, 2, status)
	require.Contains(t, stderr, "extra")
	status, _, stderr = vecgen("-dir", t.TempDir())
	require.Equal(t, 1, status)
	require.Contains(t, stderr, manifestFile)
}
