package demo_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/study/demo"
)

func tell(t *testing.T, design string, seed uint64) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, demo.Tell(&b, design, seed))
	return b.String()
}

// Every design tells its story to the end, and the stories show what sets the designs apart.
func TestTell(t *testing.T) {
	for design, want := range map[string][]string{
		"single": {"\n3. Bob's phone sends to Alice", `Bob's phone       reads "Hello Bob" from Alice`},
		"leader": {"\n15. Alice's laptop sends to Bob", "NOT SENT: leader is offline"},
		"multiplication": {
			"\n15. Alice's laptop sends to Bob", "Bob               has seen 4 keys of Alice",
			"can write to one device alone", "from Alice's device ",
		},
		"ambassador": {
			"\n20. Alice's watch sends to Bob", `Bob's desktop     reads "Without my phone" from Alice`,
			`Alice's laptop    reads "Not for attackers" from Bob`, "\nAt the end every device of Alice",
		},
	} {
		story := tell(t, design, 1)
		for _, line := range want {
			require.Contains(t, story, line, design)
		}
	}
}

func TestAmbassador(t *testing.T) {
	story := tell(t, "ambassador", 1)
	for _, line := range []string{"NOT SENT", `Alice's tablet    reads "Not for attackers"`, "one device alone"} {
		require.NotContains(t, story, line)
	}
	_, end, _ := strings.Cut(story, "At the end")
	standings := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(end), "\n")[1:] {
		standings[line[strings.Index(line, "epoch"):]] = true
	}
	require.Len(t, standings, 1, "all devices stand at the same place")
}

func TestSeed(t *testing.T) {
	story := tell(t, "ambassador", 1)
	require.Equal(t, story, tell(t, "ambassador", 1))
	require.NotEqual(t, story, tell(t, "ambassador", 2))
}

func TestUnknownDesign(t *testing.T) {
	var b strings.Builder
	require.ErrorIs(t, demo.Tell(&b, "mesh", 1), demo.ErrUnknownDesign)
	require.Empty(t, b.String())
	require.Contains(t, demo.Designs(), "ambassador")
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWriteError(t *testing.T) {
	require.ErrorIs(t, demo.Tell(fullDisk{}, "single", 1), errFull)
}
