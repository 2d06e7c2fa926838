package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"credence/conformance"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim/process"
	"credence/spec"
)

const searchHelp = `usage: credence search (--target reference | --shim 'COMMAND ARGS') [options]

Plays every schedule up to a depth, and says at each depth how many there were. At level ratchet: every order in which two parties
send and read, with a copy of both states after every event. At level ambassador: two accounts, alice and bob, in a world with
faults, and every order of the events of some groups:

  basis      make an entry, release it, and read, of every device
  loss       lose a commit that was made, or the answer to it; let it be late, and arrive
  prekeys    keep a bundle for the next start; publish new prekeys
  rotation   rotate, and add a device
  void       change the one-time prekey of the next bundle: its start is void
  abuse      bring an entry that is void, or one for a place that is taken

After each schedule the faults stop, everybody reads and writes, and what is promised for then is judged (docs/scenarios.md). A
schedule that comes to a state to which another one has come is not gone on with: accounts, and companions, are the same whatever
they are called. The first schedule that is wrong ends the search and is printed as a scenario.

Exit status: 0 nothing is wrong; 1 a schedule is; 2 usage; 3 the target could not be run at all.
`

// searchOptions are the options of credence search.
type searchOptions struct {
	*runOptions
	level, set, cadence string
	devices, depth      int
	events              string
}

func search(args []string, stdout, stderr io.Writer) int {
	o := &searchOptions{runOptions: &runOptions{stdout: stdout, stderr: stderr}}
	flags := flag.NewFlagSet("search", flag.ContinueOnError)
	flags.StringVar(&o.target, "target", "", "search a built-in `target`: reference")
	flags.StringVar(&o.shim, "shim", "", "search the shim that this `command` starts")
	flags.StringVar(&o.level, "level", "ambassador", "the `level`: ratchet or ambassador")
	flags.StringVar(&o.set, "set", spec.AmbassadorV1, "the parameter `set`, at level ratchet")
	flags.StringVar(&o.cadence, "cadence", "", "the `cadence`, at level ratchet: per-turn or per-message")
	flags.IntVar(&o.devices, "devices", 2, "`n` devices of each of the two accounts, at level ambassador")
	flags.IntVar(&o.depth, "depth", 4, "`n` events")
	flags.StringVar(
		&o.events, "events", "basis",
		"the `groups` of events, comma-separated, at level ambassador: "+strings.Join(conformance.SearchGroups, ", "),
	)
	flags.Uint64Var(&o.seed, "seed", 1, "seed `n` of the randomness of the suite")
	flags.IntVar(
		&o.jobs, "jobs", runtime.NumCPU(), "run `n` targets at the same time; the default is the number of CPUs",
	)
	flags.DurationVar(&o.timeout, "timeout", process.DefaultTimeout, "time `d` for one request to a shim")
	err := parse(flags, args, searchHelp, 0, stdout)
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return failed(stderr, err)
	}
	return o.run()
}

func (o *searchOptions) check() error {
	if err := o.checkTarget(); err != nil {
		return err
	}
	switch {
	case o.depth < 1 || o.depth > 12:
		return fmt.Errorf("--depth %d: from 1 to 12", o.depth)
	case o.devices < 1 || o.devices > 8:
		return fmt.Errorf("--devices %d: from 1 to 8", o.devices)
	case o.unknownGroup() != "":
		return fmt.Errorf("--events %q: there are %v", o.unknownGroup(), conformance.SearchGroups)
	case o.jobs < 1:
		return fmt.Errorf("--jobs %d: at least 1", o.jobs)
	}
	text, err := o.scenario().Encode()
	if err != nil {
		return err
	}
	_, err = scenario.Decode(text) // level, set and cadence
	return err
}

// groups are the groups of events.
func (o *searchOptions) groups() []string { return strings.Split(o.events, ",") }

func (o *searchOptions) unknownGroup() string {
	for _, g := range o.groups() {
		if !slices.Contains(conformance.SearchGroups, g) {
			return g
		}
	}
	return ""
}

// scenario is what every schedule begins with: two accounts, whose devices have read of each other.
func (o *searchOptions) scenario() *scenario.Scenario {
	s := &scenario.Scenario{Level: scenario.Level(o.level), Set: o.set, Cadence: o.cadence}
	if s.Level == scenario.Ambassador {
		s.Faults = true
		s.Users = []scenario.User{{Name: "alice", Devices: o.devices}, {Name: "bob", Devices: o.devices}}
		for _, u := range s.Users {
			for i := range max(o.devices-2, 0) {
				s.Events = append(s.Events, scenario.Event{Do: scenario.Read, By: fmt.Sprint(u.Name, "/", i+1)})
			}
		}
	}
	return s
}

func (o *searchOptions) run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c, wrong, err := conformance.Search(ctx, conformance.SearchOptions{
		Start: o.start, Seed: o.seed, Jobs: o.jobs, From: o.scenario(), Depth: o.depth, Events: o.groups(),
		Progress: func(c conformance.SearchCount) { fmt.Fprintln(o.stderr, "depth "+counted(c)) },
	})
	switch {
	case err != nil:
		return o.noReport(ctx, err)
	case wrong != nil:
		return o.wrong(c.Schedules, wrong)
	}
	fmt.Fprintf(o.stdout, "to depth %s, none of them wrong\n", counted(c))
	return conforms
}

func counted(c conformance.SearchCount) string {
	return fmt.Sprintf("%d: %d schedules, %d states, %.1f s", c.Depth, c.Schedules, c.States, c.Seconds)
}

// wrong prints a schedule that is wrong, and saves it.
func (o *searchOptions) wrong(n int, r *verdict.TestResult) int {
	r.Scenario.Comment = "search: " + r.Message
	text, err := r.Scenario.Encode()
	if err != nil {
		return complain(o.stderr, usage, err)
	}
	fmt.Fprintf(
		o.stdout, "%d schedules, then one that is wrong (%s): %s\nexpected %s\ngot      %s\n", n, r.Reason, r.Message,
		r.Expected, r.Got,
	)
	path := filepath.Join("credence-failures", "search.json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o644)); err != nil {
		fmt.Fprint(o.stdout, string(text))
		return complain(o.stderr, doesNotConform, fmt.Errorf("the scenario is not saved: %w", err))
	}
	fmt.Fprintf(o.stdout, "replay   %s replay %s %s\n", program(), o.which(), path)
	return doesNotConform
}
