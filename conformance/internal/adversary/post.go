package adversary

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/reference/x3dh"
)

// Post follows the accounts of a run of the Ambassador protocol. What their devices hold follows from the commits that
// they make and the mails that they read (SPEC.md 7 to 12).
type Post struct {
	Trace   *Trace
	Oracle  *Oracle
	Sent    []Sent // what has travelled
	Devices map[account.DeviceID]*Device

	epochs   map[epochID]*epochKeys
	made     map[string][]Sent   // commit -> what travels when it is released
	parcels  map[string]*parcel  // by the body
	starts   map[string]*Session // by the start entry
	messages int
}

// Sent is a message with the term of its key. Entry tells entries from records.
type Sent struct {
	Message *Message
	Key     Term
	Entry   bool
}

type epochID struct {
	account account.ID
	epoch   uint32
}

// epochKeys are the public keys of an epoch.
type epochKeys struct {
	ambassador primitive.PublicKey
	signed     map[uint32]primitive.PublicKey
	oneTime    map[uint32]primitive.PublicKey
}

// parcel is a channel message with what it brings to its receiver.
type parcel struct {
	session  *Session
	header   wire.Header
	from     account.DeviceID
	rotation *postoffice.Rotation
	batch    *account.Publication
}

// Device is a device, by what it holds.
type Device struct {
	post    *Post
	ID      account.DeviceID
	Account account.ID
	Active  bool
	epoch   uint32

	prekey     account.Prekey // on the list
	prekeyUsed bool
	drawn      []uint32 // the ids of prekeys that are not on a list yet
	batches    []*account.Publication
	used       map[uint32]bool // one-time prekeys
	channels   map[account.DeviceID]*Endpoint
	talks      map[account.ID]*Endpoint
	pending    *pending
}

// pending is the commit under way.
type pending struct {
	number   uint64
	peer     account.ID
	next     *Endpoint
	batch    *account.Publication
	rotation *postoffice.Rotation
}

// NewPost returns a post without accounts.
func NewPost() *Post {
	return &Post{
		Trace: NewTrace(), Oracle: NewOracle(), Devices: map[account.DeviceID]*Device{},
		epochs: map[epochID]*epochKeys{},
		made:   map[string][]Sent{}, parcels: map[string]*parcel{}, starts: map[string]*Session{},
	}
}

func (p *Post) device(id account.DeviceID, of account.ID, prekey account.Prekey) *Device {
	d := &Device{
		post: p, ID: id, Account: of, prekey: prekey, used: map[uint32]bool{},
		channels: map[account.DeviceID]*Endpoint{}, talks: map[account.ID]*Endpoint{},
	}
	p.Devices[id] = d
	p.Trace.Publics[id] = true
	d.named(prekey)
	return d
}

// named names a prekey by its id: the device has drawn it before anybody sees its public key.
func (d *Device) named(k account.Prekey) {
	d.post.Oracle.names[k.Key] = d.prekeyName(k.ID)
	d.post.Trace.Publics[k.Key] = true
}

func (d *Device) prekeyName(id uint32) string { return fmt.Sprintf("prekey %d of %x", id, d.ID) }

// fresh notes a public key that has to be new (AMB-ROT-13).
func (p *Post) fresh(k primitive.PublicKey) error {
	if p.Trace.Publics[k] {
		return fmt.Errorf("key %x is published again", k)
	}
	p.Trace.Publics[k] = true
	return nil
}

// publish notes the public keys of a publication.
func (p *Post) publish(of account.ID, epoch uint32, b *account.Publication) error {
	k := p.epochs[epochID{of, epoch}]
	if k == nil {
		return nil
	}
	k.signed[b.SignedPrekeyID] = b.SignedPrekey
	err := p.fresh(b.SignedPrekey)
	for i, key := range b.OneTimePrekeys {
		k.oneTime[b.FirstOneTimeID+uint32(i)] = key
		err = errors.Join(err, p.fresh(key))
	}
	return err
}

func (p *Post) announce(r *postoffice.Rotation) error {
	id := epochID{r.List.Account, r.List.Epoch}
	p.epochs[id] = &epochKeys{
		r.Statement.AmbassadorKey, map[uint32]primitive.PublicKey{}, map[uint32]primitive.PublicKey{},
	}
	if err := p.fresh(r.Statement.AmbassadorKey); err != nil {
		return err
	}
	for _, on := range r.List.Devices {
		if d := p.Devices[on.ID]; d != nil {
			d.named(on.Prekey)
		}
	}
	return p.publish(r.List.Account, r.List.Epoch, &r.Publication)
}

// Requested is a new device that has answered an offer with a link request: it has channels from then on.
func (p *Post) Requested(offer, request []byte) error {
	o, q := &ambassador.LinkOffer{}, &ambassador.LinkRequest{}
	if err := codec.Decode(offer, o); err != nil {
		return fmt.Errorf("link offer: %w", err)
	}
	if err := codec.Decode(request, q); err != nil {
		return fmt.Errorf("link request: %w", err)
	}
	d := p.device(q.Device.ID, q.Account, q.Device.Prekey)
	d.epoch = q.Epoch
	for _, i := range q.Introductions {
		older := o.List.Find(i.Device)
		if older == nil {
			return fmt.Errorf("link request: an introduction to a device that was not offered")
		}
		if err := d.introduce(older, i.Body); err != nil {
			return fmt.Errorf("link request: %w", err)
		}
	}
	return nil
}

// introduce starts the channel of a new device to an older one.
func (d *Device) introduce(older *account.Device, body []byte) error {
	m, err := wire.ParseInitial(account.Set, body)
	if err != nil {
		return err
	}
	inner, err := wire.Parse(account.Set, m.Message)
	if err != nil {
		return err
	}
	a := &Start{
		Initiator: d.ID, Responder: older.ID, Ephemeral: primitive.PublicKey(m.Ephemeral),
		SignedPrekey: older.Prekey.Key,
	}
	s := &Session{
		Name: fmt.Sprintf("channel %x %x", d.ID[:4], older.ID[:4]), Set: account.Set, Start: a,
		AD: x3dh.AssociatedData(account.Set, a.Initiator[:], a.Responder[:], a.Ephemeral[:], a.SignedPrekey[:], nil),
	}
	d.post.Trace.Open(s)
	d.post.Trace.Publics[inner.Header.Key] = true
	e := d.post.Oracle.NewInitiator(s, inner.Header.Key, older.Prekey.Key)
	if _, err := e.Send(inner.Header.Key, inner.Header.N); err != nil {
		return err
	}
	d.channels[older.ID] = e
	d.post.parcels[string(body)] = &parcel{session: s, header: inner.Header, from: d.ID}
	return nil
}

// Made is a commit that a device has made and not yet released. text names the entry in it.
func (p *Post) Made(commit []byte, text string) error {
	m := &postoffice.Commit{}
	if err := codec.Decode(commit, m); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	d := p.Devices[m.Device]
	if m.Kind == postoffice.KindRegister {
		d = p.device(m.Device, m.Account, m.Rotation.List.Devices[0].Prekey)
	}
	if d == nil {
		return fmt.Errorf("commit of an unknown device")
	}
	return d.made(commit, m, text)
}

func (d *Device) made(commit []byte, m *postoffice.Commit, text string) error {
	var carries func(to account.DeviceID) []Term
	brings := parcel{from: d.ID}
	switch m.Kind {
	case postoffice.KindRegister, postoffice.KindRotate:
		if err := d.post.announce(m.Rotation); err != nil {
			return err
		}
		d.pending = &pending{number: m.Number, rotation: m.Rotation}
		if err := d.meet(m.Rotation); err != nil {
			return err
		}
		brings.rotation = m.Rotation
		carries = func(to account.DeviceID) []Term {
			if !m.Rotation.List.Has(to, account.Active) {
				return nil
			}
			return append(
				d.post.batch(&m.Rotation.Publication, nil), d.post.Oracle.Private(m.Rotation.Statement.AmbassadorKey),
			)
		}
	case postoffice.KindPrekeys:
		if err := d.post.publish(d.Account, m.Epoch, m.Publication); err != nil {
			return err
		}
		d.pending = &pending{number: m.Number, batch: m.Publication}
		brings.batch = m.Publication
		carries = func(account.DeviceID) []Term { return d.post.batch(m.Publication, nil) }
	case postoffice.KindEntry:
		secrets, err := d.entry(commit, m, text)
		if err != nil {
			return err
		}
		carries = func(account.DeviceID) []Term { return secrets }
	default:
		carries = func(account.DeviceID) []Term { return nil }
	}
	for _, q := range m.Parcels {
		if err := d.parcel(commit, q, brings, carries(q.Device)); err != nil {
			return err
		}
	}
	return nil
}

// batch returns the private keys of a publication but for the used one-time prekeys.
func (p *Post) batch(b *account.Publication, used map[uint32]bool) []Term {
	terms := []Term{p.Oracle.Private(b.SignedPrekey)}
	for i, k := range b.OneTimePrekeys {
		if !used[b.FirstOneTimeID+uint32(i)] {
			terms = append(terms, p.Oracle.Private(k))
		}
	}
	return terms
}

// meet opens the channel to a device that a rotation adds, from its introduction to the leader.
func (d *Device) meet(r *postoffice.Rotation) error {
	for _, other := range r.List.Devices {
		added := d.post.Devices[other.ID]
		if other.ID == d.ID || d.channels[other.ID] != nil || added == nil || added.channels[d.ID] == nil {
			continue
		}
		for _, q := range d.post.parcels {
			if q.from == other.ID && q.session == added.channels[d.ID].session {
				return d.read(other.ID, q)
			}
		}
	}
	return nil
}

// parcel is one record under way.
func (d *Device) parcel(commit []byte, q postoffice.Parcel, brings parcel, carries []Term) error {
	e := d.channels[q.Device]
	if e == nil {
		return fmt.Errorf("a record of %x to %x without a channel", d.ID[:4], q.Device[:4])
	}
	inner := q.Body
	if i, err := wire.ParseInitial(account.Set, q.Body); err == nil {
		inner = i.Message
	}
	d.post.messages++
	m := &Message{
		Name: fmt.Sprintf("record %d", d.post.messages), Session: e.session,
		Initiator: e.session.Start.Initiator == d.ID, Body: inner,
	}
	if err := m.parse(); err != nil {
		return err
	}
	mk, err := e.Send(m.Header.Key, m.Header.N)
	if err != nil {
		return err
	}
	if len(carries) > 0 {
		d.post.Oracle.Carries(mk, carries...)
	}
	brings.session, brings.header = e.session, m.Header
	d.post.parcels[string(q.Body)] = &brings
	d.post.made[string(commit)] = append(d.post.made[string(commit)], Sent{Message: m, Key: mk})
	return nil
}

// entry is a tentative entry of a conversation. It returns what the siblings get of it.
func (d *Device) entry(commit []byte, m *postoffice.Commit, text string) ([]Term, error) {
	e, err := conversation.ParseEntry(m.Entry)
	if err != nil {
		return nil, fmt.Errorf("entry: %w", err)
	}
	next, err := d.stepOwn(e, m.Entry)
	if err != nil {
		return nil, err
	}
	message := &Message{
		Name: text, Session: next.session, Initiator: next.session.Start.Initiator == d.ambassador(e.SenderEpoch),
		Body: e.Message, Context: e.Context(),
	}
	if err := message.parse(); err != nil {
		return nil, err
	}
	mk := messageKey(next.session.Name, d.post.Oracle.Key(message.Header.Key), message.Header.N)
	d.pending = &pending{number: m.Number, peer: e.Recipient, next: next}
	d.post.made[string(commit)] = append(d.post.made[string(commit)], Sent{message, mk, true})
	secrets := []Term{d.post.Oracle.Private(message.Header.Key)}
	if e.Start != nil {
		secrets = append(secrets, agreed(next.session.Name))
	}
	return secrets, nil
}

func (d *Device) ambassador(epoch uint32) primitive.PublicKey {
	if k := d.post.epochs[epochID{d.Account, epoch}]; k != nil {
		return k.ambassador
	}
	return primitive.PublicKey{}
}

// stepOwn returns the conversation after an entry of the own account.
func (d *Device) stepOwn(e *conversation.Entry, encoded []byte) (*Endpoint, error) {
	parsed, err := wire.Parse(account.Set, e.Message)
	if err != nil {
		return nil, err
	}
	var next *Endpoint
	if e.Start == nil {
		if d.talks[e.Recipient] == nil {
			return nil, fmt.Errorf("an entry without a session")
		}
		next = d.talks[e.Recipient].Clone()
	} else {
		s, err := d.post.start(e, encoded)
		if err != nil {
			return nil, err
		}
		next = d.post.Oracle.NewInitiator(s, parsed.Header.Key, s.Start.SignedPrekey)
	}
	_, err = next.Send(parsed.Header.Key, parsed.Header.N)
	return next, err
}

// start returns the session that a start entry opens.
func (p *Post) start(e *conversation.Entry, encoded []byte) (*Session, error) {
	if s := p.starts[string(encoded)]; s != nil {
		return s, nil
	}
	k := p.epochs[epochID{e.Recipient, e.RecipientEpoch}]
	if k == nil {
		return nil, fmt.Errorf("a start to an epoch that is not there")
	}
	a := &Start{
		Initiator: e.Start.Statement.AmbassadorKey, Responder: k.ambassador, Ephemeral: e.Start.Ephemeral,
		SignedPrekey: k.signed[e.Start.SignedPrekeyID],
	}
	var opk []byte
	if key, ok := k.oneTime[e.Start.OneTimePrekeyID]; ok {
		a.OneTimePrekey, opk = &key, key[:]
	}
	s := &Session{
		Name: fmt.Sprintf("conversation %x", a.Ephemeral[:8]), Set: account.Set, Start: a,
		AD: x3dh.AssociatedData(account.Set, a.Initiator[:], a.Responder[:], a.Ephemeral[:], a.SignedPrekey[:], opk),
	}
	p.starts[string(encoded)] = s
	return s, nil
}

// Released is a commit that has reached the post office, which may take or refuse it.
func (p *Post) Released(commit []byte) {
	for _, s := range p.made[string(commit)] {
		if !slices.Contains(p.Trace.Sessions, s.Message.Session) {
			p.Trace.Open(s.Message.Session)
		}
		p.Trace.see(s.Message)
		p.Sent = append(p.Sent, s)
	}
	delete(p.made, string(commit))
}

// Dropped is a device that has no commit under way any more.
func (d *Device) Dropped() { d.pending = nil }

// Acked is a device that has made an acknowledgement to all: it draws a new prekey first if the one on the list was
// used.
func (d *Device) Acked() {
	if d.prekeyUsed {
		newest := d.prekey.ID
		if n := len(d.drawn); n > 0 {
			newest = d.drawn[n-1]
		}
		d.prekeyUsed, d.drawn = false, append(d.drawn, newest+1)
	}
}

// Processed is a mail that a device has read. took tells whether it has taken in the entry.
func (p *Post) Processed(id account.DeviceID, mail []byte, took bool) error {
	d := p.Devices[id]
	m := &postoffice.Mail{}
	if err := codec.Decode(mail, m); err != nil || d == nil {
		return fmt.Errorf("mail: %w", err)
	}
	var list *account.List
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
func (d *Device) read(from account.DeviceID, q *parcel) error {
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
func (d *Device) open(r *postoffice.Rotation) {
	d.epoch, d.Active = r.List.Epoch, r.List.Has(d.ID, account.Active)
	d.batches, d.used, d.pending = nil, map[uint32]bool{}, nil
	clear(d.talks)
	maps.DeleteFunc(d.channels, func(id account.DeviceID, _ *Endpoint) bool { return r.List.Find(id) == nil })
	if d.Active {
		d.batches = []*account.Publication{&r.Publication}
	}
}

// listed forgets the prekeys that a newer one on the list has replaced (AMB-CHN-09).
func (d *Device) listed(l *account.List) {
	if self := l.Find(d.ID); self != nil {
		d.prekey = self.Prekey
		d.drawn = slices.DeleteFunc(d.drawn, func(id uint32) bool { return id <= d.prekey.ID })
	}
}

// add is AMB-ACC-07.
func (d *Device) add(b *account.Publication) {
	d.batches = append(d.batches, b)
	if len(d.batches) > 2 {
		d.batches = d.batches[1:]
	}
}

// step follows an entry that was taken in.
func (d *Device) step(encoded []byte) error {
	e, err := conversation.ParseEntry(encoded)
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
	parsed, err := wire.Parse(account.Set, e.Message)
	if err != nil {
		return err
	}
	if e.Start != nil {
		s, err := d.post.start(e, encoded)
		if err != nil {
			return err
		}
		d.talks[e.Sender] = d.post.Oracle.NewResponder(s, parsed.Header.Key, s.Start.SignedPrekey)
		d.used[e.Start.OneTimePrekeyID] = true // AMB-ACC-08
	}
	t := d.talks[e.Sender]
	if t == nil {
		return fmt.Errorf("an entry without a session was read")
	}
	if _, ok := t.Receive(parsed.Header.Key, parsed.Header.PN, parsed.Header.N); !ok {
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
			terms = append(terms, o.Private(w.rotation.Statement.AmbassadorKey))
			terms = append(terms, d.post.batch(&w.rotation.Publication, nil)...)
		}
	}
	return terms
}

func sortedIDs(m map[account.DeviceID]*Endpoint) []account.DeviceID {
	return slices.SortedFunc(maps.Keys(m), func(a, b account.DeviceID) int { return bytes.Compare(a[:], b[:]) })
}
