package client_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/postoffice"
)

// world is accounts with devices around one post office. Every device has its own randomness.
type world struct {
	t      *testing.T
	office *postoffice.Office
	seed   byte
}

func newWorld(t *testing.T) *world {
	return &world{t: t, office: postoffice.New(func() time.Time { return time.Unix(0, 0) })}
}

func (w *world) rand() *rand.ChaCha8 {
	w.seed++
	return rand.NewChaCha8([32]byte{w.seed})
}

// person is a client that remembers what it has read.
type person struct {
	*client.Client
	device *ambassador.Device
	read   []string
	events []ambassador.Event
}

func (w *world) hear(c *client.Client, err error) *person {
	w.t.Helper()
	require.NoError(w.t, err)
	p := &person{Client: c, device: c.Device.(*ambassador.Device)}
	c.Heard = func(e ambassador.Event) {
		p.events = append(p.events, e)
		if e.Kind == ambassador.Message || e.Kind == ambassador.Sent {
			p.read = append(p.read, fmt.Sprintf("%s:%s", e.Kind, e.Plaintext))
		}
	}
	return p
}

func (w *world) register() *person { return w.hear(client.Register(w.office, w.rand())) }

func (w *world) link(leader *person) *person {
	return w.hear(client.Link(leader.Client, w.office, w.rand()))
}

func (w *world) user(devices int) []*person {
	all := []*person{w.register()}
	for len(all) < devices {
		all = append(all, w.link(all[0]))
	}
	return all
}

func readAll(t *testing.T, people ...[]*person) {
	t.Helper()
	for _, user := range people {
		for _, p := range user {
			require.NoError(t, p.Sync())
		}
	}
}

// inStep requires that the devices of a user agree, and nothing was refused.
func inStep(t *testing.T, user []*person, peer account.ID) {
	t.Helper()
	readAll(t, user)
	for i, p := range user {
		require.Equal(t, "", p.device.Problem(peer), "device %d", i)
		require.Equal(
			t, user[0].device.Conversation(peer).Digest(), p.device.Conversation(peer).Digest(), "device %d", i,
		)
		for _, e := range p.events {
			require.NotContains(
				t, []ambassador.EventKind{ambassador.Refused, ambassador.Void, ambassador.Frozen, ambassador.Parked},
				e.Kind, "device %d: %+v", i, e,
			)
		}
	}
}

func TestStory(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.user(3), w.user(2)
	a, b := alice[0].Device.Account(), bob[0].Device.Account()

	require.NoError(t, alice[1].Send(b, []byte("first contact")))
	readAll(t, alice, bob)
	require.NoError(t, bob[1].Send(a, []byte("answer")))
	readAll(t, alice, bob)
	for i := range 6 {
		require.NoError(t, alice[i%3].Send(b, []byte(fmt.Sprintf("a%d", i))))
		require.NoError(t, bob[i%2].Send(a, []byte(fmt.Sprintf("b%d", i))))
	}
	inStep(t, alice, b)
	inStep(t, bob, a)
	require.Equal(t, []string{"sent:first contact", "message:answer", "sent:a0", "message:b0"}, alice[2].read[:4])

	// The leader is offline: the others go on.
	require.NoError(t, alice[1].Send(b, []byte("without the leader")))

	// A device is added, and one is removed.
	late := w.link(alice[0])
	alice = append(alice, late)
	require.NoError(t, bob[0].Send(a, []byte("to four")))
	inStep(t, alice, b)
	require.Equal(t, []string{"message:to four"}, late.read)
	require.NoError(t, late.Send(b, []byte("from the new one")))
	inStep(t, alice, b)
	inStep(t, bob, a)

	removed := alice[1]
	require.NoError(t, alice[0].Rotate(ambassador.Change{Remove: []account.DeviceID{removed.Device.ID()}}))
	alice = append(alice[:1], alice[2:]...)
	require.NoError(t, alice[1].Send(b, []byte("without the removed")))
	require.NoError(t, bob[1].Send(a, []byte("understood")))
	inStep(t, alice, b)
	inStep(t, bob, a)
	require.Error(t, removed.Sync())
	require.NotContains(t, removed.read, "message:understood")

	// Recovery: everybody heals first.
	require.NoError(t, alice[0].Prepare(nil))
	readAll(t, alice, alice, alice)
	require.NoError(t, alice[0].Rotate(ambassador.Change{}))
	readAll(t, alice)
	for _, p := range alice {
		require.True(t, p.device.Active())
	}
	require.NoError(t, alice[1].Send(b, []byte("healed")))
	inStep(t, alice, b)
	inStep(t, bob, a)
}
