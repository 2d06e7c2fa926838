package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"credence/conformance"
	"credence/conformance/verdict"
	"credence/report"
)

const mergeHelp = `usage: credence merge [options] REPORT...

Joins the JSON reports of the shards of one run, or of one fuzzing campaign, and prints the verdict on the whole. Of a test that
is in several reports the worst outcome counts. The reports must be of the same target, suite and seed.

Exit status: 0 conforms; 1 does not conform; 2 usage, or a file is no report or does not belong to the others.
`

func merge(args []string, stdout, stderr io.Writer) int {
	o := &runOptions{stdout: stdout, stderr: stderr}
	flags := flag.NewFlagSet("merge", flag.ContinueOnError)
	o.addOutputs(flags)
	o.gate.add(flags)
	err := parse(flags, args, mergeHelp, len(args), stdout)
	if err == nil && flags.NArg() == 0 {
		err = errors.New("merge takes the files of JSON reports (see credence merge --help)")
	}
	if err == nil {
		err = errors.Join(o.checkOutputs(), o.gate.check())
	}
	if err != nil {
		return failed(stderr, err)
	}
	var reports []*verdict.Report
	for _, path := range flags.Args() {
		r, err := readShard(path)
		if err != nil {
			return complain(stderr, usage, err)
		}
		reports = append(reports, r)
	}
	tests, err := conformance.List(nil)
	if err != nil {
		return complain(stderr, usage, err)
	}
	whole, err := verdict.Merge(reports, tests)
	if err != nil {
		return complain(stderr, usage, err)
	}
	if err := errors.Join(o.openOutputs(), o.judge(whole)); err != nil {
		return complain(stderr, usage, err)
	}
	if err := o.write(whole, false); err != nil {
		return complain(stderr, usage, err)
	}
	return status(whole)
}

func readShard(path string) (*verdict.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := report.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
