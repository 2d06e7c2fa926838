package faults

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shims/reference/adapter"
)

// try plays a scenario of Alice, with two devices, and Bob, with one, on the reference.
func try(t *testing.T, judged Aspect, events ...scenario.Event) (*verdict.Play, *suite.Failure) {
	t.Helper()
	target := adapter.New()
	h, err := suite.Greet(t.Context(), target)
	require.NoError(t, err)
	run := suite.NewT(t.Context(), t.Name(), target, h, suite.Random(1, "play"))
	s := &scenario.Scenario{
		Level: scenario.Ambassador, Set: "ambassador-v1", Faults: true, Events: events,
		Users: []scenario.User{{Name: "alice", Devices: 2}, {Name: "bob", Devices: 1}},
	}
	failure := run.Attempt(func() { Play(run, s, judged) })
	return run.Played, failure
}

func does(do scenario.Verb, by, to, part string) scenario.Event {
	return scenario.Event{Do: do, By: by, To: to, Part: part}
}

// Without faults nothing is wrong, and texts are named by their events.
func TestHonest(t *testing.T) {
	p, failure := try(t, Everything,
		does(scenario.Send, "alice/0", "bob", ""), does(scenario.Read, "bob/0", "", ""),
		does(scenario.Send, "bob/0", "alice", ""), does(scenario.Make, "alice/1", "bob", ""),
		does(scenario.Release, "alice/1", "", ""), does(scenario.Add, "alice/0", "", ""),
		does(scenario.Wait, "", "", ""), does(scenario.Stranger, "", "alice", ""),
		does(scenario.Fetch, "alice/0", "bob", ""), does(scenario.Drain, "", "bob", ""),
		does(scenario.Backup, "alice/1", "", ""), does(scenario.Restore, "alice/1", "", ""),
		does(scenario.Send, "alice/1", "bob", ""),
	)
	require.Nil(t, failure, strings.Join(p.Lines, "\n"))
	require.Equal(t, "send alice/0 to bob: m1", p.Lines[0])
	require.Equal(t, []string{"make alice/1 to bob: m4", "release alice/1: conflict"}, p.Lines[3:5], "it has not read")
	for _, line := range p.Lines {
		require.NotContains(t, line, "WRONG")
	}
}

// A commit that is late comes when it is let.
func TestLate(t *testing.T) {
	p, _ := try(t, 0,
		does(scenario.Late, "bob/0", "", ""), does(scenario.Send, "bob/0", "alice", ""),
		does(scenario.Arrive, "bob/0", "", ""), does(scenario.Arrive, "bob/0", "", ""),
	)
	require.Equal(t, []string{"arrive bob/0: 1 commits", "arrive bob/0" + doesNotApply}, p.Lines[2:])
}

// Mails that are delayed are not there, until the device gets an answer of its own or they are let come.
func TestDelay(t *testing.T) {
	p := newPlayer(nil, 0)
	d := &device{}
	d.box.delayed = true
	require.Empty(t, d.box.mails)
	require.Equal(t, ": 0 commits", p.arrive(d))
	require.Equal(t, doesNotApply, p.arrive(d))
}

// A second post office has been told the same, and what it is told then stays its own.
func TestSplit(t *testing.T) {
	p, failure := try(t, 0,
		does(scenario.Split, "alice/0", "", ""), does(scenario.Split, "alice/1", "", ""),
		does(scenario.Send, "alice/1", "bob", ""), does(scenario.Send, "alice/0", "bob", ""),
		does(scenario.Join, "", "", ""), does(scenario.Join, "", "", ""),
	)
	require.Nil(t, failure)
	require.Equal(t, []string{
		"split alice/0" + doesNotApply, "split alice/1", "send alice/1 to bob: m3", "send alice/0 to bob: m4", "join",
		"join" + doesNotApply,
	}, p.Lines)
}

// What somebody abuses is refused or void; the other side's place is its own.
func TestAbuse(t *testing.T) {
	p, _ := try(t, 0,
		does(scenario.Abuse, "bob/0", "alice", scenario.OtherSeq),
		does(scenario.Abuse, "bob/0", "alice", scenario.OtherPrevious),
		does(scenario.Abuse, "bob/0", "alice", scenario.OlderPlace),
		does(scenario.Abuse, "bob/0", "alice", scenario.OtherMessage),
	)
	require.Equal(t, []string{
		"abuse bob/0 to alice seq: conflict", "abuse bob/0 to alice previous: conflict",
		"abuse bob/0 to alice place: it has no such part", "abuse bob/0 to alice message: accepted",
	}, p.Lines)
}
