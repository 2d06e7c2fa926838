package client_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// unlucky is a post office in which something goes wrong as often as the counters say.
type unlucky struct {
	*postoffice.Office
	flips    int      // bundles that get another one-time prekey
	losesIn  int      // commits that do not arrive
	losesOut int      // answers to commits that do not arrive
	late     [][]byte // commits that did not arrive, for later
}

var errLost = errors.New("connection lost")

func count(n *int) bool {
	*n--
	return *n >= 0
}

func (u *unlucky) Bundle(id account.ID) ([]byte, error) {
	encoded, err := u.Office.Bundle(id)
	if err == nil && count(&u.flips) {
		encoded[len(encoded)-1] ^= 1
	}
	return encoded, err
}

func (u *unlucky) Append(commit []byte) error {
	if count(&u.losesIn) {
		u.late = append(u.late, commit)
		return errLost
	}
	err := u.Office.Append(commit)
	if err == nil && count(&u.losesOut) {
		return errLost
	}
	return err
}

// unluckyPair is two accounts of one device.
func unluckyPair(t *testing.T) (w *world, u *unlucky, alice, bob *person) {
	w = newWorld(t)
	u = &unlucky{Office: w.office}
	register := func() *person { return w.hear(client.Register(u, w.rand())) }
	return w, u, register(), register()
}

func heard(p *person, kind ambassador.EventKind) (all []string) {
	for _, e := range p.events {
		if e.Kind == kind {
			all = append(all, string(e.Plaintext))
		}
	}
	return all
}

// readBoth lets both read until nothing is left.
func readBoth(t *testing.T, people ...*person) {
	t.Helper()
	for range 4 {
		for _, p := range people {
			require.NoError(t, p.Sync())
		}
	}
}

// talking is two accounts of one device with a conversation that has begun.
func talking(t *testing.T) (w *world, alice, bob *person) {
	t.Helper()
	w = newWorld(t)
	alice, bob = w.user(1)[0], w.user(1)[0]
	require.NoError(t, alice.Send(bob.device.Account(), []byte("hi")))
	readBoth(t, alice, bob)
	return w, alice, bob
}

// A start under prekeys that have been replaced twice is refused, and made anew with a fresh bundle (AMB-PST-13).
func TestPrekeysRenewedMeanwhile(t *testing.T) {
	w, u, alice, bob := unluckyPair(t)
	b := bob.device.Account()
	bundle, err := u.Bundle(b)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, bob.Replenish(1000))
	}
	commit, err := alice.device.Send(b, []byte("stale"), bundle, w.rand())
	require.NoError(t, err)
	require.ErrorIs(t, u.Append(commit), refusal.UnknownPrekey)
	alice.device.PostOfficeRefused()
	require.NoError(t, alice.Send(b, []byte("hello")))
	readBoth(t, alice, bob)
	require.Equal(t, []string{"hello"}, heard(bob, ambassador.Message))
}

// What a start that nobody can read has taken with it is reported, sent anew and read, without a user's doing
// (AMB-INV-19, AMB-INV-20); so also if the answers cannot be read for a while.
func TestVoidStarts(t *testing.T) {
	for flips := range 4 {
		_, u, alice, bob := unluckyPair(t)
		a, b := alice.device.Account(), bob.device.Account()
		u.flips = flips
		require.NoError(t, alice.Send(b, []byte("one")))
		require.NoError(t, alice.Send(b, []byte("two")))
		readBoth(t, bob, alice)
		u.flips = 0
		require.NoError(t, bob.Send(a, []byte("three")))
		require.NoError(t, alice.Send(b, []byte("four")))
		readBoth(t, alice, bob)
		require.ElementsMatch(t, []string{"one", "two", "four"}, heard(bob, ambassador.Message), "%d flips", flips)
		require.Equal(t, []string{"three"}, heard(alice, ambassador.Message), "%d flips", flips)
		for _, p := range []*person{alice, bob} {
			require.Empty(t, heard(p, ambassador.Refused))
			require.Empty(t, heard(p, ambassador.Frozen))
		}
	}
}

// Two sides that cannot read each other do not answer each other for ever (AMB-LOG-18).
func TestAnswersStop(t *testing.T) {
	_, u, alice, bob := unluckyPair(t)
	u.flips = 1000
	require.NoError(t, alice.Send(bob.device.Account(), []byte("hello")))
	for range 5 {
		readBoth(t, alice, bob)
	}
	require.LessOrEqual(t, alice.device.Conversation(bob.device.Account()).Seq, uint64(3))
}

// The answer of the post office is lost, or the commit, or the commit comes later: the text is read once.
func TestLostCommits(t *testing.T) {
	for name, lose := range map[string]func(u *unlucky){
		"the answer": func(u *unlucky) { u.losesOut = 1 },
		"the commit": func(u *unlucky) { u.losesIn = 1 },
		"both":       func(u *unlucky) { u.losesIn, u.losesOut = 1, 1 },
	} {
		_, u, alice, bob := unluckyPair(t)
		lose(u)
		require.NoError(t, alice.Send(bob.device.Account(), []byte("hello")), name)
		for _, commit := range u.late { // AMB-PST-16
			require.ErrorIs(t, u.Append(commit), refusal.Duplicate, name)
		}
		readBoth(t, bob, alice)
		require.Equal(t, []string{"hello"}, heard(bob, ambassador.Message), name)
		require.NoError(t, bob.Send(alice.device.Account(), []byte("answer")), name)
		readBoth(t, bob, alice)
		require.Equal(t, []string{"answer"}, heard(alice, ambassador.Message), name)
	}
}

// A device that was set back after a commit that never arrived learns it, because the number was announced
// (AMB-SYN-11, AMB-SYN-16): it seals nothing under a key that has left it before.
func TestSetBackAfterLostCommit(t *testing.T) {
	w, u, alice, bob := unluckyPair(t)
	older := alice.device.Export()
	u.losesIn = 1
	bundle, err := u.Bundle(bob.device.Account())
	require.NoError(t, err)
	commit, err := alice.device.Send(bob.device.Account(), []byte("lost"), bundle, w.rand())
	require.NoError(t, err)
	_, err = u.Announce(alice.device.Account(), alice.device.ID(), 2)
	require.NoError(t, err)
	require.ErrorIs(t, u.Append(commit), errLost)
	setBack, err := ambassador.Import(older)
	require.NoError(t, err)
	c := client.New(setBack, u, w.rand())
	require.ErrorIs(t, c.Send(bob.device.Account(), []byte("again")), refusal.NotReady)
}

// A stale commit that is sent on purpose keeps no place, and nothing keeps a rotation back (AMB-PST-14, AMB-PST-15).
func TestPlacesCannotBeHeld(t *testing.T) {
	w, alice, bob := talking(t)
	a, b := alice.device.Account(), bob.device.Account()
	stale := func() {
		commit, err := bob.device.Send(a, []byte("x"), nil, w.rand())
		require.NoError(t, err)
		m := &postoffice.Commit{}
		require.NoError(t, codec.Decode(commit, m))
		e, err := conversation.ParseEntry(m.Entry)
		require.NoError(t, err)
		e.Seq += 7
		m.Entry = codec.MustEncode(e)
		require.ErrorIs(t, w.office.Append(codec.MustEncode(m)), refusal.Conflict)
		bob.device.PostOfficeRefused()
	}
	for range 3 {
		stale()
		commit, err := alice.device.Send(b, []byte("please"), nil, w.rand())
		require.NoError(t, err)
		require.NoError(t, w.office.Append(commit))
		readBoth(t, alice, bob)
	}
	for range 3 {
		stale()
		commit, err := alice.device.Rotate(ambassador.Change{}, w.rand())
		require.NoError(t, err)
		require.NoError(t, bob.Send(a, []byte("moves the log")))
		stranger := w.user(1)[0]
		require.NoError(t, stranger.Send(a, []byte("opens a log")))
		require.NoError(t, w.office.Append(commit))
		readBoth(t, alice, bob)
		require.NoError(t, bob.Send(a, []byte("goes on")))
		readBoth(t, alice, bob)
	}
}

// Who has lost a place to the other account has the next, and nobody has two in a row while the other waits
// (AMB-PST-14).
func TestPlacesAlternate(t *testing.T) {
	w, alice, bob := talking(t)
	a, b := alice.device.Account(), bob.device.Account()
	make := func(p *person, to account.ID) []byte {
		commit, err := p.device.Send(to, []byte("text"), nil, w.rand())
		require.NoError(t, err)
		return commit
	}
	for round := range 4 {
		first, second := make(alice, b), make(bob, a)
		require.NoError(t, w.office.Append(first), round)
		require.ErrorIs(t, w.office.Append(second), refusal.Conflict, round)
		bob.device.PostOfficeRefused()
		require.NoError(t, alice.Sync())
		again := make(alice, b)
		require.ErrorIs(t, w.office.Append(again), refusal.Conflict, "the place is bob's")
		alice.device.PostOfficeRefused()
		require.NoError(t, bob.Sync())
		require.NoError(t, w.office.Append(make(bob, a)))
		require.NoError(t, bob.Sync())
		again = make(bob, a)
		require.ErrorIs(t, w.office.Append(again), refusal.Conflict, "alice waits")
		bob.device.PostOfficeRefused()
		require.NoError(t, alice.Sync())
		require.NoError(t, w.office.Append(make(alice, b)), round)
		require.NoError(t, alice.Sync())
		require.NoError(t, bob.Sync())
		require.NoError(t, w.office.Append(make(bob, a)), "bob waits")
		require.NoError(t, bob.Sync())
		require.NoError(t, alice.Sync())
	}
}

// Who is overtaken by several entries at once has the next place too (AMB-PST-14).
func TestOvertakenTwice(t *testing.T) {
	w, alice, bob := talking(t)
	a, b := alice.device.Account(), bob.device.Account()
	late, err := alice.device.Send(b, []byte("late"), nil, w.rand())
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, bob.Send(a, []byte("overtakes")))
	}
	require.ErrorIs(t, w.office.Append(late), refusal.Conflict)
	alice.device.PostOfficeRefused()
	commit, err := bob.device.Send(a, []byte("again"), nil, w.rand())
	require.NoError(t, err)
	require.ErrorIs(t, w.office.Append(commit), refusal.Conflict)
	bob.device.PostOfficeRefused()
	require.NoError(t, alice.Send(b, []byte("late")))
}

// shuffled is a network that repeats and holds back mails.
type shuffled struct {
	*postoffice.Office
	change func(mails [][]byte) [][]byte // of the next answer, or nil
}

func (s *shuffled) Fetch(id account.ID, device account.DeviceID, from uint64) (postoffice.Mailbox, error) {
	box, err := s.Office.Fetch(id, device, from)
	if s.change != nil && len(box.Mails) > 1 {
		box.Mails, s.change = s.change(box.Mails), nil
	}
	return box, err
}

// Mails that come twice, late or in another order are read once and in order.
func TestMailsOutOfOrder(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(mails [][]byte) [][]byte
		missing bool
	}{
		"twice":    {func(m [][]byte) [][]byte { return slices.Concat(m[:1], m) }, false},
		"all":      {func(m [][]byte) [][]byte { return slices.Concat(m, m) }, false},
		"backward": {func(m [][]byte) [][]byte { return [][]byte{m[1], m[0]} }, true},
		"a gap":    {func(m [][]byte) [][]byte { return m[1:] }, true},
	} {
		w := newWorld(t)
		network := &shuffled{Office: w.office}
		alice, bob := w.user(1)[0], w.hear(client.Register(network, w.rand()))
		for _, text := range []string{"one", "two"} {
			require.NoError(t, alice.Send(bob.device.Account(), []byte(text)))
		}
		network.change = c.change
		if err := bob.Sync(); c.missing {
			require.ErrorIs(t, err, client.ErrMissing, name)
		} else {
			require.NoError(t, err, name)
		}
		require.NoError(t, bob.Sync(), name)
		require.Equal(t, []string{"one", "two"}, heard(bob, ambassador.Message), name)
		require.NoError(t, bob.Send(alice.device.Account(), []byte("answer")))
		readBoth(t, alice, bob)
		require.Equal(t, []string{"answer"}, heard(alice, ambassador.Message), name)
	}
}

// Siblings that race do not keep a place from the counterparty, which would tell that there are two (AMB-INV-23).
func TestRacesOfSiblingsAreNotSeen(t *testing.T) {
	for devices := 1; devices <= 3; devices++ {
		w := newWorld(t)
		alice, bob := w.user(devices), w.user(1)
		a, b := alice[0].device.Account(), bob[0].device.Account()
		require.NoError(t, alice[0].Send(b, []byte("hi")))
		readAll(t, alice, bob)
		require.NoError(t, bob[0].Send(a, []byte("yo")))
		readAll(t, alice, bob)
		for i, p := range alice {
			commit, err := p.device.Send(b, []byte("race"), nil, w.rand())
			require.NoError(t, err)
			err = w.office.Append(commit)
			require.Equal(t, i == 0, err == nil)
			if err != nil {
				p.device.PostOfficeRefused()
			}
		}
		readAll(t, bob)
		commit, err := bob[0].device.Send(a, []byte("next"), nil, w.rand())
		require.NoError(t, err)
		require.NoError(t, w.office.Append(commit), "%d devices", devices)
	}
}

// A leader that makes a refused rotation anew signs another epoch (AMB-ROT-14), and the first one tells nothing
// (AMB-ACC-10).
func TestEpochsAreSignedOnce(t *testing.T) {
	w := newWorld(t)
	alice := w.user(1)[0]
	seen := map[uint32]bool{}
	for range 3 {
		commit, err := alice.device.Rotate(ambassador.Change{}, w.rand())
		require.NoError(t, err)
		alice.device.PostOfficeRefused()
		m := &postoffice.Commit{}
		require.NoError(t, codec.Decode(commit, m))
		require.False(t, seen[m.Rotation.Statement.Epoch])
		seen[m.Rotation.Statement.Epoch] = true
		imported, err := ambassador.Import(alice.device.Export())
		require.NoError(t, err)
		_, err = imported.CaughtUp(1000)
		require.Error(t, err)
	}
	require.NoError(t, alice.Rotate(ambassador.Change{}))
	require.NotEqual(t, alice.device.Epoch(), w.user(1)[0].device.Epoch())
}

// A fork that a post office has kept alive ends for both devices as soon as one hears of the other, however late
// (AMB-SYN-17, AMB-SYN-18).
func TestForksEnd(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.user(2), w.user(1)
	a, b := alice[0].device.Account(), bob[0].device.Account()
	require.NoError(t, alice[0].Send(b, []byte("hi")))
	readAll(t, alice, bob)
	box, err := w.office.Fetch(a, alice[1].device.ID(), 1)
	require.NoError(t, err)
	read := len(box.Mails)
	require.NoError(t, bob[0].Send(a, []byte("yo")))
	box, err = w.office.Fetch(a, alice[1].device.ID(), 1)
	require.NoError(t, err)
	m := &postoffice.Mail{}
	require.NoError(t, codec.Decode(box.Mails[read], m))
	m.Entry[len(m.Entry)-1] ^= 1 // the second device gets another entry
	_, err = alice[1].device.Receive(codec.MustEncode(m))
	require.NoError(t, err)
	require.NoError(t, alice[0].Sync())
	for i := range 5 { // and goes on for a while
		require.NoError(t, bob[0].Send(a, []byte(fmt.Sprint(i))))
	}
	require.NoError(t, alice[0].Sync())
	ack, err := alice[1].device.Ack(w.rand())
	require.NoError(t, err)
	require.NoError(t, w.office.Append(ack))
	require.NoError(t, alice[0].Sync())
	require.NotEmpty(t, alice[0].device.Problem(b), "the first device hears of it")
	box, err = w.office.Fetch(a, alice[1].device.ID(), uint64(read)+2)
	require.NoError(t, err)
	for _, mail := range box.Mails {
		_, err := alice[1].device.Receive(mail)
		require.NoError(t, err)
	}
	require.NotEmpty(t, alice[1].device.Problem(b), "and the second one too")
}
