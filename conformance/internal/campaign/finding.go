package campaign

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"credence/conformance/scenario"
	"credence/conformance/verdict"
)

// signature returns the same for two sightings of one fault.
func signature(k kind, r verdict.TestResult) string {
	op, _, _ := strings.Cut(r.Sent, " ")
	return strings.Join([]string{k.id, string(r.Reason), op, varying.ReplaceAllString(r.Message, "#")}, " ")
}

// tries returns how many scenarios are played to make a finding smaller: fewer where a target has to be started anew
// or waited for each time.
func tries(r verdict.TestResult) int {
	switch {
	case r.Reason == verdict.Hang:
		return 12
	case r.Status == verdict.Errored:
		return 60
	}
	return 300
}

// finding reports a scenario that has gone wrong, as small as it can be made, unless its fault is known. It returns
// suite.ErrTarget if the target does not start any more.
func (c *campaign) finding(w *worker, k kind, s *scenario.Scenario, r verdict.TestResult) error {
	sign := signature(k, r)
	if !c.claim(sign, r) {
		return nil
	}
	small, r, err := shrink(w, k, s, r)
	if err == nil {
		var again *verdict.Play
		if again, err = w.play(small); err == nil && again.Result.Status == verdict.Passed {
			r.Message += " (and not when it was played again)"
		}
	}
	r.Scenario = small
	c.add(k, sign, r)
	return err
}

// shrink returns a smaller scenario with the same fault, and its result. It returns up with suite.ErrTarget or the
// error of the context.
func shrink(
	w *worker, k kind, s *scenario.Scenario, r verdict.TestResult,
) (small *scenario.Scenario, result verdict.TestResult, err error) {
	sign, left := signature(k, r), tries(r)
	small = scenario.Shrink(s, func(smaller *scenario.Scenario) bool {
		if left--; left < 0 || err != nil {
			return false
		}
		var play *verdict.Play
		if play, err = w.play(smaller); err != nil || signature(k, play.Result) != sign {
			return false
		}
		r = play.Outcome()
		return true
	})
	return small, r, err
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
