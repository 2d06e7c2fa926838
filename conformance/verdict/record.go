package verdict

import "slices"

// Record is what a play has come to, in a form that can be drawn: who was there, what travelled, what arrived, and who
// could read it. Events are counted as in the scenario, from 0. What was there or travelled before the first is in
// event -1, and what everybody reads at the end is in the event after the last.
type Record struct {
	Lines       []string      `json:"lines"` // an event a line, with what came of it
	Lanes       []Lane        `json:"lanes"`
	Messages    []Travelled   `json:"messages"`
	Arrivals    []Arrival     `json:"arrivals"`
	Compromises []Compromised `json:"compromises"` // those that were judged
	// of parties, and of devices in conversations, as the specification has it
	Keys []Life `json:"keys"`
}

// Life is the time in which a lane has a secret.
type Life struct {
	Lane  string  `json:"lane"`
	Kind  KeyKind `json:"kind"`
	Since int     `json:"since"` // the event in which it came
	Until int     `json:"until"` // the event in which it was deleted, or -1
}

// KeyKind is a kind of secret of a session.
type KeyKind string

// The kinds of keys.
const (
	RootKey    KeyKind = "root key"
	RatchetKey KeyKind = "ratchet key"
	ChainKey   KeyKind = "chain key"
	MessageKey KeyKind = "message key" // that was skipped
)

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
	WasRead      Outcome = "read"
	WasRefused   Outcome = "refused"
	WasForged    Outcome = "forged" // changed under way, and refused
	FromAttacker Outcome = "thief"  // made by who had a copy, and refused
	Believed     Outcome = "believed"
	WentWrong    Outcome = "wrong" // the receiver did what it must not
)

// NewRecord returns a record in which nothing has happened. Its lists are empty and not nil, so that JSON has lists.
func NewRecord() Record {
	return Record{
		Lines: []string{}, Lanes: []Lane{}, Messages: []Travelled{}, Arrivals: []Arrival{},
		Compromises: []Compromised{},
		Keys:        []Life{},
	}
}

// Happened adds the line of an event.
func (r *Record) Happened(line string) { r.Lines = append(r.Lines, line) }

// Compromised is one copy of a state, and what follows from it.
type Compromised struct {
	Event   int        `json:"event"` // index in the scenario
	Who     string     `json:"who"`   // party or device
	Exposed []Exposure `json:"exposed"`
}

// Exposure is a message that the specification lets the attacker read, or that he has read.
type Exposure struct {
	Message   string    `json:"message"`
	Index     int       `json:"index"` // in Record.Messages; -1 is a key that should have been deleted
	Allowed   bool      `json:"allowed"`
	Read      string    `json:"read"`      // how; empty if he could not
	Guarantee Guarantee `json:"guarantee"` // that keeps it secret, if it is not allowed
}

// Play is a scenario that was played: what happened, and who could read what.
type Play struct {
	Record
	Allowed  int        `json:"allowed"` // readings that the specification allows, over all compromises
	Read     int        `json:"read"`    // readings that the attacker had
	Result   TestResult `json:"result"`
	Evidence Evidence   `json:"evidence"`
}

// NewPlay returns a play in which nothing has happened.
func NewPlay() *Play { return &Play{Record: NewRecord()} }

// Outcome returns the result, with the record; nothing of no play.
func (p *Play) Outcome() TestResult {
	if p == nil {
		return TestResult{}
	}
	r := p.Result
	r.Record = &p.Record
	return r
}

// Exposed returns a message that the attacker has read against a guarantee.
func (p *Play) Exposed(by Guarantee) (Compromised, Exposure, bool) {
	for _, c := range p.Compromises {
		i := slices.IndexFunc(
			c.Exposed, func(e Exposure) bool { return e.Read != "" && !e.Allowed && e.Guarantee == by },
		)
		if i >= 0 {
			return c, c.Exposed[i], true
		}
	}
	return Compromised{}, Exposure{}, false
}
