package main

import (
	"bytes"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/shim"
	"credence/spec/refusal"
	"credence/vectors"
)

func ratchetFile() (*vectors.File, error) {
	f := newFile("Double Ratchet steps",
		"The single steps of the Double Ratchet: DH with KDF_RK (root), KDF_CK (chain), and the sealing and opening of one",
		"message with a given message key (SPEC.md 2.2, 2.3, 5.6). accumulate repeats KDF_CK and hashes all message keys.")
	for _, set := range params.Sets() {
		for _, generate := range []func(*vectors.File, *params.Set) error{rootVectors, chainVectors, sealVectors, openVectors} {
			if err := generate(f, set); err != nil {
				return nil, err
			}
		}
	}
	for _, set := range []*params.Set{params.AmbassadorV1, params.SignalV3} {
		if err := accumulateVectors(f, set); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func rootVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "ratchet", set, shim.RatchetRoot)
	input := func(name string) shim.Params {
		return shim.Params{RootKey: secret(name + " RK"), RatchetPrivate: key(name + " own"), RatchetPublic: set.Encode(public(key(name + " remote")))}
	}
	for i := range 6 {
		g.valid(test{id: fmt.Sprintf("step-%d", i), comment: "one step of the root chain", requirements: []string{"AMB-KDF-01"}, input: input(fmt.Sprintf("%s root %d", set.Name, i))})
	}
	bad := func(class shim.Class, id, flag, requirement string, remote shim.Bytes) {
		p := input(set.Name + " root bad")
		p.RatchetPublic = remote
		g.invalid(class, test{id: id, comment: fmt.Sprintf("remote ratchet key %x", []byte(remote)), flags: []string{flag}, requirements: []string{requirement}, input: p})
	}
	for i, u := range malicious.LowOrderKeys(set) {
		bad(refusal.LowOrderKey, fmt.Sprintf("low-order-%d", i), "LowOrderKey", "AMB-KEY-01", set.Encode(u))
	}
	for i, u := range append(malicious.NonCanonicalValues(), malicious.NonCanonical(public(key("canonical")))) {
		if set.Canonical {
			bad(refusal.NonCanonicalKey, fmt.Sprintf("non-canonical-%d", i), "NonCanonicalKey", "AMB-KEY-02", set.Encode(u))
			continue
		}
		p := input(set.Name + " root bad")
		p.RatchetPublic = set.Encode(u)
		g.acceptable(test{id: fmt.Sprintf("non-canonical-%d", i), comment: fmt.Sprintf("remote ratchet key %x", u), flags: []string{"NonCanonicalKey"}, requirements: []string{"AMB-KDF-01"}, input: p})
	}
	bad(refusal.Malformed, "length-31", "WrongLength", "AMB-KEY-03", set.Encode(public(key("short")))[:31+len(set.KeyPrefix)])
	bad(refusal.Malformed, "length-33", "WrongLength", "AMB-KEY-03", append(set.Encode(public(key("long"))), 0))
	return g.done()
}

func chainVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "ratchet", set, shim.RatchetChain)
	for i := range 4 {
		g.valid(test{id: fmt.Sprintf("step-%d", i), comment: "one step of a chain", requirements: []string{"AMB-KDF-02"}, input: shim.Params{ChainKey: secret(fmt.Sprintf("chain %d", i))}})
	}
	return g.done()
}

func accumulateVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "ratchet", set, shim.RatchetAccumulate)
	for _, n := range []int{1, 2, 1000, 1000000} {
		g.valid(test{
			id: fmt.Sprintf("steps-%d", n), comment: fmt.Sprintf("%d steps of a chain in one digest", n), flags: []string{"Accumulated"},
			requirements: []string{"AMB-KDF-02"}, input: shim.Params{ChainKey: secret("accumulate"), Steps: n},
		})
	}
	return g.done()
}

// associatedData is what a session of the set would have, sender first where the set wants that.
func associatedData(set *params.Set, name string) shim.Bytes {
	switch set {
	case params.OlmV1:
		return nil
	case params.AmbassadorV1:
		return append([]byte(set.Name), bytes.Join([][]byte{secret(name + " A"), secret(name + " B"), secret(name + " C"), secret(name + " D")}, nil)...)
	}
	return append(set.Encode(public(key(name+" A"))), set.Encode(public(key(name+" B")))...)
}

func sealInput(set *params.Set, name string, pn, n uint32, size int) shim.Params {
	if set.PN == params.PNAbsent {
		pn = 0
	}
	return shim.Params{
		MessageKey: secret(name + " MK"), AssociatedData: associatedData(set, name), RatchetKey: set.Encode(public(key(name + " DHs"))),
		PreviousLength: pn, Number: n, Plaintext: bytes.Repeat([]byte("plaintext!"), size/10+1)[:size],
	}
}

func sealVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "ratchet", set, shim.RatchetSeal)
	seal := func(id, comment string, p shim.Params) {
		g.valid(test{id: id, comment: comment, requirements: []string{"AMB-WIR-01", "AMB-KDF-03"}, input: p})
	}
	for _, size := range []int{0, 1, 15, 16, 17, 32, 63, 64, 255, 1000} {
		name := fmt.Sprintf("%s seal %d", set.Name, size)
		seal(fmt.Sprintf("size-%d", size), fmt.Sprintf("plaintext of %d bytes", size), sealInput(set, name, 0, 0, size))
	}
	for _, n := range []uint32{1, 127, 128, 300, 1 << 14, 1 << 28, math.MaxUint32} {
		seal(fmt.Sprintf("number-%d", n), fmt.Sprintf("message number %d", n), sealInput(set, "number", 0, n, 20))
		if set.PN != params.PNAbsent {
			seal(fmt.Sprintf("pn-%d", n), fmt.Sprintf("previous length %d", n), sealInput(set, "pn", n, 0, 20))
		}
	}
	return g.done()
}

// sealed is a genuine message and what opens it.
func sealed(set *params.Set, name string, size int) shim.Params {
	p := sealInput(set, name, 3, 5, size)
	k, err := set.Decode(p.RatchetKey)
	if err != nil {
		panic(err) // a genuine key
	}
	h := wire.Header{Key: k, PN: uint64(p.PreviousLength), N: uint64(p.Number)}
	return shim.Params{MessageKey: p.MessageKey, AssociatedData: p.AssociatedData, Message: wire.Seal(set, p.MessageKey, p.AssociatedData, h, p.Plaintext)}
}

func openVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "ratchet", set, shim.RatchetOpen)
	for _, size := range []int{0, 1, 16, 64, 1000} {
		g.valid(test{
			id: fmt.Sprintf("size-%d", size), comment: fmt.Sprintf("plaintext of %d bytes", size), requirements: []string{"AMB-WIR-01", "AMB-KDF-03"},
			input: sealed(set, fmt.Sprintf("%s open %d", set.Name, size), size),
		})
	}
	genuine := sealed(set, set.Name+" open forged", 40)
	for _, m := range malicious.Mutations(set, genuine.Message) {
		p := genuine
		p.Message = m.Message
		t := test{id: m.Name, comment: m.Comment, flags: []string{"Forged"}, requirements: []string{"AMB-AEA-01", "AMB-RAT-15"}, input: p}
		class := shim.Class(refusal.Authentication)
		if !m.Parses {
			_, err := wire.Parse(set, m.Message)
			class = refusal.Of(err)
			t.flags, t.requirements = []string{"Malformed"}, []string{"AMB-WIR-02"}
		}
		g.invalid(class, t)
	}
	wrongKeys(g, set, genuine)
	otherVersions(g, set)
	if set == params.Omemo2 {
		shortTags(g, set)
	}
	if set == params.SignalV3 || set == params.OlmV1 {
		authenticatedOddities(g, set)
	}
	return g.done()
}

// otherVersions are messages of another version or type with a right tag: whoever does not look reads them.
func otherVersions(g *group, set *params.Set) {
	starts := map[*params.Set][][]byte{
		params.AmbassadorV1: {{0, 2}, {2, 2}, {1, 1}, {1, 3}},
		params.SignalV3:     {{0x23}, {0x32}, {0x34}, {0x43}},
		params.OlmV1:        {{0x02}, {0x04}},
	}
	p := sealInput(set, set.Name+" open version", 3, 5, 40)
	for _, start := range starts[set] {
		message := sealed(set, set.Name+" open version", 40)
		body := bytes.Clone(message.Message)
		copy(body, start)
		if set == params.AmbassadorV1 {
			header := body[:wire.AmbassadorHeaderSize:wire.AmbassadorHeaderSize]
			body = primitive.SealChaCha(header, p.MessageKey, set.MessageInfo, p.Plaintext, append(bytes.Clone(p.AssociatedData), header...))
		} else {
			body = body[:len(body)-set.TagSize]
			body = append(body, primitive.DeriveCBC(p.MessageKey, set.MessageInfo).Tag(set.TagSize, p.AssociatedData, body)...)
		}
		message.Message = body
		g.invalid(refusal.Malformed, test{
			id: fmt.Sprintf("version-%x", start), comment: fmt.Sprintf("the message starts with %x and has a right tag", start), flags: []string{"Malformed"}, requirements: []string{"AMB-WIR-02"}, input: message,
		})
	}
}

func wrongKeys(g *group, set *params.Set, genuine shim.Params) {
	wrong := func(id, comment, flag string, requirements []string, change func(p *shim.Params)) {
		p := genuine
		change(&p)
		g.invalid(refusal.Authentication, test{id: id, comment: comment, flags: []string{flag}, requirements: requirements, input: p})
	}
	wrong("wrong-key", "another message key", "WrongKey", []string{"AMB-AEA-01"}, func(p *shim.Params) { p.MessageKey = secret("another key") })
	if len(genuine.AssociatedData) == 0 {
		return
	}
	wrongAD := func(id, comment string, ad []byte) {
		wrong(id, comment, "WrongAssociatedData", []string{"AMB-RAT-16"}, func(p *shim.Params) { p.AssociatedData = ad })
	}
	ad := []byte(genuine.AssociatedData)
	half := len(ad) / 2
	wrongAD("ad-swapped", "the two halves of the associated data swapped", append(bytes.Clone(ad[half:]), ad[:half]...))
	wrongAD("ad-first-half", "second half of the associated data missing", ad[:half])
	wrongAD("ad-other", "associated data of another session", associatedData(set, "other"))
	wrongAD("ad-empty", "no associated data", nil)
	wrongAD("ad-flip", "one bit of the associated data flipped", append(bytes.Clone(ad[:len(ad)-1]), ad[len(ad)-1]^1))
}

// shortTags are messages whose tag is the start of the right one, or more than it.
func shortTags(g *group, set *params.Set) {
	genuine := sealed(set, set.Name+" short tag", 40)
	keys := primitive.DeriveCBC(genuine.MessageKey, set.MessageInfo)
	body := bytes.Clone(genuine.Message[2+set.TagSize:]) // after the tag: tag, length, body
	_, _, n := protowire.ConsumeField(body)
	if n != len(body) {
		panic("the body is not the rest of the message") // a fault of this program
	}
	inner, _ := protowire.ConsumeBytes(body[1:])
	whole := keys.Tag(32, genuine.AssociatedData, inner)
	for _, size := range []int{0, 1, 8, set.TagSize - 1, set.TagSize + 1, 32} {
		p := genuine
		p.Message = append(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), whole[:size]), body...)
		g.invalid(refusal.Malformed, test{
			id: fmt.Sprintf("tag-%d", size), comment: fmt.Sprintf("a tag of %d bytes, right as far as it goes", size), flags: []string{"Forged"}, requirements: []string{"AMB-AEA-01"}, input: p,
		})
	}
}

// authenticatedOddities are messages with a right tag over something odd, in the sets whose tag stands at the end.
func authenticatedOddities(g *group, set *params.Set) {
	odd := func(edit func(body []byte, keys primitive.CBCKeys) []byte) shim.Params {
		p := sealed(set, set.Name+" odd", 40)
		keys := primitive.DeriveCBC(p.MessageKey, set.MessageInfo)
		body := edit(bytes.Clone(p.Message[:len(p.Message)-set.TagSize]), keys)
		p.Message = append(body, keys.Tag(set.TagSize, p.AssociatedData, body)...)
		return p
	}
	ciphertexts := map[string][]byte{
		"empty":  {},
		"block":  secret("a block that is no padding")[:16],
		"15":     secret("15")[:15],
		"17":     secret("17")[:17],
		"blocks": append(secret("two blocks"), secret("more")...),
	}
	for _, name := range []string{"empty", "block", "15", "17", "blocks"} {
		g.invalid(refusal.Authentication, test{
			id: "ciphertext-" + name, comment: "right tag, ciphertext without right padding: " + name, flags: []string{"BadPadding"}, requirements: []string{"AMB-AEA-02"},
			input: odd(func(body []byte, _ primitive.CBCKeys) []byte { return malicious.SetCiphertext(body, ciphertexts[name]) }),
		})
	}
	for _, pad := range []struct{ name, comment, block string }{
		{"zero", "last byte 0", "fifteen letters\x00"},
		{"17", "last byte 17", "fifteen letters\x11"},
		{"uneven", "last byte 3, the two before it differ", "thirteen byte\x03\x02\x03"},
		{"inner", "last byte 2, the one before it 1", "fourteen bytes\x01\x02"},
	} {
		g.invalid(refusal.Authentication, test{
			id: "padding-" + pad.name, comment: "right tag, wrong padding: " + pad.comment, flags: []string{"BadPadding"}, requirements: []string{"AMB-AEA-02"},
			input: odd(func(body []byte, keys primitive.CBCKeys) []byte {
				return malicious.SetCiphertext(body, malicious.EncryptBlock(keys, pad.block))
			}),
		})
	}
	g.acceptable(test{
		id: "unknown-field", comment: "field 15 after the others", flags: []string{"ExtraField"}, requirements: []string{"AMB-WIR-03"},
		input: odd(func(body []byte, _ primitive.CBCKeys) []byte { return append(body, 0x78, 0x01) }),
	})
	long := func(body []byte) []byte { return bytes.Replace(body, []byte{0x10, 5}, []byte{0x10, 0x85, 0}, 1) }
	reencoded := sealed(set, set.Name+" odd", 40)
	end := len(reencoded.Message) - set.TagSize
	reencoded.Message = append(long(bytes.Clone(reencoded.Message[:end])), reencoded.Message[end:]...)
	g.invalid(refusal.Authentication, test{
		id: "tag-of-reencoding", comment: "message number 5 in two bytes, under the tag of the message that has it in one", flags: []string{"Forged"}, requirements: []string{"AMB-WIR-03"}, input: reencoded,
	})
	g.acceptable(test{
		id: "long-varint", comment: "message number 5 in two bytes", flags: []string{"NonMinimalVarint"}, requirements: []string{"AMB-WIR-03"},
		input: odd(func(body []byte, _ primitive.CBCKeys) []byte {
			return long(body)
		}),
	})
	g.invalid(refusal.Malformed, test{
		id: "number-too-large", comment: "message number 2^32", flags: []string{"Malformed"}, requirements: []string{"AMB-WIR-02"},
		input: odd(func(body []byte, _ primitive.CBCKeys) []byte {
			return bytes.Replace(body, []byte{0x10, 5}, []byte{0x10, 0x80, 0x80, 0x80, 0x80, 0x10}, 1)
		}),
	})
	if set == params.SignalV3 {
		g.invalid(refusal.Malformed, test{
			id: "previous-too-large", comment: "previous length 2^32", flags: []string{"Malformed"}, requirements: []string{"AMB-WIR-02"},
			input: odd(func(body []byte, _ primitive.CBCKeys) []byte {
				return bytes.Replace(body, []byte{0x18, 3}, []byte{0x18, 0x80, 0x80, 0x80, 0x80, 0x10}, 1)
			}),
		})
	}
	g.invalid(refusal.Malformed, test{
		id: "no-ciphertext", comment: "the field of the ciphertext is missing", flags: []string{"Malformed"}, requirements: []string{"AMB-WIR-02"},
		input: odd(func(body []byte, keys primitive.CBCKeys) []byte {
			without := malicious.SetCiphertext(body, nil)
			return without[:len(without)-2]
		}),
	})
}
