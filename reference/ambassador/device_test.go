package ambassador_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// member is a device with what it has read of its mailbox.
type member struct {
	*ambassador.Device
	office *postoffice.Office
	read   uint64
}

func register(t *testing.T, office *postoffice.Office) *member {
	t.Helper()
	d, commit, err := ambassador.Register(rand.Reader)
	require.NoError(t, err)
	require.NoError(t, office.Append(commit))
	m := &member{Device: d, office: office}
	m.sync(t)
	return m
}

// link adds a device to the account of the leader (SPEC.md 12.1).
func (m *member) link(t *testing.T) *member {
	t.Helper()
	d, err := ambassador.NewDevice(rand.Reader)
	require.NoError(t, err)
	offer, err := m.Offer()
	require.NoError(t, err)
	request, err := d.Request(offer, rand.Reader)
	require.NoError(t, err)
	m.commits(t)(m.Rotate(ambassador.Change{Add: request}, rand.Reader))
	linked := &member{Device: d, office: m.office}
	linked.sync(t)
	return linked
}

// commits returns a function that brings a commit to the post office and reads the mailbox.
func (m *member) commits(t *testing.T) func(commit []byte, err error) []ambassador.Event {
	t.Helper()
	return func(commit []byte, err error) []ambassador.Event {
		t.Helper()
		require.NoError(t, err)
		require.NoError(t, m.office.Append(commit))
		return m.sync(t)
	}
}

func (m *member) mails(t *testing.T) postoffice.Mailbox {
	t.Helper()
	box, err := m.office.Fetch(m.Account(), m.ID(), m.read+1)
	require.NoError(t, err)
	return box
}

// sync reads the mailbox to its end and returns what it has brought.
func (m *member) sync(t *testing.T) (events []ambassador.Event) {
	t.Helper()
	box := m.mails(t)
	for _, mail := range box.Mails {
		e, err := m.Receive(mail)
		require.NoError(t, err)
		events = append(events, e...)
		m.read++
	}
	dropped, err := m.CaughtUp(box.Commits)
	require.NoError(t, err)
	return append(events, dropped...)
}

func (m *member) bundle(t *testing.T) []byte {
	t.Helper()
	b, err := m.office.Bundle(m.Account())
	require.NoError(t, err)
	return b
}

// texts returns the plaintexts of the events of a kind, and refuses events that tell of trouble.
func texts(t *testing.T, events []ambassador.Event, kind ambassador.EventKind) (all []string) {
	t.Helper()
	trouble := []ambassador.EventKind{ambassador.Refused, ambassador.Void, ambassador.Frozen, ambassador.Parked}
	for _, e := range events {
		require.NotContains(t, trouble, e.Kind, e.Reason)
		if e.Kind == kind {
			all = append(all, string(e.Plaintext))
		}
	}
	return all
}

// household is alice with a phone, which leads, and a laptop, and bob with a phone.
func household(t *testing.T) (phone, laptop, bob *member) {
	t.Helper()
	office := postoffice.New(time.Now)
	phone, bob = register(t, office), register(t, office)
	return phone, phone.link(t), bob
}

// A companion sends with the voice of the account, the leader follows, and the answer reaches both (AMB-LOG-06).
func TestTwoDevices(t *testing.T) {
	phone, laptop, bob := household(t)
	a, b := phone.Account(), bob.Account()
	require.Equal(t, a, laptop.Account())
	require.True(t, phone.Leader() && phone.Active() && laptop.Active())
	require.False(t, laptop.Leader())
	require.Equal(t, phone.Epoch(), laptop.Epoch())
	require.Len(t, laptop.List().Devices, 2)

	laptop.commits(t)(laptop.Send(b, []byte("hello"), bob.bundle(t), rand.Reader))
	require.Equal(t, []string{"hello"}, texts(t, phone.sync(t), ambassador.Sent))
	require.Equal(t, []string{"hello"}, texts(t, bob.sync(t), ambassador.Message))
	for _, answer := range []string{"one", "two"} {
		bob.commits(t)(bob.Send(a, []byte(answer), nil, rand.Reader))
		require.Equal(t, []string{answer}, texts(t, phone.sync(t), ambassador.Message))
		require.Equal(t, []string{answer}, texts(t, laptop.sync(t), ambassador.Message))
		require.Equal(t, phone.Conversation(b).Digest(), laptop.Conversation(b).Digest())
	}
	require.Empty(t, laptop.Problem(b))
	require.Equal(t, []account.ID{b}, laptop.Peers())
	require.EqualValues(t, 3, phone.Conversation(b).Seq)
	require.Equal(t, phone.Conversation(b).Head, bob.Conversation(a).Head)
}

// An entry that comes without its record waits, and the conversation says so until the record is there.
func TestParked(t *testing.T) {
	phone, laptop, bob := household(t)
	laptop.commits(t)(laptop.Send(bob.Account(), []byte("hello"), bob.bundle(t), rand.Reader))
	mail := phone.mails(t).Mails[0]
	m := &postoffice.Mail{}
	require.NoError(t, codec.Decode(mail, m))
	m.Parcels = nil
	events, err := phone.Receive(codec.MustEncode(m))
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, ambassador.Parked, events[0].Kind)
	require.NotEmpty(t, phone.Problem(bob.Account()))
	_, err = phone.Receive(mail)
	require.NoError(t, err)
	require.Empty(t, phone.Problem(bob.Account()))
	require.Equal(t, laptop.Conversation(bob.Account()).Digest(), phone.Conversation(bob.Account()).Digest())
}

// A device that is removed gets nothing, and the others go on in a new epoch.
func TestRemove(t *testing.T) {
	phone, laptop, bob := household(t)
	before := phone.Epoch()
	phone.commits(t)(phone.Rotate(ambassador.Change{Remove: []account.DeviceID{laptop.ID()}}, rand.Reader))
	require.Equal(t, before+1, phone.Epoch())
	_, err := phone.office.Fetch(laptop.Account(), laptop.ID(), 1)
	require.ErrorIs(t, err, refusal.NotAllowed)
	bob.commits(t)(bob.Send(phone.Account(), []byte("hello"), phone.bundle(t), rand.Reader))
	require.Equal(t, []string{"hello"}, texts(t, phone.sync(t), ambassador.Message))
}

// The leader asks, the companion answers, and the next epoch has both (SPEC.md 12.3). One that does not answer is
// pending.
func TestPrepare(t *testing.T) {
	for _, answers := range []bool{true, false} {
		phone, laptop, _ := household(t)
		phone.commits(t)(phone.Prepare(nil, rand.Reader))
		laptop.sync(t)
		if answers {
			laptop.commits(t)(laptop.Upkeep(rand.Reader))
			phone.sync(t)
		}
		phone.commits(t)(phone.Rotate(ambassador.Change{}, rand.Reader))
		laptop.sync(t)
		require.Equal(t, answers, laptop.Active())
	}
}

// The private keys of a publication reach the sibling: it reads a start that used them (AMB-SYN-12).
func TestReplenish(t *testing.T) {
	phone, laptop, bob := household(t)
	before := phone.bundle(t)
	laptop.commits(t)(laptop.Replenish(rand.Reader))
	phone.sync(t)
	require.NotEqual(t, before[:200], phone.bundle(t)[:200])
	bob.commits(t)(bob.Send(phone.Account(), []byte("hello"), phone.bundle(t), rand.Reader))
	require.Equal(t, []string{"hello"}, texts(t, phone.sync(t), ambassador.Message))
	require.Equal(t, []string{"hello"}, texts(t, laptop.sync(t), ambassador.Message))
}

func TestAck(t *testing.T) {
	phone, laptop, _ := household(t)
	laptop.commits(t)(laptop.Ack(rand.Reader))
	events := phone.sync(t)
	require.Len(t, events, 1)
	require.Equal(t, ambassador.Event{Kind: ambassador.Record, Device: laptop.ID()}, events[0])
	commit, err := phone.Upkeep(rand.Reader)
	require.NoError(t, err)
	require.Nil(t, commit, "nothing is owed")
}

// What may not be done is refused, and leaves the device as it was (AMB-CNV-01).
func TestRefusals(t *testing.T) {
	phone, laptop, bob := household(t)
	stranger, err := ambassador.NewDevice(rand.Reader)
	require.NoError(t, err)
	type device = ambassador.Device
	rubbish, foreign := []byte{1}, phone.bundle(t)
	request := ambassador.Change{Add: rubbish}
	for name, c := range map[string]struct {
		d     *device
		do    func(d *device) ([]byte, error)
		class refusal.Class
	}{
		"a start without a bundle": {phone.Device,
			func(d *device) ([]byte, error) { return d.Send(bob.Account(), nil, nil, rand.Reader) },
			refusal.IncompleteBundle},
		"another account's bundle": {phone.Device,
			func(d *device) ([]byte, error) { return d.Send(bob.Account(), nil, foreign, rand.Reader) },
			refusal.NotAllowed},
		"the own account": {phone.Device,
			func(d *device) ([]byte, error) { return d.Send(d.Account(), nil, foreign, rand.Reader) },
			refusal.NotAllowed},
		"a companion rotates": {laptop.Device, // AMB-ROT-01
			func(d *device) ([]byte, error) { return d.Rotate(ambassador.Change{}, rand.Reader) }, refusal.NotAllowed},
		"a companion prepares": {laptop.Device,
			func(d *device) ([]byte, error) { return d.Prepare(nil, rand.Reader) }, refusal.NotAllowed},
		"a companion offers": {laptop.Device, (*device).Offer, refusal.NotAllowed},
		"no sibling": {bob.Device,
			func(d *device) ([]byte, error) { return d.Ack(rand.Reader) }, refusal.NotReady},
		"no account": {stranger,
			func(d *device) ([]byte, error) { return d.Replenish(rand.Reader) }, refusal.NotReady},
		"a second account": {laptop.Device,
			func(d *device) ([]byte, error) { return d.Request(rubbish, rand.Reader) }, refusal.NotAllowed},
		"rubbish as an offer": {stranger,
			func(d *device) ([]byte, error) { return d.Request(rubbish, rand.Reader) }, refusal.Malformed},
		"rubbish as a request": {phone.Device,
			func(d *device) ([]byte, error) { return d.Rotate(request, rand.Reader) }, refusal.Malformed},
		"rubbish as a mail": {phone.Device,
			func(d *device) ([]byte, error) { _, err := d.Receive(rubbish); return nil, err }, refusal.Malformed},
	} {
		before := c.d.Export()
		commit, err := c.do(c.d)
		require.ErrorIs(t, err, c.class, name)
		require.Nil(t, commit, name)
		require.Equal(t, before, c.d.Export(), name)
	}
}

// A request to a list that has changed since is refused.
func TestStaleRequest(t *testing.T) {
	phone, _, _ := household(t)
	d, err := ambassador.NewDevice(rand.Reader)
	require.NoError(t, err)
	offer, err := phone.Offer()
	require.NoError(t, err)
	request, err := d.Request(offer, rand.Reader)
	require.NoError(t, err)
	phone.commits(t)(phone.Rotate(ambassador.Change{}, rand.Reader))
	_, err = phone.Rotate(ambassador.Change{Add: request}, rand.Reader)
	require.ErrorIs(t, err, refusal.StaleEpoch)
}

// A forged record is refused without a trace, and the genuine one is still taken in.
func TestForgedRecord(t *testing.T) {
	phone, laptop, bob := household(t)
	commit, err := laptop.Send(bob.Account(), []byte("hello"), bob.bundle(t), rand.Reader)
	require.NoError(t, err)
	require.NoError(t, laptop.office.Append(commit))
	mail := phone.mails(t).Mails[0]
	m := &postoffice.Mail{}
	require.NoError(t, codec.Decode(mail, m))
	m.Parcels[0].Body[len(m.Parcels[0].Body)-1] ^= 1
	m.Entry = nil
	before := phone.Export()
	events, err := phone.Receive(codec.MustEncode(m))
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, ambassador.Refused, events[0].Kind)
	require.Equal(t, refusal.Authentication, events[0].Class)
	require.Equal(t, before, phone.Export())
	require.Equal(t, []string{"hello"}, texts(t, phone.sync(t), ambassador.Sent))
}

// An imported device is the exported one, but that it has to catch up (AMB-SYN-10), and notices that it was set back
// (AMB-SYN-11).
func TestImport(t *testing.T) {
	phone, _, bob := household(t)
	bundle := bob.bundle(t)
	old := phone.Export()
	phone.commits(t)(phone.Send(bob.Account(), []byte("hello"), bundle, rand.Reader))
	again, err := ambassador.Import(phone.Export())
	require.NoError(t, err)
	require.Equal(t, phone.Export(), again.Export())
	_, err = again.Send(bob.Account(), nil, nil, rand.Reader)
	require.ErrorIs(t, err, refusal.NotReady)
	events, err := again.CaughtUp(phone.mails(t).Commits)
	require.NoError(t, err)
	require.Empty(t, events)
	_, err = again.Send(bob.Account(), nil, nil, rand.Reader)
	require.NoError(t, err)

	setBack, err := ambassador.Import(old)
	require.NoError(t, err)
	_, err = setBack.CaughtUp(phone.mails(t).Commits)
	require.ErrorIs(t, err, refusal.NotReady)
	_, err = setBack.Send(bob.Account(), nil, bundle, rand.Reader)
	require.ErrorIs(t, err, refusal.NotReady)
	_, err = ambassador.Import(old[1:])
	require.ErrorIs(t, err, refusal.Malformed)
}

// A commit changes the conversation when it comes back, and not if it is refused (AMB-LOG-09, AMB-SYN-09).
func TestPostOfficeRefused(t *testing.T) {
	phone, _, bob := household(t)
	before := phone.Conversation(bob.Account()).Digest()
	_, err := phone.Send(bob.Account(), []byte("lost"), bob.bundle(t), rand.Reader)
	require.NoError(t, err)
	require.Equal(t, before, phone.Conversation(bob.Account()).Digest())
	_, err = phone.Send(bob.Account(), []byte("too early"), bob.bundle(t), rand.Reader)
	require.ErrorIs(t, err, refusal.NotReady)
	phone.sync(t) // AMB-SYN-14: the mailbox is read to its end, and the commit is not in it
	_, err = phone.Send(bob.Account(), []byte("lost too"), bob.bundle(t), rand.Reader)
	require.NoError(t, err)
	phone.PostOfficeRefused()
	require.Equal(t, before, phone.Conversation(bob.Account()).Digest())
	phone.commits(t)(phone.Send(bob.Account(), []byte("hello"), bob.bundle(t), rand.Reader))
	require.Equal(t, []string{"hello"}, texts(t, bob.sync(t), ambassador.Message))
}
