package sessions

import (
	"bytes"
	"crypto/ecdh"
	"fmt"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/x3dh"
	"credence/reference/xeddsa"
	"credence/shim"
	"credence/spec/refusal"
)

// signatures are the tests of profile xeddsa.
func signatures(set *params.Set) []suite.Test {
	if set.Signature == params.NoSignature {
		return nil
	}
	needs := func(h suite.Hello) string {
		return suite.Lacks(h.Offers(shim.XeddsaSign, shim.XeddsaVerify), "xeddsa.sign and xeddsa.verify")
	}
	test := func(name, comment string, requirements []string, run func(p *pair.Pair)) suite.Test {
		return pair.Test("xeddsa", set, name, comment, requirements, needs, run)
	}
	return []suite.Test{
		test("sign", "signatures of the target verify", []string{"AMB-XED-01", "AMB-XED-03"}, targetSigns),
		test("verify", "signatures of the reference verify at the target", []string{"AMB-XED-03"}, targetVerifies),
		test("forged", "signatures and messages with a bit changed are refused, the sign bits among them",
			[]string{"AMB-XED-04 R s message"}, triesAll(forgedSignatures)),
		test("fresh-z", "two signatures of one message differ in R", []string{"AMB-XED-02"}, freshSignatures),
	}
}

// badSignatures are bundles whose signature is not that of the identity key over the signed prekey. Every bit at the
// ends of R and s is changed, which the signs are among, and a bit of each byte in between.
func badSignatures(p *pair.Pair) []badBundle {
	b := p.Peer.Bundle()
	own := func(identity *ecdh.PrivateKey, message []byte) []byte {
		signature, err := xeddsa.Sign(p.Set.Signature, identity, message, p.Random)
		p.NoFault(err)
		return signature
	}
	other, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	changes := []badBundle{
		{"all zero", func(b *x3dh.Bundle) { b.Signature = make([]byte, xeddsa.SignatureSize) }},
		{"of another prekey", func(b *x3dh.Bundle) { b.SignedPrekey = b.OneTimePrekey }},
		{"by another key", func(b *x3dh.Bundle) {
			b.Signature = own(other, x3dh.SignatureInput(p.Set, b.SignedPrekey))
		}},
		{"a byte short", func(b *x3dh.Bundle) { b.Signature = b.Signature[:xeddsa.SignatureSize-1] }},
		{"a byte long", func(b *x3dh.Bundle) { b.Signature = append(bytes.Clone(b.Signature), 0) }},
	}
	for _, at := range signatureBits() {
		changes = append(changes, badBundle{fmt.Sprint("bit ", at), func(b *x3dh.Bundle) {
			b.Signature = flipped(b.Signature, at)
		}})
	}
	for _, at := range []int{0, 100, 254, 255} { // by who holds the identity key, and makes everything else fit
		identity, err := primitive.GeneratePrivate(p.Random)
		p.NoFault(err)
		signature := malicious.NewSigner(p.Set.Signature, identity).Sign(
			x3dh.SignatureInput(p.Set, b.SignedPrekey), func(r []byte) []byte { return flipped(r, at) })
		changes = append(changes, badBundle{fmt.Sprint("bit ", at, " of R, by the signer"), func(b *x3dh.Bundle) {
			b.Identity, b.Signature = x3dh.EncodeIdentity(p.Set, identity), signature
		}})
	}
	for at := range 8 * primitive.KeySize {
		if at%8 == 3 { // in the high bits are the sign and what X25519 ignores
			prefix := len(b.SignedPrekey) - primitive.KeySize
			changes = append(changes, badBundle{fmt.Sprint("bit ", at, " of the prekey"), func(b *x3dh.Bundle) {
				b.SignedPrekey = flipped(b.SignedPrekey, at+8*prefix)
			}})
		}
	}
	return changes
}

// signatureBits are the bits of a signature that are changed: all at the ends of R and s, and one of each other byte.
func signatureBits() (bits []int) {
	for at := range 8 * xeddsa.SignatureSize {
		if b := at / 8 % 32; b == 0 || b == 31 || at%8 == b%8 {
			bits = append(bits, at)
		}
	}
	return bits
}

// flipped returns bytes with one bit changed.
func flipped(b []byte, bit int) []byte {
	b = bytes.Clone(b)
	b[bit/8] ^= 1 << (bit % 8)
	return b
}

// forgedSignatures brings changed signatures of the empty message and of another one, and a genuine one.
func forgedSignatures(p *pair.Pair) (trials []suite.Trial) {
	k, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	for _, message := range [][]byte{{}, []byte("signed")} {
		signature, err := xeddsa.Sign(p.Set.Signature, k, message, p.Random)
		p.NoFault(err)
		verify := func(signer, message, signature []byte) shim.Params {
			return shim.Params{Set: p.Set.Name, PublicKey: signer, Message: message, Signature: signature}
		}
		refuses := func(name string, o shim.Params) {
			trials = append(trials, suite.Trial{Name: fmt.Sprintf("%s of %d bytes", name, len(message)), Try: func() {
				p.Refuse(refusal.BadSignature, shim.XeddsaVerify, o)
			}})
		}
		signer := x3dh.SignerKey(p.Set, k)
		for _, at := range signatureBits() {
			refuses(fmt.Sprint("bit ", at, " of the signature"), verify(signer, message, flipped(signature, at)))
		}
		for at := range 8 * len(message) {
			refuses(fmt.Sprint("bit ", at, " of the message"), verify(signer, flipped(message, at), signature))
		}
		dishonest := malicious.NewSigner(p.Set.Signature, k)
		for at := range 8 * primitive.KeySize {
			changed := dishonest.Sign(message, func(r []byte) []byte { return flipped(r, at) })
			refuses(fmt.Sprint("bit ", at, " of R, by the signer"), verify(signer, message, changed))
		}
		refuses("a byte more in the message", verify(signer, append(bytes.Clone(message), 0), signature))
		trials = append(trials, suite.Trial{Name: "the genuine signature", Try: func() {
			p.Must(shim.XeddsaVerify, verify(signer, message, signature))
		}})
	}
	return trials
}

// signedMessages is how many messages are signed: the empty one, and those of the first lengths.
const signedMessages = 8

func targetSigns(p *pair.Pair) {
	for i := range signedMessages {
		k, err := primitive.GeneratePrivate(p.Random)
		p.NoFault(err)
		message := make([]byte, i)
		r := p.Must(shim.XeddsaSign, shim.Params{Set: p.Set.Name, PrivateKey: k.Bytes(), Message: message})
		public := x3dh.SignerKey(p.Set, k)
		if err := x3dh.VerifySignature(p.Set, public, message, r.Signature); err != nil {
			p.Violation(verdict.Mismatch, "a signature of the target does not verify", "a signature as in SPEC.md 3.1",
				fmt.Sprintf("%x: %v", r.Signature, err))
		}
	}
}

func targetVerifies(p *pair.Pair) {
	for i := range signedMessages {
		k, err := primitive.GeneratePrivate(p.Random)
		p.NoFault(err)
		message := make([]byte, i)
		signature, err := xeddsa.Sign(p.Set.Signature, k, message, p.Random)
		p.NoFault(err)
		p.Must(shim.XeddsaVerify, shim.Params{
			Set: p.Set.Name, PublicKey: x3dh.SignerKey(p.Set, k), Message: message, Signature: signature,
		})
	}
}

func freshSignatures(p *pair.Pair) {
	k, err := primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	var r [2]string
	for i := range r {
		s := p.Must(shim.XeddsaSign, shim.Params{
			Set: p.Set.Name, PrivateKey: k.Bytes(), Message: []byte("twice"),
		}).Signature
		r[i] = string(s[:min(xeddsa.SignatureSize/2, len(s))])
	}
	if r[0] == r[1] {
		p.Violation(verdict.Mismatch, "two signatures of one message have the same R", "a fresh Z for each signature",
			fmt.Sprintf("%x twice", r[0]))
	}
}
