package offices

import (
	"time"

	"credence/conformance/internal/suite"
	"credence/reference/postoffice"
)

// timed is a course of events in a log of its own, by the seconds since its beginning. What comes before a time is
// quick; all courses run at the same time.
type timed struct {
	name  string
	steps map[time.Duration]func()
}

// Moments of the courses. A place that is kept at the beginning is still kept just before, and no more just after.
const (
	beginning  = 0
	midway     = 5 * time.Second
	justBefore = 9500 * time.Millisecond
	justAfter  = postoffice.KeptTime + 500*time.Millisecond
)

// keepsInTime lets places be kept in several logs, and comes just before and just after the ten seconds of each.
func keepsInTime(c *crowd) {
	courses := []timed{
		c.keptAlone(), c.refusedAgain(), c.waitsBehind(), c.takesLate(), c.carriedOver(), c.keptLater(),
	}
	all := suite.Collected{Of: len(courses)}
	over := make([]bool, len(courses))
	begun := time.Now()
	var ended time.Time // of the beginning
	for _, at := range []time.Duration{beginning, midway, justBefore, justAfter} {
		from := begun
		if at == justAfter {
			from = ended // when the last place was kept at the latest
		}
		time.Sleep(time.Until(from.Add(at)))
		for i, course := range courses {
			step := course.steps[at]
			if step == nil || over[i] {
				continue
			}
			if f := c.Attempt(step); f != nil {
				if over[i] = true; at == justBefore && time.Since(begun) >= postoffice.KeptTime {
					continue // the target is too slow to tell
				}
				all.Add(course.name, f, true)
			}
		}
		if at == beginning {
			ended = time.Now()
		}
	}
	c.Stop(all.Failure())
}

// two registers two accounts with a log.
func (c *crowd) two() (a, b *puppet) {
	a, b = c.puppet(), c.puppet()
	a.sends(0, b)
	return a, b
}

// keptAlone: nobody else waits until just before the end.
func (c *crowd) keptAlone() timed {
	a, b := c.two()
	return timed{"a place that is kept", map[time.Duration]func(){
		beginning:  func() { a.loses(b) },
		justBefore: func() { b.waits(0, a) },
		justAfter: func() {
			a.waits(0, b) // b has come to be the first meanwhile
			b.sends(0, a)
			b.waits(0, a)
			a.sends(0, b)
		},
	}}
}

// refusedAgain: other commits of the account that waits, for the same place, change nothing about the time.
func (c *crowd) refusedAgain() timed {
	a, b := c.two()
	var lost []*postoffice.Commit
	again := func() {
		a.refused(lost[0])
		lost = lost[1:]
	}
	return timed{"a place that is lost again and again", map[time.Duration]func(){
		beginning: func() {
			for range 3 {
				lost = append(lost, a.entry(0, b))
			}
			b.sends(0, a)
			again()
		},
		midway: again,
		justAfter: func() {
			again()
			b.sends(0, a)
			b.sends(0, a)
		},
	}}
}

// waitsBehind: the other account waits behind the first, who does not come. Then it has ten seconds of its own.
func (c *crowd) waitsBehind() timed {
	a, b := c.two()
	return timed{"a place that two wait for", map[time.Duration]func(){
		beginning: func() {
			a.loses(b)
			b.waits(0, a)
		},
		midway: func() { b.waits(0, a) },
		justAfter: func() {
			a.waits(0, b)
			b.sends(0, a)
			b.waits(0, a)
			a.sends(0, b)
		},
	}}
}

// takesLate: the first takes the place midway; from then on the other one has ten seconds.
func (c *crowd) takesLate() timed {
	a, b := c.two()
	return timed{"a place that is taken midway", map[time.Duration]func(){
		beginning: func() {
			a.loses(b)
			b.waits(0, a)
		},
		midway: func() { a.sends(0, b) },
		justAfter: func() {
			a.waits(0, b)
			b.sends(0, a)
		},
	}}
}

// carriedOver: who has waited for one place is the first for the next one. When his time is over he is not kept it
// again for the place that he has waited for.
func (c *crowd) carriedOver() timed {
	a, b := c.two()
	var lost *postoffice.Commit
	return timed{"a place after one that was waited for", map[time.Duration]func(){
		beginning: func() {
			a.loses(b)
			lost = b.entry(0, a)
			b.waits(0, a)
			a.sends(0, b)
		},
		justAfter: func() {
			b.refused(lost)
			a.sends(0, b)
			a.sends(0, b)
		},
	}}
}

// keptLater: a place that is kept later, in another log, is kept for longer.
func (c *crowd) keptLater() timed {
	a, b := c.two()
	return timed{"a place that is kept from midway on", map[time.Duration]func(){
		midway: func() { a.loses(b) },
		justAfter: func() {
			b.waits(0, a)
			a.sends(0, b)
		},
	}}
}
