package adversary

import (
	"slices"
)

// Ends are the ends of sessions that a party keeps with the other one, the one that was used last first (SPEC.md 6.2).
type Ends struct {
	set  *Set
	list []end
}

// end is one of them. What it holds is nil until the initiator has sent his first message: his keys have no names yet.
type end struct {
	*Endpoint
	session   *Session
	elsewhere int // receiving chains opened in the others since this one was used
}

// NewEnds returns the ends of a party that has no session.
func NewEnds(set *Set) *Ends { return &Ends{set: set} }

// Clone returns a copy.
func (e *Ends) Clone() *Ends {
	c := &Ends{e.set, slices.Clone(e.list)}
	for i, one := range c.list {
		if one.Endpoint != nil {
			c.list[i].Endpoint = one.Endpoint.Clone()
		}
	}
	return c
}

// Empty reports whether there is no session.
func (e *Ends) Empty() bool { return len(e.list) == 0 }

// Unnamed reports whether a session was started and nothing was sent in it yet.
func (e *Ends) Unnamed() bool {
	return slices.ContainsFunc(e.list, func(o end) bool { return o.Endpoint == nil })
}

// Current returns the session in which the party sends, or nil.
func (e *Ends) Current() *Session {
	if e.Empty() {
		return nil
	}
	return e.list[0].session
}

// Has reports whether a session is kept.
func (e *Ends) Has(s *Session) bool { return e.place(s) >= 0 }

func (e *Ends) place(s *Session) int {
	return slices.IndexFunc(e.list, func(o end) bool { return o.session == s })
}

// Of returns the end of a session, or nil.
func (e *Ends) Of(s *Session) *Endpoint {
	if i := e.place(s); i >= 0 {
		return e.list[i].Endpoint
	}
	return nil
}

// Start adds a session that the party has started.
func (e *Ends) Start(s *Session) { e.use(end{session: s}, false) }

// Name tells what the end of a session holds, once its first message is known.
func (e *Ends) Name(s *Session, named *Endpoint) { e.list[e.place(s)].Endpoint = named }

// Respond adds a session that the first message of the other side starts, if the end can read the message.
func (e *Ends) Respond(s *Session, from *Endpoint, key PublicKey, pn, n uint64) bool {
	if _, ok := from.Receive(key, pn, n); !ok {
		return false
	}
	e.use(end{Endpoint: from, session: s}, true)
	return true
}

// Receive is Endpoint.Receive in one of the sessions. ok tells whether it is kept, and its end still has the message
// key; nothing has changed if not.
func (e *Ends) Receive(s *Session, key PublicKey, pn, n uint64) bool {
	i := e.place(s)
	if i < 0 || e.list[i].Endpoint == nil {
		return false
	}
	used := e.list[i]
	before := used.peer
	if _, ok := used.Endpoint.Receive(key, pn, n); !ok {
		return false
	}
	e.use(used, used.peer != before)
	return true
}

// use puts a session in front. opened tells whether a receiving chain was opened in it.
func (e *Ends) use(used end, opened bool) {
	used.elsewhere = 0
	list := []end{used}
	for _, o := range e.list {
		if o.session == used.session {
			continue
		}
		if opened {
			o.elsewhere++
		}
		if e.set.ArchiveChains == 0 || o.elsewhere < e.set.ArchiveChains {
			list = append(list, o)
		}
	}
	e.list = list[:min(len(list), e.set.MaxSessions)]
}

// Holds returns the secrets of all sessions.
func (e *Ends) Holds() (terms []Term) {
	for _, o := range e.list {
		if o.Endpoint != nil {
			terms = append(terms, o.Holds()...)
		}
	}
	return terms
}

// Keys returns what Holds gives, by kind.
func (e *Ends) Keys() (keys []Key) {
	for _, o := range e.list {
		if o.Endpoint != nil {
			keys = append(keys, o.Keys()...)
		}
	}
	return keys
}
