// Command credence runs the conformance suite on an implementation of X3DH and the Double Ratchet.
package main

import (
	"fmt"
	"io"
	"os"

	"credence/conformance"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// Exit statuses.
const (
	conforms       = 0
	doesNotConform = 1
	usage          = 2
	noTarget       = 3
)

const help = `credence judges implementations of X3DH and the Double Ratchet.

  credence run --target reference          judge the reference of this project
  credence run --shim 'COMMAND ARGS'       judge an implementation behind a shim (docs/shim-protocol.md)
  credence list [--requirements]           the tests; or the requirements, each with its tests
  credence explain ID                      a requirement or a test
  credence version                         the version of the suite

credence COMMAND --help tells the options. Exit status of run: 0 conforms, 1 does not conform, 2 usage, 3 the target
could not be run at all.
`

// run is the command, without the process around it.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, help)
		return usage
	}
	switch args[0] {
	case "run":
		return runSuite(args[1:], stdout, stderr)
	case "list":
		return list(args[1:], stdout, stderr)
	case "explain":
		return explain(args[1:], stdout, stderr)
	case "version", "--version":
		fmt.Fprintln(stdout, "credence", conformance.SuiteVersion)
		return conforms
	case "help", "--help", "-h":
		fmt.Fprint(stdout, help)
		return conforms
	}
	return complain(stderr, usage, fmt.Errorf("unknown command %q (there are run, list, explain, version and help)", args[0]))
}

// complain writes one line and gives the status.
func complain(stderr io.Writer, status int, err error) int {
	fmt.Fprintf(stderr, "credence: %v\n", err)
	return status
}
