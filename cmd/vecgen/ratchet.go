package main

import (
	"bytes"
	"fmt"
	"math"

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
		"The single steps of the Double Ratchet: DH with KDF_RK (root), KDF_CK (chain), and the sealing and opening "+
			"of one",
		"message with a given message key (SPEC.md 2.2, 2.3, 5.6). accumulate repeats KDF_CK and hashes all message "+
			"keys.")
	for _, set := range params.Sets() {
		for _, generate := range []func(*vectors.File, *params.Set) error{
			rootVectors, chainVectors, sealVectors, openVectors,
		} {
			if err := generate(f, set); err != nil {
				return nil, err
			}
		}
	}
	for _, set := range params.Sets()[:2] { // a chain steps in the same way in every set
		if err := accumulateVectors(f, set); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func rootVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "ratchet", set, shim.RatchetRoot)
	input := func(name string) shim.Params {
		return shim.Params{
			RootKey: secret(name + " RK"), RatchetPrivate: key(name + " own"),
			RatchetPublic: set.Encode(public(key(name + " remote"))),
		}
	}
	for i := range 6 {
		g.valid(test{
			id: fmt.Sprintf("step-%d", i), comment: "one step of the root chain", requirements: []string{"AMB-KDF-01"},
			input: input(fmt.Sprintf("%s root %d", set.Name, i)),
		})
	}
	bad := func(class shim.Class, id, flag, requirement string, remote shim.Bytes) {
		p := input(set.Name + " root bad")
		p.RatchetPublic = remote
		g.invalid(class,
			test{id: id, comment: fmt.Sprintf("remote ratchet key %x", []byte(remote)), flags: []string{flag},
				requirements: []string{requirement}, input: p})
	}
	for i, u := range malicious.LowOrderKeys(set) {
		bad(refusal.LowOrderKey, fmt.Sprintf("low-order-%d", i), "LowOrderKey", "AMB-KEY-01", set.Encode(u))
	}
	for i, u := range append(malicious.NonCanonicalValues(), malicious.NonCanonical(public(key("canonical")))) {
		if set.Canonical {
			bad(refusal.NonCanonicalKey, fmt.Sprintf("non-canonical-%d", i), "NonCanonicalKey", "AMB-KEY-02",
				set.Encode(u))
			continue
		}
		p := input(set.Name + " root bad")
		p.RatchetPublic = set.Encode(u)
		g.acceptable(test{
			id: fmt.Sprintf("non-canonical-%d", i), comment: fmt.Sprintf("remote ratchet key %x", u),
			flags: []string{"NonCanonicalKey"}, requirements: []string{"AMB-KDF-01"}, input: p,
		})
	}
	bad(refusal.Malformed, "length-31", "WrongLength", "AMB-KEY-03",
		set.Encode(public(key("short")))[:31+len(set.KeyPrefix)])
	bad(refusal.Malformed, "length-33", "WrongLength", "AMB-KEY-03", append(set.Encode(public(key("long"))), 0))
	return g.done()
}

func chainVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "ratchet", set, shim.RatchetChain)
	for i := range 4 {
		g.valid(test{
			id: fmt.Sprintf("step-%d", i), comment: "one step of a chain", requirements: []string{"AMB-KDF-02"},
			input: shim.Params{ChainKey: secret(fmt.Sprintf("chain %d", i))},
		})
	}
	return g.done()
}

func accumulateVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "ratchet", set, shim.RatchetAccumulate)
	for _, n := range []int{1, 2, 1000, 1000000} {
		g.valid(test{
			id: fmt.Sprintf("steps-%d", n), comment: fmt.Sprintf("%d steps of a chain in one digest", n),
			flags:        []string{"Accumulated"},
			requirements: []string{"AMB-KDF-02"}, input: shim.Params{ChainKey: secret("accumulate"), Steps: n},
		})
	}
	return g.done()
}

// associatedData is what a session of the set would have, sender first where the set wants that.
func associatedData(set *params.Set, name string) shim.Bytes {
	switch set.AssociatedData {
	case params.NoAD:
		return nil
	case params.FullAD:
		return append(
			[]byte(set.Name),
			bytes.Join([][]byte{secret(name + " A"), secret(name + " B"), secret(name + " C"), secret(name + " D")},
				nil)...,
		)
	}
	return append(set.Encode(public(key(name+" A"))), set.Encode(public(key(name+" B")))...)
}

func sealInput(set *params.Set, name string, pn, n uint32, size int) shim.Params {
	if set.PN == params.PNAbsent {
		pn = 0
	}
	return shim.Params{
		MessageKey: secret(name + " MK"), AssociatedData: associatedData(set, name),
		RatchetKey:     set.Encode(public(key(name + " DHs"))),
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
	numberedSeals(g, set)
	return g.done()
}

// sealed is a genuine message and what opens it.
func sealed(set *params.Set, name string, size int) shim.Params {
	return sealedAs(set, name, 3, 5, size)
}

func openVectors(f *vectors.File, set *params.Set) error {
	g := newGroup(f, "ratchet", set, shim.RatchetOpen)
	for _, size := range []int{0, 1, 16, 64, 1000} {
		g.valid(test{
			id: fmt.Sprintf("size-%d", size), comment: fmt.Sprintf("plaintext of %d bytes", size),
			requirements: []string{"AMB-WIR-01", "AMB-KDF-03"},
			input:        sealed(set, fmt.Sprintf("%s open %d", set.Name, size), size),
		})
	}
	genuine := sealed(set, set.Name+" open forged", 40)
	for _, m := range malicious.Mutations(set, genuine.Message) {
		p := genuine
		p.Message = m.Message
		t := test{id: m.Name, comment: m.Comment, flags: []string{"Forged"},
			requirements: []string{"AMB-AEA-01", "AMB-RAT-15"}, input: p}
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
	switch {
	case set.Cipher == params.AESCBC && wire.TagFramed(set):
		shortTags(g, set)
		authenticatedOddities(g, set)
	case set.Cipher == params.AESCBC:
		authenticatedOddities(g, set)
	}
	systematicOpen(g, set)
	return g.done()
}

// otherVersions are messages of another version or type with a right tag: whoever does not look reads them.
func otherVersions(g *group, set *params.Set) {
	for _, start := range wire.OtherVersions(set) {
		g.invalid(refusal.Malformed, test{
			id:      fmt.Sprintf("version-%x", start),
			comment: fmt.Sprintf("the message starts with %x and has a right tag", start), flags: []string{"Malformed"},
			requirements: []string{"AMB-WIR-02"},
			input: resealed(
				sealed(set, set.Name+" open version", 40), set, func(p *wire.Parts) { p.SetStart(start) },
			),
		})
	}
}

// resealed changes a message that authenticates into another one that does.
func resealed(p shim.Params, set *params.Set, edit func(p *wire.Parts)) shim.Params {
	message, err := wire.Reseal(set, p.MessageKey, p.AssociatedData, p.Message, edit)
	if err != nil {
		panic(err) // a genuine message
	}
	p.Message = message
	return p
}

// edited changes a message under its old tag.
func edited(p shim.Params, set *params.Set, edit func(p *wire.Parts)) shim.Params {
	parts, err := wire.Split(set, p.Message)
	if err != nil {
		panic(err) // a genuine message
	}
	edit(parts)
	p.Message = parts.Bytes()
	return p
}

func wrongKeys(g *group, set *params.Set, genuine shim.Params) {
	wrong := func(id, comment, flag string, requirements []string, change func(p *shim.Params)) {
		p := genuine
		change(&p)
		g.invalid(refusal.Authentication,
			test{id: id, comment: comment, flags: []string{flag}, requirements: requirements, input: p})
	}
	wrong("wrong-key", "another message key", "WrongKey", []string{"AMB-AEA-01"},
		func(p *shim.Params) { p.MessageKey = secret("another key") })
	if len(genuine.AssociatedData) == 0 {
		return
	}
	wrongAD := func(id, comment string, ad []byte) {
		wrong(id, comment, "WrongAssociatedData", []string{"AMB-RAT-16"},
			func(p *shim.Params) { p.AssociatedData = ad })
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
	for _, size := range []int{0, 1, 8, set.TagSize - 1, set.TagSize + 1, 32} {
		g.invalid(refusal.Malformed, test{
			id: fmt.Sprintf("tag-%d", size), comment: fmt.Sprintf("a tag of %d bytes, right as far as it goes", size),
			flags: []string{"Forged"}, requirements: []string{"AMB-AEA-01"},
			input: edited(
				genuine, set, func(p *wire.Parts) { p.Authenticate(genuine.MessageKey, genuine.AssociatedData, size) },
			),
		})
	}
}

// authenticatedOddities are messages with a right tag over something odd, in the sets whose tag stands at the end.
func authenticatedOddities(g *group, set *params.Set) {
	genuine := sealed(set, set.Name+" odd", 40)
	odd := func(edit func(p *wire.Parts)) shim.Params { return resealed(genuine, set, edit) }
	put := func(ciphertext []byte) func(p *wire.Parts) {
		return func(p *wire.Parts) { p.Set("ciphertext", ciphertext) }
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
			id: "ciphertext-" + name, comment: "right tag, ciphertext without right padding: " + name,
			flags: []string{"BadPadding"}, requirements: []string{"AMB-AEA-02"},
			input: odd(put(ciphertexts[name])),
		})
	}
	keys := primitive.DeriveCBC(genuine.MessageKey, set.MessageInfo)
	for _, pad := range []struct{ name, comment, block string }{
		{"zero", "last byte 0", "fifteen letters\x00"},
		{"17", "last byte 17", "fifteen letters\x11"},
		{"uneven", "last byte 3, the two before it differ", "thirteen byte\x03\x02\x03"},
		{"inner", "last byte 2, the one before it 1", "fourteen bytes\x01\x02"},
	} {
		g.invalid(refusal.Authentication, test{
			id: "padding-" + pad.name, comment: "right tag, wrong padding: " + pad.comment,
			flags: []string{"BadPadding"}, requirements: []string{"AMB-AEA-02"},
			input: odd(put(malicious.EncryptBlock(keys, pad.block))),
		})
	}
	oddFields(g, set, genuine, odd)
}

// oddFields are messages with something odd in the frames of their fields.
func oddFields(g *group, set *params.Set, genuine shim.Params, odd func(edit func(p *wire.Parts)) shim.Params) {
	g.acceptable(test{
		id: "unknown-field", comment: "field 15 after the others", flags: []string{"ExtraField"},
		requirements: []string{"AMB-WIR-03"},
		input:        odd((*wire.Parts).AddUnknown),
	})
	long := func(p *wire.Parts) { p.Lengthen("n") }
	g.invalid(refusal.Authentication, test{
		id:      "tag-of-reencoding",
		comment: "message number 5 in two bytes, under the tag of the message that has it in one",
		flags:   []string{"Forged"}, requirements: []string{"AMB-WIR-03"},
		input: edited(genuine, set, long),
	})
	g.acceptable(test{
		id: "long-varint", comment: "message number 5 in two bytes", flags: []string{"NonMinimalVarint"},
		requirements: []string{"AMB-WIR-03"},
		input:        odd(long),
	})
	g.invalid(refusal.Malformed, test{
		id: "number-too-large", comment: "message number 2^32", flags: []string{"Malformed"},
		requirements: []string{"AMB-WIR-02"},
		input:        odd(func(p *wire.Parts) { p.SetNumber("n", 1<<32) }),
	})
	if set.PN != params.PNAbsent {
		g.invalid(refusal.Malformed, test{
			id: "previous-too-large", comment: "previous length 2^32", flags: []string{"Malformed"},
			requirements: []string{"AMB-WIR-02"},
			input:        odd(func(p *wire.Parts) { p.SetNumber("pn", 1<<32) }),
		})
	}
	g.invalid(refusal.Malformed, test{
		id: "no-ciphertext", comment: "the field of the ciphertext is missing", flags: []string{"Malformed"},
		requirements: []string{"AMB-WIR-02"},
		input:        odd(func(p *wire.Parts) { p.Remove("ciphertext") }),
	})
}
