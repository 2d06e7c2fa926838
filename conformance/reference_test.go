package conformance_test

import (
	"testing"

	"credence/conformance/conformancetest"
	"credence/shims/reference/adapter"
)

// The reference is a target like any other.
func TestReference(t *testing.T) { conformancetest.Run(t, adapter.New()) }
