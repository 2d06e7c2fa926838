package fuzz

import (
	"bytes"
	"encoding/json"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"credence/conformance/scenario"
	"credence/reference/params"
	"credence/reference/session"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/shim/schema"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
	"credence/vectors"
)

// seeded returns randomness that depends on the seed alone.
func seeded(seed byte) *mathrand.ChaCha8 { return mathrand.NewChaCha8([32]byte{seed}) }

// exchange is a responder, the initiator's first message to him, and the session after it.
type exchange struct {
	set       *params.Set
	bundle    x3dh.Bundle
	initiator *session.Party // without a session
	responder *session.Party // before the first message
	first     []byte
	talking   *session.Party // the responder after it
	second    session.Envelope
}

const plaintext = "hello"

func exchanges(f *testing.F) (all []exchange) {
	for i, set := range params.Sets() {
		random := seeded(byte(i))
		responder, err := session.New(set, session.Options{OneTimePrekeys: 1}, random)
		require.NoError(f, err)
		initiator, err := session.New(set, session.Options{}, random)
		require.NoError(f, err)
		x := exchange{
			set: set, bundle: responder.Bundle(), initiator: initiator, responder: responder,
			talking: responder.Clone(),
		}
		sender := initiator.Clone()
		require.NoError(f, sender.Initiate("b", x.bundle, random))
		e, err := sender.Encrypt("b", []byte(plaintext), random)
		require.NoError(f, err)
		x.first = e.Body
		_, err = x.talking.Respond("a", e.Body, random)
		require.NoError(f, err)
		answer, err := x.talking.Encrypt("a", []byte("answer"), random)
		require.NoError(f, err)
		_, err = sender.Decrypt("b", answer, random)
		require.NoError(f, err)
		x.second, err = sender.Encrypt("b", []byte(plaintext), random)
		require.NoError(f, err)
		all = append(all, x)
	}
	return all
}

// FuzzBundle: a bundle gives a session with a first message, or is refused with a class and leaves nothing.
func FuzzBundle(f *testing.F) {
	all := exchanges(f)
	for i, x := range all {
		b := x.bundle
		f.Add(uint8(i), b.Identity, b.SignedPrekey, b.Signature, b.OneTimePrekey, b.SignedPrekeyID, b.OneTimePrekeyID)
		f.Add(uint8(i), b.Identity, b.SignedPrekey, b.Signature, []byte(nil), b.SignedPrekeyID, uint32(0))
	}
	f.Fuzz(func(t *testing.T, n uint8, identity, signed, signature, oneTime []byte, signedID, oneTimeID uint32) {
		x := all[int(n)%len(all)]
		p := x.initiator.Clone()
		before := p.Export()
		b := x3dh.Bundle{
			Identity: identity, SignedPrekey: signed, Signature: signature, OneTimePrekey: oneTime,
			SignedPrekeyID: signedID, OneTimePrekeyID: oneTimeID,
		}
		if err := p.Initiate("b", b, seeded(9)); err != nil {
			require.NotEmpty(t, refusal.Of(err))
			require.Equal(t, before, p.Export())
			return
		}
		_, err := p.Encrypt("b", []byte(plaintext), seeded(9))
		require.NoError(t, err)
	})
}

// FuzzInitial: an initial message that is not genuine is refused with a class and changes nothing; nothing makes
// another plaintext of one.
func FuzzInitial(f *testing.F) {
	all := exchanges(f)
	for i, x := range all {
		f.Add(uint8(i), x.first)
		f.Add(uint8(i), x.second.Body)
	}
	f.Fuzz(func(t *testing.T, n uint8, message []byte) {
		p := all[int(n)%len(all)].responder.Clone()
		before := p.Export()
		got, err := p.Respond("a", message, seeded(9))
		if err != nil {
			require.NotEmpty(t, refusal.Of(err))
			require.Equal(t, before, p.Export())
			return
		}
		require.Equal(t, plaintext, string(got))
	})
}

// FuzzMessage: the same of a message in a session.
func FuzzMessage(f *testing.F) {
	all := exchanges(f)
	for i, x := range all {
		f.Add(uint8(i), false, x.second.Body)
		f.Add(uint8(i), true, x.first)
	}
	f.Fuzz(func(t *testing.T, n uint8, initial bool, message []byte) {
		p := all[int(n)%len(all)].talking.Clone()
		before := p.Export()
		got, err := p.Decrypt("a", session.Envelope{Initial: initial, Body: message}, seeded(9))
		if err != nil {
			require.NotEmpty(t, refusal.Of(err))
			require.Equal(t, before, p.Export())
			return
		}
		require.Equal(t, plaintext, string(got))
	})
}

// requests returns a request of every operation of the vectors.
func requests(f *testing.F) (ops []shim.Op, lines []string) {
	files, err := vectors.Load()
	require.NoError(f, err)
	add := func(op shim.Op, p *shim.Params) {
		line, err := json.Marshal(shim.Request{ID: uint64(len(lines)), Op: op, Params: p})
		require.NoError(f, err)
		if len(line) < 8<<10 {
			ops, lines = append(ops, op), append(lines, string(line))
		}
	}
	for _, file := range files {
		for _, g := range file.TestGroups {
			t := g.Tests[0]
			if t.Input != nil {
				add(g.Operation, t.Input)
			}
			for _, s := range t.Steps[:min(len(t.Steps), 6)] {
				add(s.Op, s.Input)
			}
		}
	}
	require.NotEmpty(f, lines)
	return ops, lines
}

// FuzzRequests: a shim answers every line with a reply that the schema allows, and never with an internal error.
func FuzzRequests(f *testing.F) {
	_, lines := requests(f)
	for i, line := range lines {
		f.Add(line)
		f.Add(strings.Join(lines[max(0, i-3):i+1], "\n"))
	}
	f.Add(`{"id":1,"op":"hello"}` + "\n\n" + `{"id":-1}` + "\n" + `[]`)
	f.Fuzz(func(t *testing.T, in string) {
		if strings.Contains(in, string(shim.RatchetAccumulate)) {
			t.Skip("it works for as long as it is asked to")
		}
		var out bytes.Buffer
		require.NoError(t, shim.Serve(adapter.NewRandom(seeded(1)), strings.NewReader(in), &out))
		asked := 0
		for line := range strings.SplitSeq(in, "\n") {
			if strings.TrimSpace(line) != "" {
				asked++
			}
		}
		require.Equal(t, asked, strings.Count(out.String(), "\n"))
		for line := range strings.Lines(out.String()) {
			require.NoError(t, schema.ValidateReply("", []byte(line)))
			require.NotContains(t, line, `"code":"internal"`)
		}
	})
}

// FuzzReplies: what the schema of an operation lets through can be read.
func FuzzReplies(f *testing.F) {
	ops, lines := requests(f)
	target := adapter.NewRandom(seeded(1))
	for i, line := range lines {
		var out bytes.Buffer
		require.NoError(f, shim.Serve(target, strings.NewReader(line), &out))
		for n, op := range shim.Ops {
			if op == ops[i] {
				f.Add(uint8(n), out.Bytes())
			}
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, text []byte) {
		if schema.ValidateReply(shim.Ops[int(n)%len(shim.Ops)], text) != nil {
			return
		}
		var r shim.Reply
		require.NoError(t, json.Unmarshal(text, &r))
		require.True(t, (r.Result == nil) != (r.Error == nil))
	})
}

// FuzzScenario: a scenario that is read and written again is the same, or it is refused with ErrInvalid.
func FuzzScenario(f *testing.F) {
	for i := range 4 {
		for _, s := range []*scenario.Scenario{
			scenario.Ratchets("signal-v3", "", scenario.AnyRatchet).Example(i),
			scenario.Accounts(scenario.AnyAccount).Example(i),
		} {
			text, err := s.Encode()
			require.NoError(f, err)
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := scenario.Decode(text)
		if err != nil {
			require.ErrorIs(t, err, scenario.ErrInvalid)
			return
		}
		again, err := s.Encode()
		require.NoError(t, err)
		read, err := scenario.Decode(again)
		require.NoError(t, err, string(again))
		twice, err := read.Encode()
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(string(again), string(twice)))
	})
}
