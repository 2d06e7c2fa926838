//go:build unix

package process_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/shim"
	"credence/shim/process"
	"credence/shims/reference/adapter"
)

var update = flag.Bool("update", false, "write the transcript")

const transcriptFile = "../../docs/shim-transcript.jsonl"

func init() {
	process.Modes["reference"] = func() { _ = shim.Serve(adapter.New(), os.Stdin, os.Stdout) }
}

// served is a target behind Serve that keeps the lines.
type served struct {
	target shim.Target
	id     uint64
	lines  []string
}

func (s *served) Call(_ context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	s.id++
	complete := p.Complete(op)
	request, err := json.Marshal(shim.Request{ID: s.id, Op: op, Params: &complete})
	if err != nil {
		return nil, err
	}
	var reply bytes.Buffer
	if err := shim.Serve(s.target, bytes.NewReader(request), &reply); err != nil {
		return nil, err
	}
	s.lines = append(s.lines, string(request)+"\n", reply.String())
	var r shim.Reply
	if err := json.Unmarshal(reply.Bytes(), &r); err != nil {
		return nil, err
	}
	if r.Error != nil {
		return nil, r.Error
	}
	return r.Result, nil
}

func (s *served) Close() error { return nil }

// fixedKey returns a clamped private key that depends on n alone.
func fixedKey(n byte) shim.Bytes {
	k := shim.Bytes(bytes.Repeat([]byte{n}, 32))
	k[0] &= 248
	k[31] = k[31]&127 | 64
	return k
}

// converse is the exchange of the transcript: two parties, a message each way of being wrong and right.
func converse(t *testing.T, target shim.Target) {
	t.Helper()
	call := func(op shim.Op, p shim.Params) *shim.Result {
		t.Helper()
		r, err := target.Call(context.Background(), op, &p)
		require.NoError(t, err)
		return r
	}
	refuse := func(op shim.Op, p shim.Params, code shim.ErrorCode) {
		t.Helper()
		_, err := target.Call(context.Background(), op, &p)
		var e *shim.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, code, e.Code)
	}
	require.Equal(t, shim.Version, call(shim.Hello, shim.Params{}).Protocol)
	call(shim.Reset, shim.Params{})
	party := func(name string, n byte) *shim.Bundle {
		return call(shim.PartyNew, shim.Params{
			Set: "ambassador-v1", Party: name, SignedPrekeyID: 1,
			IdentityPrivate: fixedKey(n), SignedPrekeyPrivate: fixedKey(n + 1),
			Random: bytes.Repeat([]byte{n + 2}, 64), OneTimePrekeys: []shim.Bytes{fixedKey(n + 3)},
		}).Bundle
	}
	party("alice", 0x10)
	bundle := party("bob", 0x20)
	between := func(party, peer string, ratchet byte) shim.Params {
		return shim.Params{Party: party, Peer: peer, RatchetPrivate: fixedKey(ratchet)}
	}
	p := between("alice", "bob", 0x31)
	p.Bundle, p.EphemeralPrivate = bundle, fixedKey(0x30)
	call(shim.SessionInitiate, p)
	p = between("alice", "bob", 0x32)
	p.Plaintext = shim.Bytes("Hello, Bob")
	first := call(shim.SessionEncrypt, p).Envelope
	p = between("bob", "alice", 0x33)
	p.Envelope = first
	require.Equal(t, "Hello, Bob", string(*call(shim.SessionRespond, p).Plaintext))
	answer := call(shim.SessionEncrypt, between("bob", "alice", 0x34)).Envelope
	p = between("alice", "bob", 0x35)
	p.Envelope = &shim.Message{Kind: shim.RatchetMessage, Body: shim.Bytes{0x33, 0x00}}
	refuse(shim.SessionDecrypt, p, shim.Rejected)
	p = between("alice", "bob", 0x36)
	p.Envelope = answer
	require.Empty(t, *call(shim.SessionDecrypt, p).Plaintext)
	refuse("session.rewind", shim.Params{Party: "alice", Peer: "bob"}, shim.Unsupported)
}

// The transcript is what the reference says, byte for byte.
func TestTranscript(t *testing.T) {
	s := &served{target: adapter.New()}
	converse(t, s)
	got := strings.Join(s.lines, "")
	if *update {
		require.NoError(t, os.WriteFile(transcriptFile, []byte(got), 0o644))
	}
	want, err := os.ReadFile(transcriptFile)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "make schemadoc writes it anew")
}

// The same conversation through a child process.
func TestReferenceProcess(t *testing.T) {
	t.Parallel()
	p, err := process.Start(context.Background(), process.Command(t, "reference", ""), process.Options{})
	require.NoError(t, err)
	converse(t, p)
	require.NoError(t, p.Close())
}
