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
	seq      uint64
	head     [32]byte
	before   [32]byte     // the head that the newest entry has replaced
	by       account.ID   // who has taken the newest place
	joined   []account.ID // who has joined the queue since: once a place
	queue    []account.ID // at most both accounts
	until    time.Time    // the next place is kept for the first of the queue until then
}

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
	if len(l.queue) > 0 && !now.Before(l.until) {
		l.leave(now)
	}
	switch {
	case e.Seq != l.seq+1 || e.Previous != l.head:
		if l.hasLost(e) {
			l.wait(e.Sender, now)
		}
		return fmt.Errorf("%w: commit: entry: seq %d after %d", refusal.Conflict, e.Seq, l.seq)
	case len(l.queue) > 0 && l.queue[0] != e.Sender:
		l.wait(e.Sender, now)
		return fmt.Errorf("%w: commit: entry: seq %d is kept for the other account", refusal.Conflict, e.Seq)
	}
	l.leave(now)
	l.before, l.by, l.joined = l.head, e.Sender, nil
	l.seq, l.head = e.Seq, conversation.NextHead(l.head, encoded)
	return nil
}

// hasLost reports whether an entry was made for the newest place, which the other account has taken.
func (l *log) hasLost(e *conversation.Entry) bool {
	return e.Seq == l.seq && e.Previous == l.before && l.by != e.Sender
}

// wait puts an account into the queue, once a place: so nobody can keep one for longer by asking again.
func (l *log) wait(id account.ID, now time.Time) {
	if slices.Contains(l.queue, id) || slices.Contains(l.joined, id) {
		return
	}
	l.joined = append(l.joined, id)
	if len(l.queue) == 0 {
		l.until = now.Add(KeptTime)
	}
	l.queue = append(l.queue, id)
}

// leave takes the first account out of the queue; the time of the next one begins.
func (l *log) leave(now time.Time) {
	if len(l.queue) > 0 {
		l.queue, l.until = l.queue[1:], now.Add(KeptTime)
	}
}
