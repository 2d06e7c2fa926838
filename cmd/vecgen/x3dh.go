package main

import (
	"bytes"
	"fmt"

	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/x3dh"
	"credence/reference/xeddsa"
	"credence/shim"
	"credence/spec/refusal"
	"credence/vectors"
)

func x3dhFile() (*vectors.File, error) {
	f := newFile("X3DH",
		"The agreement of SPEC.md 4.2 on both sides, and bundles and keys that must be refused.",
		"Private keys are clamped. shared_secret is the whole output: SK, or RK || CK.")
	for _, set := range params.Sets() {
		if err := initiateVectors(f, set); err != nil {
			return nil, err
		}
		if err := respondVectors(f, set); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// responder is the owner of a bundle.
type responder struct {
	set                *params.Set
	identity, spk, opk shim.Bytes // private keys
}

func newResponder(set *params.Set, name string) responder {
	return responder{set, key(name + " IK"), key(name + " SPK"), key(name + " OPK")}
}

func (r responder) bundle(opk bool) *shim.Bundle {
	b := &shim.Bundle{Identity: x3dh.EncodeIdentity(r.set, privateKey(r.identity))}
	if r.set.SignedPrekey {
		b.SignedPrekey, b.SignedPrekeyID = r.set.Encode(public(r.spk)), 1
		b.Signature = r.sign(public(r.spk))
	}
	if opk {
		b.OneTimePrekey, b.OneTimePrekeyID = r.set.Encode(public(r.opk)), 1
	}
	if r.set.OneTimePrekeyByKey {
		b.OneTimePrekeyID = 0
	}
	return b
}

func (r responder) sign(spk primitive.PublicKey) shim.Bytes {
	signature, err := x3dh.SignPrekey(r.set, privateKey(r.identity), spk, bytes.NewReader(random64("signature")))
	if err != nil {
		panic(err) // the reader has 64 bytes
	}
	return signature
}

// signRaw signs any bytes in the mode of the set.
func (r responder) signRaw(message []byte) shim.Bytes {
	signature, err := xeddsa.Sign(r.set.Signature, privateKey(r.identity), message, bytes.NewReader(random64("raw")))
	if err != nil {
		panic(err) // the reader has 64 bytes
	}
	return signature
}

func initiatorInput(set *params.Set, name string, b *shim.Bundle) shim.Params {
	return shim.Params{IdentityPrivate: key(name + " IK_A"), EphemeralPrivate: key(name + " EK_A"), Bundle: b}
}

func initiateVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "x3dh", set, shim.X3dhInitiate)
	for i := range 8 {
		name := fmt.Sprintf("%s x3dh %d", set.Name, i)
		g.valid(test{
			id: fmt.Sprintf("agree-%d", i), comment: "a complete bundle",
			requirements: []string{"AMB-X3D-05", "AMB-X3D-07"},
			input:        initiatorInput(set, name, newResponder(set, name).bundle(true)),
		})
	}
	for i := range 4 {
		name := fmt.Sprintf("%s x3dh no opk %d", set.Name, i)
		t := test{
			id: fmt.Sprintf("no-opk-%d", i), comment: "a bundle without a one-time prekey",
			flags:        []string{"NoOneTimePrekey"},
			requirements: []string{"AMB-X3D-04", "AMB-X3D-05", "AMB-X3D-07"},
			input:        initiatorInput(set, name, newResponder(set, name).bundle(false)),
		}
		if set.OneTimePrekeyRequired {
			t.requirements, t.flags = []string{"AMB-X3D-03"}, []string{"MissingKey"}
			g.invalid(refusal.IncompleteBundle, t)
			continue
		}
		g.valid(t)
	}
	incompleteBundles(g, set)
	badKeysInBundles(g, set)
	if set.Signature != params.NoSignature {
		badSignatures(g, set)
		prekeySignatureBits(g, set)
	}
	if !set.OneTimePrekeyByKey {
		numberedBundles(g, set)
	}
	return g.done()
}

// broken adds a bundle that was complete and is changed.
func broken(
	g *group, set *params.Set, class shim.Class, id, comment, flag, requirement string,
	change func(r responder, b *shim.Bundle),
) {
	name := set.Name + " broken"
	r := newResponder(set, name)
	b := r.bundle(true)
	change(r, b)
	g.invalid(class,
		test{id: id, comment: comment, flags: []string{flag}, requirements: []string{requirement},
			input: initiatorInput(set, name, b)})
}

func incompleteBundles(g *group, set *params.Set) {
	missing := func(id, comment string, change func(r responder, b *shim.Bundle)) {
		broken(g, set, refusal.IncompleteBundle, id, comment, "MissingKey", "AMB-X3D-03", change)
	}
	missing("no-identity", "no identity key", func(_ responder, b *shim.Bundle) { b.Identity = nil })
	if set.SignedPrekey {
		missing("no-signed-prekey", "no signed prekey", func(_ responder, b *shim.Bundle) { b.SignedPrekey = nil })
	}
	if set.Signature != params.NoSignature {
		missing("no-signature", "no signature", func(_ responder, b *shim.Bundle) { b.Signature = nil })
	}
}

// role is a place in a bundle where a key stands.
type role struct {
	name string
	put  func(r responder, b *shim.Bundle, wire shim.Bytes)
}

func bundleRoles(set *params.Set) []role {
	opk := role{"opk", func(_ responder, b *shim.Bundle, wire shim.Bytes) { b.OneTimePrekey = wire }}
	if !set.SignedPrekey {
		return []role{{"identity", func(_ responder, b *shim.Bundle, wire shim.Bytes) { b.Identity = wire }}, opk}
	}
	return []role{
		{"identity",
			func(_ responder, b *shim.Bundle, wire shim.Bytes) { b.Identity = wire; signAsLowOrder(set, b, wire) }},
		{"spk", func(r responder, b *shim.Bundle, wire shim.Bytes) {
			b.SignedPrekey, b.Signature = wire, r.signRaw(append([]byte(set.SignatureLabel), wire...))
		}},
		opk,
	}
}

// signAsLowOrder replaces the signature by one that verifies under a low-order identity key, where there is one.
func signAsLowOrder(set *params.Set, b *shim.Bundle, wire shim.Bytes) {
	raw := bytes.TrimPrefix(wire, set.KeyPrefix)
	if set.Identity == params.Ed25519Identity || len(raw) != primitive.KeySize || !primitive.PublicKey(raw).LowOrder() {
		return
	}
	message := append([]byte(set.SignatureLabel), b.SignedPrekey...)
	b.Signature = malicious.ForgeLowOrder(primitive.PublicKey(raw), message, tries("bundle"))
}

func badKeysInBundles(g *group, set *params.Set) {
	for _, role := range bundleRoles(set) {
		edwards := role.name == "identity" && set.Identity == params.Ed25519Identity
		if !edwards {
			for i, u := range malicious.LowOrderKeys(set) {
				broken(g, set, refusal.LowOrderKey, fmt.Sprintf("low-order-%s-%d", role.name, i),
					fmt.Sprintf("%s u = %x", role.name, u),
					"LowOrderKey", "AMB-KEY-01", func(r responder, b *shim.Bundle) { role.put(r, b, set.Encode(u)) })
			}
			nonCanonicalInBundle(g, set, role)
		}
		for _, n := range []int{31, 33, 64} {
			broken(g, set, refusal.Malformed, fmt.Sprintf("length-%s-%d", role.name, n),
				fmt.Sprintf("%s with %d bytes after the type byte, if any", role.name, n),
				"WrongLength", "AMB-KEY-03", func(r responder, b *shim.Bundle) {
					role.put(r, b,
						append(append(bytes.Clone(set.KeyPrefix), key("long")...),
							key("longer")...)[:n+len(set.KeyPrefix)])
				})
		}
		if len(set.KeyPrefix) > 0 {
			broken(g, set, refusal.Malformed, "type-byte-"+role.name, role.name+" with another type byte",
				"WrongLength", "AMB-KEY-03",
				func(r responder, b *shim.Bundle) { role.put(r, b, append([]byte{0x04}, secret("typed")...)) })
			broken(g, set, refusal.Malformed, "no-type-byte-"+role.name, role.name+" without its type byte",
				"WrongLength", "AMB-KEY-03",
				func(r responder, b *shim.Bundle) { role.put(r, b, key("untyped")) })
		}
	}
	if set.Identity == params.Ed25519Identity {
		edwardsIdentities(g, set)
	}
}

func nonCanonicalInBundle(g *group, set *params.Set, role role) {
	keys := append(malicious.NonCanonicalValues(), malicious.NonCanonical(public(key("canonical"))))
	for i, u := range keys {
		name := set.Name + " broken"
		r := newResponder(set, name)
		b := r.bundle(true)
		role.put(r, b, set.Encode(u))
		t := test{
			id: fmt.Sprintf("non-canonical-%s-%d", role.name, i), comment: fmt.Sprintf("%s u = %x", role.name, u),
			flags: []string{"NonCanonicalKey"}, requirements: []string{"AMB-KEY-02"},
			input: initiatorInput(set, name, b),
		}
		switch {
		case set.Canonical:
			g.invalid(refusal.NonCanonicalKey, t)
		case role.name != "identity" || set.Signature == params.NoSignature:
			t.requirements = []string{"AMB-X3D-05"}
			g.acceptable(t)
		}
	}
}

// edwardsIdentities are Ed25519 identity keys that must be refused (AMB-XED-08).
func edwardsIdentities(g *group, set *params.Set) {
	for i, point := range []shim.Bytes{
		append([]byte{1}, make([]byte, 31)...),
		append(append([]byte{0xec}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f),
		make([]byte, 32),
		append(make([]byte, 31), 0x80),
	} {
		broken(g, set, refusal.LowOrderKey, fmt.Sprintf("low-order-identity-%d", i),
			fmt.Sprintf("identity point %x", []byte(point)),
			"LowOrderKey", "AMB-XED-08", func(_ responder, b *shim.Bundle) { b.Identity = point })
	}
	broken(g, set, refusal.Malformed, "no-point-identity", "identity key that is no point of the curve", "WrongLength",
		"AMB-XED-08",
		func(_ responder, b *shim.Bundle) { b.Identity = append([]byte{2}, make([]byte, 31)...) })
}

func badSignatures(g *group, set *params.Set) {
	forged := func(id, comment, flag string, change func(r responder, b *shim.Bundle)) {
		broken(g, set, refusal.BadSignature, id, comment, flag, "AMB-X3D-02", change)
	}
	for _, at := range []int{0, 16, 31, 32, 48, 62} {
		forged(fmt.Sprintf("signature-flip-%d", at), fmt.Sprintf("lowest bit of byte %d of the signature flipped", at),
			"ForgedSignature",
			func(_ responder, b *shim.Bundle) { b.Signature = bytes.Clone(b.Signature); b.Signature[at] ^= 1 })
	}
	forged("signature-zero", "64 zero bytes", "ForgedSignature",
		func(_ responder, b *shim.Bundle) { b.Signature = make([]byte, 64) })
	forged("signature-short", "63 bytes", "WrongLength",
		func(_ responder, b *shim.Bundle) { b.Signature = b.Signature[:63] })
	forged("signature-long", "65 bytes", "WrongLength",
		func(_ responder, b *shim.Bundle) { b.Signature = append(bytes.Clone(b.Signature), 0) })
	forged("signature-of-another", "a genuine signature by another identity", "ForgedSignature",
		func(r responder, b *shim.Bundle) { r.identity = key("another"); b.Signature = r.sign(public(r.spk)) })
	forged("prekey-replaced", "another signed prekey under the genuine signature", "ForgedSignature",
		func(_ responder, b *shim.Bundle) { b.SignedPrekey = set.Encode(public(key("replaced"))) })
	forged("prekey-is-opk", "the one-time prekey in the place of the signed prekey", "ForgedSignature",
		func(_ responder, b *shim.Bundle) { b.SignedPrekey = b.OneTimePrekey })
	forged("identity-replaced", "another identity key under the genuine signature", "ForgedSignature",
		func(_ responder, b *shim.Bundle) { b.Identity = x3dh.EncodeIdentity(set, privateKey(key("replaced"))) })
	over := func(id, comment string, prefix ...byte) {
		input := func(r responder) []byte { p := public(r.spk); return append(prefix, p[:]...) }
		if r := newResponder(set, "input"); bytes.Equal(input(r), x3dh.SignatureInput(set, set.Encode(public(r.spk)))) {
			return // it is the right one
		}
		forged(id, comment, "WrongEncoding", func(r responder, b *shim.Bundle) { b.Signature = r.signRaw(input(r)) })
	}
	over("signature-over-raw", "a signature over the 32 bytes of the key alone")
	over("signature-over-typed", "a signature over 0x05 and the key", 5)
}

func respondVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "x3dh", set, shim.X3dhRespond)
	for i := range 8 {
		name := fmt.Sprintf("%s x3dh %d", set.Name, i)
		g.valid(test{
			id: fmt.Sprintf("agree-%d", i), comment: fmt.Sprintf("the other side of agree-%d", i),
			requirements: []string{"AMB-X3D-06", "AMB-X3D-07"},
			input:        responderInput(set, name, true),
		})
	}
	if !set.OneTimePrekeyRequired {
		for i := range 4 {
			name := fmt.Sprintf("%s x3dh no opk %d", set.Name, i)
			g.valid(test{
				id: fmt.Sprintf("no-opk-%d", i), comment: fmt.Sprintf("the other side of no-opk-%d", i),
				flags:        []string{"NoOneTimePrekey"},
				requirements: []string{"AMB-X3D-06", "AMB-X3D-07"}, input: responderInput(set, name, false),
			})
		}
	}
	badInitiatorKeys(g, set)
	return g.done()
}

func responderInput(set *params.Set, name string, opk bool) shim.Params {
	r := newResponder(set, name)
	p := shim.Params{
		IdentityPrivate: r.identity, SignedPrekeyPrivate: r.spk,
		InitiatorIdentity: x3dh.EncodeIdentity(set, privateKey(key(name+" IK_A"))),
		EphemeralKey:      set.Encode(public(key(name + " EK_A"))),
	}
	if opk {
		p.OneTimePrekeyPrivate = r.opk
	}
	if !set.SignedPrekey {
		p.SignedPrekeyPrivate = nil
	}
	return p
}

func badInitiatorKeys(g *group, set *params.Set) {
	name := set.Name + " bad initiator"
	put := map[string]func(p *shim.Params, wire shim.Bytes){
		"identity":  func(p *shim.Params, wire shim.Bytes) { p.InitiatorIdentity = wire },
		"ephemeral": func(p *shim.Params, wire shim.Bytes) { p.EphemeralKey = wire },
	}
	for _, role := range []string{"identity", "ephemeral"} {
		bad := func(class shim.Class, id, flag, requirement string, wire shim.Bytes) {
			p := responderInput(set, name, true)
			put[role](&p, wire)
			g.invalid(class,
				test{id: id, comment: fmt.Sprintf("initiator's %s key %x", role, []byte(wire)), flags: []string{flag},
					requirements: []string{requirement}, input: p})
		}
		bad(refusal.Malformed, "length-"+role+"-31", "WrongLength", "AMB-KEY-03",
			set.Encode(public(key("short")))[:31+len(set.KeyPrefix)])
		bad(refusal.Malformed, "length-"+role+"-33", "WrongLength", "AMB-KEY-03",
			append(set.Encode(public(key("long"))), 0))
		if role == "identity" && set.Identity == params.Ed25519Identity {
			continue
		}
		for i, u := range malicious.LowOrderKeys(set) {
			bad(refusal.LowOrderKey, fmt.Sprintf("low-order-%s-%d", role, i), "LowOrderKey", "AMB-KEY-01",
				set.Encode(u))
		}
		if set.Canonical {
			for i, u := range append(malicious.NonCanonicalValues(), malicious.NonCanonical(public(key("canonical")))) {
				bad(refusal.NonCanonicalKey, fmt.Sprintf("non-canonical-%s-%d", role, i), "NonCanonicalKey",
					"AMB-KEY-02", set.Encode(u))
			}
		}
	}
}
