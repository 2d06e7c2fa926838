package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/study/demo"
)

// The command writes the story that its options ask for.
func TestDemo(t *testing.T) {
	for _, c := range []struct {
		args   []string
		design string
		seed   uint64
	}{
		{nil, "ambassador", 1},
		{[]string{"--design", "single"}, "single", 1},
		{[]string{"--design", "ambassador", "--seed", "2"}, "ambassador", 2},
	} {
		var want bytes.Buffer
		require.NoError(t, demo.Tell(&want, c.design, c.seed))
		status, stdout, stderr := credenceRun(append([]string{"demo"}, c.args...)...)
		require.Equal(t, conforms, status, stderr)
		require.Empty(t, stderr)
		require.Equal(t, want.String(), stdout)
	}
}

func TestDemoUsage(t *testing.T) {
	status, stdout, stderr := credenceRun("demo", "--design", "mesh")
	require.Equal(t, usage, status)
	require.Empty(t, stdout)
	require.Equal(
		t, "credence: unknown design \"mesh\" (there are single, leader, multiplication, ambassador)\n", stderr,
	)
	status, stdout, _ = credenceRun("demo", "--help")
	require.Equal(t, conforms, status)
	require.Contains(t, stdout, "usage: credence demo")
}
