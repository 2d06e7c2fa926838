package fuzz

import (
	"bytes"
	mathrand "math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
	"credence/vectors"
)

// encoded returns every structure that the vectors decode, genuine and malformed.
func encoded(f *testing.F) (all [][]byte) {
	file, err := vectors.LoadFile(vectors.FS, "ambassador_test.json")
	require.NoError(f, err)
	for _, g := range file.TestGroups {
		for _, t := range g.Tests {
			if g.Operation == shim.AmbassadorDecode {
				all = append(all, t.Input.Message)
			}
		}
	}
	require.NotEmpty(f, all)
	return all
}

// FuzzStructures: every decoder is total, refuses with a class, and accepts nothing but what it would have written
// (AMB-ENC-02).
func FuzzStructures(f *testing.F) {
	for _, b := range encoded(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for kind := codec.TypeMessageEntry; kind <= codec.TypeMail; kind++ {
			s := adapter.Structure(kind)
			if err := codec.Decode(b, s); err != nil {
				require.ErrorIs(t, err, refusal.Malformed)
				continue
			}
			again, err := codec.Encode(s)
			require.NoError(t, err)
			require.True(t, bytes.Equal(b, again), "%T", s)
		}
	})
}

// family is an account with two devices and a conversation with another one, and every mail that they have got.
func family(f *testing.F) (devices [][]byte, mails, commits [][]byte, office *postoffice.Office) {
	office = postoffice.New(func() time.Time { return time.Unix(0, 0) })
	watch := &watch{Service: office}
	random := mathrand.NewChaCha8([32]byte{1})
	leader, err := client.Register(watch, random)
	require.NoError(f, err)
	companion, err := client.Link(leader, watch, random)
	require.NoError(f, err)
	bob, err := client.Register(watch, random)
	require.NoError(f, err)
	b, a := bob.Device.Account(), leader.Device.Account()
	require.NoError(f, companion.Send(b, []byte("start")))
	require.NoError(f, bob.Sync())
	require.NoError(f, bob.Send(a, []byte("answer")))
	require.NoError(f, leader.Ack())
	require.NoError(f, leader.Prepare(nil))
	require.NoError(f, leader.Sync())
	require.NoError(f, companion.Sync())
	for _, c := range []*client.Client{leader, companion} {
		devices = append(devices, c.Device.Export())
		box, err := office.Fetch(a, c.Device.ID(), 1)
		require.NoError(f, err)
		mails = append(mails, box.Mails...)
	}
	return devices, mails, watch.commits, office
}

// watch keeps the commits.
type watch struct {
	postoffice.Service
	commits [][]byte
}

func (w *watch) Append(commit []byte) error {
	w.commits = append(w.commits, commit)
	return w.Service.Append(commit)
}

// FuzzMail: no mail makes a device fail, and one that brings nothing but refusals changes nothing (AMB-CNV-01).
func FuzzMail(f *testing.F) {
	devices, mails, _, _ := family(f)
	for i, mail := range mails {
		f.Add(uint8(i), mail)
	}
	f.Fuzz(func(t *testing.T, n uint8, mail []byte) {
		before := devices[int(n)%len(devices)]
		d, err := ambassador.Import(before)
		require.NoError(t, err)
		events, err := d.Receive(mail)
		if err != nil {
			require.NotEmpty(t, refusal.Of(err))
		}
		changed := false
		for _, e := range events {
			changed = changed || e.Kind != ambassador.Refused
		}
		if !changed {
			require.Equal(t, string(before), string(d.Export()))
		}
		again, err := ambassador.Import(d.Export())
		require.NoError(t, err)
		require.Equal(t, string(d.Export()), string(again.Export()))
	})
}

// FuzzDeviceState: an import is total, and what it takes it gives back.
func FuzzDeviceState(f *testing.F) {
	devices, _, _, _ := family(f)
	for _, d := range devices {
		f.Add(d)
		f.Add(d[:len(d)/2])
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		d, err := ambassador.Import(state)
		if err != nil {
			require.ErrorIs(t, err, refusal.Malformed)
			return
		}
		again, err := ambassador.Import(d.Export())
		require.NoError(t, err)
		require.Equal(t, string(d.Export()), string(again.Export()))
	})
}

// FuzzCommit: no commit makes the post office fail, and it refuses with a class.
func FuzzCommit(f *testing.F) {
	_, _, commits, office := family(f)
	for _, commit := range commits {
		f.Add(commit)
	}
	f.Fuzz(func(t *testing.T, commit []byte) {
		if err := office.Append(commit); err != nil {
			require.NotEmpty(t, refusal.Of(err))
		}
	})
}
