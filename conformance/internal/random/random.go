// Package random plays many random schedules on a target, each judged by every invariant.
package random

import (
	"context"
	"fmt"
	"sync"
	"time"

	"credence/conformance/internal/player"
	"credence/conformance/internal/schedule"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
)

// Options shape a run.
type Options struct {
	Start    func(context.Context) (shim.Target, error) // starts one target
	Seed     uint64
	Jobs     int              // targets that run at the same time; below 1 is 1
	Levels   []scenario.Level // in this order
	Count    int              // of schedules of each level
	Progress func(Tally)      // called after every schedule, if not nil, never twice at once
}

// Tally is what was played of a level.
type Tally struct {
	Level     scenario.Level
	Schedules int
	Focuses   map[string]int // schedules of each
	Seconds   float64
}

// Run plays random schedules until one is wrong. Schedule n of a seed is the same in every run. It returns what was
// played, and the first schedule that is wrong, made as small as it can be. Its errors are suite.ErrTarget,
// suite.ErrNoMatch if the target has nothing of a level, and that of the context.
func Run(ctx context.Context, o Options) (tallies []Tally, wrong *verdict.TestResult, err error) {
	var players []*player.Player
	defer func() {
		for _, p := range players {
			p.Close()
		}
	}()
	for range max(o.Jobs, 1) {
		p, err := player.New(ctx, o.Seed, o.Start)
		if err != nil {
			return nil, nil, err
		}
		players = append(players, p)
	}
	for _, level := range o.Levels {
		kinds := kindsOf(players[0].Hello(), level)
		if kinds == nil {
			return tallies, nil, fmt.Errorf("%w: the target has nothing of level %s", suite.ErrNoMatch, level)
		}
		r := &run{Options: o, kinds: kinds, began: time.Now(), tally: Tally{Level: level, Focuses: map[string]int{}}}
		err := r.play(ctx, players)
		tallies = append(tallies, r.tally)
		if r.wrong != nil || err != nil {
			return tallies, r.wrong, err
		}
	}
	return tallies, nil, nil
}

// run is what the workers of a level share.
type run struct {
	Options
	kinds families
	began time.Time

	mutex sync.Mutex
	next  int
	tally Tally
	wrong *verdict.TestResult
	err   error
}

// play plays the schedules of a level.
func (r *run) play(ctx context.Context, players []*player.Player) error {
	var workers sync.WaitGroup
	for _, p := range players {
		workers.Go(func() {
			for n := r.take(); n >= 0 && ctx.Err() == nil; n = r.take() {
				k := r.kinds.at(n)
				r.done(k, n, p)
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return r.err
}

// take returns the number of the next schedule, or -1.
func (r *run) take() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.next >= r.Count || r.wrong != nil || r.err != nil {
		return -1
	}
	r.next++
	return r.next - 1
}

// done plays a schedule and counts it. One that is wrong is made small.
func (r *run) done(k kind, n int, p *player.Player) {
	s := k.draw(r.Seed, n)
	play, err := p.Play(s)
	var wrong *verdict.TestResult
	if err == nil && play.Result.Status != verdict.Passed {
		var small verdict.TestResult
		small, err = schedule.Smallest(s, play.Result, func(smaller *scenario.Scenario) (verdict.TestResult, error) {
			play, err := p.Play(smaller)
			return play.Outcome(), err
		})
		wrong = &small
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.tally.Schedules++
	r.tally.Focuses[k.focus]++
	r.tally.Seconds = time.Since(r.began).Seconds()
	if r.wrong == nil {
		r.wrong = wrong
	}
	if r.err == nil {
		r.err = err
	}
	if r.Progress != nil {
		r.Progress(r.tally)
	}
}
