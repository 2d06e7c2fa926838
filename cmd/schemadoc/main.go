// Command schemadoc writes the references of the shim protocol and of the vector format from their JSON Schemas. It is run in the root of
// the repository.
//
//	schemadoc [-check]
//
// With -check it writes nothing. Exit status: 0 written, or what is there is right; 1 it is not; 2 usage, or a file cannot be read or written.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// references are the files that there are.
var references = []struct{ schema, doc, head string }{
	{"shim/schema.json", "docs/shim-reference.md", `# Shim protocol reference

Every operation with its parameters and its result, written by ` + "`make schemadoc`" + ` from [the schema](../shim/schema.json).
What they mean, and the rules around them, is in [shim-protocol.md](shim-protocol.md). A field with ◦ may be absent.
`},
	{"vectors/schema.json", "docs/vector-reference.md", `# Vector format reference

Every field of a vector file, written by ` + "`make schemadoc`" + ` from [the schema](../vectors/schema.json). How to read a file is in
[vectors/README.md](../vectors/README.md). A field with ◦ may be absent.
`},
}

func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("schemadoc", flag.ContinueOnError)
	flags.SetOutput(stderr)
	check := flags.Bool("check", false, "compare, and write nothing")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	for _, r := range references {
		text, err := os.ReadFile(r.schema)
		if err != nil {
			fmt.Fprintln(stderr, "schemadoc:", err)
			return 2
		}
		doc, err := document(r.head, text)
		if err != nil {
			fmt.Fprintf(stderr, "schemadoc: %s: %v\n", r.schema, err)
			return 2
		}
		if *check {
			if was, err := os.ReadFile(r.doc); err != nil || !bytes.Equal(was, doc) {
				fmt.Fprintf(stderr, "schemadoc: %s is not what %s gives; make schemadoc writes it\n", r.doc, r.schema)
				return 1
			}
			continue
		}
		if err := os.WriteFile(r.doc, doc, 0o644); err != nil {
			fmt.Fprintln(stderr, "schemadoc:", err)
			return 2
		}
	}
	return 0
}

// schema is what of JSON Schema the two files use.
type schema struct {
	Ref         string            `json:"$ref"`
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Enum        []string          `json:"enum"`
	Const       any               `json:"const"`
	Pattern     string            `json:"pattern"`
	Items       *schema           `json:"items"`
	Required    []string          `json:"required"`
	Properties  members           `json:"properties"`
	Additional  json.RawMessage   `json:"additionalProperties"`
	Defs        members           `json:"$defs"`
	AllOf       []json.RawMessage `json:"allOf"`
}

// members are the members of an object in their order.
type members []member

type member struct {
	name   string
	schema *schema
}

// UnmarshalJSON keeps the order.
func (m *members) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		s := &schema{}
		if err := d.Decode(s); err != nil {
			return fmt.Errorf("%v: %w", name, err)
		}
		*m = append(*m, member{fmt.Sprint(name), s})
	}
	return nil
}

func document(head string, text []byte) ([]byte, error) {
	root := &schema{}
	if err := json.Unmarshal(text, root); err != nil {
		return nil, err
	}
	b := bytes.NewBufferString(head)
	if len(root.Properties) > 0 {
		fmt.Fprintf(b, "\n## The file\n")
		root.table(b, "")
	}
	var types members
	for _, d := range root.Defs {
		op, isParams := strings.CutPrefix(d.name, "params-")
		switch {
		case isParams:
			fmt.Fprintf(b, "\n## %s\n", op)
			d.schema.table(b, "parameters")
		case strings.HasPrefix(d.name, "result-"):
			d.schema.table(b, "result")
		case !strings.HasPrefix(d.name, "reply-"):
			types = append(types, d)
		}
	}
	fmt.Fprintf(b, "\n## Types\n")
	for _, d := range types {
		fmt.Fprintf(b, "\n### %s\n", d.name)
		if len(d.schema.Properties) > 0 {
			d.schema.table(b, "")
		} else {
			fmt.Fprintf(b, "\n%s\n", d.schema.kind())
		}
	}
	return b.Bytes(), nil
}

// table lists the fields of an object.
func (s *schema) table(b *bytes.Buffer, title string) {
	if len(s.Properties) == 0 {
		if title != "" {
			fmt.Fprintf(b, "\n%s: none\n", title)
		}
		return
	}
	if title == "" {
		title = "field"
	}
	fmt.Fprintf(b, "\n| %s | |\n|---|---|\n", title)
	for _, p := range s.Properties {
		optional := ""
		if !slices.Contains(s.Required, p.name) {
			optional = " ◦"
		}
		fmt.Fprintf(b, "| `%s`%s | %s |\n", p.name, optional, p.schema.kind())
	}
}

// kind says what a value is.
func (s *schema) kind() string {
	var words []string
	switch {
	case s.Ref != "":
		name := strings.TrimPrefix(s.Ref, "#/$defs/")
		words = append(words, fmt.Sprintf("[%s](#%s)", name, name))
	case s.Const != nil:
		words = append(words, fmt.Sprintf("`%v`", s.Const))
	case s.Enum != nil:
		words = append(words, "one of `"+strings.Join(s.Enum, "`, `")+"`")
	case s.Type == "array" && s.Items != nil:
		words = append(words, "array of "+s.Items.kind())
	case s.Pattern != "" && s.Description == "":
		words = append(words, "string, "+"`"+strings.ReplaceAll(s.Pattern, "|", `\|`)+"`")
	default:
		words = append(words, s.Type)
	}
	if s.Description != "" {
		words = append(words, s.Description)
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), "; ")
}
