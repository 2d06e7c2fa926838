package client_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/postoffice"
)

// attacker has copied a device and then only listens: it gets every mail of the victim, and every entry that Alice's
// phone gets.
type attacker struct {
	t      *testing.T
	w      *world
	copy   *ambassador.Device
	victim *person
	phone  *person
	mails  int // of the victim that were heard
	heard  int // of the phone
}

func (w *world) steal(victim, phone *person) *attacker {
	w.t.Helper()
	d, err := ambassador.Import(victim.Device.Export())
	require.NoError(w.t, err)
	th := &attacker{t: w.t, w: w, copy: d, victim: victim, phone: phone}
	th.mails, th.heard = len(th.box(victim)), len(th.box(phone))
	return th
}

func (th *attacker) box(p *person) [][]byte {
	box, err := th.w.office.Fetch(p.Device.Account(), p.Device.ID(), 1)
	if err != nil {
		return nil // removed
	}
	return box.Mails
}

// listen returns the plaintexts that the copy can read of what has travelled since.
func (th *attacker) listen() (read []string) {
	th.t.Helper()
	take := func(mail []byte) {
		events, err := th.copy.Receive(mail)
		require.NoError(th.t, err)
		for _, e := range events {
			if e.Kind == ambassador.Message || e.Kind == ambassador.Sent {
				read = append(read, string(e.Plaintext))
			}
		}
	}
	mails := th.box(th.victim)
	for _, mail := range mails[min(th.mails, len(mails)):] {
		take(mail)
	}
	th.mails = max(th.mails, len(mails))
	entries := th.box(th.phone)
	for _, encoded := range entries[th.heard:] {
		m := &postoffice.Mail{}
		require.NoError(th.t, codec.Decode(encoded, m))
		if m.Parcels = nil; len(m.Entry) > 0 {
			take(codec.MustEncode(m))
		}
	}
	th.heard = len(entries)
	return read
}

// stolen is Alice with a phone and a laptop, whose laptop is copied, and Bob.
func stolen(t *testing.T) (w *world, alice, bob []*person, a, b account.ID, th *attacker) {
	w = newWorld(t)
	alice, bob = w.user(2), w.user(1)
	a, b = alice[0].Device.Account(), bob[0].Device.Account()
	require.NoError(t, alice[0].Send(b, []byte("before")))
	require.NoError(t, bob[0].Send(a, []byte("before too")))
	readAll(t, alice, bob)
	return w, alice, bob, a, b, w.steal(alice[1], alice[0])
}

// heal lets the laptop receive and send, and the phone send after it: then the channel is healed (SPEC.md 13.2).
func heal(t *testing.T, alice []*person) {
	t.Helper()
	for _, p := range []*person{alice[0], alice[1], alice[0]} {
		require.NoError(t, p.Ack())
		readAll(t, alice)
	}
}

// The rows of the table in SPEC.md 13.2, as far as an attacker that imports the stolen state gets.
func TestCompromise(t *testing.T) {
	t.Run("nothing that was read before", func(t *testing.T) {
		_, _, _, _, _, th := stolen(t)
		th.mails, th.heard = 0, 0
		require.Empty(t, th.listen())
	})
	t.Run("channels not healed: everything", func(t *testing.T) {
		_, alice, bob, a, b, th := stolen(t)
		require.NoError(t, alice[0].Send(b, []byte("own")))
		require.NoError(t, bob[0].Send(a, []byte("answer")))
		require.Equal(t, []string{"own", "answer"}, th.listen())
	})
	t.Run("channels healed: what Bob sends before Alice has sent, and nothing after", func(t *testing.T) {
		_, alice, bob, a, b, th := stolen(t)
		heal(t, alice)
		require.NoError(t, bob[0].Send(a, []byte("under a key that was stolen")))
		require.Equal(t, []string{"under a key that was stolen"}, th.listen())
		require.NoError(t, alice[0].Send(b, []byte("own")))
		require.NoError(t, bob[0].Send(a, []byte("answer")))
		require.NoError(t, alice[1].Send(b, []byte("from the laptop itself")))
		require.Empty(t, th.listen())
		require.Equal(
			t, []string{"sent:own", "message:answer"}, alice[1].read[len(alice[1].read)-2:],
			"the owner of the laptop reads it",
		)
	})
	t.Run("a start under the old bundle: readable, healed or not", func(t *testing.T) {
		w, alice, _, a, _, th := stolen(t)
		heal(t, alice)
		carol := w.user(1)
		require.NoError(t, carol[0].Send(a, []byte("to a stolen bundle")))
		require.Equal(t, []string{"to a stolen bundle"}, th.listen())
	})
	t.Run("a rotation without healing: the new secrets travel to the attacker", func(t *testing.T) {
		_, alice, bob, a, _, th := stolen(t)
		require.NoError(t, alice[0].Rotate(ambassador.Change{}))
		require.NoError(t, bob[0].Send(a, []byte("new epoch")))
		require.Equal(t, []string{"new epoch"}, th.listen())
	})
	t.Run("healing first: nothing of the new epoch", func(t *testing.T) {
		_, alice, bob, a, b, th := stolen(t)
		require.NoError(t, alice[0].Prepare(nil))
		readAll(t, alice, alice)
		require.NoError(t, alice[0].Rotate(ambassador.Change{}))
		readAll(t, alice)
		require.True(t, alice[1].device.Active())
		require.NoError(t, bob[0].Send(a, []byte("new epoch")))
		require.NoError(t, alice[0].Send(b, []byte("own")))
		require.NoError(t, bob[0].Send(a, []byte("answer")))
		require.Empty(t, th.listen())
	})
	t.Run("the device removed: nothing of the new epoch", func(t *testing.T) {
		_, alice, bob, a, b, th := stolen(t)
		require.NoError(t, alice[0].Rotate(ambassador.Change{Remove: []account.DeviceID{alice[1].Device.ID()}}))
		require.NoError(t, bob[0].Send(a, []byte("new epoch")))
		require.NoError(t, alice[0].Send(b, []byte("own")))
		require.Empty(t, th.listen())
	})
	t.Run("pending: nothing of the new epoch", func(t *testing.T) {
		_, alice, bob, a, _, th := stolen(t)
		require.NoError(t, alice[0].Prepare(nil))
		require.NoError(t, alice[0].Rotate(ambassador.Change{}))
		require.NoError(t, bob[0].Send(a, []byte("new epoch")))
		require.Empty(t, th.listen())
		readAll(t, alice)
		require.NotContains(t, alice[1].read, "message:new epoch", "its owner reads nothing either")
	})
}
