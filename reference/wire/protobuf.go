package wire

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"credence/reference/params"
	"credence/spec/refusal"
)

// fields is a parsed Protocol Buffer: the last value of each field.
type fields struct {
	numbers map[protowire.Number]uint64
	strings map[protowire.Number][]byte
}

func parseFields(b []byte) (fields, error) {
	f := fields{map[protowire.Number]uint64{}, map[protowire.Number][]byte{}}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return f, fmt.Errorf("%w: %v", refusal.Malformed, protowire.ParseError(n))
		}
		b = b[n:]
		switch kind {
		case protowire.VarintType:
			f.numbers[number], n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			f.strings[number], n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return f, fmt.Errorf("%w: field %d: %v", refusal.Malformed, number, protowire.ParseError(n))
		}
		b = b[n:]
	}
	return f, nil
}

// reader takes fields out and remembers the first that is missing or too large.
type reader struct {
	fields
	err error
}

func newReader(b []byte) reader {
	f, err := parseFields(b)
	return reader{f, err}
}

func (r *reader) fail(number protowire.Number, what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: field %d %s", refusal.Malformed, number, what)
	}
}

// bytes gives a field that must be there.
func (r *reader) bytes(number protowire.Number) []byte {
	b, ok := r.strings[number]
	if !ok {
		r.fail(number, "is missing")
	}
	return b
}

// u32 gives a field that must be there and be below 2^32.
func (r *reader) u32(number protowire.Number) uint32 {
	if _, ok := r.numbers[number]; !ok {
		r.fail(number, "is missing")
	}
	return r.optionalU32(number)
}

// optionalU32 gives a field that must be below 2^32, or 0.
func (r *reader) optionalU32(number protowire.Number) uint32 {
	n := r.numbers[number]
	if n > math.MaxUint32 {
		r.fail(number, "is above 2^32 - 1")
	}
	return uint32(n)
}

// message adds the header to a message, if all its fields were right.
func (r *reader) message(set *params.Set, key []byte, pn, n uint32, m *Message) (*Message, error) {
	if r.err != nil {
		return nil, r.err
	}
	dh, err := set.Decode(key)
	if err != nil {
		return nil, err
	}
	m.Header = Header{Key: dh, PN: uint64(pn), N: uint64(n)}
	return m, nil
}

func appendBytes(b []byte, number protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), v)
}

func appendNumber(b []byte, number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}

// appendTag and splitTag put the tag after the body, as Signal and Olm do.
func appendTag(body, tag []byte) []byte { return append(body, tag...) }

func splitTag(message []byte, version byte, size int) (body, tag []byte, err error) {
	if len(message) < 1+size {
		return nil, nil, fmt.Errorf("%w: %d bytes", refusal.Malformed, len(message))
	}
	if message[0] != version {
		return nil, nil, fmt.Errorf("%w: version byte %#02x", refusal.Malformed, message[0])
	}
	cut := len(message) - size
	return message[:cut:cut], message[cut:], nil
}

// afterVersion checks the version byte of an initial message and gives the rest.
func afterVersion(message []byte, version byte) ([]byte, error) {
	if len(message) == 0 || message[0] != version {
		return nil, fmt.Errorf("%w: version byte", refusal.Malformed)
	}
	return message[1:], nil
}
