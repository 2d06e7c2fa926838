package postoffice

import (
	"bytes"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
)

// Kind is the kind of a commit.
type Kind uint8

// The kinds, in the order of the table in SPEC.md 9.2.
const (
	KindRegister Kind = 1
	KindRotate   Kind = 2
	KindEntry    Kind = 3
	KindPrekeys  Kind = 4
	KindRecords  Kind = 5
)

// Parcel is a channel message under way. In a commit Device is its receiver, in a mail its sender.
type Parcel struct {
	Device account.DeviceID
	Body   []byte
}

// Fields is SPEC.md 9.2.
func (p *Parcel) Fields(c *codec.Coder) {
	c.Fixed("device", p.Device[:])
	c.Vector("body", &p.Body, 1, codec.Most)
}

// addressed returns the devices of parcels.
func addressed(parcels []Parcel) []account.DeviceID {
	var ids []account.DeviceID
	for _, p := range parcels {
		ids = append(ids, p.Device)
	}
	return ids
}

// Ascending reports whether parcels are in the order of their devices, each once (SPEC.md 9.2, 12.1).
func Ascending(parcels []Parcel) bool {
	for i := 1; i < len(parcels); i++ {
		if bytes.Compare(parcels[i-1].Device[:], parcels[i].Device[:]) >= 0 {
			return false
		}
	}
	return true
}

// Commit is what a device hands to the post office, which takes all of it or nothing (SPEC.md 9.2). The fields after
// Parcels are there by the kind.
type Commit struct {
	Kind    Kind
	Account account.ID
	Device  account.DeviceID // the sender
	Epoch   uint32           // of the sender; in a rotation the one that ends
	Number  uint64           // counts the commits of the device, from 1
	Parcels []Parcel         // ascending by receiver

	Rotation    *Rotation            // register, rotate
	Entry       []byte               // entry
	Publication *account.Publication // prekeys
}

// Rotation opens an epoch. Introductions are empty in a registration.
type Rotation struct {
	List          account.List
	Statement     account.EpochStatement
	Publication   account.Publication
	Introductions []Parcel // of a device that is linked, ascending by receiver
}

// Fields is SPEC.md 9.2.
func (r *Rotation) Fields(c *codec.Coder) {
	c.Nested("list", &r.List)
	c.Inner("statement", &r.Statement)
	c.Inner("publication", &r.Publication)
	codec.List(c, "introductions", &r.Introductions)
	c.Check("introductions", Ascending(r.Introductions), "not in ascending order")
}

// Fields is SPEC.md 9.2.
func (m *Commit) Fields(c *codec.Coder) {
	c.Header(codec.TypeCommit)
	c.Uint8("kind", (*uint8)(&m.Kind))
	c.Fixed("account", m.Account[:])
	c.Fixed("device", m.Device[:])
	c.Uint32("epoch", &m.Epoch)
	c.Uint64("number", &m.Number)
	c.Check("number", m.Number > 0, "zero")
	codec.List(c, "parcels", &m.Parcels)
	c.Check("parcels", Ascending(m.Parcels), "not in ascending order")
	switch m.Kind {
	case KindRegister, KindRotate:
		if m.Rotation == nil {
			m.Rotation = &Rotation{}
		}
		m.Rotation.Fields(c)
	case KindEntry:
		c.Vector("entry", &m.Entry, 1, codec.Most)
	case KindPrekeys:
		if m.Publication == nil {
			m.Publication = &account.Publication{}
		}
		c.Inner("publication", m.Publication)
	case KindRecords:
	default:
		c.Check("kind", false, "unknown")
	}
}

// Mail is one delivery to one device (SPEC.md 9.4): parcels to it, the cuts of a rotation, or an entry of a log.
type Mail struct {
	Position uint64           // in the mailbox of the device, from 1
	Device   account.DeviceID // the own device that committed; zero if it came from another account
	Number   uint64           // of that commit
	Parcels  []Parcel
	Cuts     []channel.Head // in a rotation, to active devices: where each log stands; ascending by peer
	Entry    []byte         // or none
}

// Fields is SPEC.md 9.4.
func (m *Mail) Fields(c *codec.Coder) {
	c.Header(codec.TypeMail)
	c.Uint64("position", &m.Position)
	c.Fixed("device", m.Device[:])
	c.Uint64("number", &m.Number)
	codec.List(c, "parcels", &m.Parcels)
	channel.Cuts(c, &m.Cuts)
	c.Vector("entry", &m.Entry, 0, codec.Most)
}
