package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What passes between the suite and a target is shown, and no secret of it.
func TestVerbose(t *testing.T) {
	status, _, stderr := credenceRun(
		"run", "--target", "reference", "--run", "^ratchet/signal-v3/(chain|root)/", "--verbose",
	)
	require.Equal(t, conforms, status, stderr)
	require.Regexp(t, `(?m)^\d+ -> ratchet\.`, stderr) // of any of the targets that run at the same time
	require.Contains(t, stderr, `_key":"secret `)
	require.NotRegexp(t, `"(chain|root|message)_key":"[0-9a-f]`, stderr)
	status, _, stderr = credenceRun("run", "--target", "reference", "--run", "^ratchet/signal-v3/(chain|root)/")
	require.Equal(t, conforms, status)
	require.Empty(t, stderr)
}

func TestDoctor(t *testing.T) {
	status, stdout, stderr := credenceRun("doctor", "--target", "reference")
	require.Equal(t, conforms, status, stderr)
	require.Equal(t, 8, strings.Count(stdout, " ok  "))
	require.NotContains(t, stdout, "next:")

	status, stdout, _ = credenceRun("doctor", "--shim", "cat")
	require.Equal(t, noTarget, status)
	require.Contains(t, stdout, `next: start: start the command by hand and type {"id":1,"op":"hello"}`)

	status, stdout, _ = credenceRun("doctor", "--shim", badShimCommand(t, "dies on every third request"))
	require.Equal(t, doesNotConform, status)
	require.Regexp(t, `next: \w+: .*\(crash\)`, stdout)
}

// Every shell that is there takes its script; in bash it completes commands and options.
func TestCompletion(t *testing.T) {
	binary := buildCredence(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		status, script, stderr := credenceRun("completion", shell)
		require.Equal(t, conforms, status, stderr)
		require.Contains(t, script, "doctor")
		if path, err := exec.LookPath(shell); err == nil {
			out, err := exec.Command(path, "-n", "-c", script).CombinedOutput()
			require.NoError(t, err, string(out))
		}
	}
	_, script, _ := credenceRun("completion", "bash")
	complete := func(words string, at string) string {
		out, err := exec.Command(
			"bash", "-c", script+"\nCOMP_WORDS=("+words+"); COMP_CWORD="+at+"; _credence; echo ${COMPREPLY[@]}",
		).CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	require.Equal(t, "replay", complete(binary+" rep", "1"))
	require.Equal(t, "--known-failures", complete(binary+" run --known", "2"))
	status, _, stderr := credenceRun("completion", "csh")
	require.Equal(t, usage, status)
	require.Contains(t, stderr, "csh")
}
