// Package suite is what a test of the suite is made of: the test, the target as it sees it, and how it fails.
//
// A test stops at the first thing that is wrong, as with testing.T, unless it is made of trials, which are all tried.
// What the target did wrong is a Violation; a target that cannot be judged is Unusable; what goes wrong in the suite
// itself is a Fault, and never blamed on the target.
package suite

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/shim"
	"credence/spec/refusal"
)

// T runs one test on one target. It is for one goroutine.
type T struct {
	Context  context.Context
	Target   shim.Target
	Hello    Hello
	Random   *rand.ChaCha8    // of the reference as a peer
	Seed     uint64           // of the whole run
	Budget   time.Duration    // of the whole run
	Evidence verdict.Evidence // of property tests
	Played   *verdict.Play    // the last scenario
	Sets     []*params.Set    // that the target offers beside the published ones

	Again  func(context.Context) (shim.Target, error) // starts a target anew that broke; nil if nothing does
	Broken bool                                       // the target broke, and was not started anew

	name     string
	sent     *string   // the last request
	noted    **Failure // by Errorf
	restarts int       // of the target, because it broke
}

// NewT returns the T of a test.
func NewT(ctx context.Context, name string, target shim.Target, h Hello, random *rand.ChaCha8) *T {
	return &T{
		Context: ctx, Target: target, Hello: h, Random: random, name: name, sent: new(string), noted: new(*Failure),
	}
}

// Set returns the parameter set of a name, a published one or one of Sets. The name comes from the suite.
func (t *T) Set(name string) *params.Set {
	set, err := params.Lookup(name, t.Sets...)
	t.NoFault(err)
	return set
}

// WithRandom returns the same T with other randomness for the reference.
func (t *T) WithRandom(r *rand.ChaCha8) *T {
	c := *t
	c.Random = r
	return &c
}

// Call performs an operation. It returns a refusal as the second value. A target that gives no reply, or one that does
// not fit, stops the test.
func (t *T) Call(op shim.Op, p shim.Params) (*shim.Result, *shim.Error) {
	*t.sent = shim.Describe(op, p)
	r, err := t.perform(op, p)
	return t.replied(op, r, err)
}

// MayLackRandomness is Call with random values that may not be enough. It returns nil if the target says that the
// request is invalid.
func (t *T) MayLackRandomness(op shim.Op, p shim.Params) (*shim.Result, *shim.Error) {
	*t.sent = shim.Describe(op, p)
	r, err := t.perform(op, p)
	var e *shim.Error
	if errors.As(err, &e) && e.Code == shim.InvalidRequest {
		return nil, nil
	}
	return t.replied(op, r, err)
}

// replied judges a reply.
func (t *T) replied(op shim.Op, r *shim.Result, err error) (*shim.Result, *shim.Error) {
	var e *shim.Error
	switch {
	case err == nil && r == nil:
		t.Unusable(verdict.Protocol, fmt.Sprintf("%s: the target gives neither a result nor an error", op), "")
	case err == nil:
		return r, nil
	case errors.As(err, &e):
		t.checkCode(op, e)
		return nil, e
	}
	t.noReply(err)
	return nil, nil
}

// perform performs an operation. A target in this process that panics has ended, as far as the suite is concerned. The
// value of the panic is not told: it may hold secrets.
func (t *T) perform(op shim.Op, p shim.Params) (r *shim.Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			r, err = nil, fmt.Errorf("%w: panic in %s (%T)", shim.ErrCrash, op, v)
		}
	}()
	return t.Target.Call(t.Context, op, &p)
}

// checkCode lets refusals through, and operations that the target does not claim to have.
func (t *T) checkCode(op shim.Op, e *shim.Error) {
	const expected = "a result or a refusal"
	switch e.Code {
	case shim.Rejected:
	case shim.Unsupported:
		if t.Hello.Offers(op) {
			t.Violation(
				verdict.Unsupported, fmt.Sprintf("%s is listed by the target and then refused as unsupported", op),
				expected, e.Error(),
			)
		}
	case shim.InvalidRequest:
		t.Violation(
			verdict.RejectedValid, fmt.Sprintf("%s: the target calls the request invalid", op), expected, e.Error(),
		)
	default:
		t.Unusable(verdict.Crash, fmt.Sprintf("%s: the implementation failed inside its shim", op), e.Error())
	}
}

// noReply judges a target that gives no reply.
func (t *T) noReply(err error) {
	reason := verdict.Protocol
	switch {
	case errors.Is(err, shim.ErrCrash):
		reason = verdict.Crash
	case errors.Is(err, shim.ErrHang):
		reason = verdict.Hang
	}
	t.Unusable(reason, err.Error(), "")
}

// Must performs an operation that has to succeed, and returns its result.
func (t *T) Must(op shim.Op, p shim.Params) *shim.Result {
	r, refused := t.Call(op, p)
	if refused != nil {
		t.Violation(verdict.RejectedValid, fmt.Sprintf("%s must succeed", op), "a result", refused.Error())
	}
	return r
}

// Try performs an operation, and returns a refusal as an error that keeps its class.
func (t *T) Try(op shim.Op, p shim.Params) (*shim.Result, error) {
	r, refused := t.Call(op, p)
	switch {
	case refused == nil:
		return r, nil
	case refused.Class != "":
		return nil, fmt.Errorf("%s: %w: %s", op, refused.Class, refused.Message)
	}
	return nil, fmt.Errorf("%s: %w", op, refused)
}

// Reset lets the target forget everything.
func (t *T) Reset() { t.Must(shim.Reset, shim.Params{}) }

// Refuse performs an operation that the target has to refuse, with the class if it tells one. An empty class is any.
func (t *T) Refuse(class shim.Class, op shim.Op, p shim.Params) {
	r, refused := t.Call(op, p)
	if refused == nil {
		expected := "rejected"
		if class != "" {
			expected += " (" + string(class) + ")"
		}
		t.Violation(verdict.AcceptedInvalid, fmt.Sprintf("%s must be refused", op), expected, Describe(r))
	}
	if class != "" && refused.Class != "" && !refusal.SameFamily(refused.Class, class) {
		t.Violation(
			verdict.Mismatch, fmt.Sprintf("%s was refused for another reason", op), "class "+string(class),
			"class "+string(refused.Class),
		)
	}
}

// RefuseUnchanged performs an operation that must be refused and must not change the state of the party (AMB-CNV-01),
// as far as the target can export it.
func (t *T) RefuseUnchanged(class shim.Class, op shim.Op, p shim.Params) {
	t.Unchanged(
		op, p.Party, string(op)+" was refused and changed the exported state", func() { t.Refuse(class, op, p) },
	)
}

// Export returns the exported state of the party on which op works, or nil if the target has no export.
func (t *T) Export(op shim.Op, party string) []byte {
	export := shim.ExportOf(op)
	if !t.Hello.Offers(export) || party == "" {
		return nil
	}
	r := t.Must(export, shim.Params{Party: party})
	if r.State == nil {
		t.Violation(verdict.Protocol, string(export)+" gives no state", "a state", Describe(r))
	}
	return r.State
}

// Equal stops the test unless a value of the target is the expected one.
func (t *T) Equal(what string, expected, got []byte) {
	if !bytes.Equal(expected, got) {
		t.Violation(verdict.Mismatch, what+" differs", hex.EncodeToString(expected), hex.EncodeToString(got))
	}
}

// Unchanged stops the test, with a message, if something that is done changes the exported state of the party on which
// op works. What a failure shows as sent is the last request before the state was looked at.
func (t *T) Unchanged(op shim.Op, party, message string, do func()) {
	before := t.Export(op, party)
	do()
	var after []byte
	t.Aside(func() { after = t.Export(op, party) })
	if !bytes.Equal(before, after) {
		t.Violation(verdict.StateChanged, message, fmt.Sprintf("state as before (%d bytes)", len(before)),
			fmt.Sprintf("another state (%d bytes)", len(after)))
	}
}

// Aside looks at something on the target, without a trace in what a failure shows as sent.
func (t *T) Aside(look func()) {
	sent := *t.sent
	look()
	*t.sent = sent
}

// ForgetSent takes the last request out of what a failure shows: what is judged does not follow from it.
func (t *T) ForgetSent() { *t.sent = "" }

// Describe returns a result for people.
func Describe(r *shim.Result) string { return "result " + JSON(r) }

// JSON returns a value as JSON, for people.
func JSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
