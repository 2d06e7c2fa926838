package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"credence/reference/params"
	"credence/spec/refusal"
)

// The fields of messages.
const (
	keyField        = "key" // of a ratchet message (SPEC.md 5.6)
	pnField         = "pn"
	nField          = "n"
	ciphertextField = "ciphertext"

	identityField      = "identity" // of an initial message (SPEC.md 6.1)
	ephemeralField     = "ephemeral"
	signedPrekeyField  = "signed-prekey"
	oneTimePrekeyField = "one-time-prekey"
	registrationField  = "registration"
	messageField       = "message"
)

// layout is a wire form: SPEC.md 5.6 and 6.1 in one table.
type layout struct {
	ratchet, initial format
	protobuf         bool // otherwise the fields follow each other, numbers as u32
	tagFramed        bool // tag and body are fields of their own; otherwise the tag follows the body
}

// format is the start of a kind of message and its fields in their order. In Protocol Buffers the first one has number
// 1, and so on. A set leaves out the fields that it does not have.
type format struct {
	start  []byte
	fields []string
}

var layouts = map[params.Wire]layout{
	params.AmbassadorWire: {
		ratchet: format{[]byte{0x01, 0x02}, []string{keyField, pnField, nField, ciphertextField}},
		initial: format{[]byte{0x01, 0x01}, []string{
			identityField, ephemeralField, signedPrekeyField,
			oneTimePrekeyField, registrationField, messageField,
		}},
	},
	params.SignalWire: {
		ratchet: format{[]byte{0x33}, []string{keyField, nField, pnField, ciphertextField}},
		initial: format{[]byte{0x33}, []string{
			oneTimePrekeyField, ephemeralField, identityField,
			messageField, registrationField, signedPrekeyField,
		}},
		protobuf: true,
	},
	params.OlmWire: {
		ratchet: format{[]byte{0x03}, []string{keyField, nField, pnField, ciphertextField}},
		initial: format{[]byte{0x03}, []string{
			oneTimePrekeyField, ephemeralField, identityField,
			messageField, registrationField, signedPrekeyField,
		}},
		protobuf: true,
	},
	params.OmemoWire: {
		ratchet: format{nil, []string{nField, pnField, keyField, ciphertextField}},
		initial: format{nil, []string{
			oneTimePrekeyField, signedPrekeyField, identityField,
			ephemeralField, messageField, registrationField,
		}},
		protobuf: true, tagFramed: true,
	},
}

// field is a field of a message of a set, with the variable that holds its value: one of number and bytes.
type field struct {
	name      string
	place     protowire.Number // in the format, from 1
	number    *uint32
	bytes     *[]byte
	size      int  // of bytes in the fixed layout; 0 is all that is left
	mayMiss   bool // a reader of Protocol Buffers takes a message without it for one with 0
	bracketed bool // it is written only if there is a value

	found  bool   // while a message is read
	varint uint64 // the number, which may be too large
}

// of lists the fields that a set has, by the function that describes one of them.
func (f format) of(describe func(name string) (d field, has bool)) []field {
	fields := make([]field, 0, len(f.fields))
	for i, name := range f.fields {
		if d, has := describe(name); has {
			d.name, d.place = name, protowire.Number(i+1)
			fields = append(fields, d)
		}
	}
	return fields
}

// write returns a message, or the body of one.
func (l layout) write(start []byte, fields []field) []byte {
	b := make([]byte, 0, len(start)+room(fields))
	b = append(b, start...)
	if l.protobuf {
		return appendProtobuf(b, fields)
	}
	return appendFixed(b, fields)
}

// room is enough for the fields, their frames and a tag.
func room(fields []field) (size int) {
	for _, f := range fields {
		size += 16
		if f.bytes != nil {
			size += len(*f.bytes)
		}
	}
	return size
}

// read checks the start of a message and gives the fields their values. It returns refusal.Malformed (AMB-WIR-02).
func (l layout) read(b, start []byte, fields []field) error {
	rest, ok := bytes.CutPrefix(b, start)
	if !ok {
		return fmt.Errorf("%w: version or type", refusal.Malformed)
	}
	if l.protobuf {
		return readProtobuf(rest, fields)
	}
	return readFixed(rest, fields)
}

func appendFixed(b []byte, fields []field) []byte {
	for _, f := range fields {
		if f.number != nil {
			b = binary.BigEndian.AppendUint32(b, *f.number)
		} else {
			b = append(b, *f.bytes...)
		}
	}
	return b
}

func readFixed(b []byte, fields []field) error {
	for _, f := range fields {
		size := f.fixedSize(len(b))
		if len(b) < size {
			return fmt.Errorf("%w: %s is cut off", refusal.Malformed, f.name)
		}
		if f.number != nil {
			*f.number = binary.BigEndian.Uint32(b)
		} else {
			*f.bytes = b[:size:size]
		}
		b = b[size:]
	}
	return nil
}

// fixedSize returns the size of the field in the fixed layout, if left bytes are left.
func (f field) fixedSize(left int) int {
	switch {
	case f.number != nil:
		return 4
	case f.size > 0:
		return f.size
	}
	return left
}
