package adversary

import (
	"errors"
	"fmt"
	"slices"

	"credence/conformance/internal/adversary/structures"
)

// Post follows the accounts of a run of the Ambassador protocol. What their devices hold follows from the commits that
// they make and the mails that they read (SPEC.md 7 to 12).
type Post struct {
	Trace   *Trace
	Oracle  *Oracle
	Sent    []Sent // what has travelled
	Devices map[PublicKey]*Device

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
	account PublicKey
	epoch   uint32
}

// epochKeys are the public keys of an epoch.
type epochKeys struct {
	ambassador PublicKey
	signed     map[uint32]PublicKey
	oneTime    map[uint32]PublicKey
}

// parcel is a channel message with what it brings to its receiver.
type parcel struct {
	session  *Session
	header   Header
	from     PublicKey
	rotation *structures.Rotation
	batch    *structures.Publication
}

// Device is a device, by what it holds.
type Device struct {
	post    *Post
	ID      PublicKey
	Account PublicKey
	Active  bool
	epoch   uint32

	prekey     structures.Prekey // on the list
	prekeyUsed bool
	drawn      []uint32 // the ids of prekeys that are not on a list yet
	batches    []*structures.Publication
	used       map[uint32]bool // one-time prekeys
	channels   map[PublicKey]*Endpoint
	talks      map[PublicKey]*Endpoint
	pending    *pending
}

// pending is the commit under way.
type pending struct {
	number   uint64
	peer     PublicKey
	next     *Endpoint
	batch    *structures.Publication
	rotation *structures.Rotation
}

// NewPost returns a post without accounts.
func NewPost() *Post {
	return &Post{
		Trace: NewTrace(), Oracle: NewOracle(), Devices: map[PublicKey]*Device{},
		epochs: map[epochID]*epochKeys{},
		made:   map[string][]Sent{}, parcels: map[string]*parcel{}, starts: map[string]*Session{},
	}
}

func (p *Post) device(id, of PublicKey, prekey structures.Prekey) *Device {
	d := &Device{
		post: p, ID: id, Account: of, prekey: prekey, used: map[uint32]bool{},
		channels: map[PublicKey]*Endpoint{}, talks: map[PublicKey]*Endpoint{},
	}
	p.Devices[id] = d
	p.Trace.Publics[id] = true
	d.named(prekey)
	return d
}

// named names a prekey by its id: the device has drawn it before anybody sees its public key.
func (d *Device) named(k structures.Prekey) {
	d.post.Oracle.names[k.Key] = d.prekeyName(k.ID)
	d.post.Trace.Publics[k.Key] = true
}

func (d *Device) prekeyName(id uint32) string { return fmt.Sprintf("prekey %d of %x", id, d.ID) }

// fresh notes a public key that has to be new (AMB-ROT-13).
func (p *Post) fresh(k PublicKey) error {
	if p.Trace.Publics[k] {
		return fmt.Errorf("key %x is published again", k)
	}
	p.Trace.Publics[k] = true
	return nil
}

// publish notes the public keys of a publication.
func (p *Post) publish(of PublicKey, epoch uint32, b *structures.Publication) error {
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

func (p *Post) announce(r *structures.Rotation) error {
	id := epochID{r.List.Account, r.List.Epoch}
	p.epochs[id] = &epochKeys{r.AmbassadorKey, map[uint32]PublicKey{}, map[uint32]PublicKey{}}
	if err := p.fresh(r.AmbassadorKey); err != nil {
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
	offered, err := structures.ReadLinkOffer(offer)
	if err != nil {
		return fmt.Errorf("link offer: %w", err)
	}
	q, err := structures.ReadLinkRequest(request)
	if err != nil {
		return fmt.Errorf("link request: %w", err)
	}
	d := p.device(q.Device.ID, q.Account, q.Device.Prekey)
	d.epoch = q.Epoch
	for _, i := range q.Introductions {
		older := offered.Find(i.Device)
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
func (d *Device) introduce(older *structures.Device, body []byte) error {
	m, err := AmbassadorV1.ReadInitial(body)
	if err != nil {
		return err
	}
	inner, err := AmbassadorV1.ReadMessage(m.Message)
	if err != nil {
		return err
	}
	a := &Start{
		Initiator: d.ID, Responder: older.ID, Ephemeral: PublicKey(m.Ephemeral),
		SignedPrekey: older.Prekey.Key,
	}
	s := &Session{
		Name: fmt.Sprintf("channel %x %x", d.ID[:4], older.ID[:4]), Set: AmbassadorV1, Start: a,
		AD: AmbassadorV1.AssociatedData(a.Initiator[:], a.Responder[:], a.Ephemeral[:], a.SignedPrekey[:], nil),
	}
	d.post.Trace.Open(s)
	d.post.Trace.Publics[inner.Key] = true
	e := d.post.Oracle.NewInitiator(s, inner.Key, older.Prekey.Key)
	if _, err := e.Send(inner.Key, inner.N); err != nil {
		return err
	}
	d.channels[older.ID] = e
	d.post.parcels[string(body)] = &parcel{session: s, header: inner.Header, from: d.ID}
	return nil
}

// Made is a commit that a device has made and not yet released. text names the entry in it.
func (p *Post) Made(commit []byte, text string) error {
	m, err := structures.ReadCommit(commit)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	d := p.Devices[m.Device]
	if m.Kind == structures.Register && len(m.Rotation.List.Devices) > 0 {
		d = p.device(m.Device, m.Account, m.Rotation.List.Devices[0].Prekey)
	}
	if d == nil {
		return fmt.Errorf("commit of an unknown device")
	}
	return d.made(commit, m, text)
}

func (d *Device) made(commit []byte, m *structures.Commit, text string) error {
	var carries func(to PublicKey) []Term
	brings := parcel{from: d.ID}
	switch m.Kind {
	case structures.Register, structures.Rotate:
		if err := d.post.announce(m.Rotation); err != nil {
			return err
		}
		d.pending = &pending{number: m.Number, rotation: m.Rotation}
		if err := d.meet(m.Rotation); err != nil {
			return err
		}
		brings.rotation = m.Rotation
		carries = func(to PublicKey) []Term {
			if !m.Rotation.List.Activates(to) {
				return nil
			}
			return append(
				d.post.batch(&m.Rotation.Publication, nil), d.post.Oracle.Private(m.Rotation.AmbassadorKey),
			)
		}
	case structures.Prekeys:
		if err := d.post.publish(d.Account, m.Epoch, m.Publication); err != nil {
			return err
		}
		d.pending = &pending{number: m.Number, batch: m.Publication}
		brings.batch = m.Publication
		carries = func(PublicKey) []Term { return d.post.batch(m.Publication, nil) }
	case structures.Talk:
		secrets, err := d.entry(commit, m, text)
		if err != nil {
			return err
		}
		carries = func(PublicKey) []Term { return secrets }
	default:
		carries = func(PublicKey) []Term { return nil }
	}
	for _, q := range m.Parcels {
		if err := d.parcel(commit, q, brings, carries(q.Device)); err != nil {
			return err
		}
	}
	return nil
}

// batch returns the private keys of a publication but for the used one-time prekeys.
func (p *Post) batch(b *structures.Publication, used map[uint32]bool) []Term {
	terms := []Term{p.Oracle.Private(b.SignedPrekey)}
	for i, k := range b.OneTimePrekeys {
		if !used[b.FirstOneTimeID+uint32(i)] {
			terms = append(terms, p.Oracle.Private(k))
		}
	}
	return terms
}

// meet opens the channel to a device that a rotation adds, from its introduction to the leader.
func (d *Device) meet(r *structures.Rotation) error {
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
func (d *Device) parcel(commit []byte, q structures.Parcel, brings parcel, carries []Term) error {
	e := d.channels[q.Device]
	if e == nil {
		return fmt.Errorf("a record of %x to %x without a channel", d.ID[:4], q.Device[:4])
	}
	inner := q.Body
	if i, err := AmbassadorV1.ReadInitial(q.Body); err == nil {
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
func (d *Device) entry(commit []byte, m *structures.Commit, text string) ([]Term, error) {
	e, err := structures.ReadEntry(m.Entry)
	if err != nil {
		return nil, fmt.Errorf("entry: %w", err)
	}
	next, err := d.stepOwn(e, m.Entry)
	if err != nil {
		return nil, err
	}
	message := &Message{
		Name: text, Session: next.session, Initiator: next.session.Start.Initiator == d.ambassador(e.SenderEpoch),
		Body: e.Message, Context: e.Context,
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

func (d *Device) ambassador(epoch uint32) PublicKey {
	if k := d.post.epochs[epochID{d.Account, epoch}]; k != nil {
		return k.ambassador
	}
	return PublicKey{}
}

// stepOwn returns the conversation after an entry of the own account.
func (d *Device) stepOwn(e *structures.Entry, encoded []byte) (*Endpoint, error) {
	parsed, err := AmbassadorV1.ReadMessage(e.Message)
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
		next = d.post.Oracle.NewInitiator(s, parsed.Key, s.Start.SignedPrekey)
	}
	_, err = next.Send(parsed.Key, parsed.N)
	return next, err
}

// start returns the session that a start entry opens.
func (p *Post) start(e *structures.Entry, encoded []byte) (*Session, error) {
	if s := p.starts[string(encoded)]; s != nil {
		return s, nil
	}
	k := p.epochs[epochID{e.Recipient, e.RecipientEpoch}]
	if k == nil {
		return nil, fmt.Errorf("a start to an epoch that is not there")
	}
	a := &Start{
		Initiator: e.Start.Identity, Responder: k.ambassador, Ephemeral: e.Start.Ephemeral,
		SignedPrekey: k.signed[e.Start.SignedPrekeyID],
	}
	var opk []byte
	if key, ok := k.oneTime[e.Start.OneTimePrekeyID]; ok {
		a.OneTimePrekey, opk = &key, key[:]
	}
	s := &Session{
		Name: fmt.Sprintf("conversation %x", a.Ephemeral[:8]), Set: AmbassadorV1, Start: a,
		AD: AmbassadorV1.AssociatedData(a.Initiator[:], a.Responder[:], a.Ephemeral[:], a.SignedPrekey[:], opk),
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
