package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"

	"credence/conformance"
	"credence/conformance/scenario"
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
they are called. The first schedule that is wrong ends the search and is saved as a scenario.

With --random it plays so many random schedules of each level instead, judged by every invariant: between two parties every focus in
every parameter set and cadence of the target; of accounts every focus, with copies of states and in a world with faults, in equal
shares. The first one that is wrong is made small and saved.

Exit status: 0 nothing is wrong; 1 a schedule is; 2 usage; 3 the target could not be run at all.
`

// searchOptions are the options of credence search.
type searchOptions struct {
	*runOptions
	level, set, cadence string
	devices, depth      int
	random              int
	events              string
}

func search(args []string, stdout, stderr io.Writer) int {
	o := &searchOptions{runOptions: &runOptions{stdout: stdout, stderr: stderr}}
	flags := flag.NewFlagSet("search", flag.ContinueOnError)
	flags.StringVar(&o.target, "target", "", "search a built-in `target`: reference")
	flags.StringVar(&o.shim, "shim", "", "search the shim that this `command` starts")
	flags.StringVar(&o.level, "level", "", "the `level`: ratchet, or ambassador, the default; with --random both")
	flags.IntVar(&o.random, "random", 0, "play `n` random schedules of each level instead of every one")
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
	case o.random < 0:
		return fmt.Errorf("--random %d: at least 1", o.random)
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
	s := &scenario.Scenario{Level: scenario.Level(cmp.Or(o.level, "ambassador")), Set: o.set, Cadence: o.cadence}
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
	if o.random > 0 {
		return o.randomly(ctx)
	}
	c, wrong, err := conformance.Search(ctx, conformance.SearchOptions{
		Start: o.start, Seed: o.seed, Jobs: o.jobs, From: o.scenario(), Depth: o.depth, Events: o.groups(),
		Progress: func(c conformance.SearchCount) { fmt.Fprintln(o.stderr, "depth "+counted(c)) },
	})
	switch {
	case err != nil:
		return o.noReport(ctx, err)
	case wrong != nil:
		return o.wrong(fmt.Sprintf("%d schedules, then one that is wrong", c.Schedules), wrong)
	}
	fmt.Fprintf(o.stdout, "to depth %s, none of them wrong\n", counted(c))
	return conforms
}

func counted(c conformance.SearchCount) string {
	return fmt.Sprintf("%d: %d schedules, %d states, %.1f s", c.Depth, c.Schedules, c.States, c.Seconds)
}
