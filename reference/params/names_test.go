package params_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/params"
	"credence/spec"
)

// The sets have the names that the rest of the project knows, in the same order.
func TestNames(t *testing.T) {
	var names []string
	for _, s := range params.Sets() {
		names = append(names, s.Name)
	}
	require.Equal(t, spec.ParameterSets(), names)
}
