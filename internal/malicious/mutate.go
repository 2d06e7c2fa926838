package malicious

import (
	"bytes"
	"encoding/binary"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"credence/reference/params"
	"credence/reference/wire"
)

// Mutation is a change of a genuine ratchet message by someone without its key.
type Mutation struct {
	Name    string // last part of the ids of tests
	Comment string
	Message []byte
	Parses  bool // false if the result is no message of the set any more
}

// span is a field of a message: its value from start to end.
type span struct {
	name       string
	start, end int
	whole      int              // where the field starts, with its tag and its length
	number     protowire.Number // of a field with a length; 0 if the value has no frame of its own
}

// MutationCount is at least the number of mutations of any message.
const MutationCount = 20

// Mutations gives every change of a genuine ratchet message that must make it fail: each field of the header,
// ciphertext and tag with a flipped bit, truncations and an extension.
func Mutations(set *params.Set, message []byte) []Mutation {
	var ms []Mutation
	add := func(name, comment string, changed []byte) {
		_, err := wire.Parse(set, changed)
		ms = append(ms, Mutation{name, comment, changed, err == nil})
	}
	add("flip-version", "first byte of the message changed", flip(message, 0, 0x40))
	for _, f := range spans(set, message) {
		add("flip-"+f.name, "lowest bit of the last byte of "+f.name+" flipped", flip(message, f.end-1, 0x01))
		if f.end-f.start > 4 {
			add("flip-"+f.name+"-first", "a bit in the first byte of "+f.name+" flipped", flip(message, f.start, 0x10))
		}
	}
	add("truncate-1", "last byte missing", message[:len(message)-1])
	add("truncate-tag", "the tag missing", message[:len(message)-set.TagSize])
	add("truncate-half", "second half missing", message[:len(message)/2])
	add("empty", "no bytes at all", []byte{})
	add("one-byte", "first byte only", message[:1])
	add("extend", "a zero byte appended", append(bytes.Clone(message), 0))
	return ms
}

func flip(message []byte, at int, bit byte) []byte {
	m := bytes.Clone(message)
	m[at] ^= bit
	return m
}

// spans finds the fields of a genuine message.
func spans(set *params.Set, message []byte) []span {
	end := len(message)
	tag := span{name: "tag", start: end - set.TagSize, end: end}
	switch set.Wire {
	case params.AmbassadorWire:
		return []span{{name: "type", start: 1, end: 2}, {name: "key", start: 2, end: 34}, {name: "pn", start: 34, end: 38}, {name: "n", start: 38, end: 42}, {name: "ciphertext", start: 42, end: end - set.TagSize}, tag}
	case params.SignalWire:
		return append(protoSpans(message, 1, end-set.TagSize, "key", "n", "pn", "ciphertext"), tag)
	case params.OlmWire:
		return append(protoSpans(message, 1, end-set.TagSize, "key", "n", "", "ciphertext"), tag)
	default:
		outer := protoSpans(message, 0, end, "tag", "body")
		return append(protoSpans(message, outer[1].start, end, "n", "pn", "key", "ciphertext"), outer[0])
	}
}

// protoSpans gives the values of the fields 1, 2, … under their names.
func protoSpans(message []byte, start, end int, names ...string) []span {
	var out []span
	for start < end {
		number, kind, tagLength := protowire.ConsumeTag(message[start:end])
		length := protowire.ConsumeFieldValue(number, kind, message[start+tagLength:end])
		f := span{name: names[number-1], start: start + tagLength, whole: start}
		start = f.start + length
		f.end = start
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message[f.start:start])
			f.start, f.number = start-len(value), number
		}
		out = append(out, f)
	}
	return out
}

// omemoSpans gives the tag and the body of a message of omemo-2, and the fields of the body.
func omemoSpans(message []byte) (tag, body []byte, fields []span) {
	outer := protoSpans(message, 0, len(message), "tag", "body")
	tag, body = message[outer[0].start:outer[0].end], message[outer[1].start:outer[1].end]
	return tag, body, protoSpans(body, 0, len(body), "n", "pn", "key", "ciphertext")
}

// SetNumber puts another message number into a genuine ratchet message, without its key.
func SetNumber(set *params.Set, message []byte, n uint32) []byte {
	number := protowire.AppendVarint(nil, uint64(n))
	if set.Wire == params.AmbassadorWire {
		number = binary.BigEndian.AppendUint32(nil, n)
	}
	changed, _ := SetField(set, message, "n", number)
	return changed
}

// Field gives the value of a field of a genuine ratchet message: key, pn, n, ciphertext or tag. It is not ok if the set does not have it.
func Field(set *params.Set, message []byte, name string) (value []byte, ok bool) {
	for _, f := range spans(set, message) {
		if f.name == name {
			return message[f.start:f.end], true
		}
	}
	return nil, false
}

// SetField puts another value into a field of a genuine ratchet message, without its key. Lengths in the frame of the field follow it.
func SetField(set *params.Set, message []byte, name string, value []byte) (changed []byte, ok bool) {
	if set.Wire != params.OmemoWire {
		return replace(spans(set, message), message, name, value)
	}
	tag, body, fields := omemoSpans(message)
	if name == "tag" {
		tag, ok = value, true
	} else {
		body, ok = replace(fields, body, name, value)
	}
	framed := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), tag)
	return protowire.AppendBytes(protowire.AppendTag(framed, 2, protowire.BytesType), body), ok
}

func replace(fields []span, message []byte, name string, value []byte) ([]byte, bool) {
	i := slices.IndexFunc(fields, func(f span) bool { return f.name == name })
	if i < 0 {
		return nil, false
	}
	f := fields[i]
	if f.number == 0 {
		return slices.Concat(message[:f.start], value, message[f.end:]), true
	}
	framed := protowire.AppendBytes(protowire.AppendTag(nil, f.number, protowire.BytesType), value)
	return slices.Concat(message[:f.whole], framed, message[f.end:]), true
}
