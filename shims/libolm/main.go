// Command credence-shim-libolm puts libolm under the suite (docs/shim-protocol.md) and leaves every check to the library.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"slices"

	"credence/conformance/shim"
	"credence/reference/refusal"
)

// target is the library, with the parties of one run.
type target map[string]party

// party is in JSON its export, with sorted peers.
type party struct {
	Account  account
	Sessions map[string]session
}

var hello = &shim.Result{
	Protocol: shim.Version, Name: "libolm", Version: version(), Language: "C++",
	Profiles: []string{"x3dh", "ratchet"}, ParameterSets: []string{"olm-v1"}, Injects: true,
	Operations: []shim.Op{shim.Hello, shim.Reset, shim.PartyNew, shim.PartyExport, shim.PartyImport,
		shim.SessionInitiate, shim.SessionRespond, shim.SessionEncrypt, shim.SessionDecrypt},
}

func main() { must(shim.Serve(target{}, os.Stdin, os.Stdout)) }

// Call performs one operation. What it and the library refuse is thrown as *shim.Error.
func (t target) Call(_ context.Context, op shim.Op, p *shim.Params) (result *shim.Result, err error) {
	defer func() {
		reason := recover()
		if e, ok := reason.(*shim.Error); ok {
			err = e
		} else if reason != nil {
			panic(reason)
		}
	}()
	offered := slices.Contains(hello.Operations, op) && cmp.Or(p.Set, "olm-v1") == "olm-v1" && cmp.Or(p.Cadence, "per-turn") == "per-turn"
	need(offered, shim.Error{Code: shim.Unsupported})
	switch op {
	case shim.Hello:
		return hello, nil
	case shim.Reset:
		clear(t)
		freeAll()
		return &shim.Result{}, nil
	case shim.PartyNew, shim.PartyImport:
		return t.add(op, p), nil
	}
	q, known := t[p.Party]
	need(known, invalid("no such party"))
	return q.call(op, p), nil
}

// Close has nothing to end.
func (t target) Close() error { return nil }

// add makes a party, fresh or of an export.
func (t target) add(op shim.Op, p *shim.Params) (result *shim.Result) {
	_, used := t[p.Party]
	need(!used, invalid("the name is in use"))
	q := party{Sessions: map[string]session{}}
	if op == shim.PartyImport {
		need(json.Unmarshal(p.State, &q) == nil && q.Account.c != nil, invalid("the state is not an export"))
		result = &shim.Result{}
	} else {
		q.Account = newAccount()
		q.Account.create(p.IdentityPrivate, cmp.Or(len(p.OneTimePrekeys), p.OneTimePrekeyCount), p.OneTimePrekeys)
		result = &shim.Result{Bundle: q.Account.bundle()}
	}
	t[p.Party] = q
	return result
}

// call performs an operation of a party.
func (q party) call(op shim.Op, p *shim.Params) *shim.Result {
	needs := op == shim.SessionRespond || op == shim.SessionDecrypt
	need(!needs || p.Envelope != nil, invalid("no envelope"))
	switch op {
	case shim.PartyExport:
		state, err := json.Marshal(q)
		must(err)
		return &shim.Result{State: state}
	case shim.SessionInitiate:
		need(p.Bundle != nil, invalid("no bundle"))
		s := newSession()
		s.initiate(q.Account, p.Bundle, p.EphemeralPrivate, p.RatchetPrivate)
		q.Sessions[p.Peer] = s
		return &shim.Result{}
	case shim.SessionRespond:
		s := newSession()
		plaintext := s.respond(q.Account, p.Envelope)
		q.Sessions[p.Peer] = s
		return &shim.Result{Plaintext: plaintext}
	}
	s := q.Sessions[p.Peer]
	need(s.c != nil, shim.Error{Code: shim.Rejected, Class: refusal.NotReady, Message: "no session"})
	if op == shim.SessionEncrypt {
		return &shim.Result{Envelope: s.encrypt(p.Plaintext, p.RatchetPrivate)}
	}
	need(p.Envelope.Kind != shim.InitialMessage || s.matches(p.Envelope),
		shim.Error{Code: shim.Rejected, Class: refusal.Authentication, Message: "of another session"})
	return &shim.Result{Plaintext: s.decrypt(p.Envelope)}
}

func need(ok bool, e shim.Error) {
	if !ok {
		panic(&e)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func invalid(message string) shim.Error {
	return shim.Error{Code: shim.InvalidRequest, Message: message}
}
