package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
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

//go:embed open.txt
var openText string

// former are the keys of changes that survived once, until a test was written; open are those that survive, and are
// neither explained nor seen by a test yet.
var former, open = lines(formerText), lines(openText)

func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

// explained says why survivors are no holes.
type explained []explanation

// explanation is a reason for some changes.
type explanation struct {
	Reason  string    `json:"reason"`
	Where   string    `json:"where,omitempty"` // a set or role; "" is everywhere
	Changes []pattern `json:"changes"`         // by their keys
}

// pattern is a text in which each * stands for any text.
type pattern string

func (p pattern) matches(text string) bool {
	parts := strings.Split(string(p), "*")
	if len(parts) == 1 || !strings.HasPrefix(text, parts[0]) {
		return text == string(p)
	}
	text = text[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		_, rest, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text = rest
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}

// readExplained reads explained.json.
func readExplained() (e explained, err error) {
	decoder := json.NewDecoder(bytes.NewReader(explanations))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return nil, fmt.Errorf("explained.json: %w", err)
	}
	return e, nil
}

// reason returns why a change that survives somewhere is no hole, or "".
func (e explained) reason(c *change, w where) string {
	key := c.key()
	for _, x := range e {
		if x.Where != "" && x.Where != w.Set && x.Where != w.Role {
			continue
		}
		if slices.ContainsFunc(x.Changes, func(p pattern) bool { return p.matches(key) }) {
			return x.Reason
		}
	}
	return ""
}
