package conformance_test

import (
	"testing"

	"credence/conformance"
	"credence/shims/reference/adapter"
)

// The reference is a target like any other.
func TestReference(t *testing.T) { conformance.Test(t, adapter.New()) }
