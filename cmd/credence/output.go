package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"credence/conformance/verdict"
	"credence/report"
)

// output is a report in a file, which is opened before the run, so that a wrong path is known at once.
type output struct {
	name   string // of the option
	what   string
	render func(io.Writer, *verdict.Report, report.Options) error
	path   string // "" is none, - is standard output
	file   io.WriteCloser
}

// newOutputs returns the reports that there are.
func newOutputs() []*output {
	return []*output{
		{name: "json", what: "a JSON report",
			render: func(w io.Writer, r *verdict.Report, _ report.Options) error { return report.JSON(w, r) }},
		{name: "junit", what: "a JUnit report",
			render: func(w io.Writer, r *verdict.Report, _ report.Options) error { return report.JUnit(w, r) }},
		{name: "html", what: "a page for people", render: report.HTML},
		{name: "markdown", what: "a summary for the page of a CI job, in Markdown,", render: report.Markdown},
		{name: "badge", what: "the verdict as a shields.io endpoint", render: report.Badge},
	}
}

// addOutputs adds the options that name the files.
func (o *runOptions) addOutputs(flags *flag.FlagSet) {
	o.outputs = newOutputs()
	for _, f := range o.outputs {
		flags.StringVar(&f.path, f.name, "", "write "+f.what+" to this `file`; - is standard output")
	}
}

// checkOutputs refuses two reports in one file.
func (o *runOptions) checkOutputs() error {
	names := map[string]string{}
	for _, f := range o.outputs {
		path := filepath.Clean(f.path)
		if other := names[path]; f.path != "" && other != "" {
			return fmt.Errorf("--%s and --%s cannot both go to %q", other, f.name, f.path)
		}
		names[path] = f.name
	}
	return nil
}

func (o *runOptions) openOutputs() (err error) {
	for _, f := range o.outputs {
		switch f.path {
		case "":
		case "-":
			f.file = keepOpen{o.stdout}
		default:
			if f.file, err = os.Create(f.path); err != nil {
				return fmt.Errorf("--%s: %w; give a file that can be written", f.name, err)
			}
		}
	}
	return nil
}

// people is where text for people goes: to standard error if a report has standard output.
func (o *runOptions) people() io.Writer {
	for _, f := range o.outputs {
		if f.path == "-" {
			return o.stderr
		}
	}
	return o.stdout
}

// writeOutputs writes and closes the files.
func (o *runOptions) writeOutputs(r *verdict.Report, options report.Options) (err error) {
	for _, f := range o.outputs {
		if f.file != nil {
			err = errors.Join(err, f.render(f.file, r, options), f.file.Close())
		}
	}
	return err
}

// keepOpen is standard output, which is not ours to close.
type keepOpen struct{ io.Writer }

// Close does nothing.
func (keepOpen) Close() error { return nil }

// isTerminal reports whether w is a character device.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func wantsColor(w io.Writer) bool { return isTerminal(w) && os.Getenv("NO_COLOR") == "" }
