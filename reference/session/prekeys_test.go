package session_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/params"
	"credence/reference/ratchet"
	"credence/reference/session"
	"credence/reference/wire"
	"credence/reference/x3dh"
	"credence/spec/refusal"
)

func newParty(t *testing.T, set *params.Set, oneTimePrekeys int, seed uint64) *session.Party {
	t.Helper()
	p, err := session.New(set, session.Options{OneTimePrekeys: oneTimePrekeys}, seeded(seed))
	require.NoError(t, err)
	return p
}

// firstTo returns the first message of a new party to the owner of a bundle.
func firstTo(t *testing.T, set *params.Set, b x3dh.Bundle, seed uint64) []byte {
	t.Helper()
	p := newParty(t, set, 0, seed)
	require.NoError(t, p.Initiate("bob", b, seeded(seed+100)))
	e, err := p.Encrypt("bob", []byte("first"), seeded(seed+200))
	require.NoError(t, err)
	require.True(t, e.Initial)
	return e.Body
}

// refusesFirst requires that an initial message is refused without a trace (AMB-CNV-01).
func refusesFirst(t *testing.T, p *session.Party, body []byte, class refusal.Class) {
	t.Helper()
	before := p.Export()
	plaintext, err := p.Respond("stranger", body, seeded(7))
	require.ErrorIs(t, err, class)
	require.Nil(t, plaintext)
	require.Equal(t, before, p.Export())
}

// A one-time prekey outlives a forged message (AMB-X3D-11), is used once (AMB-X3D-10), and then is unknown
// (AMB-X3D-12).
func TestOneTimePrekey(t *testing.T) {
	for _, set := range params.Sets() {
		bob := newParty(t, set, 1, 1)
		b := bob.Bundle()
		genuine, second := firstTo(t, set, b, 2), firstTo(t, set, b, 3)
		m, err := wire.ParseInitial(set, bytes.Clone(genuine))
		require.NoError(t, err)
		m.Message[len(m.Message)-1] ^= 1
		refusesFirst(t, bob, wire.EncodeInitial(set, m), refusal.Authentication)
		plaintext, err := bob.Respond("alice", genuine, seeded(4))
		require.NoError(t, err, set.Name)
		require.Equal(t, "first", string(plaintext))
		require.Nil(t, bob.Bundle().OneTimePrekey, set.Name)
		refusesFirst(t, bob, second, refusal.UnknownPrekey)
		refusesFirst(t, bob, genuine, refusal.UnknownPrekey)
	}
}

// AMB-X3D-13: an agreement starts one session, also after a restart and without a one-time prekey.
func TestReplay(t *testing.T) {
	for _, set := range []*params.Set{params.AmbassadorV1, params.SignalV3} {
		bob := newParty(t, set, 0, 1)
		m := firstTo(t, set, bob.Bundle(), 2)
		_, err := bob.Respond("alice", m, seeded(3))
		require.NoError(t, err)
		refusesFirst(t, bob, m, refusal.Replay)
		again, err := session.Import(bob.Export())
		require.NoError(t, err)
		again.Drop("alice")
		refusesFirst(t, again, m, refusal.Replay)
	}
}

// AMB-X3D-09: renewed signed prekeys stay until they are forgotten, the newest for ever.
func TestSignedPrekeys(t *testing.T) {
	for _, set := range []*params.Set{params.AmbassadorV1, params.SignalV3, params.Omemo2} {
		bob := newParty(t, set, 4, 1)
		old := bob.Bundle()
		require.EqualValues(t, 1, old.SignedPrekeyID)
		require.NoError(t, bob.RenewSignedPrekey(seeded(2)))
		renewed := bob.Bundle()
		require.Equal(t, old.SignedPrekeyID+1, renewed.SignedPrekeyID)
		require.NotEqual(t, old.SignedPrekey, renewed.SignedPrekey)
		_, err := bob.Respond("alice", firstTo(t, set, old, 3), seeded(3))
		require.NoError(t, err)
		old.OneTimePrekey, old.OneTimePrekeyID = bob.Bundle().OneTimePrekey, bob.Bundle().OneTimePrekeyID
		late := firstTo(t, set, old, 4)
		bob.ForgetSignedPrekeys(99)
		refusesFirst(t, bob, late, refusal.UnknownPrekey)
		_, err = bob.Respond("carol", firstTo(t, set, bob.Bundle(), 5), seeded(5))
		require.NoError(t, err, set.Name)
	}
}

func TestRespondRefusesRubbish(t *testing.T) {
	for _, set := range params.Sets() {
		bob := newParty(t, set, 1, 1)
		refusesFirst(t, bob, nil, refusal.Malformed)
		refusesFirst(t, bob, firstTo(t, set, bob.Bundle(), 2)[:50], refusal.Malformed)
	}
}

// Initial messages are sent until an answer has been read (AMB-SES-01).
func TestInitialUntilAnswered(t *testing.T) {
	for _, set := range params.Sets() {
		bob, alice := newParty(t, set, 1, 1), newParty(t, set, 0, 2)
		require.NoError(t, alice.Initiate("bob", bob.Bundle(), seeded(3)))
		send := func(initial bool) session.Envelope {
			e, err := alice.Encrypt("bob", []byte("text"), seeded(4))
			require.NoError(t, err)
			require.Equal(t, initial, e.Initial, set.Name)
			return e
		}
		_, err := bob.Respond("alice", send(true).Body, seeded(5))
		require.NoError(t, err)
		send(true)
		answer, err := bob.Encrypt("alice", []byte("answer"), seeded(6))
		require.NoError(t, err)
		require.False(t, answer.Initial)
		_, err = alice.Decrypt("bob", answer, seeded(7))
		require.NoError(t, err)
		send(false)
	}
}

// AMB-SES-08: a message of the session counts in the wrapping of that session only.
func TestOtherWrapping(t *testing.T) {
	for _, set := range params.Sets() {
		bob, alice := newParty(t, set, 1, 1), newParty(t, set, 0, 2)
		require.NoError(t, alice.Initiate("bob", bob.Bundle(), seeded(3)))
		send := func() []byte {
			e, err := alice.Encrypt("bob", []byte("text"), seeded(4))
			require.NoError(t, err)
			return e.Body
		}
		_, err := bob.Respond("alice", send(), seeded(5))
		require.NoError(t, err)
		genuine := send()
		m, err := wire.ParseInitial(set, genuine)
		require.NoError(t, err)
		identity, ephemeral := m, m
		identity.Identity, ephemeral.Ephemeral = m.Ephemeral, m.Identity
		for _, wrapped := range []wire.Initial{identity, ephemeral} {
			_, err = bob.Decrypt(
				"alice", session.Envelope{Initial: true, Body: wire.EncodeInitial(set, wrapped)}, seeded(6),
			)
			require.ErrorIs(t, err, refusal.Authentication, set.Name)
		}
		plaintext, err := bob.Decrypt("alice", session.Envelope{Initial: true, Body: genuine}, seeded(6))
		require.NoError(t, err)
		require.Equal(t, "text", string(plaintext))
	}
}

// AMB-SES-08: an initial message of another session, and AMB-SES-06: a ratchet message of one.
func TestOtherSession(t *testing.T) {
	for _, set := range params.Sets() {
		bob := newParty(t, set, 2, 1)
		b := bob.Bundle()
		_, err := bob.Respond("alice", firstTo(t, set, b, 2), seeded(3))
		require.NoError(t, err)
		other := firstTo(t, set, bob.Bundle(), 4)
		before := bob.Export()
		_, err = bob.Decrypt("alice", session.Envelope{Initial: true, Body: other}, seeded(5))
		require.ErrorIs(t, err, refusal.Authentication, set.Name)
		require.Equal(t, before, bob.Export())
		_, err = bob.Respond("carol", other, seeded(5))
		require.NoError(t, err)
		toCarol, err := bob.Encrypt("carol", []byte("not for alice"), seeded(6))
		require.NoError(t, err)
		_, err = bob.Decrypt("alice", toCarol, seeded(7))
		require.Error(t, err, set.Name)
		require.Equal(t, []string{"alice", "carol"}, bob.Peers())
	}
}

// What is done to a clone does not show in the party.
func TestClone(t *testing.T) {
	bob := newParty(t, params.AmbassadorV1, 1, 1)
	before := bob.Export()
	clone := bob.Clone()
	require.Equal(t, before, clone.Export())
	_, err := clone.Respond("alice", firstTo(t, params.AmbassadorV1, bob.Bundle(), 2), seeded(3))
	require.NoError(t, err)
	require.NoError(t, clone.RenewSignedPrekey(seeded(4)))
	clone.ForgetSignedPrekeys(2)
	require.Equal(t, before, bob.Export())
	require.Empty(t, bob.Peers())
	require.Equal(t, []string{"alice"}, clone.Peers())
}

func TestNoSession(t *testing.T) {
	bob := newParty(t, params.AmbassadorV1, 0, 1)
	_, err := bob.Respond("alice", firstTo(t, params.AmbassadorV1, bob.Bundle(), 2), seeded(3))
	require.NoError(t, err)
	bob.Drop("alice")
	bob.Drop("nobody")
	_, err = bob.State("alice")
	require.ErrorIs(t, err, refusal.NotReady)
	_, err = bob.Encrypt("alice", nil, seeded(4))
	require.ErrorIs(t, err, refusal.NotReady)
	_, err = bob.Decrypt("alice", session.Envelope{}, seeded(4))
	require.ErrorIs(t, err, refusal.NotReady)
}

// A session that came from elsewhere sends ratchet messages only, and must be of the set of the party.
func TestStart(t *testing.T) {
	alice, bob := newParty(t, params.AmbassadorV1, 0, 1), newParty(t, params.AmbassadorV1, 0, 2)
	require.NoError(t, alice.Initiate("bob", bob.Bundle(), seeded(3)))
	state, err := alice.State("bob")
	require.NoError(t, err)
	require.NoError(t, bob.Start("moved", state))
	e, err := bob.Encrypt("moved", []byte("text"), seeded(4))
	require.NoError(t, err)
	require.False(t, e.Initial)
	require.ErrorIs(t, newParty(t, params.SignalV3, 0, 5).Start("moved", state), refusal.Malformed)
}

// A bundle that is refused starts nothing (AMB-X3D-02), and per-message cadence is for ambassador-v1 alone (SPEC.md
// 5.3).
func TestRefusedStart(t *testing.T) {
	alice, bob := newParty(t, params.AmbassadorV1, 0, 1), newParty(t, params.AmbassadorV1, 0, 2)
	before, b := alice.Export(), bob.Bundle()
	b.Signature = append([]byte{}, b.Signature...)
	b.Signature[0] ^= 1
	require.ErrorIs(t, alice.Initiate("bob", b, seeded(3)), refusal.BadSignature)
	require.Equal(t, before, alice.Export())
	_, err := session.New(params.SignalV3, session.Options{Cadence: ratchet.PerMessage}, seeded(4))
	require.ErrorIs(t, err, refusal.Malformed)
}
