package verdict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/verdict"
)

// Of a test that is in two reports the worse outcome stays; reports of different runs are not joined.
func TestMerge(t *testing.T) {
	report := func(seed uint64, results ...verdict.TestResult) *verdict.Report {
		return &verdict.Report{Suite: "credence", Seed: seed, Results: results}
	}
	passed, failed := verdict.TestResult{ID: "a", Status: verdict.Passed}, verdict.TestResult{
		ID: "a", Status: verdict.Failed,
	}
	skipped := verdict.TestResult{ID: "b", Status: verdict.Skipped}
	for _, order := range [][]*verdict.Report{
		{report(1, passed, skipped), report(1, failed)}, {report(1, failed), report(1, skipped, passed)},
	} {
		whole, err := verdict.Merge(order, []verdict.TestInfo{{ID: "a"}})
		require.NoError(t, err)
		require.Equal(t, []verdict.TestResult{failed, skipped}, whole.Results)
		require.Equal(t, verdict.Summary{Failed: 1, Skipped: 1}, whole.Summary)
		require.False(t, whole.Conforms())
	}
	for _, reports := range [][]*verdict.Report{nil, {report(1), report(2)}} {
		_, err := verdict.Merge(reports, nil)
		require.ErrorIs(t, err, verdict.ErrMerge)
	}
}

func TestParseShard(t *testing.T) {
	s, err := verdict.ParseShard("2/3")
	require.NoError(t, err)
	require.Equal(t, verdict.Shard{Index: 2, Count: 3}, s)
	for _, bad := range []string{"", "1", "0/3", "4/3", "-1/3", "1/0", "1/3x", "a/b", "01/3"} {
		_, err := verdict.ParseShard(bad)
		require.ErrorIs(t, err, verdict.ErrShard, bad)
	}
}
