// Command schemadoc writes what follows from the table of operations (credence/shim): the JSON Schema of the shim
// protocol, its reference, and the lists in the schema of the vector format; and the reference of the vector format
// from its schema. It is run in the root of the repository.
//
//	schemadoc [-check]
//
// With -check it writes nothing. Exit status: 0 written, or what is there is right; 1 it is not; 2 usage, or a file
// cannot be read or written.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"

	"credence/shim/schema"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// files are the files that are written, each after those that it is made from.
var files = []struct {
	name string
	text func() ([]byte, error)
}{
	{"shim/schema/schema.json", schema.Text},
	{"docs/shim-reference.md", shimReference},
	{vectorSchema, vectorLists},
	{"docs/vector-reference.md", vectorReference},
}

func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("schemadoc", flag.ContinueOnError)
	flags.SetOutput(stderr)
	check := flags.Bool("check", false, "compare, and write nothing")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	for _, f := range files {
		text, err := f.text()
		if err != nil {
			fmt.Fprintf(stderr, "schemadoc: %s: %v\n", f.name, err)
			return 2
		}
		if *check {
			if was, err := os.ReadFile(f.name); err != nil || !bytes.Equal(was, text) {
				fmt.Fprintf(stderr, "schemadoc: %s is out of date; make schemadoc writes it\n", f.name)
				return 1
			}
			continue
		}
		if err := os.WriteFile(f.name, text, 0o644); err != nil {
			fmt.Fprintln(stderr, "schemadoc:", err)
			return 2
		}
	}
	return 0
}
