package conformance

import (
	"cmp"
	"slices"

	"credence/conformance/adversary"
	"credence/conformance/scenario"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/postoffice"
)

// Record is what a play has come to, in a form that can be drawn: who was there, what travelled, what arrived, and who could read
// it. Events are counted as in the scenario, from 0. What was there or travelled before the first is in event -1, and what everybody
// reads at the end is in the event after the last.
type Record struct {
	Lines       []string      `json:"lines"` // an event a line, with what came of it
	Lanes       []Lane        `json:"lanes"`
	Messages    []Travelled   `json:"messages"`
	Arrivals    []Arrival     `json:"arrivals"`
	Compromises []Compromised `json:"compromises"` // those that were judged
	Keys        []Life        `json:"keys"`        // of parties, and of devices in conversations, as the specification has it
}

// Life is the time in which a lane has a secret.
type Life struct {
	Lane  string            `json:"lane"`
	Kind  adversary.KeyKind `json:"kind"`
	Since int               `json:"since"` // the event in which it came
	Until int               `json:"until"` // the event in which it was deleted, or -1
}

// Lane is a party or a device, and the time that it was there.
type Lane struct {
	Name  string `json:"name"`
	Since int    `json:"since"` // the event in which it came
	Until int    `json:"until"` // the event in which it was removed, or -1
}

// Travelled is a message that has left its sender.
type Travelled struct {
	Name   string `json:"name"`
	From   string `json:"from"` // a lane
	To     string `json:"to"`   // a lane, or the account that an entry is for
	Event  int    `json:"event"`
	Record bool   `json:"record"` // from a device to another one of its account, and not in a conversation
}

// Arrival is a message, or a mail of other content, that has reached a lane.
type Arrival struct {
	Event   int     `json:"event"`
	To      string  `json:"to"`
	From    string  `json:"from"`
	Sent    int     `json:"sent"`    // the event in which it left
	Message string  `json:"message"` // its name; empty if it has records only
	Outcome Outcome `json:"outcome"`
}

// Outcome says what a receiver made of what arrived.
type Outcome string

// The outcomes.
const (
	WasRead    Outcome = "read"
	WasRefused Outcome = "refused"
	WasForged  Outcome = "forged" // changed under way, and refused
	FromThief  Outcome = "thief"  // made by who had a copy, and refused
	Believed   Outcome = "believed"
	WentWrong  Outcome = "wrong" // the receiver did what it must not
)

// newPlay gives a play in which nothing has happened. Its lists are empty and not nil, so that JSON has lists.
func newPlay() *Play {
	return &Play{Record: Record{Lines: []string{}, Lanes: []Lane{}, Messages: []Travelled{}, Arrivals: []Arrival{}, Compromises: []Compromised{}, Keys: []Life{}}}
}

// lifetimes follows the keys of lanes.
type lifetimes map[keyOf]int // -> its place in the record, while it lives

type keyOf struct {
	lane string
	adversary.Key
}

// see notes what a lane has after an event: what is new is born, and what is not there any more has died.
func (l lifetimes) see(r *Record, event int, lane string, keys []adversary.Key) {
	slices.SortFunc(keys, func(a, b adversary.Key) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	has := map[adversary.Key]bool{}
	for _, k := range keys {
		has[k] = true
		if _, alive := l[keyOf{lane, k}]; !alive {
			l[keyOf{lane, k}] = len(r.Keys)
			r.Keys = append(r.Keys, Life{Lane: lane, Kind: k.Kind, Since: event, Until: -1})
		}
	}
	for k, i := range l {
		if k.lane == lane && !has[k.Key] {
			r.Keys[i].Until = event
			delete(l, k)
		}
	}
}

// happened adds the line of an event.
func (r *Record) happened(line string) { r.Lines = append(r.Lines, line) }

// arrived notes what came of a message that was brought to a side of a duel.
func (d *duel) arrived(own *side, f *flight, outcome Outcome) {
	d.play.Arrivals = append(d.play.Arrivals, Arrival{Event: d.event, To: own.name, From: d.peerOf(own), Sent: f.event, Message: f.message.Name, Outcome: outcome})
}

// wrong notes the message whose arrival has gone wrong.
func (d *duel) wrong(e scenario.Event) {
	own, _ := d.side(e.By)
	if f := d.flights[e.Message]; f != nil && f.to == own.name {
		d.arrived(own, f, WentWrong)
	}
}

// impersonated notes what came of a message that a thief made as own.
func (d *duel) impersonated(own, other *side, outcome Outcome) {
	d.play.Arrivals = append(d.play.Arrivals, Arrival{Event: d.event, To: other.name, From: own.name, Sent: d.event, Outcome: outcome})
}

// ledger follows what travels on a stage, by devices; they get the names of lanes in the end.
type ledger struct {
	sent    []sentBy
	entries map[string]int   // entry -> index in sent
	commits map[commitOf]int // -> the event in which it was released
	mails   []mailTo
}

type sentBy struct {
	Travelled
	from, to account.DeviceID // to is zero for an entry
}

type commitOf struct {
	device account.DeviceID
	number uint64
}

type mailTo struct {
	Arrival
	to, from account.DeviceID
}

func newLedger() *ledger { return &ledger{entries: map[string]int{}, commits: map[commitOf]int{}} }

// released notes the messages of a commit.
func (l *ledger) released(event int, m *postoffice.Commit, peer string, sent []adversary.Sent) {
	l.commits[commitOf{m.Device, m.Number}] = event
	parcels := m.Parcels
	for _, s := range sent {
		t := sentBy{Travelled: Travelled{Name: s.Message.Name, To: peer, Event: event, Record: !s.Entry}, from: m.Device}
		if s.Entry {
			l.entries[string(m.Entry)] = len(l.sent)
		} else if len(parcels) > 0 {
			t.to, parcels = parcels[0].Device, parcels[1:]
		}
		l.sent = append(l.sent, t)
	}
}

// received notes a mail of another device that a device has read.
func (l *ledger) received(event int, to account.DeviceID, mail []byte, refused bool) {
	m := &postoffice.Mail{}
	if codec.Decode(mail, m) != nil || m.Device == to {
		return
	}
	a := mailTo{Arrival: Arrival{Event: event, Outcome: WasRead}, to: to, from: m.Device}
	if refused {
		a.Outcome = WasRefused
	}
	if i, ok := l.entries[string(m.Entry)]; ok {
		a.Message, a.Sent, a.from = l.sent[i].Name, l.sent[i].Event, l.sent[i].from
	} else if a.Sent, ok = l.commits[commitOf{m.Device, m.Number}]; !ok {
		return // a rotation of the other side, which comes from no device
	}
	l.mails = append(l.mails, a)
}

// record fills in who was there and what travelled.
func (th *theatre) record() {
	names := map[account.DeviceID]string{}
	for _, h := range th.users {
		for _, a := range h.actors {
			names[a.Device.ID()] = a.name
			th.play.Lanes = append(th.play.Lanes, Lane{a.name, a.since, a.until})
		}
	}
	for _, s := range th.ledger.sent {
		s.From = names[s.from]
		if s.Record {
			s.To = names[s.to]
		}
		th.play.Messages = append(th.play.Messages, s.Travelled)
	}
	for _, m := range th.ledger.mails {
		m.To, m.From = names[m.to], names[m.from]
		th.play.Arrivals = append(th.play.Arrivals, m.Arrival)
	}
}
