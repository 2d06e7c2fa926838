// Command credence-shim-libsignal-go puts go.mau.fi/libsignal under the suite (docs/shim-protocol.md). It offers the
// parameter set signal-v3 and leaves every check to the library.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"slices"

	"credence/shim"
	"credence/spec/refusal"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/signalerror"
)

const (
	version = "v0.2.1" // of the library, as in go.mod
	set     = "signal-v3"
)

func main() {
	mode := flag.String("store", "live", "what the session store hands out: its own records (live), or a `copy`")
	flag.Parse()
	if *mode != "live" && *mode != "copy" {
		log.Fatalf("unknown store %q", *mode)
	}
	out := os.Stdout
	os.Stdout = os.Stderr // the library prints its warnings there
	if err := shim.Serve(newTarget(*mode), os.Stdin, out); err != nil {
		log.Fatal(err)
	}
}

type operation func(context.Context, *shim.Params) *shim.Result

// target is the library, with the parties of one run.
type target struct {
	mode       string
	operations map[shim.Op]operation
	random     *injector
	parties    map[string]*store
}

// newTarget makes the target and puts its injector in the place of rand.Reader, from which the library draws.
func newTarget(mode string) *target {
	t := &target{mode: mode, random: &injector{fresh: rand.Reader}, parties: map[string]*store{}}
	rand.Reader = t.random
	t.operations = map[shim.Op]operation{
		shim.Hello:             t.hello,
		shim.Reset:             t.reset,
		shim.XeddsaSign:        t.sign,
		shim.XeddsaVerify:      t.verify,
		shim.X3dhInitiate:      t.agreeAsInitiator,
		shim.X3dhRespond:       t.agreeAsResponder,
		shim.RatchetRoot:       t.stepRoot,
		shim.RatchetChain:      t.stepChain,
		shim.RatchetSeal:       t.seal,
		shim.RatchetOpen:       t.open,
		shim.RatchetAccumulate: t.accumulate,
		shim.PartyNew:          t.newParty,
		shim.PartyExport:       t.exportParty,
		shim.PartyImport:       t.importParty,
		shim.SessionInitiate:   t.initiate,
		shim.SessionRespond:    t.decrypt,
		shim.SessionEncrypt:    t.encrypt,
		shim.SessionDecrypt:    t.decrypt,
	}
	return t
}

// Call performs one operation.
func (t *target) Call(ctx context.Context, op shim.Op, p *shim.Params) (result *shim.Result, err error) {
	run, ok := t.operations[op]
	if !ok || p.Set != "" && p.Set != set || p.Cadence != "" && p.Cadence != "per-turn" {
		return nil, &shim.Error{Code: shim.Unsupported, Message: "not offered: " + string(op)}
	}
	defer t.random.clear()
	defer func() {
		reason := recover()
		if e, ok := reason.(thrown); ok {
			err = reply(e.error)
		} else if reason != nil {
			panic(reason) // the library's
		}
	}()
	return run(ctx, p), nil
}

// Close has nothing to end.
func (t *target) Close() error { return nil }

func (t *target) hello(context.Context, *shim.Params) *shim.Result {
	return &shim.Result{
		Protocol: shim.Version, Name: "go.mau.fi/libsignal (" + t.mode + " store)", Version: version, Language: "Go",
		Profiles: []string{"xeddsa", "x3dh", "ratchet"}, ParameterSets: []string{set}, Injects: true,
		Operations: slices.DeleteFunc(slices.Clone(shim.Ops), func(op shim.Op) bool { return t.operations[op] == nil }),
	}
}

func (t *target) reset(context.Context, *shim.Params) *shim.Result {
	clear(t.parties)
	return &shim.Result{}
}

// injector returns the queued values, one a draw, and fresh randomness where the queue is empty or holds an empty
// value.
type injector struct {
	fresh io.Reader
	queue []shim.Bytes
}

func (i *injector) add(values ...shim.Bytes) { i.queue = append(i.queue, values...) }
func (i *injector) clear()                   { i.queue = nil }

func (i *injector) Read(b []byte) (int, error) {
	if len(i.queue) > 0 {
		next := i.queue[0]
		i.queue = i.queue[1:]
		if len(next) > 0 {
			return copy(b, next), nil
		}
	}
	return i.fresh.Read(b)
}

// thrown is an error on its way to Call.
type thrown struct{ error }

func must(err error) {
	if err != nil {
		panic(thrown{err})
	}
}

func try[T any](v T, err error) T {
	must(err)
	return v
}

func invalidRequest(message string) error {
	return &shim.Error{Code: shim.InvalidRequest, Message: message}
}

// classes are the errors of the library that have one meaning. ErrNoValidSessions, which stands for most of what a
// session refuses, has none, and ErrNoSignedPreKey has two.
var classes = map[error]shim.Class{
	signalerror.ErrInvalidSignature:      refusal.BadSignature,
	signalerror.ErrNoOneTimeKeyFound:     refusal.UnknownPrekey,
	signalerror.ErrNoSessionForUser:      refusal.NotReady,
	signalerror.ErrOldCounter:            refusal.Duplicate,
	signalerror.ErrBadMAC:                refusal.Authentication,
	signalerror.ErrOldMessageVersion:     refusal.Malformed,
	signalerror.ErrUnknownMessageVersion: refusal.Malformed,
	signalerror.ErrIncompleteMessage:     refusal.Malformed,
	ecc.ErrBadKeyType:                    refusal.Malformed,
}

// reply is what the protocol says to an error: the shim's own as it is, one of the library's as a refusal.
func reply(err error) error {
	if own := new(shim.Error); errors.As(err, &own) {
		return own
	}
	refused := &shim.Error{Code: shim.Rejected, Message: err.Error()}
	for sentinel, class := range classes {
		if errors.Is(err, sentinel) {
			refused.Class = class
		}
	}
	return refused
}
