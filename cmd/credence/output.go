package main

import (
	"fmt"
	"io"
	"os"
)

// outputs are the report files, opened before the run, so that a wrong path is known at once.
type outputs struct{ json, junit io.WriteCloser }

func (o *runOptions) openOutputs() (f outputs, err error) {
	if f.json, err = o.open(o.json); err != nil {
		return f, fmt.Errorf("--json: %w; give a file that can be written", err)
	}
	if f.junit, err = o.open(o.junit); err != nil {
		return f, fmt.Errorf("--junit: %w; give a file that can be written", err)
	}
	return f, nil
}

func (o *runOptions) open(path string) (io.WriteCloser, error) {
	switch path {
	case "":
		return nil, nil
	case "-":
		return keepOpen{o.stdout}, nil
	}
	return os.Create(path)
}

// keepOpen is standard output, which is not ours to close.
type keepOpen struct{ io.Writer }

// Close does nothing.
func (keepOpen) Close() error { return nil }

// isTerminal tells whether w is a character device.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func wantsColor(w io.Writer) bool { return isTerminal(w) && os.Getenv("NO_COLOR") == "" }
