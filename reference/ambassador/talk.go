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
	asked   uint64                             // the newest entry whose record the siblings were asked for
	records map[uint64]*channel.Sent           // records that wait for their entry
	claims  map[account.DeviceID]channel.Claim // what siblings say of places that this device has not reached
	memory  memory
	// of the newest own entry, if it was no start; nothing in it is older than the session
	last   *channel.Sent
	frozen string // why, or ""
	// what this device has at the place that it froze for; it claims that from then on (AMB-SYN-18)
	dispute channel.Claim
}

// talk returns the conversation with a peer to read, a new one if there is none.
func (d *Device) talk(peer account.ID) *talk {
	if t, ok := d.conversations[peer]; ok {
		return t
	}
	t := &talk{Conversation: conversation.New(d.Account(), peer), records: map[uint64]*channel.Sent{},
		claims: map[account.DeviceID]channel.Claim{}, memory: memory{claimed: map[account.DeviceID]uint64{}}}
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
	c.records, c.claims, c.memory = maps.Clone(t.records), maps.Clone(t.claims), t.memory.clone()
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

// freeze stops the conversation (AMB-SYN-06). The siblings are owed an ack, so that they notice too (AMB-SYN-18).
func (d *Device) freeze(t *talk, at channel.Claim, reason string) Event {
	t.frozen, t.dispute = reason, at
	for _, id := range d.list.Others(d.ID(), account.Active) {
		d.oweAck(id)
	}
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
	if err == nil && d.keys == nil { // AMB-SYN-35
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
	t.tip = channel.Head{Peer: t.Peer, Seq: e.Seq, Head: conversation.NextHead(t.tip.Head, encoded)}
	if t.frozen != "" { // AMB-SYN-27
		return []Event{{Kind: Frozen, Peer: t.Peer, Seq: e.Seq, Class: refusal.Frozen, Reason: t.frozen}}
	}
	if len(t.parked) < parkLimit {
		t.parked = append(t.parked, encoded)
	}
	events := d.drain(t)
	if t.tip.Seq > t.Seq && t.frozen == "" {
		events = append(events, Event{Kind: Parked, Peer: t.Peer, Seq: e.Seq})
	}
	return events
}

// ask owes every sibling a request for the record of an entry, once (AMB-SYN-08, AMB-SYN-30).
func (d *Device) ask(t *talk, seq uint64) {
	if t.asked >= seq {
		return
	}
	t.asked = seq
	for _, id := range d.list.Others(d.ID(), account.Active) {
		d.owe(id, channel.Record{
			Kind: channel.KindResendRequest, Resend: &channel.ResendRequest{Peer: t.Peer, Seq: seq},
		})
	}
}

// drain processes parked entries as far as it can.
func (d *Device) drain(t *talk) []Event {
	var events []Event
	for len(t.parked) > 0 && t.frozen == "" {
		e, err := conversation.ParseEntry(t.parked[0])
		if err != nil {
			// it was read when it arrived
			return append(events, d.freeze(t, t.claim(), "a parked entry cannot be read"))
		}
		ev, ok := d.process(t, e, t.parked[0])
		if !ok {
			d.ask(t, e.Seq)
			return events
		}
		t.parked = slices.Clone(t.parked[1:])
		events = append(append(events, ev...), d.compare(t)...)
	}
	return events
}

// process makes the step of the next entry. It is not ok if an own entry lacks its record.
func (d *Device) process(t *talk, e *conversation.Entry, encoded []byte) (events []Event, ok bool) {
	if e.Sender != d.Account() {
		return d.read(t, e, encoded), true
	}
	sent, ok := t.records[e.Seq]
	if !ok {
		return nil, false
	}
	next, text, err := t.Follow(&d.keys.Statement, e, encoded, sent)
	if err != nil { // AMB-LOG-25; it moves in the log, so that what it claims shows the difference
		d.step(t, t.Pass(encoded), t.last)
		return []Event{d.freeze(t, t.claim(), err.Error())}, true
	}
	d.step(t, next, keepable(sent))
	return []Event{{Kind: Sent, Peer: t.Peer, Seq: t.Seq, Plaintext: text}}, true
}

// read makes the step of an entry of the peer.
func (d *Device) read(t *talk, e *conversation.Entry, encoded []byte) []Event {
	session := t.Session
	next, reading, err := t.Receive(d.keys, e, encoded)
	d.step(t, next, t.last)
	if next.Session != session && e.Start != nil { // AMB-ACC-08
		d.keys.Use(e.Start.OneTimePrekeyID)
		t.last = nil
	}
	if err != nil {
		return []Event{{Kind: Void, Peer: t.Peer, Seq: t.Seq, Class: refusal.Of(err), Reason: err.Error()}}
	}
	events := []Event{{Kind: Message, Peer: t.Peer, Seq: t.Seq, Plaintext: reading.Text}}
	if len(reading.Text) == 0 { // AMB-LOG-19
		events[0].Kind = Answer
	}
	for _, run := range reading.Undelivered {
		events = append(events, Event{Kind: Undelivered, Peer: t.Peer, Seq: run.First, Last: run.Last})
	}
	return events
}

// step moves to the next conversation. last is the record of the newest own entry, if it may be kept.
func (d *Device) step(t *talk, next conversation.Conversation, last *channel.Sent) {
	t.Conversation, t.last = next, last
	t.memory.add(t.claim(), d.list.Others(d.ID(), account.Active))
	maps.DeleteFunc(t.records, func(seq uint64, _ *channel.Sent) bool { return seq <= t.Seq })
	if t.tip.Seq < t.Seq {
		t.tip = t.head()
	}
}

// hear takes in what a sibling says of a place. What it says of a later one waits.
func (d *Device) hear(t *talk, from account.DeviceID, claim channel.Claim) []Event {
	switch {
	case t.frozen != "":
		return nil
	case claim.Seq > t.Seq: // AMB-SYN-25
		t.claims[from] = claim
		return nil
	case !t.memory.agrees(from, claim):
		reason := fmt.Sprintf("device %x has another state after entry %d", from[:4], claim.Seq)
		return []Event{d.freeze(t, t.memory.at(claim.Seq, t.claim()), reason)}
	}
	t.memory.heard(from, claim.Seq, d.list.Others(d.ID(), account.Active))
	return nil
}

// compare compares what siblings have said of this place (AMB-SYN-06), and forgets it.
func (d *Device) compare(t *talk) []Event {
	var events []Event
	for _, id := range slices.SortedFunc(maps.Keys(t.claims), compareIDs) { // AMB-INV-04
		if claim := t.claims[id]; claim.Seq <= t.Seq {
			delete(t.claims, id)
			events = append(events, d.hear(t, id, claim)...)
		}
	}
	return events
}
