package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"credence/shim"
	"credence/shim/schema"
)

const shimHead = `# Shim protocol reference

Every operation with its parameters and its result, written by ` + "`make schemadoc`" + ` from the table of operations in
[shim/operations.go](../shim/operations.go); [the schema](../shim/schema/schema.json) is made from it, too. What they mean, and the rules around
them, is in [shim-protocol.md](shim-protocol.md).

| mark | |
|---|---|
| ◦ | may be absent |
| ◇ | may be absent; is used in the place of fresh randomness |
| ε | a byte string that is sent as ` + "`\"\"`" + ` if it is empty |
| secret | masked in the log of ` + "`credence run --verbose`" + ` |

## Profiles

` + "`hello` and `reset`" + ` are always needed. What else a profile needs:

| profile | operations |
|---|---|
`

func shimReference() ([]byte, error) {
	text, err := schema.Text()
	if err != nil {
		return nil, err
	}
	root := &jsonSchema{}
	if err := json.Unmarshal(text, root); err != nil {
		return nil, err
	}
	b := bytes.NewBufferString(shimHead)
	for _, profile := range shim.Profiles() {
		fmt.Fprintf(b, "| `%s` | %s |\n", profile, needed(profile))
	}
	for _, o := range shim.Operations() {
		writeOperation(b, o)
	}
	ofOperation := func(m member[*jsonSchema]) bool { return strings.Contains(m.name, "-") }
	writeTypes(b, slices.DeleteFunc(root.Defs, ofOperation))
	return b.Bytes(), nil
}

// needed returns the operations that a profile needs.
func needed(profile string) string {
	var lists []string
	for _, ops := range shim.Needs(profile) {
		lists = append(lists, quoted(ops))
	}
	return strings.Join(lists, "; or ")
}

// quoted returns values as code.
func quoted[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = "`" + string(v) + "`"
	}
	return strings.Join(texts, ", ")
}

func writeOperation(b *bytes.Buffer, o shim.Operation) {
	fmt.Fprintf(b, "\n## %s\n\n%s%s. %s\n", o.Op, strings.ToUpper(o.Does[:1]), o.Does[1:], state(o))
	writeMembers(b, "parameters", o.Params)
	writeMembers(b, "result", o.Result)
}

// state says what an operation does to the state of the target.
func state(o shim.Operation) string {
	switch {
	case o.Changes && o.State != "":
		return fmt.Sprintf("It changes the state that `%s` exports.", o.State)
	case o.Changes:
		return "It changes the state of the target."
	}
	return "It changes nothing."
}

func writeMembers(b *bytes.Buffer, title string, members []shim.Member) {
	if len(members) == 0 {
		fmt.Fprintf(b, "\n%s: none\n", title)
		return
	}
	fmt.Fprintf(b, "\n| %s | |\n|---|---|\n", title)
	for _, m := range members {
		fmt.Fprintf(b, "| `%s`%s | %s |\n", m.Name, marks(m), value(m))
	}
}

func marks(m shim.Member) string {
	switch {
	case m.Random:
		return " ◇"
	case m.Optional:
		return " ◦"
	case m.MayBeEmpty:
		return " ε"
	}
	return ""
}

// value says what a member holds.
func value(m shim.Member) string {
	text := typeText(m.Type)
	if m.Role != "" {
		text += "; ◇ of the " + m.Role
	}
	if m.Secret {
		text += "; secret"
	}
	return text
}

// typeText says what a value of a type is.
func typeText(t shim.Type) string {
	switch {
	case t.Name != "":
		return fmt.Sprintf("[%s](#%s)", t.Name, t.Name)
	case t.Kind == shim.Enum:
		return "one of " + quoted(t.Values)
	case t.Kind == shim.Array:
		return "array of " + typeText(*t.Items)
	case t.Note != "":
		return t.Note
	case t.Kind == shim.ByteString:
		return fmt.Sprintf("%d bytes", t.Sizes[0])
	case t.Kind == shim.Text:
		return "string"
	}
	return string(t.Kind) + bounds(t)
}

// bounds returns the bounds of an integer.
func bounds(t shim.Type) string {
	switch {
	case t.Max != nil:
		return fmt.Sprintf(", %d to %d", *t.Min, *t.Max)
	case t.Min != nil:
		return fmt.Sprintf(", at least %d", *t.Min)
	}
	return ""
}
