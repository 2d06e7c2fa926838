package channel_test

import (
	"bytes"
	cryptorand "crypto/rand"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/session"
	"credence/spec/refusal"
)

func random(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func newChannels(t *testing.T, seed byte) *channel.Channels {
	t.Helper()
	c, err := channel.New(random(seed))
	require.NoError(t, err)
	return c
}

func device(c *channel.Channels) account.Device {
	return account.Device{ID: c.Device, Status: account.Active, Prekey: c.Prekey()}
}

// siblings returns the leader and a companion, which has started the channel, and their list in epoch 2.
func siblings(t *testing.T) (leader, companion *channel.Channels, list *account.List) {
	t.Helper()
	leader, companion = newChannels(t, 1), newChannels(t, 2)
	list = &account.List{
		Account: account.ID{7}, Epoch: 2, Leader: leader.Device,
		Devices: []account.Device{device(leader), device(companion)},
	}
	list.Sort()
	require.NoError(t, companion.Connect(list.Find(leader.Device), random(3)))
	return leader, companion, list
}

func record(list *account.List, from, to *channel.Channels) *channel.Record {
	return &channel.Record{
		Kind: channel.KindResendRequest, Account: list.Account, Epoch: list.Epoch, Sender: from.Device,
		Receiver: to.Device,
		Resend:   &channel.ResendRequest{Peer: account.ID{8}, Seq: 9},
	}
}

func seal(t *testing.T, from *channel.Channels, r *channel.Record) []byte {
	t.Helper()
	m, err := from.Seal(r, cryptorand.Reader)
	require.NoError(t, err)
	return m
}

// Records go both ways, and each is read once (AMB-RAT-11).
func TestExchange(t *testing.T) {
	leader, companion, list := siblings(t)
	for i := range 3 {
		r := record(list, companion, leader)
		m := seal(t, companion, r)
		got, arrival, err := leader.Open(list, companion.Device, m)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(r, got))
		require.Equal(t, channel.Arrival{Opened: i == 0, First: true}, arrival)
		_, _, err = leader.Open(list, companion.Device, m)
		require.ErrorIs(t, err, refusal.Duplicate)

		require.True(t, leader.Fresh(companion.Device))
		for n := range 2 {
			r = record(list, leader, companion)
			got, arrival, err = companion.Open(list, leader.Device, seal(t, leader, r))
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(r, got))
			require.Equal(t, channel.Arrival{First: n == 0}, arrival)
			require.False(t, leader.Fresh(companion.Device))
		}
	}
}

// The table of SPEC.md 8.3. A record that is refused is refused with its message: the channels stay as they are.
func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*channel.Record)
		list   func(*account.List, *channel.Channels)
		class  refusal.Class
	}{
		"account": {change: func(r *channel.Record) { r.Account[0]++ }, class: refusal.NotAllowed}, // AMB-CHN-03
		"sender":  {change: func(r *channel.Record) { r.Sender[0]++ }, class: refusal.NotAllowed},  // AMB-CHN-04
		"epoch":   {change: func(r *channel.Record) { r.Epoch++ }, class: refusal.StaleEpoch},      // AMB-CHN-08
		"leader only": {change: func(r *channel.Record) {
			r.Kind, r.Prepare = channel.KindPrepare, &channel.Prepare{}
		}, class: refusal.NotAllowed}, // AMB-CHN-06
		"pending": {list: func(l *account.List, companion *channel.Channels) {
			l.Find(companion.Device).Status = account.Pending
		}, class: refusal.NotAllowed}, // AMB-CHN-07
		"not on the list": {change: func(r *channel.Record) {
			// which a pending device may send
			r.Kind, r.Ack = channel.KindAck, &channel.Ack{Prekey: account.Prekey{ID: 1}}
		}, list: func(l *account.List, companion *channel.Channels) {
			l.Devices = []account.Device{*l.Find(l.Leader)}
		}, class: refusal.NotAllowed}, // AMB-CHN-01
	} {
		leader, companion, list := siblings(t)
		r := record(list, companion, leader)
		if c.change != nil {
			c.change(r)
		}
		m := seal(t, companion, r)
		if c.list != nil {
			c.list(list, companion)
		}
		before := leader.Export()
		got, _, err := leader.Open(list, companion.Device, m)
		require.ErrorIs(t, err, c.class, name)
		require.Nil(t, got)
		require.Equal(t, before, leader.Export(), name)
	}
}

// AMB-CHN-05: the message is to this device, and the record in it to another one. Seal cannot make it, the session can.
func TestOtherReceiver(t *testing.T) {
	leader, companion, list := siblings(t)
	party, err := session.Import(companion.Export())
	require.NoError(t, err)
	classes := map[account.DeviceID]refusal.Class{leader.Device: "", companion.Device: refusal.NotAllowed}
	for receiver, class := range classes {
		r := record(list, companion, leader)
		r.Receiver = receiver
		e, err := party.Encrypt(hex.EncodeToString(leader.Device[:]), codec.MustEncode(r), cryptorand.Reader)
		require.NoError(t, err)
		_, _, err = leader.Open(list, companion.Device, e.Body)
		require.Equal(t, class, refusal.Of(err), "%v", err)
	}
}

// AMB-CHN-02: an initial message comes from the device whose key is in it.
func TestOtherDevice(t *testing.T) {
	leader, companion, list := siblings(t)
	other := newChannels(t, 5)
	list.Devices = append(list.Devices, device(other))
	m := seal(t, companion, record(list, companion, leader))
	before := leader.Export()
	_, _, err := leader.Open(list, other.Device, m)
	require.ErrorIs(t, err, refusal.NotAllowed)
	_, _, err = leader.Open(list, leader.Device, m)
	require.ErrorIs(t, err, refusal.NotAllowed)
	require.Equal(t, before, leader.Export())
	_, _, err = leader.Open(list, companion.Device, m)
	require.NoError(t, err)
}

// A pending device may acknowledge (AMB-CHN-07).
func TestPendingAck(t *testing.T) {
	leader, companion, list := siblings(t)
	list.Find(companion.Device).Status = account.Pending
	r := record(list, companion, leader)
	r.Kind, r.Resend, r.Ack = channel.KindAck, nil, &channel.Ack{Prekey: companion.Prekey()}
	got, _, err := leader.Open(list, companion.Device, seal(t, companion, r))
	require.NoError(t, err)
	require.Equal(t, channel.KindAck, got.Kind)
}

// A forged byte is refused, and the genuine message is still read (AMB-RAT-17).
func TestForged(t *testing.T) {
	leader, companion, list := siblings(t)
	m := seal(t, companion, record(list, companion, leader))
	before := leader.Export()
	for at := range m {
		forged := bytes.Clone(m)
		forged[at] ^= 1
		_, _, err := leader.Open(list, companion.Device, forged)
		require.NotEmpty(t, refusal.Of(err), "byte %d: %v", at, err)
		require.Equal(t, before, leader.Export())
	}
	_, _, err := leader.Open(list, companion.Device, m)
	require.NoError(t, err)
}

func TestChannels(t *testing.T) {
	leader, companion, list := siblings(t)
	require.True(t, companion.Has(leader.Device))
	require.False(t, leader.Has(companion.Device))
	_, err := leader.Seal(record(list, leader, companion), cryptorand.Reader)
	require.ErrorIs(t, err, refusal.NotReady)
	require.Equal(t, []account.DeviceID{leader.Device}, companion.Peers())
	clone := companion.Clone()
	clone.Drop(leader.Device)
	require.Empty(t, clone.Peers())
	require.True(t, companion.Has(leader.Device))
	again, err := channel.Import(companion.Export())
	require.NoError(t, err)
	require.Equal(t, companion.Device, again.Device)
	require.Equal(t, companion.Export(), again.Export())
	_, err = channel.Import(nil)
	require.ErrorIs(t, err, refusal.Malformed)
}

// AMB-CHN-09: a renewed prekey keeps the older one until that is forgotten.
func TestPrekeys(t *testing.T) {
	for _, forget := range []bool{false, true} {
		leader, companion, list := siblings(t)
		m := seal(t, companion, record(list, companion, leader))
		old := leader.Prekey()
		require.NoError(t, leader.RenewPrekey(random(6)))
		require.Equal(t, old.ID+1, leader.Prekey().ID)
		require.NotEqual(t, old.Key, leader.Prekey().Key)
		if forget {
			leader.ForgetPrekeys(leader.Prekey().ID)
		}
		_, _, err := leader.Open(list, companion.Device, m)
		if forget {
			require.ErrorIs(t, err, refusal.UnknownPrekey)
			continue
		}
		require.NoError(t, err)
	}
}

// Every kind of record comes back from its encoding (SPEC.md 11.1); other kinds are refused (AMB-ENC-02).
func TestRecords(t *testing.T) {
	prekeys := channel.Prekeys{SignedPrekeyID: 1, FirstOneTimeID: 1}
	sent := channel.Sent{Peer: account.ID{1}, Seq: 2, Secret: make([]byte, 32), Bundle: []byte{1}}
	claims := []channel.Claim{{Head: channel.Head{Seq: 1}}}
	leader, _, list := siblings(t)
	for _, r := range []*channel.Record{
		{Kind: channel.KindSent, Sent: &sent},
		{Kind: channel.KindAck, Ack: &channel.Ack{Claims: claims, Prekey: leader.Prekey()}},
		{Kind: channel.KindPrekeys, Prekeys: &prekeys},
		{Kind: channel.KindList, List: list},
		{Kind: channel.KindPrepare, Prepare: &channel.Prepare{Nonce: [32]byte{1}}},
		{Kind: channel.KindReady, Ready: &channel.Ready{Nonce: [32]byte{1}, Prekey: leader.Prekey()}},
		{Kind: channel.KindRotate, Rotate: &channel.Rotate{
			List: *list, Statement: account.EpochStatement{Epoch: 2}, Prekeys: prekeys,
			Unread: []channel.Unread{{Ranges: []channel.Range{{First: 1, Last: 3}}}},
		}},
		{Kind: channel.KindResendRequest, Resend: &channel.ResendRequest{Seq: 4}},
	} {
		b, err := codec.Encode(r)
		require.NoError(t, err)
		got := &channel.Record{}
		require.NoError(t, codec.Decode(b, got))
		require.Empty(t, cmp.Diff(r, got))
		b[2] = 99
		require.ErrorIs(t, codec.Decode(b, got), refusal.Malformed)
	}
	for name, s := range map[string]*channel.Sent{
		"secret of 31 bytes":    {Secret: make([]byte, 31), Bundle: []byte{1}},
		"secret without bundle": {Secret: make([]byte, 32)},
		"bundle without secret": {Bundle: []byte{1}},
	} {
		_, err := codec.Encode(&channel.Record{Kind: channel.KindSent, Sent: s})
		require.ErrorIs(t, err, refusal.Malformed, name)
	}
}
