package main

import (
	"flag"
	"fmt"
	"io"
)

const helpHelp = `usage: credence help [COMMAND]

Prints what the commands are, or the help of one.

Exit status: 0 printed, 2 usage.
`

const helpHead = `credence judges implementations of X3DH, the Double Ratchet and the Ambassador protocol.

  credence run --target reference       judge the reference of this project
  credence run --shim 'COMMAND ARGS'    judge an implementation behind a shim (docs/shim-protocol.md)
  credence demo                         see how one voice for several devices works

Commands:
`

const helpTail = `
credence COMMAND --help tells the options of a command.

Exit status: 0 conforms, or the answer was printed; 1 does not conform; 2 usage, or a file cannot be written; 3 the target
could not be run at all.
`

func help(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("help", flag.ContinueOnError)
	if err := parse(flags, args, helpHelp, 1, stdout); err != nil {
		return failed(stderr, err)
	}
	if flags.NArg() == 0 {
		printHelp(stdout)
		return conforms
	}
	c, err := lookup(flags.Arg(0))
	if err != nil {
		return complain(stderr, usage, err)
	}
	return c.run([]string{"--help"}, stdout, stderr)
}

func printHelp(w io.Writer) {
	fmt.Fprint(w, helpHead)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, helpTail)
}
