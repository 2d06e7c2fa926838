package malicious

import (
	"bytes"

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

// MutationCount is at least the number of mutations of any message.
const MutationCount = 20

// Mutations returns every change of a genuine ratchet message that must make it fail: each field of the header,
// ciphertext and tag with a flipped bit, truncations and an extension.
func Mutations(set *params.Set, message []byte) []Mutation {
	var ms []Mutation
	add := func(name, comment string, changed []byte) {
		_, err := wire.Parse(set, changed)
		ms = append(ms, Mutation{name, comment, changed, err == nil})
	}
	add("flip-version", "first byte of the message changed", flip(message, 0, 0x40))
	for _, name := range flipped(set, message) {
		value, _ := wire.Field(set, message, name)
		put := func(value []byte) []byte { changed, _ := wire.SetField(set, message, name, value); return changed }
		add("flip-"+name, "lowest bit of the last byte of "+name+" flipped", put(flip(value, len(value)-1, 0x01)))
		if len(value) > 4 {
			add("flip-"+name+"-first", "a bit in the first byte of "+name+" flipped", put(flip(value, 0, 0x10)))
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

// flipped lists the fields of a message that are flipped one by one, none if it is no message of the set.
func flipped(set *params.Set, message []byte) (names []string) {
	p, err := wire.Split(set, message)
	if err != nil {
		return nil
	}
	for _, name := range p.Names() {
		if value, _ := p.Value(name); name != "version" && name != "" && len(value) > 0 {
			names = append(names, name)
		}
	}
	return names
}

func flip(b []byte, at int, bit byte) []byte {
	m := bytes.Clone(b)
	m[at] ^= bit
	return m
}

// SetNumber puts another message number into a genuine ratchet message, without its key. A message that is none stays
// as it is.
func SetNumber(set *params.Set, message []byte, n uint32) []byte {
	p, err := wire.Split(set, message)
	if err != nil {
		return message
	}
	p.SetNumber("n", uint64(n))
	return p.Bytes()
}
