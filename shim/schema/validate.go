package schema

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"credence/shim"
)

const schemaURL = "shim.json"

// schemas returns the compiled definitions by name.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	text, err := Text()
	if err != nil {
		return nil, err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaURL, v); err != nil {
		return nil, err
	}
	compiled := map[string]*jsonschema.Schema{}
	for _, op := range shim.Ops {
		for _, kind := range []string{"params-", "reply-"} {
			name := kind + string(op)
			if compiled[name], err = c.Compile(schemaURL + "#/$defs/" + name); err != nil {
				return nil, err
			}
		}
	}
	compiled["reply"], err = c.Compile(schemaURL + "#/$defs/reply")
	return compiled, err
})

// ValidateReply checks a line from a shim against the schema of a reply to op. It returns the first field that is
// wrong.
func ValidateReply(op shim.Op, text []byte) error {
	if slices.Contains(shim.Ops, op) {
		return validate("reply-"+string(op), text)
	}
	return validate("reply", text) // an invented operation
}

// ValidateParams checks the parameters of a request against the schema of op.
func ValidateParams(op shim.Op, text []byte) error { return validate("params-"+string(op), text) }

func validate(name string, text []byte) error {
	all, err := schemas()
	if err != nil {
		return err
	}
	compiled, ok := all[name]
	if !ok {
		return fmt.Errorf("there is no schema %q", name)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	return FirstCause(compiled.Validate(v))
}
