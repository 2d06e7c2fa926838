package design

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"credence/reference/account"
	protocol "credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// Ambassador is the Ambassador protocol (SPEC.md 7 to 12) behind the interface of the others: all devices of a user
// share one key and one session for each peer, and hand them round among themselves.
type Ambassador struct {
	rand    io.Reader
	office  *postoffice.Office
	users   map[string]*represented
	names   map[account.ID]string
	carried []Carried
}

// represented is a user whom the ambassador represents.
type represented struct {
	name    string
	id      account.ID
	devices []*voice // by index, those removed included
	cost    Cost
	views   map[string]*View
	keys    map[string]string // ambassador keys seen, by user and epoch
}

// voice is a device that speaks with the ambassador's voice.
type voice struct {
	Device
	user    *represented
	client  *client.Client
	online  bool
	removed bool
	history []Message
}

// NewAmbassador returns the Ambassador protocol, with an honest post office.
func NewAmbassador(rand io.Reader) *Ambassador {
	return &Ambassador{
		rand: rand, office: postoffice.New(time.Now), users: map[string]*represented{}, names: map[account.ID]string{},
	}
}

// Name is Design.Name.
func (*Ambassador) Name() string { return "ambassador" }

// AddUser is Design.AddUser.
func (a *Ambassador) AddUser(name string, devices int) error {
	if a.users[name] != nil {
		return fmt.Errorf("%w: %q", ErrExists, name)
	}
	if devices < 1 {
		return ErrNoDevice
	}
	u := &represented{name: name, views: map[string]*View{}, keys: map[string]string{}}
	w := &window{a, u}
	c, err := client.Register(w, w.counting())
	if err != nil {
		return err
	}
	u.id = c.Device.Account()
	a.names[u.id] = name
	u.add(a, c)
	for range devices - 1 {
		if err := a.link(u); err != nil {
			return err
		}
	}
	a.users[name] = u
	return a.deliver(u)
}

// add runs a device from now on.
func (u *represented) add(a *Ambassador, c *client.Client) {
	v := &voice{Device: Device{u.name, len(u.devices)}, user: u, client: c, online: true}
	c.Heard = func(e protocol.Event) {
		switch e.Kind {
		case protocol.Message:
			v.history = append(v.history, Message{From: a.names[e.Peer], Text: string(e.Plaintext)})
		case protocol.Sent:
			v.history = append(v.history, Message{From: u.name, Text: string(e.Plaintext)})
		}
	}
	u.devices = append(u.devices, v)
}

func (a *Ambassador) link(u *represented) error {
	w := &window{a, u}
	c, err := client.Link(u.devices[0].client, w, w.counting())
	if err != nil {
		return err
	}
	u.add(a, c)
	return nil
}

// AddDevice is Design.AddDevice. It returns ErrLeaderOffline too: only the leader links devices.
func (a *Ambassador) AddDevice(name string) error {
	u, err := a.led(name)
	if err != nil {
		return err
	}
	if err := a.link(u); err != nil {
		return err
	}
	return a.deliver(u)
}

// led finds a user whose leader is online: only it can change the list of devices.
func (a *Ambassador) led(name string) (*represented, error) {
	u := a.users[name]
	if u == nil {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	if leader := u.devices[0]; !leader.online {
		return nil, fmt.Errorf("%w: %v", ErrLeaderOffline, leader.Device)
	}
	return u, nil
}

// RemoveDevice is Design.RemoveDevice. It returns ErrLeaderOffline too.
func (a *Ambassador) RemoveDevice(name Device) error {
	d, err := a.voice(name)
	if err != nil {
		return err
	}
	if name.Index == 0 {
		return fmt.Errorf("%w: %v", ErrLeader, name)
	}
	u, err := a.led(name.User)
	if err != nil {
		return err
	}
	if err := u.devices[0].client.Rotate(protocol.Change{
		Remove: []account.DeviceID{d.client.Device.ID()},
	}); err != nil {
		return err
	}
	d.removed = true
	return a.deliver(u)
}

// SetOnline is Design.SetOnline.
func (a *Ambassador) SetOnline(name Device, online bool) error {
	d, err := a.voice(name)
	if err != nil {
		return err
	}
	d.online = online
	return a.deliver(d.user)
}

// voice finds a device that was not removed.
func (a *Ambassador) voice(name Device) (*voice, error) {
	u := a.users[name.User]
	if u == nil || name.Index < 0 || name.Index >= len(u.devices) || u.devices[name.Index].removed {
		return nil, fmt.Errorf("%w: %v", ErrUnknown, name)
	}
	return u.devices[name.Index], nil
}

// deliver lets the devices of users that are online read.
func (a *Ambassador) deliver(users ...*represented) error {
	for _, u := range users {
		for _, d := range u.devices {
			if !d.online || d.removed {
				continue
			}
			if err := d.client.Sync(); err != nil {
				return fmt.Errorf("%v: %w", d.Device, err)
			}
		}
	}
	return nil
}

// Send is Design.Send.
func (a *Ambassador) Send(from Device, to, text string) (Cost, error) {
	d, err := a.voice(from)
	if err != nil {
		return Cost{}, err
	}
	peer := a.users[to]
	switch {
	case peer == nil:
		return Cost{}, fmt.Errorf("%w: %q", ErrUnknown, to)
	case peer == d.user:
		return Cost{}, fmt.Errorf("%w: %q", ErrSelf, to)
	case !d.online:
		return Cost{}, fmt.Errorf("%w: %v", ErrOffline, from)
	}
	before := d.user.cost
	if err := d.client.Send(peer.id, []byte(text)); err != nil {
		return Cost{}, err
	}
	return d.user.cost.minus(before), a.deliver(d.user, peer)
}

// Read is Design.Read.
func (a *Ambassador) Read(name Device) ([]Message, error) {
	u := a.users[name.User]
	if u == nil || name.Index < 0 || name.Index >= len(u.devices) {
		return nil, fmt.Errorf("%w: %v", ErrUnknown, name)
	}
	return slices.Clone(u.devices[name.Index].history), nil
}

// View is Design.View.
func (a *Ambassador) View(viewer, of string) (View, error) {
	v := a.users[viewer]
	if v == nil || a.users[of] == nil {
		return View{}, fmt.Errorf("%w: %q or %q", ErrUnknown, viewer, of)
	}
	seen := v.view(of)
	return View{Identities: slices.Clone(seen.Identities), Senders: slices.Clone(seen.Senders)}, nil
}

func (u *represented) view(of string) *View {
	if u.views[of] == nil {
		u.views[of] = &View{}
	}
	return u.views[of]
}

// window is the post office as one user sees it: it counts what the user sends and notes what the user gets to see.
type window struct {
	design *Ambassador
	user   *represented
}

func (w *window) counting() io.Reader { return counter{w.design.rand, &w.user.cost.KeyPairs} }

// Append counts the ciphertexts of commits that are accepted.
func (w *window) Append(commit []byte) error {
	if err := w.design.office.Append(commit); err != nil {
		return err
	}
	m := &postoffice.Commit{}
	if err := codec.Decode(commit, m); err != nil {
		return err
	}
	if len(m.Entry) > 0 {
		e, err := conversation.ParseEntry(m.Entry)
		if err != nil {
			return err
		}
		w.count(m.Device, w.design.names[e.Recipient], len(m.Entry))
	}
	for _, p := range m.Parcels {
		w.count(m.Device, w.user.named(p.Device).String(), len(p.Body))
	}
	return nil
}

func (w *window) count(from account.DeviceID, to string, size int) {
	w.user.cost.Ciphertexts++
	w.user.cost.Bytes += size
	w.design.carried = append(w.design.carried, Carried{w.user.named(from), to, size})
}

// named returns the name of a device. One that is being linked is the next.
func (u *represented) named(id account.DeviceID) Device {
	for _, d := range u.devices {
		if d.client.Device.ID() == id {
			return d.Device
		}
	}
	return Device{u.name, len(u.devices)}
}

// Bundle shows the user the ambassador key of a peer.
func (w *window) Bundle(id account.ID) ([]byte, error) {
	encoded, err := w.design.office.Bundle(id)
	if err != nil {
		return nil, err
	}
	b := &account.Bundle{}
	if err := codec.Decode(encoded, b); err != nil {
		return nil, err
	}
	w.meet(&b.Statement)
	return encoded, nil
}

// meet shows the user the ambassador key of a peer.
func (w *window) meet(s *account.EpochStatement) {
	name := w.design.names[s.Account]
	w.user.keys[inEpoch(name, s.Epoch)] = hex.EncodeToString(s.AmbassadorKey[:])
	see(&w.user.view(name).Identities, w.user.keys[inEpoch(name, s.Epoch)])
}

func inEpoch(name string, epoch uint32) string { return fmt.Sprintf("%s in epoch %d", name, epoch) }

// Announce passes an announcement on.
func (w *window) Announce(id account.ID, device account.DeviceID, number uint64) (uint64, error) {
	return w.design.office.Announce(id, device, number)
}

// Fetch shows the user the ambassador key with which a peer has started a session, and all that says who has sent an
// entry: the account and its epoch, which have one key.
func (w *window) Fetch(id account.ID, device account.DeviceID, from uint64) (postoffice.Mailbox, error) {
	box, err := w.design.office.Fetch(id, device, from)
	if err != nil {
		return box, err
	}
	for _, encoded := range box.Mails {
		m := &postoffice.Mail{}
		if err := codec.Decode(encoded, m); err != nil {
			return box, err
		}
		e, err := conversation.ParseEntry(m.Entry)
		if err != nil || e.Sender == id {
			continue
		}
		if e.Start != nil {
			w.meet(&e.Start.Statement)
		}
		name := w.design.names[e.Sender]
		see(&w.user.view(name).Senders, w.user.keys[inEpoch(name, e.SenderEpoch)])
	}
	return box, nil
}

// PostOffice is Design.PostOffice.
func (a *Ambassador) PostOffice() []Carried {
	carried := a.carried
	a.carried = nil
	return carried
}

// Race lets two devices of a user make an entry for the same place. The first is accepted; the second is refused,
// reads, and sends anew. It returns ErrUnknown, and an error if the post office has taken both.
func (a *Ambassador) Race(first, second Device, to string, texts [2]string) error {
	racers := [2]*voice{}
	for i, name := range []Device{first, second} {
		d, err := a.voice(name)
		if err != nil {
			return err
		}
		racers[i] = d
	}
	peer := a.users[to]
	if peer == nil {
		return fmt.Errorf("%w: %q", ErrUnknown, to)
	}
	loser, w := racers[1].client.Device, &window{a, racers[1].user}
	commit, err := loser.Send(peer.id, []byte(texts[1]), nil, w.counting())
	if err != nil {
		return err
	}
	if _, err := a.Send(first, to, texts[0]); err != nil {
		return err
	}
	if err := w.Append(commit); !errors.Is(err, refusal.Conflict) {
		return fmt.Errorf("the post office answers the second of two commits for one place with: %v", err)
	}
	loser.PostOfficeRefused()
	_, err = a.Send(second, to, texts[1])
	return err
}

// Recover lets all devices of a user that are online heal their channels to the leader, and opens a new epoch with
// them. It returns ErrUnknown or ErrLeaderOffline.
func (a *Ambassador) Recover(name string) error {
	u, err := a.led(name)
	if err != nil {
		return err
	}
	leader := u.devices[0].client
	if err := leader.Prepare(nil); err != nil {
		return err
	}
	if err := a.deliver(u); err != nil { // the answers
		return err
	}
	if err := leader.Rotate(protocol.Change{}); err != nil {
		return err
	}
	return a.deliver(u)
}

// Exhaust lets strangers take all one-time prekeys of a user, and Replenish lets a device publish new ones. Both return
// ErrUnknown.
func (a *Ambassador) Exhaust(name string) error {
	u := a.users[name]
	if u == nil {
		return fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	for range account.Batch {
		if _, err := a.office.Bundle(u.id); err != nil {
			return err
		}
	}
	return nil
}

// Replenish publishes new prekeys for a user.
func (a *Ambassador) Replenish(name Device) error {
	d, err := a.voice(name)
	if err != nil {
		return err
	}
	if err := d.client.Replenish(account.Batch); err != nil {
		return err
	}
	return a.deliver(d.user)
}

// Standing is what a device has of a conversation.
type Standing struct {
	Epoch  uint32
	Active bool
	Seq    uint64
	Digest [32]byte // of the conversation (SPEC.md 10.5)
}

// Standing returns how a device stands in the conversation with a user. It returns ErrUnknown.
func (a *Ambassador) Standing(name Device, with string) (Standing, error) {
	d, err := a.voice(name)
	if err != nil {
		return Standing{}, err
	}
	peer, device := a.users[with], d.client.Device.(*protocol.Device)
	if peer == nil {
		return Standing{}, fmt.Errorf("%w: %q", ErrUnknown, with)
	}
	c := device.Conversation(peer.id)
	return Standing{device.Epoch(), device.Active(), c.Seq, c.Digest()}, nil
}

// Steal is Design.Steal. The attacker of a removed device gets no mail of it.
func (a *Ambassador) Steal(name Device) (read func() ([]string, error), err error) {
	d, err := a.voice(name)
	if err != nil {
		return nil, err
	}
	state := d.client.Device.Export()
	return func() ([]string, error) {
		attacker, err := protocol.Import(state)
		if err != nil {
			return nil, err
		}
		box, err := a.office.Fetch(d.user.id, attacker.ID(), 1)
		if errors.Is(err, refusal.NotAllowed) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		var texts []string
		for _, mail := range box.Mails {
			events, err := attacker.Receive(mail)
			if err != nil {
				return nil, err
			}
			for _, e := range events {
				if e.Plaintext != nil {
					texts = append(texts, string(e.Plaintext))
				}
			}
		}
		return texts, nil
	}, nil
}
