package design

import (
	"encoding/hex"
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
)

// ambassador is the Ambassador protocol (SPEC.md 7 to 12) behind the interface of the others: all devices of a user share
// one key and one session for each peer, and hand them round among themselves.
type ambassador struct {
	rand   io.Reader
	office *postoffice.Office
	users  map[string]*represented
	names  map[account.ID]string
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

// NewAmbassador gives the Ambassador protocol.
func NewAmbassador(rand io.Reader) Design {
	return &ambassador{rand: rand, office: postoffice.New(time.Now), users: map[string]*represented{}, names: map[account.ID]string{}}
}

func (*ambassador) Name() string { return "ambassador" }

func (a *ambassador) AddUser(name string, devices int) error {
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
func (u *represented) add(a *ambassador, c *client.Client) {
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

func (a *ambassador) link(u *represented) error {
	w := &window{a, u}
	c, err := client.Link(u.devices[0].client, w, w.counting())
	if err != nil {
		return err
	}
	u.add(a, c)
	return nil
}

func (a *ambassador) AddDevice(name string) error {
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
func (a *ambassador) led(name string) (*represented, error) {
	u := a.users[name]
	if u == nil {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	if leader := u.devices[0]; !leader.online {
		return nil, fmt.Errorf("%w: %v", ErrLeaderOffline, leader.Device)
	}
	return u, nil
}

func (a *ambassador) RemoveDevice(name Device) error {
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
	if err := u.devices[0].client.Rotate(protocol.Change{Remove: []account.DeviceID{d.client.Device.ID()}}); err != nil {
		return err
	}
	d.removed = true
	return a.deliver(u)
}

func (a *ambassador) SetOnline(name Device, online bool) error {
	d, err := a.voice(name)
	if err != nil {
		return err
	}
	d.online = online
	return a.deliver(d.user)
}

// voice finds a device that was not removed.
func (a *ambassador) voice(name Device) (*voice, error) {
	u := a.users[name.User]
	if u == nil || name.Index < 0 || name.Index >= len(u.devices) || u.devices[name.Index].removed {
		return nil, fmt.Errorf("%w: %v", ErrUnknown, name)
	}
	return u.devices[name.Index], nil
}

// deliver lets the devices of users that are online read.
func (a *ambassador) deliver(users ...*represented) error {
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

func (a *ambassador) Send(from Device, to, text string) (Cost, error) {
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

func (a *ambassador) Read(name Device) ([]Message, error) {
	u := a.users[name.User]
	if u == nil || name.Index < 0 || name.Index >= len(u.devices) {
		return nil, fmt.Errorf("%w: %v", ErrUnknown, name)
	}
	return slices.Clone(u.devices[name.Index].history), nil
}

func (a *ambassador) View(viewer, of string) (View, error) {
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
	design *ambassador
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
		w.user.cost.Ciphertexts++
		w.user.cost.Bytes += len(m.Entry)
	}
	for _, p := range m.Parcels {
		w.user.cost.Ciphertexts++
		w.user.cost.Bytes += len(p.Body)
	}
	return nil
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
