// Package sessions has the live tests of the profiles xeddsa, x3dh and ratchet: the target's own randomness, the
// reference as its peer, and somebody in between who loses, repeats and forges messages.
package sessions

import (
	"slices"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/reference/params"
	"credence/shim"
)

// Tests returns the tests of every parameter set in the order in which they run.
func Tests() []suite.Test {
	var tests []suite.Test
	for _, set := range params.Sets() {
		tests = slices.Concat(tests, signatures(set), agreement(set), ratchet(set), forgeries(set), state(set),
			several(set), readings(set))
	}
	return tests
}

// What the tests need of a target, beside what package suite has.
var (
	needsSessionAndExport   = suite.Needs(suite.NeedsSession, suite.NeedsExport)
	needsHandshakeAndExport = suite.Needs(suite.NeedsHandshake, suite.NeedsExport)
	needsInjection          = suite.Needs(needsHandshakeAndExport, func(h suite.Hello) string {
		return suite.Lacks(h.Injects, "injection of private keys and randomness")
	})
)

// restart exports the target's party, makes the target forget everything, and imports the party again.
func restart(p *pair.Pair) { restore(p, export(p)) }

func export(p *pair.Pair) []byte { return p.Export(shim.PartyExport, pair.Target) }

// restore puts an exported party in the place of everything that the target has.
func restore(p *pair.Pair, state []byte) {
	p.Reset()
	p.Must(shim.PartyImport, shim.Params{Set: p.Set.Name, Party: pair.Target, State: state})
}
