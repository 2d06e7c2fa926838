package kat

import (
	"credence/conformance/internal/suite"
	"credence/shim"
	"credence/vectors"
)

// operationNeeds returns what is missing: the operation, or injection where the result depends on it.
func operationNeeds(h suite.Hello, g *vectors.Group, v *vectors.Test) string {
	if !h.Offers(g.Operation) && !refusedByInitiate(h, g, v) {
		return "operation " + string(g.Operation)
	}
	if v.Result != vectors.Invalid && v.Input.Injects(g.Operation) {
		return needsInjection(h)
	}
	return ""
}

// refusedByInitiate reports whether the vector is a bundle that session.initiate can refuse, on a target that starts
// sessions and has no pure agreement.
func refusedByInitiate(h suite.Hello, g *vectors.Group, v *vectors.Test) bool {
	return g.Operation == shim.X3dhInitiate && v.Result == vectors.Invalid &&
		h.Offers(shim.PartyNew, shim.SessionInitiate)
}

func runOperation(t *suite.T, g *vectors.Group, v *vectors.Test) {
	op, input := g.Operation, *v.Input
	if !t.Hello.Offers(op) {
		op, input = shim.SessionInitiate, initiateInstead(t, input)
	}
	switch v.Result {
	case vectors.Invalid:
		t.Refuse(v.Class, op, input)
	case vectors.Acceptable:
		if r, refused := t.Call(op, input); refused == nil {
			equalResult(t, op, v.Output, r)
		}
	default:
		equalResult(t, op, v.Output, t.Must(op, input))
	}
}

// initiateInstead makes a party, and returns the parameters of session.initiate that stand for those of x3dh.initiate.
func initiateInstead(t *suite.T, input shim.Params) shim.Params {
	const party, peer = "initiator", "responder"
	t.Reset()
	t.Must(shim.PartyNew, shim.Params{Set: input.Set, Party: party, IdentityPrivate: input.IdentityPrivate})
	return shim.Params{Party: party, Peer: peer, Bundle: input.Bundle, EphemeralPrivate: input.EphemeralPrivate}
}
