package suite_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/spec/refusal"
)

// A T is what the test libraries of Go want of one.
var (
	_ require.TestingT = (*suite.T)(nil)
	_ rapid.TB         = (*suite.T)(nil)
)

// target answers every operation in one way.
type target struct {
	result  *shim.Result
	err     error
	panics  bool
	exports bool // it exports its state whatever it answers to the rest
	moves   bool // every operation changes that state
	state   byte
}

func (t *target) Call(_ context.Context, op shim.Op, _ *shim.Params) (*shim.Result, error) {
	if t.exports && op == shim.PartyExport {
		return &shim.Result{State: shim.Bytes{t.state}}, nil
	}
	if t.panics {
		panic("a secret")
	}
	if t.moves {
		t.state++
	}
	return t.result, t.err
}

func (t *target) Close() error { return nil }

// hello offers the operations of the tests.
var hello = suite.Hello{Result: &shim.Result{
	Operations: []shim.Op{shim.SessionDecrypt, shim.PartyExport, shim.PartyImport},
}}

func newT(t *testing.T, of shim.Target) *suite.T {
	return suite.NewT(t.Context(), "test/of/suite", of, hello, suite.Random(1, "test/of/suite"))
}

// execute returns the outcome of a test with that body.
func execute(t *testing.T, of shim.Target, run func(t *suite.T)) verdict.TestResult {
	t.Helper()
	c := suite.Test{TestInfo: verdict.TestInfo{ID: "test/of/suite", Profile: "ratchet"}, Run: run}
	return c.Execute(newT(t, of))
}

// outcome is what is compared of a result.
type outcome struct {
	Status  verdict.Status
	Reason  verdict.Reason
	Message string
}

func outcomeOf(r verdict.TestResult) outcome { return outcome{r.Status, r.Reason, r.Message} }

func TestPasses(t *testing.T) {
	r := execute(t, &target{}, func(t *suite.T) { require.Equal(t, 1, 1) })
	require.Equal(t, outcome{Status: verdict.Passed}, outcomeOf(r))
	require.Nil(t, r.Evidence)
}

// What testify, go-cmp and rapid find wrong is a fault of the target, and stops the test.
func TestLibraries(t *testing.T) {
	for name, fails := range map[string]func(t *suite.T){
		"require": func(t *suite.T) { require.Equal(t, 1, 2) },
		"go-cmp":  func(t *suite.T) { require.Empty(t, cmp.Diff([]int{1}, []int{2})) },
		"rapid": func(t *suite.T) {
			rapid.Check(t, func(r *rapid.T) { require.Less(r, rapid.IntRange(0, 9).Draw(r, "n"), 5) })
		},
		"Fatal": func(t *suite.T) { t.Fatal("wrong") },
		"Fail":  func(t *suite.T) { t.Fail(); t.FailNow() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir()) // rapid writes a file about what it has found
			reached := false
			r := execute(t, &target{}, func(t *suite.T) {
				fails(t)
				reached = true
			})
			require.Equal(t, verdict.Failed, r.Status, r.Message)
			require.Equal(t, verdict.Mismatch, r.Reason)
			require.NotEmpty(t, r.Message)
			require.False(t, reached)
		})
	}
}

// A property that holds lets the test go on.
func TestRapidPasses(t *testing.T) {
	reached := false
	r := execute(t, &target{}, func(t *suite.T) {
		rapid.Check(t, func(r *rapid.T) { require.Less(r, rapid.IntRange(0, 9).Draw(r, "n"), 10) })
		reached = true
	})
	require.Equal(t, verdict.Passed, r.Status, r.Message)
	require.True(t, reached)
}

// Errorf lets the test go on, and fails it at its end with the first note.
func TestErrorf(t *testing.T) {
	reached := false
	r := execute(t, &target{}, func(t *suite.T) {
		require.False(t, t.Failed())
		t.Errorf("first %d", 1)
		t.Error("second")
		reached = t.Failed()
	})
	require.True(t, reached)
	require.Equal(t, outcome{verdict.Failed, verdict.Mismatch, "first 1"}, outcomeOf(r))
}

// What goes wrong in the suite itself is never blamed on the target.
func TestFaults(t *testing.T) {
	for name, run := range map[string]func(t *suite.T){
		"a nil pointer": func(*suite.T) { var p *shim.Result; _ = p.State },
		"a panic":       func(*suite.T) { panic("no such thing") },
		"NoFault":       func(t *suite.T) { t.NoFault(errors.New("no randomness")) },
		"Fault":         func(t *suite.T) { t.Fault("a scenario of %d parties", 0) },
		"a panic inside an Attempt": func(t *suite.T) {
			t.Stop(t.Attempt(func() { panic("no such thing") }))
		},
	} {
		r := execute(t, &target{result: &shim.Result{}}, run)
		require.Equal(t, verdict.Errored, r.Status, name)
		require.Equal(t, verdict.Suite, r.Reason, name)
		require.Contains(t, r.Message, "a fault of the suite, which says nothing about the target", name)
	}
	r := execute(t, &target{}, func(t *suite.T) { t.NoFault(nil) })
	require.Equal(t, verdict.Passed, r.Status)
}

// A target that cannot be judged is errored and not failed; one that answers what it must not is failed.
func TestReplies(t *testing.T) {
	rejected := &shim.Error{Code: shim.Rejected, Class: refusal.Replay, Message: "seen"}
	for name, c := range map[string]struct {
		op  shim.Op
		of  target
		out outcome
	}{
		"a result": {shim.SessionDecrypt, target{result: &shim.Result{}}, outcome{Status: verdict.Passed}},
		"crash": {shim.SessionDecrypt, target{err: fmt.Errorf("%w: exit status 3", shim.ErrCrash)},
			outcome{verdict.Errored, verdict.Crash, shim.ErrCrash.Error() + ": exit status 3"}},
		"panic": {shim.SessionDecrypt, target{panics: true},
			outcome{verdict.Errored, verdict.Crash, shim.ErrCrash.Error() + ": panic in session.decrypt (string)"}},
		"hang": {shim.SessionDecrypt, target{err: shim.ErrHang},
			outcome{verdict.Errored, verdict.Hang, shim.ErrHang.Error()}},
		"no reply of the protocol": {shim.SessionDecrypt, target{err: shim.ErrProtocol},
			outcome{verdict.Errored, verdict.Protocol, shim.ErrProtocol.Error()}},
		"neither result nor error": {shim.SessionDecrypt, target{},
			outcome{verdict.Errored, verdict.Protocol,
				"session.decrypt: the target gives neither a result nor an error"}},
		"internal": {shim.SessionDecrypt, target{err: &shim.Error{Code: shim.Internal}},
			outcome{verdict.Errored, verdict.Crash, "session.decrypt: the implementation failed inside its shim"}},
		"rejected": {shim.SessionDecrypt, target{err: rejected},
			outcome{verdict.Failed, verdict.RejectedValid, "session.decrypt must succeed"}},
		"invalid request": {shim.SessionDecrypt, target{err: &shim.Error{Code: shim.InvalidRequest}},
			outcome{verdict.Failed, verdict.RejectedValid, "session.decrypt: the target calls the request invalid"}},
		"listed and unsupported": {shim.SessionDecrypt, target{err: &shim.Error{Code: shim.Unsupported}},
			outcome{verdict.Failed, verdict.Unsupported,
				"session.decrypt is listed by the target and then refused as unsupported"}},
		"not listed and unsupported": {shim.SessionLoad, target{err: &shim.Error{Code: shim.Unsupported}},
			outcome{verdict.Failed, verdict.RejectedValid, "session.load must succeed"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := execute(t, &c.of, func(t *suite.T) { t.Must(c.op, shim.Params{Party: "a"}) })
			require.Equal(t, c.out, outcomeOf(r))
			if c.out.Status != verdict.Passed {
				require.Equal(t, string(c.op)+` {"party":"a"}`, r.Sent)
			}
		})
	}
}

func TestRefuse(t *testing.T) {
	const op = shim.SessionDecrypt
	class := func(c shim.Class) *target { return &target{err: &shim.Error{Code: shim.Rejected, Class: c}} }
	for name, c := range map[string]struct {
		of    *target
		class shim.Class
		out   outcome
	}{
		"any class":       {class(refusal.Replay), "", outcome{Status: verdict.Passed}},
		"no class":        {class(""), refusal.Replay, outcome{Status: verdict.Passed}},
		"the class":       {class(refusal.Replay), refusal.Replay, outcome{Status: verdict.Passed}},
		"the same family": {class(refusal.Duplicate), refusal.Replay, outcome{Status: verdict.Passed}},
		"another family": {class(refusal.BadSignature), refusal.Replay,
			outcome{verdict.Failed, verdict.Mismatch, "session.decrypt was refused for another reason"}},
		"not refused": {&target{result: &shim.Result{}}, refusal.Replay,
			outcome{verdict.Failed, verdict.AcceptedInvalid, "session.decrypt must be refused"}},
	} {
		r := execute(t, c.of, func(t *suite.T) { t.Refuse(c.class, op, shim.Params{}) })
		require.Equal(t, c.out, outcomeOf(r), name)
	}
}

// A refusal leaves the exported state as it is; what a failure shows as sent is the refused request, not the export.
func TestRefuseUnchanged(t *testing.T) {
	refuses := func(t *suite.T) { t.RefuseUnchanged("", shim.SessionDecrypt, shim.Params{Party: "a"}) }
	rejects := target{err: &shim.Error{Code: shim.Rejected}, exports: true}
	require.Equal(t, verdict.Passed, execute(t, &rejects, refuses).Status)

	rejects.moves = true
	r := execute(t, &rejects, refuses)
	require.Equal(t, outcome{verdict.Failed, verdict.StateChanged,
		"session.decrypt was refused and changed the exported state"}, outcomeOf(r))
	require.Equal(t, `session.decrypt {"party":"a"}`, r.Sent)

	r = execute(t, &target{result: &shim.Result{}, exports: true}, refuses)
	require.Equal(t, verdict.AcceptedInvalid, r.Reason)

	r = execute(t, &target{result: &shim.Result{}}, refuses)
	require.Equal(t, outcome{verdict.Failed, verdict.Protocol, "party.export gives no state"}, outcomeOf(r))
}

// Try keeps the class of a refusal.
func TestTry(t *testing.T) {
	r := execute(t, &target{err: &shim.Error{Code: shim.Rejected, Class: refusal.Replay}}, func(t *suite.T) {
		_, err := t.Try(shim.SessionDecrypt, shim.Params{})
		require.ErrorIs(t, err, refusal.Replay)
	})
	require.Equal(t, verdict.Passed, r.Status, r.Message)
}

// An Attempt returns what stopped its part, at any depth, and the test goes on.
func TestAttempt(t *testing.T) {
	r := execute(t, &target{}, func(t *suite.T) {
		var inner *suite.Failure
		outer := t.Attempt(func() {
			inner = t.Attempt(func() { t.Violation(verdict.Exposed, "inner", "", "") })
			t.Violation(verdict.StateChanged, "outer", "", "")
		})
		require.Equal(t, "exposed: inner", inner.String())
		require.Equal(t, "state-changed: outer", outer.String())
		require.Nil(t, t.Attempt(func() {}))
		t.Stop(nil)
		t.Stop(inner)
	})
	require.Equal(t, outcome{verdict.Failed, verdict.Exposed, "inner"}, outcomeOf(r))
}

// What was noted in a part stops the part alone, and what was noted before it stays.
func TestAttemptNotes(t *testing.T) {
	r := execute(t, &target{}, func(t *suite.T) {
		failure := t.Attempt(func() { t.Errorf("in the part") })
		require.Equal(t, "in the part", failure.Message)
		require.False(t, t.Failed())
		t.Errorf("before the part")
		if t.Attempt(func() {}) != nil {
			t.Fault("the part has the note of another one")
		}
	})
	require.Equal(t, outcome{verdict.Failed, verdict.Mismatch, "before the part"}, outcomeOf(r))
}

func TestSkip(t *testing.T) {
	for name, skip := range map[string]func(t *suite.T){
		"not for this target":                   func(t *suite.T) { t.Skipf("not for this %s", "target") },
		"not this one":                          func(t *suite.T) { t.Skip("not", "this", "one") },
		"the test does not apply to the target": func(t *suite.T) { t.SkipNow() },
	} {
		r := execute(t, &target{}, func(t *suite.T) {
			skip(t)
			t.Fault("it goes on")
		})
		require.Equal(t, outcome{verdict.Skipped, verdict.Unsupported, name}, outcomeOf(r))
	}
}

// A test is skipped for the first thing that a target lacks.
func TestMissing(t *testing.T) {
	h := suite.Hello{Result: &shim.Result{
		Profiles: []string{"ratchet"}, ParameterSets: []string{"omemo-2"}, Operations: shim.BySecret.Ops(),
		Cadences: []string{"per-turn"},
	}}
	test := func(profile, set string, needs func(h suite.Hello) string) suite.Test {
		return suite.Test{TestInfo: verdict.TestInfo{Profile: profile, Set: set}, Needs: needs}
	}
	both := suite.Needs(suite.NeedsSession, suite.NeedsExport)
	for missing, c := range map[string]suite.Test{
		"":                              test("ratchet", "omemo-2", suite.NeedsSession),
		"profile x3dh":                  test("x3dh", "omemo-2", nil),
		"parameter set olm-v1":          test("ratchet", "olm-v1", nil),
		"cadence per-message":           test("ratchet", "omemo-2", suite.NeedsCadence("per-message")),
		"party.export and party.import": test("ratchet", "omemo-2", both),
	} {
		require.Equal(t, missing, c.Missing(h))
	}
	shimTest := test(verdict.ShimProfile, "", nil)
	require.Empty(t, shimTest.Missing(suite.Hello{Result: &shim.Result{}}))
}

// A target that says nothing of itself is refused; one without cadences has that of a turn.
func TestGreet(t *testing.T) {
	_, err := suite.Greet(t.Context(), &target{})
	require.ErrorContains(t, err, "neither a result nor an error")
	_, err = suite.Greet(t.Context(), &target{err: shim.ErrHang})
	require.ErrorIs(t, err, shim.ErrHang)
	h, err := suite.Greet(t.Context(), &target{result: &shim.Result{}})
	require.NoError(t, err)
	require.True(t, h.Cadence("per-turn"))
	require.Equal(t, []shim.Op{shim.Reset}, h.Missing([]shim.Op{shim.Reset}))
	require.False(t, h.Offers(shim.Reset))
}

// The randomness of a test follows from the seed and the test alone, and two tests may share it.
func TestRandom(t *testing.T) {
	draw := func(c suite.Test, seed uint64) uint64 { return c.Random(seed).Uint64() }
	a, b := suite.Test{TestInfo: verdict.TestInfo{ID: "a"}}, suite.Test{TestInfo: verdict.TestInfo{ID: "b"}}
	require.Equal(t, draw(a, 1), draw(a, 1))
	require.NotEqual(t, draw(a, 1), draw(a, 2))
	require.NotEqual(t, draw(a, 1), draw(b, 1))
	b.Draws = "a"
	require.Equal(t, draw(a, 1), draw(b, 1))
}
