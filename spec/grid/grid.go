// Package grid says where each requirement of SPEC.md binds: in which parameter sets, and in which places that the
// words of the requirement tell apart: roles, kinds of message and record, kinds of device, fields, causes. Each place
// in each of its sets is a cell, which wants a test of its own.
//
// The data is grid.txt, whose format is explained in its first lines.
package grid

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"credence/spec"
)

//go:embed grid.txt
var text string

// NotYet is the reason of a cell whose test is still to be written.
const NotYet = "no test yet"

// Cell is one place in which a requirement binds, in one parameter set.
type Cell struct {
	Requirement string `json:"-"`
	Set         string `json:"set"`
	Place       string `json:"place,omitempty"`  // "" if the requirement binds in one way only
	Reason      string `json:"reason,omitempty"` // why it has no test, or ""
}

// String names the cell.
func (c Cell) String() string {
	return strings.TrimSpace(c.Requirement + " in " + c.Set + " " + c.Place)
}

// Cells returns all cells, in the order of grid.txt.
func Cells() []Cell { return slices.Clone(cells()) }

var cells = sync.OnceValue(func() []Cell {
	all, err := parse(text)
	if err != nil {
		panic(err) // the data is a part of the program, and a test reads it
	}
	return all
})

// Has reports whether a requirement binds in a place, in some set.
func Has(requirement, place string) bool {
	return slices.ContainsFunc(
		cells(), func(c Cell) bool { return c.Requirement == requirement && c.Place == place },
	)
}

// parse reads the format of grid.txt.
func parse(text string) (all []Cell, err error) {
	id := ""
	for n, line := range strings.Split(text, "\n") {
		line, reason, _ := strings.Cut(line, " - ")
		head, rest, listed := strings.Cut(line, ":")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case !strings.HasPrefix(line, " "):
			id = line
		case !listed || id == "":
			return nil, fmt.Errorf("grid.txt:%d: neither a requirement nor sets with their places", n+1)
		default:
			sets, err := setsOf(strings.Fields(head))
			if err != nil {
				return nil, fmt.Errorf("grid.txt:%d: %w", n+1, err)
			}
			all = append(all, cross(id, sets, strings.Fields(rest), strings.TrimSpace(reason))...)
		}
	}
	return all, nil
}

// setsOf returns the sets of a line: "all", "all but" some, or their names.
func setsOf(words []string) ([]string, error) {
	for _, w := range words {
		if w != "all" && w != "but" && !slices.Contains(spec.ParameterSets(), w) {
			return nil, fmt.Errorf("no parameter set: %q", w)
		}
	}
	switch {
	case len(words) == 0:
		return nil, fmt.Errorf("no parameter set")
	case words[0] != "all":
		return words, nil
	}
	return slices.DeleteFunc(
		spec.ParameterSets(), func(set string) bool { return slices.Contains(words, set) },
	), nil
}

func cross(id string, sets, places []string, reason string) (all []Cell) {
	if len(places) == 0 {
		places = []string{""}
	}
	for _, set := range sets {
		for _, place := range places {
			all = append(all, Cell{id, set, place, reason})
		}
	}
	return all
}
