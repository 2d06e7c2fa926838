package main

import (
	"flag"
	"fmt"
	"io"

	"credence/report"
	"credence/study/claims"
)

const claimsHelp = `usage: credence claims [--format text|json|markdown|svg]

Runs four designs for users with several devices (a single device, leader, multiplication, ambassador), and prints what each keeps
of what is claimed for them, and what a message costs. Every cell is measured; json and markdown have the evidence. svg draws what
the attacker of a device's state reads of one conversation in each.

Exit status: 0 printed, 2 usage.
`

func compareClaims(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("claims", flag.ContinueOnError)
	format := flags.String("format", "text", "the `format`: text, json, markdown or svg")
	if err := parse(flags, args, claimsHelp, 0, stdout); err != nil {
		return failed(stderr, err)
	}
	if *format == "svg" {
		story, err := claims.Tell(claims.Contenders())
		if err == nil {
			err = report.Designs(stdout, story)
		}
		if err != nil {
			return complain(stderr, usage, err)
		}
		return conforms
	}
	render, ok := map[string]func(*claims.Table, io.Writer) error{
		"text": (*claims.Table).Text, "json": (*claims.Table).JSON, "markdown": (*claims.Table).Markdown,
	}[*format]
	if !ok {
		return complain(stderr, usage, fmt.Errorf("--format %q: text, json, markdown or svg", *format))
	}
	t, err := claims.Measure(claims.Contenders())
	if err == nil {
		err = render(t, stdout)
	}
	if err != nil {
		return complain(stderr, usage, err)
	}
	return conforms
}
