package schedule

import (
	"time"

	"credence/conformance/scenario"
	"credence/conformance/verdict"
)

// shrinkingTime is how long a scenario is made smaller. On the reference that takes seconds.
const shrinkingTime = 3 * time.Minute

// mostPlays returns how many scenarios are played to make one smaller: fewer where a target has to be started anew or
// waited for each time. 0 is any number.
func mostPlays(r verdict.TestResult) int {
	switch {
	case r.Reason == verdict.Hang:
		return 12
	case r.Status == verdict.Errored:
		return 60
	}
	return 0
}

// Smallest returns the result of the smallest scenario that fails for the same cause as one has, with that scenario. If
// time or number end the search before nothing can be left out any more, the message says so. play plays a scenario;
// its error ends the search too, and is returned.
func Smallest(
	s *scenario.Scenario, found verdict.TestResult, play func(*scenario.Scenario) (verdict.TestResult, error),
) (small verdict.TestResult, err error) {
	small = found
	fails := func(smaller *scenario.Scenario) bool {
		if err != nil {
			return false
		}
		var r verdict.TestResult
		if r, err = play(smaller); err != nil || r.Cause() != found.Cause() {
			return false
		}
		small = r
		return true
	}
	search := scenario.Shrinking{Fails: fails, Plays: mostPlays(found), Time: shrinkingTime}
	shrunk := search.Run(s)
	small.Scenario = shrunk.Scenario
	small.Message += shrunk.Note()
	return small, err
}
