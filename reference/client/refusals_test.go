package client_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// stubborn is a post office that refuses commits, or answers nothing, and counts what it is asked. A client that asks
// for ever fails the test.
type stubborn struct {
	t *testing.T
	*postoffice.Office
	refuses  error  // of commits, or nil
	times    int    // so many, and then no more; below 0 is for ever
	announce error  // of announcements, or nil
	highest  uint64 // number of a device that it has seen before the first announcement
	fetch    error
	commits  []*postoffice.Commit
	asked    map[string]int
}

func (s *stubborn) count(what string) {
	const most = 1000
	s.asked[what]++
	require.Less(s.t, s.asked[what], most, "the client asks for ever: %s", what)
}

func (s *stubborn) Append(commit []byte) error {
	s.count("append")
	m := &postoffice.Commit{}
	if err := codec.Decode(commit, m); err != nil {
		return err
	}
	s.commits = append(s.commits, m)
	if s.refuses != nil && s.times != 0 {
		s.times--
		return fmt.Errorf("%w: because", s.refuses)
	}
	return s.Office.Append(commit)
}

func (s *stubborn) Announce(id account.ID, device account.DeviceID, number uint64) (uint64, error) {
	s.count("announce")
	if s.announce != nil {
		return 0, s.announce
	}
	highest, err := s.Office.Announce(id, device, number)
	return max(highest, s.highest), err
}

func (s *stubborn) Fetch(id account.ID, device account.DeviceID, from uint64) (postoffice.Mailbox, error) {
	s.count("fetch")
	if s.fetch != nil {
		return postoffice.Mailbox{}, s.fetch
	}
	box, err := s.Office.Fetch(id, device, from)
	if s.asked["announce"] > 0 {
		box.Commits = max(box.Commits, s.highest)
	}
	return box, err
}

func (s *stubborn) Bundle(id account.ID) ([]byte, error) {
	s.count("bundle")
	return s.Office.Bundle(id)
}

// stubbornPair is a leader and a companion around a post office that will be stubborn, with a conversation, and a peer.
func stubbornPair(t *testing.T) (s *stubborn, leader, companion, peer *person) {
	t.Helper()
	w := newWorld(t)
	s = &stubborn{t: t, Office: w.office, asked: map[string]int{}}
	leader = w.hear(client.Register(s, w.rand()))
	companion = w.hear(client.Link(leader.Client, s, w.rand()))
	peer = w.user(1)[0]
	require.NoError(t, leader.Send(peer.device.Account(), []byte("hi")))
	readBoth(t, leader, companion, peer)
	s.asked, s.commits = map[string]int{}, nil
	return s, leader, companion, peer
}

// attempts is how many commits a client makes of one thing at most.
const attempts = 16

// everything is what a client can commit.
var everything = map[string]func(leader *person, peer account.ID) error{
	"send":      func(p *person, peer account.ID) error { return p.Send(peer, []byte("text")) },
	"ack":       func(p *person, _ account.ID) error { return p.Ack() },
	"replenish": func(p *person, _ account.ID) error { return p.Replenish(1000) },
	"prepare":   func(p *person, _ account.ID) error { return p.Prepare(nil) },
	"rotate":    func(p *person, _ account.ID) error { return p.Rotate(ambassador.Change{}) },
}

// A refusal that another attempt may mend is met with one that is made anew, with the next number, after the mailbox
// was read (AMB-SYN-09); the others end it at once. Either way the client goes on when the post office does.
func TestRefusals(t *testing.T) {
	for _, class := range refusal.Classes() {
		again := map[refusal.Class]bool{
			refusal.Conflict: true, refusal.StaleEpoch: true, refusal.WrongDevices: true, refusal.UnknownPrekey: true,
		}[class]
		for name, do := range everything {
			s, leader, companion, peer := stubbornPair(t)
			s.refuses, s.times = class, 2
			err := do(leader, peer.device.Account())
			if !again {
				require.ErrorIs(t, err, class, name)
				require.Len(t, s.commits, 1, "%s: %s", name, class)
				s.times = 0
				require.NoError(t, do(leader, peer.device.Account()), "%s: %s", name, class)
			} else {
				require.NoError(t, err, "%s: %s", name, class)
				require.GreaterOrEqual(t, len(s.commits), 3)
			}
			ascending(t, s.commits, name)
			require.Empty(t, heard(leader, ambassador.Dropped), "%s: what was refused is not lost", name)
			readBoth(t, leader, companion, peer)
			require.NoError(t, peer.Send(leader.device.Account(), []byte("goes on")))
			readBoth(t, leader, companion, peer)
			require.Contains(t, leader.read, "message:goes on", "%s: %s", name, class)
		}
	}
}

// ascending requires that no number is used twice (AMB-PST-02), and that a rotation that is made anew has another epoch
// (AMB-ROT-14).
func ascending(t *testing.T, commits []*postoffice.Commit, name string) {
	t.Helper()
	last, epoch := map[account.DeviceID]uint64{}, uint32(0)
	for _, m := range commits {
		require.Greater(t, m.Number, last[m.Device], name)
		last[m.Device] = m.Number
		if m.Kind == postoffice.KindRotate {
			require.Greater(t, m.Rotation.List.Epoch, epoch, name)
			epoch = m.Rotation.List.Epoch
		}
	}
}

// A post office that refuses for ever, whatever the reason, is given up on.
func TestRefusedForEver(t *testing.T) {
	for _, class := range refusal.Classes() {
		for name, do := range everything {
			s, leader, _, peer := stubbornPair(t)
			s.refuses, s.times = class, -1
			require.ErrorIs(t, do(leader, peer.device.Account()), class, name)
			require.LessOrEqual(t, len(s.commits), attempts, "%s: %s", name, class)
			require.LessOrEqual(t, s.asked["announce"], attempts)
			require.LessOrEqual(t, s.asked["fetch"], 4*attempts)
			require.LessOrEqual(t, s.asked["bundle"], attempts)
		}
	}
}

// So is one that does not answer.
func TestNoAnswerForEver(t *testing.T) {
	lost := errors.New("connection lost")
	for what, set := range map[string]func(s *stubborn){
		"commits":       func(s *stubborn) { s.refuses, s.times = lost, -1 },
		"announcements": func(s *stubborn) { s.announce = lost },
		"mailboxes":     func(s *stubborn) { s.fetch = lost },
	} {
		for name, do := range everything {
			s, leader, _, peer := stubbornPair(t)
			set(s)
			require.ErrorIs(t, do(leader, peer.device.Account()), lost, "%s: %s", name, what)
			require.LessOrEqual(t, s.asked["append"], attempts, "%s: %s", name, what)
			require.LessOrEqual(t, s.asked["announce"], attempts, "%s: %s", name, what)
			require.LessOrEqual(t, s.asked["fetch"], 4*attempts, "%s: %s", name, what)
			s.refuses, s.announce, s.fetch = nil, nil, nil
			require.NoError(t, do(leader, peer.device.Account()), "%s: %s", name, what)
		}
	}
}

// A start is made anew with a fresh bundle when the prekeys or the epoch were refused, and with the one that there is
// when the place was.
func TestFreshBundles(t *testing.T) {
	for class, bundles := range map[refusal.Class]int{
		refusal.UnknownPrekey: 3, refusal.StaleEpoch: 3, refusal.Conflict: 3, refusal.WrongDevices: 3,
	} {
		w := newWorld(t)
		s := &stubborn{t: t, Office: w.office, asked: map[string]int{}}
		alice, bob := w.hear(client.Register(s, w.rand())), w.user(1)[0]
		s.refuses, s.times = class, 2
		require.NoError(t, alice.Send(bob.device.Account(), []byte("hi")))
		require.LessOrEqual(t, s.asked["bundle"], bundles, class)
		require.NoError(t, bob.Sync())
		require.Equal(t, []string{"message:hi"}, bob.read)
	}
}

// A commit is kept back when its number was announced before: somebody goes on from a copy of the device (AMB-SYN-16,
// AMB-SYN-11). Below and at the number it makes the difference.
func TestAnnouncedBefore(t *testing.T) {
	for above := range uint64(3) {
		for name, do := range everything {
			s, leader, _, peer := stubbornPair(t)
			box, err := s.Office.Fetch(leader.device.Account(), leader.device.ID(), 1)
			require.NoError(t, err)
			s.highest = box.Commits + above
			err = do(leader, peer.device.Account())
			if above == 0 {
				require.NoError(t, err, name)
				continue
			}
			require.ErrorIs(t, err, refusal.NotReady, name)
			require.Equal(t, 1, s.asked["announce"], name)
			require.Empty(t, s.commits, name)
			if above > 1 {
				require.ErrorIs(t, do(leader, peer.device.Account()), refusal.NotReady, name)
				require.Empty(t, s.commits, name)
			}
		}
	}
}

// The state is stored before the number is announced, and that before the commit (AMB-SYN-02, AMB-SYN-16).
func TestOrderOfACommit(t *testing.T) {
	for name, do := range everything {
		s, leader, _, peer := stubbornPair(t)
		var stored [][]byte
		leader.Persist = func(exported []byte) {
			require.Equal(t, len(stored), s.asked["announce"], name)
			require.Equal(t, len(stored), s.asked["append"], name)
			stored = append(stored, exported)
		}
		require.NoError(t, do(leader, peer.device.Account()), name)
		require.NotEmpty(t, stored, name)
		require.Equal(t, len(stored), s.asked["announce"], name)
		d, err := ambassador.Import(stored[0])
		require.NoError(t, err)
		require.Equal(t, leader.device.ID(), d.ID())
	}
}

// Prekeys are published when fewer are left than asked for, and not when there are as many.
func TestReplenishBelow(t *testing.T) {
	s, leader, _, _ := stubbornPair(t)
	box, err := s.Office.Fetch(leader.device.Account(), leader.device.ID(), 1)
	require.NoError(t, err)
	require.NoError(t, leader.Replenish(box.Prekeys))
	require.Empty(t, s.commits)
	require.NoError(t, leader.Replenish(box.Prekeys+1))
	require.Len(t, s.commits, 1)
}
