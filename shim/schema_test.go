//go:build unix

package shim_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/shim"
	"credence/shims/reference/adapter"
)

var update = flag.Bool("update", false, "write the transcript")

const transcriptFile = "../docs/shim-transcript.jsonl"

func init() {
	shim.Modes["reference"] = func() { _ = shim.Serve(adapter.New(), os.Stdin, os.Stdout) }
}

// startServe runs Serve until the test ends and gives a function that asks one line.
func startServe(t *testing.T, target shim.Target) (done chan error, ask func(string) string) {
	t.Helper()
	in, requests := io.Pipe()
	replies, out := io.Pipe()
	done = make(chan error, 1)
	go func() { done <- shim.Serve(target, in, out) }()
	t.Cleanup(func() {
		requests.Close()
		require.NoError(t, <-done)
	})
	lines := bufio.NewReader(replies)
	return done, func(line string) string {
		_, err := io.WriteString(requests, line+"\n")
		require.NoError(t, err)
		reply, err := lines.ReadString('\n')
		require.NoError(t, err)
		return strings.TrimSuffix(reply, "\n")
	}
}

// served is a target behind Serve that keeps the lines.
type served struct {
	ask   func(string) string
	id    uint64
	lines []string
}

func (s *served) Call(_ context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	s.id++
	complete := p.Complete(op)
	request, err := json.Marshal(shim.Request{ID: s.id, Op: op, Params: &complete})
	if err != nil {
		return nil, err
	}
	reply := s.ask(string(request))
	s.lines = append(s.lines, string(request), reply)
	var r shim.Reply
	if err := json.Unmarshal([]byte(reply), &r); err != nil {
		return nil, err
	}
	if r.Error != nil {
		return nil, r.Error
	}
	return r.Result, nil
}

func (s *served) Close() error { return nil }

// fixedKey gives a clamped private key that depends on n alone.
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
			Set: "ambassador-v1", Party: name, SignedPrekeyID: 1, IdentityPrivate: fixedKey(n), SignedPrekeyPrivate: fixedKey(n + 1),
			Random: bytes.Repeat([]byte{n + 2}, 64), OneTimePrekeys: []shim.Bytes{fixedKey(n + 3)},
		}).Bundle
	}
	party("alice", 0x10)
	bundle := party("bob", 0x20)
	call(shim.SessionInitiate, shim.Params{Party: "alice", Peer: "bob", Bundle: bundle, EphemeralPrivate: fixedKey(0x30), RatchetPrivate: fixedKey(0x31)})
	first := call(shim.SessionEncrypt, shim.Params{Party: "alice", Peer: "bob", Plaintext: shim.Bytes("Hello, Bob"), RatchetPrivate: fixedKey(0x32)}).Envelope
	read := call(shim.SessionRespond, shim.Params{Party: "bob", Peer: "alice", Envelope: first, RatchetPrivate: fixedKey(0x33)})
	require.Equal(t, "Hello, Bob", string(*read.Plaintext))
	answer := call(shim.SessionEncrypt, shim.Params{Party: "bob", Peer: "alice", RatchetPrivate: fixedKey(0x34)}).Envelope
	garbage := &shim.Message{Kind: shim.RatchetMessage, Body: shim.Bytes{0x33, 0x00}}
	refuse(shim.SessionDecrypt, shim.Params{Party: "alice", Peer: "bob", Envelope: garbage, RatchetPrivate: fixedKey(0x35)}, shim.Rejected)
	read = call(shim.SessionDecrypt, shim.Params{Party: "alice", Peer: "bob", Envelope: answer, RatchetPrivate: fixedKey(0x36)})
	require.Empty(t, *read.Plaintext)
	refuse("session.rewind", shim.Params{Party: "alice", Peer: "bob"}, shim.Unsupported)
}

// The transcript is what the reference says, byte for byte.
func TestTranscript(t *testing.T) {
	_, ask := startServe(t, adapter.New())
	s := &served{ask: ask}
	converse(t, s)
	got := strings.Join(s.lines, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile(transcriptFile, []byte(got), 0o644))
	}
	want, err := os.ReadFile(transcriptFile)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "go test ./shim -run Transcript -update writes it anew")
}

// Every line of the transcript is as the schema says: a request, then its reply.
func TestTranscriptIsValid(t *testing.T) {
	text, err := os.ReadFile(transcriptFile)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	require.Zero(t, len(lines)%2)
	seen := map[shim.Op]bool{}
	for i := 0; i < len(lines); i += 2 {
		var q struct {
			ID     uint64
			Op     shim.Op
			Params json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &q))
		if q.Op != "session.rewind" {
			require.NoError(t, shim.ValidateParams(q.Op, q.Params), lines[i])
		}
		require.NoError(t, shim.ValidateReply(q.Op, []byte(lines[i+1])), lines[i+1])
		var r shim.Reply
		require.NoError(t, json.Unmarshal([]byte(lines[i+1]), &r))
		require.Equal(t, q.ID, r.ID)
		seen[q.Op] = true
	}
	for _, op := range []shim.Op{
		shim.Hello, shim.Reset, shim.PartyNew, shim.SessionInitiate, shim.SessionEncrypt, shim.SessionRespond, shim.SessionDecrypt, "session.rewind",
	} {
		require.True(t, seen[op], op)
	}
}

// The same conversation through a child process.
func TestReferenceProcess(t *testing.T) {
	t.Parallel()
	p, err := shim.Start(context.Background(), shim.Command(t, "reference", ""), shim.ProcessOptions{})
	require.NoError(t, err)
	converse(t, p)
	require.NoError(t, p.Close())
}

func TestSchemaIsComplete(t *testing.T) {
	var schema struct {
		Schema string                     `json:"$schema"`
		Defs   map[string]json.RawMessage `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(shim.Schema, &schema))
	require.Equal(t, "https://json-schema.org/draft/2020-12/schema", schema.Schema)
	known := map[string]bool{}
	for _, op := range shim.Ops {
		for _, kind := range []string{"params-", "result-", "reply-"} {
			require.Contains(t, schema.Defs, kind+string(op))
			known[kind+string(op)] = true
		}
		require.NoError(t, shim.ValidateReply(op, []byte(`{"id":1,"error":{"code":"unsupported"}}`)))
	}
	for name := range schema.Defs {
		if strings.Contains(name, "-") {
			require.True(t, known[name], "%s belongs to no operation", name)
		}
	}
}

// A wrong field is told by its name, in one line.
func TestSchemaErrors(t *testing.T) {
	h := strings.Repeat("5a", 32)
	for name, test := range map[string]struct {
		op    shim.Op
		reply string
		says  string // "" is valid
	}{
		"good":                     {shim.SessionDigest, `{"id":1,"result":{"digest":"` + h + `"}}`, ""},
		"error":                    {shim.SessionDigest, `{"id":1,"error":{"code":"rejected","class":"replay"}}`, ""},
		"error without class":      {shim.SessionDigest, `{"id":1,"error":{"code":"rejected"}}`, ""},
		"invented operation":       {"invented", `{"id":1,"result":{"anything":1}}`, ""},
		"invented, broken":         {"invented", `{"id":1,"result":{},"more\nlines":1}`, `more`},
		"upper case":               {shim.SessionDigest, `{"id":1,"result":{"digest":"` + strings.ToUpper(h) + `"}}`, `field "result.digest"`},
		"line feed in a field":     {shim.SessionDigest, `{"id":1,"result":{"digest":"a\nb"}}`, `field "result.digest"`},
		"line feed in a name":      {shim.SessionDigest, `{"id":1,"result":{"digest":"` + h + `","a\nb":1}}`, `field "result"`},
		"quotes in a name":         {shim.SessionDigest, `{"id":1,"result":{"digest":"` + h + `","it's': ":1}}`, `field "result"`},
		"missing":                  {shim.SessionDigest, `{"id":1,"result":{}}`, `'digest'`},
		"deep":                     {shim.PartyNew, `{"id":1,"result":{"bundle":{"identity":"xyz"}}}`, `field "result.bundle.identity"`},
		"kind":                     {shim.SessionEncrypt, `{"id":1,"result":{"envelope":{"kind":"other","body":""}}}`, `field "result.envelope.kind"`},
		"list":                     {shim.Hello, `{"id":1,"result":{"protocol":1,"name":"","version":"","language":"","profiles":["a",2],"parameter_sets":[],"operations":[]}}`, `field "result.profiles.1"`},
		"result of another":        {shim.Reset, `{"id":1,"result":{"digest":"` + h + `"}}`, `'digest'`},
		"id":                       {shim.Reset, `{"id":-1,"result":{}}`, `field "id"`},
		"no JSON":                  {shim.Reset, `{"id":1`, "not JSON"},
		"line feed in broken JSON": {shim.Reset, "{\"id\":1,\"a\nb\"}", "not JSON"},
	} {
		t.Run(name, func(t *testing.T) { requireSays(t, shim.ValidateReply(test.op, []byte(test.reply)), test.says) })
	}
}

func TestValidateParams(t *testing.T) {
	for name, test := range map[string]struct {
		op     shim.Op
		params string
		says   string
	}{
		"good":           {shim.SessionDigest, `{"party":"a","peer":"b"}`, ""},
		"more":           {shim.SessionDigest, `{"party":"a","peer":"b","future":1}`, ""},
		"missing":        {shim.SessionDigest, `{"party":"a"}`, `'peer'`},
		"empty name":     {shim.SessionDigest, `{"party":"","peer":"b"}`, `field "party"`},
		"unknown set":    {shim.RatchetChain, `{"set":"mine","chain_key":"` + strings.Repeat("00", 32) + `"}`, `field "set"`},
		"invented":       {"invented", `{}`, `"params-invented"`},
		"key of 31":      {shim.RatchetChain, `{"set":"olm-v1","chain_key":"` + strings.Repeat("00", 31) + `"}`, `field "chain_key"`},
		"key with a end": {shim.RatchetChain, `{"set":"olm-v1","chain_key":"` + strings.Repeat("00", 32) + `\n"}`, `field "chain_key"`},
	} {
		t.Run(name, func(t *testing.T) { requireSays(t, shim.ValidateParams(test.op, []byte(test.params)), test.says) })
	}
}

func requireSays(t *testing.T, err error, says string) {
	t.Helper()
	if says == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorContains(t, err, says)
	require.NotContains(t, err.Error(), "\n")
}
