package vectors_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"credence/shim"
	"credence/shim/schema"
	"credence/vectors"
)

func ExampleLoad() {
	files, err := vectors.Load()
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		for _, g := range f.TestGroups {
			for _, t := range g.Tests {
				_ = t.Result // run g.Operation on t.Input, or t.Steps; see vectors/README.md
			}
		}
	}
	// Output:
}

func TestFilesMatchSchema(t *testing.T) {
	schema := compile(t)
	names, err := fs.Glob(vectors.FS, "*_test.json")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		b, err := fs.ReadFile(vectors.FS, name)
		require.NoError(t, err)
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(v), name)
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	b, err := fs.ReadFile(vectors.FS, "schema.json")
	require.NoError(t, err)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema.json", v))
	schema, err := c.Compile("schema.json")
	require.NoError(t, err)
	return schema
}

// The numbers that were promised: more than 800 vectors, at least two of five negative; refusals change no digest.
func TestCounts(t *testing.T) {
	files, err := vectors.Load()
	require.NoError(t, err)
	total, invalid := 0, 0
	for _, f := range files {
		for _, g := range f.TestGroups {
			for _, v := range g.Tests {
				total++
				if v.Result == vectors.Invalid {
					invalid++
				}
				for i, s := range v.Steps {
					if s.Result == vectors.Invalid {
						require.Equal(t, s.DigestBefore, s.DigestAfter, "%s step %d", v.ID, i)
					}
				}
			}
		}
	}
	require.Greater(t, total, 800)
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), fmt.Sprintf("**Vectors**: %d,", total))
	require.GreaterOrEqual(t, 10*invalid, 4*total)
}

func TestMalformedFiles(t *testing.T) {
	genuine, err := fs.ReadFile(vectors.FS, "xeddsa_test.json")
	require.NoError(t, err)
	change := func(edit func(f map[string]any)) []byte {
		var f map[string]any
		require.NoError(t, json.Unmarshal(genuine, &f))
		edit(f)
		b, err := json.Marshal(f)
		require.NoError(t, err)
		return b
	}
	group := func(f map[string]any) map[string]any { return f["testGroups"].([]any)[0].(map[string]any) }
	test := func(f map[string]any) map[string]any { return group(f)["tests"].([]any)[0].(map[string]any) }
	changeGroup := func(key string, value any) []byte {
		return change(func(f map[string]any) { group(f)[key] = value })
	}
	changeTest := func(pairs ...any) []byte {
		return change(func(f map[string]any) {
			for i := 0; i < len(pairs); i += 2 {
				test(f)[pairs[i].(string)] = pairs[i+1]
			}
		})
	}
	beforeHeader, _, _ := bytes.Cut(genuine, []byte(`"header"`))
	number := []byte(`"numberOfTests": `)
	for name, c := range map[string]struct {
		content []byte
		message string
	}{
		"not json": {[]byte("{"), "unexpected EOF"},
		"syntax":   {append(bytes.Clone(beforeHeader), '!'), "line 5: invalid character '!'"},
		"another kind": {
			bytes.Replace(genuine, number, []byte(`"numberOfTests": true, "numberOfTests": `), 1), "line 4: ",
		},
		"trailing":        {append(bytes.Clone(genuine), "{}"...), "data after the end"},
		"count":           {change(func(f map[string]any) { f["numberOfTests"] = 3 }), "numberOfTests"},
		"unknown key":     {change(func(f map[string]any) { f["extra"] = 1 }), "extra"},
		"unknown type":    {changeGroup("type", "new"), "group type"},
		"unknown profile": {changeGroup("profile", "x9"), `profile "x9"`},
		"unknown set":     {changeGroup("parameterSet", "signal-v9"), `parameter set "signal-v9"`},
		"unknown op":      {changeGroup("operation", "xeddsa.new"), "xeddsa.new"},
		"unknown result":  {changeTest("result", "maybe"), "maybe"},
		"unknown flag":    {changeTest("flags", []string{"New"}), "New"},
		"unknown class":   {changeTest("result", "invalid", "class", "new"), "new"},
		"no requirements": {changeTest("requirements", []string{}), "requirements"},
		"acceptable":      {changeTest("result", "acceptable", "flags", []string{}), "acceptable"},
		"upper-case hex":  {changeTest("input", map[string]any{"private_key": "AB"}), "lower-case"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := vectors.LoadFS(fstest.MapFS{"bad_test.json": {Data: c.content}})
			require.ErrorIs(t, err, vectors.ErrMalformed)
			require.ErrorContains(t, err, c.message)
			require.ErrorContains(t, err, "bad_test.json")
		})
	}
	_, err = vectors.LoadFS(fstest.MapFS{})
	require.ErrorIs(t, err, vectors.ErrMalformed)
}

// What a test gives to an operation and expects of it is what the protocol allows.
func TestMessagesMatchProtocol(t *testing.T) {
	files, err := vectors.Load()
	require.NoError(t, err)
	for _, f := range files {
		for _, g := range f.TestGroups {
			for _, v := range g.Tests {
				steps := v.Steps
				if g.Type == vectors.Operation {
					steps = []vectors.Step{{Op: g.Operation, Input: v.Input, Output: v.Output}}
				}
				for i, s := range steps {
					requireProtocol(t, fmt.Sprintf("%s step %d", v.ID, i), s)
				}
			}
		}
	}
}

func requireProtocol(t *testing.T, name string, s vectors.Step) {
	t.Helper()
	params, err := json.Marshal(s.Input.Complete(s.Op))
	require.NoError(t, err)
	require.NoError(t, schema.ValidateParams(s.Op, params), name)
	if s.Output == nil {
		return
	}
	reply, err := json.Marshal(shim.Reply{ID: 1, Result: s.Output})
	require.NoError(t, err)
	require.NoError(t, schema.ValidateReply(s.Op, reply), name)
}
