// Package zoo holds the bugs that the suite is tried on: small patches of the reference, each with the requirement that
// it violates and the incident that it is taken from. cmd/zoo runs the suite on them.
package zoo

import (
	"bufio"
	"bytes"
	"embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"credence"
)

//go:embed *.patch
var files embed.FS

// Bug is a file of the zoo: what is wrong, and the patch that makes it so.
type Bug struct {
	Name         string // of the file, without .patch
	Class        int
	Title        string
	Source       string // where it was seen; "reasoned" is nowhere yet
	Requirements []string
	Patch        []byte
	Files        []string // that the patch changes
}

// Reasoned is the source of a bug that was thought of, and not seen.
const Reasoned = "reasoned"

// Bugs returns the bugs in the order of their names, or an error for a file that is no bug.
func Bugs() (bugs []Bug, err error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		text, err := files.ReadFile(entry.Name())
		if err != nil {
			return nil, err
		}
		b, err := Parse(strings.TrimSuffix(entry.Name(), ".patch"), text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		bugs = append(bugs, b)
	}
	return bugs, nil
}

var changedFile = regexp.MustCompile(`(?m)^--- a/(reference/\S+\.go)$`)

// Parse reads a file: the lines before the patch, and the patch. The name is that of the file without .patch.
func Parse(name string, text []byte) (b Bug, err error) {
	head, patch, ok := bytes.Cut(text, []byte("\n\n"))
	if !ok {
		return b, errors.New("no empty line before the patch")
	}
	b = Bug{Name: name, Patch: patch}
	lines := bufio.NewScanner(bytes.NewReader(head))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "Class":
			b.Class, err = strconv.Atoi(value)
		case "Title":
			b.Title = value
		case "Source":
			b.Source = value
		case "Requirement":
			b.Requirements = strings.Split(value, ", ")
		default:
			return b, fmt.Errorf("unknown line %q", lines.Text())
		}
		if err != nil {
			return b, fmt.Errorf("%s: %w", key, err)
		}
	}
	for _, m := range changedFile.FindAllSubmatch(patch, -1) {
		b.Files = append(b.Files, string(m[1]))
	}
	return b, b.check()
}

func (b Bug) check() error {
	switch {
	case b.Class == 0 || b.Title == "" || b.Source == "" || len(b.Requirements) == 0:
		return errors.New("one of the lines Class, Title, Source, Requirement is missing")
	case !strings.HasPrefix(b.Name, fmt.Sprintf("%03d-", b.Class)):
		return fmt.Errorf("the name does not start with the class %03d", b.Class)
	case len(b.Files) == 0:
		return errors.New("the patch changes no file of the reference")
	}
	known := credence.Requirements()
	for _, id := range b.Requirements {
		if !slices.ContainsFunc(known, func(r credence.Requirement) bool { return r.ID == id }) {
			return fmt.Errorf("SPEC.md has no requirement %q", id)
		}
	}
	return nil
}
