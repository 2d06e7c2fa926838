package zoo_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/zoo"
)

const sample = `Class: 7
Title: something
Source: reasoned
Requirement: AMB-KEY-01

--- a/reference/primitive/x25519.go
+++ b/reference/primitive/x25519.go
`

func TestParse(t *testing.T) {
	b, err := zoo.Parse("007-sample", []byte(sample))
	require.NoError(t, err)
	require.Equal(t, []string{"reference/primitive/x25519.go"}, b.Files)
	for _, c := range []struct{ old, new, says string }{
		{"Class: 7", "Class: x", "Class"},
		{"Class: 7", "Class: 8", "008"},
		{"Title: something\n", "", "missing"},
		{"AMB-KEY-01", "AMB-KEY-99", "AMB-KEY-99"},
		{"Source", "Sauce", "Sauce"},
		{"a/reference/primitive/x25519.go", "a/cmd/main.go", "no file of the reference"},
		{"\n\n", "\n", "empty line"},
	} {
		_, err := zoo.Parse("007-sample", []byte(strings.Replace(sample, c.old, c.new, 1)))
		require.ErrorContains(t, err, c.says)
	}
}
