package session

import (
	"bytes"
	"slices"

	"credence/reference/params"
)

// held are the sessions that a party keeps with one peer, the one that was used last first: that is the current one,
// and the others are archived (SPEC.md 6.2). A session is used when it is started, and when a message of it is read.
//
// What stands in a party is never changed: use and put return others.
type held []*session

// use returns the sessions after one was used, which stood at i before, or at no place (-1). opened tells whether a
// receiving chain was opened in it: then the archived ones are so much older (AMB-SES-14). Those beyond the number that
// the set keeps go (AMB-SES-13).
func (h held) use(set *params.Set, i int, s session, opened bool) held {
	s.elsewhere = 0
	next := held{&s}
	for j, other := range h {
		if j == i {
			continue
		}
		if archived := *other; opened && set.ArchiveChains > 0 {
			archived.elsewhere++
			other = &archived
		}
		if set.ArchiveChains == 0 || other.elsewhere < set.ArchiveChains {
			next = append(next, other)
		}
	}
	return next[:min(len(next), set.MaxSessions)]
}

// put returns the sessions with another state of the one at i.
func (h held) put(i int, s session) held {
	next := slices.Clone(h)
	next[i] = &s
	return next
}

// find returns the place of the session whose initial messages carry these keys (AMB-SES-08), or -1.
func (h held) find(m initial) int {
	return slices.IndexFunc(h, func(s *session) bool {
		return bytes.Equal(m.Identity, s.wrap.Identity) && bytes.Equal(m.Ephemeral, s.wrap.Ephemeral)
	})
}
