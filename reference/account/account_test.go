package account_test

import (
	"crypto/ed25519"
	"crypto/rand"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/x3dh"
	"credence/spec/refusal"
)

func newAccount(t *testing.T) (ed25519.PrivateKey, *account.EpochKeys, *account.Publication) {
	t.Helper()
	random := mathrand.NewChaCha8([32]byte{1})
	k, err := account.GenerateKey(random)
	require.NoError(t, err)
	keys, publication, err := account.NewEpoch(k, 3, random)
	require.NoError(t, err)
	return k, keys, publication
}

// bundle is what a post office hands out of a publication.
func bundle(keys *account.EpochKeys, p *account.Publication) *account.Bundle {
	return &account.Bundle{
		Statement: keys.Statement, SignedPrekeyID: p.SignedPrekeyID, SignedPrekey: p.SignedPrekey,
		PrekeySignature: p.PrekeySignature, OneTimePrekeyID: p.FirstOneTimeID, OneTimePrekey: p.OneTimePrekeys[0],
	}
}

func device(id, prekey byte) account.Device {
	d := account.Device{ID: account.DeviceID{id}, Status: account.Active}
	d.Prekey.ID, d.Prekey.Key = 1, primitive.PublicKey{prekey}
	return d
}

func list(k ed25519.PrivateKey) *account.List {
	l := &account.List{
		Account: account.IDOf(k), Epoch: 3, Leader: account.DeviceID{2},
		Devices: []account.Device{device(3, 1), device(2, 2), device(1, 3)},
	}
	l.Devices[0].Status = account.Pending
	l.Sort()
	l.Sign(k)
	return l
}

// What encodes comes back, in the sizes of SPEC.md 7.
func TestStructures(t *testing.T) {
	k, keys, publication := newAccount(t)
	for _, c := range []struct {
		from, to codec.Struct
		size     int
	}{
		{&keys.Statement, &account.EpochStatement{}, 134},
		{publication, &account.Publication{}, 746},
		{bundle(keys, publication), &account.Bundle{}, 272},
		{list(k), &account.List{}, 2 + 32 + 4 + 32 + 3 + 3*133 + 64},
	} {
		b, err := codec.Encode(c.from)
		require.NoError(t, err)
		require.Len(t, b, c.size)
		require.NoError(t, codec.Decode(b, c.to))
		require.Empty(t, cmp.Diff(c.from, c.to))
	}
}

// AMB-ENC-02: the rules beside the fields.
func TestStructuresRefuse(t *testing.T) {
	k, keys, publication := newAccount(t)
	changed := func(change func(*account.List)) *account.List {
		l := list(k)
		change(l)
		return l
	}
	noID := bundle(keys, publication)
	noID.OneTimePrekeyID = 0
	for name, s := range map[string]codec.Struct{
		"epoch 0":                    &account.EpochStatement{},
		"no signed prekey":           &account.Publication{FirstOneTimeID: 1},
		"ids that overflow":          &account.Publication{SignedPrekeyID: 1, FirstOneTimeID: 1<<32 - 19},
		"one-time prekey without id": noID,
		"list not in order":          changed(func(l *account.List) { slices.Reverse(l.Devices) }),
		"a device twice":             changed(func(l *account.List) { l.Devices[0] = l.Devices[1] }),
		"pending leader":             changed(func(l *account.List) { l.Leader = account.DeviceID{3} }),
		"unknown status":             changed(func(l *account.List) { l.Devices[0].Status = 3 }),
	} {
		_, err := codec.Encode(s)
		require.ErrorIs(t, err, refusal.Malformed, name)
	}
}

// AMB-ACC-01 to AMB-ACC-03.
func TestSignatures(t *testing.T) {
	k, keys, _ := newAccount(t)
	require.NoError(t, keys.Statement.Verify())
	require.NoError(t, list(k).Verify())
	for name, change := range map[string]func(*account.EpochStatement){
		"account":   func(s *account.EpochStatement) { s.Account[0] ^= 1 },
		"epoch":     func(s *account.EpochStatement) { s.Epoch++ },
		"key":       func(s *account.EpochStatement) { s.AmbassadorKey[0] ^= 1 },
		"signature": func(s *account.EpochStatement) { s.Signature[0] ^= 1 },
	} {
		s := keys.Statement
		change(&s)
		require.ErrorIs(t, s.Verify(), refusal.BadSignature, name)
	}
	for name, change := range map[string]func(*account.List){
		"epoch":     func(l *account.List) { l.Epoch++ },
		"leader":    func(l *account.List) { l.Leader = account.DeviceID{1} },
		"status":    func(l *account.List) { l.Devices[0].Status = account.Pending },
		"prekey":    func(l *account.List) { l.Devices[0].Prekey.ID++ },
		"removed":   func(l *account.List) { l.Devices = l.Devices[1:] },
		"signature": func(l *account.List) { l.Signature[0] ^= 1 },
	} {
		l := list(k)
		change(l)
		require.ErrorIs(t, l.Verify(), refusal.BadSignature, name)
	}
}

// A statement is not taken for a key that is none, even if it is signed (AMB-KEY-02).
func TestStatementOfNoKey(t *testing.T) {
	k, keys, _ := newAccount(t)
	s := keys.Statement
	s.AmbassadorKey[31] |= 0x80
	s.Sign(k)
	require.ErrorIs(t, s.Verify(), refusal.NonCanonicalKey)
}

func TestBundleVerifies(t *testing.T) {
	_, keys, publication := newAccount(t)
	require.NoError(t, publication.Verify(keys.Statement.AmbassadorKey))
	require.NoError(t, bundle(keys, publication).Verify())
	for name, change := range map[string]func(*account.Bundle){
		"statement": func(b *account.Bundle) { b.Statement.Epoch++ },
		"prekey":    func(b *account.Bundle) { b.SignedPrekey[0] ^= 1 },
		"signature": func(b *account.Bundle) { b.PrekeySignature[0] ^= 1 },
	} {
		b := bundle(keys, publication)
		change(b)
		require.ErrorIs(t, b.Verify(), refusal.BadSignature, name)
	}
	require.ErrorIs(t, publication.Verify(publication.OneTimePrekeys[0]), refusal.BadSignature)
}

// The published keys are those whose private keys the devices have: an agreement with them works.
func TestBundleAgrees(t *testing.T) {
	_, keys, publication := newAccount(t)
	ik, err := primitive.GeneratePrivate(rand.Reader)
	require.NoError(t, err)
	ek, err := primitive.GeneratePrivate(rand.Reader)
	require.NoError(t, err)
	for _, oneTime := range []bool{true, false} {
		b := bundle(keys, publication)
		if !oneTime {
			b.OneTimePrekeyID, b.OneTimePrekey = 0, primitive.PublicKey{}
		}
		a, err := x3dh.Initiate(params.AmbassadorV1, ik, ek, b.X3DH())
		require.NoError(t, err)
		spk, err := keys.Signed(b.SignedPrekeyID)
		require.NoError(t, err)
		opk, err := keys.OneTime(b.OneTimePrekeyID)
		require.NoError(t, err)
		require.Equal(t, oneTime, opk != nil)
		ika, eka := ik.PublicKey().Bytes(), ek.PublicKey().Bytes()
		other, err := x3dh.Respond(params.AmbassadorV1, keys.Ambassador, spk, opk, ika, eka)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(a, other))
	}
}

// A device's prekey is signed with its device key.
func TestDeviceBundle(t *testing.T) {
	k, err := primitive.GeneratePrivate(rand.Reader)
	require.NoError(t, err)
	p, private, err := account.NewPrekey(5, k, rand.Reader)
	require.NoError(t, err)
	require.Equal(t, primitive.Public(private), p.Key)
	d := account.Device{ID: primitive.Public(k), Status: account.Active, Prekey: p}
	require.Equal(t, uint32(5), d.Bundle().SignedPrekeyID)
	_, err = x3dh.Initiate(params.AmbassadorV1, k, private, d.Bundle())
	require.NoError(t, err)
	d.Prekey.Signature[0] ^= 1
	_, err = x3dh.Initiate(params.AmbassadorV1, k, private, d.Bundle())
	require.ErrorIs(t, err, refusal.BadSignature)
}

func TestList(t *testing.T) {
	k, _, _ := newAccount(t)
	l := list(k)
	id := func(b ...byte) (ids []account.DeviceID) {
		for _, b := range b {
			ids = append(ids, account.DeviceID{b})
		}
		return ids
	}
	require.Equal(t, id(1, 2), l.Others(account.DeviceID{3}, account.Active))
	require.Equal(t, id(2, 3), l.Others(account.DeviceID{1}, 0))
	require.Equal(t, id(3), l.Others(account.DeviceID{9}, account.Pending))
	require.Same(t, &l.Devices[1], l.Find(account.DeviceID{2}))
	require.Nil(t, l.Find(account.DeviceID{9}))
	require.True(t, l.Has(account.DeviceID{3}, account.Pending))
	require.False(t, l.Has(account.DeviceID{3}, account.Active))
	require.False(t, l.Has(account.DeviceID{9}, account.Active))
}

// AMB-ACC-08: a one-time prekey is used once, and a clone does not notice.
func TestUse(t *testing.T) {
	_, keys, publication := newAccount(t)
	clone := keys.Clone()
	k, err := keys.OneTime(publication.FirstOneTimeID)
	require.NoError(t, err)
	require.Equal(t, publication.OneTimePrekeys[0], primitive.Public(k))
	keys.Use(publication.FirstOneTimeID)
	keys.Use(999)
	_, err = keys.OneTime(publication.FirstOneTimeID)
	require.ErrorIs(t, err, refusal.UnknownPrekey)
	_, err = clone.OneTime(publication.FirstOneTimeID)
	require.NoError(t, err)
	_, err = keys.OneTime(publication.FirstOneTimeID + account.Batch)
	require.ErrorIs(t, err, refusal.UnknownPrekey)
}

// AMB-ACC-07: the keys of two publications are kept; ids go on.
func TestBatches(t *testing.T) {
	_, keys, first := newAccount(t)
	for i := range uint32(2) {
		b, p, err := keys.NewBatch(rand.Reader)
		require.NoError(t, err)
		require.Equal(t, first.SignedPrekeyID+i+1, p.SignedPrekeyID)
		require.Equal(t, first.FirstOneTimeID+(i+1)*account.Batch, p.FirstOneTimeID)
		require.NoError(t, p.Verify(keys.Statement.AmbassadorKey))
		_, err = keys.Signed(p.SignedPrekeyID)
		require.ErrorIs(t, err, refusal.UnknownPrekey, "not added yet")
		keys.Add(b)
		k, err := keys.Signed(p.SignedPrekeyID)
		require.NoError(t, err)
		require.Equal(t, p.SignedPrekey, primitive.Public(k))
		_, err = keys.Signed(first.SignedPrekeyID)
		require.Equal(t, i == 0, err == nil)
	}
	_, err := keys.OneTime(first.FirstOneTimeID)
	require.ErrorIs(t, err, refusal.UnknownPrekey)
}

func TestRandomnessFails(t *testing.T) {
	k, keys, _ := newAccount(t)
	_, err := account.GenerateKey(iotest.ErrReader(iotest.ErrTimeout))
	require.ErrorIs(t, err, iotest.ErrTimeout)
	_, _, err = account.NewEpoch(k, 1, iotest.ErrReader(iotest.ErrTimeout))
	require.ErrorIs(t, err, iotest.ErrTimeout)
	_, _, err = keys.NewBatch(iotest.ErrReader(iotest.ErrTimeout))
	require.ErrorIs(t, err, iotest.ErrTimeout)
	_, _, err = account.NewPrekey(1, keys.Ambassador, iotest.ErrReader(iotest.ErrTimeout))
	require.ErrorIs(t, err, iotest.ErrTimeout)
}
