package conformance_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"credence/conformance"
	"credence/conformance/scenario"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// honest starts the reference.
func honest(context.Context) (shim.Target, error) { return adapter.New(), nil }

// forgetful starts the reference, but that it tells its user an empty text for every message of a late number.
func forgetful(context.Context) (shim.Target, error) {
	return liar{adapter.New(), func(op shim.Op, p *shim.Params, r *shim.Result, err error) (*shim.Result, error) {
		if op == shim.SessionDecrypt && err == nil && len(*r.Plaintext) > 0 && (*r.Plaintext)[len(*r.Plaintext)-1] == '3' {
			r.Plaintext = &shim.Bytes{}
		}
		return r, err
	}}, nil
}

// A fault is reported once, by a small scenario, whose file shows it again on the target and nothing on the reference.
func TestFuzzFinds(t *testing.T) {
	var found []conformance.TestResult
	r, err := conformance.Fuzz(t.Context(), conformance.FuzzOptions{
		Options:    conformance.Options{Seed: 1, Profiles: []string{"ratchet"}, Start: forgetful, Scenarios: t.TempDir(), Replay: "credence replay"},
		Executions: 40, Found: func(r conformance.TestResult) { found = append(found, r) },
	})
	require.NoError(t, err)
	require.Equal(t, 40, r.Campaign.Executions)
	require.Equal(t, r.Summary.Failed, len(found))
	require.LessOrEqual(t, len(found), 5, "one for each parameter set and cadence")
	require.NotEmpty(t, found)
	for _, f := range found {
		require.Equal(t, conformance.Mismatch, f.Reason)
		require.LessOrEqual(t, len(f.Scenario.Events), 10)
		require.Contains(t, f.Replay, "credence replay ")
		require.NotEmpty(t, f.Requirements)
		for _, c := range []struct {
			start func(context.Context) (shim.Target, error)
			want  conformance.Status
		}{{forgetful, conformance.Failed}, {honest, conformance.Passed}} {
			play, err := conformance.Replay(t.Context(), conformance.Options{Seed: 1, Start: c.start}, f.Scenario)
			require.NoError(t, err)
			require.Equal(t, c.want, play.Result.Status)
		}
	}
}

// The shards of a campaign together are the campaign, and so are the shards of a run.
func TestShards(t *testing.T) {
	whole := func(shard conformance.Shard) *conformance.Report {
		r, err := conformance.Fuzz(t.Context(), conformance.FuzzOptions{Options: conformance.Options{Seed: 3, Shard: shard, Start: honest}, Executions: 23})
		require.NoError(t, err)
		return r
	}
	run := func(shard conformance.Shard) *conformance.Report {
		r, err := conformance.Run(t.Context(), conformance.Options{Seed: 3, Shard: shard, Profiles: []string{"xeddsa", "channel", "postoffice"}, Start: honest})
		require.NoError(t, err)
		return r
	}
	for name, runs := range map[string]func(conformance.Shard) *conformance.Report{"fuzz": whole, "run": run} {
		t.Run(name, func(t *testing.T) {
			want, err := conformance.Merge([]*conformance.Report{runs(conformance.Shard{})})
			require.NoError(t, err)
			var parts []*conformance.Report
			for i := range 3 {
				parts = append(parts, runs(conformance.Shard{Index: i + 1, Count: 3}))
				require.Less(t, len(parts[i].Results), len(want.Results)+1)
			}
			slices.Reverse(parts)
			got, err := conformance.Merge(parts)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, got, cmpopts.IgnoreFields(conformance.Campaign{}, "Seconds", "Behaviours")))
		})
	}
}

// Of a test that is in two reports the worse outcome stays; reports of different runs are not joined.
func TestMerge(t *testing.T) {
	report := func(seed uint64, results ...conformance.TestResult) *conformance.Report {
		return &conformance.Report{Suite: "credence", Seed: seed, Results: results}
	}
	passed, failed := conformance.TestResult{ID: "a", Status: conformance.Passed}, conformance.TestResult{ID: "a", Status: conformance.Failed}
	skipped := conformance.TestResult{ID: "b", Status: conformance.Skipped}
	for _, order := range [][]*conformance.Report{
		{report(1, passed, skipped), report(1, failed)}, {report(1, failed), report(1, skipped, passed)},
	} {
		whole, err := conformance.Merge(order)
		require.NoError(t, err)
		require.Equal(t, []conformance.TestResult{failed, skipped}, whole.Results)
		require.Equal(t, conformance.Summary{Failed: 1, Skipped: 1}, whole.Summary)
		require.False(t, whole.Conforms())
	}
	for _, reports := range [][]*conformance.Report{nil, {report(1), report(2)}} {
		_, err := conformance.Merge(reports)
		require.ErrorIs(t, err, conformance.ErrMerge)
	}
}

func TestParseShard(t *testing.T) {
	s, err := conformance.ParseShard("2/3")
	require.NoError(t, err)
	require.Equal(t, conformance.Shard{Index: 2, Count: 3}, s)
	for _, bad := range []string{"", "1", "0/3", "4/3", "-1/3", "1/0", "1/3x", "a/b", "01/3"} {
		_, err := conformance.ParseShard(bad)
		require.ErrorIs(t, err, conformance.ErrShard, bad)
	}
}

// The corpus is played first, and what is not for the target is left out of it.
func TestFuzzCorpus(t *testing.T) {
	first := &scenario.Scenario{Level: scenario.Ratchet, Set: "olm-v1", Events: []scenario.Event{{Do: scenario.Send, By: "a"}}}
	var played []conformance.Campaign
	var fresh []scenario.Scenario
	_, err := conformance.Fuzz(t.Context(), conformance.FuzzOptions{
		Options: conformance.Options{Seed: 1, Start: honest}, Executions: 2, Corpus: []*scenario.Scenario{first},
		New:    func(s scenario.Scenario) { fresh = append(fresh, s) },
		Status: func(c conformance.Campaign, _ int) { played = append(played, c) },
	})
	require.NoError(t, err)
	require.Len(t, played, 2)
	require.Empty(t, cmp.Diff(*first, fresh[0]))
}

// A target that cannot be started again ends the campaign with what was found before.
func TestFuzzWithoutTarget(t *testing.T) {
	starts := 0
	r, err := conformance.Fuzz(t.Context(), conformance.FuzzOptions{
		Options: conformance.Options{Seed: 1, Start: func(context.Context) (shim.Target, error) {
			if starts++; starts > 1 {
				return nil, errors.New("gone")
			}
			return liar{adapter.New(), func(op shim.Op, _ *shim.Params, r *shim.Result, err error) (*shim.Result, error) {
				if op == shim.SessionEncrypt {
					return nil, shim.ErrCrash
				}
				return r, err
			}}, nil
		}},
		Executions: 50,
	})
	require.ErrorIs(t, err, conformance.ErrTarget)
	require.NotNil(t, r)
}
