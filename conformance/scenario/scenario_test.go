package scenario_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"credence/conformance/scenario"
)

func sample() *scenario.Scenario {
	return &scenario.Scenario{
		Format: scenario.Format, Version: scenario.Version, Comment: "late <message>", Level: scenario.Ratchet,
		Set: "signal-v3",
		Events: []scenario.Event{
			{Do: scenario.Send, By: "a"},
			{Do: scenario.Deliver, By: "b", Message: "a1"},
			{Do: scenario.Compromise, By: "b"},
		},
	}
}

func TestCanonical(t *testing.T) {
	b, err := sample().Encode()
	require.NoError(t, err)
	s, err := scenario.Decode(b)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(sample(), s))
	again, err := s.Encode()
	require.NoError(t, err)
	require.Equal(t, string(b), string(again))
	require.Contains(t, string(b), `{"do":"deliver","by":"b","message":"a1"}`, "an event is a line")

	empty := &scenario.Scenario{
		Level: scenario.Ambassador, Set: "ambassador-v1", Users: []scenario.User{{Name: "alice", Devices: 2}},
	}
	b, err = empty.Encode()
	require.NoError(t, err)
	_, err = scenario.Decode(b)
	require.NoError(t, err)
}

// What is not a scenario is refused, and the error names the place.
func TestDecodeRefuses(t *testing.T) {
	b, err := sample().Encode()
	require.NoError(t, err)
	good := string(b)
	for _, c := range []struct{ old, new, place string }{
		{`"version": 1`, `"version": 2`, `field "version"`},
		{`"signal-v3"`, `"signal-v4"`, `field "set"`},
		{`"do":"send"`, `"do":"sing"`, `field "events.0.do"`},
		{`"do":"send"`, `"do":"rotate"`, `field "events.0.do"`},
		{`"by":"b","message":"a1"`, `"by":"c","message":"a1"`, `field "events.1.by"`},
		{`"message":"a1"`, `"message":"a0"`, `field "events.1.message"`},
		{`"message":"a1"`, `"massage":"a1"`, "massage"},
		{`"level": "ratchet"`, `"level": "ambassador"`, "users"},
		{`"set": "signal-v3"`, `"set": "signal-v3", "cadence": "per-message"`, `field "set"`},
		{`{`, ``, "not a scenario"},
	} {
		require.Contains(t, good, c.old)
		_, err := scenario.Decode([]byte(strings.Replace(good, c.old, c.new, 1)))
		require.ErrorIs(t, err, scenario.ErrInvalid, c.new)
		require.ErrorContains(t, err, c.place, c.new)
		require.NotContains(t, err.Error(), "\n")
	}
}
