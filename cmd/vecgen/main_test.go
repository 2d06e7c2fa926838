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
	const id = `"xeddsa/ambassador-v1/sign/key-0": {`
	changed := copied(t)
	replace(t, filepath.Join(changed, manifestFile), id+"\n   \"tcId\": 1,\n   \"sha256\": \"",
		id+"\n   \"tcId\": 1,\n   \"sha256\": \"0")
	status, _, stderr := vecgen("-dir", changed)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "xeddsa/ambassador-v1/sign/key-0")

	dropped := copied(t)
	replace(t, filepath.Join(dropped, manifestFile), id,
		`"xeddsa/ambassador-v1/sign/gone": {"tcId": 99999, "sha256": ""}, `+id)
	status, _, stderr = vecgen("-dir", dropped)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "sign/gone")
}

func TestUsage(t *testing.T) {
	status, _, stderr := vecgen("extra")
	require.Equal(t, 2, status)
	require.Contains(t, stderr, "extra")
	status, _, stderr = vecgen("-dir", t.TempDir())
	require.Equal(t, 1, status)
	require.Contains(t, stderr, manifestFile)
}
