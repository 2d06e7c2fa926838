package scenario_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/scenario"
)

func none(string) ([]byte, bool) { return nil, false }

// Each bit of a message of 70 KiB can be flipped, and it can be cut at each length, by a change that a file can have.
func TestChangesReachEveryByte(t *testing.T) {
	long := make([]byte, 70<<10)
	for i := 0; i < len(long); i += min(89, max(1, len(long)-1-i)) { // not all: the copies take their time
		for _, bit := range []int{0, 7} {
			changed, ok := scenario.Change(fmt.Sprint("flip ", 8*i+bit)).Apply(long, none)
			require.True(t, ok)
			at := slices.IndexFunc(changed, func(b byte) bool { return b != 0 })
			require.Equal(t, []int{len(long) - 1 - i, 1 << bit}, []int{at, int(changed[at])})
		}
	}
	for _, n := range []int{1, 2, 40, 41, 70<<10 - 1, 70 << 10} {
		changed, ok := scenario.Change(fmt.Sprint("cut ", n)).Apply(long, none)
		require.True(t, ok)
		require.Len(t, changed, len(long)-n)
	}
}

// touched returns the bytes that drawn changes flip in a message of a size, and the lengths to which they cut it.
func touched(t *testing.T, size int, changes []scenario.Change) (flipped, lengths map[int]bool) {
	t.Helper()
	flipped, lengths = map[int]bool{}, map[int]bool{}
	zeros := make([]byte, size)
	for _, c := range changes {
		changed, ok := c.Apply(zeros, none)
		switch word, _, _ := strings.Cut(string(c), " "); {
		case !ok:
		case word == "flip":
			flipped[slices.IndexFunc(changed, func(b byte) bool { return b != 0 })] = true
		case word == "cut":
			require.True(t, bytes.HasPrefix(zeros, changed))
			lengths[len(changed)] = true
		}
	}
	return flipped, lengths
}

// drawn returns the changes of forgeries in many scenarios, new ones and mutated ones.
func drawn(schedules int) (fresh, mutated []scenario.Change) {
	r := rand.New(rand.NewPCG(1, 2))
	changes := func(s *scenario.Scenario) (all []scenario.Change) {
		for _, e := range s.Events {
			if e.Do == scenario.Forge {
				all = append(all, e.Change)
			}
		}
		return all
	}
	scenarios := scenario.Ratchets("ambassador-v1", "", scenario.AnyRatchet)
	for seed := range schedules {
		s := scenarios.Example(seed)
		fresh = append(fresh, changes(s)...)
		mutated = append(mutated, changes(scenario.Mutate(s, s, r))...)
	}
	return fresh, mutated
}

// What is drawn, and what a campaign makes of it, reaches every byte of a short message and every part of a long one.
func TestDrawnChangesReachEverything(t *testing.T) {
	fresh, mutated := drawn(8000)
	for name, changes := range map[string][]scenario.Change{"drawn": fresh, "mutated": mutated} {
		t.Run(name, func(t *testing.T) {
			flipped, lengths := touched(t, 100, changes)
			require.Len(t, flipped, 100)
			require.Len(t, lengths, 100)
			const size = 70 << 10
			flipped, lengths = touched(t, size, changes)
			for part := range 10 {
				within := func(at int) bool { return at*10/size == part }
				reached := func(all map[int]bool) bool {
					for at := range all {
						if within(at) {
							return true
						}
					}
					return false
				}
				require.True(t, reached(flipped), "no bit of tenth %d is flipped", part)
				require.True(t, reached(lengths), "no length in tenth %d", part)
			}
		})
	}
}
