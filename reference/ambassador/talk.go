package ambassador

import (
	"fmt"
	"maps"
	"slices"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/conversation"
	"credence/spec/refusal"
)

// parkLimit bounds the entries and the records of a conversation that wait for each other (AMB-SYN-07).
const parkLimit = 100

// talk is a conversation with what a device needs to keep in step with its siblings.
type talk struct {
	conversation.Conversation
	// the newest place of the log that was seen; ahead of Seq while entries wait
	tip     channel.Head
	parked  [][]byte                           // entries after Seq that wait for a record, oldest first
	records map[uint64]*channel.Sent           // records that wait for their entry
	claims  map[account.DeviceID]channel.Claim // what siblings say of places that this device has not reached
	// of the newest own entry, if it was no start; nothing in it is older than the session
	last   *channel.Sent
	frozen string // why, or ""
}

// talk returns the conversation with a peer to read, a new one if there is none.
func (d *Device) talk(peer account.ID) *talk {
	if t, ok := d.conversations[peer]; ok {
		return t
	}
	t := &talk{Conversation: conversation.New(d.Account(), peer), records: map[uint64]*channel.Sent{},
		claims: map[account.DeviceID]channel.Claim{}}
	t.tip = t.head()
	return t
}

// keep returns a copy of the conversation with a peer to change, which takes its place.
func (d *Device) keep(peer account.ID) *talk {
	t := d.talk(peer).clone()
	d.conversations[peer] = t
	return t
}

func (t *talk) clone() *talk {
	c := *t
	c.parked = slices.Clone(t.parked)
	c.records, c.claims = maps.Clone(t.records), maps.Clone(t.claims)
	return &c
}

func (t *talk) head() channel.Head {
	return channel.Head{Peer: t.Peer, Seq: t.Seq, Head: t.Head}
}

func (t *talk) claim() channel.Claim { return channel.Claim{Head: t.head(), Digest: t.Digest()} }

func (t *talk) maySend() error {
	if t.frozen != "" {
		return fmt.Errorf("%w: %s", refusal.Frozen, t.frozen)
	}
	if t.tip.Seq > t.Seq { // AMB-SYN-10
		return fmt.Errorf("%w: %d entries wait for a record of a sibling", refusal.NotReady, t.tip.Seq-t.Seq)
	}
	return nil
}

// freeze stops the conversation (AMB-SYN-06).
func (t *talk) freeze(reason string) Event {
	t.frozen = reason
	return Event{Kind: Frozen, Peer: t.Peer, Seq: t.Seq, Class: refusal.Frozen, Reason: reason}
}

// atTip returns the conversation as far as the log was seen, for checking what follows.
func (t *talk) atTip() conversation.Conversation {
	c := t.Conversation
	c.Seq, c.Head = t.tip.Seq, t.tip.Head
	return c
}

// arrive takes in an entry that follows the newest one that was seen.
func (d *Device) arrive(encoded []byte) []Event {
	e, err := conversation.ParseEntry(encoded)
	if err == nil && d.keys == nil {
		err = fmt.Errorf("%w: entry: this device is not active", refusal.NotAllowed)
	}
	if err != nil {
		return []Event{refused(account.DeviceID{}, err)}
	}
	t := d.talk(e.Peer(d.Account()))
	if err := t.atTip().Follows(e); err != nil {
		ev := refused(account.DeviceID{}, err)
		ev.Peer, ev.Seq = t.Peer, e.Seq
		return []Event{ev}
	}
	t = d.keep(t.Peer)
	waiting := t.tip.Seq > t.Seq || t.frozen != ""
	t.tip = channel.Head{Peer: t.Peer, Seq: e.Seq, Head: conversation.NextHead(t.tip.Head, encoded)}
	if t.frozen != "" {
		return []Event{{Kind: Frozen, Peer: t.Peer, Seq: e.Seq, Class: refusal.Frozen, Reason: t.frozen}}
	}
	if len(t.parked) < parkLimit {
		t.parked = append(t.parked, encoded)
	}
	if waiting {
		return append([]Event{{Kind: Parked, Peer: t.Peer, Seq: e.Seq}}, d.drain(t)...)
	}
	events := d.drain(t)
	if t.tip.Seq > t.Seq && t.frozen == "" { // AMB-SYN-08
		events = append(events, Event{Kind: Parked, Peer: t.Peer, Seq: e.Seq})
		for _, id := range d.list.Others(d.ID(), account.Active) {
			d.owe(id, channel.Record{
				Kind: channel.KindResendRequest, Resend: &channel.ResendRequest{Peer: t.Peer, Seq: e.Seq},
			})
		}
	}
	return events
}

// drain processes parked entries as far as it can.
func (d *Device) drain(t *talk) []Event {
	var events []Event
	for len(t.parked) > 0 && t.frozen == "" {
		e, err := conversation.ParseEntry(t.parked[0])
		if err != nil {
			return append(events, t.freeze("a parked entry cannot be read")) // it was read when it arrived
		}
		ev, ok := d.process(t, e, t.parked[0])
		if !ok {
			return events
		}
		events = append(events, ev)
		t.parked = slices.Clone(t.parked[1:])
		events = append(events, t.compare()...)
	}
	return events
}

// process makes the step of the next entry. It is not ok if an own entry lacks its record.
func (d *Device) process(t *talk, e *conversation.Entry, encoded []byte) (ev Event, ok bool) {
	if e.Sender != d.Account() {
		return d.read(t, e, encoded), true
	}
	sent, ok := t.records[e.Seq]
	if !ok {
		return Event{}, false
	}
	next, plaintext, err := t.Follow(e, encoded, sent)
	if err != nil {
		return t.freeze(err.Error()), true
	}
	t.step(next, keepable(sent))
	return Event{Kind: Sent, Peer: t.Peer, Seq: t.Seq, Plaintext: plaintext}, true
}

// read makes the step of an entry of the peer.
func (d *Device) read(t *talk, e *conversation.Entry, encoded []byte) Event {
	next, plaintext, err := t.Receive(d.keys, e, encoded)
	t.step(next, t.last)
	if err != nil {
		return Event{Kind: Void, Peer: t.Peer, Seq: t.Seq, Class: refusal.Of(err), Reason: err.Error()}
	}
	if e.Start != nil { // AMB-ACC-08
		d.keys.Use(e.Start.OneTimePrekeyID)
		t.last = nil
	}
	return Event{Kind: Message, Peer: t.Peer, Seq: t.Seq, Plaintext: plaintext}
}

// step moves to the next conversation. last is the record of the newest own entry, if it may be kept.
func (t *talk) step(next conversation.Conversation, last *channel.Sent) {
	t.Conversation, t.last = next, last
	maps.DeleteFunc(t.records, func(seq uint64, _ *channel.Sent) bool { return seq <= t.Seq })
	if t.tip.Seq < t.Seq {
		t.tip = t.head()
	}
}

// hear takes in what a sibling says of this place or a later one.
func (t *talk) hear(from account.DeviceID, claim channel.Claim) []Event {
	t.claims[from] = claim
	return t.compare()
}

// compare compares what siblings have said of this place (AMB-SYN-06), and forgets it.
func (t *talk) compare() []Event {
	var events []Event
	for _, id := range slices.SortedFunc(maps.Keys(t.claims), compareIDs) { // AMB-INV-04
		if claim := t.claims[id]; claim.Seq == t.Seq && claim != t.claim() && t.frozen == "" {
			events = []Event{t.freeze(fmt.Sprintf("device %x has another state after entry %d", id[:4], t.Seq))}
		}
	}
	maps.DeleteFunc(t.claims, func(_ account.DeviceID, c channel.Claim) bool { return c.Seq <= t.Seq })
	return events
}
