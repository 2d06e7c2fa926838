package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// fate is what became of a change.
type fate string

// The fates.
const (
	killed    fate = "killed"
	survived  fate = "survived"
	unreached fate = "unreached"      // no test reaches it
	unviable  fate = "does not build" // of what declares constants
)

// result is the fate of a change.
type result struct {
	Path         string   `json:"path"`
	Line         int      `json:"line"`
	Function     string   `json:"function,omitempty"`
	Was          string   `json:"was"`
	Becomes      string   `json:"becomes"`
	Nth          int      `json:"nth,omitempty"`          // of several that read the same in one function
	Requirements []string `json:"requirements,omitempty"` // that the code cites there
	where
	Fate    fate    `json:"fate"`
	By      string  `json:"by,omitempty"` // the test that killed it
	Seconds float64 `json:"seconds,omitempty"`
}

// lives reports whether the suite does not see the change.
func (r result) lives() bool { return r.Fate == survived || r.Fate == unreached }

// change returns the change without what says where it was judged.
func (r result) change() *change {
	return &change{path: r.Path, line: r.Line, function: r.Function, was: r.Was, becomes: r.Becomes, nth: r.Nth}
}

func (r result) String() string {
	text := r.change().String()
	if r.where != (where{}) {
		text += " (in " + strings.Trim(r.Set+" "+r.Role, " ") + ")"
	}
	return text
}

//go:embed explained.json
var explanations []byte

//go:embed former.txt
var formerText string

// former are the keys of changes that survived once, until a test was written.
var former = strings.FieldsFunc(formerText, func(r rune) bool { return r == '\n' })

// explained says why survivors are no holes.
type explained struct{ reasons []explanation }

// explanation is one reason, for every change whose key matches.
type explanation struct {
	Changes string `json:"changes"` // a regular expression
	Where   string `json:"where"`   // a regular expression for set and role; "" is everywhere
	Reason  string `json:"reason"`

	changes, where *regexp.Regexp
}

// readExplained reads explained.json. It returns the error of a regular expression or of the JSON.
func readExplained() (*explained, error) {
	var e explained
	decoder := json.NewDecoder(bytes.NewReader(explanations))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e.reasons); err != nil {
		return nil, fmt.Errorf("explained.json: %w", err)
	}
	for i := range e.reasons {
		r := &e.reasons[i]
		var err error
		if r.changes, err = regexp.Compile("^(?:" + r.Changes + ")$"); err != nil {
			return nil, fmt.Errorf("explained.json: %w", err)
		}
		if r.where, err = regexp.Compile(r.Where); err != nil {
			return nil, fmt.Errorf("explained.json: %w", err)
		}
	}
	return &e, nil
}

// reason returns why a survivor is no hole, or "".
func (e *explained) reason(r result) string {
	for _, x := range e.reasons {
		if x.changes.MatchString(r.change().key()) && x.where.MatchString(strings.Trim(r.Set+" "+r.Role, " ")) {
			return x.Reason
		}
	}
	return ""
}
