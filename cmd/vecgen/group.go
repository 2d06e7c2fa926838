package main

import (
	"context"
	"crypto/ecdh"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/vectors"
)

// flagNotes are the flags that tests of all files may carry.
var flagNotes = map[string]vectors.Note{
	"LowOrderKey": {
		BugType:     "AUTH_BYPASS",
		Description: "A public key whose agreement is all zero takes the other side's contribution out of the key.",
		Links:       []string{"https://www.rfc-editor.org/rfc/rfc7748#section-6.1"},
	},
	"NonCanonicalKey": {
		BugType: "MALLEABILITY",
		Description: "Another encoding of the same field element. X25519 accepts it; the deployed protocols do not " +
			"say. ambassador-v1 refuses it.",
	},
	"MalleableSignature": {
		BugType: "MALLEABILITY",
		Description: "s is not below the group order. Strict verifiers refuse it; deployed verifiers of signal-v3 " +
			"differ.",
	},
	"LowOrderSigner": {
		BugType: "AUTH_BYPASS",
		Description: "A signature under a public key of low order can be made by anybody. Deployed verifiers of " +
			"signal-v3 differ.",
	},
	"SignBit": {
		BugType: "EDGE_CASE", Description: "The Edwards form of the public key has sign 1: half of all keys.",
	},
	"ForgedSignature": {
		BugType: "AUTH_BYPASS", Description: "The signature was not made by the identity key over the signed prekey.",
	},
	"WrongEncoding": {
		BugType: "CONFUSION", Description: "The signature is genuine, over another encoding of the prekey.",
	},
	"MissingKey":      {BugType: "MISSING_STEP", Description: "A required key or signature is absent."},
	"WrongLength":     {BugType: "PARSING", Description: "A key or signature of a wrong length."},
	"NoOneTimePrekey": {BugType: "EDGE_CASE", Description: "The responder has no one-time prekey left."},
	"Forged": {
		BugType: "AUTH_BYPASS",
		Description: "A genuine message that somebody without the key has changed. The genuine message must still be " +
			"read afterwards.",
	},
	"Malformed": {BugType: "PARSING", Description: "Bytes that are no message of the set."},
	"Replayed":  {BugType: "REPLAY", Description: "A message that was accepted before."},
	"OverLimit": {BugType: "DENIAL_OF_SERVICE", Description: "More skipped messages than the set allows."},
	"OutOfOrder": {
		BugType: "FUNCTIONALITY", Description: "Messages that arrive in another order than they were sent.",
	},
	"LateMessage": {BugType: "FUNCTIONALITY", Description: "A message of an earlier receiving chain."},
	"WrongAssociatedData": {
		BugType: "CONFUSION", Description: "The associated data has other values or another order.",
	},
	"WrongRole": {
		BugType: "CONFUSION", Description: "A message that comes back to its sender, or a message of another session.",
	},
	"WrongKey": {BugType: "CONFUSION", Description: "The key is another one."},
	"BadPadding": {
		BugType: "PADDING_ORACLE", Description: "The tag is right, the padding or the length of the ciphertext is not.",
	},
	"ExtraField": {
		BugType: "PARSING",
		Description: "An unknown field in the authenticated bytes. Protocol Buffers readers skip it; strict readers " +
			"may refuse it.",
	},
	"NonMinimalVarint": {
		BugType: "PARSING",
		Description: "A counter that is encoded in more bytes than it needs. Protocol Buffers readers accept it; " +
			"strict readers may refuse it.",
	},
	"PrekeyReuse":   {BugType: "REPLAY", Description: "A one-time prekey that was used before."},
	"UnknownPrekey": {BugType: "MISSING_STEP", Description: "A prekey that the responder does not hold."},
	"Accumulated":   {BugType: "FUNCTIONALITY", Description: "Many steps behind one digest."},
	"KeyLoss":       {BugType: "FUNCTIONALITY", Description: "A limit drops keys; the session goes on."},
	"CanonicalState": {
		BugType:     "PARSING",
		Description: "Bytes that the canonical encoding of a state (SPEC.md 5.7) would not have written.",
	},
	"CounterEnd": {BugType: "EDGE_CASE", Description: "The last message number of a chain."},
	"Encoding": {
		BugType:     "PARSING",
		Description: "Bytes that the canonical encoding of the structure (SPEC.md 7.1) would not have written.",
	},
	"Racing": {
		BugType: "FUNCTIONALITY", Description: "Two devices commit for the same place; one is refused and tries again.",
	},
	"Dishonest": {
		BugType: "AUTH_BYPASS", Description: "A post office, a counterparty or a sibling that does not keep the rules.",
	},
	"NotReady": {BugType: "MISSING_STEP", Description: "A session that cannot send yet."},
	"Canary": {
		BugType: "BASIC", Description: "Wrong on purpose: every one of these tests must be reported as a failure.",
	},
}

func newFile(algorithm string, header ...string) *vectors.File {
	return &vectors.File{Algorithm: algorithm, Schema: "schema.json", Header: header, Notes: map[string]vectors.Note{}}
}

// group collects the tests of one operation in one set.
type group struct {
	vectors.Group
	file *vectors.File
	err  error
}

func newGroup(f *vectors.File, profile string, set *params.Set, op shim.Op) *group {
	return &group{
		vectors.Group{Type: vectors.Operation, Profile: profile, ParameterSet: set.Name, Operation: op}, f, nil,
	}
}

// done adds the group to its file. It returns the first error of the group.
func (g *group) done() error {
	if len(g.Tests) > 0 {
		g.file.TestGroups = append(g.file.TestGroups, g.Group)
	}
	return g.err
}

func (g *group) add(t vectors.Test) {
	for _, flag := range t.Flags {
		note, ok := flagNotes[flag]
		if !ok {
			g.fail(t.ID, fmt.Errorf("flag %q has no note", flag))
		}
		g.file.Notes[flag] = note
	}
	if t.Flags == nil {
		t.Flags = []string{}
	}
	g.Tests = append(g.Tests, t)
}

func (g *group) fail(id string, err error) {
	if g.err == nil {
		g.err = fmt.Errorf("%s: %w", id, err)
	}
}

// test is what a generator says of a test; the group adds the outcome.
type test struct {
	id, comment  string
	flags        []string
	requirements []string
	input        shim.Params
}

func (g *group) id(t test) string {
	return fmt.Sprintf("%s/%s/%s/%s", g.Profile, g.ParameterSet, verb(g.Operation), t.id)
}

// valid adds a test whose outcome is what the reference gives.
func (g *group) valid(t test) *shim.Result {
	t.input.Set = g.ParameterSet
	t.input = t.input.Complete(g.Operation)
	r, err := adapter.New().Call(context.Background(), g.Operation, &t.input)
	if err != nil {
		g.fail(t.id, err)
		return &shim.Result{}
	}
	g.add(vectors.Test{
		ID: g.id(t), Comment: t.comment, Flags: t.flags, Requirements: t.requirements, Result: vectors.Valid,
		Input: &t.input, Output: r,
	})
	return r
}

// invalid adds a test that the reference must refuse with the class.
func (g *group) invalid(class shim.Class, t test) {
	t.input.Set = g.ParameterSet
	t.input = t.input.Complete(g.Operation)
	_, err := adapter.New().Call(context.Background(), g.Operation, &t.input)
	if got := classOf(err); got != class {
		g.fail(t.id, fmt.Errorf("class %q expected, got: %v", class, err))
	}
	g.add(vectors.Test{
		ID: g.id(t), Comment: t.comment, Flags: t.flags, Requirements: t.requirements, Result: vectors.Invalid,
		Class: class, Input: &t.input,
	})
}

// acceptable adds a test with two right outcomes. If the reference gives a result, it is the one to give.
func (g *group) acceptable(t test) {
	t.input.Set = g.ParameterSet
	t.input = t.input.Complete(g.Operation)
	r, _ := adapter.New().Call(context.Background(), g.Operation, &t.input)
	g.add(vectors.Test{
		ID: g.id(t), Comment: t.comment, Flags: t.flags, Requirements: t.requirements, Result: vectors.Acceptable,
		Input: &t.input, Output: r,
	})
}

func classOf(err error) shim.Class {
	var e *shim.Error
	if errors.As(err, &e) {
		return e.Class
	}
	return ""
}

// secret returns 32 bytes of a name.
func secret(name string) shim.Bytes {
	h := sha256.Sum256([]byte("credence vector " + name))
	return h[:]
}

// key returns the clamped private key of a name.
func key(name string) shim.Bytes {
	k := [32]byte(secret(name))
	primitive.Clamp(&k)
	return k[:]
}

func privateKey(b shim.Bytes) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		panic(err) // the callers' keys are made by key
	}
	return k
}

func public(b shim.Bytes) primitive.PublicKey { return primitive.Public(privateKey(b)) }

// random64 returns Z of a name.
func random64(name string) shim.Bytes { return append(secret(name+" Z0"), secret(name+" Z1")...) }

// verb returns the last part of the name of an operation.
func verb(op shim.Op) string {
	_, v, _ := strings.Cut(string(op), ".")
	return v
}
