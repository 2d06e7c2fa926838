package kat

import (
	"fmt"

	"credence/conformance/internal/suite"
	"credence/shim"
	"credence/vectors"
)

// scriptNeeds returns what is missing for the steps of a script.
func scriptNeeds(h suite.Hello, v *vectors.Test) string {
	for _, s := range v.Steps {
		if missing := stepNeeds(h, s); missing != "" {
			return missing
		}
	}
	return ""
}

func stepNeeds(h suite.Hello, s vectors.Step) string {
	if !h.Offers(s.Op) {
		return "operation " + string(s.Op)
	}
	if s.Input.Injects(s.Op) && !h.Injects {
		return needsInjection(h)
	}
	if c := s.Input.Cadence; c != "per-turn" {
		return suite.NeedsCadence(c)(h)
	}
	return ""
}

func runScript(t *suite.T, v *vectors.Test) {
	t.Reset()
	var exported shim.Bytes
	for i, step := range v.Steps {
		if shim.IsImport(step.Op) && len(step.Input.State) == 0 && exported != nil {
			input := *step.Input
			input.State = exported // what an export looks like is the target's affair
			step.Input = &input
		}
		var r *shim.Result
		failure := t.Attempt(func() { r = runStep(t, step) })
		if failure != nil {
			failure.Message = fmt.Sprintf("step %d: %s", i, failure.Message)
			t.Stop(failure)
		}
		if r != nil && r.State != nil {
			exported = r.State
		}
	}
}

// runStep runs one step. It returns its result, or nil for a step that must be refused.
func runStep(t *suite.T, s vectors.Step) *shim.Result {
	if s.Result == vectors.Invalid {
		refuseStep(t, s)
		return nil
	}
	r := t.Must(s.Op, *s.Input)
	equalResult(t, s.Op, ownSignature(s, r), r)
	if s.DigestAfter != nil && t.Hello.Offers(shim.SessionDigest) {
		d := t.Must(shim.SessionDigest, shim.Params{Party: s.Input.Party, Peer: s.Input.Peer})
		t.Equal("state digest", s.DigestAfter, d.Digest)
	}
	return r
}

func refuseStep(t *suite.T, s vectors.Step) {
	if s.Op == shim.SessionLoad {
		t.Refuse(s.Class, s.Op, *s.Input) // there is no state yet
		return
	}
	t.RefuseUnchanged(s.Class, s.Op, *s.Input) // AMB-CNV-01
}
