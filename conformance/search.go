package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"credence/conformance/scenario"
	"credence/shim"
)

// SearchOptions shape an exhaustive search.
type SearchOptions struct {
	Options
	Start    *scenario.Scenario // its events come before every schedule
	Depth    int
	Progress func(depth, schedules int) // called when a depth is done, if not nil
}

// Search plays every schedule of up to Depth events on a target: for two parties every order of sending and reading, with copies
// of both states after every event; for accounts every interleaving of making an entry, releasing it, and reading. Of
// schedules that differ only in the order of independent events, one is played. It gives the number of schedules, and the
// first one that is wrong. It returns ErrTarget.
func Search(ctx context.Context, o SearchOptions) (schedules int, failure *TestResult, err error) {
	workers, closeAll, err := o.targets(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer closeAll()
	frontier := [][]scenario.Event{nil}
	for depth := 1; depth <= o.Depth && len(frontier) > 0; depth++ {
		next := o.longer(frontier)
		played := o.playAll(workers, next)
		frontier = nil
		for i, p := range played {
			if ctx.Err() != nil {
				return schedules, nil, ctx.Err()
			}
			if p.Result.Status != "" {
				return schedules, &p.Result, nil
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

// targets starts a target for each job.
func (o SearchOptions) targets(ctx context.Context) (workers []*tester, closeAll func(), err error) {
	var running []shim.Target
	closeAll = func() {
		for _, t := range running {
			t.Close()
		}
	}
	for range max(o.Jobs, 1) {
		target, h, err := o.Options.start(ctx)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("%w: %w", ErrTarget, err)
		}
		running = append(running, target)
		workers = append(workers, &tester{ctx: ctx, target: target, hello: h})
	}
	return workers, closeAll, nil
}

// searched is what a schedule came to: a result only if something is wrong.
type searched struct {
	applied bool // its last event did something
	Result  TestResult
}

func (o SearchOptions) playAll(workers []*tester, schedules [][]scenario.Event) []searched {
	out := make([]searched, len(schedules))
	var group sync.WaitGroup
	for w, t := range workers {
		group.Go(func() {
			for i := w; i < len(schedules) && t.ctx.Err() == nil; i += len(workers) {
				out[i] = o.playOne(t, schedules[i])
			}
		})
	}
	group.Wait()
	return out
}

// playOne plays a schedule. The events of the search are the last ones of the scenario, each followed by the copies.
func (o SearchOptions) playOne(t *tester, events []scenario.Event) searched {
	s := *o.Start
	s.Events = append([]scenario.Event{}, o.Start.Events...)
	last := 0
	for _, e := range events {
		last = len(s.Events)
		s.Events = append(s.Events, e)
		if s.Level == scenario.Ratchet {
			s.Events = append(s.Events, scenario.Event{Do: scenario.Compromise, By: "a"}, scenario.Event{Do: scenario.Compromise, By: "b"})
		}
	}
	t.random = testRandom(o.Seed, fmt.Sprint(events))
	p := newPlay()
	wrong := runRecovered(&testCase{run: func(t *tester) (err error) {
		if s.Level == scenario.Ambassador {
			p, err = t.playAmbassador(&s, false)
			return err
		}
		p, err = t.playRatchet(&s, false, t.hello.exports())
		return errors.Join(err, t.exposure(p, ForwardSecrecy), t.exposure(p, PostCompromise))
	}}, t)
	if wrong != nil {
		var result TestResult
		judge(&result, wrong)
		result.ID, result.Scenario = "search", &s
		return searched{false, result}
	}
	return searched{applied: !strings.HasSuffix(p.Lines[last], doesNotApply)}
}

// longer gives every schedule with one more event, of those that differ in the order of independent events only the first.
func (o SearchOptions) longer(schedules [][]scenario.Event) (out [][]scenario.Event) {
	for _, s := range schedules {
		for i, e := range o.events(s) {
			if n := len(s); n > 0 && independent(s[n-1], e) && o.position(s[:n-1], s[n-1]) > i {
				continue // the other order is played
			}
			out = append(out, append(append([]scenario.Event{}, s...), e))
		}
	}
	return out
}

// events gives the events that may come after a schedule.
func (o SearchOptions) events(before []scenario.Event) (all []scenario.Event) {
	if o.Start.Level == scenario.Ambassador {
		for _, u := range o.Start.Users {
			for i := range u.Devices {
				by := fmt.Sprint(u.Name, "/", i)
				for _, other := range o.Start.Users {
					if other != u {
						all = append(all, scenario.Event{Do: scenario.Make, By: by, To: other.Name})
					}
				}
				all = append(all, scenario.Event{Do: scenario.Release, By: by}, scenario.Event{Do: scenario.Read, By: by})
			}
		}
		return all
	}
	sent := map[string]int{}
	for _, e := range before {
		if e.Do == scenario.Send {
			sent[e.By]++
		}
	}
	all = append(all, scenario.Event{Do: scenario.Send, By: "a"}, scenario.Event{Do: scenario.Send, By: "b"})
	for _, direction := range []struct{ from, to string }{{"a", "b"}, {"b", "a"}} {
		for n := range sent[direction.from] {
			all = append(all, scenario.Event{Do: scenario.Deliver, By: direction.to, Message: fmt.Sprint(direction.from, n+1)})
		}
	}
	return all
}

// position gives the place of an event among those that may come after a schedule.
func (o SearchOptions) position(before []scenario.Event, e scenario.Event) int {
	for i, other := range o.events(before) {
		if other.String() == e.String() {
			return i
		}
	}
	return -1
}

// independent tells whether two events give the same in either order: they are of different devices, and not both touch the post
// office. Making an entry touches nothing but its device; reading may answer, and so touches it.
func independent(a, b scenario.Event) bool {
	return a.By != b.By && (a.Do == scenario.Make || b.Do == scenario.Make)
}
