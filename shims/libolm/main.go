// Command credence-shim-libolm puts libolm under the suite (docs/shim-protocol.md). It offers the parameter set olm-v1
// and leaves every check to the library.
package main

import (
	"context"
	"log"
	"os"
	"slices"

	"credence/shim"
	"credence/spec/refusal"
)

func main() {
	if err := shim.Serve(target{}, os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

type target map[string]*party // by name

var operations = map[shim.Op]func(*party, *shim.Params) *shim.Result{
	shim.PartyNew: (*party).create, shim.PartyExport: (*party).export, shim.PartyImport: (*party).restore,
	shim.SessionInitiate: (*party).initiate, shim.SessionRespond: (*party).respond,
	shim.SessionEncrypt: (*party).encrypt, shim.SessionDecrypt: (*party).decrypt,
}

// Call performs one operation. Errors on their way here are panics.
func (t target) Call(_ context.Context, op shim.Op, p *shim.Params) (result *shim.Result, err error) {
	defer func() {
		reason := recover()
		if e, ok := reason.(*shim.Error); ok {
			err = e
		} else if reason != nil {
			panic(reason)
		}
	}()
	switch op {
	case shim.Hello:
		return hello(), nil
	case shim.Reset:
		return &shim.Result{}, t.Close()
	}
	return t.run(op, p), nil
}

// Close frees what the parties hold.
func (t target) Close() error {
	clear(t)
	freeAll()
	return nil
}

func (t target) run(op shim.Op, p *shim.Params) *shim.Result {
	operation, own := operations[op], t[p.Party]
	makes := op == shim.PartyNew || op == shim.PartyImport
	reads := op == shim.SessionRespond || op == shim.SessionDecrypt
	switch {
	case operation == nil || p.Set != "" && p.Set != "olm-v1" || p.Cadence != "" && p.Cadence != "per-turn":
		fail(shim.Unsupported, "not offered: "+string(op))
	case makes == (own != nil):
		fail(shim.InvalidRequest, "no such party, or its name is in use")
	case op == shim.SessionInitiate && p.Bundle == nil || reads && p.Envelope == nil:
		fail(shim.InvalidRequest, "no bundle or envelope")
	case makes:
		own = newParty()
	}
	result := operation(own, p)
	t[p.Party] = own
	return result
}

func hello() *shim.Result {
	r := &shim.Result{
		Protocol: shim.Version, Name: "libolm", Version: version(), Language: "C++",
		Profiles: []string{"x3dh", "ratchet"}, ParameterSets: []string{"olm-v1"}, Injects: true,
		Operations: []shim.Op{shim.Hello, shim.Reset},
	}
	for op := range operations {
		r.Operations = append(r.Operations, op)
	}
	slices.Sort(r.Operations)
	return r
}

// classes are the errors of the library that have one meaning here: INVALID_BASE64 is a key of a wrong length.
var classes = map[string]shim.Class{
	"BAD_MESSAGE_MAC": refusal.Authentication, "BAD_MESSAGE_KEY_ID": refusal.UnknownPrekey,
	"BAD_MESSAGE_FORMAT": refusal.Malformed, "BAD_MESSAGE_VERSION": refusal.Malformed,
	"INVALID_BASE64": refusal.Malformed,
}

// reply is what the protocol says to an error of the library: a refusal, unless a buffer of the shim was wrong.
func reply(e string) *shim.Error {
	if e == "NOT_ENOUGH_RANDOM" || e == "OUTPUT_BUFFER_TOO_SMALL" || e == "INPUT_BUFFER_TOO_SMALL" {
		return &shim.Error{Code: shim.Internal, Message: e}
	}
	return &shim.Error{Code: shim.Rejected, Class: classes[e], Message: e}
}

func fail(code shim.ErrorCode, message string) { panic(&shim.Error{Code: code, Message: message}) }

func try[T any](v T, err error) T {
	if err != nil {
		fail(shim.Internal, err.Error())
	}
	return v
}
