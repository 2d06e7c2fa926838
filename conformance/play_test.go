package conformance

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/scenario"
	"credence/conformance/shim"
	"credence/reference/adapter"
	"credence/reference/params"
)

func referenceTester(t *testing.T, id string) *tester {
	t.Helper()
	target := adapter.New()
	r, err := target.Call(context.Background(), shim.Hello, &shim.Params{})
	require.NoError(t, err)
	return &tester{ctx: context.Background(), target: target, hello: hello{r}, random: testRandom(1, id)}
}

func TestPlay(t *testing.T) {
	for _, set := range params.Sets() {
		s := &scenario.Scenario{Level: scenario.Ratchet, Set: set.Name}
		add := func(do scenario.Verb, by, message string) {
			s.Events = append(s.Events, scenario.Event{Do: do, By: by, Message: message}, scenario.Event{Do: scenario.Compromise, By: "a"}, scenario.Event{Do: scenario.Compromise, By: "b"})
		}
		add("send", "a", "")
		add("send", "a", "")
		add("send", "a", "")
		add("deliver", "b", "a1")
		add("deliver", "b", "a3")
		add("send", "b", "")
		add("send", "b", "")
		add("deliver", "a", "b1")
		add("send", "a", "")
		add("deliver", "b", "a4")
		add("deliver", "b", "a2")
		add("deliver", "b", "a2")
		add("send", "b", "")
		add("deliver", "a", "b3")
		add("send", "a", "")
		add("deliver", "b", "a5")
		p, err := referenceTester(t, set.Name).playRatchet(s, false, true)
		for _, l := range p.Lines {
			t.Log(l)
		}
		require.NoError(t, err)
		for _, c := range p.Compromises {
			line := fmt.Sprint(c.Event, " ", c.Who)
			for _, e := range c.Exposed {
				mark := "="
				if e.Allowed != (e.Read != "") {
					mark = "DIFFERS"
				}
				line += fmt.Sprintf("\n    %s allowed %v %v read %q %s", e.Message, e.Allowed, e.Guarantee, e.Read, mark)
			}
			t.Log(line)
		}
		for _, by := range []Guarantee{ForwardSecrecy, PostCompromise} {
			_, _, bad := p.exposed(by)
			require.False(t, bad)
		}
		_, _, missed := p.Missed()
		require.False(t, missed)
	}
}

func TestPlayAmbassador(t *testing.T) {
	s := &scenario.Scenario{Level: scenario.Ambassador, Set: "ambassador-v1", Users: []scenario.User{{Name: "alice", Devices: 2}, {Name: "bob", Devices: 2}}}
	add := func(do scenario.Verb, by, to string, devices ...string) {
		s.Events = append(s.Events, scenario.Event{Do: do, By: by, To: to, Devices: devices})
		for _, d := range []string{"alice/0", "alice/1", "alice/2", "bob/0", "bob/1"} {
			s.Events = append(s.Events, scenario.Event{Do: scenario.Compromise, By: d})
		}
	}
	add("send", "alice/0", "bob")
	add("rollback", "alice/0", "")
	add("send", "alice/1", "bob")
	add("send", "bob/0", "alice")
	add("withhold", "bob/1", "")
	add("read", "bob/1", "")
	add("race", "", "bob", "alice/0", "alice/1")
	add("rollback", "alice/0", "")
	add("crash", "alice/0", "bob")
	add("ack", "alice/1", "")
	add("restart", "alice/1", "")
	add("add", "alice/0", "")
	add("send", "alice/2", "bob")
	add("send", "bob/0", "alice")
	add("ack", "alice/1", "")
	add("replenish", "alice/1", "")
	add("prepare", "alice/0", "")
	add("read", "alice/1", "")
	add("rotate", "alice/0", "")
	add("send", "alice/1", "bob")
	add("send", "bob/1", "alice")
	add("read", "alice/2", "")
	add("remove", "alice/0", "", "alice/1")
	add("send", "bob/1", "alice")
	add("send", "alice/0", "bob")
	add("add", "alice/0", "")
	add("rotate", "alice/0", "")
	p, err := referenceTester(t, "x").playAmbassador(s, true)
	for i, l := range p.Lines {
		if s.Events[i].Do != scenario.Compromise {
			t.Log(i, l)
		}
	}
	require.NoError(t, err)
	for _, c := range p.Compromises {
		line := fmt.Sprint(c.Event, " ", c.Who)
		differs := false
		for _, e := range c.Exposed {
			if e.Allowed != (e.Read != "") {
				differs = true
				line += fmt.Sprintf("\n    %s allowed %v %v read %q", e.Message, e.Allowed, e.Guarantee, e.Read)
			}
		}
		if differs {
			t.Log(line)
		}
	}
	t.Log(p.Allowed, p.Read)
}
