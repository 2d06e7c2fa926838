package schema_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/shim"
	"credence/shim/schema"
)

// Every line of the transcript is as the schema says: a request, then its reply.
func TestTranscriptIsValid(t *testing.T) {
	text, err := os.ReadFile("../../docs/shim-transcript.jsonl")
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
			require.NoError(t, schema.ValidateParams(q.Op, q.Params), lines[i])
		}
		require.NoError(t, schema.ValidateReply(q.Op, []byte(lines[i+1])), lines[i+1])
		var r shim.Reply
		require.NoError(t, json.Unmarshal([]byte(lines[i+1]), &r))
		require.Equal(t, q.ID, r.ID)
		seen[q.Op] = true
	}
	for _, op := range []shim.Op{
		shim.Hello, shim.Reset, shim.PartyNew, shim.SessionInitiate, shim.SessionEncrypt, shim.SessionRespond,
		shim.SessionDecrypt, "session.rewind",
	} {
		require.True(t, seen[op], op)
	}
}

// The published text is what the table gives.
func TestText(t *testing.T) {
	published, err := os.ReadFile("schema.json")
	require.NoError(t, err)
	text, err := schema.Text()
	require.NoError(t, err)
	require.Equal(t, string(published), string(text), "make schemadoc writes it")
}

func TestTextIsComplete(t *testing.T) {
	var published struct {
		Schema string                     `json:"$schema"`
		Defs   map[string]json.RawMessage `json:"$defs"`
	}
	text, err := schema.Text()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &published))
	require.Equal(t, "https://json-schema.org/draft/2020-12/schema", published.Schema)
	known := map[string]bool{}
	for _, op := range shim.Ops {
		for _, kind := range []string{"params-", "result-", "reply-"} {
			require.Contains(t, published.Defs, kind+string(op))
			known[kind+string(op)] = true
		}
		require.NoError(t, schema.ValidateReply(op, []byte(`{"id":1,"error":{"code":"unsupported"}}`)))
	}
	for name := range published.Defs {
		if strings.Contains(name, "-") {
			require.True(t, known[name], "%s belongs to no operation", name)
		}
	}
}

// A wrong field is named, in one line.
func TestSchemaErrors(t *testing.T) {
	h := strings.Repeat("5a", 32)
	for name, test := range map[string]struct {
		op    shim.Op
		reply string
		says  string // "" is valid
	}{
		"good":                {shim.SessionDigest, `{"id":1,"result":{"digest":"` + h + `"}}`, ""},
		"error":               {shim.SessionDigest, `{"id":1,"error":{"code":"rejected","class":"replay"}}`, ""},
		"error without class": {shim.SessionDigest, `{"id":1,"error":{"code":"rejected"}}`, ""},
		"invented operation":  {"invented", `{"id":1,"result":{"anything":1}}`, ""},
		"invented, broken":    {"invented", `{"id":1,"result":{},"more\nlines":1}`, `more`},
		"upper case": {
			shim.SessionDigest, `{"id":1,"result":{"digest":"` + strings.ToUpper(h) + `"}}`, `field "result.digest"`,
		},
		"line feed in a field": {
			shim.SessionDigest, `{"id":1,"result":{"digest":"a\nb"}}`, `field "result.digest"`,
		},
		"line feed in a name": {
			shim.SessionDigest, `{"id":1,"result":{"digest":"` + h + `","a\nb":1}}`, `field "result"`,
		},
		"quotes in a name": {
			shim.SessionDigest, `{"id":1,"result":{"digest":"` + h + `","it's': ":1}}`, `field "result"`,
		},
		"missing": {shim.SessionDigest, `{"id":1,"result":{}}`, `'digest'`},
		"deep": {
			shim.PartyNew, `{"id":1,"result":{"bundle":{"identity":"xyz"}}}`, `field "result.bundle.identity"`,
		},
		"kind": {
			shim.SessionEncrypt, `{"id":1,"result":{"envelope":{"kind":"other","body":""}}}`,
			`field "result.envelope.kind"`,
		},
		"list": {
			shim.Hello, `{"id":1,"result":{"protocol":1,"name":"","version":"","language":"","profiles":["a",2],"parameter_sets":[],"operations":[]}}`, `field "result.profiles.1"`,
		},
		"result of another":        {shim.Reset, `{"id":1,"result":{"digest":"` + h + `"}}`, `'digest'`},
		"id":                       {shim.Reset, `{"id":-1,"result":{}}`, `field "id"`},
		"no JSON":                  {shim.Reset, `{"id":1`, "not JSON"},
		"line feed in broken JSON": {shim.Reset, "{\"id\":1,\"a\nb\"}", "not JSON"},
	} {
		t.Run(name, func(t *testing.T) { requireSays(t, schema.ValidateReply(test.op, []byte(test.reply)), test.says) })
	}
}

func TestValidateParams(t *testing.T) {
	for name, test := range map[string]struct {
		op     shim.Op
		params string
		says   string
	}{
		"good":       {shim.SessionDigest, `{"party":"a","peer":"b"}`, ""},
		"more":       {shim.SessionDigest, `{"party":"a","peer":"b","future":1}`, ""},
		"missing":    {shim.SessionDigest, `{"party":"a"}`, `'peer'`},
		"empty name": {shim.SessionDigest, `{"party":"","peer":"b"}`, `field "party"`},
		"unknown set": {
			shim.RatchetChain, `{"set":"mine","chain_key":"` + strings.Repeat("00", 32) + `"}`, `field "set"`,
		},
		"invented": {"invented", `{}`, `"params-invented"`},
		"key of 31": {
			shim.RatchetChain, `{"set":"olm-v1","chain_key":"` + strings.Repeat("00", 31) + `"}`, `field "chain_key"`,
		},
		"key with a end": {
			shim.RatchetChain, `{"set":"olm-v1","chain_key":"` + strings.Repeat("00", 32) + `\n"}`, `field "chain_key"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			requireSays(t, schema.ValidateParams(test.op, []byte(test.params)), test.says)
		})
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
