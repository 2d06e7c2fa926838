package postoffice

import (
	"fmt"
	"slices"
	"time"

	"credence/reference/account"
	"credence/reference/conversation"
	"credence/spec/refusal"
)

// KeptTime is how long a place is kept (AMB-PST-14).
const KeptTime = 10 * time.Second

// log is the log between two accounts, with who waits for its next place.
type log struct {
	accounts [2]account.ID
	first    [32]byte // h_0
	places   []place
	joined   map[account.ID]uint64 // the last place for which an account has joined the queue
	queue    []account.ID          // at most both accounts
	until    time.Time             // the next place is kept for the first of the queue until then
}

// place is one that was taken.
type place struct {
	by   account.ID
	head [32]byte // h_k
}

// head returns h_k.
func (l *log) head(k uint64) [32]byte {
	if k == 0 {
		return l.first
	}
	return l.places[k-1].head
}

func (l *log) seq() uint64 { return uint64(len(l.places)) }

func (l *log) other(id account.ID) (account.ID, bool) {
	switch id {
	case l.accounts[0]:
		return l.accounts[1], true
	case l.accounts[1]:
		return l.accounts[0], true
	}
	return account.ID{}, false
}

// take puts an entry at the next place (AMB-PST-05, AMB-PST-14). It returns refusal.Conflict for another place, and if
// the place is kept for the other account.
func (l *log) take(e *conversation.Entry, encoded []byte, now time.Time) error {
	for len(l.queue) > 0 && !now.Before(l.until) {
		l.leave(l.until)
	}
	switch {
	case e.Seq != l.seq()+1 || e.Previous != l.head(l.seq()):
		if l.hasLost(e) {
			l.wait(e, now)
		}
		return fmt.Errorf("%w: commit: entry: seq %d after %d", refusal.Conflict, e.Seq, l.seq())
	case len(l.queue) > 0 && l.queue[0] != e.Sender:
		l.wait(e, now)
		return fmt.Errorf("%w: commit: entry: seq %d is kept for the other account", refusal.Conflict, e.Seq)
	}
	l.leave(now)
	l.places = append(l.places, place{e.Sender, conversation.NextHead(e.Previous, encoded)})
	return nil
}

// hasLost reports whether an entry was made for a place that the other account has taken, and with it all since.
func (l *log) hasLost(e *conversation.Entry) bool {
	return e.Seq > 0 && e.Seq <= l.seq() && e.Previous == l.head(e.Seq-1) &&
		!slices.ContainsFunc(l.places[e.Seq-1:], func(p place) bool { return p.by == e.Sender })
}

// wait puts the sender of an entry into the queue, once for each place: so nobody can keep one by asking again.
func (l *log) wait(e *conversation.Entry, now time.Time) {
	if slices.Contains(l.queue, e.Sender) || l.joined[e.Sender] >= e.Seq {
		return
	}
	l.joined[e.Sender] = e.Seq
	if len(l.queue) == 0 {
		l.until = now.Add(KeptTime)
	}
	l.queue = append(l.queue, e.Sender)
}

// leave takes the first account out of the queue; the time of the next one begins.
func (l *log) leave(now time.Time) {
	if len(l.queue) > 0 {
		l.queue, l.until = l.queue[1:], now.Add(KeptTime)
	}
}
