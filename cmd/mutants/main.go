// Command mutants makes small changes of the reference, one at a time, and runs the suite on each: what the suite does
// not see is a hole in it, unless the change alters nothing that SPEC.md speaks of.
//
//	mutants [-run REGEXP] [-tests REGEXP] [-every N] [-shard I/N] [-again FILE] [-out FILE]   judge
//	mutants -check [-every N]                                                   judge a sample, and former survivors
//	mutants -rules [-run REGEXP] [-out FILE]    take each rule away in one set, and in one role of a device
//	mutants -docs FILE RESULTS...               write the page of results, of all shards together
//
// The reference shim is built once, with a switch at every place that a change touches (go build -overlay); what
// declares constants is built for each change. One run of the suite notes which test reaches which switch. A change is
// then judged by the tests that reach it, over the shim boundary, until one fails; not a single Go test takes part.
// Exit status: 0 every survivor is explained in explained.json, 1 one is not, 2 usage, or the reference does not build.
// With -check, those that open.txt lists are not judged.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"credence/conformance/verdict"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags.
type options struct {
	match, tests, spare *regexp.Regexp
	every               int
	shard               verdict.Shard
	jobs                int
	out, again          string
	budget, patience    time.Duration
	check, rules, list  bool
	docs                string
	results             []string // files
	known               explained
}

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		return 2
	}
	code, err := o.run(stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "mutants:", err)
		return 2
	}
	return code
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(stderr)
	pattern := func(name, usage string) *string { return flags.String(name, "", usage) }
	match := pattern("run", "only changes that match this `regexp`, as they are printed")
	tests := pattern("tests", "only tests whose id matches this `regexp`")
	spare := pattern("spare", "no tests whose id matches this `regexp`")
	flags.IntVar(&o.every, "every", 1, "judge every `n`th change")
	shard := pattern("shard", "judge only part `I/N`")
	flags.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "judge `n` changes at the same time")
	flags.StringVar(&o.out, "out", "", "write a line of JSON for each change to this `file`")
	flags.StringVar(&o.again, "again", "", "leave out the changes that are killed in the results in this `file`")
	flags.DurationVar(&o.budget, "budget", 0, "of the property tests, as in credence run")
	flags.DurationVar(&o.patience, "patience", time.Hour, "a change survives when it has lived for so long a `time`")
	flags.BoolVar(&o.check, "check", false, "judge every nth change, and all former survivors")
	flags.BoolVar(&o.rules, "rules", false, "take away each rule that the reference cites, in one set and in one role")
	flags.BoolVar(&o.list, "list", false, "list the changes")
	flags.StringVar(&o.docs, "docs", "", "write the results in the named files as Markdown to this `file`")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.results = flags.Args()
	for _, p := range []struct {
		text string
		into **regexp.Regexp
	}{{*match, &o.match}, {*tests, &o.tests}, {*spare, &o.spare}} {
		if *p.into, err = regexp.Compile(p.text); err != nil {
			fmt.Fprintln(stderr, "mutants:", err)
			return o, err
		}
	}
	if *spare == "" {
		o.spare = regexp.MustCompile(`^$`)
	}
	if *shard != "" {
		if o.shard, err = verdict.ParseShard(*shard); err != nil {
			fmt.Fprintln(stderr, "mutants:", err)
		}
	}
	return o, err
}

func (o options) run(stdout, stderr io.Writer) (int, error) {
	all, files, err := instrument()
	if err != nil {
		return 2, err
	}
	if o.known, err = readExplained(); err != nil {
		return 2, err
	}
	switch {
	case o.docs != "":
		return 0, writeDocs(o.docs, o.results, all, o.known)
	case o.list:
		chosen, err := o.chosen(all)
		for _, c := range chosen {
			fmt.Fprintln(stdout, c)
		}
		return 0, err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 2, err
	}
	defer os.RemoveAll(dir)
	j, err := newJudge(all, files, dir, o)
	if err != nil {
		return 2, err
	}
	record, err := newRecorder(o.out, o.known, stdout, stderr)
	if err != nil {
		return 2, err
	}
	chosen, err := o.chosen(all)
	switch {
	case err != nil:
	case o.rules:
		err = o.judgeRules(j, chosen, record)
	default:
		err = o.judge(j, chosen, record)
	}
	return record.end(), err
}

// chosen returns the changes that the options name, in an order that mixes the packages.
func (o options) chosen(all *catalogue) (chosen []*change, err error) {
	dead := map[string]bool{}
	if o.again != "" {
		results, err := readResults([]string{o.again})
		if err != nil {
			return nil, err
		}
		for _, r := range results {
			dead[r.change().key()] = r.Fate == killed
		}
	}
	n := 0
	for _, c := range all.changes {
		if !all.possible(c) || !o.match.MatchString(c.String()) || dead[c.key()] {
			continue
		}
		if n%o.every == 0 && o.shard.Has(n/o.every) || o.check && slices.Contains(former, c.key()) {
			chosen = append(chosen, c)
		}
		n++
	}
	if o.check { // those that live are known
		chosen = slices.DeleteFunc(chosen, func(c *change) bool {
			return o.known.reason(c, where{}) != "" || slices.Contains(open, c.key())
		})
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	return chosen, nil
}

// judge judges changes, several at a time.
func (o options) judge(j *judge, changes []*change, record *recorder) error {
	if err := j.survey(""); err != nil {
		return err
	}
	record.total += len(changes)
	return forAll(o.jobs, changes, func(c *change) error {
		r, err := j.judge(c, where{})
		if err == nil {
			record.add(r)
		}
		return err
	})
}

// forAll calls f for each of a list, several at a time, and returns the errors.
func forAll[T any](jobs int, list []T, f func(T) error) error {
	errs := make([]error, len(list))
	next := make(chan int)
	var group sync.WaitGroup
	for range max(jobs, 1) {
		group.Go(func() {
			for i := range next {
				errs[i] = f(list[i])
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	group.Wait()
	return errors.Join(errs...)
}

// recorder writes results as they come, and says how far a run is.
type recorder struct {
	known          explained
	stdout, stderr io.Writer
	file           *os.File
	mutex          sync.Mutex
	total, done    int
	counts         map[fate]int
	unexplained    int
	began, said    time.Time
}

func newRecorder(path string, known explained, stdout, stderr io.Writer) (r *recorder, err error) {
	now := time.Now()
	r = &recorder{known: known, stdout: stdout, stderr: stderr, counts: map[fate]int{}, began: now, said: now}
	if path != "" {
		r.file, err = os.Create(path)
	}
	return r, err
}

func (r *recorder) add(x result) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.done++
	r.counts[x.Fate]++
	if x.lives() && r.known.reason(x.change(), x.where) == "" {
		r.unexplained++
		fmt.Fprintln(r.stdout, strings.ToUpper(string(x.Fate)), x)
	}
	if r.file != nil {
		line, _ := json.Marshal(x) // it has strings and numbers only
		_, _ = r.file.Write(append(line, '\n'))
	}
	if time.Since(r.said) > 10*time.Second {
		r.said = time.Now()
		after := time.Since(r.began).Round(time.Second)
		fmt.Fprintf(r.stderr, "%d of %d after %s: %s\n", r.done, r.total, after, counted(r.counts))
	}
}

// end prints the sum, and returns the exit status.
func (r *recorder) end() int {
	if r.file != nil {
		_ = r.file.Close() // a result that is missing is seen by its reader
	}
	fmt.Fprintf(
		r.stdout, "%d changes in %s: %s; %d survivors without an explanation\n", r.done,
		time.Since(r.began).Round(time.Second), counted(r.counts), r.unexplained,
	)
	if r.unexplained > 0 {
		return 1
	}
	return 0
}

func counted(counts map[fate]int) string {
	var parts []string
	for _, f := range []fate{killed, survived, unreached, unviable} {
		parts = append(parts, fmt.Sprintf("%d %s", counts[f], f))
	}
	return strings.Join(parts, ", ")
}
