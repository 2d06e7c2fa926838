package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// vectorTests matches the tests of vector files.
var vectorTests = regexp.MustCompile(
	`/(agree|session|decode|initiate|verify|open|respond|seal|root|sign|follower|chain|accumulate|next|first|scenario)/`,
)

// command is a whole command of the project, and the time that it may take.
type command struct {
	name  string
	words []string
	limit time.Duration // 0 is none
	took  time.Duration
}

// timeCommands builds and runs the commands in the project's directory.
func (o options) timeCommands(stdout io.Writer) ([]command, error) {
	for _, name := range []string{"credence", "vecgen", "zoo"} {
		if out, err := exec.Command(
			"go", "build", "-C", "..", "-o", "build/"+name, "./cmd/"+name,
		).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", name, err, out)
		}
	}
	if out, err := exec.Command(
		"go", "build", "-C", "../shims/reference", "-o", abs("../build/shims/reference"), ".",
	).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the shim of the reference: %w: %s", err, out)
	}
	commands := []command{
		{name: "`credence run --target reference`", words: []string{"build/credence", "run", "--target", "reference"},
			limit: 30 * time.Second},
		{name: "`credence run --shim build/shims/reference`",
			words: []string{"build/credence", "run", "--shim", "build/shims/reference"}},
		{name: "the vectors alone",
			words: []string{"build/credence", "run", "--target", "reference", "--run", vectorTests.String()},
			limit: 3 * time.Second},
		{name: "`vecgen -check`", words: []string{"build/vecgen", "-check"}, limit: 5 * time.Second},
	}
	if o.zoo {
		commands = append(commands, command{name: "`make zoo`", words: []string{"build/zoo"}, limit: 10 * time.Minute})
	}
	for i := range commands {
		c := &commands[i]
		fmt.Fprintf(stdout, "bench: %s\n", c.name)
		run := exec.Command(c.words[0], c.words[1:]...)
		run.Dir = ".."
		started := time.Now()
		if out, err := run.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", c.name, err, out)
		}
		c.took = time.Since(started)
	}
	return commands, nil
}

// sample is the resident memory at a time.
type sample struct {
	after time.Duration
	bytes uint64
}

// watchMemory runs a campaign on the reference and looks at its memory a hundred times.
func watchMemory(long time.Duration, stdout io.Writer) ([]sample, error) {
	fmt.Fprintf(stdout, "bench: a campaign of %s\n", long)
	c := exec.Command(
		"build/credence", "fuzz", "--target", "reference", "--time", long.String(), "--seeds", "fuzz/corpus",
	)
	c.Dir = ".."
	if err := c.Start(); err != nil {
		return nil, err
	}
	var samples []sample
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	started := time.Now()
	for tick := time.NewTicker(long / 100); ; {
		select {
		case err := <-ended:
			tick.Stop()
			return samples, err
		case <-tick.C:
			if bytes, ok := resident(c.Process.Pid); ok {
				samples = append(samples, sample{time.Since(started), bytes})
			}
		}
	}
}

// resident returns the resident memory of a process in bytes, where the system tells it as Linux does.
func resident(pid int) (uint64, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	return pages * uint64(os.Getpagesize()), err == nil
}
