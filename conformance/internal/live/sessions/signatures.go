package sessions

import (
	"fmt"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/x3dh"
	"credence/reference/xeddsa"
	"credence/shim"
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
		test("fresh-z", "two signatures of one message differ in R", []string{"AMB-XED-02"}, freshSignatures),
	}
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
