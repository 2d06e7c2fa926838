package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"credence/reference/params"
	"credence/reference/primitive"
)

// This file is for tests and attackers, who change messages: it takes a genuine message apart by the names of its
// fields, and puts it together again with whatever stands in it then. Nothing is checked on the way.

// Parts is a message that was taken apart: version, type and fields in their order, and the tag of a ratchet message.
type Parts struct {
	set    *params.Set
	layout layout
	body   []part
	tag    []byte // nil in an initial message
}

// part is a field: its name, its frame in Protocol Buffers, and its value as it stands in the message.
type part struct {
	name         string
	place        protowire.Number // of a value whose length is in the frame; 0 of any other
	frame, value []byte
}

const (
	versionPart = "version"
	typePart    = "type"
	tagPart     = "tag"
)

// Split takes a ratchet message apart: version, type, key, pn, n, ciphertext and tag, as far as the set has them. It
// returns the refusals of Parse.
func Split(set *params.Set, message []byte) (*Parts, error) {
	m, err := Parse(set, bytes.Clone(message))
	if err != nil {
		return nil, err
	}
	p := &Parts{set: set, layout: layouts[set.Wire], tag: m.tag}
	p.split(m.body, p.layout.ratchet, new(raw).fields(set))
	return p, nil
}

// SplitInitial takes an initial message apart: version, type, identity, ephemeral, signed-prekey, one-time-prekey,
// registration and message, as far as the set has them. It returns the refusal of ParseInitial.
func SplitInitial(set *params.Set, message []byte) (*Parts, error) {
	m, err := ParseInitial(set, message)
	if err != nil {
		return nil, err
	}
	p := &Parts{set: set, layout: layouts[set.Wire]}
	p.split(bytes.Clone(message), p.layout.initial, m.fields(set))
	return p, nil
}

func (p *Parts) split(body []byte, f format, fields []field) {
	for i, name := range []string{versionPart, typePart}[:len(f.start)] {
		p.body = append(p.body, part{name: name, value: body[i : i+1 : i+1]})
	}
	body = body[len(f.start):]
	if !p.layout.protobuf {
		for _, d := range fields {
			size := d.fixedSize(len(body))
			p.body = append(p.body, part{name: d.name, value: body[:size:size]})
			body = body[size:]
		}
		return
	}
	for len(body) > 0 {
		t, err := nextToken(body)
		if err != nil {
			panic(err) // the message was parsed
		}
		p.body = append(p.body, partOf(t, f))
		body = body[t.size():]
	}
}

func partOf(t token, f format) part {
	p := part{frame: t.frame, value: t.value}
	if int(t.place) <= len(f.fields) {
		p.name = f.fields[t.place-1]
	}
	if t.kind == protowire.BytesType {
		p.place = t.place
	}
	return p
}

// Bytes returns the message.
func (p *Parts) Bytes() []byte {
	if p.tag == nil {
		return p.joined()
	}
	return p.layout.frame(p.joined(), p.tag)
}

func (p *Parts) joined() (body []byte) {
	for _, f := range p.body {
		body = append(append(body, f.frame...), f.value...)
	}
	return body
}

// Names lists the fields in their order, the tag last. A field that the set does not know has no name.
func (p *Parts) Names() (names []string) {
	for _, f := range p.body {
		names = append(names, f.name)
	}
	if p.tag != nil {
		names = append(names, tagPart)
	}
	return names
}

// Value returns the value of a field as it stands in the message. It is not ok if the message has no such field.
func (p *Parts) Value(name string) (value []byte, ok bool) {
	if name == tagPart {
		return p.tag, p.tag != nil
	}
	if i := p.index(name); i >= 0 {
		return p.body[i].value, true
	}
	return nil, false
}

func (p *Parts) index(name string) int {
	return slices.IndexFunc(p.body, func(f part) bool { return f.name == name })
}

// Set puts another value into a field, and reports whether there is such a field. A length in its frame follows the
// value.
func (p *Parts) Set(name string, value []byte) bool {
	if name == tagPart && p.tag != nil {
		p.tag = append([]byte{}, value...)
		return true
	}
	i := p.index(name)
	if i < 0 {
		return false
	}
	f := &p.body[i]
	if f.place != 0 && len(value) != len(f.value) {
		f.frame = protowire.AppendVarint(protowire.AppendTag(nil, f.place, protowire.BytesType), uint64(len(value)))
	}
	f.value = value
	return true
}

// SetStart replaces version and type.
func (p *Parts) SetStart(start []byte) {
	for i := range start {
		p.body[i].value = start[i : i+1]
	}
}

// SetNumber puts a number into a field, and reports whether there is such a field. The fixed layout has room for 32
// bits of it.
func (p *Parts) SetNumber(name string, number uint64) bool {
	if p.layout.protobuf {
		return p.Set(name, protowire.AppendVarint(nil, number))
	}
	return p.Set(name, binary.BigEndian.AppendUint32(nil, uint32(number)))
}

// Lengthen writes a number of Protocol Buffers with one byte more than it needs.
func (p *Parts) Lengthen(name string) {
	if i := p.index(name); i >= 0 {
		value := append(bytes.Clone(p.body[i].value), 0)
		value[len(value)-2] |= 0x80
		p.body[i].value = value
	}
}

// Remove takes a field out, with its frame.
func (p *Parts) Remove(name string) {
	p.body = slices.DeleteFunc(p.body, func(f part) bool { return f.name == name })
}

// AddUnknown appends a field of Protocol Buffers that no set has.
func (p *Parts) AddUnknown() {
	p.body = append(p.body, part{frame: protowire.AppendTag(nil, 15, protowire.VarintType), value: []byte{1}})
}

// Precede puts a field with another value in front of one of the same name, if there is one.
func (p *Parts) Precede(name string) {
	i := p.index(name)
	if i < 0 {
		return
	}
	before := p.body[i]
	before.value = bytes.Clone(before.value)
	before.value[0] ^= 1
	p.body = slices.Insert(p.body, i, before)
}

// Authenticate makes the tag anew in a set with AES-CBC: the first size bytes of the right one.
func (p *Parts) Authenticate(mk, ad []byte, size int) {
	p.tag = primitive.DeriveCBC(mk, p.set.MessageInfo).Tag(size, ad, p.joined())
}

// Reseal changes a message and seals it anew with its message key, so that it authenticates as it stands. It returns
// the refusals of Parse and Message.Open for the message before the change.
func Reseal(set *params.Set, mk, ad, message []byte, edit func(p *Parts)) ([]byte, error) {
	p, err := Split(set, message)
	if err != nil {
		return nil, err
	}
	if set.Cipher == params.AESCBC {
		edit(p)
		p.Authenticate(mk, ad, set.TagSize)
		return p.Bytes(), nil
	}
	plaintext, err := open(set, mk, ad, message)
	if err != nil {
		return nil, fmt.Errorf("reseal: %w", err)
	}
	edit(p)
	return sealBody(set, mk, ad, p.joined(), plaintext), nil
}

func open(set *params.Set, mk, ad, message []byte) ([]byte, error) {
	m, err := Parse(set, message)
	if err != nil {
		return nil, err
	}
	return m.Open(mk, ad)
}

// Field returns the value of a field of a ratchet message. It is not ok if the message has no such field.
func Field(set *params.Set, message []byte, name string) (value []byte, ok bool) {
	p, err := Split(set, message)
	if err != nil {
		return nil, false
	}
	return p.Value(name)
}

// SetField returns a ratchet message with another value in a field, under the old tag. It is not ok if the message has
// no such field.
func SetField(set *params.Set, message []byte, name string, value []byte) (changed []byte, ok bool) {
	p, err := Split(set, message)
	if err != nil || !p.Set(name, value) {
		return nil, false
	}
	return p.Bytes(), true
}

// TagFramed reports whether the tag of a set stands in a field of its own, so that a tag of any length can be read.
func TagFramed(set *params.Set) bool { return layouts[set.Wire].tagFramed }

// OtherVersions returns the starts of messages of other versions and types.
func OtherVersions(set *params.Set) [][]byte {
	return map[params.Wire][][]byte{
		params.AmbassadorWire: {{0, 2}, {2, 2}, {1, 1}, {1, 3}},
		params.SignalWire:     {{0x23}, {0x32}, {0x34}, {0x43}},
		params.OlmWire:        {{0x02}, {0x04}},
	}[set.Wire]
}
