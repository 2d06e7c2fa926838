package parties_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/schedule/parties"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/shims/reference/adapter"
)

// play plays a scenario on the reference, with an attacker.
func play(t *testing.T, s *scenario.Scenario) *verdict.Play {
	t.Helper()
	target := adapter.New()
	h, err := suite.Greet(t.Context(), target)
	require.NoError(t, err)
	run := suite.NewT(t.Context(), t.Name(), target, h, suite.Random(1, "play"))
	failure := run.Attempt(func() { parties.Play(run, s, parties.Options{Attacked: true}) })
	require.Nil(t, failure, strings.Join(run.Played.Lines, "\n"))
	return run.Played
}

// between returns a scenario. Each line is a verb, a party and, where there is one, a message.
func between(set string, lines ...string) *scenario.Scenario {
	s := &scenario.Scenario{Level: scenario.Ratchet, Set: set}
	for _, line := range lines {
		words := append(strings.Fields(line), "")
		s.Events = append(s.Events, scenario.Event{Do: scenario.Verb(words[0]), By: words[1], Message: words[2]})
	}
	return s
}

// On the reference the attacker reads exactly what the oracle allows: not more, and not less, so that he is seen to be
// awake.
func TestReadsExactlyWhatIsAllowed(t *testing.T) {
	t.Run("per-message", func(t *testing.T) { readsWhatIsAllowed(t, "ambassador-v1", "per-message") })
	for _, set := range params.Sets() {
		t.Run(set.Name, func(t *testing.T) { readsWhatIsAllowed(t, set.Name, "") })
	}
}

func readsWhatIsAllowed(t *testing.T, set, cadence string) {
	t.Parallel()
	allowed := 0
	for seed := range 12 {
		focus := []scenario.Focus{scenario.Thefts, scenario.StartingThefts}[seed%2]
		p := play(t, scenario.Ratchets(set, cadence, focus).Example(seed))
		for _, c := range p.Compromises {
			for _, e := range c.Exposed {
				require.Equal(t, e.Allowed, e.Read != "", "seed %d: %s in the copy of %s in event %d: %s\n%s",
					seed, e.Message, c.Who, c.Event, e.Read, strings.Join(p.Lines, "\n"))
			}
		}
		allowed += p.Allowed
	}
	require.NotZero(t, allowed, "nothing could be read at all")
}

// opened returns the messages that the specification lets a copy open.
func opened(c verdict.Compromised) (names []string) {
	for _, e := range c.Exposed {
		if e.Allowed {
			names = append(names, e.Message)
		}
	}
	return names
}

// What the sets allow differs: the reasons are in SPEC.md 2.4 and 13.4.
func TestSetsDiffer(t *testing.T) {
	lines := []string{
		"send a", "deliver b a1", "send a", "send b", "deliver a b1", "send a", "deliver b a3", "compromise b",
		"deliver b a2", "send b",
	}
	for set, opens := range map[string][]string{
		"ambassador-v1": {"a2"},       // a skipped key; the next key of b is drawn when he sends
		"olm-v1":        {"a2"},       // from the chain key of an old chain
		"signal-v3":     {"a2", "b2"}, // b has drawn the key of his next chain when he received a3
		"omemo-2":       {"a2", "b2"},
	} {
		require.Equal(t, opens, opened(play(t, between(set, lines...)).Compromises[0]), set)
	}
}

// impersonations returns what came of the events in which somebody speaks from a copy of a.
func impersonations(p *verdict.Play) (came []string) {
	for _, line := range p.Lines {
		if after, ok := strings.CutPrefix(line, "impersonate a: "); ok {
			came = append(came, after)
		}
	}
	return came
}

// On the reference, whoever speaks from a copy is believed exactly as long as the oracle says.
func TestImpersonation(t *testing.T) {
	begun := []string{
		"send a", "deliver b a1", "send b", "deliver a b1", "send a", "deliver b a2", "compromise a",
	}
	healed := []string{"send b", "deliver a b2", "send a", "deliver b a3"}
	p := play(t, between("ambassador-v1", append(begun, "impersonate a")...))
	require.Equal(t, []string{"believed"}, impersonations(p))
	p = play(t, between("ambassador-v1", append(append(begun, healed...), "impersonate a")...))
	require.Equal(t, []string{"refused"}, impersonations(p))
	for _, set := range params.Sets() {
		scenarios := scenario.Ratchets(set.Name, "", scenario.Impersonating)
		believed := 0
		for seed := range 8 {
			lines := strings.Join(play(t, scenarios.Example(seed)).Lines, "\n")
			require.NotContains(t, lines, "not believed", set.Name)
			believed += strings.Count(lines, ": believed")
		}
		require.NotZero(t, believed, set.Name)
	}
}

// The record says how keys live and die: a skipped message key from the message that came too early to the reading of
// its own; every other key goes when its successor comes.
func TestLives(t *testing.T) {
	s, err := scenario.ReadFile("../../../../docs/pictures/healing.json")
	require.NoError(t, err)
	lives := map[string][]string{}
	for _, l := range play(t, s).Keys {
		name := fmt.Sprint(l.Kind, " of ", l.Lane)
		lives[name] = append(lives[name], fmt.Sprint(l.Since, " to ", l.Until))
	}
	require.Equal(t, []string{"5 to 15"}, lives["message key of a"], "b1 is skipped in event 5 and read in event 15")
	require.Empty(t, lives["message key of b"])
	steps := []string{"1 to 5", "5 to 6", "6 to 12", "12 to 13", "13 to 17", "17 to -1"}
	require.Equal(t, steps, lives["root key of a"], "a step of either side changes it")
	turns := []string{"1 to 6", "6 to 13", "13 to -1"}
	require.Equal(t, turns, lives["ratchet key of a"], "a new one with each turn of a")
}
