package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/study/claims"
)

// The pictures in the docs are what the command draws.
func TestPictures(t *testing.T) {
	paths, err := filepath.Glob("../../docs/pictures/*.json")
	require.NoError(t, err)
	require.Len(t, paths, 2)
	for _, path := range paths {
		exposure, sequence := filepath.Join(t.TempDir(), "e.svg"), filepath.Join(t.TempDir(), "s.svg")
		status, _, stderr := credenceRun(
			"replay", "--target", "reference", "--svg", exposure, "--sequence", sequence, path,
		)
		require.Equal(t, conforms, status, stderr)
		for drawn, kept := range map[string]string{exposure: ".svg", sequence: "-sequence.svg"} {
			got, err := os.ReadFile(drawn)
			require.NoError(t, err)
			want, err := os.ReadFile(strings.TrimSuffix(path, ".json") + kept)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got), "credence replay --svg draws another picture of "+path)
			wellFormed(t, got)
		}
	}
}

// So is the picture of the designs, in which all have the same texts, and the attacker reads some of them.
func TestDesignsPicture(t *testing.T) {
	status, got, stderr := credenceRun("claims", "--format", "svg")
	require.Equal(t, conforms, status, stderr)
	want, err := os.ReadFile("../../docs/pictures/designs.svg")
	require.NoError(t, err)
	require.Equal(t, string(want), got, "credence claims --format svg draws another picture")
	wellFormed(t, []byte(got))
	story, err := claims.Tell(claims.Contenders())
	require.NoError(t, err)
	require.Len(t, story.Designs, 4)
	for _, d := range story.Designs {
		require.Len(t, d.Read, len(story.Texts))
		require.NotContains(t, d.Read[:story.Theft], true, "forward secrecy")
		require.True(t, d.Read[story.Theft], "the attacker reads what comes next")
	}
}

// A comment cannot break out of the picture.
func TestHostilePicture(t *testing.T) {
	dir := t.TempDir()
	file, svg := filepath.Join(dir, "s.json"), filepath.Join(dir, "s.svg")
	require.NoError(
		t, os.WriteFile(
			file, []byte(
				`{"format":"credence-scenario","version":1,"level":"ratchet","set":"olm-v1","comment":"</text><script>alert(1)</script>\u001b]0;\u202e&","events":[{"do":"send","by":"a"}]}`,
			), 0o600,
		),
	)
	status, _, stderr := credenceRun("replay", "--target", "reference", "--svg", svg, file)
	require.Equal(t, conforms, status, stderr)
	text, err := os.ReadFile(svg)
	require.NoError(t, err)
	wellFormed(t, text)
	require.NotContains(t, string(text), "<script")
	require.NotContains(t, string(text), "\u202e")
	status, _, stderr = credenceRun("replay", "--target", "reference", "--svg", svg, "--sequence", svg, file)
	require.Equal(t, usage, status)
	require.Contains(t, stderr, "cannot both go to")
}

func wellFormed(t *testing.T, text []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := d.Token(); err != nil {
			require.True(t, errors.Is(err, io.EOF), err)
			return
		}
	}
}
