package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"credence/shim"
)

// node is a JSON Schema, with its keys in the order of the text.
type node struct {
	Schema      string          `json:"$schema,omitzero"`
	Title       string          `json:"title,omitzero"`
	Ref         string          `json:"$ref,omitzero"`
	Type        string          `json:"type,omitzero"`
	Pattern     string          `json:"pattern,omitzero"`
	MinLength   int             `json:"minLength,omitzero"`
	Minimum     *uint64         `json:"minimum,omitzero"`
	Maximum     *uint64         `json:"maximum,omitzero"`
	Enum        []string        `json:"enum,omitzero"`
	Items       *node           `json:"items,omitzero"`
	Unique      bool            `json:"uniqueItems,omitzero"`
	Description string          `json:"description,omitzero"`
	Additional  *bool           `json:"additionalProperties,omitzero"`
	Required    []string        `json:"required,omitzero"`
	Properties  definitions     `json:"properties,omitzero"`
	If          json.RawMessage `json:"if,omitzero"`
	Then        json.RawMessage `json:"then,omitzero"`
	AllOf       []node          `json:"allOf,omitzero"`
	OneOf       json.RawMessage `json:"oneOf,omitzero"`
	Defs        definitions     `json:"$defs,omitzero"`
}

// definitions are schemas with their names, in order.
type definitions []definition

type definition struct {
	name string
	node node
}

// MarshalJSON keeps the order.
func (d definitions) MarshalJSON() ([]byte, error) {
	var parts []string
	for _, definition := range d {
		value, err := json.Marshal(definition.node)
		if err != nil {
			return nil, err
		}
		parts = append(parts, fmt.Sprintf("%q:%s", definition.name, value))
	}
	return []byte("{" + strings.Join(parts, ",") + "}"), nil
}

func (d *definitions) add(name string, n node) { *d = append(*d, definition{name, n}) }

// Text returns the JSON Schema (2020-12) of the shim protocol, made from the table of operations.
// shim/schema/schema.json holds it for readers.
func Text() ([]byte, error) {
	parts := shim.Table()
	root := node{
		Schema: "https://json-schema.org/draft/2020-12/schema",
		Title:  fmt.Sprintf("Credence shim protocol, version %d", shim.Version),
		Description: "Every line to a shim is a request, every line from it a reply. params-OP, result-OP and " +
			"reply-OP belong to the operation OP; docs/shim-protocol.md explains them.",
	}
	root.Defs.types(parts[0].Types)
	root.Defs.frame()
	root.Defs.byKind(parts[0].Operations)
	for _, part := range parts[1:] {
		root.Defs.types(part.Types)
		for _, o := range part.Operations {
			root.Defs.byKind([]shim.Operation{o})
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(root)
	return b.Bytes(), err
}

func (d *definitions) types(types []shim.Type) {
	for _, t := range types {
		d.add(t.Name, written(t))
	}
}

// byKind defines the parameters of the operations, then their results, then their replies. Exports and imports stand at
// the end: the text keeps the order in which it was published, so that a copy differs where the protocol does.
func (d *definitions) byKind(operations []shim.Operation) {
	rank := func(o shim.Operation) int {
		if o.Imports || o.Op == o.State {
			return 1
		}
		return 0
	}
	byRank := func(a, b shim.Operation) int { return rank(a) - rank(b) }
	operations = slices.SortedStableFunc(slices.Values(operations), byRank)
	for _, o := range operations {
		d.add("params-"+string(o.Op), object(o.Params, true)) // a shim ignores what it does not know
	}
	for _, o := range operations {
		d.add("result-"+string(o.Op), object(o.Result, false))
	}
	for _, o := range operations {
		d.add("reply-"+string(o.Op), reply(o.Op))
	}
}

func reply(op shim.Op) node {
	result := definitions{{"result", reference("result-" + string(op))}}
	return node{AllOf: []node{reference("reply"), {Properties: result}}}
}

// frame defines requests, replies and errors.
func (d *definitions) frame() {
	anyText, anyObject := node{Type: "string"}, node{Type: "object"}
	d.add("request", node{Type: "object", Required: []string{"id", "op", "params"}, Properties: definitions{
		{"id", integer(1)}, {"op", anyText}, {"params", anyObject},
	}})
	d.add("error", node{
		Type: "object", Additional: new(bool), Required: []string{"code"},
		Properties: definitions{
			{"code", node{Enum: codes()}}, {"class", inPlace(shim.ClassType)}, {"message", anyText},
		},
		If:   json.RawMessage(`{"required": ["class"]}`),
		Then: json.RawMessage(`{"properties": {"code": {"const": "rejected"}}}`),
	})
	d.add("reply", node{
		Type: "object", Additional: new(bool), Required: []string{"id"},
		Properties: definitions{{"id", integer(0)}, {"result", anyObject}, {"error", reference("error")}},
		OneOf:      json.RawMessage(`[{"required": ["result"]}, {"required": ["error"]}]`),
	})
}

func codes() []string {
	var texts []string
	for _, c := range shim.ErrorCodes() {
		texts = append(texts, string(c))
	}
	return texts
}

func integer(low uint64) node { return node{Type: "integer", Minimum: &low} }

func reference(name string) node { return node{Ref: "#/$defs/" + name} }

// inPlace returns a schema of a type where it is used.
func inPlace(t shim.Type) node {
	if t.Name != "" {
		return reference(t.Name)
	}
	return written(t)
}

// written returns the schema of a type in full.
func written(t shim.Type) node {
	switch t.Kind {
	case shim.ByteString:
		return node{Type: "string", Pattern: pattern(t), Description: t.Note}
	case shim.Text:
		n := node{Type: "string"}
		if t.NonEmpty {
			n.MinLength = 1
		}
		return n
	case shim.Enum:
		return node{Enum: t.Values}
	case shim.Array:
		items := inPlace(*t.Items)
		return node{Type: "array", Items: &items, Unique: t.Unique}
	case shim.Object:
		return object(t.Members, false)
	}
	return node{Type: string(t.Kind), Minimum: t.Min, Maximum: t.Max}
}

// pattern returns the regular expression of a byte string in hexadecimal.
func pattern(t shim.Type) string {
	var alternatives []string
	for _, size := range t.Sizes {
		digits := fmt.Sprintf("[0-9a-f]{%d}", 2*size)
		alternatives = append(alternatives, digits)
		if t.Prefixed {
			alternatives = append(alternatives, "05"+digits)
		}
	}
	switch len(alternatives) {
	case 0:
		return "^([0-9a-f]{2})*$"
	case 1:
		return "^" + alternatives[0] + "$"
	}
	return "^(" + strings.Join(alternatives, "|") + ")$"
}

// object returns the schema of an object, and of whether it may have other members.
func object(members []shim.Member, open bool) node {
	n := node{Type: "object", Additional: &open, Required: []string{}, Properties: definitions{}}
	for _, m := range members {
		n.Properties.add(m.Name, inPlace(m.Type))
		if !m.Optional {
			n.Required = append(n.Required, m.Name)
		}
	}
	return n
}
