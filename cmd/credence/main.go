// Command credence runs the conformance suite on an implementation of X3DH, the Double Ratchet and the Ambassador
// protocol.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"credence/report"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// Exit statuses.
const (
	conforms       = 0
	doesNotConform = 1
	usage          = 2
	noTarget       = 3
)

// command is a subcommand.
type command struct {
	name    string
	summary string
	run     func(args []string, stdout, stderr io.Writer) int
}

// commands are the subcommands, in the order of the help.
func commands() []command {
	return []command{
		{"run", "run the suite on a target and print the verdict", runSuite},
		{"replay", "run a scenario on a target: the timeline, and who could read what", replay},
		{"search", "play every schedule up to a depth on a target", search},
		{"fuzz", "play ever new scenarios on a target for a time", fuzz},
		{"init", "write the skeleton of a shim: go, python, typescript, rust, java, c", initShim},
		{"doctor", "tell the author of a shim what is missing next", doctor},
		{"merge", "join the reports of the shards of a run", merge},
		{"list", "list the tests, or the requirements with the tests of each", list},
		{"explain", "explain a requirement or a test", explain},
		{"demo", "walk through a conversation of users with several devices, in four designs", tellDemo},
		{"claims", "measure what four multi-device designs keep of what is claimed for them", compareClaims},
		{"completion", "print a completion script for bash, zsh or fish", completion},
		{"version", "print the version of the suite", version},
		{"help", "print this text, or the help of a command", help},
	}
}

// run is the command, without the process around it.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		return complain(stderr, usage, errors.New("no command; 'credence help' lists them"))
	}
	name := args[0]
	switch name {
	case "--help", "-help", "-h":
		name = "help"
	case "--version", "-version":
		name = "version"
	}
	c, err := lookup(name)
	if err != nil {
		return complain(stderr, usage, err)
	}
	return c.run(args[1:], stdout, stderr)
}

func lookup(name string) (command, error) {
	var names []string
	for _, c := range commands() {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	return command{}, fmt.Errorf("unknown command %q (there are %s)", name, strings.Join(names, ", "))
}

// complain writes one line, whatever is in the error, and gives the status.
func complain(stderr io.Writer, status int, err error) int {
	fmt.Fprintf(stderr, "credence: %s\n", report.Line(err.Error()))
	return status
}

// parse parses the flags of a subcommand, and takes up to positional arguments after them. On --help it prints the text
// and the flags, and gives flag.ErrHelp.
func parse(flags *flag.FlagSet, args []string, text string, positional int, stdout io.Writer) error {
	flags.SetOutput(io.Discard) // the caller prints errors in one line
	flags.Usage = func() {}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, text)
		printFlags(stdout, flags)
	case err == nil && flags.NArg() > positional:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(positional))
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return fmt.Errorf("%w (see credence %s --help)", err, flags.Name())
	}
	return err
}

// failed returns the status after an error of parse: asking for help is none.
func failed(stderr io.Writer, err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return conforms
	}
	return complain(stderr, usage, err)
}

// printFlags lists the flags with two dashes, as the documentation writes them.
func printFlags(w io.Writer, flags *flag.FlagSet) {
	first := true
	flags.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprint(w, "\nOptions:\n")
			first = false
		}
		value, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  %-22s %s\n", strings.TrimSpace("--"+f.Name+" "+strings.ToUpper(value)), text)
	})
}
