package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"credence/shim"
	"credence/spec"
	"credence/spec/refusal"
)

const vectorSchema = "vectors/schema.json"

// vectorLists returns the schema of the vector format with the lists of today in the places where it has lists of the
// shim protocol and of SPEC.md.
func vectorLists() ([]byte, error) {
	text, err := os.ReadFile(vectorSchema)
	if err != nil {
		return nil, err
	}
	ops := slices.DeleteFunc(slices.Clone(shim.Ops), func(op shim.Op) bool { return op == shim.Hello })
	for _, list := range []struct {
		values any
		path   []string
	}{
		{ops, []string{"$defs", "op", "enum"}},
		{refusal.Classes(), []string{"$defs", "class", "enum"}},
		{refusal.Classes(), []string{"$defs", "event", "properties", "class", "enum"}},
		{shim.Profiles(), []string{"$defs", "group", "properties", "profile", "enum"}},
		{spec.ParameterSets(), []string{"$defs", "group", "properties", "parameterSet", "enum"}},
	} {
		if text, err = replaced(text, list.values, list.path); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	err = json.Indent(&b, text, "", " ")
	b.WriteByte('\n')
	return b.Bytes(), err
}

// replaced returns a JSON text with another value at a path of names.
func replaced(text []byte, value any, path []string) ([]byte, error) {
	if len(path) == 0 {
		return json.Marshal(value)
	}
	var object ordered[json.RawMessage]
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(object, func(m member[json.RawMessage]) bool { return m.name == path[0] })
	if i < 0 {
		return nil, fmt.Errorf("%s: there is no %q", vectorSchema, path[0])
	}
	var err error
	if object[i].value, err = replaced(object[i].value, value, path[1:]); err != nil {
		return nil, err
	}
	return json.Marshal(object)
}

func vectorReference() ([]byte, error) {
	text, err := os.ReadFile(vectorSchema)
	if err != nil {
		return nil, err
	}
	return vectorDocument(text)
}

func vectorDocument(text []byte) ([]byte, error) {
	root := &jsonSchema{}
	if err := json.Unmarshal(text, root); err != nil {
		return nil, err
	}
	b := bytes.NewBufferString(`# Vector format reference

Every field of a vector file, written by ` + "`make schemadoc`" + ` from [the schema](../vectors/schema.json). How to read a file is in
[vectors/README.md](../vectors/README.md). A field with ◦ may be absent.

## The file
`)
	root.table(b)
	writeTypes(b, root.Defs)
	return b.Bytes(), nil
}
