package conformance

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/params"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// world is a live test of the Ambassador protocol: accounts with devices around a post office. Any of the devices, or the post
// office, can be the target's.
type world struct {
	*tester
	office  postoffice.Service
	devices int
	coins   func(label string) []byte // the random values of the target's devices; nil leaves them to the target
}

// randomness gives the random values for an action of the target, or nil.
func (w *world) randomness(label string) []byte {
	if w.coins == nil {
		return nil
	}
	return w.coins(label)
}

// worldCase makes a live test of a profile of the Ambassador protocol.
func worldCase(profile, name, comment string, requirements []string, run func(w *world) error) testCase {
	return testCase{
		TestInfo: TestInfo{ID: fmt.Sprintf("%s/ambassador-v1/live/%s", profile, name), Profile: profile, Comment: comment, Requirements: requirements},
		set:      params.AmbassadorV1.Name,
		needs:    func(hello) string { return "" },
		run: func(t *tester) error {
			if err := reset(t); err != nil {
				return err
			}
			return run(newWorld(t))
		},
	}
}

func newWorld(t *tester) *world {
	return &world{tester: t, office: postoffice.New(func() time.Time { return time.Unix(0, 0) })}
}

// member is one device in a world with what it has heard.
type member struct {
	*client.Client
	name   string // of a device of the target; empty for one of the reference
	events []ambassador.Event
}

// texts gives what the user of the device has read, in order.
func (m *member) texts() []string {
	var all []string
	for _, e := range m.events {
		if e.Kind == ambassador.Message || e.Kind == ambassador.Sent {
			all = append(all, string(e.Plaintext))
		}
	}
	return all
}

// trouble gives the first event that an undisturbed conversation does not have.
func (m *member) trouble() *ambassador.Event {
	for i, e := range m.events {
		if slices.Contains([]ambassador.EventKind{ambassador.Refused, ambassador.Void, ambassador.Frozen, ambassador.Parked}, e.Kind) {
			return &m.events[i]
		}
	}
	return nil
}

func (w *world) member(c *client.Client, name string) *member {
	m := &member{Client: c, name: name}
	c.Heard = func(e ambassador.Event) { m.events = append(m.events, e) }
	return m
}

func (w *world) newName() string {
	w.devices++
	return fmt.Sprintf("device-%d", w.devices)
}

// register makes an account. Its leader is the target's or the reference's.
func (w *world) register(ofTarget bool) (*member, error) {
	if !ofTarget {
		c, err := client.Register(w.office, w.random)
		if err != nil {
			return nil, w.refusedReference(err)
		}
		return w.member(c, ""), nil
	}
	d := &shimDevice{tester: w.tester, name: w.newName(), coins: w.coins}
	r, err := w.must(shim.DeviceRegister, shim.Params{Party: d.name, Random: w.randomness("register")})
	if err != nil {
		return nil, err
	}
	if err := d.identify(); err != nil {
		return nil, err
	}
	c, err := client.Open(d, r.Message, w.office, w.random)
	if err != nil {
		return nil, w.refusedReference(err)
	}
	return w.member(c, d.name), nil
}

// link adds a device to an account. It is the target's or the reference's.
func (w *world) link(leader *member, ofTarget bool) (*member, error) {
	if !ofTarget {
		d, err := ambassador.NewDevice(w.random)
		if err != nil {
			return nil, err
		}
		return w.join(leader, d, "")
	}
	d, err := w.newTarget()
	if err != nil {
		return nil, err
	}
	return w.join(leader, d, d.name)
}

// newTarget makes a device of the target without an account.
func (w *world) newTarget() (*shimDevice, error) {
	d := &shimDevice{tester: w.tester, name: w.newName(), coins: w.coins}
	if _, err := w.must(shim.DeviceNew, shim.Params{Party: d.name, Random: w.randomness("new " + d.name)}); err != nil {
		return nil, err
	}
	return d, d.identify()
}

func (w *world) join(leader *member, d client.Device, name string) (*member, error) {
	c, err := client.Join(leader.Client, d, w.office, w.random)
	if err != nil {
		return nil, w.refusedReference(err)
	}
	if d, ok := d.(shimmed); ok {
		if err := d.identify(); err != nil {
			return nil, err
		}
	}
	return w.member(c, name), nil
}

// refusedReference judges an error of the loop around a device: a verdict stays one; anything else says that target and
// reference do not understand each other.
func (w *world) refusedReference(err error) error {
	var v *verdict
	if err == nil || errors.As(err, &v) {
		return err
	}
	return w.fail(Mismatch, "target and reference do not understand each other", "accepted", err.Error())
}

// cast says who plays the devices of the account under test: the first is the leader.
type cast struct {
	name   string
	target []bool
}

// casts are the ways to mix devices of the target and of the reference in one account.
var casts = []cast{
	{"all", []bool{true, true, true}},
	{"leader", []bool{true, false, false}},
	{"companion", []bool{false, true, false}},
}

// castCases makes one live test for each cast.
func castCases(name, comment string, requirements []string, run func(w *world, c cast) error) []testCase {
	var cases []testCase
	for _, c := range casts {
		cases = append(cases, worldCase("ambassador", name+"-"+c.name, comment+" (target: "+c.name+")", requirements, func(w *world) error { return run(w, c) }))
	}
	return cases
}

// play makes the account under test.
func (w *world) play(c cast) ([]*member, error) {
	leader, err := w.register(c.target[0])
	if err != nil {
		return nil, err
	}
	all := []*member{leader}
	for _, ofTarget := range c.target[1:] {
		m, err := w.link(leader, ofTarget)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// sync lets devices read their mailboxes, twice, so that answers arrive too.
func (w *world) sync(members ...[]*member) error {
	for range 2 {
		for _, m := range slices.Concat(members...) {
			if err := m.Sync(); err != nil {
				return w.refusedReference(err)
			}
		}
	}
	return nil
}

func (w *world) send(m *member, to account.ID, text string) error {
	return w.refusedReference(m.Send(to, []byte(text)))
}

// state is what a device shows of a conversation.
type state struct {
	seq          uint64
	head, digest string
	problem      string
}

func (w *world) state(m *member, peer account.ID) (state, error) {
	switch d := m.Device.(type) {
	case *ambassador.Device:
		c := d.Conversation(peer)
		head, digest := c.Head, c.Digest()
		return state{c.Seq, string(head[:]), string(digest[:]), d.Problem(peer)}, nil
	case shimmed:
		r, err := w.must(shim.DeviceStatus, shim.Params{Party: d.party(), Account: peer[:]})
		if err != nil {
			return state{}, err
		}
		return state{r.Seq, string(r.Head), string(r.Digest), r.Problem}, nil
	}
	return state{}, fmt.Errorf("a device of another kind")
}

// inStep fails unless all devices of an account have the same conversation with a peer, and nothing went wrong.
func (w *world) inStep(members []*member, peer account.ID) error {
	first, err := w.state(members[0], peer)
	if err != nil {
		return err
	}
	for i, m := range members {
		s, err := w.state(m, peer)
		if err != nil {
			return err
		}
		if s.problem != "" {
			return w.fail(Mismatch, fmt.Sprintf("device %d stands still: %s", i, s.problem), "in step", s.problem)
		}
		if s != first {
			return w.fail(Mismatch, fmt.Sprintf("device %d differs from device 0 in the conversation", i), fmt.Sprintf("seq %d, head %x, digest %x", first.seq, first.head, first.digest), fmt.Sprintf("seq %d, head %x, digest %x", s.seq, s.head, s.digest))
		}
		if e := m.trouble(); e != nil {
			return w.fail(Mismatch, fmt.Sprintf("device %d: an undisturbed conversation has trouble", i), "no event of kind "+string(e.Kind), fmt.Sprintf("%s (%s) at entry %d: %s", e.Kind, e.Class, e.Seq, e.Reason))
		}
	}
	return nil
}

// shimDevice is a device of the target, for the loop that runs devices.
type shimDevice struct {
	*tester
	name    string
	id      account.DeviceID
	account account.ID
	coins   func(label string) []byte
}

// random gives the random values for an action that is named by what its result depends on, or nil.
func (d *shimDevice) random(label string) []byte {
	if d.coins == nil {
		return nil
	}
	return d.coins(label)
}

// shimmed is a device of the target, with or without more around it.
type shimmed interface {
	client.Device
	party() string
	rename(party string)
	identify() error
}

func (d *shimDevice) party() string { return d.name }

func (d *shimDevice) rename(party string) { d.name = party }

// identify asks the device for its key and its account.
func (d *shimDevice) identify() error {
	r, err := d.must(shim.DeviceStatus, shim.Params{Party: d.name})
	if err != nil {
		return err
	}
	if len(r.Device) != len(d.id) || r.Account != nil && len(r.Account) != len(d.account) {
		return d.fail(Protocol, "device.status: keys", "32 bytes", describeResult(r))
	}
	copy(d.id[:], r.Device)
	copy(d.account[:], r.Account)
	return nil
}

// result gives the bytes of an operation. A refusal keeps its class.
func (d *shimDevice) result(op shim.Op, p shim.Params) (*shim.Result, error) {
	p.Party = d.name
	r, err := d.call(op, p)
	var e *shim.Error
	if !errors.As(err, &e) {
		return r, err
	}
	if e.Class != "" {
		return nil, fmt.Errorf("%s: %w: %s", op, e.Class, e.Message)
	}
	return nil, fmt.Errorf("%s: %w", op, e)
}

func (d *shimDevice) bytes(op shim.Op, p shim.Params) ([]byte, error) {
	r, err := d.result(op, p)
	if err != nil {
		return nil, err
	}
	return r.Message, nil
}

func (d *shimDevice) ID() account.DeviceID { return d.id }

func (d *shimDevice) Account() account.ID { return d.account }

func (d *shimDevice) Receive(mail []byte) ([]ambassador.Event, error) {
	r, err := d.result(shim.DeviceReceive, shim.Params{Message: mail})
	if err != nil {
		return nil, err
	}
	var events []ambassador.Event
	for _, s := range r.Events {
		e := ambassador.Event{Kind: ambassador.EventKind(s.Kind), Seq: s.Seq, Class: s.Class}
		copy(e.Peer[:], s.Account)
		copy(e.Device[:], s.Device)
		if s.Plaintext != nil {
			e.Plaintext = *s.Plaintext
		}
		events = append(events, e)
	}
	return events, nil
}

func (d *shimDevice) CaughtUp(commits uint64) error {
	_, err := d.result(shim.DeviceCaughtUp, shim.Params{Commits: commits})
	return err
}

// PostOfficeRefused cannot tell of a failure; the next operation does.
func (d *shimDevice) PostOfficeRefused() { _, _ = d.result(shim.DeviceRefused, shim.Params{}) }

// Export gives nothing where the target fails; the next operation tells.
func (d *shimDevice) Export() []byte {
	r, err := d.result(shim.DeviceExport, shim.Params{})
	if err != nil {
		return nil
	}
	return r.State
}

func (d *shimDevice) Send(peer account.ID, plaintext, bundle []byte, _ io.Reader) ([]byte, error) {
	commit, err := d.bytes(shim.DeviceSend, shim.Params{Account: peer[:], Plaintext: plaintext, PeerBundle: bundle, Random: d.random("send " + string(plaintext))})
	if err != nil && bundle == nil && refusal.Of(err) == "" {
		return nil, fmt.Errorf("%w: %w", refusal.IncompleteBundle, err) // a target need not tell classes
	}
	return commit, err
}

func (d *shimDevice) Upkeep(io.Reader) ([]byte, error) {
	return d.bytes(shim.DeviceUpkeep, shim.Params{})
}

func (d *shimDevice) Ack(io.Reader) ([]byte, error) { return d.bytes(shim.DeviceAck, shim.Params{}) }

func (d *shimDevice) Replenish(io.Reader) ([]byte, error) {
	return d.bytes(shim.DeviceReplenish, shim.Params{})
}

func shimKeys(ids []account.DeviceID) []shim.Bytes {
	var keys []shim.Bytes
	for _, id := range ids {
		keys = append(keys, id[:])
	}
	return keys
}

func (d *shimDevice) Prepare(devices []account.DeviceID, _ io.Reader) ([]byte, error) {
	return d.bytes(shim.DevicePrepare, shim.Params{Devices: shimKeys(devices)})
}

func (d *shimDevice) Rotate(change ambassador.Change, _ io.Reader) ([]byte, error) {
	return d.bytes(shim.DeviceRotate, shim.Params{Message: change.Add, Devices: shimKeys(change.Remove), Random: d.random(d.rotation())})
}

// rotation names the next rotation by its epoch: its random values do not depend on what it changes.
func (d *shimDevice) rotation() string {
	if d.coins == nil {
		return ""
	}
	r, err := d.result(shim.DeviceStatus, shim.Params{})
	if err != nil {
		return ""
	}
	return fmt.Sprint("epoch ", r.Epoch+1)
}

func (d *shimDevice) Offer() ([]byte, error) { return d.bytes(shim.DeviceOffer, shim.Params{}) }

// Request gives the device its account too.
func (d *shimDevice) Request(offer []byte, _ io.Reader) ([]byte, error) {
	request, err := d.bytes(shim.DeviceRequest, shim.Params{Message: offer})
	if err != nil {
		return nil, err
	}
	return request, d.identify()
}
