package main

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"

	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/x3dh"
	"credence/reference/xeddsa"
	"credence/shim"
	"credence/spec/refusal"
	"credence/vectors"
)

func xeddsaFile() (*vectors.File, error) {
	f := newFile("XEdDSA",
		"Signatures with X25519 keys, in the three modes of SPEC.md 3: strict (ambassador-v1),",
		"sign-bit (signal-v3) and Ed25519 (omemo-2). Z is the random field of the input.")
	for _, set := range params.Sets() {
		if set.Signature == params.NoSignature {
			continue
		}
		if err := signVectors(f, set); err != nil {
			return nil, err
		}
		if err := verifyVectors(f, set); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func signVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "xeddsa", set, shim.XeddsaSign)
	for i := range 12 {
		name := fmt.Sprintf("%s sign %d", set.Name, i)
		k := key(name)
		var flags []string
		if xeddsa.EdwardsPublic(privateKey(k))[31]&0x80 != 0 {
			flags = append(flags, "SignBit")
		}
		g.valid(test{
			id: fmt.Sprintf("key-%d", i), comment: fmt.Sprintf("message of %d bytes", 16*i), flags: flags,
			requirements: []string{"AMB-XED-01"},
			input: shim.Params{
				PrivateKey: k, Message: bytes.Repeat([]byte{byte(i)}, 16*i), Random: random64(name),
			},
		})
	}
	name := set.Name + " sign 1"
	g.valid(test{
		id: "other-z", comment: "key and message of key-1, another Z: R and s differ",
		requirements: []string{"AMB-XED-01", "AMB-XED-02"},
		input: shim.Params{
			PrivateKey: key(name), Message: bytes.Repeat([]byte{1}, 16), Random: random64(name + " other"),
		},
	})
	return g.done()
}

// verifyInput is a genuine signature in the mode of the set.
func verifyInput(set *params.Set, name string, message []byte) shim.Params {
	k := privateKey(key(name))
	signature, err := xeddsa.Sign(set.Signature, k, message, bytes.NewReader(random64(name)))
	if err != nil {
		panic(err) // the reader has 64 bytes
	}
	return shim.Params{PublicKey: x3dh.SignerKey(set, privateKey(key(name))), Message: message, Signature: signature}
}

func verifyVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "xeddsa", set, shim.XeddsaVerify)
	message := []byte("a message to be signed")
	for i := range 8 {
		g.valid(test{
			id: fmt.Sprintf("genuine-%d", i), comment: "a genuine signature", requirements: []string{"AMB-XED-03"},
			input: verifyInput(set, fmt.Sprintf("%s verify %d", set.Name, i), message[:3*i]),
		})
	}
	forgedSignatures(g, set, message)
	malleableSignatures(g, set, message)
	if set.Signature != params.Ed25519 {
		lowOrderSigners(g, set, message)
		nonCanonicalSigners(g, set)
	}
	signatureBits(g, set, message)
	return g.done()
}

func forgedSignatures(g *group, set *params.Set, message []byte) {
	genuine := func() shim.Params { return verifyInput(set, set.Name+" forged", message) }
	forge := func(id, comment string, change func(p *shim.Params)) {
		p := genuine()
		p.Signature, p.Message, p.PublicKey = bytes.Clone(p.Signature), bytes.Clone(p.Message), bytes.Clone(p.PublicKey)
		change(&p)
		g.invalid(refusal.BadSignature,
			test{id: id, comment: comment, flags: []string{"ForgedSignature"}, requirements: []string{"AMB-XED-04"},
				input: p})
	}
	for _, at := range []int{0, 7, 15, 23, 31, 32, 39, 47, 55, 62} {
		forge(fmt.Sprintf("flip-%d", at), fmt.Sprintf("lowest bit of byte %d of the signature flipped", at),
			func(p *shim.Params) { p.Signature[at] ^= 1 })
	}
	for _, bit := range []byte{0x20, 0x40} {
		forge(fmt.Sprintf("flip-63-%x", bit), fmt.Sprintf("bit %#x of byte 63 of the signature flipped", bit),
			func(p *shim.Params) { p.Signature[63] ^= bit })
	}
	forge("wrong-message", "another message", func(p *shim.Params) { p.Message[0] ^= 1 })
	forge("longer-message", "a zero byte after the message", func(p *shim.Params) { p.Message = append(p.Message, 0) })
	forge("shorter-message", "last byte of the message missing",
		func(p *shim.Params) { p.Message = p.Message[:len(p.Message)-1] })
	forge("empty-message", "the empty message", func(p *shim.Params) { p.Message = nil })
	forge("wrong-key", "the public key of somebody else",
		func(p *shim.Params) { p.PublicKey = x3dh.SignerKey(set, privateKey(key("somebody else"))) })
	forge("r-and-s-swapped", "s || R",
		func(p *shim.Params) { p.Signature = append(p.Signature[32:], p.Signature[:32]...) })
	forge("r-of-another", "R of a signature with another Z", func(p *shim.Params) {
		copy(p.Signature, verifyInput(set, set.Name+" forged 2", message).Signature[:32])
	})
	forge("s-negated", "q - s in the place of s", func(p *shim.Params) { negateS(p.Signature) })
	forge("all-zero", "64 zero bytes", func(p *shim.Params) { p.Signature = make([]byte, 64) })
	forge("s-zero", "R and s = 0", func(p *shim.Params) { clear(p.Signature[32:]) })
	for _, n := range []int{0, 32, 63, 65, 96} {
		p := genuine()
		p.Signature = append(bytes.Clone(p.Signature), make([]byte, 64)...)[:n]
		g.invalid(refusal.BadSignature, test{
			id: fmt.Sprintf("length-%d", n), comment: fmt.Sprintf("a signature of %d bytes", n),
			flags:        []string{"WrongLength"},
			requirements: []string{"AMB-XED-04"}, input: p,
		})
	}
	montgomery := func(s *params.Set) bool { return s.Signature == params.Strict || s.Signature == params.SignBit }
	for _, other := range params.Sets() {
		if montgomery(set) && montgomery(other) && other.Signature != set.Signature {
			otherMode(g, set, other, message)
		}
	}
}

// otherMode adds signatures that were made in the mode of another set (SPEC.md 3.3).
func otherMode(g *group, set, other *params.Set, message []byte) {
	for i := range 6 {
		name := fmt.Sprintf("other mode %d", i)
		p := verifyInput(other, name, message)
		p.PublicKey = x3dh.SignerKey(set, privateKey(key(name)))
		t := test{
			id: fmt.Sprintf("made-in-%s-%d", other.Name, i), comment: "a signature made in the mode of " + other.Name,
			requirements: []string{"AMB-XED-03"}, input: p,
		}
		if other.Signature == params.SignBit && p.Signature[63]&0x80 != 0 {
			t.flags, t.requirements = []string{"SignBit"}, []string{"AMB-XED-04", "AMB-XED-05"}
			g.invalid(refusal.BadSignature, t)
			continue
		}
		g.valid(t)
	}
}

var groupOrder, _ = new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)

func littleEndian(b []byte) *big.Int {
	r := slices.Clone(b)
	slices.Reverse(r)
	return new(big.Int).SetBytes(r)
}

func putLittleEndian(dst []byte, v *big.Int) {
	v.FillBytes(dst)
	slices.Reverse(dst)
}

func negateS(signature []byte) {
	sign := signature[63] & 0x80
	signature[63] &= 0x7f
	putLittleEndian(signature[32:], new(big.Int).Sub(groupOrder, littleEndian(signature[32:])))
	signature[63] |= sign
}

// malleableSignatures adds multiples of q to s.
func malleableSignatures(g *group, set *params.Set, message []byte) {
	for _, n := range []int64{1, 2, 7} {
		p := verifyInput(set, set.Name+" malleable", message)
		p.Signature = bytes.Clone(p.Signature)
		sign := p.Signature[63] & 0x80
		p.Signature[63] &= 0x7f
		s := littleEndian(p.Signature[32:])
		s.Add(s, new(big.Int).Mul(groupOrder, big.NewInt(n)))
		if s.BitLen() > 255 {
			continue
		}
		putLittleEndian(p.Signature[32:], s)
		if set.Signature == params.SignBit {
			p.Signature[63] |= sign
		}
		t := test{
			id: fmt.Sprintf("s-plus-%dq", n), comment: fmt.Sprintf("s + %dq in the place of s", n),
			flags: []string{"MalleableSignature"}, requirements: []string{"AMB-XED-05"}, input: p,
		}
		if set.Signature == params.SignBit {
			t.requirements = []string{"AMB-XED-03"}
			g.acceptable(t)
			continue
		}
		g.invalid(refusal.BadSignature, t)
	}
	p := verifyInput(set, set.Name+" top bit", message)
	p.Signature = bytes.Clone(p.Signature)
	p.Signature[63] ^= 0x80
	g.invalid(refusal.BadSignature, test{
		id: "top-bit", comment: "bit 7 of byte 63 flipped", flags: []string{"ForgedSignature"},
		requirements: []string{"AMB-XED-04"}, input: p,
	})
}

// lowOrderSigners adds signatures that anybody can make.
func lowOrderSigners(g *group, set *params.Set, message []byte) {
	for i, u := range malicious.LowOrderKeys(set) {
		p := shim.Params{
			PublicKey: set.Encode(u), Message: message,
			Signature: malicious.ForgeLowOrder(u, message, tries("low order")),
		}
		t := test{
			id: fmt.Sprintf("low-order-%d", i), comment: fmt.Sprintf("a forgery under the low-order key u = %x", u),
			flags: []string{"LowOrderSigner"}, requirements: []string{"AMB-XED-07"}, input: p,
		}
		if set.Signature == params.SignBit {
			t.requirements = []string{"AMB-XED-03"}
			g.acceptable(t)
			continue
		}
		g.invalid(refusal.LowOrderKey, t)
	}
}

// tries returns 32 bytes of a name and a running number.
func tries(name string) func() []byte {
	i := 0
	return func() []byte {
		i++
		return secret(fmt.Sprintf("%s %d", name, i))
	}
}

func nonCanonicalSigners(g *group, set *params.Set) {
	message := []byte("canonical?")
	p := verifyInput(set, set.Name+" non-canonical", message)
	at := len(set.KeyPrefix)
	p.PublicKey = bytes.Clone(p.PublicKey)
	p.PublicKey[at+31] |= 0x80
	t := test{id: "high-bit", comment: "a genuine signature; bit 255 of the public key set",
		flags: []string{"NonCanonicalKey"}, requirements: []string{"AMB-XED-06"}, input: p}
	if !set.Canonical {
		t.requirements = []string{"AMB-XED-03"}
		g.acceptable(t)
		return
	}
	g.invalid(refusal.NonCanonicalKey, t)
	for i, u := range malicious.NonCanonicalValues() {
		p.PublicKey = set.Encode(u)
		g.invalid(refusal.NonCanonicalKey, test{
			id: fmt.Sprintf("u-plus-p-%d", i), comment: "a public key not below p: " + fmt.Sprintf("%x", u),
			flags: []string{"NonCanonicalKey"}, requirements: []string{"AMB-XED-06"}, input: p,
		})
	}
}
