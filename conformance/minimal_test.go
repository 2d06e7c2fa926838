package conformance_test

import (
	"context"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// planted is the reference with a bug. since counts the operations of each kind since it was reset.
type planted struct {
	shim.Target
	bug   bug
	since map[shim.Op]int
}

func (p *planted) Call(ctx context.Context, op shim.Op, in *shim.Params) (*shim.Result, error) {
	if op == shim.Reset {
		p.since = map[shim.Op]int{}
	}
	r, err := p.Target.Call(ctx, op, in)
	if err == nil {
		p.since[op]++
	}
	return p.bug(p, op, in, r, err)
}

// bug changes what the reference answers.
type bug = func(p *planted, op shim.Op, in *shim.Params, r *shim.Result, err error) (*shim.Result, error)

// loses returns a bug that does not read message n of a session, after the first one.
func loses(n int) bug {
	return func(p *planted, op shim.Op, _ *shim.Params, r *shim.Result, err error) (*shim.Result, error) {
		if op == shim.SessionDecrypt && err == nil && p.since[op] == n {
			return nil, &shim.Error{Code: shim.Rejected}
		}
		return r, err
	}
}

// takesMore reads a message that has three bytes more at its end, or up to eight.
func takesMore(p *planted, op shim.Op, in *shim.Params, r *shim.Result, err error) (*shim.Result, error) {
	for n := 3; n <= 8 && op == shim.SessionDecrypt && err != nil && len(in.Envelope.Body) > n; n++ {
		shorter := *in
		shorter.Envelope = &shim.Message{Kind: in.Envelope.Kind, Body: in.Envelope.Body[:len(in.Envelope.Body)-n]}
		r, err = p.Target.Call(context.Background(), op, &shorter)
	}
	return r, err
}

// crashesAtFourth ends when it is to encrypt the fourth message.
func crashesAtFourth(p *planted, op shim.Op, _ *shim.Params, r *shim.Result, err error) (*shim.Result, error) {
	if op == shim.SessionEncrypt && p.since[op] == 4 {
		return nil, shim.ErrCrash
	}
	return r, err
}

// silentOfDropped does not tell its user that a text was dropped.
func silentOfDropped(_ *planted, _ shim.Op, _ *shim.Params, r *shim.Result, err error) (*shim.Result, error) {
	if err == nil {
		r.Events = slices.DeleteFunc(r.Events, func(e shim.Event) bool { return e.Kind == "dropped" })
	}
	return r, err
}

// repeatsThird gives its user the third text twice.
func repeatsThird(p *planted, _ shim.Op, _ *shim.Params, r *shim.Result, err error) (*shim.Result, error) {
	if err != nil {
		return r, err
	}
	for _, e := range r.Events {
		if e.Kind == "message" {
			if p.since["texts"]++; p.since["texts"] == 3 {
				r.Events = append(r.Events, e)
			}
		}
	}
	return r, err
}

type start = func(context.Context) (shim.Target, error)

// byRun finds what the property of an id finds.
func byRun(id string) func(t *testing.T, start start) []verdict.TestResult {
	return func(t *testing.T, start start) []verdict.TestResult {
		r, err := conformance.Run(t.Context(), conformance.Options{
			Start: start, Seed: 1, Match: regexp.MustCompile("^" + id + "$"),
		})
		require.NoError(t, err)
		return r.Results
	}
}

// byRandom finds what random schedules of a level find.
func byRandom(level scenario.Level) func(t *testing.T, start start) []verdict.TestResult {
	return func(t *testing.T, start start) []verdict.TestResult {
		_, wrong, err := conformance.Random(t.Context(), conformance.RandomOptions{
			Start: start, Seed: 1, Levels: []scenario.Level{level}, Count: 400,
		})
		require.NoError(t, err)
		require.NotNil(t, wrong)
		return []verdict.TestResult{*wrong}
	}
}

// byFuzz finds what a campaign finds.
func byFuzz(t *testing.T, start start) []verdict.TestResult {
	r, err := conformance.Fuzz(t.Context(), conformance.FuzzOptions{
		Start: start, Seed: 1, Profiles: []string{"ratchet"}, Executions: 400, FirstOnly: true,
	})
	require.NoError(t, err)
	return r.Results
}

// bySearch finds what every schedule up to a depth finds.
func bySearch(t *testing.T, start start) []verdict.TestResult {
	_, wrong, err := conformance.Search(t.Context(), conformance.SearchOptions{
		Start: start, Depth: 4, From: &scenario.Scenario{Level: scenario.Ratchet, Set: "ambassador-v1"},
	})
	require.NoError(t, err)
	require.NotNil(t, wrong)
	return []verdict.TestResult{*wrong}
}

// What is found in whatever way is as small as it can be: nothing of it can be left out, and no number be lower.
func TestFindingsAreMinimal(t *testing.T) {
	for _, b := range []struct {
		name string
		bug  bug
		find func(t *testing.T, start start) []verdict.TestResult
	}{
		{"loses the third, run", loses(3), byRun("ratchet/signal-v3/property/agreement")},
		{"loses the third, random", loses(3), byRandom(scenario.Ratchet)},
		{"loses the first, search", loses(1), bySearch},
		{"takes more, fuzz", takesMore, byFuzz},
		{"crashes at the fourth, run", crashesAtFourth, byRun("ratchet/olm-v1/property/agreement")},
		{"crashes at the fourth, fuzz", crashesAtFourth, byFuzz},
		{"silent of what was dropped, run", silentOfDropped, byRun("ambassador/ambassador-v1/property/no-silent-loss")},
		{"repeats the third, random", repeatsThird, byRandom(scenario.Ambassador)},
	} {
		t.Run(b.name, func(t *testing.T) {
			start := func(context.Context) (shim.Target, error) {
				return &planted{Target: adapter.New(), bug: b.bug, since: map[shim.Op]int{}}, nil
			}
			p, err := conformance.NewPlayer(t.Context(), conformance.Options{Seed: 1, Start: start})
			require.NoError(t, err)
			found := 0
			for _, r := range b.find(t, start) {
				if r.Scenario != nil {
					found++
					nothingCanBeLeftOut(t, p, r.Scenario)
				}
			}
			require.NotZero(t, found)
		})
	}
}

// nothingCanBeLeftOut fails if a scenario with one thing less fails for the same cause: an event, with the messages
// after it counted anew, or by the names that they had.
func nothingCanBeLeftOut(t *testing.T, p *conformance.Player, s *scenario.Scenario) {
	t.Helper()
	cause := func(s *scenario.Scenario) string {
		play, err := p.Play(s)
		require.NoError(t, err)
		return play.Result.Cause()
	}
	text, err := s.Encode()
	require.NoError(t, err)
	all := cause(s)
	require.NotEqual(t, verdict.TestResult{}.Cause(), all, "does not fail:\n%s", text)
	for _, simpler := range slices.Concat(scenario.Simpler(s), scenario.Simpler(s.WithNames())) {
		if cause(simpler) == all {
			less, err := simpler.Encode()
			require.NoError(t, err)
			t.Errorf("fails for the same cause (%s) with less:\n%s\n%s", all, text, less)
		}
	}
}
