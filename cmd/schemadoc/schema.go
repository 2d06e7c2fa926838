package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// jsonSchema is what of JSON Schema the two schemas use.
type jsonSchema struct {
	Ref         string               `json:"$ref"`
	Type        string               `json:"type"`
	Description string               `json:"description"`
	Enum        []string             `json:"enum"`
	Const       any                  `json:"const"`
	Pattern     string               `json:"pattern"`
	Items       *jsonSchema          `json:"items"`
	Required    []string             `json:"required"`
	Properties  ordered[*jsonSchema] `json:"properties"`
	Defs        ordered[*jsonSchema] `json:"$defs"`
}

// writeTypes writes the definitions that have a name.
func writeTypes(b *bytes.Buffer, types ordered[*jsonSchema]) {
	fmt.Fprintf(b, "\n## Types\n")
	for _, d := range types {
		fmt.Fprintf(b, "\n### %s\n", d.name)
		if len(d.value.Properties) > 0 {
			d.value.table(b)
		} else {
			fmt.Fprintf(b, "\n%s\n", d.value.kind())
		}
	}
}

// table lists the fields of an object.
func (s *jsonSchema) table(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n| field | |\n|---|---|\n")
	for _, p := range s.Properties {
		optional := ""
		if !slices.Contains(s.Required, p.name) {
			optional = " ◦"
		}
		fmt.Fprintf(b, "| `%s`%s | %s |\n", p.name, optional, p.value.kind())
	}
}

// kind returns what a value is.
func (s *jsonSchema) kind() string {
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
