package postoffice_test

import (
	"bytes"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// together runs a function so many times at the same time.
func together(t *testing.T, times int, run func(i int) error) {
	t.Helper()
	errs := make([]error, times)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range times {
		all.Go(func() {
			<-begin
			errs[i] = run(i)
		})
	}
	close(begin)
	all.Wait()
	require.NoError(t, errors.Join(errs...))
}

// open registers an account with as many devices, each with randomness of its own.
func open(t *testing.T, office *postoffice.Office, seed byte, devices int) (all []*client.Client) {
	t.Helper()
	random := func() *mathrand.ChaCha8 { return mathrand.NewChaCha8([32]byte{seed, byte(len(all))}) }
	leader, err := client.Register(office, random())
	require.NoError(t, err)
	for all = append(all, leader); len(all) < devices; {
		c, err := client.Link(leader, office, random())
		require.NoError(t, err)
		all = append(all, c)
	}
	return all
}

// Many ask for one bundle at the same time: each one-time prekey is handed out once (AMB-PST-03).
func TestBundlesAtTheSameTime(t *testing.T) {
	office := postoffice.New(time.Now)
	id := open(t, office, 1, 1)[0].Device.Account()
	var mutex sync.Mutex
	handed := map[uint32]int{}
	together(t, 16, func(int) error {
		for range 3 {
			encoded, err := office.Bundle(id)
			b := &account.Bundle{}
			if err = errors.Join(err, codec.Decode(encoded, b)); err != nil {
				return err
			}
			mutex.Lock()
			handed[b.OneTimePrekeyID]++
			mutex.Unlock()
		}
		return nil
	})
	require.Len(t, handed, account.Batch+1)
	for id := uint32(1); id <= account.Batch; id++ {
		require.Equal(t, 1, handed[id], "one-time prekey %d", id)
	}
}

// Many devices race for one place: one has it (AMB-PST-05), and all mailboxes have the same entries (AMB-PST-04).
func TestOnePlaceAtTheSameTime(t *testing.T) {
	const races, devices = 4, 4
	for race := range byte(races) {
		office := postoffice.New(time.Now)
		alice, bob := open(t, office, 2*race, devices), open(t, office, 2*race+1, devices)
		a, b := alice[0].Device.Account(), bob[0].Device.Account()
		require.NoError(t, alice[0].Send(b, []byte("start")))
		all := append(alice, bob...)
		for _, c := range all {
			require.NoError(t, c.Sync())
		}
		var winners atomic.Int32
		together(t, len(all), func(i int) error {
			to := b
			if i >= devices {
				to = a
			}
			commit, err := all[i].Device.Send(to, []byte("race"), nil, mathrand.NewChaCha8([32]byte{9, byte(i)}))
			if err != nil {
				return err
			}
			if err = office.Append(commit); !errors.Is(err, refusal.Conflict) {
				winners.Add(1)
				return err
			}
			all[i].Device.PostOfficeRefused()
			return nil
		})
		require.EqualValues(t, 1, winners.Load())
		newest := entries(t, office, all[0])
		for _, c := range all {
			require.NoError(t, c.Sync())
			require.Equal(t, newest, entries(t, office, c))
		}
	}
}

// entries returns what a device has got of the logs, which must be chained without gaps.
func entries(t *testing.T, office *postoffice.Office, c *client.Client) (all [][]byte) {
	t.Helper()
	seq, head := uint64(0), [32]byte{}
	for _, mail := range mails(t, office, c) {
		m := &postoffice.Mail{}
		require.NoError(t, codec.Decode(mail, m))
		if len(m.Entry) == 0 {
			continue
		}
		e, err := conversation.ParseEntry(m.Entry)
		require.NoError(t, err)
		require.Equal(t, seq+1, e.Seq)
		require.True(t, seq == 0 || bytes.Equal(head[:], e.Previous[:]))
		seq, head = e.Seq, conversation.NextHead(e.Previous, m.Entry)
		all = append(all, m.Entry)
	}
	return all
}

// One commit comes many times at once, and numbers are announced meanwhile: it is taken once (AMB-PST-02), and every
// announcement is answered with another number (AMB-PST-17).
func TestNumbersAtTheSameTime(t *testing.T) {
	office := postoffice.New(time.Now)
	alice := open(t, office, 1, 2)
	commit, err := alice[1].Device.Ack(mathrand.NewChaCha8([32]byte{3}))
	require.NoError(t, err)
	var mutex sync.Mutex
	taken, answers := 0, map[uint64]int{}
	together(t, 16, func(i int) error {
		switch err := office.Append(commit); {
		case err == nil:
			mutex.Lock()
			taken++
			mutex.Unlock()
		case !errors.Is(err, refusal.Duplicate):
			return err
		}
		got, err := office.Announce(alice[0].Device.Account(), alice[0].Device.ID(), uint64(100+i))
		mutex.Lock()
		answers[got]++
		mutex.Unlock()
		return err
	})
	require.Equal(t, 1, taken)
	below := 0
	for answer, times := range answers {
		if answer < 100 {
			below += times
		}
	}
	require.Equal(t, 1, below, "one announcement is the first")
}

const accounts, devices, texts = 3, 2, 2 // of those that do everything at once

// hearer is a device with the texts of others that it has read.
type hearer struct {
	*client.Client
	read []string
}

// Everything at once: accounts talk to each other, publish, ask for bundles, and others register. Every text is read
// once by every device of its recipient, and by all in the same order.
func TestEverythingAtTheSameTime(t *testing.T) {
	office := postoffice.New(time.Now)
	var all []*hearer
	var ids []account.ID
	for i := range accounts {
		for _, c := range open(t, office, byte(i+1), devices) {
			h := &hearer{Client: c}
			c.Heard = func(e ambassador.Event) {
				if e.Kind == ambassador.Message {
					h.read = append(h.read, string(e.Plaintext))
				}
			}
			all = append(all, h)
		}
		ids = append(ids, all[len(all)-1].Device.Account())
	}
	together(t, len(all), func(n int) error { return all[n].doEverything(office, n, ids) })
	for _, h := range append(all, all...) {
		require.NoError(t, h.Sync())
	}
	for n, h := range all {
		want := map[string]bool{}
		for from := range all {
			for k := range texts {
				if from/devices != n/devices {
					want[text(from, k, n/devices)] = true
				}
			}
		}
		require.Len(t, h.read, len(want))
		for _, read := range h.read {
			require.True(t, want[read], "device %d has read %q twice, or it is not for it", n, read)
			delete(want, read)
		}
		require.Equal(t, all[n-n%devices].read, h.read)
	}
}

func text(from, k, to int) string {
	return fmt.Sprintf("device %d, text %d, to account %d", from, k, to)
}

// doEverything is what device n does.
func (h *hearer) doEverything(office *postoffice.Office, n int, ids []account.ID) error {
	for k := range texts {
		for to, id := range ids {
			if to == n/devices {
				continue
			}
			if err := insist(func() error { return h.Send(id, []byte(text(n, k, to))) }); err != nil {
				return err
			}
		}
		err := insist(func() error { return h.Replenish(account.Batch) })
		_, asked := office.Bundle(ids[k])
		_, registered := client.Register(office, mathrand.NewChaCha8([32]byte{7, byte(n), byte(k)}))
		if err := errors.Join(err, asked, registered); err != nil {
			return err
		}
	}
	return nil
}

// insist tries again when others have come before, so many times.
func insist(do func() error) (err error) {
	const most = 100
	for range most {
		err = do()
		if !errors.Is(err, refusal.Conflict) && !errors.Is(err, refusal.StaleEpoch) &&
			!errors.Is(err, refusal.UnknownPrekey) {
			return err
		}
	}
	return err
}
