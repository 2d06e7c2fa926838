package fuzz

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"credence/conformance"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/shim"
	"credence/shim/process"
	"credence/shims/reference/adapter"
)

// player plays scenarios on the reference, or on the shim whose command is in CREDENCE_SHIM.
func player(t testing.TB) *conformance.Player {
	start := func(ctx context.Context) (shim.Target, error) {
		if command := os.Getenv("CREDENCE_SHIM"); command != "" {
			return process.Start(ctx, command, process.Options{})
		}
		return adapter.New(), nil
	}
	p, err := conformance.NewPlayer(context.Background(), conformance.Options{Seed: 1, Start: start})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// streams adds inputs from which scenarios of all lengths are drawn.
func streams(f *testing.F) {
	for i := range byte(6) {
		b := make([]byte, 1024<<(i%3))
		_, _ = mathrand.NewChaCha8([32]byte{i}).Read(b)
		f.Add(b)
	}
}

// plays draws a scenario, plays it, and fails with the file for `credence replay` if anything is wrong.
func plays(p *conformance.Player, scenarios *rapid.Generator[*scenario.Scenario]) func(t *testing.T, input []byte) {
	return rapid.MakeFuzz(func(t *rapid.T) {
		s := scenarios.Draw(t, "scenario")
		play, err := p.Play(s)
		if err != nil {
			t.Fatal(err)
		}
		if r := play.Result; r.Status != verdict.Passed {
			text, err := s.Encode()
			if err != nil {
				t.Fatal(err)
			}
			t.Fatalf("%s (%s): %s\nexpected %s\ngot %s\nto replay it, save this scenario:\n%s", r.Status, r.Reason,
				r.Message, r.Expected, r.Got, text)
		}
	})
}

// FuzzRatchetSchedules: whatever two parties do, whatever happens to their messages, and whoever copies their states:
// all of SPEC.md 13.4 holds, by the oracle of conformance/internal/adversary.
func FuzzRatchetSchedules(f *testing.F) {
	streams(f)
	var kinds []*rapid.Generator[*scenario.Scenario]
	for _, s := range params.Sets() {
		kinds = append(kinds, scenario.Ratchets(s.Name, "", scenario.AnyRatchet))
	}
	kinds = append(kinds, scenario.Ratchets(params.AmbassadorV1.Name, "per-message", scenario.AnyRatchet))
	f.Fuzz(plays(player(f), rapid.OneOf(kinds...)))
}

// FuzzAmbassadorSchedules: the same of accounts with devices.
func FuzzAmbassadorSchedules(f *testing.F) {
	streams(f)
	f.Fuzz(plays(player(f), scenario.Accounts(scenario.AnyAccount)))
}

// BenchmarkSchedules counts the scenarios that are played in a second, on one core; docs/fuzzing.md has the share of
// cryptography in it.
func BenchmarkSchedules(b *testing.B) {
	for _, c := range []struct {
		name      string
		scenarios *rapid.Generator[*scenario.Scenario]
	}{
		{"ratchet", scenario.Ratchets(params.AmbassadorV1.Name, "", scenario.AnyRatchet)},
		{"ambassador", scenario.Accounts(scenario.AnyAccount)},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, err := conformance.NewPlayer(
				context.Background(),
				conformance.Options{
					Seed: 1, Start: func(context.Context) (shim.Target, error) { return adapter.New(), nil },
				},
			)
			require.NoError(b, err)
			var events int
			for i := 0; b.Loop(); i++ {
				s := c.scenarios.Example(i)
				play, err := p.Play(s)
				require.NoError(b, err)
				require.Equal(b, verdict.Passed, play.Result.Status, fmt.Sprint(play.Result))
				events += len(s.Events)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "scenarios/s")
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
