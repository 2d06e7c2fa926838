// Command vecgen writes the vectors from the reference, with fixed randomness, so that the same program always writes
// the same bytes.
//
//	vecgen            rewrite vectors/*.json
//	vecgen -check     write nothing; exit 1 and name the first difference
//
//	vecgen -withdraw WHY
//	                  the same, and take back the published tests that change or go
//
// The id of a test is never given to another test: vectors/manifest.json keeps the number and the hash of each. vecgen
// refuses to change or to drop a test that is in the manifest. With -withdraw such a test stays there with the
// reason, and in no file; the test that takes its place has the next free number, and the same id with -r2, or -r3, at
// its end. All others stay as they are, byte for byte. To do it over again, start from the manifest that is committed.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("vecgen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	check := flags.Bool("check", false, "write nothing; exit 1 and name the first difference")
	dir := flags.String("dir", "vectors", "the `directory` of the vectors")
	withdraw := flags.String("withdraw", "", "take back the published tests that change or go, and say `why`")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "vecgen: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	out, err := generate(*dir, *withdraw)
	if err != nil {
		fmt.Fprintln(stderr, "vecgen:", err)
		return 1
	}
	if *check {
		err = compare(*dir, out)
	} else {
		err = write(*dir, out)
	}
	if err != nil {
		fmt.Fprintln(stderr, "vecgen:", err)
		return 1
	}
	fmt.Fprintf(stdout, "vecgen: %s\n", out.summary)
	return 0
}
