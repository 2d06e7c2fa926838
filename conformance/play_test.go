package conformance

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"credence/conformance/scenario"
	"credence/reference/params"
	"credence/shim"
	"credence/shims/reference/adapter"
)

func referenceTester(t *testing.T, id string) *tester {
	t.Helper()
	target := adapter.New()
	r, err := target.Call(context.Background(), shim.Hello, &shim.Params{})
	require.NoError(t, err)
	return &tester{ctx: context.Background(), target: target, hello: hello{r}, random: testRandom(1, id)}
}

func play(t *testing.T, s *scenario.Scenario) *Play {
	t.Helper()
	p, err := referenceTester(t, "play").replay(s)
	require.NoError(t, err, strings.Join(p.Lines, "\n"))
	return p
}

// On the reference the attacker reads exactly what the oracle allows: not more, and not less, so that he is seen to be awake.
func TestReadsExactlyWhatIsAllowed(t *testing.T) {
	generators := map[string]*rapid.Generator[*scenario.Scenario]{"per-message": scenario.Ratchets("ambassador-v1", "per-message", scenario.Thefts)}
	for _, set := range params.Sets() {
		generators[set.Name] = scenario.Ratchets(set.Name, "", scenario.Thefts)
	}
	for _, f := range []scenario.Focus{scenario.Copies, scenario.Linking, scenario.Removing, scenario.Healing} {
		generators[f.Name] = scenario.Accounts(f)
	}
	for name, g := range generators {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			allowed := 0
			for seed := range 6 {
				s := g.Example(seed)
				p := play(t, s)
				for _, c := range p.Compromises {
					for _, e := range c.Exposed {
						require.Equal(t, e.Allowed, e.Read != "", "seed %d: %s in the copy of %s in event %d: %s\n%s", seed, e.Message, c.Who, c.Event, e.Read, strings.Join(p.Lines, "\n"))
					}
				}
				allowed += p.Allowed
			}
			require.NotZero(t, allowed, "nothing could be read at all")
		})
	}
}

// The fixed schedules apply whole, and are read exactly too.
func TestSchedules(t *testing.T) {
	schedules := []*scenario.Scenario{everyStepOf(wholeLife(), "alice/0", "alice/1", "alice/2"), everyStepOf(inTurns(), "a", "b")}
	for _, set := range params.Sets() {
		schedules = append(schedules, everyStepOf(twoParties(set.Name), "a", "b"))
	}
	for _, s := range schedules {
		p := play(t, s)
		for i, l := range p.Lines {
			if s.Events[i].Do != scenario.Compromise {
				require.NotContains(t, l, doesNotApply)
			}
		}
		require.Equal(t, p.Allowed, p.Read, s.Comment)
		require.NotZero(t, p.Read)
		require.Equal(t, Passed, judgedResult(referenceTester(t, "schedule").anyExposure(p)).Status)
	}
}

func judgedResult(err error) (r TestResult) {
	judge(&r, err)
	return r
}

func event(line string) scenario.Event {
	words := strings.Fields(line)
	e := scenario.Event{Do: scenario.Verb(words[0])}
	for _, w := range words[1:] {
		switch {
		case strings.Contains(w, "/") && e.By != "", strings.Contains(w, "/") && e.Do == scenario.Race:
			e.Devices = append(e.Devices, w)
		case w == "a" || w == "b" || strings.Contains(w, "/"):
			e.By = w
		case w == "alice" || w == "bob":
			e.To = w
		case e.Message == "":
			e.Message = w
		default:
			e.Part = w
		}
	}
	return e
}

func events(lines ...string) (all []scenario.Event) {
	for _, l := range lines {
		all = append(all, event(l))
	}
	return all
}

// opened gives the entries that a copy opens, of those that have a name of their own.
func opened(c Compromised) (names []string) {
	for _, e := range c.Exposed {
		if e.Allowed && !strings.HasPrefix(e.Message, "record") {
			names = append(names, e.Message)
		}
	}
	return names
}

// The tables that were worked out by hand, SPEC.md 13.2 for accounts: what the oracle allows is what they say.
func TestTables(t *testing.T) {
	begun := []string{"send alice/0 bob", "send bob/0 alice", "read alice/1", "read alice/0"} // m1, m2
	heal := []string{"ack alice/0", "read alice/1", "ack alice/1", "read alice/0", "ack alice/0", "read alice/1", "ack alice/1", "read alice/0"}
	for name, test := range map[string]struct {
		events []string
		opens  []string
	}{
		"B spoke last, channels not healed": {slices.Concat(begun, []string{"compromise alice/1", "send bob/0 alice", "send alice/0 bob", "send bob/0 alice"}), []string{"m3", "m4", "m5"}},
		"B spoke last, channels healed":     {slices.Concat(begun, []string{"compromise alice/1"}, heal, []string{"send bob/0 alice", "send alice/0 bob", "send bob/0 alice"}), []string{"m3"}},
		"A spoke last, channels not healed": {slices.Concat(begun, []string{"send alice/0 bob", "read alice/1", "compromise alice/1", "send bob/0 alice", "send alice/0 bob"}), []string{"m4", "m5"}},
		"A spoke last, channels healed":     {slices.Concat(begun, []string{"send alice/0 bob", "read alice/1", "compromise alice/1"}, heal, []string{"send bob/0 alice", "send alice/0 bob"}), []string{"m4"}},
		"asked to heal, then a rotation":    {slices.Concat(begun, []string{"compromise alice/1", "prepare alice/0", "read alice/1", "read alice/0", "prepare alice/0", "read alice/1", "read alice/0", "rotate alice/0", "send alice/0 bob", "send bob/0 alice"}), nil},
		"asked and silent: pending":         {slices.Concat(begun, []string{"compromise alice/1", "prepare alice/0", "rotate alice/0", "send alice/0 bob", "send bob/0 alice"}), nil},
		"removed":                           {slices.Concat(begun, []string{"compromise alice/1", "remove alice/0 alice/1", "send alice/0 bob", "send bob/0 alice"}), nil},
		"removed, entries before the cut":   {slices.Concat(begun, []string{"compromise alice/1", "send bob/0 alice", "remove alice/0 alice/1", "send alice/0 bob", "send bob/0 alice"}), []string{"m3"}},
		// What bob encrypted before he learned of the rotation was refused, and seen.
		"removed, the other side tries first": {slices.Concat(begun, []string{"compromise alice/1", "remove alice/0 alice/1", "send bob/0 alice", "send bob/0 alice"}), []string{"m3"}},
		"a rotation alone heals nothing":      {slices.Concat(begun, []string{"compromise alice/1", "rotate alice/0", "send alice/0 bob"}), []string{"m3"}},
		"the slowest device":                  {[]string{"send alice/0 bob", "send bob/0 alice", "send bob/0 alice", "compromise alice/1"}, []string{"m1", "m2", "m3"}},
		"a new device has nothing old":        {slices.Concat(begun, []string{"add alice/0", "compromise alice/2", "send bob/0 alice"}), []string{"m3"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scenario.Scenario{Level: scenario.Ambassador, Set: "ambassador-v1", Users: []scenario.User{{Name: "alice", Devices: 2}, {Name: "bob", Devices: 1}}, Events: events(test.events...)}
			p := play(t, s)
			require.NotContains(t, strings.Join(p.Lines, "\n"), doesNotApply)
			require.Len(t, p.Compromises, 1)
			require.Equal(t, test.opens, opened(p.Compromises[0]), strings.Join(p.Lines, "\n"))
		})
	}
}

// What the sets allow differs: the reasons are in SPEC.md 2.4 and 13.4.
func TestSetsDiffer(t *testing.T) {
	lines := []string{"send a", "deliver b a1", "send a", "send b", "deliver a b1", "send a", "deliver b a3", "compromise b", "deliver b a2", "send b"}
	for set, opens := range map[string][]string{
		"ambassador-v1": {"a2"},       // a skipped key; the next key of b is drawn when he sends
		"olm-v1":        {"a2"},       // from the chain key of an old chain
		"signal-v3":     {"a2", "b2"}, // b has drawn the key of his next chain when he received a3
		"omemo-2":       {"a2", "b2"},
	} {
		p := play(t, &scenario.Scenario{Level: scenario.Ratchet, Set: set, Events: events(lines...)})
		require.Equal(t, opens, opened(p.Compromises[0]), set)
	}
}

// Faults of a target become verdicts, with the smallest scenario that shows them.
func TestPropertiesFindFaults(t *testing.T) {
	var kept []byte // exports, each followed by |, which stands in none
	for name, test := range map[string]struct {
		id     string
		reason Reason
		most   int // events of the smallest scenario
		change func(op shim.Op, p *shim.Params, r *shim.Result, err error) (*shim.Result, error)
	}{
		"keeps every state that it had": {"ratchet/ambassador-v1/property/forward-secrecy", Exposed, 6, func(op shim.Op, p *shim.Params, r *shim.Result, err error) (*shim.Result, error) {
			if op == shim.PartyExport && err == nil {
				kept = append(append(kept, r.State...), '|')
				return &shim.Result{State: bytes.Clone(kept)}, nil
			}
			return r, err
		}},
		"loses late messages": {"ratchet/signal-v3/property/agreement", RejectedValid, 4, func(op shim.Op, p *shim.Params, r *shim.Result, err error) (*shim.Result, error) {
			if op == shim.SessionDecrypt && err == nil && strings.HasSuffix(string(*r.Plaintext), "a2") {
				return nil, &shim.Error{Code: shim.Rejected}
			}
			return r, err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			tt := referenceTester(t, name)
			tt.target = changed{tt.target, test.change}
			var c testCase
			for _, candidate := range ratchetProperties() {
				if candidate.ID == test.id {
					c = candidate
				}
			}
			var v *verdict
			require.ErrorAs(t, c.run(tt), &v)
			require.Equal(t, test.reason, v.reason)
			require.LessOrEqual(t, len(v.scenario.Events), test.most, fmt.Sprint(v.scenario.Events))
		})
	}
}

// changed is a target with some of its answers changed.
type changed struct {
	shim.Target
	change func(op shim.Op, p *shim.Params, r *shim.Result, err error) (*shim.Result, error)
}

func (c changed) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	if op == shim.PartyImport { // of several exports the last
		all := bytes.Split(bytes.TrimSuffix(p.State, []byte("|")), []byte("|"))
		last := *p
		last.State, p = all[len(all)-1], &last
	}
	r, err := c.Target.Call(ctx, op, p)
	return c.change(op, p, r, err)
}

// The search finds the schedule that a fault needs, and nothing on the reference.
func TestSearch(t *testing.T) {
	start := func(fault func(op shim.Op, p *shim.Params, r *shim.Result, err error) (*shim.Result, error)) func(context.Context) (shim.Target, error) {
		return func(context.Context) (shim.Target, error) {
			if fault == nil {
				return adapter.New(), nil
			}
			return changed{adapter.New(), fault}, nil
		}
	}
	accounts := &scenario.Scenario{Level: scenario.Ambassador, Set: "ambassador-v1", Users: []scenario.User{{Name: "alice", Devices: 2}, {Name: "bob", Devices: 1}}}
	n, wrong, err := Search(context.Background(), SearchOptions{Options: Options{Start: start(nil)}, Start: accounts, Depth: 3})
	require.NoError(t, err)
	require.Nil(t, wrong)
	require.Equal(t, 25, n)

	two := &scenario.Scenario{Level: scenario.Ratchet, Set: "ambassador-v1"}
	n, wrong, err = Search(context.Background(), SearchOptions{Options: Options{Start: start(nil), Jobs: 2}, Start: two, Depth: 4})
	require.NoError(t, err)
	require.Nil(t, wrong)
	require.Equal(t, 32, n)

	_, wrong, err = Search(context.Background(), SearchOptions{Start: two, Depth: 4, Options: Options{Start: start(func(op shim.Op, p *shim.Params, r *shim.Result, err error) (*shim.Result, error) {
		if op == shim.SessionDecrypt && err == nil {
			return nil, &shim.Error{Code: shim.Rejected} // everything but the first message is lost
		}
		return r, err
	})}})
	require.NoError(t, err)
	require.NotNil(t, wrong)
	require.Equal(t, RejectedValid, wrong.Reason)
	require.NotNil(t, wrong.Scenario)
}

// On the reference, whoever speaks from a copy is believed exactly as long as the oracle says.
func TestImpersonation(t *testing.T) {
	lines := func(set string, lines ...string) []string {
		p := play(t, &scenario.Scenario{Level: scenario.Ratchet, Set: set, Events: events(lines...)})
		var came []string
		for _, l := range p.Lines {
			if after, ok := strings.CutPrefix(l, "impersonate "); ok {
				came = append(came, after)
			}
		}
		return came
	}
	begun := []string{"send a", "deliver b a1", "send b", "deliver a b1", "send a", "deliver b a2", "compromise a"}
	require.Equal(t, []string{"a: believed"}, lines("ambassador-v1", append(begun, "impersonate a")...))
	require.Equal(t, []string{"a: refused"}, lines("ambassador-v1", append(begun, "send b", "deliver a b2", "send a", "deliver b a3", "impersonate a")...))
	for _, set := range params.Sets() {
		g := scenario.Ratchets(set.Name, "", scenario.Impersonating)
		believed := 0
		for seed := range 8 {
			p := play(t, g.Example(seed))
			require.NotContains(t, strings.Join(p.Lines, "\n"), "not believed", set.Name)
			believed += strings.Count(strings.Join(p.Lines, "\n"), ": believed")
		}
		require.NotZero(t, believed, set.Name)
	}
}

// The record tells how keys live and die: a skipped message key from the message that came too early to the reading of its own; every
// other key goes when its successor comes.
func TestLives(t *testing.T) {
	s, err := scenario.ReadFile("../docs/pictures/healing.json")
	require.NoError(t, err)
	p := play(t, s)
	lives := map[string][]string{}
	for _, l := range p.Keys {
		name := fmt.Sprint(l.Kind, " of ", l.Lane)
		lives[name] = append(lives[name], fmt.Sprint(l.Since, " to ", l.Until))
	}
	require.Equal(t, []string{"5 to 15"}, lives["message key of a"], "b1 is skipped in event 5 and read in event 15")
	require.Empty(t, lives["message key of b"])
	require.Equal(t, []string{"1 to 5", "5 to 6", "6 to 12", "12 to 13", "13 to 17", "17 to -1"}, lives["root key of a"], "a step of either side changes it")
	require.Equal(t, []string{"1 to 6", "6 to 13", "13 to -1"}, lives["ratchet key of a"], "a new one with each turn of a")
}
