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

func TestVectorDocument(t *testing.T) {
	doc, err := vectorDocument([]byte(`{"properties": {"a": {"const": 1}}, "$defs": {
		"o": {"type": "object", "required": ["x"], "properties": {"x": {"$ref": "#/$defs/t"}, "y": {"type": "array", "items": {"enum": ["p", "q"]}}}},
		"t": {"type": "string", "description": "text"}}}`))
	require.NoError(t, err)
	_, fields, _ := strings.Cut(string(doc), "## The file\n")
	require.Equal(t, `
| field | |
|---|---|
| `+"`a`"+` ◦ | `+"`1`"+` |

## Types

### o

| field | |
|---|---|
| `+"`x`"+` | [t](#t) |
| `+"`y`"+` ◦ | array of one of `+"`p`, `q`"+` |

### t

string; text
`, fields)
	_, err = vectorDocument([]byte("{"))
	require.Error(t, err)
}

func TestReplaced(t *testing.T) {
	text, err := replaced([]byte(`{"b": 1, "a": {"c": [1], "d": 2}}`), []string{"x"}, []string{"a", "c"})
	require.NoError(t, err)
	require.Equal(t, `{"b":1,"a":{"c":["x"],"d":2}}`, string(text))
	_, err = replaced([]byte(`{"a": {}}`), 1, []string{"a", "c"})
	require.ErrorContains(t, err, `there is no "c"`)
}

func TestOperation(t *testing.T) {
	low, high := uint64(1), uint64(9)
	var b bytes.Buffer
	writeOperation(&b, shim.Operation{
		Op: "a.b", Does: "does it", State: "a.export", Changes: true,
		Params: []shim.Member{
			{
				Name: "p", Type: shim.Type{Kind: shim.ByteString, Sizes: []int{64}},
				Secret: true, Optional: true, Random: true, Role: "initiator",
			},
			{Name: "q", Type: shim.Type{Kind: shim.Integer, Min: &low, Max: &high}, Optional: true},
			{Name: "r", Type: shim.Type{Name: "hex", Kind: shim.ByteString}, MayBeEmpty: true},
		},
	})
	require.Equal(t, `
## a.b

Does it. It changes the state that `+"`a.export`"+` exports.

| parameters | |
|---|---|
| `+"`p`"+` ◇ | 64 bytes; ◇ of the initiator; secret |
| `+"`q`"+` ◦ | integer, 1 to 9 |
| `+"`r`"+` ε | [hex](#hex) |

result: none
`, b.String())
}
