package adapter

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/shim"
)

// Every operation of the table has its code, and nothing else has.
func TestOperations(t *testing.T) {
	require.ElementsMatch(t, shim.Ops, slices.Collect(maps.Keys(operations)))
}
