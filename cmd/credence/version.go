package main

import (
	"flag"
	"fmt"
	"io"

	"credence/conformance"
)

const versionHelp = `usage: credence version

Prints the version of the suite and its vectors. Reports carry it.

Exit status: 0 printed, 2 usage.
`

func version(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("version", flag.ContinueOnError)
	if err := parse(flags, args, versionHelp, 0, stdout); err != nil {
		return failed(stderr, err)
	}
	fmt.Fprintln(stdout, "credence", conformance.SuiteVersion)
	return conforms
}
