package campaign_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"credence/conformance/internal/campaign"
	"credence/conformance/internal/player"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// start starts a target.
type start = func(context.Context) (shim.Target, error)

// reference starts the reference.
func reference(context.Context) (shim.Target, error) { return adapter.New(), nil }

// liar is the reference with some of its answers changed.
type liar struct {
	shim.Target
	change func(op shim.Op, r *shim.Result, err error) (*shim.Result, error)
}

func (l liar) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	r, err := l.Target.Call(ctx, op, p)
	return l.change(op, r, err)
}

// forgetful starts the reference, but that it tells its user an empty text for every message of a late number.
func forgetful(context.Context) (shim.Target, error) {
	return liar{adapter.New(), func(op shim.Op, r *shim.Result, err error) (*shim.Result, error) {
		if op == shim.SessionDecrypt && err == nil && strings.HasSuffix(string(*r.Plaintext), "3") {
			r.Plaintext = &shim.Bytes{}
		}
		return r, err
	}}, nil
}

// replay returns the status of a scenario on a target.
func replay(t *testing.T, start start, s *scenario.Scenario) verdict.Status {
	t.Helper()
	p, err := player.New(t.Context(), 1, start)
	require.NoError(t, err)
	defer p.Close()
	play, err := p.Play(s)
	require.NoError(t, err)
	return play.Result.Status
}

// A fault is reported once, by a small scenario, whose file shows it again on the target and nothing on the reference.
func TestFinds(t *testing.T) {
	var found []verdict.TestResult
	r, err := campaign.Run(t.Context(), campaign.Options{
		Seed: 1, Profiles: []string{"ratchet"}, Start: forgetful, Scenarios: t.TempDir(), Replay: "credence replay",
		Executions: 40, Found: func(r verdict.TestResult) { found = append(found, r) },
	})
	require.NoError(t, err)
	require.Equal(t, 40, r.Campaign.Executions)
	require.Equal(t, r.Summary.Failed, len(found))
	require.LessOrEqual(t, len(found), 5, "one for each parameter set and cadence")
	require.NotEmpty(t, found)
	for _, f := range found {
		require.Equal(t, verdict.Mismatch, f.Reason)
		require.LessOrEqual(t, len(f.Scenario.Events), 10)
		require.Contains(t, f.Replay, "credence replay ")
		require.NotEmpty(t, f.Requirements)
		saved, err := scenario.ReadFile(f.Replay[len("credence replay "):])
		require.NoError(t, err)
		require.Equal(t, verdict.Failed, replay(t, forgetful, saved))
		require.Equal(t, verdict.Passed, replay(t, reference, saved))
	}
}

// The shards of a campaign together are the campaign.
func TestShards(t *testing.T) {
	run := func(shard verdict.Shard) *verdict.Report {
		r, err := campaign.Run(t.Context(), campaign.Options{Seed: 3, Shard: shard, Start: reference, Executions: 23})
		require.NoError(t, err)
		return r
	}
	want, err := verdict.Merge([]*verdict.Report{run(verdict.Shard{})}, nil)
	require.NoError(t, err)
	var parts []*verdict.Report
	for i := range 3 {
		parts = append(parts, run(verdict.Shard{Index: i + 1, Count: 3}))
		require.LessOrEqual(t, len(parts[i].Results), len(want.Results))
	}
	slices.Reverse(parts)
	got, err := verdict.Merge(parts, nil)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(want, got, cmpopts.IgnoreFields(verdict.Campaign{}, "Seconds", "Behaviours")))
}

// The corpus is played first, and what is not for the target is left out of it.
func TestCorpus(t *testing.T) {
	first := &scenario.Scenario{
		Level: scenario.Ratchet, Set: "olm-v1", Events: []scenario.Event{{Do: scenario.Send, By: "a"}},
	}
	executions := 0
	var fresh []scenario.Scenario
	_, err := campaign.Run(t.Context(), campaign.Options{
		Seed: 1, Start: reference, Executions: 2, Corpus: []*scenario.Scenario{first},
		New:    func(s scenario.Scenario) { fresh = append(fresh, s) },
		Status: func(verdict.Campaign, int) { executions++ },
	})
	require.NoError(t, err)
	require.Equal(t, 2, executions)
	require.Empty(t, cmp.Diff(*first, fresh[0]))
}

// A target that cannot be started again ends the campaign with what was found before.
func TestTargetGone(t *testing.T) {
	starts := 0
	r, err := campaign.Run(t.Context(), campaign.Options{
		Seed: 1, Executions: 50, Start: func(context.Context) (shim.Target, error) {
			if starts++; starts > 1 {
				return nil, errors.New("gone")
			}
			return liar{adapter.New(), func(op shim.Op, r *shim.Result, err error) (*shim.Result, error) {
				if op == shim.SessionEncrypt {
					return nil, shim.ErrCrash
				}
				return r, err
			}}, nil
		},
	})
	require.ErrorIs(t, err, suite.ErrTarget)
	require.NotNil(t, r)
	require.Equal(t, 1, r.Summary.Errored)
}

// growing is the reference that says that it has in use a MiB more each time that it is asked.
type growing struct {
	shim.Target
	asked uint64
}

func (g *growing) Memory() (uint64, bool) {
	g.asked++
	return g.asked << 20, true
}

// A target that takes more and more memory is a finding, which says how often its scenario must be played.
func TestMemory(t *testing.T) {
	r, err := campaign.Run(t.Context(), campaign.Options{
		Seed: 1, Profiles: []string{"ratchet"}, Executions: 160, Memory: 2 << 20, FirstOnly: true,
		Start: func(context.Context) (shim.Target, error) { return &growing{Target: adapter.New()}, nil },
	})
	require.NoError(t, err)
	require.Equal(t, 1, r.Summary.Failed)
	failed := func(t verdict.TestResult) bool { return t.Status == verdict.Failed }
	finding := r.Results[slices.IndexFunc(r.Results, failed)]
	require.Equal(t, verdict.Memory, finding.Reason)
	require.Equal(t, 150, finding.Times)
	require.Equal(t, 150, r.Campaign.Executions)
	require.Equal(t, 1, r.Campaign.Restarts)
}

// A profile without scenarios leaves nothing to fuzz, and one that does not exist is refused.
func TestNothingToFuzz(t *testing.T) {
	_, err := campaign.Run(t.Context(), campaign.Options{Profiles: []string{"xeddsa"}, Start: reference})
	require.ErrorIs(t, err, suite.ErrNoMatch)
	_, err = campaign.Run(t.Context(), campaign.Options{Profiles: []string{"ratchet", "rachet"}, Start: reference})
	require.ErrorIs(t, err, suite.ErrUnknownProfile)
}
