package session_test

import (
	"bytes"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/ratchet"
	"credence/reference/session"
	"credence/reference/wire"
	"credence/reference/x3dh"
	"credence/spec/refusal"
)

// A set that differs from a published one in its name and its strings only does everything that the published one does.
func TestSetTwins(t *testing.T) {
	for _, published := range params.Sets() {
		t.Run(published.Name, func(t *testing.T) {
			require.NoError(t, published.Validate())
			twin := renamed(published)
			record := converse(t, twin)
			require.Equal(t, record, converse(t, twin), "the record depends on the set alone")
			require.NotEqual(t, record, converse(t, published), "the strings take part in the keys")
		})
	}
}

func renamed(set *params.Set) *params.Set {
	s := *set
	s.Name = "twin"
	for _, text := range []*string{&s.AgreementInfo, &s.SignatureLabel, &s.RootInfo, &s.MessageInfo} {
		*text = "twin " + *text
	}
	return &s
}

// Every property of every set is taken from its own field: a set that differs in it alone can be used, and differs in
// what is sent, kept or refused. Where the other value cannot stand alone, the flip says why, and which others change
// with it.
func TestSetFlips(t *testing.T) {
	for _, published := range params.Sets() {
		for _, f := range flips() {
			t.Run(published.Name+"/"+f.property, func(t *testing.T) { f.test(t, published) })
		}
	}
}

func (f flip) test(t *testing.T, published *params.Set) {
	base, flipped := *published, *published
	base.Name, flipped.Name = "flipped", "flipped"
	if f.given != nil {
		f.given(&base)
		f.given(&flipped)
	}
	before := flipped
	f.change(&flipped)
	if fmt.Sprint(before) == fmt.Sprint(flipped) {
		t.Skip("the set has this value")
	}
	if err := flipped.Validate(); err != nil {
		require.ErrorIs(t, err, params.ErrInvalidSet)
		given := func(reason string) bool { return strings.Contains(err.Error(), reason) }
		require.True(t, slices.ContainsFunc(f.because, given), "%v is not in the table", err)
		require.NotNil(t, f.with)
		f.with(&flipped)
		f.with(&base) // so that the flip alone is left between the two, as far as it can be
		require.NoError(t, flipped.Validate())
	}
	record := converse(t, &flipped)
	if base.Validate() == nil {
		require.NotEqual(t, converse(t, &base), record, "nothing depends on the property")
	}
}

// dialogue is a conversation of two parties by a fixed schedule. Its record holds all that can be seen of it: the same
// set returns the same record, and a property that nobody asks for does not change it.
type dialogue struct {
	t          *testing.T
	set        *params.Set
	rand       *mathrand.ChaCha8
	alice, bob *session.Party
	record     bytes.Buffer
}

// letter is a message with what must be read in it.
type letter struct {
	session.Envelope
	plaintext string
}

func (d *dialogue) note(format string, values ...any) { fmt.Fprintf(&d.record, format+"\n", values...) }

// converse runs the whole schedule and returns the record.
func converse(t *testing.T, set *params.Set) string {
	t.Helper()
	d := &dialogue{t: t, set: set, rand: seeded(7)}
	d.start(ratchet.PerTurn)
	d.talk()
	d.limits()
	d.withoutOneTimePrekey()
	d.perMessage()
	d.bothStart()
	return d.record.String()
}

func (d *dialogue) party(o session.Options) *session.Party {
	p, err := session.New(d.set, o, d.rand)
	require.NoError(d.t, err)
	return p
}

// start lets the second message come first, repeats it as a start, and has both parties restarted.
func (d *dialogue) start(c ratchet.Cadence) {
	d.bob = d.party(session.Options{SignedPrekeyID: 5, OneTimePrekeys: 2, Cadence: c})
	d.alice = d.party(session.Options{RegistrationID: 11, Cadence: c, OneTimePrekeys: 1})
	b := d.bob.Bundle()
	d.note("bundle %x", b)
	require.NoError(d.t, d.alice.Initiate("bob", b, d.rand))
	first, second := d.send("alice"), d.send("alice")
	if c == ratchet.PerMessage { // whose transport keeps the order
		first, second = second, first
	}
	d.respond(second)
	d.read("bob", first)
	state, err := d.bob.State("alice")
	require.NoError(d.t, err)
	require.Equal(d.t, d.set.AssociatedData == params.FullAD, bytes.HasPrefix(state.AD, []byte(d.set.Name)))
	again, err := d.bob.Respond("another", second.Body, d.rand)
	require.Error(d.t, err, "%s", again)
	require.Contains(d.t, []refusal.Class{refusal.UnknownPrekey, refusal.Replay}, refusal.Of(err))
	d.restart()
}

func (d *dialogue) respond(l letter) {
	plaintext, err := d.bob.Respond("alice", l.Body, d.rand)
	require.NoError(d.t, err)
	require.Equal(d.t, l.plaintext, string(plaintext))
}

// send lets a party send to the other.
func (d *dialogue) send(from string) letter {
	p, to := d.alice, "bob"
	if from == "bob" {
		p, to = d.bob, "alice"
	}
	l := letter{plaintext: fmt.Sprintf("%s says %d", from, d.record.Len())}
	var err error
	l.Envelope, err = p.Encrypt(to, []byte(l.plaintext), d.rand)
	require.NoError(d.t, err)
	d.note("%s: %v %x", from, l.Initial, l.Body)
	return l
}

// try lets a party read a message of the other, and notes what comes of it. A refusal changes nothing.
func (d *dialogue) try(by string, e session.Envelope) (plaintext []byte, err error) {
	p, from := d.alice, "bob"
	if by == "bob" {
		p, from = d.bob, "alice"
	}
	before := p.Export()
	if plaintext, err = p.Decrypt(from, e, d.rand); err != nil {
		require.NotEmpty(d.t, refusal.Of(err), "%v", err)
		require.Equal(d.t, before, p.Export(), "a refusal changed the state")
	}
	d.note("%s reads %q, %v", by, plaintext, refusal.Of(err))
	return plaintext, err
}

func (d *dialogue) read(by string, l letter) {
	d.t.Helper()
	plaintext, err := d.try(by, l.Envelope)
	require.NoError(d.t, err)
	require.Equal(d.t, l.plaintext, string(plaintext))
}

// restart exports and imports both parties.
func (d *dialogue) restart() {
	for _, p := range []**session.Party{&d.alice, &d.bob} {
		exported := (*p).Export()
		imported, err := session.Import(exported, d.set)
		require.NoError(d.t, err)
		require.Equal(d.t, exported, imported.Export())
		*p = imported
		d.note("%s", exported)
	}
	for p, peer := range map[*session.Party]string{d.alice: "bob", d.bob: "alice"} {
		state, err := p.State(peer)
		require.NoError(d.t, err)
		d.bounded(state)
	}
}

// bounded checks the limits of SPEC.md 5.5.
func (d *dialogue) bounded(s *ratchet.State) {
	all := 0
	for _, c := range s.Chains {
		all += len(c.Skipped)
		require.LessOrEqual(d.t, len(c.Skipped), d.set.MaxStored)
	}
	if !d.set.StoredPerChain {
		require.LessOrEqual(d.t, all, d.set.MaxStored)
	}
	if d.set.MaxChains > 0 {
		require.LessOrEqual(d.t, len(s.Chains), d.set.MaxChains)
	}
}

// talk goes both ways for two turns. In each of them a message is lost, one comes late, one is repeated, and then
// one is forged.
func (d *dialogue) talk() {
	var late letter
	for turn := range 2 {
		d.send("bob") // lost
		delayed := d.send("bob")
		d.read("alice", d.send("bob"))
		if turn > 0 {
			d.read("bob", late)
			d.forged("alice", d.send("bob"))
		}
		late = d.send("alice")
		read := d.send("alice")
		d.read("bob", read)
		_, err := d.try("bob", read.Envelope)
		require.Error(d.t, err)
		d.read("alice", delayed)
		d.restart()
	}
}

// forged changes a message in every way before it is read.
func (d *dialogue) forged(by string, l letter) {
	require.False(d.t, l.Initial)
	for _, m := range malicious.Mutations(d.set, l.Body) {
		_, err := d.try(by, session.Envelope{Body: m.Message})
		require.Error(d.t, err, m.Name)
	}
	key, ok := wire.Field(d.set, l.Body, "key")
	require.True(d.t, ok)
	key = bytes.Clone(key)
	key[len(key)-1] |= 0x80 // not canonical
	body, _ := wire.SetField(d.set, l.Body, "key", key)
	_, err := d.try(by, session.Envelope{Body: body})
	require.Error(d.t, err)
	d.read(by, l)
}

// limits loses and delays more than the small limits of a flip allow. What is still read is for the record.
func (d *dialogue) limits() {
	var late []letter
	for range 4 {
		d.read("alice", d.send("bob"))
		for range 5 {
			late = append(late, d.send("alice"))
		}
		_, _ = d.try("bob", d.send("alice").Envelope)
	}
	for _, l := range late {
		_, _ = d.try("bob", l.Envelope)
	}
	d.restart()
}

// withoutOneTimePrekey starts from a bundle without one, where that is possible.
func (d *dialogue) withoutOneTimePrekey() {
	d.bob, d.alice = d.party(session.Options{}), d.party(session.Options{})
	err := d.alice.Initiate("bob", d.bob.Bundle(), d.rand)
	d.note("without one-time prekey: %v", refusal.Of(err))
	if d.set.OneTimePrekeyRequired {
		require.Equal(d.t, refusal.IncompleteBundle, refusal.Of(err))
		return
	}
	require.NoError(d.t, err)
	first := d.send("alice")
	parts, err := wire.SplitInitial(d.set, first.Body)
	require.NoError(d.t, err)
	if d.set.Wire != params.AmbassadorWire { // which has a place for an id of 0
		require.NotContains(d.t, parts.Names(), "one-time-prekey")
	}
	d.respond(first)
	d.read("alice", d.send("bob"))
	d.restart()
	d.read("bob", d.send("alice"))
}

// perMessage is a short exchange in the other cadence, in order.
func (d *dialogue) perMessage() {
	if !d.set.PerMessage {
		_, err := session.New(d.set, session.Options{Cadence: ratchet.PerMessage}, d.rand)
		require.ErrorIs(d.t, err, refusal.Malformed)
		return
	}
	d.start(ratchet.PerMessage)
	for range 3 {
		d.read("alice", d.send("bob"))
		d.read("alice", d.send("bob"))
		d.read("bob", d.send("alice"))
		d.restart()
	}
}

// bothStart has two sides that start at once, one of them again and again: what is read in the session that nobody uses
// any more is for the record.
func (d *dialogue) bothStart() {
	d.start(ratchet.PerTurn)
	old := d.send("alice")
	require.NoError(d.t, d.alice.Initiate("bob", d.bob.Bundle(), d.rand))
	crossing := d.send("bob")
	d.respond(d.send("alice"))
	d.read("alice", crossing)
	for range 2 {
		d.read("alice", d.send("bob"))
		d.read("bob", d.send("alice"))
	}
	_, _ = d.try("bob", old.Envelope)
	for range 2 {
		require.NoError(d.t, d.bob.Initiate("alice", d.alice.Bundle(), d.rand))
	}
	_, _ = d.try("bob", d.send("alice").Envelope)
	d.restart()
}

// A bundle is refused if a key or the signature is changed or missing, as far as the set has it.
func TestSetFlipsRefuseBundles(t *testing.T) {
	for _, published := range params.Sets() {
		for _, f := range flips() {
			s := *published
			if f.change(&s); s.Validate() != nil {
				f.with(&s)
			}
			t.Run(published.Name+"/"+f.property, func(t *testing.T) { refusesBundles(t, &s) })
		}
	}
}

func refusesBundles(t *testing.T, set *params.Set) {
	p, err := session.New(set, session.Options{OneTimePrekeys: 1}, seeded(3))
	require.NoError(t, err)
	for name, part := range map[string]struct {
		of       func(b *x3dh.Bundle) *[]byte
		required bool
	}{
		"identity":        {func(b *x3dh.Bundle) *[]byte { return &b.Identity }, true},
		"signed prekey":   {func(b *x3dh.Bundle) *[]byte { return &b.SignedPrekey }, set.SignedPrekey},
		"signature":       {func(b *x3dh.Bundle) *[]byte { return &b.Signature }, set.Signature != params.NoSignature},
		"one-time prekey": {func(b *x3dh.Bundle) *[]byte { return &b.OneTimePrekey }, set.OneTimePrekeyRequired},
	} {
		b := p.Bundle()
		value := part.of(&b)
		if len(*value) == 0 {
			require.False(t, part.required, name)
			continue
		}
		*value = append([]byte{1}, *value...)
		require.NotEmpty(t, refusal.Of(p.Initiate("peer", b, seeded(4))), name)
		*value = nil
		err := p.Initiate("peer", b, seeded(4))
		require.Equal(t, part.required, refusal.Of(err) == refusal.IncompleteBundle, "%s: %v", name, err)
	}
}
