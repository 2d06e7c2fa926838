package design

import (
	"fmt"
	"io"
	"slices"

	"credence/reference/account"
	"credence/reference/session"
)

// oneTimePrekeys is how many a device publishes. When they run out, sessions start without one.
const oneTimePrekeys = 100

// network is what the designs share: the directory of users, their devices with mailboxes, and what is counted and
// seen.
type network struct {
	rand    io.Reader
	carried []Carried
	users   map[string]*user
	// what the design does with a message that a device has opened
	receive func(at, from *device, plaintext []byte) error
}

type user struct {
	name    string
	devices []*device        // by index, those removed included
	cost    Cost             // of all its devices so far
	views   map[string]*View // what it has learned, by user
}

type device struct {
	Device
	user    *user
	party   *session.Party
	peers   map[Device]string // the identities of the devices with which it has a session
	prekey  uint32            // the one-time prekey last given out
	online  bool
	removed bool
	mailbox []mail
	log     []mail // all that was ever sent to it
	history []Message
}

type mail struct {
	from     *device
	envelope session.Envelope
}

func newNetwork(rand io.Reader) *network {
	return &network{rand: rand, users: map[string]*user{}}
}

func (n *network) AddUser(name string, devices int) error {
	if n.users[name] != nil {
		return fmt.Errorf("%w: %q", ErrExists, name)
	}
	if devices < 1 {
		return ErrNoDevice
	}
	u := &user{name: name, views: map[string]*View{}}
	for range devices {
		if err := n.addDevice(u); err != nil {
			return err
		}
	}
	n.users[name] = u
	return nil
}

func (n *network) AddDevice(name string) error {
	u, err := n.user(name)
	if err != nil {
		return err
	}
	return n.addDevice(u)
}

func (n *network) addDevice(u *user) error {
	party, err := session.New(account.Set, session.Options{OneTimePrekeys: oneTimePrekeys}, n.rand)
	if err != nil {
		return err
	}
	name := Device{u.name, len(u.devices)}
	u.devices = append(
		u.devices, &device{Device: name, user: u, party: party, peers: map[Device]string{}, online: true},
	)
	return nil
}

func (n *network) RemoveDevice(name Device) error {
	d, err := n.device(name)
	if err != nil {
		return err
	}
	if d == d.user.leader() {
		return fmt.Errorf("%w: %v", ErrLeader, name)
	}
	d.removed = true // what waits in its mailbox waits for ever
	return nil
}

func (n *network) SetOnline(name Device, online bool) error {
	d, err := n.device(name)
	if err != nil {
		return err
	}
	d.online = online
	return n.deliver(d)
}

func (n *network) Read(name Device) ([]Message, error) {
	d, err := n.everMade(name)
	if err != nil {
		return nil, err
	}
	return slices.Clone(d.history), nil
}

func (n *network) View(viewer, of string) (View, error) {
	v, err := n.user(viewer)
	if err != nil {
		return View{}, err
	}
	if _, err := n.user(of); err != nil {
		return View{}, err
	}
	seen := v.view(of)
	return View{Identities: slices.Clone(seen.Identities), Senders: slices.Clone(seen.Senders)}, nil
}

func (n *network) PostOffice() []Carried {
	carried := n.carried
	n.carried = nil
	return carried
}

func (n *network) user(name string) (*user, error) {
	u := n.users[name]
	if u == nil {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	return u, nil
}

// everMade finds a device, removed or not.
func (n *network) everMade(name Device) (*device, error) {
	u, err := n.user(name.User)
	if err != nil {
		return nil, err
	}
	if name.Index < 0 || name.Index >= len(u.devices) {
		return nil, fmt.Errorf("%w: %v", ErrUnknown, name)
	}
	return u.devices[name.Index], nil
}

// device finds a device that was not removed.
func (n *network) device(name Device) (*device, error) {
	d, err := n.everMade(name)
	if err == nil && d.removed {
		return nil, fmt.Errorf("%w: %v was removed", ErrUnknown, name)
	}
	return d, err
}

// ends finds both ends of a message before anything is done.
func (n *network) ends(from Device, to string) (*device, *user, error) {
	d, err := n.device(from)
	if err != nil {
		return nil, nil, err
	}
	peer, err := n.user(to)
	if err != nil {
		return nil, nil, err
	}
	if peer == d.user {
		return nil, nil, fmt.Errorf("%w: %q", ErrSelf, to)
	}
	return d, peer, nil
}

// send runs what a design does to send from a device, and gives what it cost the user of the device.
func (n *network) send(d *device, work func() error) (Cost, error) {
	if !d.online {
		return Cost{}, fmt.Errorf("%w: %v", ErrOffline, d.Device)
	}
	before := d.user.cost
	err := work()
	return d.user.cost.minus(before), err
}

// post encrypts to one device and puts the ciphertext into its mailbox.
func (n *network) post(from, to *device, plaintext []byte) error {
	envelope, err := n.seal(from, to, plaintext)
	if err != nil {
		return err
	}
	from.user.cost.Ciphertexts++
	from.user.cost.Bytes += len(envelope.Body)
	n.carried = append(n.carried, Carried{from.Device, to.String(), len(envelope.Body)})
	to.mailbox, to.log = append(to.mailbox, mail{from, envelope}), append(to.log, mail{from, envelope})
	return n.deliver(to)
}

// deliver empties the mailbox of a device that is online. It runs at once after every change, so that a device has read
// all its mail before it sends: two devices never start a session with each other at the same time.
func (n *network) deliver(d *device) error {
	for d.online && len(d.mailbox) > 0 {
		m := d.mailbox[0]
		d.mailbox = d.mailbox[1:]
		plaintext, err := n.open(d, m)
		if err != nil {
			return fmt.Errorf("%v reads from %v: %w", d.Device, m.from.Device, err)
		}
		if err := n.receive(d, m.from, plaintext); err != nil {
			return err
		}
	}
	return nil
}

func (u *user) leader() *device { return u.devices[0] }

// present returns the devices that were not removed, without some.
func (u *user) present(without ...*device) []*device {
	return slices.DeleteFunc(
		slices.Clone(u.devices), func(d *device) bool { return d.removed || slices.Contains(without, d) },
	)
}

func (u *user) view(of string) *View {
	if u.views[of] == nil {
		u.views[of] = &View{}
	}
	return u.views[of]
}

func (d *device) keep(m Message) { d.history = append(d.history, m) }

// Steal is Design.Steal.
func (n *network) Steal(name Device) (read func() ([]string, error), err error) {
	d, err := n.everMade(name)
	if err != nil {
		return nil, err
	}
	state := d.party.Export()
	return func() ([]string, error) {
		attacker, err := session.Import(state)
		if err != nil {
			return nil, err
		}
		var texts []string
		for _, m := range d.log {
			// what cannot be read is what the attacker does not get
			if plaintext, err := n.openAs(attacker, m); err == nil {
				texts = append(texts, string(plaintext))
			}
		}
		return texts, nil
	}, nil
}

// openAs reads a message with a copy of a device's state.
func (n *network) openAs(attacker *session.Party, m mail) ([]byte, error) {
	peer := m.from.String()
	if _, err := attacker.State(peer); err == nil {
		return attacker.Decrypt(peer, m.envelope, n.rand)
	}
	return attacker.Respond(peer, m.envelope.Body, n.rand)
}
