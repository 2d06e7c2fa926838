package postoffice_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// household is alice with a phone, which leads, and a laptop, and bob with a phone, around one office.
func household(t *testing.T) (office *postoffice.Office, phone, laptop, bob *client.Client) {
	t.Helper()
	office = postoffice.New(time.Now)
	must := func(c *client.Client, err error) *client.Client {
		require.NoError(t, err)
		return c
	}
	phone = must(client.Register(office, rand.Reader))
	laptop = must(client.Link(phone, office, rand.Reader))
	bob = must(client.Register(office, rand.Reader))
	require.NoError(t, phone.Send(bob.Device.Account(), []byte("hello")))
	require.NoError(t, laptop.Ack())
	require.NoError(t, phone.Sync())
	require.NoError(t, bob.Sync())
	return office, phone, laptop, bob
}

func parse(t *testing.T, commit []byte) *postoffice.Commit {
	t.Helper()
	m := &postoffice.Commit{}
	require.NoError(t, codec.Decode(commit, m))
	return m
}

// A commit is taken whole or refused (SPEC.md 9.3), and its number is spent either way (AMB-PST-02).
func TestAppendRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*postoffice.Commit)
		class  refusal.Class
	}{
		"account": {func(m *postoffice.Commit) { m.Account[0]++ }, refusal.NotAllowed},
		"device":  {func(m *postoffice.Commit) { m.Device[0]++ }, refusal.NotAllowed}, // AMB-PST-09
		"number":  {func(m *postoffice.Commit) { m.Number = 1 }, refusal.Duplicate},
		"epoch":   {func(m *postoffice.Commit) { m.Epoch-- }, refusal.StaleEpoch},         // AMB-PST-10
		"parcels": {func(m *postoffice.Commit) { m.Parcels = nil }, refusal.WrongDevices}, // AMB-PST-07
		"parcel":  {func(m *postoffice.Commit) { m.Parcels[0].Device[0]++ }, refusal.WrongDevices},
		"entry":   {func(m *postoffice.Commit) { m.Entry = m.Entry[:80] }, refusal.Malformed},
		"place":   {func(m *postoffice.Commit) { m.Entry[2+32+32+4+4+7]++ }, refusal.Conflict}, // AMB-PST-05
		"history": {func(m *postoffice.Commit) { m.Entry[2+32+32+4+4+8]++ }, refusal.Conflict},
		"sender":  {func(m *postoffice.Commit) { m.Entry[2]++ }, refusal.NotAllowed},
		"peer":    {func(m *postoffice.Commit) { m.Entry[2+32]++ }, refusal.NotReady},
	} {
		office, phone, laptop, bob := household(t)
		commit, err := laptop.Device.Send(bob.Device.Account(), []byte("more"), nil, rand.Reader)
		require.NoError(t, err)
		m := parse(t, commit)
		c.change(m)
		before := [][][]byte{mails(t, office, phone), mails(t, office, laptop), mails(t, office, bob)}
		require.ErrorIs(t, office.Append(codec.MustEncode(m)), c.class, name)
		after := [][][]byte{mails(t, office, phone), mails(t, office, laptop), mails(t, office, bob)}
		require.Equal(t, before, after, name) // AMB-PST-01
		if spent := name != "account" && name != "device" && name != "number"; spent {
			require.ErrorIs(t, office.Append(commit), refusal.Duplicate, name)
		}
	}
}

// mails returns all mails of a device.
func mails(t *testing.T, office *postoffice.Office, c *client.Client) [][]byte {
	t.Helper()
	box, err := office.Fetch(c.Device.Account(), c.Device.ID(), 1)
	require.NoError(t, err)
	for i, mail := range box.Mails {
		m := &postoffice.Mail{}
		require.NoError(t, codec.Decode(mail, m))
		require.Equal(t, uint64(i+1), m.Position)
	}
	return box.Mails
}

// AMB-PST-04: every active device of both accounts gets the same bytes.
func TestDelivery(t *testing.T) {
	office, phone, laptop, bob := household(t)
	commit, err := laptop.Device.Send(bob.Device.Account(), []byte("more"), nil, rand.Reader)
	require.NoError(t, err)
	require.NoError(t, office.Append(commit))
	entry := parse(t, commit).Entry
	for _, d := range []*client.Client{phone, laptop, bob} {
		all := mails(t, office, d)
		m := &postoffice.Mail{}
		require.NoError(t, codec.Decode(all[len(all)-1], m))
		require.Equal(t, entry, m.Entry)
	}
}

// AMB-PST-03: each one-time prekey is handed out once, in ascending order, and then none.
func TestBundles(t *testing.T) {
	office, _, _, bob := household(t)
	id, next := bob.Device.Account(), uint32(0)
	for {
		encoded, err := office.Bundle(id)
		require.NoError(t, err)
		b := &account.Bundle{}
		require.NoError(t, codec.Decode(encoded, b))
		require.NoError(t, b.Verify())
		if b.OneTimePrekeyID == 0 {
			break
		}
		require.True(t, next == 0 || b.OneTimePrekeyID == next)
		next = b.OneTimePrekeyID + 1
	}
	require.Equal(t, uint32(account.Batch+1), next)
	require.NoError(t, bob.Replenish(1))
	box, err := office.Fetch(id, bob.Device.ID(), 1)
	require.NoError(t, err)
	require.Equal(t, account.Batch, box.Prekeys)
}

// AMB-PST-19 and AMB-PST-11: a rotation is the leader's, and signed.
func TestRotationRefused(t *testing.T) {
	type commit = postoffice.Commit
	type device = account.DeviceID
	for name, c := range map[string]struct {
		change func(m *commit, laptop device)
		class  refusal.Class
	}{
		"leader":    {func(m *commit, laptop device) { m.Device, m.Number = laptop, 9 }, refusal.NotAllowed},
		"list":      {func(m *commit, _ device) { m.Rotation.List.Signature[0]++ }, refusal.BadSignature},
		"statement": {func(m *commit, _ device) { m.Rotation.Statement.Signature[0]++ }, refusal.BadSignature},
		"publication": {
			func(m *commit, _ device) { m.Rotation.Publication.PrekeySignature[0]++ }, refusal.BadSignature,
		},
		"epoch":   {func(m *commit, _ device) { m.Rotation.List.Epoch = m.Epoch }, refusal.StaleEpoch},
		"account": {func(m *commit, _ device) { m.Rotation.List.Account[0]++ }, refusal.Malformed},
		"parcels": {func(m *commit, _ device) { m.Parcels = nil }, refusal.WrongDevices},
	} {
		office, phone, laptop, _ := household(t)
		commit, err := phone.Device.Rotate(ambassador.Change{}, rand.Reader)
		require.NoError(t, err)
		m := parse(t, commit)
		c.change(m, laptop.Device.ID())
		before, err := office.Bundle(phone.Device.Account())
		require.NoError(t, err)
		require.ErrorIs(t, office.Append(codec.MustEncode(m)), c.class, name)
		after, err := office.Bundle(phone.Device.Account())
		require.NoError(t, err)
		require.Equal(t, before[:200], after[:200], name)
	}
}

// AMB-PST-09 and AMB-PST-10: a removed device gets nothing and may do nothing, and the bundle is of the new epoch.
func TestRotation(t *testing.T) {
	office, phone, laptop, bob := household(t)
	stale, err := laptop.Device.Send(bob.Device.Account(), []byte("more"), nil, rand.Reader)
	require.NoError(t, err)
	require.NoError(t, phone.Rotate(ambassador.Change{Remove: []account.DeviceID{laptop.Device.ID()}}))
	require.ErrorIs(t, office.Append(stale), refusal.NotAllowed)
	_, err = office.Fetch(laptop.Device.Account(), laptop.Device.ID(), 1)
	require.ErrorIs(t, err, refusal.NotAllowed)
	encoded, err := office.Bundle(phone.Device.Account())
	require.NoError(t, err)
	b := &account.Bundle{}
	require.NoError(t, codec.Decode(encoded, b))
	require.Equal(t, phone.Device.(*ambassador.Device).Epoch(), b.Statement.Epoch)
}

func TestAscending(t *testing.T) {
	parcels := func(ids ...byte) (p []postoffice.Parcel) {
		for _, id := range ids {
			p = append(p, postoffice.Parcel{Device: account.DeviceID{id}})
		}
		return p
	}
	require.True(t, postoffice.Ascending(nil))
	require.True(t, postoffice.Ascending(parcels(1, 2, 5)))
	require.False(t, postoffice.Ascending(parcels(1, 5, 2)))
	require.False(t, postoffice.Ascending(parcels(1, 1)))
}
