// Package search plays every schedule up to a length on a target.
package search

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"credence/conformance/internal/schedule"
	"credence/conformance/internal/schedule/accounts"
	"credence/conformance/internal/schedule/parties"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
)

// Options shape an exhaustive search.
type Options struct {
	Start    func(context.Context) (shim.Target, error) // starts one target
	Seed     uint64
	Jobs     int                        // targets that run at the same time; below 1 is 1
	From     *scenario.Scenario         // its events come before every schedule
	Depth    int                        // events of the longest schedules
	Progress func(depth, schedules int) // called when a depth is done, if not nil
}

// Run plays every schedule of up to Depth events on a target: for two parties every order of sending and reading, with
// copies of both states after every event; for accounts every interleaving of making an entry, releasing it, and
// reading. Of schedules that differ only in the order of independent events, one is played. It returns the number of
// schedules, and the first one that is wrong. Its errors are suite.ErrTarget and that of the context.
func Run(ctx context.Context, o Options) (schedules int, failure *verdict.TestResult, err error) {
	workers, err := startAll(ctx, o)
	if err != nil {
		return 0, nil, err
	}
	defer closeAll(workers)
	frontier := [][]scenario.Event{nil}
	for depth := 1; depth <= o.Depth && len(frontier) > 0; depth++ {
		next := longer(o.From, frontier)
		played := playAll(ctx, workers, next)
		frontier = nil
		for i, p := range played {
			if ctx.Err() != nil {
				return schedules, nil, ctx.Err()
			}
			if p.failure != nil {
				return schedules, p.failure, nil
			}
			if p.applied {
				schedules++
				frontier = append(frontier, next[i])
			}
		}
		if o.Progress != nil {
			o.Progress(depth, schedules)
		}
	}
	return schedules, nil, nil
}

// worker plays schedules on a target of its own.
type worker struct {
	from   *scenario.Scenario
	seed   uint64
	target shim.Target
	hello  suite.Hello
}

// startAll starts a target for each job.
func startAll(ctx context.Context, o Options) (workers []worker, err error) {
	for range max(o.Jobs, 1) {
		target, h, err := suite.Start(ctx, o.Start)
		if err != nil {
			closeAll(workers)
			return nil, fmt.Errorf("%w: %w", suite.ErrTarget, err)
		}
		workers = append(workers, worker{o.From, o.Seed, target, h})
	}
	return workers, nil
}

func closeAll(workers []worker) {
	for _, w := range workers {
		w.target.Close()
	}
}

// outcome is what a schedule came to.
type outcome struct {
	applied bool                // its last event did something
	failure *verdict.TestResult // nil if nothing is wrong
}

// playAll plays the schedules, some of them on each target.
func playAll(ctx context.Context, workers []worker, schedules [][]scenario.Event) []outcome {
	out := make([]outcome, len(schedules))
	var group sync.WaitGroup
	for k, w := range workers {
		group.Go(func() {
			for i := k; i < len(schedules) && ctx.Err() == nil; i += len(workers) {
				out[i] = w.play(ctx, schedules[i])
			}
		})
	}
	group.Wait()
	return out
}

// play plays a schedule.
func (w worker) play(ctx context.Context, events []scenario.Event) outcome {
	s, last := complete(w.from, events)
	t := suite.NewT(ctx, "search", w.target, w.hello, suite.Random(w.seed, fmt.Sprint(events)))
	failure := t.Attempt(func() { judge(t, s) })
	if failure != nil {
		result := &verdict.TestResult{ID: "search"}
		failure.Judge(result)
		result.Scenario = s
		return outcome{failure: result}
	}
	return outcome{applied: !strings.HasSuffix(t.Played.Lines[last], schedule.DoesNotApply)}
}

// judge plays a scenario, in which nothing may go wrong and the attacker may read nothing that is secret.
func judge(t *suite.T, s *scenario.Scenario) {
	if s.Level == scenario.Ambassador {
		accounts.Play(t, s, false)
		return
	}
	p := parties.Play(t, s, parties.Options{Attacked: t.Hello.Exports()})
	schedule.MustHide(t, p, verdict.ForwardSecrecy, verdict.PostCompromise)
}
