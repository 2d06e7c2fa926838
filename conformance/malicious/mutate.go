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

// span is a field of a message: its bytes from start to end.
type span struct {
	name       string
	start, end int
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
	tag := span{"tag", end - set.TagSize, end}
	switch set {
	case params.AmbassadorV1:
		return []span{{"type", 1, 2}, {"key", 2, 34}, {"pn", 34, 38}, {"n", 38, 42}, {"ciphertext", 42, end - set.TagSize}, tag}
	case params.SignalV3:
		return append(protoSpans(message, 1, end-set.TagSize, "key", "n", "pn", "ciphertext"), tag)
	case params.OlmV1:
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
		valueStart := start + tagLength
		start = valueStart + length
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message[valueStart:start])
			valueStart = start - len(value)
		}
		out = append(out, span{names[number-1], valueStart, start})
	}
	return out
}

// SetNumber puts another message number into a genuine ratchet message, without its key.
func SetNumber(set *params.Set, message []byte, n uint32) []byte {
	number := protowire.AppendVarint(nil, uint64(n))
	if set == params.AmbassadorV1 {
		number = binary.BigEndian.AppendUint32(nil, n)
	}
	if set != params.Omemo2 {
		return replaceN(spans(set, message), message, number)
	}
	outer := protoSpans(message, 0, len(message), "tag", "body") // the length of the body changes
	tag, body := message[outer[0].start:outer[0].end], message[outer[1].start:outer[1].end]
	body = replaceN(protoSpans(body, 0, len(body), "n", "pn", "key", "ciphertext"), body, number)
	framed := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), tag)
	return protowire.AppendBytes(protowire.AppendTag(framed, 2, protowire.BytesType), body)
}

func replaceN(fields []span, message, number []byte) []byte {
	i := slices.IndexFunc(fields, func(f span) bool { return f.name == "n" })
	return slices.Concat(message[:fields[i].start], number, message[fields[i].end:])
}
