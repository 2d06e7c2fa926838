package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const stolen = `{"format":"credence-scenario","version":1,"level":"ratchet","set":"ambassador-v1","events":[
{"do":"send","by":"a"},{"do":"send","by":"a"},{"do":"deliver","by":"b","message":"a2"},{"do":"compromise","by":"b"},{"do":"deliver","by":"b","message":"a1"},{"do":"send","by":"b"}]}`

func TestReplay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "scenario.json")
	require.NoError(t, os.WriteFile(file, []byte(stolen), 0o644))
	var out, errs bytes.Buffer
	require.Equal(t, conforms, run([]string{"replay", "--target", "reference", file}, &out, &errs), errs.String())
	require.Contains(t, out.String(), "state of b, copied in event 4:")
	require.Contains(t, out.String(), "a1           may be read: ")
	require.NotContains(t, out.String(), "a2           ", "it was read before")
	require.Contains(t, out.String(), "1 readings allowed, 1 had")

	out.Reset()
	require.Equal(t, conforms, run([]string{"replay", "--target", "reference", "--json", file}, &out, &errs))
	require.Contains(t, out.String(), `"allowed": 1`)

	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"no target": {[]string{"replay", file}, "--target"},
		"no file":   {[]string{"replay", "--target", "reference"}, "takes the file"},
		"not there": {[]string{"replay", "--target", "reference", file + "x"}, "no such file"},
		"no shim":   {[]string{"replay", "--shim", "/does/not/exist", file}, "could not be run"},
	} {
		errs.Reset()
		require.NotEqual(t, conforms, run(test.args, &out, &errs), name)
		require.Contains(t, errs.String(), test.says, name)
	}
	require.NoError(t, os.WriteFile(file, []byte(`{"format":"other"}`), 0o644))
	errs.Reset()
	require.Equal(t, usage, run([]string{"replay", "--target", "reference", file}, &out, &errs))
	require.Contains(t, errs.String(), "not a scenario")
}

func TestSearchCommand(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(
		t, conforms,
		run([]string{"search", "--target", "reference", "--level", "ratchet", "--depth", "3"}, &out, &errs),
		errs.String(),
	)
	require.Regexp(t, `^to depth 3: 9 schedules, 9 states, [0-9.]+ s, none of them wrong\n$`, out.String())
	require.Contains(t, errs.String(), "depth 3: 9 schedules")
	out.Reset()
	require.Equal(
		t, conforms,
		run([]string{"search", "--target", "reference", "--events", "basis,loss", "--depth", "2"}, &out, &errs),
		errs.String(),
	)
	require.Contains(t, out.String(), "to depth 2: ")
	out.Reset()
	require.Equal(
		t, conforms, run([]string{"search", "--target", "reference", "--random", "2"}, &out, &errs), errs.String(),
	)
	require.Regexp(
		t, `^ratchet: 2 schedules, .*\n.*\nambassador: 2 schedules, .*\n.*\nnone of them wrong\n$`, out.String(),
	)
	for _, args := range [][]string{
		{"--depth", "0"}, {"--devices", "9"}, {"--level", "x"}, {"--events", "x"},
		{"--random", "-1"}, {"--set", "x"}, {"--cadence", "x"}, {"--jobs", "0"},
	} {
		require.Equal(t, usage, run(append([]string{"search", "--target", "reference"}, args...), &out, &errs), args)
	}
}

func TestClaimsCommand(t *testing.T) {
	for format, has := range map[string]string{
		"text": "multiplication", "json": `"claim": "sends while`, "markdown": "| claim | single device |",
	} {
		var out, errs bytes.Buffer
		require.Equal(t, conforms, run([]string{"claims", "--format", format}, &out, &errs), errs.String())
		require.Contains(t, out.String(), has)
	}
	var out, errs bytes.Buffer
	require.Equal(t, usage, run([]string{"claims", "--format", "xml"}, &out, &errs))
}
