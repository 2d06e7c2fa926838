// Package ambassador is SPEC.md 11 and 12: one device of an account, which speaks with the account's voice.
//
// A Device does no input or output. It makes commits, which somebody brings to the post office, and reads the mails
// that come from there; package client does both:
//
//	commit, err := device.Send(peer, plaintext, bundle, rand.Reader) // persist the device, then append the commit
//	events, err := device.Receive(mail)                              // its own commit comes back as a mail too
//
// Refused input leaves the device as it was (AMB-CNV-01): every method works on a copy and replaces the device at the
// end.
package ambassador

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"maps"
	"slices"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// Device is one device of an account. It is for one goroutine at a time.
type Device struct {
	channels   *channel.Channels
	accountKey ed25519.PrivateKey // the leader's only
	list       *account.List      // nil before a link request
	keys       *account.EpochKeys // nil while the device is pending or not yet linked

	conversations map[account.ID]*talk // what stands here is not changed; keep gives a copy that may be
	number        uint64               // of the last commit
	pending       *pending             // a commit that the post office has not answered
	behind        bool                 // imported and not yet caught up, or set back (AMB-SYN-10, AMB-SYN-11)
	signed        uint32               // the highest epoch that was signed; the leader's only (AMB-ROT-14)

	received   int                                 // records since this device last acknowledged
	due        []dueRecord                         // what Upkeep will send, oldest first
	prekeyUsed bool                                // a linked device has used the device's prekey
	prekeys    map[account.DeviceID]account.Prekey // the siblings' newest; the leader's only
	prepared   map[account.DeviceID][32]byte       // nonces of prepares without an answer; the leader's only
}

// pending is a commit under way, with what it will change when it is accepted.
type pending struct {
	Number uint64
	Entry  []byte // and the conversation after it
	Next   *conversation.Conversation
	Last   *channel.Sent // nil for a start, whose secret is gone once the records are sealed (AMB-SYN-13)
	Batch  *account.PrekeyBatch
	List   *account.List // a rotation
	Keys   *account.EpochKeys
}

// dueRecord is a record that waits for Upkeep.
type dueRecord struct {
	To     account.DeviceID
	Record channel.Record // without its envelope fields
}

// Event is what a mail has brought.
type Event struct {
	Kind      EventKind
	Peer      account.ID       // of a conversation
	Seq       uint64           // of an entry
	Last      uint64           // of undelivered: the last place of a run that begins at Seq
	Device    account.DeviceID // of a record
	Plaintext []byte
	Class     refusal.Class // why something was refused, is void or frozen
	Reason    string
}

// EventKind is the kind of an event.
type EventKind string

// The kinds of event.
const (
	Message  EventKind = "message"  // the peer's entry was read
	Sent     EventKind = "sent"     // a sibling's entry was followed
	Accepted EventKind = "accepted" // the own commit was accepted
	Dropped  EventKind = "dropped"  // the own commit was not accepted, and never will be
	Void     EventKind = "void"     // an entry of the peer that nobody can read: it only moves the log
	Answer   EventKind = "answer"   // an entry of the peer without a text
	// the peer cannot read own entries from Seq to Last; those of the peer between them do not count
	Undelivered EventKind = "undelivered"
	Parked      EventKind = "parked" // an entry that waits for a sibling's record
	// siblings or logs differ: the conversation stops until a rotation; also each entry that comes then
	Frozen  EventKind = "frozen"
	Refused EventKind = "refused" // a parcel or an entry was refused and has changed nothing
	Record  EventKind = "record"  // a record of a sibling was taken in
	Rotated EventKind = "rotated" // a new epoch
)

// Register makes the leader of a new account and the commit that registers it. It draws the device key, its signed
// prekey and Z, the seed of the account key, the number of the first epoch, and what account.NewEpoch draws, from rand,
// and returns the error of rand.
func Register(rand io.Reader) (*Device, []byte, error) {
	d, err := NewDevice(rand)
	if err != nil {
		return nil, nil, err
	}
	if d.accountKey, err = account.GenerateKey(rand); err != nil {
		return nil, nil, err
	}
	if d.signed, err = account.FirstEpoch(rand); err != nil {
		return nil, nil, err
	}
	keys, publication, err := account.NewEpoch(d.accountKey, d.signed, rand)
	if err != nil {
		return nil, nil, err
	}
	self := account.Device{ID: d.ID(), Status: account.Active, Prekey: d.channels.Prekey()}
	list := &account.List{
		Account: account.IDOf(d.accountKey), Epoch: d.signed, Leader: d.ID(), Devices: []account.Device{self},
	}
	list.Sign(d.accountKey)
	d.list, d.keys = list, keys
	commit, err := d.commit(postoffice.Commit{Kind: postoffice.KindRegister, Rotation: &postoffice.Rotation{
		List: *list, Statement: keys.Statement, Publication: *publication,
	}})
	return d, commit, err
}

// NewDevice makes a device without an account, to be linked. It draws the device key, its signed prekey and Z from
// rand, and returns the error of rand.
func NewDevice(rand io.Reader) (*Device, error) {
	channels, err := channel.New(rand)
	if err != nil {
		return nil, err
	}
	return &Device{
		channels: channels, conversations: map[account.ID]*talk{}, prekeys: map[account.DeviceID]account.Prekey{},
		prepared: map[account.DeviceID][32]byte{},
	}, nil
}

// clone returns a copy that shares nothing which changes.
func (d *Device) clone() *Device {
	c := *d
	c.channels = d.channels.Clone()
	if d.keys != nil {
		c.keys = d.keys.Clone()
	}
	c.conversations, c.due = maps.Clone(d.conversations), slices.Clone(d.due)
	c.prekeys, c.prepared = maps.Clone(d.prekeys), maps.Clone(d.prepared)
	return &c
}

// try runs a change on a copy, which replaces the device if it succeeds.
func (d *Device) try(change func(next *Device) ([]byte, error)) ([]byte, error) {
	next := d.clone()
	commit, err := change(next)
	if err != nil {
		return nil, err
	}
	*d = *next
	return commit, nil
}

// ID names the device.
func (d *Device) ID() account.DeviceID { return d.channels.Device }

// List returns the device list of the account, nil before a link request.
func (d *Device) List() *account.List { return d.list }

// Account returns the account of the device, zero before a link request.
func (d *Device) Account() account.ID {
	if d.list == nil {
		return account.ID{}
	}
	return d.list.Account
}

// Epoch returns the epoch of the device's list, 0 before a link request.
func (d *Device) Epoch() uint32 {
	if d.list == nil {
		return 0
	}
	return d.list.Epoch
}

// Leader reports whether the device holds the account key.
func (d *Device) Leader() bool { return d.accountKey != nil }

// Active reports whether the device holds the secrets of its epoch.
func (d *Device) Active() bool { return d.keys != nil }

// Conversation returns the conversation with a peer; it is new if there has been none.
func (d *Device) Conversation(peer account.ID) conversation.Conversation {
	return d.talk(peer).Conversation
}

// Peers lists the accounts with which there is a conversation, ascending.
func (d *Device) Peers() []account.ID {
	return slices.SortedFunc(
		maps.Keys(d.conversations), func(a, b account.ID) int { return slices.Compare(a[:], b[:]) },
	)
}

// Owes lists the peers to whom an answer is due, ascending (AMB-LOG-18): Send makes it, without a text.
func (d *Device) Owes() []account.ID {
	return slices.DeleteFunc(d.Peers(), func(peer account.ID) bool {
		t := d.talk(peer)
		return d.keys == nil || t.maySend() != nil || !t.Reports.Owes()
	})
}

// Problem tells why a conversation stands still, "" if it does not: entries wait for a record, or it is frozen.
func (d *Device) Problem(peer account.ID) string {
	t := d.talk(peer)
	if t.frozen != "" {
		return t.frozen
	}
	if n := t.tip.Seq - t.Seq; n > 0 {
		return fmt.Sprintf("%d entries wait for a record of a sibling", n)
	}
	return ""
}

// commit numbers a commit and gives its bytes. It returns refusal.Malformed for one that is too large.
func (d *Device) commit(m postoffice.Commit) ([]byte, error) {
	d.number++
	m.Account, m.Device, m.Epoch, m.Number = d.list.Account, d.ID(), d.list.Epoch, d.number
	return codec.Encode(&m)
}

// mayCommit refuses while the device may not make a commit that changes the account (AMB-SYN-10, AMB-SYN-11).
func (d *Device) mayCommit() error {
	switch {
	case d.list == nil || d.keys == nil: // AMB-LOG-22
		return fmt.Errorf("%w: the device is not active", refusal.NotReady)
	case d.behind:
		return fmt.Errorf("%w: the device has not caught up", refusal.NotReady)
	case d.pending != nil: // AMB-SYN-21
		return fmt.Errorf("%w: a commit is under way", refusal.NotReady)
	}
	return nil
}

// PostOfficeRefused drops the commit under way without a trace in conversations, keys and list. What its channel
// messages have used stays used (AMB-SYN-09).
func (d *Device) PostOfficeRefused() { d.pending = nil }

// CaughtUp tells a device that it has read its mailbox to the end, and how many of its commits the post office has seen
// or was told of (Mailbox.Commits); no commit that was made before can be accepted any more. One that has not come back
// by then is dropped and told as an event (AMB-SYN-14, AMB-SYN-19). It returns refusal.NotReady if the commits are more
// than the device knows of: it was set back, and would use channel keys twice (AMB-SYN-11).
func (d *Device) CaughtUp(commits uint64) ([]Event, error) {
	d.behind = commits > d.number
	if d.behind {
		return nil, fmt.Errorf("%w: the device was set back and has to be linked anew", refusal.NotReady)
	}
	if d.pending == nil {
		return nil, nil
	}
	return []Event{d.drop()}, nil
}

// drop gives up the commit under way (AMB-SYN-19).
func (d *Device) drop() Event {
	dropped := Event{Kind: Dropped, Device: d.ID()}
	if next := d.pending.Next; next != nil {
		dropped.Peer, dropped.Seq = next.Peer, next.Seq
	}
	d.pending = nil
	return dropped
}

// seal makes a parcel of a record.
func (d *Device) seal(to account.DeviceID, r channel.Record, rand io.Reader) (postoffice.Parcel, error) {
	r.Account, r.Epoch, r.Sender, r.Receiver = d.list.Account, d.list.Epoch, d.ID(), to
	body, err := d.channels.Seal(&r, rand)
	return postoffice.Parcel{Device: to, Body: body}, err
}

// sealAll makes a parcel of one record for every other active device.
func (d *Device) sealAll(r channel.Record, rand io.Reader) ([]postoffice.Parcel, error) {
	var parcels []postoffice.Parcel
	for _, id := range d.list.Others(d.ID(), account.Active) {
		p, err := d.seal(id, r, rand)
		if err != nil {
			return nil, err
		}
		parcels = append(parcels, p)
	}
	return parcels, nil
}
