package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"credence/conformance/verdict"
	"credence/shim"
)

// Hello is what a target says of itself.
type Hello struct{ *shim.Result }

// Start starts a target and asks it for its hello. It returns the error of start or of the call.
func Start(ctx context.Context, start func(context.Context) (shim.Target, error)) (shim.Target, Hello, error) {
	target, err := start(ctx)
	if err != nil {
		return nil, Hello{}, err
	}
	h, err := Greet(ctx, target)
	if err != nil {
		target.Close()
		return nil, Hello{}, err
	}
	return target, h, nil
}

// Greet asks a target for its hello. It returns the error of the call.
func Greet(ctx context.Context, target shim.Target) (Hello, error) {
	r, err := target.Call(ctx, shim.Hello, &shim.Params{})
	if err != nil {
		return Hello{}, fmt.Errorf("hello: %w", err)
	}
	if r == nil {
		return Hello{}, errors.New("hello: the target gives neither a result nor an error")
	}
	if r.Cadences == nil {
		r.Cadences = []string{"per-turn"}
	}
	return Hello{r}, nil
}

// Info returns what a report says of the target.
func (h Hello) Info() verdict.TargetInfo {
	return verdict.TargetInfo{
		Name: h.Name, Version: h.Version, Language: h.Language, Profiles: h.Profiles, ParameterSets: h.ParameterSets,
	}
}

// Offers reports whether the target has all of the operations.
func (h Hello) Offers(ops ...shim.Op) bool { return len(h.Missing(ops)) == 0 }

// Missing returns those of some operations that the target does not have.
func (h Hello) Missing(ops []shim.Op) []shim.Op {
	return slices.DeleteFunc(slices.Clone(ops), func(op shim.Op) bool { return slices.Contains(h.Operations, op) })
}

// Handshakes reports whether the target comes to a session by a handshake.
func (h Hello) Handshakes() bool { return h.Offers(shim.ByHandshake.Ops()...) }

// Starts reports whether the target comes to a session from a shared secret.
func (h Hello) Starts() bool { return h.Offers(shim.BySecret.Ops()...) }

// Exports reports whether the target can export a party and import it.
func (h Hello) Exports() bool { return h.Offers(shim.PartyExport, shim.PartyImport) }

// Cadence reports whether the target has a cadence.
func (h Hello) Cadence(name string) bool { return slices.Contains(h.Cadences, name) }

// What a test needs of a target, as Test.Needs has it.

// NeedsHandshake is a session by a handshake.
func NeedsHandshake(h Hello) string {
	return Lacks(h.Handshakes(), "party.new, session.initiate, session.respond, session.encrypt and session.decrypt")
}

// NeedsExport is the export of a party.
func NeedsExport(h Hello) string { return Lacks(h.Exports(), "party.export and party.import") }

// NeedsSession is a session, however it begins.
func NeedsSession(h Hello) string {
	return Lacks(h.Handshakes() || h.Starts(), "a way to start a session")
}

// NeedsCadence is a cadence; the empty one is always there.
func NeedsCadence(name string) func(h Hello) string {
	return func(h Hello) string { return Lacks(name == "" || h.Cadence(name), "cadence "+name) }
}

// Needs joins what a test needs: it returns the first thing that the target lacks.
func Needs(all ...func(h Hello) string) func(h Hello) string {
	return func(h Hello) string {
		for _, needs := range all {
			if missing := needs(h); missing != "" {
				return missing
			}
		}
		return ""
	}
}

// Lacks returns what, unless it is there.
func Lacks(there bool, what string) string {
	if there {
		return ""
	}
	return what
}
