package campaign

import (
	"errors"
	"fmt"
	"time"

	"credence/conformance/internal/player"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
)

// worker is a target with what is known of its memory.
type worker struct {
	*player.Player
	since  int    // executions since it was started
	memory uint64 // that it had in use when it was warm
}

// warmUp is the number of executions after which a target should have taken the memory that it needs, and after which
// it is looked at again.
const warmUp = 50

// patience is how often a target that does not start is started again, after 100 ms first and twice as much each time.
const patience = 5

// play plays a scenario, on a new target if the last one has broken. It returns suite.ErrTarget and the error of the
// context.
func (w *worker) play(s *scenario.Scenario) (*verdict.Play, error) {
	if !w.Running() {
		w.since, w.memory = 0, 0
	}
	play, err := w.Play(s)
	for try := 0; try < patience && errors.Is(err, suite.ErrTarget); try++ {
		time.Sleep(100 * time.Millisecond << try)
		play, err = w.Play(s)
	}
	w.since++
	return play, err
}

// growth returns the memory that the target has taken since it was warm. Between the executions at which it is looked
// at, and where it cannot be asked, that is nothing.
func (w *worker) growth() uint64 {
	if w.since%warmUp != 0 {
		return 0
	}
	used, ok := w.Memory()
	if ok && w.memory == 0 {
		w.memory = used
	}
	if !ok || used < w.memory {
		return 0
	}
	return used - w.memory
}

// weigh looks at the memory of a target from time to time. One that has grown too much is a finding, with the last
// scenario alone, and is started anew.
func (c *campaign) weigh(w *worker, k kind, s *scenario.Scenario) {
	if c.Memory == 0 {
		return
	}
	growth := w.growth()
	if growth < c.Memory {
		return
	}
	r := verdict.TestResult{
		Status: verdict.Failed, Reason: verdict.Memory, Times: w.since, Scenario: s,
		Message:  "the target takes more and more memory: every scenario leaves some behind",
		Expected: fmt.Sprintf("at most %d MiB more than after %d scenarios", c.Memory>>20, warmUp),
		Got:      fmt.Sprintf("%d MiB more after %d scenarios", growth>>20, w.since),
	}
	w.Close()
	c.restarted()
	if sign := signature(k, r); c.claim(sign, r) {
		c.add(k, sign, r)
	}
}

// restarted counts a target that has to be started anew.
func (c *campaign) restarted() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.done.Restarts++
}
