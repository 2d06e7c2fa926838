package accounts

import (
	"credence/conformance/internal/adversary"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/postoffice"
)

// ledger follows what travels, by the keys of devices; they get the names of lanes when the record is completed.
type ledger struct {
	messages []message
	entries  map[string]int   // entry -> its index in messages
	commits  map[commitID]int // -> the event in which it was released
	arrivals []arrival
}

// message is a message that has left a device. to is zero for an entry.
type message struct {
	verdict.Travelled
	from, to account.DeviceID
}

// commitID names a commit.
type commitID struct {
	device account.DeviceID
	number uint64
}

// arrival is a mail that has reached a device.
type arrival struct {
	verdict.Arrival
	from, to account.DeviceID
}

func newLedger() *ledger { return &ledger{entries: map[string]int{}, commits: map[commitID]int{}} }

// released notes the messages of a commit. peer is the account that its entry is for.
func (l *ledger) released(event int, m *postoffice.Commit, peer string, sent []adversary.Sent) {
	l.commits[commitID{m.Device, m.Number}] = event
	parcels := m.Parcels
	for _, s := range sent {
		t := message{
			from:      m.Device,
			Travelled: verdict.Travelled{Name: s.Message.Name, To: peer, Event: event, Record: !s.Entry},
		}
		if s.Entry {
			l.entries[string(m.Entry)] = len(l.messages)
		} else if len(parcels) > 0 {
			t.to, parcels = parcels[0].Device, parcels[1:]
		}
		l.messages = append(l.messages, t)
	}
}

// received notes a mail of another device that a device has read or refused.
func (l *ledger) received(event int, to account.DeviceID, mail []byte, refused bool) {
	m := &postoffice.Mail{}
	if codec.Decode(mail, m) != nil || m.Device == to {
		return
	}
	a := arrival{Arrival: verdict.Arrival{Event: event, Outcome: verdict.WasRead}, from: m.Device, to: to}
	if refused {
		a.Outcome = verdict.WasRefused
	}
	if i, ok := l.entries[string(m.Entry)]; ok {
		entry := l.messages[i]
		a.Message, a.Sent, a.from = entry.Name, entry.Event, entry.from
	} else if a.Sent, ok = l.commits[commitID{m.Device, m.Number}]; !ok {
		return // a rotation of the other side, which comes from no device
	}
	l.arrivals = append(l.arrivals, a)
}

// completeRecord fills in who was there and what travelled.
func (p *player) completeRecord() {
	labels := map[account.DeviceID]string{}
	for _, u := range p.users {
		for _, d := range u.devices {
			labels[d.Device.ID()] = d.label
			p.play.Lanes = append(p.play.Lanes, verdict.Lane{Name: d.label, Since: d.since, Until: d.until})
		}
	}
	for _, m := range p.ledger.messages {
		m.From = labels[m.from]
		if m.Record {
			m.To = labels[m.to]
		}
		p.play.Messages = append(p.play.Messages, m.Travelled)
	}
	for _, a := range p.ledger.arrivals {
		a.To, a.From = labels[a.to], labels[a.from]
		p.play.Arrivals = append(p.play.Arrivals, a.Arrival)
	}
}
