package main

import (
	"bytes"
	"fmt"
	"math"

	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/spec/refusal"
)

// bit is a place in a byte string.
type bit struct {
	at   int
	mask byte
}

func (b bit) String() string { return fmt.Sprintf("%d-%02x", b.at, b.mask) }

// in returns a copy with the bit changed.
func (b bit) in(s []byte) []byte {
	changed := bytes.Clone(s)
	changed[b.at] ^= b.mask
	return changed
}

// bitsOf are the bits of n bytes that are changed one by one: the ends of the first byte and of the last, and one in
// between. A comparison that leaves out a part of it misses one of them.
func bitsOf(n int) []bit {
	if n == 1 {
		return []bit{{0, 0x01}, {0, 0x80}}
	}
	return []bit{{0, 0x01}, {0, 0x80}, {n / 2, 0x10}, {n - 1, 0x01}, {n - 1, 0x80}}
}

// boundaries are the numbers at which a smaller type, a sign or a varint ends.
var boundaries = []uint32{255, 256, 257, 1<<16 - 1, 1 << 16, 1<<31 - 1, 1 << 31, math.MaxUint32}

// lowAlike are numbers that agree with v in its lowest byte, its two lowest or all but the highest bit.
func lowAlike(v uint32) []uint32 { return []uint32{v ^ 1<<8, v ^ 1<<16, v ^ 1<<31} }

// signatureBits are signatures by somebody who holds the key and signs by the equation, but for one bit: what a
// verifier computes and what it has been given differ in nothing else.
func signatureBits(g *group, set *params.Set, message []byte) {
	name := set.Name + " bits"
	k := privateKey(key(name))
	public := x3dh.SignerKey(set, k)
	bad := func(id, comment string, public, message, signature []byte) {
		g.invalid(refusal.BadSignature,
			test{id: id, comment: comment, flags: []string{"ForgedSignature"}, requirements: []string{"AMB-XED-04"},
				input: shim.Params{PublicKey: public, Message: message, Signature: signature}})
	}
	signer := malicious.NewSigner(set.Signature, k)
	unchanged := func(r []byte) []byte { return r }
	for _, b := range append(bitsOf(32), bit{31, 0x40}) {
		bad("r-bit-"+b.String(),
			"R is another one in one bit, and was hashed so: the one that a verifier computes differs "+
				"in that bit alone", public, message, signer.Sign(message, b.in))
	}
	bad("r-torsion", "a point of order 2 is added to R: only a verification with the cofactor accepts", public,
		message,
		signer.Sign(message, malicious.WithTorsion))
	genuine := signer.Sign(message, unchanged)
	for _, at := range []int{0, 15, 31, 32, 47} {
		b := bit{at, 0x80}
		bad("flip-"+b.String(), "highest bit of a byte of the signature flipped", public, message, b.in(genuine))
	}
	long := bytes.Repeat(message, 20)
	g.valid(test{
		id: "long-message", comment: fmt.Sprintf("a message of %d bytes", len(long)),
		requirements: []string{"AMB-XED-03"},
		input:        shim.Params{PublicKey: public, Message: long, Signature: signer.Sign(long, unchanged)},
	})
	for _, b := range bitsOf(len(long)) {
		bad("message-bit-"+b.String(), "one bit of a long message is changed", public, b.in(long),
			signer.Sign(long, unchanged))
	}
	for _, b := range []bit{{0, 0x01}, {0, 0x80}, {16, 0x10}, {31, 0x40}} {
		b.at += len(public) - 32
		bad("key-bit-"+b.String(), "one bit of the public key is changed", b.in(public), message, genuine)
	}
	otherSigns(set, message, bad)
}

// otherSigns are signatures in which the sign of the public point is another one in one place.
func otherSigns(
	set *params.Set, message []byte, bad func(id, comment string, public, message, signature []byte),
) {
	for i := range 4 { // both signs
		k := privateKey(key(fmt.Sprintf("%s sign of A %d", set.Name, i)))
		public, signer := x3dh.SignerKey(set, k), malicious.NewSigner(set.Signature, k)
		unchanged := func(r []byte) []byte { return r }
		id := fmt.Sprintf("key-sign-%d", i)
		if set.Signature == params.Strict {
			if forgetful, ok := signer.NotNegated(); ok {
				bad(id, "a signer who has not negated the scalar although the sign of his point is 1", public, message,
					forgetful.Sign(message, unchanged))
			}
			continue
		}
		signer.A = bit{31, 0x80}.in(signer.A)
		if set.Signature == params.SignBit {
			signer.Bit ^= 0x80
		} else {
			public = signer.A
		}
		bad(id, "the point with the other sign, which was also hashed: who verifies without the sign accepts", public,
			message, signer.Sign(message, unchanged))
	}
}

// prekeySignatureBits are bundles whose signature or signed prekey is another one in one bit.
func prekeySignatureBits(g *group, set *params.Set) {
	forged := func(id, comment string, change func(r responder, b *shim.Bundle)) {
		broken(g, set, refusal.BadSignature, id, comment, "ForgedSignature", "AMB-X3D-02", change)
	}
	for _, b := range append(bitsOf(32), bit{31, 0x40}) {
		forged("signature-r-bit-"+b.String(), "R is another one in one bit, and was hashed so",
			func(r responder, bundle *shim.Bundle) {
				signer := malicious.NewSigner(set.Signature, privateKey(r.identity))
				bundle.Signature = signer.Sign(x3dh.SignatureInput(set, bundle.SignedPrekey), b.in)
			})
	}
	for _, b := range []bit{{0, 0x01}, {16, 0x10}, {31, 0x01}, {31, 0x40}} {
		forged("prekey-bit-"+b.String(), "one bit of the signed prekey is changed",
			func(_ responder, bundle *shim.Bundle) {
				b.at += len(set.KeyPrefix)
				bundle.SignedPrekey = b.in(bundle.SignedPrekey)
			})
	}
	for _, at := range []int{32, 47} {
		b := bit{at, 0x80}
		forged("signature-flip-"+b.String(), "highest bit of a byte of s flipped",
			func(_ responder, bundle *shim.Bundle) { bundle.Signature = b.in(bundle.Signature) })
	}
}

// numberedBundles are agreements under bundles whose ids are at the boundaries: an id takes no part in them.
func numberedBundles(g *group, set *params.Set) {
	for i, id := range boundaries {
		name := set.Name + " numbered"
		b := newResponder(set, name).bundle(true)
		b.OneTimePrekeyID, b.SignedPrekeyID = id, boundaries[(i+3)%len(boundaries)]
		g.valid(test{
			id:           fmt.Sprintf("ids-%d-%d", b.SignedPrekeyID, id),
			comment:      fmt.Sprintf("signed prekey %d, one-time prekey %d", b.SignedPrekeyID, id),
			requirements: []string{"AMB-X3D-05", "AMB-X3D-07"},
			input:        initiatorInput(set, name, b),
		})
	}
	b := newResponder(set, set.Name+" numbered").bundle(true)
	b.OneTimePrekeyID, b.SignedPrekeyID = 256, 256
	g.valid(test{
		id: "ids-equal", comment: "signed prekey and one-time prekey have the same id",
		input:        initiatorInput(set, set.Name+" numbered", b),
		requirements: []string{"AMB-X3D-05", "AMB-X3D-07"},
	})
}
