package adapter_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/params"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// An adapter offers the sets that it is given beside the published ones, through restarts too; another one does not
// know them.
func TestExtraSet(t *testing.T) {
	set := *params.SignalV3
	set.Name, set.KeyPrefix = "extra", nil
	a := adapter.New(&set)
	require.Contains(t, call(t, a, shim.Hello, shim.Params{}).ParameterSets, "extra")

	bob := shim.Params{Set: "extra", Party: "bob", OneTimePrekeyCount: 1}
	bundle := call(t, a, shim.PartyNew, bob).Bundle
	require.Len(t, bundle.SignedPrekey, set.KeySize())
	call(t, a, shim.PartyNew, shim.Params{Set: "extra", Party: "alice"})
	call(t, a, shim.SessionInitiate, shim.Params{Party: "alice", Peer: "bob", Bundle: bundle})
	first := shim.Params{Party: "alice", Peer: "bob", Plaintext: []byte("first")}
	e := call(t, a, shim.SessionEncrypt, first).Envelope
	r := call(t, a, shim.SessionRespond, shim.Params{Party: "bob", Peer: "alice", Envelope: e})
	require.Equal(t, "first", string(*r.Plaintext))

	state := call(t, a, shim.PartyExport, shim.Params{Party: "bob"}).State
	call(t, a, shim.PartyImport, shim.Params{Set: "extra", Party: "bob again", State: state})
	e = call(t, a, shim.SessionEncrypt,
		shim.Params{Party: "bob again", Peer: "alice", Plaintext: []byte("answer")}).Envelope
	r = call(t, a, shim.SessionDecrypt, shim.Params{Party: "alice", Peer: "bob", Envelope: e})
	require.Equal(t, "answer", string(*r.Plaintext))

	var refused *shim.Error
	_, err := adapter.New().Call(context.Background(), shim.PartyNew, &bob)
	require.True(t, errors.As(err, &refused))
	require.Equal(t, shim.Unsupported, refused.Code)
}
