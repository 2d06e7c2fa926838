package kat

import (
	"bytes"

	"github.com/google/go-cmp/cmp"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/spec/refusal"
	"credence/vectors"
)

// equalResult stops the test unless every field that the vector gives is in the result. A vector without a result asks
// for success only.
func equalResult(t *suite.T, op shim.Op, expected, got *shim.Result) {
	if expected == nil {
		return
	}
	e, g := withoutAllowed(*expected, *got)
	if !cmp.Equal(e, g, cmp.Comparer(equalBytes), cmp.Comparer(equalClasses)) {
		t.Violation(verdict.Mismatch, string(op)+" gives another result", suite.JSON(e), suite.JSON(g))
	}
}

// withoutAllowed returns both results without the differences that are allowed: a target may leave out the ephemeral
// key and the registration id, which follow from the input, and say what is wrong in its own words.
func withoutAllowed(expected, got shim.Result) (e, g shim.Result) {
	e, g = expected, got
	if g.EphemeralKey == nil {
		e.EphemeralKey = nil
	}
	if e.Bundle != nil && g.Bundle != nil {
		b := *g.Bundle
		b.RegistrationID = e.Bundle.RegistrationID
		if b.SignedPrekey == nil {
			b.OneTimePrekeyID = e.Bundle.OneTimePrekeyID // Olm names the key by itself
		}
		g.Bundle = &b
	}
	if (e.Problem == "") == (g.Problem == "") {
		g.Problem = e.Problem
	}
	return e, g
}

// ownSignature returns what a step expects, with the prekey signature of the target if that one verifies. How a
// signature is made is tested where it is made (AMB-XED-01); a session goes on from any that is right.
func ownSignature(s vectors.Step, got *shim.Result) *shim.Result {
	if s.Op != shim.PartyNew || s.Output == nil || s.Output.Bundle == nil || got.Bundle == nil {
		return s.Output
	}
	set, err := params.Lookup(s.Input.Set)
	b := got.Bundle
	if err != nil || set.Signature == params.NoSignature ||
		x3dh.VerifyPrekey(set, b.Identity, b.SignedPrekey, b.Signature) != nil {
		return s.Output
	}
	expected, bundle := *s.Output, *s.Output.Bundle
	bundle.Signature = b.Signature
	expected.Bundle = &bundle
	return &expected
}

// equalBytes reports whether two byte strings are equal; one that is missing is empty.
func equalBytes(a, b shim.Bytes) bool { return bytes.Equal(a, b) }

// equalClasses compares the classes of events in the way in which those of refusals are compared.
func equalClasses(a, b shim.Class) bool {
	return a == b || a == "" || b == "" || refusal.SameFamily(a, b)
}
