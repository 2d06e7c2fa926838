package accounts

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/schedule"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// try plays a scenario on a target, with an attacker.
func try(t *testing.T, target shim.Target, s *scenario.Scenario) (*verdict.Play, *suite.Failure) {
	t.Helper()
	h, err := suite.Greet(t.Context(), target)
	require.NoError(t, err)
	run := suite.NewT(t.Context(), t.Name(), target, h, suite.Random(1, "play"))
	failure := run.Attempt(func() { Play(run, s, true) })
	return run.Played, failure
}

// play plays a scenario on the reference.
func play(t *testing.T, s *scenario.Scenario) *verdict.Play {
	t.Helper()
	p, failure := try(t, adapter.New(), s)
	require.Nil(t, failure, strings.Join(p.Lines, "\n"))
	return p
}

// aliceAndBob returns a scenario of Alice, with two devices, and Bob, with one. Each line is a verb, a device, and
// what else the event names: a user, other devices, or a part.
func aliceAndBob(lines ...string) *scenario.Scenario {
	s := &scenario.Scenario{
		Level: scenario.Ambassador, Set: "ambassador-v1",
		Users: []scenario.User{{Name: "alice", Devices: 2}, {Name: "bob", Devices: 1}},
	}
	for _, line := range lines {
		words := strings.Fields(line)
		e := scenario.Event{Do: scenario.Verb(words[0]), By: words[1]}
		for _, w := range words[2:] {
			switch {
			case strings.Contains(w, "/"):
				e.Devices = append(e.Devices, w)
			case e.Do == scenario.Forge:
				e.Part = w
			default:
				e.To = w
			}
		}
		s.Events = append(s.Events, e)
	}
	return s
}

// On the reference the attacker reads exactly what the oracle allows: not more, and not less, so that he is seen to be
// awake.
func TestReadsExactlyWhatIsAllowed(t *testing.T) {
	for _, f := range []scenario.Focus{scenario.Copies, scenario.Linking, scenario.Removing, scenario.Healing} {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			allowed := 0
			for seed := range 6 {
				p := play(t, scenario.Accounts(f).Example(seed))
				for _, c := range p.Compromises {
					for _, e := range c.Exposed {
						require.Equal(t, e.Allowed, e.Read != "", "seed %d: %s in the copy of %s in event %d: %s\n%s",
							seed, e.Message, c.Who, c.Event, e.Read, strings.Join(p.Lines, "\n"))
					}
				}
				allowed += p.Allowed
			}
			require.NotZero(t, allowed, "nothing could be read at all")
		})
	}
}

// opened returns the entries that the specification lets a copy open.
func opened(c verdict.Compromised) (names []string) {
	for _, e := range c.Exposed {
		if e.Allowed && !strings.HasPrefix(e.Message, "record") {
			names = append(names, e.Message)
		}
	}
	return names
}

// begun is a conversation of two messages, m1 and m2, that everybody has read.
var begun = []string{"send alice/0 bob", "send bob/0 alice", "read alice/1", "read alice/0"}

// table has the rows of SPEC.md 13.2, worked out by hand: the entries that the one copy opens after these events.
var table = map[string]struct {
	events []string
	opens  []string
}{
	"B spoke last, channels not healed": {
		[]string{"compromise alice/1", "send bob/0 alice", "send alice/0 bob", "send bob/0 alice"},
		[]string{"m3", "m4", "m5"},
	},
	"B spoke last, channels healed": {
		slices.Concat([]string{"compromise alice/1"}, heal,
			[]string{"send bob/0 alice", "send alice/0 bob", "send bob/0 alice"}),
		[]string{"m3"},
	},
	"A spoke last, channels not healed": {
		[]string{"send alice/0 bob", "read alice/1", "compromise alice/1", "send bob/0 alice", "send alice/0 bob"},
		[]string{"m4", "m5"},
	},
	"A spoke last, channels healed": {
		slices.Concat([]string{"send alice/0 bob", "read alice/1", "compromise alice/1"}, heal,
			[]string{"send bob/0 alice", "send alice/0 bob"}),
		[]string{"m4"},
	},
	"asked to heal, then a rotation": {
		[]string{
			"compromise alice/1", "prepare alice/0", "read alice/1", "read alice/0", "prepare alice/0", "read alice/1",
			"read alice/0", "rotate alice/0", "send alice/0 bob", "send bob/0 alice",
		},
		nil,
	},
	"asked and silent: pending": {
		[]string{"compromise alice/1", "prepare alice/0", "rotate alice/0", "send alice/0 bob", "send bob/0 alice"},
		nil,
	},
	"removed": {
		[]string{"compromise alice/1", "remove alice/0 alice/1", "send alice/0 bob", "send bob/0 alice"},
		nil,
	},
	"removed, entries before the cut": {
		[]string{
			"compromise alice/1", "send bob/0 alice", "remove alice/0 alice/1", "send alice/0 bob", "send bob/0 alice",
		},
		[]string{"m3"},
	},
	// What bob encrypted before he learned of the rotation was refused, and seen.
	"removed, the other side tries first": {
		[]string{"compromise alice/1", "remove alice/0 alice/1", "send bob/0 alice", "send bob/0 alice"},
		[]string{"m3"},
	},
	"a rotation alone heals nothing": {
		[]string{"compromise alice/1", "rotate alice/0", "send alice/0 bob"},
		[]string{"m3"},
	},
	"a new device has nothing old": {
		[]string{"add alice/0", "compromise alice/2", "send bob/0 alice"},
		[]string{"m3"},
	},
}

// heal lets the channel of Alice's devices heal.
var heal = []string{
	"ack alice/0", "read alice/1", "ack alice/1", "read alice/0", "ack alice/0", "read alice/1", "ack alice/1",
	"read alice/0",
}

// What the oracle allows is what the table says.
func TestTable(t *testing.T) {
	check := func(t *testing.T, opens []string, events ...string) {
		p := play(t, aliceAndBob(events...))
		lines := strings.Join(p.Lines, "\n")
		require.NotContains(t, lines, schedule.DoesNotApply)
		require.Len(t, p.Compromises, 1)
		require.Equal(t, opens, opened(p.Compromises[0]), lines)
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) { check(t, row.opens, slices.Concat(begun, row.events)...) })
	}
	t.Run("the slowest device", func(t *testing.T) {
		check(t, []string{"m1", "m2", "m3"},
			"send alice/0 bob", "send bob/0 alice", "send bob/0 alice", "compromise alice/1")
	})
}

// liar is a target with some of its results changed.
type liar struct {
	shim.Target
	lie func(op shim.Op, r *shim.Result, err error) (*shim.Result, error)
}

func (l liar) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	r, err := l.Target.Call(ctx, op, p)
	return l.lie(op, r, err)
}

// always returns a lie that changes every result of an operation.
func always(op shim.Op, change func(r *shim.Result)) func(shim.Op, *shim.Result, error) (*shim.Result, error) {
	return func(asked shim.Op, r *shim.Result, err error) (*shim.Result, error) {
		if asked == op && err == nil {
			change(r)
		}
		return r, err
	}
}

// repeatEvents lets a mail bring everything twice.
func repeatEvents(r *shim.Result) { r.Events = append(r.Events, r.Events...) }

// believe lets a device take every mail that it refuses for its own.
func believe(r *shim.Result) {
	for i := range r.Events {
		if r.Events[i].Kind == "refused" {
			r.Events[i].Kind = "accepted"
		}
	}
}

// forgetEpoch returns a lie: after some answers a device says that it is back in the first epoch.
func forgetEpoch() func(shim.Op, *shim.Result, error) (*shim.Result, error) {
	answers := 0
	return always(shim.DeviceStatus, func(r *shim.Result) {
		if answers++; answers > 20 {
			r.Epoch = 0
		}
	})
}

// What a target does wrong is blamed on it, with the play as far as it came.
func TestLiars(t *testing.T) {
	crash := func(op shim.Op, r *shim.Result, err error) (*shim.Result, error) {
		if op == shim.DeviceAck {
			return nil, shim.ErrCrash
		}
		return r, err
	}
	for name, test := range map[string]struct {
		lie    func(shim.Op, *shim.Result, error) (*shim.Result, error)
		last   string // event, after a conversation has begun
		reason verdict.Reason
		says   string
	}{
		"tells a text twice": {
			always(shim.DeviceReceive, repeatEvents), "read alice/1", verdict.Mismatch, "more than once",
		},
		"is back": {forgetEpoch(), "read alice/1", verdict.Mismatch, "is back in an earlier epoch"},
		"stands still": {
			always(shim.DeviceStatus, func(r *shim.Result) { r.Problem = "frozen" }), "read alice/1", verdict.Mismatch,
			"stands still: frozen",
		},
		"believes a forgery": {
			always(shim.DeviceReceive, believe), "forge alice/1 entry", verdict.AcceptedInvalid,
			"takes a changed entry for its own",
		},
		"registers nobody": {
			always(shim.DeviceRegister, func(r *shim.Result) { r.Message = r.Message[:10] }), "read alice/1",
			verdict.Mismatch, "do not understand each other",
		},
		"dies": {crash, "ack alice/1", verdict.Crash, "ended"},
	} {
		t.Run(name, func(t *testing.T) {
			s := aliceAndBob(append(slices.Clone(begun), test.last)...)
			p, failure := try(t, liar{adapter.New(), test.lie}, s)
			require.NotNil(t, failure, strings.Join(p.Lines, "\n"))
			require.Equal(t, test.reason, failure.Reason, failure.Message)
			require.Contains(t, failure.Message, test.says)
		})
	}
}
