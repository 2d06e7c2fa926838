package main

import (
	"flag"
	"fmt"
	"io"

	"credence/conformance/verdict"
)

// commit is what a released binary was built from; make release sets it.
var commit string

const versionHelp = `usage: credence version

Prints the version of the suite and its vectors, which reports carry, and in a released binary what it was built from.

Exit status: 0 printed, 2 usage.
`

func version(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("version", flag.ContinueOnError)
	if err := parse(flags, args, versionHelp, 0, stdout); err != nil {
		return failed(stderr, err)
	}
	line := "credence " + verdict.SuiteVersion
	if commit != "" {
		line += " (" + commit + ")"
	}
	fmt.Fprintln(stdout, line)
	return conforms
}
