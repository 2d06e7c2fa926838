// Package search plays every schedule up to a length on a target.
package search

import (
	"context"
	"fmt"
	"sync"
	"time"

	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
)

// Options shape an exhaustive search.
type Options struct {
	Start    func(context.Context) (shim.Target, error) // starts one target
	Seed     uint64
	Jobs     int                // targets that run at the same time; below 1 is 1
	From     *scenario.Scenario // its events come before every schedule
	Depth    int                // events of the longest schedules
	Events   []string           // of accounts: the Groups of events that happen
	Progress func(Count)        // called when a depth is done, if not nil
}

// Count is how far a search has come.
type Count struct {
	Depth     int // events of the longest schedules
	Schedules int // that were played and whose last event did something
	States    int // different ones that they have come to; between two parties each schedule has its own
	Seconds   float64
}

// Run plays every schedule of up to Depth events on a target: for two parties every order of sending and reading, with
// copies of both states after every event; for accounts, in a world with faults, every order of the events of some
// groups. A schedule of accounts that comes to a state to which another one has come is not gone on with, and its end
// is not judged again. Run returns how far it came, and the first schedule that is wrong; with several jobs, which of
// several is chance. Its errors are suite.ErrTarget and that of the context.
func Run(ctx context.Context, o Options) (count Count, failure *verdict.TestResult, err error) {
	workers, err := startAll(ctx, o)
	if err != nil {
		return count, nil, err
	}
	defer closeAll(workers)
	began := time.Now()
	known := &states{seen: map[[32]byte]bool{}}
	frontier := playAll(ctx, workers, known, [][]scenario.Event{nil})
	if failure := frontier[0].failure; failure != nil {
		return count, failure, ctx.Err()
	}
	for count.Depth < o.Depth && len(frontier) > 0 {
		played := playAll(ctx, workers, known, o.longer(frontier))
		frontier = nil
		for _, p := range played {
			if ctx.Err() != nil {
				return count, nil, ctx.Err()
			}
			if p.failure != nil {
				return count, p.failure, nil
			}
			if p.applied {
				count.Schedules++
			}
			if p.applied && p.isNew {
				count.States++
				frontier = append(frontier, p)
			}
		}
		count.Depth, count.Seconds = count.Depth+1, time.Since(began).Seconds()
		if o.Progress != nil {
			o.Progress(count)
		}
	}
	return count, nil, nil
}

// startAll starts a target for each job.
func startAll(ctx context.Context, o Options) (workers []*worker, err error) {
	for range max(o.Jobs, 1) {
		target, h, err := suite.Start(ctx, o.Start)
		if err != nil {
			closeAll(workers)
			return nil, fmt.Errorf("%w: %w", suite.ErrTarget, err)
		}
		workers = append(workers, &worker{from: o.From, seed: o.Seed, target: target, hello: h, start: o.Start})
	}
	return workers, nil
}

func closeAll(workers []*worker) {
	for _, w := range workers {
		w.target.Close()
	}
}

// playAll plays the schedules, each on the next target that is free. After the first failure it plays no more.
func playAll(ctx context.Context, workers []*worker, known *states, schedules [][]scenario.Event) []outcome {
	out := make([]outcome, len(schedules))
	going, stop := context.WithCancel(ctx)
	defer stop()
	next := make(chan int)
	var group sync.WaitGroup
	for _, w := range workers {
		group.Go(func() {
			for i := range next {
				out[i] = w.play(ctx, known, schedules[i])
				if out[i].failure != nil {
					stop()
				}
			}
		})
	}
	for i := range schedules {
		select {
		case next <- i:
		case <-going.Done():
		}
	}
	close(next)
	group.Wait()
	return out
}
