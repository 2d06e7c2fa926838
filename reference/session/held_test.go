package session_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/session"
	"credence/spec/refusal"
)

// two are two parties who have each other's bundles. Their names are their places.
type two struct {
	t       *testing.T
	parties [2]*session.Party
	rand    *mathrand.ChaCha8
	sent    int
}

func newTwo(t *testing.T, set *params.Set) *two {
	w := &two{t: t, rand: seeded(9)}
	for i := range w.parties {
		p, err := session.New(set, session.Options{OneTimePrekeys: 60}, w.rand)
		require.NoError(t, err)
		w.parties[i] = p
	}
	return w
}

func name(i int) string { return fmt.Sprint("party ", i) }

func (w *two) start(by int) {
	require.NoError(w.t, w.parties[by].Initiate(name(1-by), w.parties[1-by].Bundle(), w.rand))
}

func (w *two) send(by int) letter {
	w.sent++
	l := letter{plaintext: fmt.Sprint("message ", w.sent)}
	var err error
	l.Envelope, err = w.parties[by].Encrypt(name(1-by), []byte(l.plaintext), w.rand)
	require.NoError(w.t, err)
	return l
}

// try lets a party read a message: in a session that it has, or else as the start of one.
func (w *two) try(by int, l letter) error {
	p, peer := w.parties[by], name(1-by)
	before := p.Export()
	plaintext, err := p.Decrypt(peer, l.Envelope, w.rand)
	if err != nil && l.Initial {
		plaintext, err = p.Respond(peer, l.Body, w.rand)
	}
	if err != nil {
		require.NotEmpty(w.t, refusal.Of(err), "%v", err)
		require.Equal(w.t, before, p.Export())
		return err
	}
	require.Equal(w.t, l.plaintext, string(plaintext))
	w.parties[by], err = session.Import(p.Export())
	require.NoError(w.t, err)
	return nil
}

func (w *two) read(by int, l letter) {
	w.t.Helper()
	require.NoError(w.t, w.try(by, l))
}

// same requires that the parties send in one session.
func (w *two) same() {
	w.read(0, w.send(1))
	w.read(1, w.send(0))
	a, err := w.parties[0].State(name(1))
	require.NoError(w.t, err)
	b, err := w.parties[1].State(name(0))
	require.NoError(w.t, err)
	require.Equal(w.t, primitive.Public(a.DHs), *b.DHr)
}

// AMB-SES-09 to AMB-SES-12: two sides that start at once read everything, also what crosses, and agree on a session
// when one message has not crossed.
func TestBothStart(t *testing.T) {
	for _, set := range params.Sets() {
		w := newTwo(t, set)
		w.start(0)
		w.start(1)
		for range 4 {
			a, b, late := w.send(0), w.send(1), w.send(0)
			w.read(1, a)
			w.read(0, b)
			w.read(1, late)
		}
		require.Equal(t, 2, w.parties[0].Sessions(name(1)), set.Name)
		w.read(1, w.send(0))
		w.same()
	}
}

// AMB-SES-13: as many sessions are kept as the set says, and the one that was used last stays.
func TestSessionsKept(t *testing.T) {
	for _, set := range params.Sets() {
		w := newTwo(t, set)
		w.start(0)
		w.read(1, w.send(0))
		oldest := w.send(1)
		w.start(0)
		w.read(1, w.send(0))
		second := w.send(1)
		for range set.MaxSessions - 2 {
			w.start(0)
		}
		w.read(0, second) // used again
		third := w.send(0)
		w.start(0)
		require.Error(t, w.try(0, oldest), set.Name)
		w.read(1, third)
		require.Equal(t, set.MaxSessions, w.parties[0].Sessions(name(1)))
		require.Equal(t, 2, w.parties[1].Sessions(name(0)))
	}
}

// AMB-SES-14: an archived session goes when so many receiving chains were opened in others.
func TestArchivedSessionGoes(t *testing.T) {
	for _, set := range params.Sets() {
		for _, chains := range []int{4, 5} {
			w := newTwo(t, set)
			w.start(0)
			w.read(1, w.send(0))
			w.read(0, w.send(1))
			old := w.send(0)
			w.start(0)
			w.read(1, w.send(0)) // the first chain
			for range chains - 1 {
				w.read(0, w.send(1))
				w.read(1, w.send(0))
			}
			gone := chains == set.ArchiveChains
			require.Equal(t, gone, w.try(1, old) != nil, "%s, %d chains", set.Name, chains)
		}
	}
}

// AMB-SES-15: a message of an archived session that brings a new ratchet key leaves the current one alone.
func TestOtherSessionsStay(t *testing.T) {
	for _, set := range params.Sets() {
		w := newTwo(t, set)
		w.start(0)
		w.read(1, w.send(0))
		old := w.send(1)
		w.start(0)
		w.read(1, w.send(0))
		w.read(0, w.send(1))
		before, err := w.parties[0].State(name(1))
		require.NoError(t, err)
		w.read(0, old)
		w.read(0, w.send(1))
		after, err := w.parties[0].State(name(1))
		require.NoError(t, err)
		require.Equal(t, before.RK, after.RK, set.Name)
	}
}

// AMB-X3D-13: a digest is kept as long as its signed prekey, and in Olm not at all.
func TestDigestsForgotten(t *testing.T) {
	for _, set := range params.Sets() {
		bob := newParty(t, set, 1, 1)
		first := firstTo(t, set, bob.Bundle(), 2)
		_, err := bob.Respond("alice", first, seeded(3))
		require.NoError(t, err)
		require.Equal(t, set.SignedPrekey, len(accepted(t, bob)) == 1, set.Name)
		if !set.SignedPrekey {
			continue
		}
		require.NoError(t, bob.RenewSignedPrekey(seeded(4)))
		require.Len(t, accepted(t, bob), 1)
		bob.ForgetSignedPrekeys(2)
		require.Empty(t, accepted(t, bob))
		refusesFirst(t, bob, first, refusal.UnknownPrekey)
	}
}

func accepted(t *testing.T, p *session.Party) []any {
	var s struct{ Accepted []any }
	require.NoError(t, json.Unmarshal(p.Export(), &s))
	return s.Accepted
}

// Import takes no sessions that no party would have kept.
func TestImportRefusesSessions(t *testing.T) {
	w := newTwo(t, params.AmbassadorV1)
	w.start(0)
	w.read(1, w.send(0))
	w.start(0)
	w.read(1, w.send(0))
	good := w.parties[1].Export()
	old, current := []byte(`"elsewhere":1`), []byte(`"elsewhere":0`)
	require.Contains(t, string(good), string(old))
	for name, bad := range map[string][]byte{
		"gone by now":        bytes.Replace(good, old, []byte(`"elsewhere":5`), 1),
		"current and unused": bytes.Replace(bytes.Replace(good, old, []byte(`"elsewhere":2`), 1), current, old, 1),
		"younger behind":     bytes.Replace(good, old, []byte(`"elsewhere":-1`), 1),
		"none":               edited(t, good, func(sessions []any) []any { return nil }),
		"twice":              edited(t, good, func(s []any) []any { return []any{s[0], s[1], s[1]} }),
		"too many":           edited(t, good, func(s []any) []any { return append(s, s[1], s[1], s[1], s[1]) }),
		"other prekey":       bytes.Replace(good, []byte(`"prekey":1`), []byte(`"prekey":2`), 1),
	} {
		require.NotEqual(t, good, bad, name)
		_, err := session.Import(bad)
		require.ErrorIs(t, err, refusal.Malformed, name)
	}
}

// edited returns an export with other sessions with the first party.
func edited(t *testing.T, exported []byte, change func(sessions []any) []any) []byte {
	var s map[string]any
	require.NoError(t, json.Unmarshal(exported, &s))
	all := s["sessions"].(map[string]any)
	all[name(0)] = change(all[name(0)].([]any))
	b, err := json.Marshal(s)
	require.NoError(t, err)
	return b
}
