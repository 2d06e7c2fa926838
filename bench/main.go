// Command bench measures the reference and the harness, and writes docs/performance.md with its curves:
//
//	bench [-rounds N] [-benchtime D] [-long D] [-zoo] [-docs DIRECTORY] [-raw FILE]
//
// The work is in Go benchmarks, here and beside the shims of other libraries. Every round runs all of them once, one
// after the other, and a ratio is taken within a round: what disturbs the machine for a while disturbs both sides.
// Figures are medians of the rounds. The raw output is a file that benchstat reads. Exit status: 0 measured, whatever
// the figures are; 1 something failed; 2 usage.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags.
type options struct {
	rounds    int
	benchtime time.Duration
	long      time.Duration
	zoo       bool
	docs      string
	raw       string
}

func run(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", 10, "run every benchmark so often")
	flags.DurationVar(&o.benchtime, "benchtime", 100*time.Millisecond, "run a benchmark for so long in a round")
	flags.DurationVar(&o.long, "long", time.Minute, "watch the memory of a campaign for so long")
	flags.BoolVar(&o.zoo, "zoo", false, "time the run over all bugs of conformance/zoo too, which takes minutes")
	flags.StringVar(&o.docs, "docs", "", "write performance.md and its pictures to this `directory`")
	flags.StringVar(&o.raw, "raw", "../build/bench.txt", "write what the benchmarks print to this `file`")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 || o.rounds < 1 {
		fmt.Fprintln(
			stderr, "bench: usage: bench [-rounds N] [-benchtime D] [-long D] [-zoo] [-docs DIRECTORY] [-raw FILE]",
		)
		return 2
	}
	if err := o.bench(stdout); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

func (o options) bench(stdout io.Writer) error {
	f, err := o.measure(stdout)
	if err != nil {
		return err
	}
	commands, err := o.timeCommands(stdout)
	if err != nil {
		return err
	}
	memory, err := watchMemory(o.long, stdout)
	if err != nil {
		return err
	}
	r := &report{options: o, figures: f, commands: commands, memory: memory}
	text := r.markdown()
	fmt.Fprint(stdout, text)
	if o.docs == "" {
		return nil
	}
	return r.write(o.docs, text)
}
