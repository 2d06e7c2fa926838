// Package credence carries SPEC.md, the normative text of the project, and its requirements.
//
// The suite is in credence/conformance, the vectors in credence/vectors, the reference in credence/reference.
package credence

import (
	_ "embed"
	"regexp"
)

// Spec is the text of SPEC.md.
//
//go:embed SPEC.md
var Spec string

// Requirement is one MUST of SPEC.md.
type Requirement struct {
	ID   string `json:"id"`   // AMB-<chapter>-<number>
	Text string `json:"text"` // the sentence, in Markdown
}

var requirementLine = regexp.MustCompile(`(?m)^\*\*(AMB-[A-Z0-9]{3}-[0-9]{2})\*\* (.+)$`)

// Requirements gives the requirements of SPEC.md in the order of the text.
func Requirements() []Requirement {
	var rs []Requirement
	for _, m := range requirementLine.FindAllStringSubmatch(Spec, -1) {
		rs = append(rs, Requirement{ID: m[1], Text: m[2]})
	}
	return rs
}
