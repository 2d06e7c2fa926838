package campaign

import (
	"crypto/sha256"
	"encoding/hex"

	"credence/conformance/internal/schedule"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
)

// signature returns the same for two sightings of one fault.
func signature(k kind, r verdict.TestResult) string { return k.id + " " + r.Cause() }

// finding reports a scenario that has gone wrong, as small as it can be made, unless its fault is known. It returns
// suite.ErrTarget if the target does not start any more.
func (c *campaign) finding(w *worker, k kind, s *scenario.Scenario, r verdict.TestResult) error {
	sign := signature(k, r)
	if !c.claim(sign, r) {
		return nil
	}
	small, err := schedule.Smallest(s, r, func(smaller *scenario.Scenario) (verdict.TestResult, error) {
		play, err := w.play(smaller)
		return play.Outcome(), err
	})
	if err == nil {
		var again *verdict.Play
		if again, err = w.play(small.Scenario); err == nil && again.Result.Status == verdict.Passed {
			small.Message += " (and not when it was played again)"
		}
	}
	c.add(k, sign, small)
	return err
}

// claim reports whether a fault is new, and notes it.
func (c *campaign) claim(sign string, r verdict.TestResult) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	known := c.known[sign]
	c.known[sign] = true
	if !known && c.Seen != nil {
		c.Seen(r)
	}
	return !known
}

// add reports a finding.
func (c *campaign) add(k kind, sign string, r verdict.TestResult) {
	sum := sha256.Sum256([]byte(sign))
	r.ID, r.Profile, r.Requirements = k.id+"/"+hex.EncodeToString(sum[:4]), k.profile, requirements(k, r)
	r.SaveScenario(c.Scenarios, c.Replay, c.Seed)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.found[k.id] = append(c.found[k.id], r)
	c.findings++
	c.ended = c.ended || c.FirstOnly
	if c.Found != nil {
		c.Found(r)
	}
}

// requirements returns the requirements that a finding speaks against.
func requirements(k kind, r verdict.TestResult) []string {
	switch {
	case r.Reason == verdict.StateChanged:
		return []string{"AMB-INV-03"}
	case r.Reason == verdict.Exposed:
		return []string{"AMB-INV-06", "AMB-INV-09", "AMB-INV-10"}
	case r.Reason == verdict.AcceptedInvalid, r.Reason == verdict.RejectedValid:
		return []string{"AMB-INV-02"}
	case r.Reason == verdict.Mismatch && k.profile == "ambassador":
		return []string{"AMB-INV-01", "AMB-INV-04", "AMB-INV-05", "AMB-INV-14"}
	case r.Reason == verdict.Mismatch:
		return []string{"AMB-INV-01", "AMB-INV-05"}
	}
	return nil
}
