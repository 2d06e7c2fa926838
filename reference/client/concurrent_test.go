package client_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/spec/refusal"
)

// each runs a function for every device at the same time.
func each(t *testing.T, devices []*person, run func(i int, p *person) error) {
	t.Helper()
	errs := make([]error, len(devices))
	var all sync.WaitGroup
	for i, p := range devices {
		all.Go(func() { errs[i] = run(i, p) })
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
}

// Everybody sends at the same time, while the leader adds, removes and rotates. Run it with the race detector.
func TestConcurrentDevices(t *testing.T) {
	for _, n := range []int{1, 2, 4, 8} {
		t.Run(fmt.Sprintf("%d devices a side", n), func(t *testing.T) {
			w := newWorld(t)
			alice, bob := w.user(n), w.user(n)
			a, b := alice[0].Device.Account(), bob[0].Device.Account()
			require.NoError(t, alice[0].Send(b, []byte("start")))
			const texts = 3
			each(t, append(append([]*person{}, alice...), bob...), func(i int, p *person) error {
				to := b
				if i >= n {
					to = a
				}
				for k := range texts {
					if err := sendHard(p, to, fmt.Sprintf("device %d, text %d", i, k)); err != nil {
						return err
					}
					if k == 1 && (i == 0 || i == n) {
						if err := rotateHard(p, ambassador.Change{}); err != nil {
							return err
						}
					}
				}
				return nil
			})
			agree(t, alice, b)
			agree(t, bob, a)
			times := map[string]int{}
			for _, text := range bob[n-1].read {
				times[text]++
			}
			for text, n := range times {
				require.Equal(t, 1, n, text)
			}
			require.Len(t, times, 1+n*texts+(n-1)*texts, "all but its own")

			removed := alice[n-1]
			if n == 1 {
				return
			}
			require.NoError(t, rotateHard(alice[0], ambassador.Change{Remove: []account.DeviceID{removed.Device.ID()}}))
			added := w.link(alice[0])
			remaining := append(append([]*person{}, alice[:n-1]...), added)
			each(t, remaining, func(i int, p *person) error { return sendHard(p, b, fmt.Sprintf("after, %d", i)) })
			agree(t, remaining, b)
			require.ErrorIs(t, removed.Sync(), refusal.NotAllowed)
		})
	}
}

// sendHard sends until it has worked: under so many racers the loop of a client may give up. A client that never gets
// through fails.
func sendHard(p *person, to account.ID, text string) error {
	return insist(func() error { return p.Send(to, []byte(text)) })
}

func rotateHard(p *person, change ambassador.Change) error {
	return insist(func() error { return p.Rotate(change) })
}

// insist tries again what others have come before, so many times.
func insist(do func() error) (err error) {
	const most = 100
	for range most {
		err = do()
		if !errors.Is(err, refusal.Conflict) && !errors.Is(err, refusal.StaleEpoch) {
			return err
		}
	}
	return err
}

// agree requires that all devices have the same conversation, which nothing has stopped.
func agree(t *testing.T, devices []*person, peer account.ID) {
	t.Helper()
	read := func() { each(t, devices, func(_ int, p *person) error { return p.Sync() }) }
	read()
	read()
	for i, p := range devices {
		require.Empty(t, p.device.Problem(peer), "device %d", i)
		require.Equal(
			t, devices[0].device.Conversation(peer).Digest(), p.device.Conversation(peer).Digest(), "device %d", i,
		)
		for _, e := range p.events {
			require.NotContains(
				t, []ambassador.EventKind{ambassador.Void, ambassador.Frozen, ambassador.Parked}, e.Kind,
				"device %d: %+v", i, e,
			)
		}
	}
}
