package structures

import "slices"

// The kinds of commits (SPEC.md 9.2).
const (
	Register = 1
	Rotate   = 2
	Talk     = 3 // with an entry
	Prekeys  = 4
	Records  = 5
)

// Prekey is the signed prekey of a device.
type Prekey struct {
	ID  uint32
	Key Key
}

// Device is a device on a list (SPEC.md 7.2).
type Device struct {
	ID     Key
	Active bool
	Prekey Prekey
}

// List is a device list (SPEC.md 7.2).
type List struct {
	Account Key
	Epoch   uint32
	Devices []Device
}

// Find returns a device of the list, or nil.
func (l *List) Find(id Key) *Device {
	i := slices.IndexFunc(l.Devices, func(d Device) bool { return d.ID == id })
	if i < 0 {
		return nil
	}
	return &l.Devices[i]
}

// Activates reports whether the device is on the list and active.
func (l *List) Activates(id Key) bool {
	d := l.Find(id)
	return d != nil && d.Active
}

// Publication is what is published of a batch of prekeys (SPEC.md 7.4).
type Publication struct {
	SignedPrekeyID uint32
	SignedPrekey   Key
	FirstOneTimeID uint32
	OneTimePrekeys [20]Key
}

// Rotation is what a commit has that opens an epoch. AmbassadorKey is that of the statement (SPEC.md 7.3).
type Rotation struct {
	List          List
	AmbassadorKey Key
	Publication   Publication
}

// Parcel is a channel message to a device, or in a mail from one.
type Parcel struct {
	Device Key
	Body   []byte
}

// Commit is SPEC.md 9.2. What comes after the parcels is there by the kind.
type Commit struct {
	Kind    uint8
	Account Key
	Device  Key
	Epoch   uint32
	Number  uint64
	Parcels []Parcel

	Rotation    *Rotation
	Entry       []byte
	Publication *Publication
}

// Mail is SPEC.md 9.4.
type Mail struct {
	Device  Key // zero if another account has committed
	Number  uint64
	Parcels []Parcel
	Entry   []byte
}

// LinkRequest is SPEC.md 12.1.
type LinkRequest struct {
	Account       Key
	Epoch         uint32
	Device        Device
	Introductions []Parcel
}

// Entry is SPEC.md 10.2. Start is nil in a message entry. Context is the encoding before the message.
type Entry struct {
	Sender, Recipient           Key
	SenderEpoch, RecipientEpoch uint32
	Start                       *Start
	Message                     []byte
	Context                     []byte
}

// Start is what a start entry has more. Identity is the ambassador key of its statement.
type Start struct {
	Identity        Key
	Ephemeral       Key
	SignedPrekeyID  uint32
	OneTimePrekeyID uint32 // 0 is none
}

// ReadCommit reads a commit.
func ReadCommit(b []byte) (*Commit, error) {
	r := Open(b, 10)
	c := &Commit{
		Kind: uint8(r.Number(1)), Account: r.key(), Device: r.key(), Epoch: r.id(), Number: r.Number(8),
		Parcels: list(r, parcel),
	}
	switch c.Kind {
	case Register, Rotate:
		c.Rotation = rotation(r)
	case Talk:
		c.Entry = r.vector()
	case Prekeys:
		c.Publication = publication(r)
	case Records:
	default:
		r.fail("unknown kind")
	}
	return c, r.End()
}

// ReadMail reads a mail.
func ReadMail(b []byte) (*Mail, error) {
	r := Open(b, 13)
	r.Number(8) // position
	m := &Mail{Device: r.key(), Number: r.Number(8), Parcels: list(r, parcel)}
	r.vector() // cuts
	m.Entry = r.vector()
	return m, r.End()
}

// ReadLinkOffer returns the list of a link offer.
func ReadLinkOffer(b []byte) (*List, error) {
	r := Open(b, 11)
	return deviceList(r), r.End()
}

// ReadLinkRequest reads a link request.
func ReadLinkRequest(b []byte) (*LinkRequest, error) {
	r := Open(b, 12)
	q := &LinkRequest{Account: r.key(), Epoch: r.id(), Device: device(r), Introductions: list(r, parcel)}
	return q, r.End()
}

// ReadEntry reads an entry.
func ReadEntry(b []byte) (*Entry, error) {
	kind := uint8(3)
	if len(b) > 1 && b[1] == 4 {
		kind = 4
	}
	r := Open(b, kind)
	e := &Entry{Sender: r.key(), Recipient: r.key(), SenderEpoch: r.id(), RecipientEpoch: r.id()}
	r.Bytes(8 + 32) // seq and previous
	if kind == 4 {
		e.Start = &Start{Identity: statement(r), Ephemeral: r.key(), SignedPrekeyID: r.id(), OneTimePrekeyID: r.id()}
	}
	e.Context = b[:len(b)-len(r.rest)]
	e.Message = r.vector()
	return e, r.End()
}

func parcel(r *Reader) Parcel { return Parcel{Device: r.key(), Body: r.vector()} }

func rotation(r *Reader) *Rotation {
	o := &Rotation{List: *deviceList(r), AmbassadorKey: statement(r), Publication: *publication(r)}
	r.vector() // introductions
	return o
}

// deviceList reads a device list behind its length.
func deviceList(r *Reader) *List {
	inner := Open(r.vector(), 6)
	l := &List{Account: inner.key(), Epoch: inner.id()}
	inner.key() // leader
	l.Devices = list(inner, device)
	inner.signature()
	if err := inner.End(); err != nil {
		r.fail("list: " + err.Error())
	}
	return l
}

func device(r *Reader) Device {
	id, status := r.key(), r.Number(1)
	if status != 1 && status != 2 {
		r.fail("unknown status")
	}
	d := Device{ID: id, Active: status == 1, Prekey: Prekey{ID: r.id(), Key: r.key()}}
	r.signature()
	return d
}

// statement returns the ambassador key of an epoch statement.
func statement(r *Reader) Key {
	r.start(5)
	r.key() // account
	r.id()  // epoch
	ambassador := r.key()
	r.signature()
	return ambassador
}

func publication(r *Reader) *Publication {
	r.start(8)
	p := &Publication{SignedPrekeyID: r.id(), SignedPrekey: r.key()}
	r.signature()
	p.FirstOneTimeID = r.id()
	for i := range p.OneTimePrekeys {
		p.OneTimePrekeys[i] = r.key()
	}
	return p
}
