package search

import (
	"context"
	"crypto/sha256"
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

// play plays a schedule. One that is wrong is played once more, with accounts of its own, as a replay will do.
func (w *worker) play(ctx context.Context, known *states, events []scenario.Event) outcome {
	s, last := complete(w.from, events)
	out := outcome{events: events, isNew: true}
	failure := w.attempt(ctx, events, func(t *suite.T) {
		if s.Level == scenario.Ratchet {
			p := parties.Play(t, s, parties.Options{Attacked: t.Hello.Exports()})
			schedule.MustHide(t, p, verdict.ForwardSecrecy, verdict.PostCompromise)
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
	if failure == nil {
		return out
	}
	if s.Level == scenario.Ambassador {
		again := w.attempt(ctx, events, func(t *suite.T) { faults.Play(t, s, faults.Everything) })
		if again != nil {
			failure = again
		}
	}
	out.failure = &verdict.TestResult{ID: "search"}
	failure.Judge(out.failure)
	out.failure.Scenario = s
	return out
}

func (w *worker) attempt(ctx context.Context, events []scenario.Event, play func(t *suite.T)) *suite.Failure {
	t := suite.NewT(ctx, "search", w.target, w.hello, suite.Random(w.seed, fmt.Sprint(events)))
	return t.Attempt(func() { play(t) })
}
