package adapter_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec"
	"credence/vectors"
)

// The table says which operations change a state and which operation exports it. The scripts of the vectors show both:
// what changes nothing leaves the export as it was, and what changes something changes it at least once.
func TestChanges(t *testing.T) {
	changed := map[shim.Op]bool{}
	files, err := vectors.Load()
	require.NoError(t, err)
	for _, f := range files {
		for _, g := range f.TestGroups {
			for _, v := range g.Tests {
				if g.ParameterSet == spec.AmbassadorV1 {
					play(t, v, changed)
				}
			}
		}
	}
	for _, o := range shim.Operations() {
		if changes, seen := changed[o.Op]; seen {
			require.Equal(t, o.Changes, changes, o.Op)
		}
	}
	require.Greater(t, len(changed), 20)
}

// play performs the steps of a vector, and notes for each operation that exports show whether it has changed a state.
func play(t *testing.T, v vectors.Test, changed map[shim.Op]bool) {
	a := adapter.New()
	var exported shim.Bytes
	for _, s := range v.Steps {
		input := *s.Input
		if shim.IsImport(s.Op) && len(input.State) == 0 {
			input.State = exported
		}
		before := export(t, a, s.Op, input.Party)
		r, err := a.Call(t.Context(), s.Op, &input)
		require.Equal(t, s.Result == vectors.Valid, err == nil, "%s: %v", v.ID, err)
		if err == nil && r.State != nil {
			exported = r.State
		}
		after := export(t, a, s.Op, input.Party)
		if shim.ExportOf(s.Op) != "" {
			changed[s.Op] = changed[s.Op] || !bytes.Equal(before, after)
		}
		look(t, a, s.Op, input, after, changed)
	}
}

// look asks what no script asks, and notes whether it has changed the state on which an operation works.
func look(t *testing.T, a *adapter.Adapter, op shim.Op, p shim.Params, before []byte, changed map[shim.Op]bool) {
	t.Helper()
	for _, reader := range []shim.Op{shim.SessionDigest, shim.PartyExport, shim.ChannelExport, shim.DeviceExport} {
		if shim.ExportOf(reader) != shim.ExportOf(op) {
			continue
		}
		if _, err := a.Call(t.Context(), reader, &shim.Params{Party: p.Party, Peer: p.Peer}); err == nil {
			changed[reader] = changed[reader] || !bytes.Equal(before, export(t, a, op, p.Party))
		}
	}
}

// export returns the exported state of the party on which an operation works, or nil if there is none.
func export(t *testing.T, a *adapter.Adapter, op shim.Op, party string) []byte {
	t.Helper()
	if shim.ExportOf(op) == "" {
		return nil
	}
	r, err := a.Call(t.Context(), shim.ExportOf(op), &shim.Params{Party: party})
	if err != nil {
		return nil // not made yet
	}
	return r.State
}
