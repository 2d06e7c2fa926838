// Package campaign fuzzes a target: it plays scenarios, new ones and changed ones of a corpus, until it is told to end.
package campaign

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"credence/conformance/internal/player"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
)

// Options shape a campaign.
type Options struct {
	Start      func(context.Context) (shim.Target, error) // starts one target
	Profiles   []string                                   // only these; nil is all
	Seed       uint64
	Shard      verdict.Shard        // only these executions
	Jobs       int                  // targets that run at the same time; below 1 is 1
	Duration   time.Duration        // ends the campaign; 0 does not
	Executions int                  // ends it too: the number of executions of all shards; 0 does not
	FirstOnly  bool                 // so does the first finding
	Memory     uint64               // bytes that a target may grow by before that is a finding; 0 is any number
	Corpus     []*scenario.Scenario // they are played first, and then changed
	Scenarios  string               // directory for the scenarios of findings; "" is nowhere
	Replay     string               // the command line that runs a scenario, up to its file

	// The functions are called if they are not nil, and never two of them at once.

	Seen   func(verdict.TestResult)    // with every finding at once, before it is made smaller
	Found  func(verdict.TestResult)    // with every finding
	New    func(scenario.Scenario)     // with a scenario that has behaviour that none before it had
	Status func(verdict.Campaign, int) // after every execution, with the number of findings
}

// campaign is what the workers share.
type campaign struct {
	Options
	kinds   []kind
	started time.Time

	mutex      sync.Mutex
	next       int
	ended      bool
	failed     error
	done       verdict.Campaign
	evidence   map[string]*verdict.Evidence    // by kind
	found      map[string][]verdict.TestResult // by kind
	findings   int
	known      map[string]bool // signatures of faults
	behaviours map[string]bool
}

func newCampaign(o Options, kinds []kind) *campaign {
	return &campaign{
		Options: o, kinds: kinds, started: time.Now(), known: map[string]bool{}, behaviours: map[string]bool{},
		evidence: map[string]*verdict.Evidence{}, found: map[string][]verdict.TestResult{},
	}
}

// Run plays scenarios on a target until it is told to end. Execution k is a function of the seed, k and the corpus
// alone, so that shards of one campaign can run anywhere. A target that dies, hangs or takes too much memory is
// started anew. Each fault is reported once, by a scenario that is as small as it could be made. It returns
// suite.ErrTarget, verdict.ErrUnknownProfile, suite.ErrNoMatch if the target has nothing to fuzz, or the error of
// the context; the report is then of what was done before, or nil.
func Run(ctx context.Context, o Options) (*verdict.Report, error) {
	if err := suite.CheckProfiles(o.Profiles); err != nil {
		return nil, err
	}
	players, err := o.players(ctx)
	if err != nil {
		return nil, err
	}
	h := players[0].Hello()
	c := newCampaign(o, kindsOf(h, o.Profiles))
	if len(c.kinds) == 0 {
		closeAll(players)
		return nil, fmt.Errorf("%w: the target offers no parameter set and profile that can be fuzzed",
			suite.ErrNoMatch)
	}
	var workers sync.WaitGroup
	for _, p := range players {
		workers.Go(func() { c.work(ctx, &worker{Player: p}) })
	}
	workers.Wait()
	return c.report(h), errors.Join(c.failed, ctx.Err())
}

// players starts a target for each job.
func (o Options) players(ctx context.Context) (all []*player.Player, err error) {
	for range max(o.Jobs, 1) {
		p, err := player.New(ctx, o.Seed, o.Start)
		if err != nil {
			closeAll(all)
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func closeAll(players []*player.Player) {
	for _, p := range players {
		p.Close()
	}
}

// work plays scenarios until the campaign ends.
func (c *campaign) work(ctx context.Context, w *worker) {
	defer w.Close()
	for n := c.take(); n >= 0 && ctx.Err() == nil; n = c.take() {
		if err := c.execute(ctx, w, n); err != nil {
			c.end(err)
			return
		}
	}
}

// execute plays scenario n. It returns suite.ErrTarget if the target does not start any more, and the error of the
// context.
func (c *campaign) execute(ctx context.Context, w *worker, n int) error {
	s, k := c.scenario(n)
	play, err := w.play(s)
	if err != nil {
		return err
	}
	c.note(k, s, play)
	if play.Result.Status == verdict.Passed {
		c.weigh(w, k, s)
		return nil
	}
	return c.finding(w, k, s, play.Outcome())
}

// take returns the number of the next execution, or -1.
func (c *campaign) take() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for !c.Shard.Has(c.next) {
		c.next++
	}
	if c.ended || c.Duration > 0 && time.Since(c.started) >= c.Duration || c.Executions > 0 && c.next >= c.Executions {
		return -1
	}
	c.next++
	return c.next - 1
}

// end ends the campaign with an error.
func (c *campaign) end(err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.ended, c.failed = true, errors.Join(c.failed, err)
}

// progress returns what was done so far.
func (c *campaign) progress() verdict.Campaign {
	c.done.Seconds = time.Since(c.started).Seconds()
	return c.done
}

// report returns the findings, and for every kind of scenario without one that it passed.
func (c *campaign) report(h suite.Hello) *verdict.Report {
	r := verdict.NewReport(h.Info(), c.Seed)
	done := c.progress()
	r.Campaign = &done
	for _, k := range c.kinds {
		for _, t := range c.found[k.id] {
			r.Add(t)
		}
		if e := c.evidence[k.id]; e != nil && c.found[k.id] == nil {
			r.Add(verdict.TestResult{ID: k.id, Profile: k.profile, Status: verdict.Passed, Evidence: e})
		}
	}
	return r
}
