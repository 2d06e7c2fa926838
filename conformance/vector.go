package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"

	"credence/shim"
	"credence/vectors"
)

// vectorTests gives the known-answer tests.
func vectorTests(files []*vectors.File) []testCase {
	var cases []testCase
	for _, f := range files {
		for gi := range f.TestGroups {
			g := &f.TestGroups[gi]
			for ti := range g.Tests {
				cases = append(cases, vectorTest(g, &g.Tests[ti]))
			}
		}
	}
	return cases
}

func vectorTest(g *vectors.Group, v *vectors.Test) testCase {
	tc := testCase{TestInfo: TestInfo{ID: v.ID, Profile: g.Profile, Comment: v.Comment, Requirements: v.Requirements}, set: g.ParameterSet}
	if g.Type == vectors.Operation {
		tc.needs = func(h hello) string { return operationNeeds(h, g, v) }
		tc.run = func(t *tester) error { return runOperation(t, g, v) }
	} else {
		tc.needs = func(h hello) string { return scriptNeeds(h, v) }
		tc.run = func(t *tester) error { return runScript(t, v) }
	}
	return tc
}

// operationNeeds tells what is missing: the operation, or injection where the result depends on it.
func operationNeeds(h hello, g *vectors.Group, v *vectors.Test) string {
	if !h.offers(g.Operation) && !initiateInstead(h, g, v) {
		return "operation " + string(g.Operation)
	}
	if v.Result != vectors.Invalid && injected(g.Operation, v.Input) && !h.Injects {
		return "injection of private keys and randomness"
	}
	return ""
}

// injected tells whether the parameters hold values in the place of randomness.
func injected(op shim.Op, p *shim.Params) bool {
	switch op {
	case shim.XeddsaSign:
		return p.Random != nil
	case shim.X3dhInitiate, shim.SessionInitiate:
		return p.EphemeralPrivate != nil
	case shim.PartyNew:
		return p.IdentityPrivate != nil
	case shim.SessionEncrypt, shim.SessionDecrypt, shim.SessionRespond:
		return p.RatchetPrivate != nil
	}
	return isAmbassador(op) && len(p.Random) > 0
}

// initiateInstead is true for a bundle that must be refused, where the target starts sessions and has no pure agreement.
func initiateInstead(h hello, g *vectors.Group, v *vectors.Test) bool {
	return g.Operation == shim.X3dhInitiate && v.Result == vectors.Invalid && h.offers(shim.PartyNew, shim.SessionInitiate)
}

func runOperation(t *tester, g *vectors.Group, v *vectors.Test) error {
	op, input := g.Operation, *v.Input
	if !t.hello.offers(op) {
		op = shim.SessionInitiate
		if err := reset(t); err != nil {
			return err
		}
		if _, err := t.must(shim.PartyNew, shim.Params{Set: input.Set, Party: "initiator", IdentityPrivate: input.IdentityPrivate}); err != nil {
			return err
		}
		input = shim.Params{Party: "initiator", Peer: "responder", Bundle: input.Bundle, EphemeralPrivate: input.EphemeralPrivate}
	}
	switch v.Result {
	case vectors.Invalid:
		return t.refuse(v.Class, op, input)
	case vectors.Acceptable:
		return t.either(op, input, v.Output)
	}
	r, err := t.must(op, input)
	if err != nil {
		return err
	}
	return t.sameResult(op, v.Output, r)
}

// either allows a refusal, or the result if there is one to compare with.
func (t *tester) either(op shim.Op, p shim.Params, expected *shim.Result) error {
	r, err := t.call(op, p)
	var e *shim.Error
	if errors.As(err, &e) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.sameResult(op, expected, r)
}

// sameResult compares every field that the vector gives; a vector without a result asks for success only. A target may give no ephemeral key and no registration id: they
// follow from the input.
func (t *tester) sameResult(op shim.Op, expected, got *shim.Result) error {
	if expected == nil {
		return nil
	}
	e, g := *expected, *got
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
		g.Problem = e.Problem // a text for people
	}
	if cmp.Equal(e, g, cmp.Comparer(func(a, b shim.Bytes) bool { return bytes.Equal(a, b) }), cmp.Comparer(sameClass)) {
		return nil
	}
	return t.fail(Mismatch, string(op)+" gives another result", toJSON(e), toJSON(g))
}

// sameClass compares the classes of events, as those of refusals are compared.
func sameClass(a, b shim.Class) bool { return a == b || a == "" || b == "" || sameFamily(a, b) }

func scriptNeeds(h hello, v *vectors.Test) string {
	for _, s := range v.Steps {
		if !h.offers(s.Op) {
			return "operation " + string(s.Op)
		}
		if injected(s.Op, s.Input) && !h.Injects {
			return "injection of private keys and randomness"
		}
		if c := s.Input.Cadence; c != "" && c != "per-turn" && !h.cadence(c) {
			return "cadence " + c
		}
	}
	return ""
}

func runScript(t *tester, v *vectors.Test) error {
	if err := reset(t); err != nil {
		return err
	}
	var exported shim.Bytes
	for i := range v.Steps {
		step := v.Steps[i]
		if isImport(step.Op) && len(step.Input.State) == 0 && exported != nil {
			input := *step.Input
			input.State = exported // what an export looks like is the target's affair
			step.Input = &input
		}
		r, err := runStep(t, &step)
		if err != nil {
			return inStep(err, i)
		}
		if r != nil && r.State != nil {
			exported = r.State
		}
	}
	return nil
}

func isImport(op shim.Op) bool { return op == shim.DeviceImport || op == shim.ChannelImport }

// inStep says in which step a script went wrong.
func inStep(err error, i int) error {
	var v *verdict
	if errors.As(err, &v) {
		v.message = fmt.Sprintf("step %d: %s", i, v.message)
	}
	return err
}

func runStep(t *tester, s *vectors.Step) (*shim.Result, error) {
	if s.Result == vectors.Invalid && s.Op == shim.SessionLoad {
		return nil, t.refuse(s.Class, s.Op, *s.Input) // there is no state yet
	}
	if s.Result == vectors.Invalid {
		return nil, t.refuseUnchanged(s.Class, s.Op, *s.Input)
	}
	r, err := t.must(s.Op, *s.Input)
	if err != nil {
		return nil, err
	}
	if err := t.sameResult(s.Op, s.Output, r); err != nil {
		return nil, err
	}
	if s.DigestAfter == nil || !t.hello.offers(shim.SessionDigest) {
		return r, nil
	}
	d, err := t.must(shim.SessionDigest, shim.Params{Party: s.Input.Party, Peer: s.Input.Peer})
	if err != nil {
		return nil, err
	}
	return r, t.equal("state digest", s.DigestAfter, d.Digest)
}

// refuseUnchanged performs an operation that must be refused and must not change the state of the party (AMB-CNV-01),
// as far as the target can export it.
func (t *tester) refuseUnchanged(class shim.Class, op shim.Op, p shim.Params) error {
	before, err := t.export(op, p.Party)
	if err != nil {
		return err
	}
	if err := t.refuse(class, op, p); err != nil {
		return err
	}
	sent := t.sent
	after, err := t.export(op, p.Party)
	if err != nil {
		return err
	}
	t.sent = sent
	if !bytes.Equal(before, after) {
		return t.fail(StateChanged, string(op)+" was refused and changed the exported state", fmt.Sprintf("state as before (%d bytes)", len(before)), fmt.Sprintf("another state (%d bytes)", len(after)))
	}
	return nil
}

// isAmbassador tells whether an operation belongs to the Ambassador protocol.
func isAmbassador(op shim.Op) bool { return exportOf(op) != shim.PartyExport }

// exportOf gives the operation that exports what op works on.
func exportOf(op shim.Op) shim.Op {
	switch family, _, _ := strings.Cut(string(op), "."); family {
	case "channel":
		return shim.ChannelExport
	case "device":
		return shim.DeviceExport
	}
	return shim.PartyExport
}

// export gives the exported state of the party on which op works, or nil if the target has no export.
func (t *tester) export(op shim.Op, party string) ([]byte, error) {
	export := exportOf(op)
	if !t.hello.offers(export) || party == "" {
		return nil, nil
	}
	r, err := t.must(export, shim.Params{Party: party})
	if err != nil {
		return nil, err
	}
	return r.State, nil
}

func reset(t *tester) error {
	_, err := t.must(shim.Reset, shim.Params{})
	return err
}
