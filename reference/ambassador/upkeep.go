package ambassador

import (
	"fmt"
	"io"
	"slices"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// AckEvery is the number of records after which a device owes its siblings an acknowledgement (AMB-SYN-04).
const AckEvery = 50

// owe puts a record on the list of what Upkeep sends. The list is bounded: what is over the bound is dropped
// (AMB-SYN-32).
func (d *Device) owe(to account.DeviceID, r channel.Record) {
	if len(d.due) < parkLimit {
		d.due = append(d.due, dueRecord{to, r})
	}
}

// oweAck owes a device an ack, once. It is made when it is sent, so that it says what holds then; what is owed is
// complete all the same, since it is exported (AMB-SYN-03).
func (d *Device) oweAck(to account.DeviceID) {
	owed := func(r dueRecord) bool { return r.To == to && r.Record.Kind == channel.KindAck }
	if !slices.ContainsFunc(d.due, owed) {
		d.due = append(d.due, dueRecord{to, d.ackRecord()}) // one for each device: no bound is needed
	}
}

// Upkeep makes a commit of what the device owes its siblings: answers to a prepare, answers to requests, requests, and
// an acknowledgement once AckEvery records have come. A commit has one record for each sibling; nil means that nothing
// is owed. It draws the ratchet keys that are due, ascending by device, from rand. It returns refusal.NotReady.
func (d *Device) Upkeep(rand io.Reader) ([]byte, error) {
	return d.try(func(next *Device) ([]byte, error) {
		if len(next.due) == 0 && next.received < AckEvery {
			return nil, nil
		}
		if err := next.mayRecord(); err != nil {
			return nil, err
		}
		if len(next.due) == 0 {
			return next.ack(rand)
		}
		return next.payDues(rand)
	})
}

// mayRecord refuses while the device may not use its channels.
func (d *Device) mayRecord() error {
	if d.list == nil || d.list.Find(d.ID()) == nil || d.behind {
		return fmt.Errorf("%w: the device has not caught up or is not on the list", refusal.NotReady)
	}
	return nil
}

// payDues makes a commit with the oldest record that is owed to each sibling (AMB-SYN-31).
func (d *Device) payDues(rand io.Reader) ([]byte, error) {
	now := map[account.DeviceID]channel.Record{}
	var later []dueRecord
	for _, due := range d.due {
		if _, ok := now[due.To]; ok {
			later = append(later, due)
		} else if d.list.Find(due.To) != nil {
			now[due.To] = due.Record
		}
	}
	d.due = later
	var parcels []postoffice.Parcel
	for _, id := range d.list.Others(d.ID(), 0) {
		r, ok := now[id]
		if !ok {
			continue
		}
		if r.Kind == channel.KindAck || r.Kind == channel.KindReady && !d.channels.Fresh(id) { // AMB-ROT-08
			r = d.ackRecord()
		}
		p, err := d.seal(id, r, rand)
		if err != nil {
			return nil, err
		}
		parcels = append(parcels, p)
	}
	if len(parcels) == 0 {
		return nil, nil
	}
	return d.commit(postoffice.Commit{Kind: postoffice.KindRecords, Parcels: parcels})
}

// Ack makes the commit of an acknowledgement to every other active device. If a linked device has used the device's
// prekey, a new one is drawn first, with Z of its signature; then the ratchet keys that are due. It returns
// refusal.NotReady, also if there is no sibling.
func (d *Device) Ack(rand io.Reader) ([]byte, error) {
	return d.try(func(next *Device) ([]byte, error) {
		if err := next.mayRecord(); err != nil {
			return nil, err
		}
		return next.ack(rand)
	})
}

func (d *Device) ack(rand io.Reader) ([]byte, error) {
	d.received = 0
	if d.prekeyUsed { // AMB-CHN-11
		if err := d.channels.RenewPrekey(rand); err != nil {
			return nil, err
		}
		d.prekeyUsed = false
	}
	parcels, err := d.sealAll(d.ackRecord(), rand)
	if err != nil {
		return nil, err
	}
	if len(parcels) == 0 {
		return nil, fmt.Errorf("%w: no sibling", refusal.NotReady)
	}
	return d.commit(postoffice.Commit{Kind: postoffice.KindRecords, Parcels: parcels})
}

// ackRecord says how far this device is in every conversation that has begun, those that are frozen included
// (AMB-SYN-23).
func (d *Device) ackRecord() channel.Record {
	a := &channel.Ack{Prekey: d.channels.Prekey()}
	for _, peer := range d.Peers() {
		t := d.talk(peer)
		switch {
		case t.frozen != "":
			a.Claims = append(a.Claims, t.dispute)
		case t.Seq > 0:
			a.Claims = append(a.Claims, t.claim())
		}
	}
	return channel.Record{Kind: channel.KindAck, Ack: a}
}

// takePrepare owes the leader a ready under a new ratchet key. If the next message would go on in a chain that was
// begun before, it owes an ack instead, which brings the leader the newest ratchet key; the leader then asks again
// (AMB-ROT-08).
func (d *Device) takePrepare(leader account.DeviceID, p *channel.Prepare) {
	d.due = slices.DeleteFunc(d.due, func(r dueRecord) bool { return r.Record.Kind == channel.KindReady })
	if !d.channels.Fresh(leader) {
		d.oweAck(leader)
		return
	}
	// In front: what is owed to the leader already would open the chain that the answer has to open.
	d.due = append(
		[]dueRecord{
			{leader, channel.Record{
				Kind: channel.KindReady, Ready: &channel.Ready{Nonce: p.Nonce, Prekey: d.channels.Prekey()},
			}},
		}, d.due...,
	)
}
