package wire

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"credence/spec/refusal"
)

func appendProtobuf(b []byte, fields []field) []byte {
	for _, f := range fields {
		switch {
		case f.bracketed && f.empty():
		case f.number != nil:
			b = protowire.AppendVarint(protowire.AppendTag(b, f.place, protowire.VarintType), uint64(*f.number))
		default:
			b = protowire.AppendBytes(protowire.AppendTag(b, f.place, protowire.BytesType), *f.bytes)
		}
	}
	return b
}

func (f *field) empty() bool {
	if f.number != nil {
		return *f.number == 0
	}
	return len(*f.bytes) == 0
}

// readProtobuf skips fields that it does not know and takes the last of a repeated one (AMB-WIR-04).
func readProtobuf(b []byte, fields []field) error {
	for len(b) > 0 {
		t, err := nextToken(b)
		if err != nil {
			return err
		}
		b = b[t.size():]
		for i := range fields {
			fields[i].take(t)
		}
	}
	for i := range fields {
		if err := fields[i].finish(); err != nil {
			return err
		}
	}
	return nil
}

// token is a field as it stands in a message: its frame, which is its number with its kind and the length of bytes, and
// its value.
type token struct {
	place        protowire.Number
	kind         protowire.Type
	frame, value []byte
}

func (t token) size() int { return len(t.frame) + len(t.value) }

func nextToken(b []byte) (t token, err error) {
	place, kind, size := protowire.ConsumeTag(b)
	if size < 0 {
		return t, fmt.Errorf("%w: %v", refusal.Malformed, protowire.ParseError(size))
	}
	length := protowire.ConsumeFieldValue(place, kind, b[size:])
	if length < 0 {
		return t, fmt.Errorf("%w: field %d: %v", refusal.Malformed, place, protowire.ParseError(length))
	}
	end := size + length
	if kind == protowire.BytesType {
		value, _ := protowire.ConsumeBytes(b[size:])
		size = end - len(value)
	}
	return token{place, kind, b[:size:size], b[size:end:end]}, nil
}

// take notes the value if the token is of the field.
func (f *field) take(t token) {
	if t.place != f.place {
		return
	}
	switch {
	case f.bytes != nil && t.kind == protowire.BytesType:
		*f.bytes, f.found = t.value, true
	case f.number != nil && t.kind == protowire.VarintType:
		f.varint, _ = protowire.ConsumeVarint(t.value)
		f.found = true
	}
}

// finish refuses a field that is missing or too large.
func (f *field) finish() error {
	if !f.found && !f.mayMiss {
		return fmt.Errorf("%w: %s is missing", refusal.Malformed, f.name)
	}
	if f.varint > math.MaxUint32 {
		return fmt.Errorf("%w: %s is above 2^32 - 1", refusal.Malformed, f.name)
	}
	if f.number != nil {
		*f.number = uint32(f.varint)
	}
	return nil
}
