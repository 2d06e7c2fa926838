package search

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"

	"credence/conformance/internal/schedule"
	"credence/conformance/internal/schedule/faults"
	"credence/conformance/internal/schedule/parties"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
)

// states are those that schedules have come to.
type states struct {
	mutex sync.Mutex
	seen  map[[32]byte]bool
}

// add reports whether a state is new.
func (s *states) add(state string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	sum := sha256.Sum256([]byte(state))
	old := s.seen[sum]
	s.seen[sum] = true
	return !old
}

// worker plays schedules on a target of its own.
type worker struct {
	from   *scenario.Scenario
	seed   uint64
	target shim.Target
	hello  suite.Hello
	start  func(context.Context) (shim.Target, error)
	stage  *faults.Stage // of accounts, from the first schedule on
}

// outcome is what a schedule came to.
type outcome struct {
	events  []scenario.Event
	applied bool                // its last event did something
	isNew   bool                // no other schedule has come to the same state
	end     faults.End          // of accounts
	failure *verdict.TestResult // nil if nothing is wrong
}

// play plays a schedule. One that is wrong is made small.
func (w *worker) play(ctx context.Context, known *states, events []scenario.Event) outcome {
	s, last := complete(w.from, events)
	out := outcome{events: events, isNew: true}
	failure := w.attempt(ctx, events, func(t *suite.T) {
		if s.Level == scenario.Ratchet {
			p := w.ofParties(t, s)
			out.applied = len(events) == 0 || !strings.HasSuffix(p.Lines[last], schedule.DoesNotApply)
			return
		}
		if w.stage == nil {
			w.stage = faults.NewStage(t, s.Users)
		}
		w.stage.Play(t, s, faults.Everything, func(end faults.End) bool {
			out.end, out.applied, out.isNew = end, end.Applied, known.add(end.State)
			return out.isNew
		})
	})
	if failure != nil {
		out.failure = w.smallest(ctx, s, failure)
	}
	return out
}

// judge plays a scenario with accounts of its own, as a replay does.
func (w *worker) judge(ctx context.Context, s *scenario.Scenario) (r verdict.TestResult) {
	w.attempt(ctx, s.Events, func(t *suite.T) {
		if s.Level == scenario.Ambassador {
			faults.Play(t, s, faults.Everything)
			return
		}
		w.ofParties(t, s)
	}).Judge(&r)
	return r
}

func (w *worker) ofParties(t *suite.T, s *scenario.Scenario) *verdict.Play {
	p := parties.Play(t, s, parties.Options{Attacked: t.Hello.Exports()})
	schedule.MustHide(t, p, verdict.ForwardSecrecy, verdict.PostCompromise)
	return p
}

// smallest returns the result of the smallest scenario that is wrong as one was. The target is started anew if it has
// broken; one that does not start again leaves the scenario as it is.
func (w *worker) smallest(ctx context.Context, s *scenario.Scenario, failure *suite.Failure) *verdict.TestResult {
	var r verdict.TestResult
	failure.Judge(&r)
	broken := r.Status == verdict.Errored
	judge := func(s *scenario.Scenario) (r verdict.TestResult, err error) {
		if broken {
			err = w.restart(ctx)
		}
		if err == nil {
			r = w.judge(ctx, s)
			broken = r.Status == verdict.Errored
		}
		return r, errors.Join(err, ctx.Err())
	}
	if again, err := judge(s); err == nil && again.Status != verdict.Passed {
		r = again // a replay shows this
	}
	small, _ := schedule.Smallest(s, r, judge)
	small.ID = "search"
	return &small
}

func (w *worker) restart(ctx context.Context) error {
	w.target.Close()
	again, _, err := suite.Start(ctx, w.start)
	if err == nil {
		w.target = again
	}
	return err
}

func (w *worker) attempt(ctx context.Context, events []scenario.Event, play func(t *suite.T)) *suite.Failure {
	t := suite.NewT(ctx, "search", w.target, w.hello, suite.Random(w.seed, fmt.Sprint(events)))
	return t.Attempt(func() { play(t) })
}
