package main

import (
	"bytes"
	"fmt"
	"slices"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/wire"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/vectors"
)

// longestTrace is the largest number of skipped keys that a trace shows.
const longestTrace = 8

// tracer derives the secrets of a step once more from the state before it, and records every derivation.
type tracer struct {
	set   *params.Set
	steps []vectors.Derivation
}

func (t *tracer) add(function string, in, out map[string]shim.Bytes) {
	t.steps = append(t.steps, vectors.Derivation{Function: function, Input: in, Output: out})
}

type named = map[string]shim.Bytes

// root is DH and KDF_RK.
func (t *tracer) root(rk, private shim.Bytes, remote primitive.PublicKey) (next, ck []byte) {
	dh, err := primitive.DH(privateKey(private), remote)
	if err != nil {
		panic(err) // the step was accepted
	}
	t.add("DH", named{"private_key": private, "public_key": remote[:]}, named{"dh_output": dh})
	next, ck = primitive.KDFRK(rk, dh, t.set.RootInfo)
	t.add("KDF_RK", named{"root_key": rk, "dh_output": dh}, named{"root_key": next, "chain_key": ck})
	return next, ck
}

// chain is KDF_CK.
func (t *tracer) chain(ck []byte) (next, mk []byte) {
	next, mk = primitive.KDFCK(ck)
	t.add("KDF_CK", named{"chain_key": ck}, named{"chain_key": next, "message_key": mk})
	return next, mk
}

// messageKeys is AMB-KDF-03.
func (t *tracer) messageKeys(mk []byte) {
	out := named{}
	if t.set.Cipher == params.ChaCha20Poly1305 {
		k := primitive.HKDF(make([]byte, 32), mk, t.set.MessageInfo, 44)
		out["key"], out["nonce"] = k[:32], k[32:]
	} else {
		k := primitive.DeriveCBC(mk, t.set.MessageInfo)
		out["encryption_key"], out["mac_key"], out["iv"] = k.Encryption, k.MAC, k.IV
	}
	t.add("MessageKeys", named{"message_key": mk}, out)
}

// trace returns the derivations of a step that was accepted.
func (s *script) trace(op shim.Op, p *shim.Params, before, after *ratchet.State) []vectors.Derivation {
	t := &tracer{set: s.set}
	switch op {
	case shim.SessionInitiate:
		s.traceInitiate(t, p, after)
	case shim.SessionRespond:
		start := s.traceRespond(t, p, after)
		t.receive(start, after, s.header(start, p.Envelope))
	case shim.SessionEncrypt:
		t.send(before, after)
	case shim.SessionDecrypt:
		t.receive(before, after, s.header(before, p.Envelope))
	}
	return t.steps
}

func (t *tracer) send(before, after *ratchet.State) {
	ck := before.CKs
	if drew(before, after) {
		_, ck = t.root(before.RK, after.DHs.Bytes(), *before.DHr)
	}
	next, mk := t.chain(ck)
	t.messageKeys(mk)
	mustEqual("sending chain key", next, after.CKs)
}

func (t *tracer) receive(before, after *ratchet.State, h wire.Header) {
	i := slices.IndexFunc(before.Chains, func(c ratchet.Chain) bool { return c.DH == h.Key })
	if i >= 0 {
		t.receiveInChain(before.Chains[i], h)
		return
	}
	rk, ck := t.root(before.RK, before.DHs.Bytes(), h.Key)
	if h.N <= longestTrace {
		t.walk(ck, 0, h.N)
	}
	if drew(before, after) {
		rk, _ = t.root(rk, after.DHs.Bytes(), h.Key)
	}
	mustEqual("root key", rk, after.RK)
}

func (t *tracer) receiveInChain(c ratchet.Chain, h wire.Header) {
	if i := slices.IndexFunc(c.Skipped, func(k ratchet.SkippedKey) bool { return k.N == h.N }); i >= 0 {
		t.messageKeys(c.Skipped[i].MK)
		return
	}
	if h.N-c.N <= longestTrace {
		t.walk(c.CK, c.N, h.N)
	}
}

// walk steps the chain from message n to message last.
func (t *tracer) walk(ck []byte, n, last uint64) {
	var mk []byte
	for ; n <= last; n++ {
		ck, mk = t.chain(ck)
	}
	t.messageKeys(mk)
}

func (s *script) traceInitiate(t *tracer, p *shim.Params, after *ratchet.State) {
	agreement, err := x3dh.Initiate(
		s.set, privateKey(key(s.keyName(s.target, "IK"))), privateKey(p.EphemeralPrivate), adapter.FromShim(p.Bundle),
	)
	if err != nil {
		panic(err) // the step was accepted
	}
	t.agreement(agreement)
	if s.set.Start == params.Olm {
		return
	}
	rk, _ := t.root(agreement.Secret[:32], p.RatchetPrivate, *after.DHr)
	mustEqual("root key", rk, after.RK)
}

func (s *script) traceRespond(t *tracer, p *shim.Params, after *ratchet.State) *ratchet.State {
	m, err := wire.ParseInitial(s.set, p.Envelope.Body)
	if err != nil {
		panic(err) // the step was accepted
	}
	spk, opk := privateKey(s.start.spk), privateKey(s.start.opk)
	if !s.set.SignedPrekey {
		spk, opk = opk, nil
	} else if m.OneTimePrekeyID == 0 && len(m.OneTimePrekey) == 0 {
		opk = nil
	}
	agreement, err := x3dh.Respond(s.set, privateKey(s.start.identity), spk, opk, m.Identity, m.Ephemeral)
	if err != nil {
		panic(err) // the step was accepted
	}
	t.agreement(agreement)
	state, err := ratchet.StartResponder(s.set, agreement.Secret, agreement.AD, spk, *after.DHr)
	if err != nil {
		panic(err) // the agreement has the size of the set
	}
	return state
}

func (t *tracer) agreement(a x3dh.Agreement) {
	t.add("X3DH", named{}, named{"shared_secret": a.Secret, "associated_data": a.AD})
}

// header returns the header of the ratchet message in an envelope.
func (s *script) header(st *ratchet.State, e *shim.Message) wire.Header {
	h, err := st.Header(s.inner(e))
	if err != nil {
		panic(err) // the step was accepted
	}
	return h
}

// mustEqual stops the generator if the second derivation parts from the reference.
func mustEqual(what string, a, b []byte) {
	if !bytes.Equal(a, b) {
		panic(fmt.Sprintf("trace: %s: %x is not %x", what, a, b))
	}
}
