package adversary

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"credence/conformance/internal/adversary/structures"
)

// Processed is a mail that a device has read. took tells whether it has taken in the entry.
func (p *Post) Processed(id PublicKey, mail []byte, took bool) error {
	d := p.Devices[id]
	m, err := structures.ReadMail(mail)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if d == nil {
		return fmt.Errorf("mail to an unknown device")
	}
	var list *structures.List
	for _, q := range m.Parcels {
		known := p.parcels[string(q.Body)]
		if known == nil || d.read(q.Device, known) != nil {
			continue
		}
		switch {
		case known.rotation != nil:
			list = &known.rotation.List
			d.open(known.rotation)
		case known.batch != nil:
			d.add(known.batch)
		}
	}
	if own := d.pending; own != nil && m.Device == d.ID && m.Number == own.number {
		d.pending = nil
		switch {
		case own.rotation != nil:
			list = &own.rotation.List
			d.open(own.rotation)
		case own.batch != nil:
			d.add(own.batch)
		case took:
			d.talks[own.peer] = own.next
		}
	} else if len(m.Entry) > 0 && took {
		if err := d.step(m.Entry); err != nil {
			return err
		}
	}
	if list != nil {
		d.listed(list)
	}
	return nil
}

// read reads a record.
func (d *Device) read(from PublicKey, q *parcel) error {
	e := d.channels[from]
	if e == nil {
		if q.session.Start == nil || q.session.Start.Responder != d.ID {
			return fmt.Errorf("a record of a device without a channel")
		}
		e = d.post.Oracle.NewResponder(q.session, q.header.Key, q.session.Start.SignedPrekey)
		d.prekeyUsed = true
	}
	e = e.Clone()
	if _, ok := e.Receive(q.header.Key, q.header.PN, q.header.N); !ok {
		return fmt.Errorf("a record that cannot be read")
	}
	d.channels[from] = e
	return nil
}

// open makes an epoch the current one (AMB-ROT-05, AMB-ROT-10, AMB-ROT-12).
func (d *Device) open(r *structures.Rotation) {
	d.epoch, d.Active = r.List.Epoch, r.List.Activates(d.ID)
	d.batches, d.used, d.pending = nil, map[uint32]bool{}, nil
	clear(d.talks)
	maps.DeleteFunc(d.channels, func(id PublicKey, _ *Endpoint) bool { return r.List.Find(id) == nil })
	if d.Active {
		d.batches = []*structures.Publication{&r.Publication}
	}
}

// listed forgets the prekeys that a newer one on the list has replaced (AMB-CHN-09).
func (d *Device) listed(l *structures.List) {
	if self := l.Find(d.ID); self != nil {
		d.prekey = self.Prekey
		d.drawn = slices.DeleteFunc(d.drawn, func(id uint32) bool { return id <= d.prekey.ID })
	}
}

// add is AMB-ACC-07.
func (d *Device) add(b *structures.Publication) {
	d.batches = append(d.batches, b)
	if len(d.batches) > 2 {
		d.batches = d.batches[1:]
	}
}

// step follows an entry that was taken in.
func (d *Device) step(encoded []byte) error {
	e, err := structures.ReadEntry(encoded)
	if err != nil {
		return fmt.Errorf("entry: %w", err)
	}
	if e.Sender == d.Account {
		next, err := d.stepOwn(e, encoded)
		if err == nil {
			d.talks[e.Recipient] = next
		}
		return err
	}
	parsed, err := AmbassadorV1.ReadMessage(e.Message)
	if err != nil {
		return err
	}
	if e.Start != nil {
		s, err := d.post.start(e, encoded)
		if err != nil {
			return err
		}
		d.talks[e.Sender] = d.post.Oracle.NewResponder(s, parsed.Key, s.Start.SignedPrekey)
		d.used[e.Start.OneTimePrekeyID] = true // AMB-ACC-08
	}
	t := d.talks[e.Sender]
	if t == nil {
		return fmt.Errorf("an entry without a session was read")
	}
	if _, ok := t.Receive(parsed.Key, parsed.PN, parsed.N); !ok {
		return fmt.Errorf("an entry was read that cannot be")
	}
	return nil
}

// Keys returns the secrets that the device has of its conversations.
func (d *Device) Keys() (keys []Key) {
	for _, t := range d.talks {
		keys = append(keys, t.Keys()...)
	}
	return keys
}

// Holds returns the secrets that the device has.
func (d *Device) Holds() []Term {
	o := d.post.Oracle
	terms := []Term{o.Private(d.ID), o.Private(d.prekey.Key)}
	for _, id := range d.drawn {
		terms = append(terms, private(d.prekeyName(id)))
	}
	if d.Active {
		terms = append(terms, o.Private(d.ambassador(d.epoch)))
	}
	for _, b := range d.batches {
		terms = append(terms, d.post.batch(b, d.used)...)
	}
	for _, id := range sortedIDs(d.channels) {
		terms = append(terms, d.channels[id].Holds()...)
	}
	for _, t := range d.talks {
		terms = append(terms, t.Holds()...)
	}
	if w := d.pending; w != nil {
		switch {
		case w.next != nil:
			terms = append(terms, w.next.Holds()...)
		case w.batch != nil:
			terms = append(terms, d.post.batch(w.batch, nil)...)
		case w.rotation != nil:
			terms = append(terms, o.Private(w.rotation.AmbassadorKey))
			terms = append(terms, d.post.batch(&w.rotation.Publication, nil)...)
		}
	}
	return terms
}

func sortedIDs(m map[PublicKey]*Endpoint) []PublicKey {
	return slices.SortedFunc(maps.Keys(m), func(a, b PublicKey) int { return bytes.Compare(a[:], b[:]) })
}
