package conformance

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"credence/conformance/scenario"
	"credence/shim"
	"credence/spec/refusal"
)

// testCase is one test of the suite.
type testCase struct {
	TestInfo
	set       string               // parameter set; empty for the tests of the shim itself
	needs     func(h hello) string // what the target lacks for this test, or ""
	run       func(t *tester) error
	guarantee Guarantee // that a property test judges
	draws     string    // the id of the test whose randomness this one has too; "" is its own
}

// random gives the randomness of the test in a run with a seed.
func (c *testCase) random(seed uint64) *rand.ChaCha8 { return testRandom(seed, cmp.Or(c.draws, c.ID)) }

// hello is what a target says of itself.
type hello struct{ *shim.Result }

func (h hello) offers(ops ...shim.Op) bool {
	for _, op := range ops {
		if !slices.Contains(h.Operations, op) {
			return false
		}
	}
	return true
}

// handshakes and starts tell which ways to a session the target has.
func (h hello) handshakes() bool {
	return h.offers(handshakeOps...)
}

func (h hello) starts() bool {
	return h.offers(startOps...)
}

func (h hello) exports() bool { return h.offers(shim.PartyExport, shim.PartyImport) }

func lacks(ok bool, what string) string {
	if ok {
		return ""
	}
	return what
}

// tester runs one test on one target.
type tester struct {
	ctx      context.Context
	target   shim.Target
	hello    hello
	random   *rand.ChaCha8 // of the reference as a peer, from the seed and the id of the test
	sent     string        // the last request
	budget   time.Duration // of the whole run
	evidence Evidence      // of property tests
	played   *Play         // the last scenario
}

// withRandom gives the same tester with other randomness for the reference.
func (t *tester) withRandom(r *rand.ChaCha8) *tester {
	c := *t
	c.random = r
	return &c
}

// verdict is the error of a test that did not pass.
type verdict struct {
	status   Status
	reason   Reason
	message  string
	expected string
	got      string
	sent     string
	scenario *scenario.Scenario // of a property test
	record   *Record            // of the scenario
}

func (v *verdict) Error() string { return fmt.Sprintf("%s: %s", v.reason, v.message) }

// call performs an operation. A reply that is not a result is a *shim.Error; a target that is broken is a *verdict.
func (t *tester) call(op shim.Op, p shim.Params) (*shim.Result, error) {
	t.sent = describe(op, p)
	r, err := t.target.Call(t.ctx, op, &p)
	var e *shim.Error
	switch {
	case err == nil:
		return r, nil
	case errors.As(err, &e):
		return nil, t.codeVerdict(op, e)
	default:
		return nil, t.broken(err)
	}
}

// codeVerdict lets refusals through and judges the other codes.
func (t *tester) codeVerdict(op shim.Op, e *shim.Error) error {
	switch e.Code {
	case shim.Rejected:
		return e
	case shim.Unsupported:
		if t.hello.offers(op) {
			return t.fail(Unsupported, fmt.Sprintf("%s is listed by the target and then refused as unsupported", op), "a result or a refusal", e.Error())
		}
		return e
	case shim.InvalidRequest:
		return t.fail(RejectedValid, fmt.Sprintf("%s: the target calls the request invalid", op), "a result or a refusal", e.Error())
	default:
		return t.errored(Crash, fmt.Sprintf("%s: the implementation failed inside its shim", op), e.Error())
	}
}

// broken judges a target that gives no reply.
func (t *tester) broken(err error) error {
	reason := Protocol
	switch {
	case errors.Is(err, shim.ErrCrash):
		reason = Crash
	case errors.Is(err, shim.ErrHang):
		reason = Hang
	}
	return t.errored(reason, err.Error(), "")
}

func (t *tester) fail(reason Reason, message, expected, got string) error {
	return &verdict{status: Failed, reason: reason, message: message, expected: expected, got: got, sent: t.sent}
}

func (t *tester) errored(reason Reason, message, got string) error {
	return &verdict{status: Errored, reason: reason, message: message, expected: "a reply", got: got, sent: t.sent}
}

// must performs an operation that has to succeed.
func (t *tester) must(op shim.Op, p shim.Params) (*shim.Result, error) {
	r, err := t.call(op, p)
	var e *shim.Error
	if errors.As(err, &e) {
		return nil, t.fail(RejectedValid, fmt.Sprintf("%s must succeed", op), "a result", e.Error())
	}
	return r, err
}

// refuse performs an operation that the target has to refuse, with the class if it tells one. An empty class is any.
func (t *tester) refuse(class shim.Class, op shim.Op, p shim.Params) error {
	r, err := t.call(op, p)
	var e *shim.Error
	if errors.As(err, &e) {
		if class != "" && e.Class != "" && !sameFamily(e.Class, class) {
			return t.fail(Mismatch, fmt.Sprintf("%s was refused for another reason", op), "class "+string(class), "class "+string(e.Class))
		}
		return nil
	}
	if err != nil {
		return err
	}
	return t.fail(AcceptedInvalid, fmt.Sprintf("%s must be refused", op), expectedClass(class), describeResult(r))
}

// sameFamily tells whether a class may stand for another one (SPEC.md 1.2).
func sameFamily(a, b shim.Class) bool {
	return slices.ContainsFunc(classFamilies(), func(family []shim.Class) bool {
		return slices.Contains(family, a) && slices.Contains(family, b)
	})
}

// classFamilies are the families of SPEC.md 1.2.
func classFamilies() [][]shim.Class {
	return [][]shim.Class{
		{refusal.Malformed, refusal.Authentication, refusal.Duplicate, refusal.SkipLimit, refusal.NotReady, refusal.UnknownPrekey, refusal.Replay},
		{refusal.Malformed, refusal.LowOrderKey, refusal.NonCanonicalKey},
		{refusal.Malformed, refusal.BadSignature},
		{refusal.Malformed, refusal.IncompleteBundle},
		{refusal.Exhausted},
		{refusal.Malformed, refusal.Authentication, refusal.Duplicate, refusal.NotReady, refusal.NotAllowed, refusal.Conflict, refusal.StaleEpoch, refusal.WrongDevices, refusal.Frozen},
	}
}

func expectedClass(class shim.Class) string {
	if class == "" {
		return "rejected"
	}
	return "rejected (" + string(class) + ")"
}

// equal compares a value with the expected one.
func (t *tester) equal(what string, expected, got []byte) error {
	if string(expected) == string(got) {
		return nil
	}
	return t.fail(Mismatch, what+" differs", hex.EncodeToString(expected), hex.EncodeToString(got))
}

// describe gives a request for people, without the exported state that a target has given.
func describe(op shim.Op, p shim.Params) string {
	if op == shim.PartyImport {
		p.State = nil
	}
	return string(op) + " " + toJSON(p)
}

func describeResult(r *shim.Result) string { return "result " + toJSON(r) }

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
