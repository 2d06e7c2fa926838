package ambassador

import (
	"fmt"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/reference/primitive"
	"credence/reference/x3dh"
	"credence/spec/refusal"
)

// Receive reads a mail: first its parcels, then its entry. Each of these is taken in or refused by itself; what is
// refused changes nothing and is told as an event. Nothing is drawn. It returns refusal.Malformed for a mail that
// cannot be parsed and refusal.NotReady before a link request; the device is then unchanged.
func (d *Device) Receive(mail []byte) ([]Event, error) {
	m := &postoffice.Mail{}
	if err := codec.Decode(mail, m); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	if d.list == nil {
		return nil, fmt.Errorf("%w: the device has no account", refusal.NotReady)
	}
	var events []Event
	for _, p := range m.Parcels {
		events = append(events, d.open(p, m.Cuts)...)
	}
	if own := d.echo(m); len(own) > 0 {
		events = append(events, own...)
	} else if len(m.Entry) > 0 {
		events = append(events, d.accept(m.Entry)...)
	}
	if self := d.list.Find(d.ID()); self != nil { // AMB-CHN-09
		d.channels.ForgetPrekeys(self.Prekey.ID)
	}
	return events, nil
}

func refused(from account.DeviceID, err error) Event {
	return Event{Kind: Refused, Device: from, Class: refusal.Of(err), Reason: err.Error()}
}

// accept takes in an entry on a copy, so that one which is refused leaves no trace.
func (d *Device) accept(encoded []byte) []Event {
	next := d.clone()
	events := next.arrive(encoded)
	if len(events) == 1 && events[0].Kind == Refused {
		return events
	}
	*d = *next
	return events
}

// open reads a parcel on a copy. cuts are those of its mail.
func (d *Device) open(p postoffice.Parcel, cuts []channel.Head) []Event {
	next := d.clone()
	r, arrival, err := next.channels.Open(d.list, p.Device, p.Body)
	if err != nil {
		return []Event{refused(p.Device, err)}
	}
	next.prekeyUsed = next.prekeyUsed || arrival.Opened
	events, err := next.take(r, arrival.First, cuts)
	if err != nil {
		return []Event{refused(p.Device, err)}
	}
	if r.Kind != channel.KindAck {
		next.received++
	}
	*d = *next
	return events
}

// take takes in a record.
func (d *Device) take(r *channel.Record, first bool, cuts []channel.Head) ([]Event, error) {
	event := Event{Kind: Record, Device: r.Sender}
	if d.keys == nil && (r.Kind == channel.KindSent || r.Kind == channel.KindPrekeys) { // AMB-SYN-35
		return nil, fmt.Errorf("%w: record: this device is not active", refusal.NotAllowed)
	}
	switch r.Kind {
	case channel.KindSent:
		return d.takeSent(r.Sender, r.Sent)
	case channel.KindAck:
		return d.takeAck(r.Sender, r.Ack)
	case channel.KindPrekeys:
		return []Event{event}, d.takePrekeys(r.Prekeys)
	case channel.KindList:
		return d.takeList(r.List)
	case channel.KindPrepare:
		d.takePrepare(r.Sender, r.Prepare)
		return []Event{event}, nil
	case channel.KindReady:
		return []Event{event}, d.takeReady(r.Sender, r.Ready, first)
	case channel.KindRotate:
		return d.takeRotate(r.Sender, r.Rotate, cuts)
	default:
		d.takeResendRequest(r.Sender, r.Resend)
		return []Event{event}, nil
	}
}

// echo applies the own commit that the post office has accepted. It returns nothing for the mails of others, for
// records, and for a commit that this state does not know of, or knows with another entry: an entry is then treated
// like a sibling's (AMB-SYN-36).
func (d *Device) echo(m *postoffice.Mail) []Event {
	p := d.pending
	if m.Device != d.ID() || p == nil || p.Number != m.Number || string(m.Entry) != string(p.Entry) { // AMB-SYN-15
		return nil
	}
	d.pending = nil
	accepted := Event{Kind: Accepted, Device: d.ID()}
	switch {
	case p.Next != nil:
		t := d.talk(p.Next.Peer)
		if t.Seq+1 != p.Next.Seq || t.frozen != "" {
			return nil // another history: the entry is dealt with where it arrives
		}
		t = d.keep(t.Peer)
		d.step(t, *p.Next, p.Last)
		accepted.Peer, accepted.Seq = t.Peer, t.Seq
		return append([]Event{accepted}, d.compare(t)...)
	case p.Batch != nil && d.keys != nil:
		d.keys.Add(*p.Batch)
	case p.List != nil:
		return append([]Event{accepted}, d.openEpoch(p.List, p.Keys, m.Cuts, nil)...)
	}
	return []Event{accepted}
}

// takeSent keeps the record for its entry; one for an earlier entry says nothing new (AMB-SYN-05). It is a claim of its
// sender too, which is compared even if the place turns out to be somebody else's entry (AMB-SYN-06).
func (d *Device) takeSent(from account.DeviceID, s *channel.Sent) ([]Event, error) {
	event := []Event{{Kind: Record, Device: from, Peer: s.Peer, Seq: s.Seq}}
	if s.Peer == d.Account() { // AMB-SYN-24
		return nil, fmt.Errorf("%w: record: peer: the own account", refusal.NotAllowed)
	}
	if seq := d.talk(s.Peer).Seq; s.Seq > seq+parkLimit { // AMB-SYN-07
		return nil, fmt.Errorf("%w: record: seq: %d after %d", refusal.SkipLimit, s.Seq, seq)
	}
	t := d.keep(s.Peer)
	if s.Seq > t.Seq {
		t.records[s.Seq] = s // AMB-SYN-26
	}
	event = append(event, d.hear(t, from, channel.Claim{
		Head: channel.Head{Peer: s.Peer, Seq: s.Seq, Head: s.Head}, Digest: s.Digest,
	})...)
	return append(event, d.drain(t)...), nil
}

// takeAck compares how far the sibling is, and keeps what cannot be compared yet.
func (d *Device) takeAck(from account.DeviceID, a *channel.Ack) ([]Event, error) {
	if err := d.keepPrekey(from, a.Prekey); err != nil {
		return nil, err
	}
	events := []Event{{Kind: Record, Device: from}}
	for _, claim := range a.Claims {
		if claim.Seq == 0 || claim.Peer == d.Account() {
			continue
		}
		events = append(events, d.hear(d.keep(claim.Peer), from, claim)...)
	}
	return events, nil
}

// keepPrekey remembers the newest prekey of a sibling for the next list, which only the leader needs. It refuses one
// that the sibling has not signed (AMB-CHN-10).
func (d *Device) keepPrekey(from account.DeviceID, p account.Prekey) error {
	if err := x3dh.VerifyPrekey(account.Set, from[:], p.Key[:], p.Signature[:]); err != nil {
		return fmt.Errorf("record: prekey: %w", err)
	}
	if d.Leader() && p.ID > d.prekeys[from].ID {
		d.prekeys[from] = p
	}
	return nil
}

// takePrekeys adds the private keys of a publication (AMB-SYN-12).
func (d *Device) takePrekeys(p *channel.Prekeys) error {
	newest := d.keys.Batches[len(d.keys.Batches)-1]
	if p.SignedPrekeyID != newest.SignedID+1 || p.FirstOneTimeID != newest.FirstID+account.Batch {
		return fmt.Errorf(
			"%w: record: signed_prekey_id: %d after %d", refusal.StaleEpoch, p.SignedPrekeyID, newest.SignedID,
		)
	}
	d.keys.Add(privateBatch(p))
	return nil
}

// privateBatch returns the batch of a record body.
func privateBatch(p *channel.Prekeys) account.PrekeyBatch {
	b := account.PrekeyBatch{
		SignedID: p.SignedPrekeyID, Signed: clamped(p.SignedPrekeyPrivate), FirstID: p.FirstOneTimeID,
	}
	for i, k := range p.OneTimePrivates {
		b.OneTime[i] = clamped(k)
	}
	return b
}

func clamped(k [primitive.KeySize]byte) []byte {
	primitive.Clamp(&k)
	return k[:]
}

// takeResendRequest owes the record of the newest own entry, if that is the one asked for. Earlier ones are gone
// (AMB-SYN-22).
func (d *Device) takeResendRequest(from account.DeviceID, r *channel.ResendRequest) {
	t := d.talk(r.Peer)
	if t.last != nil && t.last.Seq == r.Seq {
		d.owe(from, channel.Record{Kind: channel.KindSent, Sent: t.last})
	}
}
