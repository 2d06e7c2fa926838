package client

import (
	"maps"
	"slices"

	"credence/reference/account"
	"credence/reference/ambassador"
)

// outgoing is an entry that is sent or sent anew; without a text it is an answer.
type outgoing struct {
	peer account.ID
	text []byte
}

// texts keeps what was sent until the peer has told whether it could read it (SPEC.md 10.6).
type texts struct {
	making *outgoing                        // of the newest commit
	placed map[account.ID]map[uint64][]byte // by the place in the log
	anew   []*outgoing                      // to be sent again

	bundles map[account.ID][]byte // for the next entry that is owed
}

func newTexts() *texts {
	return &texts{placed: map[account.ID]map[uint64][]byte{}, bundles: map[account.ID][]byte{}}
}

// hear takes in the events of a mail. An entry of the peer tells of all places before it: what it does not name was
// read.
func (t *texts) hear(events []ambassador.Event) {
	for _, e := range events {
		switch e.Kind {
		case ambassador.Accepted:
			t.accepted(e)
		case ambassador.Undelivered:
			t.undelivered(e)
		}
	}
	for _, e := range events {
		if e.Kind == ambassador.Message || e.Kind == ambassador.Answer {
			maps.DeleteFunc(t.placed[e.Peer], func(seq uint64, _ []byte) bool { return seq < e.Seq })
		}
	}
}

func (t *texts) accepted(e ambassador.Event) {
	if t.making == nil || t.making.peer != e.Peer {
		return
	}
	t.anew = slices.DeleteFunc(t.anew, func(o *outgoing) bool { return o == t.making })
	if len(t.making.text) > 0 {
		if t.placed[e.Peer] == nil {
			t.placed[e.Peer] = map[uint64][]byte{}
		}
		t.placed[e.Peer][e.Seq] = t.making.text
	}
	t.making = nil
}

func (t *texts) undelivered(e ambassador.Event) {
	placed := t.placed[e.Peer]
	for _, seq := range slices.Sorted(maps.Keys(placed)) {
		if seq >= e.Seq && seq <= e.Last {
			t.anew = append(t.anew, &outgoing{e.Peer, placed[seq]})
			delete(placed, seq)
		}
	}
}
