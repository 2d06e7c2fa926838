package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/shim"
)

// The references are up to date, and name every operation.
func TestReferences(t *testing.T) {
	t.Chdir("../..")
	var stderr bytes.Buffer
	require.Equal(t, 0, run([]string{"-check"}, &stderr), stderr.String())
	text, err := os.ReadFile("docs/shim-reference.md")
	require.NoError(t, err)
	for _, op := range shim.Ops {
		require.Contains(t, string(text), "\n## "+string(op)+"\n")
	}
	require.Equal(t, 2, run([]string{"-no"}, &stderr))
}

func TestDocument(t *testing.T) {
	doc, err := document("head\n", []byte(`{"$defs": {
		"params-a": {"type": "object", "required": ["x"], "properties": {"x": {"$ref": "#/$defs/t"}, "y": {"type": "array", "items": {"enum": ["p", "q"]}}}},
		"result-a": {"type": "object"}, "reply-a": {}, "t": {"type": "string", "description": "text"}}}`))
	require.NoError(t, err)
	require.Equal(t, strings.TrimLeft(`
head

## a

| parameters | |
|---|---|
| `+"`x`"+` | [t](#t) |
| `+"`y`"+` ◦ | array of one of `+"`p`, `q`"+` |

result: none

## Types

### t

string; text
`, "\n"), string(doc))
	_, err = document("", []byte("{"))
	require.Error(t, err)
}
