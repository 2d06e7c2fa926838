package main

import (
	"errors"
	"flag"
	"io"
	"strings"

	"credence/study/demo"
)

const demoHelp = `usage: credence demo [--design DESIGN] [--seed N]

Walks through a conversation: Alice has a phone and two companions, Bob has two devices. After each step it shows what the
devices have read, what the other user has learned, what the post office has carried, and what it cost. All of it is real: the
messages are encrypted and decrypted by the reference.

The designs are single (one device a user), leader (the first device speaks for the others), multiplication (every device speaks
with every device) and ambassador (all devices speak with one voice; SPEC.md 7 to 14).

Exit status: 0 the story came to its end, 1 it did not, 2 usage.
`

func tellDemo(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	name := flags.String("design", "ambassador", "the `design`: "+strings.Join(demo.Designs(), ", "))
	seed := flags.Uint64("seed", 1, "`number` that all randomness of the story follows from")
	if err := parse(flags, args, demoHelp, 0, stdout); err != nil {
		return failed(stderr, err)
	}
	switch err := demo.Tell(stdout, *name, *seed); {
	case errors.Is(err, demo.ErrUnknownDesign):
		return complain(stderr, usage, err)
	case err != nil:
		return complain(stderr, doesNotConform, err)
	}
	return conforms
}
