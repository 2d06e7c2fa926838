package conformance_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"credence/conformance"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// The shards of a run together are the run.
func TestShards(t *testing.T) {
	run := func(shard verdict.Shard) *verdict.Report {
		r, err := conformance.Run(t.Context(), conformance.Options{
			Seed: 3, Shard: shard, Profiles: []string{"xeddsa", "channel", "postoffice"},
			Start: func(context.Context) (shim.Target, error) { return adapter.New(), nil },
		})
		require.NoError(t, err)
		return r
	}
	tests, err := conformance.List(nil)
	require.NoError(t, err)
	want := run(verdict.Shard{})
	var parts []*verdict.Report
	for i := range 3 {
		parts = append(parts, run(verdict.Shard{Index: i + 1, Count: 3}))
		require.Less(t, len(parts[i].Results), len(want.Results))
	}
	slices.Reverse(parts)
	got, err := verdict.Merge(parts, tests)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(want, got))
}
