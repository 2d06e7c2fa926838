package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func runDemo(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	require.Equal(t, conforms, run(append([]string{"demo"}, args...), &stdout, &stderr), stderr.String())
	require.Empty(t, stderr.String())
	return stdout.String()
}

// The story comes to its end in every design, and shows what sets the designs apart.
func TestDemo(t *testing.T) {
	ambassador := runDemo(t)
	require.Equal(t, ambassador, runDemo(t, "--design", "ambassador"), "the same seed tells the same story")
	require.NotEqual(t, ambassador, runDemo(t, "--seed", "2"))
	require.NotContains(t, ambassador, "NOT SENT")
	require.Contains(t, ambassador, `Bob's desktop     reads "Without my phone" from Alice`)
	require.Contains(t, ambassador, `Alice's laptop    reads "Not for thieves" from Bob`)
	require.NotContains(t, ambassador, `Alice's tablet    reads "Not for thieves"`)
	require.NotContains(t, ambassador, "one device alone")
	end := ambassador[strings.Index(ambassador, "At the end"):]
	digests := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(end), "\n")[1:] {
		digests[line[strings.Index(line, "epoch"):]] = true
	}
	require.Len(t, digests, 1, "all devices stand alike")

	require.Contains(t, runDemo(t, "--design", "leader"), "NOT SENT: leader is offline")
	fanOut := runDemo(t, "--design", "multiplication")
	require.Contains(t, fanOut, "Bob               has seen 4 keys of Alice")
	require.Contains(t, fanOut, "can write to one device alone")
	require.Contains(t, fanOut, "from Alice's device ")
	require.Contains(t, runDemo(t, "--design", "single"), `Bob's phone       reads "Hello Bob"`)
}

func TestDemoUsage(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, usage, run([]string{"demo", "--design", "mesh"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), `unknown design "mesh" (there are single, leader, multiplication, ambassador)`)
	require.Equal(t, conforms, run([]string{"demo", "--help"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "usage: credence demo")
}
