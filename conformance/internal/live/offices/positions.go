package offices

import (
	"fmt"

	"credence/conformance/internal/suite"
	"credence/reference/account"
	"credence/reference/conversation"
	"credence/spec/refusal"
)

// entryTrial is a change of the next entry of a log, and the class of its refusal.
type entryTrial struct {
	name   string
	class  refusal.Class
	change func(e *conversation.Entry)
}

// continuesLogs brings entries that do not continue a log, of one account and of the other one, and those that do.
func continuesLogs(c *crowd) {
	const entries = 1<<8 + 3
	c.tryAll(func() (trials []suite.Trial) {
		a, b, third := c.puppet(account.Active), c.puppet(account.Active), c.puppet()
		a.sends(0, third)
		third.sends(0, b)
		heads := [][32]byte{c.tip(a.id, b.id).head}
		for i := range entries {
			from, to := a, b
			if i%3 == 0 {
				from, to = b, a
			}
			from.sends(i%2, to, message)
			heads = append(heads, c.tip(a.id, b.id).head)
		}
		for i, w := range wrongPlaces(heads, c.tip(a.id, third.id).head, conversation.FirstHead(a.id, third.id)) {
			for j, pair := range [][2]*puppet{{a, b}, {b, a}} {
				from, to := pair[0], pair[1]
				trials = append(trials, suite.Trial{Name: fmt.Sprintf("%s, of account %d", w.name, j), Try: func() {
					from.refuses(w.class, from.entry(i%2, to, message, w.change))
				}})
			}
		}
		trials = append(trials, firstPlaces(a, c.puppet(), c.tip(a.id, third.id).head)...)
		return append(trials, suite.Trial{Name: "the next entries after all that", Try: func() {
			a.sends(0, b)
			b.sends(1, a, message)
			third.sends(0, a)
			b.sends(0, third)
		}}, suite.Trial{Name: "an entry of another account", Try: func() {
			third.refuses(refusal.NotAllowed, third.entry(0, b, message, func(e *conversation.Entry) {
				at := c.tip(a.id, b.id)
				e.Sender, e.Seq, e.Previous = a.id, at.seq+1, at.head
			}))
		}})
	})
}

// firstPlaces are trials with entries that do not begin a log, of either account. other is the head of another log.
func firstPlaces(a, b *puppet, other [32]byte) (trials []suite.Trial) {
	from, to := a, b
	next := conversation.NextHead(conversation.FirstHead(a.id, b.id), nil)
	for _, w := range wrongPlaces(nil, other, next, [32]byte{}) {
		by, peer := from, to
		trials = append(trials, suite.Trial{Name: "first: " + w.name, Try: func() {
			by.refuses(w.class, by.entry(0, peer, message, w.change))
		}})
		from, to = to, from
	}
	return append(trials, suite.Trial{Name: "the first entry after all that", Try: func() {
		from.sends(0, to)
		to.sends(0, from)
	}})
}

// message makes an entry a message entry.
func message(e *conversation.Entry) { e.Start = nil }

// wrongPlaces returns changes of the next entry of a log with these heads. The others are those of other logs.
func wrongPlaces(heads [][32]byte, others ...[32]byte) []entryTrial {
	const conflict = refusal.Conflict
	trials := []entryTrial{
		{"the recipient is not registered", refusal.NotReady, func(e *conversation.Entry) { e.Recipient[0] ^= 1 }},
		{"the recipient is not quite registered", refusal.NotReady, func(e *conversation.Entry) {
			e.Recipient[31] ^= 1 << 6
		}},
		{"not quite the sender", refusal.NotAllowed, func(e *conversation.Entry) { e.Sender[31] ^= 1 << 6 }},
	}
	n := uint64(max(len(heads), 1) - 1)
	for _, off := range []uint64{1, 2, 1 << 8, 1 << 16, 1 << 24, 1 << 32, 1 << 48, 1 << 63} {
		trials = append(trials, entryTrial{
			fmt.Sprintf("seq +%d", off), conflict, func(e *conversation.Entry) { e.Seq += off },
		})
	}
	for _, seq := range []uint64{1, 2, n + 1 - 1<<8, n - 1, n} {
		if n == 0 {
			break // there is no place yet
		}
		trials = append(trials,
			entryTrial{fmt.Sprintf("seq %d", seq), conflict, func(e *conversation.Entry) { e.Seq = seq }},
			entryTrial{fmt.Sprintf("place %d", seq), conflict, func(e *conversation.Entry) {
				e.Seq, e.Previous = seq, heads[seq-1]
			}},
			entryTrial{fmt.Sprintf("the head before place %d", seq), conflict, func(e *conversation.Entry) {
				e.Previous = heads[seq-1]
			}})
	}
	for _, head := range others {
		trials = append(trials, entryTrial{
			"the head of another log", conflict, func(e *conversation.Entry) { e.Previous = head },
		})
	}
	for _, bit := range []int{0, 7, 8, 100, 128, 248, 255} {
		trials = append(trials, entryTrial{fmt.Sprintf("previous, bit %d", bit), conflict, func(e *conversation.Entry) {
			e.Previous[bit/8] ^= 1 << (bit % 8)
		}})
	}
	for _, off := range off32 {
		trials = append(trials,
			entryTrial{fmt.Sprintf("sender_epoch %+d", off), refusal.NotAllowed, func(e *conversation.Entry) {
				e.SenderEpoch += uint32(off)
			}},
			entryTrial{fmt.Sprintf("recipient_epoch %+d", off), refusal.StaleEpoch, func(e *conversation.Entry) {
				e.RecipientEpoch += uint32(off)
			}})
	}
	return trials
}
