package campaign

import (
	"strings"

	"credence/conformance/scenario"
	"credence/conformance/verdict"
)

// note counts an execution, and hands on a scenario that shows new behaviour.
func (c *campaign) note(k kind, s *scenario.Scenario, play *verdict.Play) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.done.Executions++
	if play.Result.Status == verdict.Errored {
		c.done.Restarts++
	}
	if c.evidence[k.id] == nil {
		c.evidence[k.id] = &verdict.Evidence{}
	}
	c.evidence[k.id].Add(play.Evidence)
	if c.isNew(k, play.Lines) && c.New != nil && play.Result.Status == verdict.Passed {
		c.New(*s)
	}
	if c.Status != nil {
		c.Status(c.progress(), c.findings)
	}
}

// isNew reports whether the lines of a play show behaviour that none before it had, and notes it: two events in a row,
// with what came of them.
func (c *campaign) isNew(k kind, lines []string) bool {
	before, last := len(c.behaviours), ""
	for _, line := range lines {
		this := behaviour(line)
		c.behaviours[k.id+": "+last+", "+this] = true
		last = this
	}
	c.done.Behaviours = len(c.behaviours)
	return len(c.behaviours) > before
}

// behaviour returns the verb of an event, and the first word of what came of it.
func behaviour(line string) string {
	verb, _, _ := strings.Cut(line, " ")
	_, came, _ := strings.Cut(line, ": ")
	return verb + ": " + strings.Fields(verdict.Alike(came) + " -")[0]
}
