// Package vectors embeds the test vectors of Credence and loads them; it needs nothing beyond the standard library and
// the messages of the shim protocol. The format is that of the JSON files, described in vectors/README.md and by
// vectors/schema.json.
//
//	files, err := vectors.Load()
//	for _, f := range files {
//		for _, g := range f.TestGroups {
//			for _, t := range g.Tests { ... }
//		}
//	}
package vectors

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"credence/shim"
	"credence/spec"
	"credence/spec/refusal"
)

// FS holds the vector files *_test.json, manifest.json and schema.json.
//
//go:embed *.json
var FS embed.FS

// ErrMalformed is returned for a vector file that cannot be read, with the file and the field.
var ErrMalformed = errors.New("malformed vector file")

// Result says what a correct implementation does.
type Result string

// The results. Acceptable vectors carry a flag that says why both outcomes are right.
const (
	Valid      Result = "valid"
	Invalid    Result = "invalid"
	Acceptable Result = "acceptable"
)

// File is one vector file.
type File struct {
	Algorithm     string          `json:"algorithm"`
	Schema        string          `json:"schema"`
	NumberOfTests int             `json:"numberOfTests"`
	Header        []string        `json:"header"`
	Notes         map[string]Note `json:"notes"`
	TestGroups    []Group         `json:"testGroups"`
}

// Note explains a flag.
type Note struct {
	BugType     string   `json:"bugType"`
	Description string   `json:"description"`
	Links       []string `json:"links,omitempty"`
}

// Group is a set of tests of one kind in one parameter set. In a group of type operation every test is one call of
// Operation; in the others a test is a script of Steps.
type Group struct {
	Type         GroupType `json:"type"`
	Profile      string    `json:"profile"`
	ParameterSet string    `json:"parameterSet"`
	Operation    shim.Op   `json:"operation,omitempty"`
	Tests        []Test    `json:"tests"`
}

// GroupType tells the kinds of group apart.
type GroupType string

// The group types.
const (
	Operation GroupType = "operation" // input, output
	Session   GroupType = "session"   // steps in which the target sends and receives
	Follower  GroupType = "follower"  // steps in which the target only receives
	Scenario  GroupType = "scenario"  // steps of devices of the Ambassador protocol
)

// Test is one vector. It tests one thing.
type Test struct {
	TcID         int          `json:"tcId"` // unique over all files, never changed or reused
	ID           string       `json:"id"`   // the same, for people
	Comment      string       `json:"comment"`
	Flags        []string     `json:"flags"`
	Requirements []string     `json:"requirements"`
	Result       Result       `json:"result"`
	Class        shim.Class   `json:"class,omitempty"` // of the refusal, if the result is invalid
	Input        *shim.Params `json:"input,omitempty"`
	Output       *shim.Result `json:"output,omitempty"`
	Steps        []Step       `json:"steps,omitempty"`
}

// Step is one operation of a script, with what must come of it.
type Step struct {
	Op           shim.Op      `json:"op"`
	Input        *shim.Params `json:"input"`
	Result       Result       `json:"result"`
	Class        shim.Class   `json:"class,omitempty"`
	Output       *shim.Result `json:"output,omitempty"`
	DigestBefore shim.Bytes   `json:"digest_before,omitempty"` // state digest, SPEC.md 5.7
	DigestAfter  shim.Bytes   `json:"digest_after,omitempty"`
	Trace        []Derivation `json:"trace,omitempty"`
}

// Derivation is one derivation inside a step, for whoever looks for the place where two implementations part.
type Derivation struct {
	Function string                `json:"function"` // DH, KDF_RK, KDF_CK or MessageKeys
	Input    map[string]shim.Bytes `json:"input"`
	Output   map[string]shim.Bytes `json:"output"`
}

// Load reads every vector file but the canaries, in the order of their names. It returns ErrMalformed.
func Load() ([]*File, error) { return LoadFS(FS) }

// LoadFS reads the vector files of another place, such as os.DirFS of a directory.
func LoadFS(fsys fs.FS) ([]*File, error) {
	names, err := fs.Glob(fsys, "*_test.json")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var files []*File
	for _, name := range names {
		if name == CanaryFile {
			continue
		}
		f, err := LoadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: no *_test.json found", ErrMalformed)
	}
	return files, nil
}

// CanaryFile holds vectors that are wrong on purpose: a harness that runs them and does not report every one of them as
// a failure is asleep.
const CanaryFile = "canary_test.json"

// LoadFile reads one vector file. Unknown keys and values are errors, never skipped.
func LoadFile(fsys fs.FS, name string) (*File, error) {
	b, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	f, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// Parse reads a vector file. It returns ErrMalformed with the field and the reason.
func Parse(b []byte) (*File, error) {
	var f File
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: %s%v", ErrMalformed, line(b, err), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: data after the end", ErrMalformed)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return &f, nil
}

// line returns "line N: " if an error of the decoder has a place.
func line(b []byte, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var offset int64
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	default:
		return ""
	}
	return fmt.Sprintf("line %d: ", 1+bytes.Count(b[:min(int(offset), len(b))], []byte{'\n'}))
}

func (f *File) check() error {
	n := 0
	for _, g := range f.TestGroups {
		if err := g.check(); err != nil {
			return err
		}
		for _, t := range g.Tests {
			if err := t.check(g.Type, f.Notes); err != nil {
				return fmt.Errorf("test %q: %w", t.ID, err)
			}
			n++
		}
	}
	if n != f.NumberOfTests {
		return fmt.Errorf("numberOfTests is %d, and there are %d", f.NumberOfTests, n)
	}
	if n == 0 {
		return errors.New("no tests")
	}
	return nil
}

func (g *Group) check() error {
	if !slices.Contains([]GroupType{Operation, Session, Follower, Scenario}, g.Type) {
		return fmt.Errorf("group type %q is unknown", g.Type)
	}
	if !slices.Contains(shim.Profiles(), g.Profile) {
		return fmt.Errorf("profile %q is unknown", g.Profile)
	}
	if !slices.Contains(spec.ParameterSets(), g.ParameterSet) {
		return fmt.Errorf("parameter set %q is unknown", g.ParameterSet)
	}
	if (g.Type == Operation) != slices.Contains(shim.Ops, g.Operation) {
		return fmt.Errorf("operation %q in a group of type %s", g.Operation, g.Type)
	}
	return nil
}

func (t *Test) check(group GroupType, notes map[string]Note) error {
	if t.ID == "" || t.TcID <= 0 || len(t.Requirements) == 0 {
		return errors.New("id, tcId and requirements must be set")
	}
	for _, flag := range t.Flags {
		if _, ok := notes[flag]; !ok {
			return fmt.Errorf("flag %q has no note", flag)
		}
	}
	if t.Result == Acceptable && len(t.Flags) == 0 {
		return errors.New("acceptable without a flag that says why")
	}
	if group == Operation {
		return checkOutcome(t.Result, t.Class, t.Input)
	}
	if len(t.Steps) == 0 {
		return errors.New("no steps")
	}
	for i, s := range t.Steps {
		if !slices.Contains(shim.Ops, s.Op) {
			return fmt.Errorf("steps[%d]: op %q is unknown", i, s.Op)
		}
		if err := checkOutcome(s.Result, s.Class, s.Input); err != nil {
			return fmt.Errorf("steps[%d]: %w", i, err)
		}
	}
	return nil
}

func checkOutcome(r Result, c shim.Class, input *shim.Params) error {
	if r != Valid && r != Invalid && r != Acceptable {
		return fmt.Errorf("result %q is unknown", r)
	}
	if input == nil {
		return errors.New("no input")
	}
	if (r == Invalid) != slices.Contains(refusal.Classes(), c) {
		return fmt.Errorf("result %s with class %q", r, c)
	}
	return nil
}
