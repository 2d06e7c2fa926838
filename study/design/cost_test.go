package design_test

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/study/design"
)

var update = flag.Bool("update", false, "write docs/costs.md")

const costsFile = "../../docs/costs.md"

// sizes are the numbers of devices a side in the table.
var sizes = []int{1, 2, 5, 20}

const costsHead = `# What a message costs

Written by ` + "`go test ./study/design -run TestCosts -update`" + ` from the running designs of [study/design](../study/design/). Alice's first device
sends 64 bytes to Bob and Bob's first device answers, again and again; the table gives the mean for one message of Alice in a conversation
that is under way, on her side: all of her devices that have to work are counted (in the leader-based design the leader encrypts
anew). Ciphertexts and bytes are counted where the post office takes them. A key pair that is drawn in a running session costs two X25519 operations: the
multiplication of the base point and one DH.

Sending with the ambassador costs the same whatever the number of Bob's devices: one entry for all of them, and one record for each other device of
Alice. With multiplication it grows with both. The leader-based design is cheap in ciphertexts and stands still without its leader.

The ambassador draws a key pair for every entry, and its records carry private keys and digests; that is what its bytes are. What an entry seals is
the text and what the sender could not read (SPEC.md 10.2): two lengths, 6 bytes, and 16 for each run of such places, in every entry until the other
side has read of it. Two things are not in the table. Each commit is announced before it leaves (SPEC.md 11.4), which is one round trip more. And while
a sibling is silent, a device remembers the places of each conversation to compare what the sibling will say of them: at most 1000, of 104 bytes.
`

// Every design is measured, and what the documentation says is what was measured.
func TestCosts(t *testing.T) {
	var b strings.Builder
	b.WriteString(costsHead)
	b.WriteString(
		"\n| design | Alice's devices | Bob's devices | ciphertexts | bytes | key pairs | X25519 operations " +
			"|\n|---|---|---|---|---|---|---|\n",
	)
	for _, d := range designs {
		for _, alice := range sizes {
			var first design.Cost
			for _, bob := range sizes {
				if d.devices == 1 && alice*bob > 1 {
					continue
				}
				c := steadyCost(t, d.new(seeded(1)), alice, bob)
				if bob == 1 {
					first = c
				}
				if d.name == oneVoice {
					require.Equal(t, first, c, "the cost depends on Bob's devices")
				}
				if d.name == fanOut {
					require.Equal(t, messages*(alice+bob-1), c.Ciphertexts)
				}
				mean := func(total int) string { return fmt.Sprintf("%.1f", float64(total)/messages) }
				fmt.Fprintf(
					&b, "| %s | %d | %d | %s | %s | %s | %s |\n", d.name, alice, bob, mean(c.Ciphertexts),
					mean(c.Bytes), mean(c.KeyPairs), mean(2*c.KeyPairs),
				)
			}
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(costsFile, []byte(b.String()), 0o644))
	}
	have, err := os.ReadFile(costsFile)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(have), "docs/costs.md is not what the designs cost; -update writes it anew")
}

// messages is how many messages a cost is the sum of.
const messages = 8

var text64 = strings.Repeat("x", 64)

// steadyCost returns the sum of the costs of messages in a conversation that is under way.
func steadyCost(t testing.TB, d design.Design, alice, bob int) (sum design.Cost) {
	t.Helper()
	require.NoError(t, d.AddUser("alice", alice))
	require.NoError(t, d.AddUser("bob", bob))
	for i := range messages + 2 {
		c, err := d.Send(device("alice", 0), "bob", text64)
		require.NoError(t, err)
		if i >= 2 {
			sum.Ciphertexts += c.Ciphertexts
			sum.Bytes += c.Bytes
			sum.KeyPairs += c.KeyPairs
		}
		_, err = d.Send(device("bob", 0), "alice", text64)
		require.NoError(t, err)
	}
	return sum
}

// BenchmarkSend is one message of Alice and the reading of all devices, with the answer of Bob in between.
func BenchmarkSend(b *testing.B) {
	for _, d := range designs {
		for _, n := range sizes {
			if d.devices == 1 && n > 1 {
				continue
			}
			b.Run(fmt.Sprintf("%s/alice=2/bob=%d", d.name, n), func(b *testing.B) {
				alice := min(2, d.devices)
				w := d.new(io.Reader(seeded(1)))
				require.NoError(b, w.AddUser("alice", alice))
				require.NoError(b, w.AddUser("bob", n))
				for b.Loop() {
					_, err := w.Send(device("alice", 0), "bob", text64)
					require.NoError(b, err)
				}
			})
		}
	}
}
