package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"credence/cmd/mutants/active"
	"credence/conformance"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shim/process"
	"credence/vectors"
)

// where is the part of the suite or of the reference in which a change is judged; "" is all of it.
type where struct {
	Set  string `json:"set,omitempty"`  // only tests of this parameter set
	Role string `json:"role,omitempty"` // the change is switched on while a device of this role works
}

// reach says of a test which sites it reaches, and how long it takes on the reference.
type reach struct {
	id      string
	sites   []byte // a byte for each site, 1 if it is reached
	seconds float64
}

// judge judges changes.
type judge struct {
	options
	all     *catalogue
	dir     string
	binary  string // with every switch
	vectors []*vectors.File
	surveys map[string][]reach // by role, in the order in which tests are tried

	mutex sync.Mutex
	last  map[string][]string // the tests that have killed changes of a function, the newest first
}

func newJudge(all *catalogue, files []*instrumented, dir string, o options) (j *judge, err error) {
	j = &judge{options: o, all: all, dir: dir, surveys: map[string][]reach{}, last: map[string][]string{}}
	texts := map[string]string{}
	for _, f := range files {
		texts[f.path] = f.text
	}
	if j.binary, err = build(dir, texts); err != nil {
		return nil, err
	}
	j.vectors, err = vectors.Load()
	return j, err
}

// run runs tests on a shim, and calls done after each until it returns false.
func (j *judge) run(command string, ids []string, done func(verdict.TestResult) bool) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := conformance.Run(ctx, conformance.Options{
		Vectors: j.vectors, Tests: ids, Seed: 1, Budget: j.budget, Jobs: 1,
		Progress: func(p conformance.Progress) {
			if ctx.Err() == nil && !done(p.Last) {
				cancel()
			}
		},
		Start: func(ctx context.Context) (shim.Target, error) {
			return process.Start(ctx, command, process.Options{Timeout: 20 * time.Second})
		},
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// survey runs every test on the reference without a change, unless that was done, and notes what it reaches while a
// device of a role works.
func (j *judge) survey(role string) error {
	if j.surveys[role] != nil {
		return nil
	}
	infos, err := conformance.List(j.vectors)
	if err != nil {
		return err
	}
	var ids []string
	for _, t := range infos {
		if j.tests.MatchString(t.ID) && !j.spare.MatchString(t.ID) {
			ids = append(ids, t.ID)
		}
	}
	path := filepath.Join(j.dir, "reach"+role)
	if err := os.WriteFile(path, make([]byte, j.all.sites), 0o600); err != nil {
		return err
	}
	var tests []reach
	var failed []string
	began := time.Now()
	command := environment(active.Role, role) + environment(active.Reach, path) + j.binary
	err = j.run(command, ids, func(r verdict.TestResult) bool {
		sites, err := os.ReadFile(path)
		if err != nil || os.WriteFile(path, make([]byte, len(sites)), 0o600) != nil {
			return false
		}
		if len(tests) > 0 {
			for i, b := range tests[0].sites { // what is reached when the shim starts has an effect on every test
				sites[i] |= b
			}
		}
		if r.Status != verdict.Passed {
			failed = append(failed, r.ID)
		}
		tests = append(tests, reach{r.ID, sites, time.Since(began).Seconds()})
		began = time.Now()
		return true
	})
	if len(failed) > 0 {
		return fmt.Errorf("the reference fails %s", strings.Join(failed, ", "))
	}
	slices.SortStableFunc(tests, func(a, b reach) int { return cmp.Compare(a.seconds, b.seconds) })
	j.surveys[role] = tests
	return err
}

// environment returns the beginning of a command that sets a variable, or nothing.
func environment(name, value string) string {
	if value == "" {
		return ""
	}
	return "env " + name + "=" + value + " "
}

// judge runs the tests that reach a change until one fails.
func (j *judge) judge(c *change, w where) (result, error) {
	r := result{
		Path: c.path, Line: c.line, Function: c.function, Was: c.was, Becomes: c.becomes, Nth: c.nth,
		Requirements: c.requirements, where: w, Fate: survived,
	}
	ids := j.reaching(c, w)
	if len(ids) == 0 {
		r.Fate = unreached
		return r, nil
	}
	command := j.binary
	if c.constant != "" {
		dir, err := os.MkdirTemp(j.dir, "constant")
		if err != nil {
			return r, err
		}
		defer os.RemoveAll(dir)
		if command, err = build(dir, map[string]string{c.path: c.constant}); err != nil {
			r.Fate = unviable
			return r, nil
		}
	}
	began := time.Now()
	command = environment(active.Role, w.Role) + environment(active.Mutant, strconv.Itoa(c.id)) + command
	err := j.run(command, ids, func(t verdict.TestResult) bool {
		if t.Status != verdict.Passed { // on the reference every one passes
			r.Fate, r.By = killed, t.ID
		}
		return r.By == "" && time.Since(began) < j.patience
	})
	if errors.Is(err, conformance.ErrTarget) {
		r.Fate, r.By, err = killed, "shim/hello", nil
	}
	r.Seconds = time.Since(began).Seconds()
	j.remember(c, r.By)
	return r, err
}

// reaching returns the tests that reach a change: first those that killed others of its function, then the quickest.
func (j *judge) reaching(c *change, w where) (ids []string) {
	j.mutex.Lock()
	first := slices.Clone(j.last[c.path+c.function])
	j.mutex.Unlock()
	for _, t := range j.surveys[w.Role] {
		if w.Set != "" && setOf(t.id) != w.Set {
			continue
		}
		if slices.ContainsFunc(j.all.of[c.id], func(site int) bool { return t.sites[site] != 0 }) {
			ids = append(ids, t.id)
		}
	}
	rank := func(id string) int {
		if i := slices.Index(first, id); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortStableFunc(ids, func(a, b string) int { return rank(a) - rank(b) })
	return ids
}

// setOf returns the parameter set of a test, which is the second part of its id.
func setOf(id string) string {
	_, rest, _ := strings.Cut(id, "/")
	set, _, _ := strings.Cut(rest, "/")
	return set
}

// remember notes which test killed a change of a function.
func (j *judge) remember(c *change, by string) {
	if by == "" {
		return
	}
	j.mutex.Lock()
	defer j.mutex.Unlock()
	key := c.path + c.function
	j.last[key] = slices.Insert(slices.DeleteFunc(j.last[key], func(id string) bool { return id == by }), 0, by)
}
