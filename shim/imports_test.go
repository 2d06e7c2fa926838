package shim_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The messages, the table of operations and Serve stand on the standard library and on the names of SPEC.md alone.
func TestDependencies(t *testing.T) {
	const format = "{{if not .Standard}}{{.ImportPath}}{{end}}"
	out, err := exec.Command("go", "list", "-deps", "-f", format, ".").Output()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"credence/shim", "credence/spec", "credence/spec/refusal",
	}, strings.Fields(string(out)))
}
