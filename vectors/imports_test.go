package vectors_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever loads the vectors pulls in the standard library, and of ours the messages of the shim protocol and SPEC.md's
// names.
func TestDependencies(t *testing.T) {
	const format = "{{if not .Standard}}{{.ImportPath}}{{end}}"
	out, err := exec.Command("go", "list", "-deps", "-f", format, ".").Output()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"credence/vectors", "credence/shim", "credence/spec", "credence/spec/refusal",
	}, strings.Fields(string(out)))
}
