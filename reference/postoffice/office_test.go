package postoffice_test

import (
	mathrand "math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/client"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// A place that is kept is free again after ten seconds, so that a side which does not come blocks nobody (AMB-PST-14).
func TestKeptPlaceEnds(t *testing.T) {
	now := time.Unix(1000, 0)
	office := postoffice.New(func() time.Time { return now })
	random := mathrand.NewChaCha8([32]byte{1})
	open := func() *client.Client {
		c, err := client.Register(office, random)
		require.NoError(t, err)
		return c
	}
	alice, bob := open(), open()
	a, b := alice.Device.Account(), bob.Device.Account()
	require.NoError(t, alice.Send(b, []byte("start")))
	require.NoError(t, bob.Sync())

	loses, err := alice.Device.Send(b, []byte("loses"), nil, random)
	require.NoError(t, err)
	require.NoError(t, bob.Send(a, []byte("wins")))
	require.ErrorIs(t, office.Append(loses), refusal.Conflict)
	alice.Device.PostOfficeRefused()

	commit := func() []byte {
		c, err := bob.Device.Send(a, []byte("again"), nil, random)
		require.NoError(t, err)
		bob.Device.PostOfficeRefused()
		return c
	}
	require.ErrorIs(t, office.Append(commit()), refusal.Conflict, "the place is Alice's")
	now = now.Add(postoffice.KeptTime - time.Nanosecond)
	require.ErrorIs(t, office.Append(commit()), refusal.Conflict, "it still is")
	now = now.Add(time.Nanosecond)
	require.NoError(t, bob.Send(a, []byte("she has not come")))
	require.NoError(t, alice.Sync())

	loses, err = alice.Device.Send(b, []byte("loses again"), nil, random)
	require.NoError(t, err)
	require.NoError(t, bob.Send(a, []byte("wins again")))
	require.ErrorIs(t, office.Append(loses), refusal.Conflict)
	alice.Device.PostOfficeRefused()
	require.ErrorIs(t, office.Append(commit()), refusal.Conflict, "bob waits behind her")
	now = now.Add(2 * postoffice.KeptTime)
	require.NoError(t, alice.Send(b, []byte("nobody is kept the place any more")))
}

func TestUnknownAccounts(t *testing.T) {
	office := postoffice.New(time.Now)
	_, err := office.Bundle(account.ID{1})
	require.ErrorIs(t, err, refusal.NotReady)
	_, err = office.Fetch(account.ID{1}, account.DeviceID{2}, 1)
	require.ErrorIs(t, err, refusal.NotAllowed)
	require.ErrorIs(t, office.Append([]byte{1, 10}), refusal.Malformed)
}
