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
		tests = slices.Concat(tests, signatures(set), agreement(set), inOrder(set), forgeries(set), state(set),
			several(set), readings(set), bounds(set), everywhere(set), third(set), sealed(set), ends(set))
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

// restart exports the target's party, makes the target forget everything, and imports the party again. The session has
// the same digest then (AMB-STA-01).
func restart(p *pair.Pair) {
	before := digest(p)
	restore(p, export(p))
	p.Equal("state digest after a restart", before, digest(p))
}

// digest returns the state digest of the target's session with the peer, or nil if it has none or tells none.
func digest(p *pair.Pair) []byte {
	if !p.Started || !p.Hello.Offers(shim.SessionDigest) {
		return nil
	}
	return p.Must(shim.SessionDigest, shim.Params{Party: pair.Target, Peer: pair.Peer}).Digest
}

func export(p *pair.Pair) []byte { return p.Export(shim.PartyExport, pair.Target) }

// restore puts an exported party in the place of everything that the target has.
func restore(p *pair.Pair, state []byte) {
	p.Reset()
	p.Must(shim.PartyImport, shim.Params{Set: p.Set.Name, Party: pair.Target, State: state})
}
