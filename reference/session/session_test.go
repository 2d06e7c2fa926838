package session_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/session"
	"credence/spec/refusal"
)

func Example() {
	bob, err := session.New(params.AmbassadorV1, session.Options{OneTimePrekeys: 10}, rand.Reader)
	if err != nil {
		panic(err)
	}
	alice, err := session.New(params.AmbassadorV1, session.Options{}, rand.Reader)
	if err != nil {
		panic(err)
	}
	if err := alice.Initiate("bob", bob.Bundle(), rand.Reader); err != nil {
		panic(err)
	}
	message, err := alice.Encrypt("bob", []byte("hello"), rand.Reader)
	if err != nil {
		panic(err)
	}
	plaintext, err := bob.Respond("alice", message.Body, rand.Reader)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", plaintext)
	// Output: hello
}

// seeded returns randomness that depends on the seed alone.
func seeded(seed uint64) *mathrand.ChaCha8 {
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	return mathrand.NewChaCha8(s)
}

// mail is a message under way.
type mail struct {
	envelope  session.Envelope
	plaintext string
	chain     primitive.PublicKey // ratchet key that it was sent under
	read      bool
}

// end is one party of a conversation.
type end struct {
	*session.Party
	peer    string
	inbox   []*mail
	started bool
	opened  []primitive.PublicKey // ratchet keys under which something was read, in that order
	chain   primitive.PublicKey   // ratchet key of the last message sent
	inChain int                   // messages sent under it
}

// conversation is a state machine: two parties and a network that delays, loses, repeats and forges.
type conversation struct {
	set  *params.Set
	ends [2]*end
	rand *mathrand.ChaCha8
	sent int
}

func newConversation(t *rapid.T) *conversation {
	set := rapid.SampledFrom(params.Sets()).Draw(t, "set")
	c := &conversation{set: set, rand: seeded(rapid.Uint64().Draw(t, "seed"))}
	bob, err := session.New(set, session.Options{OneTimePrekeys: 1}, c.rand)
	require.NoError(t, err)
	alice, err := session.New(set, session.Options{}, c.rand)
	require.NoError(t, err)
	require.NoError(t, alice.Initiate("bob", bob.Bundle(), c.rand))
	c.ends = [2]*end{{Party: alice, peer: "bob", started: true}, {Party: bob, peer: "alice"}}
	if set.Start == params.Whisper {
		c.ends[0].opened = []primitive.PublicKey{{}} // the chain of the signed prekey takes a place (SPEC.md 5.2)
	}
	return c
}

func (c *conversation) drawEnd(t *rapid.T) (i int, e *end) {
	i = rapid.IntRange(0, 1).Draw(t, "end")
	return i, c.ends[i]
}

func (c *conversation) send(t *rapid.T) {
	i, e := c.drawEnd(t)
	if !e.started {
		t.Skip("no session yet")
	}
	if e.inChain == c.set.MaxStored {
		t.Skip("one more, and keys could be dropped for the limit on stored keys")
	}
	plaintext := fmt.Sprintf("message %d", c.sent)
	c.sent++
	envelope, err := e.Encrypt(e.peer, []byte(plaintext), c.rand)
	require.NoError(t, err)
	e.countSent(t)
	c.ends[1-i].inbox = append(c.ends[1-i].inbox, &mail{envelope: envelope, plaintext: plaintext, chain: e.chain})
}

func (e *end) countSent(t *rapid.T) {
	s, err := e.State(e.peer)
	require.NoError(t, err)
	if chain := primitive.Public(s.DHs); chain != e.chain {
		e.chain, e.inChain = chain, 0
	}
	e.inChain++
}

// keeps reports whether the set still keeps the chain of a message that was not read (AMB-RAT-12, AMB-RAT-23).
func (e *end) keeps(set *params.Set, m *mail) bool {
	i := slices.Index(e.opened, m.chain)
	return i < 0 || set.MaxChains == 0 || len(e.opened)-i <= set.MaxChains
}

func (e *end) open(envelope session.Envelope, rand *mathrand.ChaCha8) ([]byte, error) {
	if !e.started && envelope.Initial {
		return e.Respond(e.peer, envelope.Body, rand)
	}
	return e.Decrypt(e.peer, envelope, rand)
}

func (c *conversation) deliver(t *rapid.T) {
	_, e := c.drawEnd(t)
	if len(e.inbox) == 0 {
		t.Skip("empty")
	}
	c.read(t, e, e.inbox[rapid.IntRange(max(0, len(e.inbox)-8), len(e.inbox)-1).Draw(t, "message")])
}

// read opens a message: it must return the plaintext once (AMB-RAT-10, AMB-RAT-25) and be refused ever after
// (AMB-RAT-11).
func (c *conversation) read(t *rapid.T, e *end, m *mail) {
	before := e.Export()
	plaintext, err := e.open(m.envelope, c.rand)
	if m.read || !e.keeps(c.set, m) {
		require.Error(t, err)
		require.Contains(t, []refusal.Class{refusal.Authentication, refusal.Duplicate}, refusal.Of(err), "%v", err)
		require.Equal(t, before, e.Export(), "a refusal changed the state")
		return
	}
	require.NoError(t, err)
	require.Equal(t, m.plaintext, string(plaintext))
	m.read, e.started = true, true
	if !slices.Contains(e.opened, m.chain) {
		e.opened = append(e.opened, m.chain)
	}
}

// readRest delivers what is still under way, oldest first.
func (c *conversation) readRest(t *rapid.T) {
	for _, e := range c.ends {
		for _, m := range e.inbox {
			c.read(t, e, m)
		}
	}
}

// forge changes one byte of a message that was not read.
func (c *conversation) forge(t *rapid.T) {
	_, e := c.drawEnd(t)
	if len(e.inbox) == 0 || !e.started {
		t.Skip("nothing to forge")
	}
	m := e.inbox[rapid.IntRange(0, len(e.inbox)-1).Draw(t, "message")]
	if m.envelope.Initial {
		t.Skip("the wrapping is not authenticated in every set")
	}
	forged := bytes.Clone(m.envelope.Body)
	forged[rapid.IntRange(0, len(forged)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
	before := e.Export()
	_, err := e.Decrypt(e.peer, session.Envelope{Body: forged}, c.rand)
	require.Error(t, err)
	require.NotEmpty(t, refusal.Of(err), "%v", err)
	require.Equal(t, before, e.Export(), "a refusal changed the state")
}

// restart exports and imports a party.
func (c *conversation) restart(t *rapid.T) {
	_, e := c.drawEnd(t)
	exported := e.Export()
	imported, err := session.Import(exported)
	require.NoError(t, err)
	require.Equal(t, exported, imported.Export())
	e.Party = imported
}

// check is the invariant after every action: bounded state.
func (c *conversation) check(t *rapid.T) {
	for _, e := range c.ends {
		s, err := e.State(e.peer)
		require.Equal(t, e.started, err == nil, "%v", err)
		if !e.started {
			require.ErrorIs(t, err, refusal.NotReady)
			continue
		}
		stored := 0
		for _, chain := range s.Chains {
			stored += len(chain.Skipped)
			if s.Set.StoredPerChain {
				require.LessOrEqual(t, len(chain.Skipped), s.Set.MaxStored)
			}
		}
		if !s.Set.StoredPerChain {
			require.LessOrEqual(t, stored, s.Set.MaxStored)
		}
		if s.Set.MaxChains > 0 {
			require.LessOrEqual(t, len(s.Chains), s.Set.MaxChains)
		}
	}
}

// Under any schedule every message is read exactly once while its key is kept, a refusal changes nothing, the state
// stays within its bounds, and a restart loses nothing.
func TestConversation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newConversation(t)
		t.Repeat(map[string]func(*rapid.T){
			"send": c.send, "deliver": c.deliver, "forge": c.forge, "restart": c.restart, "": c.check,
		})
		c.readRest(t)
	})
}

func TestImportRefuses(t *testing.T) {
	p, err := session.New(params.SignalV3, session.Options{OneTimePrekeys: 1}, seeded(1))
	require.NoError(t, err)
	good := p.Export()
	for name, bad := range map[string][]byte{
		"empty":         nil,
		"not json":      []byte("{"),
		"trailing":      append(bytes.Clone(good), '1'),
		"unknown field": bytes.Replace(good, []byte(`"set"`), []byte(`"sets"`), 1),
		"unknown set":   bytes.Replace(good, []byte("signal-v3"), []byte("signal-v9"), 1),
		"no identity":   bytes.Replace(good, []byte(`"identity":"`), []byte(`"identity":"AA==","x":"`), 1),
	} {
		_, err := session.Import(bad)
		require.ErrorIs(t, err, refusal.Malformed, name)
	}
}

func TestRandomnessFails(t *testing.T) {
	for _, set := range params.Sets() {
		for n := range 160 {
			_, err := session.New(set, session.Options{OneTimePrekeys: 2}, bytes.NewReader(make([]byte, n)))
			if err == nil {
				break // enough for the set
			}
			require.Empty(t, refusal.Of(err), "an error of the reader is no refusal")
		}
	}
}
