package faults

import (
	"fmt"
	"slices"
	"time"

	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// pair is the accounts of a log, the smaller one first.
type pair [2]account.ID

func pairOf(a, b account.ID) pair {
	if slices.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return pair{a, b}
}

// logOf is a log as the post office has it.
type logOf struct{ places []place }

// place is one entry of a log.
type place struct {
	by   account.ID
	head [32]byte
	text string
}

func (b *branch) log(x, y account.ID) *logOf {
	between := pairOf(x, y)
	if b.logs[between] == nil {
		b.logs[between] = &logOf{}
	}
	return b.logs[between]
}

// head returns h_seq.
func (l *logOf) head(between pair, seq int) [32]byte {
	if seq == 0 || seq > len(l.places) {
		return conversation.FirstHead(between[0], between[1])
	}
	return l.places[seq-1].head
}

// text is a text that somebody has sent or wanted to.
type text struct {
	name     string
	from     *device
	to       *user
	event    int
	seqs     []uint64 // the places that it has in the log
	refused  bool     // its sender was told at once that it has not left
	underWay bool     // a commit with it was made, and the sender waits for what becomes of it
}

// attempt is a commit of an entry that was made.
type attempt struct {
	text  string
	onTop bool // on the log as it was when it was made
	tick  int  // when it was made
}

// newText gives the next text its name: the one that the event gives it, or by the event, so that those of other events
// do not change it; m5, then n5.
func (p *player) newText(from *device, to *user) *text {
	t := &text{name: p.given, from: from, to: to, event: p.event}
	p.given = "" // a race has several
	if p.texts[t.name] != nil {
		t.name = ""
	}
	for letter := 'm'; t.name == "" || p.texts[t.name] != nil; letter++ {
		t.name = fmt.Sprintf("%c%d", letter, p.event+1)
	}
	p.texts[t.name] = t
	return t
}

// made notes an entry that a device has made.
func (p *player) made(d *device, commit []byte, name string) {
	e := entryOf(commit)
	if e == nil {
		return
	}
	if t := p.texts[name]; t != nil {
		t.underWay = true
	}
	l := p.network.offices[d.side].log(e.Sender, e.Recipient)
	head := l.head(pairOf(e.Sender, e.Recipient), len(l.places))
	onTop := int(e.Seq) == len(l.places)+1 && e.Previous == head
	p.ticks++
	p.attempts[string(commit)] = attempt{name, onTop, p.ticks}
	d.making = name
}

// entryOf returns the entry in a commit, or nil.
func entryOf(commit []byte) *conversation.Entry {
	m := &postoffice.Commit{}
	if codec.Decode(commit, m) != nil || len(m.Entry) == 0 {
		return nil
	}
	e, err := conversation.ParseEntry(m.Entry)
	if err != nil {
		return nil
	}
	return e
}

// left notes a commit that has left a device, wherever it goes.
func (p *player) left(d *device, commit []byte) {
	_ = p.keys.Append(commit)
	m := &postoffice.Commit{}
	if codec.Decode(commit, m) != nil {
		return
	}
	d.number = max(d.number, m.Number)
	if r := m.Rotation; r != nil {
		id := epochOf{r.Statement.Account, r.Statement.Epoch}
		if key, ok := p.statements[id]; ok && key != r.Statement.AmbassadorKey {
			p.found(Statements, d.label+" has signed two statements for one epoch", "another epoch",
				"epoch signed twice")
		}
		p.statements[id] = r.Statement.AmbassadorKey
	}
}

// arrives brings a commit to the post office of its device, and notes what becomes of it.
func (p *player) arrives(d *device, commit []byte) (err error) {
	n := p.network
	b := n.offices[d.side]
	n.tell(b, func(s postoffice.Service) { err = s.Append(commit) })
	m := &postoffice.Commit{}
	if codec.Decode(commit, m) == nil {
		p.view.commit(m, err)
	}
	e := entryOf(commit)
	if e == nil {
		return err
	}
	a := p.attempts[string(commit)]
	p.fair(d, e, a, err)
	if err != nil {
		return err
	}
	l := b.log(e.Sender, e.Recipient)
	head := l.head(pairOf(e.Sender, e.Recipient), len(l.places))
	l.places = append(l.places, place{e.Sender, conversation.NextHead(head, m.Entry), a.text})
	if t := p.texts[a.text]; t != nil {
		t.seqs = append(t.seqs, e.Seq)
	}
	return nil
}

// heard takes in what a device tells its user.
func (p *player) heard(d *device, e ambassador.Event) {
	switch e.Kind {
	case ambassador.Message, ambassador.Sent:
		d.read[string(e.Plaintext)]++
	case dropped:
		if e.Peer != (account.ID{}) {
			d.told[d.making]++
		}
	case undelivered:
		p.undelivered(d, e)
	}
}

// undelivered notes which texts a device has reported to its user.
func (p *player) undelivered(d *device, e ambassador.Event) {
	for _, t := range p.texts {
		if t.to.id != e.Peer || t.from.user != d.user {
			continue
		}
		for _, seq := range t.seqs {
			if seq >= e.Seq && seq <= lastOf(e) {
				d.told[t.at(seq)]++
			}
		}
	}
}

// claimant is an account that was refused a place because the other account came first.
type claimant struct {
	since    time.Time
	tick     int
	previous [32]byte
}

// side is an account in a log.
type side struct{ account, peer account.ID }

// patience is how long a place is kept for who was refused one: who comes later has to ask again.
const patience = 10 * time.Second

// fair follows how often an account is refused the next place of a log because of what the other account does. An
// attempt counts if it was made on the log as it was then, and no sibling has taken the place.
func (p *player) fair(d *device, e *conversation.Entry, a attempt, err error) {
	id := side{e.Sender, e.Recipient}
	if err == nil {
		delete(p.waits, id)
		return
	}
	l := p.network.offices[d.side].log(e.Sender, e.Recipient)
	if refusal.Of(err) != refusal.Conflict || !a.onTop || d.side > 0 || int(e.Seq) > len(l.places)+1 {
		return
	}
	if slices.ContainsFunc(l.places[e.Seq-1:], func(x place) bool { return x.by == e.Sender }) {
		delete(p.waits, id)
		return
	}
	now := p.network.clock
	before, waits := p.waits[id]
	switch {
	case waits && (a.tick <= before.tick || now.Sub(before.since) < patience && before.previous == e.Previous):
		return // made before the account was refused, or the same place once more
	case waits && now.Sub(before.since) < patience && !p.hostile[id]:
		p.found(Places, d.label+" was refused a place of its log a second time because of what the other account did",
			"the place kept for who was refused the one before", "conflict")
	}
	p.waits[id] = claimant{now, p.ticks, e.Previous}
}

// found stops the test at something that is wrong, if this play judges it.
func (p *player) found(by Aspect, message, expected, got string) {
	if p.judged&by != 0 && p.wrong == nil {
		p.wrong = func() { p.Violation(verdict.Mismatch, message, expected, got) }
	}
}
