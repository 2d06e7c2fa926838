package conversation_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/spec/refusal"
)

// side is an account in a conversation: what each of its devices has.
type side struct {
	conversation.Conversation
	keys   *account.EpochKeys
	bundle *account.Bundle
}

func newSide(t *testing.T) *side {
	t.Helper()
	k, err := account.GenerateKey(rand.Reader)
	require.NoError(t, err)
	keys, p, err := account.NewEpoch(k, 1, rand.Reader)
	require.NoError(t, err)
	return &side{keys: keys, bundle: &account.Bundle{
		Statement: keys.Statement, SignedPrekeyID: p.SignedPrekeyID, SignedPrekey: p.SignedPrekey,
		PrekeySignature: p.PrekeySignature, OneTimePrekeyID: p.FirstOneTimeID, OneTimePrekey: p.OneTimePrekeys[0],
	}}
}

func newPair(t *testing.T) (alice, bob *side) {
	t.Helper()
	alice, bob = newSide(t), newSide(t)
	a, b := alice.bundle.Statement.Account, bob.bundle.Statement.Account
	alice.Conversation, bob.Conversation = conversation.New(a, b), conversation.New(b, a)
	return alice, bob
}

func parse(t *testing.T, encoded []byte) *conversation.Entry {
	t.Helper()
	e, err := conversation.ParseEntry(encoded)
	require.NoError(t, err)
	return e
}

// start lets s send the first entry to the owner of a bundle.
func (s *side) start(t *testing.T, to *side, text string) *conversation.Outgoing {
	t.Helper()
	o, err := s.Start(s.keys, to.bundle, []byte(text), rand.Reader)
	require.NoError(t, err)
	s.Conversation = o.Next
	return o
}

func (s *side) send(t *testing.T, text string) *conversation.Outgoing {
	t.Helper()
	o, err := s.Send([]byte(text), rand.Reader)
	require.NoError(t, err)
	s.Conversation = o.Next
	return o
}

func (s *side) reads(t *testing.T, encoded []byte, text string) {
	t.Helper()
	e := parse(t, encoded)
	require.NoError(t, s.Follows(e))
	next, reading, err := s.Receive(s.keys, e, encoded)
	require.NoError(t, err)
	require.Equal(t, text, string(reading.Text))
	s.Conversation = next
}

// Both sides read each other, with one log (AMB-LOG-01, AMB-LOG-02) and a ratchet key for each message (AMB-LOG-04).
func TestConversation(t *testing.T) {
	alice, bob := newPair(t)
	require.True(t, alice.NeedsStart(nil))
	bob.reads(t, alice.start(t, bob, "hello").Entry, "hello")
	require.False(t, alice.NeedsStart(bob.bundle))
	require.False(t, bob.NeedsStart(nil))
	head := conversation.FirstHead(alice.Own, bob.Own)
	require.Equal(t, head, conversation.FirstHead(bob.Own, alice.Own))
	keys := map[string]bool{}
	for i := range 3 {
		entry := bob.send(t, "answer").Entry
		keys[string(bob.Session.DHs.Bytes())] = true
		alice.reads(t, entry, "answer")
		bob.reads(t, alice.send(t, "again").Entry, "again")
		require.Equal(t, uint64(2*i+3), alice.Seq)
		require.Equal(t, alice.Head, bob.Head)
	}
	require.Len(t, keys, 3)
}

// AMB-LOG-01 and AMB-LOG-02: what is hashed.
func TestHeads(t *testing.T) {
	small, large := account.ID{1}, account.ID{2}
	first := sha256.Sum256(bytes.Join([][]byte{[]byte("ambassador-v1 log"), small[:], large[:]}, nil))
	require.Equal(t, first, conversation.FirstHead(small, large))
	require.Equal(t, first, conversation.FirstHead(large, small))
	require.Equal(t, first, conversation.New(large, small).Head)
	previous := [32]byte{1}
	want := sha256.Sum256(bytes.Join([][]byte{[]byte("ambassador-v1 entry"), previous[:], []byte("entry")}, nil))
	require.Equal(t, want, conversation.NextHead(previous, []byte("entry")))
}

// A sibling follows the starts and the messages of the device that sends (AMB-LOG-06), and only with its record.
func TestFollow(t *testing.T) {
	alice, bob := newPair(t)
	sibling := alice.Conversation
	follow := func(o *conversation.Outgoing, text string) {
		e := parse(t, o.Entry)
		for name, change := range map[string]func(*channel.Sent){
			"ratchet key": func(s *channel.Sent) { s.RatchetPrivate[5] ^= 1 },
			"head":        func(s *channel.Sent) { s.Head[0] ^= 1 },
			"digest":      func(s *channel.Sent) { s.Digest[0] ^= 1 },
		} {
			sent := o.Sent
			change(&sent)
			next, _, err := sibling.Follow(&alice.keys.Statement, e, o.Entry, &sent)
			require.ErrorIs(t, err, refusal.Authentication, name)
			require.Equal(t, sibling.Digest(), next.Digest(), name)
		}
		next, plaintext, err := sibling.Follow(&alice.keys.Statement, e, o.Entry, &o.Sent)
		require.NoError(t, err)
		require.Equal(t, text, string(plaintext))
		sibling = next
		require.Equal(t, alice.Digest(), sibling.Digest())
	}
	start := alice.start(t, bob, "hello")
	follow(start, "hello")
	bob.reads(t, start.Entry, "hello")
	message := alice.send(t, "more")
	secret := message.Sent
	secret.Secret, secret.Bundle = start.Sent.Secret, start.Sent.Bundle
	_, _, err := sibling.Follow(&alice.keys.Statement, parse(t, message.Entry), message.Entry, &secret)
	require.ErrorIs(t, err, refusal.Authentication, "a record of a start for a message")
	follow(message, "more")
	require.NotEqual(t, bob.Digest(), sibling.Digest())
}

// The receiver keeps its state until the entry is accepted (AMB-LOG-09).
func TestSendLeavesTheOldOne(t *testing.T) {
	alice, bob := newPair(t)
	before := alice.Digest()
	_, err := alice.Start(alice.keys, bob.bundle, []byte("lost"), rand.Reader)
	require.NoError(t, err)
	require.Equal(t, before, alice.Digest())
	bob.reads(t, alice.start(t, bob, "hello").Entry, "hello")
	before = bob.Digest()
	_, err = bob.Send([]byte("lost"), rand.Reader)
	require.NoError(t, err)
	require.Equal(t, before, bob.Digest())
}

// AMB-LOG-07: an entry follows the last one of the same history.
func TestFollows(t *testing.T) {
	alice, bob := newPair(t)
	first := alice.start(t, bob, "hello")
	e := parse(t, first.Entry)
	other := newSide(t)
	require.NoError(t, bob.Follows(e))
	require.ErrorIs(t, conversation.New(other.bundle.Statement.Account, alice.Own).Follows(e), refusal.NotAllowed)
	second := parse(t, alice.send(t, "more").Entry)
	require.ErrorIs(t, bob.Follows(second), refusal.NotReady)
	bob.reads(t, first.Entry, "hello")
	require.ErrorIs(t, bob.Follows(e), refusal.Duplicate)
	require.NoError(t, bob.Follows(second))
	second.Previous[0] ^= 1
	require.ErrorIs(t, bob.Follows(second), refusal.Conflict)
}

// An entry that cannot be read is void: it moves the log and nothing else (AMB-LOG-08).
func TestVoid(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*conversation.Entry)
		class  refusal.Class
	}{
		"message":       {func(e *conversation.Entry) { e.Message[57] ^= 1 }, refusal.Authentication},
		"place":         {func(e *conversation.Entry) { e.Previous[0] ^= 1 }, refusal.Authentication}, // AMB-LOG-05
		"statement":     {func(e *conversation.Entry) { e.Start.Statement.Signature[0] ^= 1 }, refusal.BadSignature},
		"own epoch":     {func(e *conversation.Entry) { e.RecipientEpoch++ }, refusal.StaleEpoch},
		"signed prekey": {func(e *conversation.Entry) { e.Start.SignedPrekeyID++ }, refusal.UnknownPrekey},
		"one-time key": {
			func(e *conversation.Entry) { e.Start.OneTimePrekeyID += account.Batch }, refusal.UnknownPrekey,
		},
		"ephemeral": {func(e *conversation.Entry) { e.Start.Ephemeral = [32]byte{} }, refusal.LowOrderKey},
	} {
		alice, bob := newPair(t)
		e := parse(t, alice.start(t, bob, "hello").Entry)
		c.change(e)
		encoded := codec.MustEncode(e)
		next, reading, err := bob.Receive(bob.keys, e, encoded)
		require.ErrorIs(t, err, c.class, name)
		require.Empty(t, reading, name)
		want := bob.Conversation
		want.Seq, want.Head = 1, conversation.NextHead(want.Head, encoded)
		want.Reports = conversation.Reports{Unread: []channel.Range{{First: e.Seq, Last: e.Seq}}, Doubt: true}
		require.Equal(t, want, next, name)
	}
}

// A start takes the place of a session that is not settled (AMB-LOG-14); under a settled one it is void (AMB-LOG-13).
// A message without a session is void.
func TestSecondStart(t *testing.T) {
	alice, bob := newPair(t)
	bob.reads(t, alice.start(t, bob, "hello").Entry, "hello")
	bob.reads(t, alice.start(t, bob, "hello again").Entry, "hello again")
	alice.reads(t, bob.send(t, "answer").Entry, "answer")
	require.True(t, alice.Settled)
	bob.reads(t, alice.send(t, "more").Entry, "more")
	require.True(t, bob.Settled)
	second := alice.start(t, bob, "hello again").Entry
	_, _, err := bob.Receive(bob.keys, parse(t, second), second)
	require.ErrorIs(t, err, refusal.NotAllowed)
	bob.Conversation = bob.Cut()
	message := alice.send(t, "more").Entry
	_, _, err = bob.Receive(bob.keys, parse(t, message), message)
	require.ErrorIs(t, err, refusal.NotReady)
}

// A message of another epoch than the session's is void, and says so.
func TestMessageOfAnotherEpoch(t *testing.T) {
	alice, bob := newPair(t)
	bob.reads(t, alice.start(t, bob, "hello").Entry, "hello")
	e := parse(t, alice.send(t, "more").Entry)
	e.SenderEpoch++
	_, reading, err := bob.Receive(bob.keys, e, codec.MustEncode(e))
	require.ErrorIs(t, err, refusal.StaleEpoch)
	require.Empty(t, reading)
}

// AMB-ROT-05: the log goes on where the session ends, and the next entry is a start.
func TestCut(t *testing.T) {
	alice, bob := newPair(t)
	bob.reads(t, alice.start(t, bob, "hello").Entry, "hello")
	seq, head := bob.Seq, bob.Head
	bob.Conversation = bob.Cut()
	require.Equal(t, seq, bob.Seq)
	require.Equal(t, head, bob.Head)
	require.Nil(t, bob.Session)
	require.True(t, bob.NeedsStart(nil))
	_, err := bob.Send(nil, rand.Reader)
	require.ErrorIs(t, err, refusal.NotReady)
}

// AMB-ACC-05, AMB-ACC-06 and AMB-ACC-09.
func TestCheckBundle(t *testing.T) {
	alice, bob := newPair(t)
	require.NoError(t, alice.CheckBundle(bob.bundle))
	require.ErrorIs(t, alice.CheckBundle(alice.bundle), refusal.NotAllowed)
	bob.bundle.SignedPrekeyID = 2 // not signed: the id is the post office's word
	alice.start(t, bob, "hello")
	for name, c := range map[string]struct {
		change func(*account.Bundle)
		class  refusal.Class
	}{
		"account":        {func(b *account.Bundle) { *b = *alice.bundle }, refusal.NotAllowed},
		"statement":      {func(b *account.Bundle) { b.Statement.Signature[0] ^= 1 }, refusal.BadSignature},
		"older prekey":   {func(b *account.Bundle) { b.SignedPrekeyID = 1 }, refusal.StaleEpoch},
		"ambassador key": {func(b *account.Bundle) { b.Statement.AmbassadorKey[0] ^= 1 }, refusal.BadSignature},
	} {
		b := *bob.bundle
		c.change(&b)
		require.ErrorIs(t, alice.CheckBundle(&b), c.class, name)
		before := alice.Digest()
		_, err := alice.Start(alice.keys, &b, nil, rand.Reader)
		require.ErrorIs(t, err, c.class, name)
		require.Equal(t, before, alice.Digest())
	}
}

// A newer epoch of the peer asks for a start; an older one, and another key for a known one, are refused.
func TestEpochs(t *testing.T) {
	k, err := account.GenerateKey(rand.Reader)
	require.NoError(t, err)
	epoch := func(n uint32) *account.Bundle {
		keys, p, err := account.NewEpoch(k, n, rand.Reader)
		require.NoError(t, err)
		return &account.Bundle{
			Statement: keys.Statement, SignedPrekeyID: 1, SignedPrekey: p.SignedPrekey,
			PrekeySignature: p.PrekeySignature,
		}
	}
	alice, first, second := newSide(t), epoch(1), epoch(2)
	alice.Conversation = conversation.New(alice.bundle.Statement.Account, account.IDOf(k))
	alice.start(t, &side{bundle: first}, "one")
	require.ErrorIs(t, alice.CheckBundle(epoch(1)), refusal.NotAllowed) // AMB-ACC-09
	require.True(t, alice.NeedsStart(second))
	alice.start(t, &side{bundle: second}, "two")
	require.False(t, alice.NeedsStart(first))
	require.ErrorIs(t, alice.CheckBundle(first), refusal.StaleEpoch) // AMB-ACC-06
}

// Entries of both kinds come back from their encoding; their context ends before the message (AMB-LOG-05).
func TestEntries(t *testing.T) {
	alice, bob := newPair(t)
	start := alice.start(t, bob, "hello").Entry
	bob.reads(t, start, "hello")
	for _, encoded := range [][]byte{start, bob.send(t, "answer").Entry} {
		e := parse(t, encoded)
		require.Equal(t, encoded, codec.MustEncode(e))
		require.Equal(t, encoded[:len(encoded)-3-len(e.Message)], e.Context())
		require.Equal(t, alice.Own, e.Peer(bob.Own))
		require.Equal(t, bob.Own, e.Peer(alice.Own))
		again := parse(t, encoded)
		require.Empty(t, cmp.Diff(e, again))
		for n := range encoded {
			_, err := conversation.ParseEntry(encoded[:n])
			require.ErrorIs(t, err, refusal.Malformed, "%d bytes", n)
		}
	}
	e := parse(t, start)
	e.Recipient = e.Sender
	_, err := codec.Encode(e)
	require.ErrorIs(t, err, refusal.Malformed)
}
