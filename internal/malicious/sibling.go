package malicious

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"io"
	"slices"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/reference/session"
)

// Sibling is a device of the victim's account that holds its channels in the open and can put anything into a record.
// It needs no post office: what it makes is handed to the victim as a mail.
type Sibling struct {
	*channel.Channels
	Key  ed25519.PrivateKey // of an account that the sibling leads, or nil
	List *account.List      // its own view
	rand io.Reader
}

// NewSibling makes a device without an account.
func NewSibling(rand io.Reader) (*Sibling, error) {
	channels, err := channel.New(rand)
	return &Sibling{Channels: channels, rand: rand}, err
}

// NewLeader makes the leader of an account that no post office knows.
func NewLeader(rand io.Reader) (*Sibling, error) {
	s, err := NewSibling(rand)
	if err != nil {
		return nil, err
	}
	if s.Key, err = account.GenerateKey(rand); err != nil {
		return nil, err
	}
	s.List = &account.List{
		Account: account.IDOf(s.Key), Epoch: firstEpoch, Leader: s.Device, Devices: []account.Device{s.entry()},
	}
	s.List.Sign(s.Key)
	return s, nil
}

func (s *Sibling) entry() account.Device {
	return account.Device{ID: s.Device, Status: account.Active, Prekey: s.Prekey()}
}

// Offer returns the link offer of a leader.
func (s *Sibling) Offer() []byte { return codec.MustEncode(&ambassador.LinkOffer{List: *s.List}) }

// Admit takes the device of a link request into the list of the next epoch, and reads its introduction.
func (s *Sibling) Admit(request []byte) (*account.List, error) {
	q := &ambassador.LinkRequest{}
	if err := codec.Decode(request, q); err != nil {
		return nil, err
	}
	if len(q.Introductions) == 0 {
		return nil, errors.New("a link request without an introduction")
	}
	list := s.Next()
	list.Devices = append(list.Devices, q.Device)
	list.Sort()
	list.Sign(s.Key)
	_, _, err := s.Open(list, q.Device.ID, q.Introductions[0].Body)
	return list, err
}

// Next returns the list of the next epoch with the same devices, signed.
func (s *Sibling) Next() *account.List {
	list := *s.List
	list.Epoch++
	list.Devices = slices.Clone(list.Devices)
	list.Sign(s.Key)
	return &list
}

// Request answers a link offer of the victim.
func (s *Sibling) Request(offer []byte) ([]byte, error) {
	return s.RequestWith(offer, channel.Record{Kind: channel.KindAck, Ack: &channel.Ack{Prekey: s.Prekey()}})
}

// RequestWith answers with introductions of any kind and epoch.
func (s *Sibling) RequestWith(offer []byte, introduction channel.Record) ([]byte, error) {
	o := &ambassador.LinkOffer{}
	if err := codec.Decode(offer, o); err != nil {
		return nil, err
	}
	s.List = &o.List
	r := &ambassador.LinkRequest{Account: o.List.Account, Epoch: o.List.Epoch, Device: s.entry()}
	for i := range o.List.Devices {
		if err := s.Connect(&o.List.Devices[i], s.rand); err != nil {
			return nil, err
		}
		first := s.Record(o.List.Devices[i].ID, introduction)
		first.Epoch = introduction.Epoch
		body, err := s.Seal(&first, s.rand)
		if err != nil {
			return nil, err
		}
		r.Introductions = append(r.Introductions, postoffice.Parcel{Device: o.List.Devices[i].ID, Body: body})
	}
	return codec.MustEncode(r), nil
}

// Record fills in the envelope fields as they should be.
func (s *Sibling) Record(to account.DeviceID, r channel.Record) channel.Record {
	r.Account, r.Epoch, r.Sender, r.Receiver = s.List.Account, s.List.Epoch, s.Device, to
	return r
}

// Mail seals a record and gives the mail that brings it.
func (s *Sibling) Mail(r channel.Record) ([]byte, error) {
	body, err := s.Seal(&r, s.rand)
	if err != nil {
		return nil, err
	}
	return s.Carry(body), nil
}

// Misdirected returns the mail of a record that names another receiver than the one in whose channel it comes.
func (s *Sibling) Misdirected(r channel.Record) ([]byte, error) {
	to := r.Receiver
	r.Receiver = s.Device
	body, next, err := SealTo(s.Channels, to, r, s.rand)
	if err != nil {
		return nil, err
	}
	s.Channels = next
	return s.Carry(body), nil
}

// SealTo seals a record in the channel to a device, whichever receiver it names. It returns the message and the
// channels after it.
func SealTo(c *channel.Channels, to account.DeviceID, r channel.Record, rand io.Reader) (
	message []byte, next *channel.Channels, err error,
) {
	party, err := Sessions(c)
	if err != nil {
		return nil, nil, err
	}
	e, err := party.Encrypt(hex.EncodeToString(to[:]), codec.MustEncode(&r), rand)
	if err != nil {
		return nil, nil, err
	}
	next, err = channel.Import(party.Export())
	return e.Body, next, err
}

// Carry returns the mail of a channel message.
func (s *Sibling) Carry(body []byte) []byte {
	return codec.MustEncode(&postoffice.Mail{
		Position: 1, Device: s.Device, Number: 1, Parcels: []postoffice.Parcel{{Device: s.Device, Body: body}},
	})
}

// Rotation makes the record that hands a device the epoch of a list, with fresh secrets, and gives these and a bundle
// too.
func (s *Sibling) Rotation(to account.DeviceID, list *account.List) (
	channel.Record, *account.EpochKeys, *account.Bundle, error,
) {
	keys, p, err := account.NewEpoch(s.Key, list.Epoch, s.rand)
	if err != nil {
		return channel.Record{}, nil, nil, err
	}
	b := keys.Batches[0]
	r := &channel.Rotate{
		List: *list, Statement: keys.Statement, AmbassadorPrivate: [32]byte(keys.Ambassador.Bytes()),
	}
	r.Prekeys = channel.Prekeys{
		SignedPrekeyID: b.SignedID, SignedPrekeyPrivate: [32]byte(b.Signed), FirstOneTimeID: b.FirstID,
	}
	for i, k := range b.OneTime {
		r.Prekeys.OneTimePrivates[i] = [32]byte(k)
	}
	return s.Record(to, channel.Record{Kind: channel.KindRotate, Rotate: r}), keys, bundleOf(keys, p), nil
}

// Sessions returns the sessions under channels, which seal anything.
func Sessions(c *channel.Channels) (*session.Party, error) { return session.Import(c.Export()) }
