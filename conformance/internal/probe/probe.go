// Package probe has the tests of the shim itself: whether it says of itself what the shim protocol asks for.
package probe

import (
	"fmt"
	"slices"
	"strings"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/shim"
)

// inventedOp is an operation that no target has: a target that does not refuse it would not refuse anything.
const inventedOp shim.Op = "credence.invented"

// Tests returns the tests in the order in which they run.
func Tests() []suite.Test {
	test := func(name, comment string, run func(*suite.T)) suite.Test {
		return suite.Test{
			TestInfo: verdict.TestInfo{
				ID: verdict.ShimProfile + "/" + name, Profile: verdict.ShimProfile, Comment: comment,
				Requirements: []string{},
			},
			Run: run,
		}
	}
	return []suite.Test{
		test("hello", "hello names the target, known profiles, known parameter sets and known operations", hello),
		test("invented-operation", "an invented operation is refused as unsupported", inventedOperation),
		test("operations", "every claimed profile has the operations that it needs", operations),
	}
}

func hello(t *suite.T) {
	h := t.Hello
	if h.Protocol != shim.Version {
		t.Violation(verdict.Protocol, "hello: protocol version", fmt.Sprint(shim.Version), fmt.Sprint(h.Protocol))
	}
	if h.Name == "" || h.Version == "" || h.Language == "" {
		t.Violation(verdict.Protocol, "hello: name, version and language must be set", "three texts",
			suite.Describe(h.Result))
	}
	for _, p := range h.Profiles {
		if !slices.Contains(shim.Profiles(), p) {
			t.Violation(verdict.Protocol, fmt.Sprintf("hello: profile %q is unknown", p),
				strings.Join(shim.Profiles(), ", "), p)
		}
	}
	for _, s := range h.ParameterSets {
		if _, err := params.Lookup(s, t.Sets...); err != nil {
			t.Violation(verdict.Protocol, "hello: "+err.Error(), "a parameter set of SPEC.md 2.4", s)
		}
	}
	for _, op := range h.Operations {
		if !slices.Contains(shim.Ops, op) {
			t.Violation(verdict.Protocol, fmt.Sprintf("hello: operation %q is unknown", op),
				"an operation of the shim protocol", string(op))
		}
	}
}

func inventedOperation(t *suite.T) {
	const message, expected = "an invented operation must be refused as unsupported", "unsupported"
	r, refused := t.Call(inventedOp, shim.Params{})
	switch {
	case refused == nil:
		t.Violation(verdict.Protocol, message, expected, suite.Describe(r))
	case refused.Code != shim.Unsupported:
		t.Violation(verdict.Protocol, message, expected, refused.Error())
	}
}

func operations(t *suite.T) {
	h := t.Hello
	for _, p := range h.Profiles {
		var missing []string // of each way to have the profile
		for _, ops := range shim.Needs(p) {
			missing = append(missing, fmt.Sprint(h.Missing(ops)))
		}
		if !slices.Contains(missing, "[]") {
			t.Violation(verdict.Unsupported,
				fmt.Sprintf("profile %s is claimed without the operations that it needs", p),
				"also "+strings.Join(missing, " or "), fmt.Sprint(h.Operations))
		}
	}
	if !h.Offers(shim.Reset) {
		t.Violation(verdict.Unsupported, "reset is needed by every profile", "reset", fmt.Sprint(h.Operations))
	}
}
