package main

import (
	"bytes"
	"fmt"
	"slices"

	"credence/reference/params"
	"credence/reference/wire"
	"credence/shim"
	"credence/spec/refusal"
)

// numberedSeals are messages whose numbers are at the boundaries, both at once.
func numberedSeals(g *group, set *params.Set) {
	for i, n := range boundaries {
		pn := boundaries[(i+3)%len(boundaries)]
		p := sealInput(set, "numbers", pn, n, 20)
		g.valid(test{
			id: fmt.Sprintf("numbers-%d-%d", p.PreviousLength, n), comment: fmt.Sprintf("pn %d, n %d",
				p.PreviousLength, n),
			requirements: []string{"AMB-WIR-01"}, input: p,
		})
	}
}

// sealedAs is a genuine message with these numbers, and what opens it.
func sealedAs(set *params.Set, name string, pn, n uint32, size int) shim.Params {
	p := sealInput(set, name, pn, n, size)
	k, err := set.Decode(p.RatchetKey)
	if err != nil {
		panic(err) // a genuine key
	}
	h := wire.Header{Key: k, PN: uint64(p.PreviousLength), N: uint64(p.Number)}
	return shim.Params{
		MessageKey: p.MessageKey, AssociatedData: p.AssociatedData,
		Message: wire.Seal(set, p.MessageKey, p.AssociatedData, h, p.Plaintext),
	}
}

// opener adds messages that have to be refused to a group of ratchet.open.
type opener struct {
	*group
	set     *params.Set
	genuine shim.Params
}

// forged adds a message that somebody has changed. Which of the classes of a forgery it has is for the reference
// to say.
func (o opener) forged(id, comment, flag string, requirements []string, p shim.Params) {
	_, err := wire.Parse(o.set, p.Message)
	class := refusal.Of(err)
	if err == nil {
		class = refusal.Authentication
	}
	o.invalid(shim.Class(class), test{id: id, comment: comment, flags: []string{flag},
		requirements: requirements, input: p})
}

// systematicOpen walks the parts of a message: each is changed in several bits, left out, and cut off at its end.
func systematicOpen(g *group, set *params.Set) {
	o := opener{g, set, sealedAs(set, set.Name+" systematic", 0x12345678, 0x0abcdef1, 40)}
	for i, n := range boundaries {
		pn := boundaries[(i+3)%len(boundaries)]
		g.valid(test{
			id: fmt.Sprintf("numbers-%d-%d", pn, n), comment: fmt.Sprintf("pn %d where the set sends it, n %d", pn, n),
			requirements: []string{"AMB-WIR-01"}, input: sealedAs(set, "numbers", pn, n, 20),
		})
	}
	for _, size := range []int{15, 17, 32, 255, 256, 16400} {
		g.valid(test{
			id: fmt.Sprintf("size-%d", size), comment: fmt.Sprintf("plaintext of %d bytes", size),
			requirements: []string{"AMB-RAT-25"}, input: sealedAs(set, fmt.Sprintf("%s open %d", set.Name,
				size), 3, 5, size),
		})
	}
	o.bits()
	o.cuts()
	if set.Wire != params.AmbassadorWire {
		o.forms()
	}
}

// bits are messages, keys and associated data that are changed in one bit.
func (o opener) bits() {
	authenticated := []string{"AMB-AEA-01", "AMB-RAT-15"}
	for i := range o.set.TagSize {
		b := bit{i, 0x80 >> (i % 8)}
		tag, _ := wire.Field(o.set, o.genuine.Message, "tag")
		o.edited("tag-bit-"+b.String(), "one bit of the tag is changed", []string{"AMB-AEA-01"}, "tag", b.in(tag))
	}
	for _, name := range []string{"key", "pn", "n", "ciphertext"} {
		value, ok := wire.Field(o.set, o.genuine.Message, name)
		if !ok {
			continue
		}
		bits := bitsOf(len(value))
		if len(value) <= 5 { // a number, in its seven bits of a byte
			bits = nil
			for i := range value {
				bits = append(bits, bit{i, 0x02})
			}
		}
		for _, b := range bits {
			o.edited(name+"-bit-"+b.String(), "one bit of "+name+" is changed", authenticated, name, b.in(value))
		}
	}
	ad := o.genuine.AssociatedData
	for at := 0; at < len(ad); at += 27 {
		b := bit{at, 0x80 >> (at % 8)}
		p := o.genuine
		p.AssociatedData = b.in(ad)
		o.forged("ad-bit-"+b.String(), "one bit of the associated data is changed", "WrongAssociatedData",
			[]string{"AMB-RAT-16"}, p)
	}
	if len(ad) > 0 {
		p := o.genuine
		p.AssociatedData = append(bytes.Clone(ad), 0)
		o.forged("ad-longer", "a zero byte after the associated data", "WrongAssociatedData",
			[]string{"AMB-RAT-16"}, p)
	}
	for _, b := range []bit{{0, 0x01}, {31, 0x80}} {
		p := o.genuine
		p.MessageKey = b.in(p.MessageKey)
		o.forged("wrong-key-bit-"+b.String(), "one bit of the message key is changed", "WrongKey",
			[]string{"AMB-AEA-01"}, p)
	}
}

// edited adds the message with another value in a field, under its old tag.
func (o opener) edited(id, comment string, requirements []string, name string, value []byte) {
	o.forged(id, comment, "Forged", requirements,
		edited(o.genuine, o.set, func(p *wire.Parts) { p.Set(name, value) }))
}

// cuts are messages that end where a field ends, which anybody can make.
func (o opener) cuts() {
	for _, c := range cutsOf(o.set, o.genuine.Message) {
		p := o.genuine
		p.Message = c.message
		o.forged(c.name, c.comment, "Malformed", []string{"AMB-WIR-02", "AMB-AEA-01"}, p)
	}
	if wire.TagFramed(o.set) || o.set.Cipher != params.AESCBC {
		return
	}
	for _, size := range []int{0, 1, o.set.TagSize - 1, o.set.TagSize + 1, 16, 32} {
		o.forged(fmt.Sprintf("tag-%d", size), fmt.Sprintf("a tag of %d bytes, right as far as it goes", size),
			"Forged",
			[]string{"AMB-AEA-01"}, edited(o.genuine, o.set, func(p *wire.Parts) {
				p.Authenticate(o.genuine.MessageKey, o.genuine.AssociatedData, size)
			}))
	}
}

// cut is a message without its end.
type cut struct {
	name, comment string
	message       []byte
}

// cutsOf cuts a message at the end of each field, and gives the header alone with the start of a tag.
func cutsOf(set *params.Set, message []byte) (cuts []cut) {
	p, err := wire.Split(set, message)
	if err != nil {
		panic(err) // a genuine message
	}
	names := slices.DeleteFunc(p.Names(), func(name string) bool { return name == "tag" })
	add := func(name, comment string, message []byte) { cuts = append(cuts, cut{name, comment, message}) }
	for i, last := range names[:len(names)-1] {
		short, err := wire.Split(set, message)
		if err != nil {
			panic(err) // a genuine message
		}
		for _, name := range names[i+1:] {
			short.Remove(name)
		}
		short.Set("tag", nil)
		add("cut-after-"+last, "nothing after "+last, short.Bytes())
		if i < len(names)-2 {
			continue
		}
		for _, n := range []int{1, set.TagSize - 1, set.TagSize, set.TagSize + 1} {
			short.Set("tag", make([]byte, n))
			add(fmt.Sprintf("header-and-%d", n), fmt.Sprintf("the header and %d zero bytes of a tag", n),
				short.Bytes())
		}
	}
	p.Set("ciphertext", []byte{})
	for _, n := range []int{0, set.TagSize} {
		p.Set("tag", make([]byte, n))
		add(fmt.Sprintf("no-ciphertext-tag-%d", n),
			fmt.Sprintf("an empty ciphertext and %d zero bytes of a tag", n), p.Bytes())
	}
	return slices.CompactFunc(cuts, func(a, b cut) bool { return bytes.Equal(a.message, b.message) })
}

// forms are messages of the Protocol Buffers sets under right tags, with something in them that no reader may take
// (SPEC.md 6.1).
func (o opener) forms() {
	genuine := sealed(o.set, o.set.Name+" forms", 40)
	odd := func(id, comment string, edit func(p *wire.Parts)) {
		o.forged(id, "right tag; "+comment, "Malformed", []string{"AMB-WIR-02"}, resealed(genuine, o.set, edit))
	}
	five := []byte{5}
	for _, f := range []struct {
		id, comment string
		token       []byte
	}{
		{"field-0", "field number 0", []byte{0x00, 0x00}},
		{"wire-type-6", "wire type 6", []byte{0x7e, 0x00}},
		{"wire-type-7", "wire type 7", []byte{0x7f, 0x00}},
		{"end-of-group", "the end of a group that has not begun", []byte{0x7c}},
		{"open-group", "a group that does not end", []byte{0x7b, 0x08, 0x01}},
		{"length-beyond", "an unknown field longer than the message", []byte{0x7a, 0xff, 0x7f}},
		{"long-number", "an unknown number of more than 64 bits",
			append(append([]byte{0x78}, bytes.Repeat([]byte{0xff}, 9)...), 0x7f)},
	} {
		odd(f.id, f.comment, func(p *wire.Parts) { p.Set("n", append(bytes.Clone(five), f.token...)) })
	}
	for _, name := range []string{"n", "pn"} {
		if _, ok := wire.Field(o.set, genuine.Message, name); !ok {
			continue
		}
		for _, number := range []uint64{1<<32 + 5, 1 << 63, 1<<64 - 1} {
			odd(fmt.Sprintf("%s-%d", name, number), fmt.Sprintf("%s is %d", name, number),
				func(p *wire.Parts) { p.SetNumber(name, number) })
		}
	}
	for _, name := range []string{"key", "n"} {
		odd("no-"+name, "no field "+name, func(p *wire.Parts) { p.Remove(name) })
	}
	for _, size := range []int{0, 1, len(o.set.KeyPrefix) + 31, len(o.set.KeyPrefix) + 33} {
		odd(fmt.Sprintf("key-%d-bytes", size), fmt.Sprintf("a ratchet key of %d bytes", size),
			func(p *wire.Parts) { p.Set("key", bytes.Repeat([]byte{5}, size)) })
	}
}
