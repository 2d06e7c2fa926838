package structures_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/adversary/structures"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
)

// The structures that the tests read, as the reference writes them.
var (
	leader    = account.Device{ID: account.DeviceID{3}, Status: account.Active, Prekey: account.Prekey{ID: 4}}
	companion = account.Device{
		ID: account.DeviceID{5}, Status: account.Pending, Prekey: account.Prekey{ID: 6, Key: account.DeviceID{7}},
	}
	devices = account.List{
		Account: account.ID{8}, Epoch: 9, Leader: leader.ID, Devices: []account.Device{leader, companion},
	}
	statement = account.EpochStatement{Account: account.ID{8}, Epoch: 9, AmbassadorKey: account.DeviceID{10}}
	batch     = account.Publication{
		SignedPrekeyID: 11, SignedPrekey: account.DeviceID{12}, FirstOneTimeID: 13,
		OneTimePrekeys: [account.Batch]account.DeviceID{0: {14}, 19: {15}},
	}
	parcels = []postoffice.Parcel{
		{Device: account.DeviceID{16}, Body: []byte("a")}, {Device: account.DeviceID{17}, Body: []byte("bc")},
	}
	rotation = postoffice.Rotation{List: devices, Statement: statement, Publication: batch}
)

// What of the structures is read.
var (
	readLeader    = structures.Device{ID: leader.ID, Active: true, Prekey: structures.Prekey{ID: 4}}
	readCompanion = structures.Device{ID: companion.ID, Prekey: structures.Prekey{ID: 6, Key: structures.Key{7}}}
	readList      = structures.List{
		Account: structures.Key{8}, Epoch: 9, Devices: []structures.Device{readLeader, readCompanion},
	}
	readBatch = structures.Publication{
		SignedPrekeyID: 11, SignedPrekey: structures.Key{12}, FirstOneTimeID: 13,
		OneTimePrekeys: [20]structures.Key{0: {14}, 19: {15}},
	}
	readParcels = []structures.Parcel{
		{Device: structures.Key{16}, Body: []byte("a")}, {Device: structures.Key{17}, Body: []byte("bc")},
	}
)

// reads compares what is read of a structure of the reference. A part of it and more than it are refused.
func reads[T any](t *testing.T, s codec.Struct, read func(b []byte) (T, error), want T) {
	t.Helper()
	b := codec.MustEncode(s)
	got, err := read(b)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for i := range b {
		_, err := read(b[:i])
		require.ErrorIs(t, err, structures.ErrForm, "%d bytes", i)
	}
	_, err = read(append(b, 0))
	require.ErrorIs(t, err, structures.ErrForm)
	for i := range 2 {
		other := append([]byte{}, b...)
		other[i] += 16
		_, err = read(other)
		require.ErrorIs(t, err, structures.ErrForm, "version or type")
	}
}

func TestCommit(t *testing.T) {
	for _, test := range []struct {
		made postoffice.Commit
		read structures.Commit
	}{
		{postoffice.Commit{Kind: postoffice.KindRegister, Rotation: &rotation}, structures.Commit{
			Kind: structures.Register, Rotation: &structures.Rotation{
				List: readList, AmbassadorKey: structures.Key{10}, Publication: readBatch,
			},
		}},
		{postoffice.Commit{Kind: postoffice.KindRotate, Rotation: &rotation}, structures.Commit{
			Kind: structures.Rotate, Rotation: &structures.Rotation{
				List: readList, AmbassadorKey: structures.Key{10}, Publication: readBatch,
			},
		}},
		{postoffice.Commit{Kind: postoffice.KindEntry, Entry: []byte("entry")},
			structures.Commit{Kind: structures.Talk, Entry: []byte("entry")}},
		{postoffice.Commit{Kind: postoffice.KindPrekeys, Publication: &batch},
			structures.Commit{Kind: structures.Prekeys, Publication: &readBatch}},
		{postoffice.Commit{Kind: postoffice.KindRecords}, structures.Commit{Kind: structures.Records}},
	} {
		m, want := test.made, test.read
		m.Account, m.Device, m.Epoch, m.Number, m.Parcels = account.ID{18}, leader.ID, 19, 20, parcels
		want.Account, want.Device, want.Epoch, want.Number = structures.Key{18}, leader.ID, 19, 20
		want.Parcels = readParcels
		reads(t, &m, structures.ReadCommit, &want)
	}
}

// What stands at its place and cannot be is refused.
func TestRefused(t *testing.T) {
	for reason, change := range map[string]func(b []byte){
		"an unknown kind":          func(b []byte) { b[2] = 6 },
		"a parcel out of its list": func(b []byte) { b[len(b)-len("a")-1]++ },
	} {
		b := codec.MustEncode(&postoffice.Commit{Kind: postoffice.KindRecords, Number: 1, Parcels: parcels[:1]})
		_, err := structures.ReadCommit(b)
		require.NoError(t, err)
		change(b)
		_, err = structures.ReadCommit(b)
		require.ErrorIs(t, err, structures.ErrForm, reason)
	}
	offer := codec.MustEncode(&ambassador.LinkOffer{List: devices})
	offer[bytes.LastIndex(offer, leader.ID[:])+len(leader.ID)] = 3
	_, err := structures.ReadLinkOffer(offer)
	require.ErrorIs(t, err, structures.ErrForm, "an unknown status")
}

// The cuts and the introductions of a rotation are passed over.
func TestRotation(t *testing.T) {
	r := rotation
	r.Introductions = parcels
	b := codec.MustEncode(&postoffice.Commit{Kind: postoffice.KindRotate, Number: 1, Rotation: &r})
	c, err := structures.ReadCommit(b)
	require.NoError(t, err)
	require.Equal(t, readBatch, c.Rotation.Publication)
}

func TestMail(t *testing.T) {
	m := &postoffice.Mail{Position: 1, Device: leader.ID, Number: 2, Parcels: parcels, Entry: []byte("entry")}
	reads(t, m, structures.ReadMail, &structures.Mail{
		Device: leader.ID, Number: 2, Parcels: readParcels, Entry: []byte("entry"),
	})
}

func TestLinking(t *testing.T) {
	reads(t, &ambassador.LinkOffer{List: devices}, structures.ReadLinkOffer, &readList)
	q := &ambassador.LinkRequest{Account: account.ID{21}, Epoch: 22, Device: leader, Introductions: parcels}
	reads(t, q, structures.ReadLinkRequest, &structures.LinkRequest{
		Account: structures.Key{21}, Epoch: 22, Device: readLeader, Introductions: readParcels,
	})
	require.True(t, readList.Activates(leader.ID))
	require.False(t, readList.Activates(companion.ID), "it is pending")
	require.False(t, readList.Activates(structures.Key{23}))
}

func TestEntry(t *testing.T) {
	e := &conversation.Entry{
		Sender: account.ID{8}, Recipient: account.ID{24}, SenderEpoch: 9, RecipientEpoch: 25, Seq: 26,
		Previous: [32]byte{27}, Message: make([]byte, 58),
	}
	want := &structures.Entry{
		Sender: structures.Key{8}, Recipient: structures.Key{24}, SenderEpoch: 9, RecipientEpoch: 25,
		Message: e.Message, Context: e.Context(),
	}
	reads(t, e, structures.ReadEntry, want)
	e.Start = &conversation.Start{
		Statement: statement, Ephemeral: account.DeviceID{28}, SignedPrekeyID: 29, OneTimePrekeyID: 30,
	}
	want.Context, want.Start = e.Context(), &structures.Start{
		Identity: structures.Key{10}, Ephemeral: structures.Key{28}, SignedPrekeyID: 29, OneTimePrekeyID: 30,
	}
	reads(t, e, structures.ReadEntry, want)
}
