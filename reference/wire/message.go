// Package wire is SPEC.md 5.6 and 6.1: the bytes of ratchet messages and initial messages in each parameter set.
// Nothing else in this module knows which fields a message has, or where they stand.
//
// The Protocol Buffers of the deployed sets are written with every field, ascending, and read as that format
// demands: unknown fields skipped, the last of a repeated field taken. What is authenticated is always the bytes
// received (AMB-WIR-03).
package wire

import (
	"fmt"
	"slices"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/spec/refusal"
)

// Header is the header of a ratchet message. PN is the value on the wire (SPEC.md 2.4), 0 in a set that has none there.
type Header struct {
	Key primitive.PublicKey
	PN  uint64
	N   uint64
}

// Message is a ratchet message that was parsed and not yet opened.
type Message struct {
	Header     Header
	set        *params.Set
	body       []byte // all but the tag
	ciphertext []byte // the end of the body
	tag        []byte
}

// raw are the values of the fields of a ratchet message.
type raw struct {
	key, ciphertext []byte
	pn, n           uint32
}

func (r *raw) fields(set *params.Set) []field {
	return layouts[set.Wire].ratchet.of(func(name string) (field, bool) {
		switch name {
		case keyField:
			return field{bytes: &r.key, size: set.KeySize()}, true
		case pnField: // it must be there if it is used
			return field{number: &r.pn, mayMiss: !set.ClosesChains}, set.PN != params.PNAbsent
		case nField:
			return field{number: &r.n}, true
		default:
			return field{bytes: &r.ciphertext}, true
		}
	})
}

// encodeBody returns a message without its tag.
func encodeBody(set *params.Set, h Header, ciphertext []byte) []byte {
	l := layouts[set.Wire]
	r := raw{key: set.Encode(h.Key), ciphertext: ciphertext, pn: uint32(h.PN), n: uint32(h.N)}
	return l.write(l.ratchet.start, r.fields(set))
}

// Seal encrypts plaintext with the message key mk, 32 bytes, and returns the complete message (AMB-WIR-01). ad is the
// associated data in the order of the set.
func Seal(set *params.Set, mk, ad []byte, h Header, plaintext []byte) []byte {
	if set.Cipher == params.ChaCha20Poly1305 {
		return sealBody(set, mk, ad, encodeBody(set, h, plaintext), plaintext)
	}
	keys := primitive.DeriveCBC(mk, set.MessageInfo)
	body := encodeBody(set, h, keys.Encrypt(plaintext))
	return layouts[set.Wire].frame(body, keys.Tag(set.TagSize, ad, body))
}

// sealBody seals with ChaCha20-Poly1305. The body ends in the plaintext, whose place the ciphertext takes.
func sealBody(set *params.Set, mk, ad, body, plaintext []byte) []byte {
	header := body[:len(body)-len(plaintext)]
	sealed := primitive.SealChaCha(header, mk, set.MessageInfo, plaintext, slices.Concat(ad, header))
	return layouts[set.Wire].frame(sealed[:len(body)], sealed[len(body):])
}

// Parse reads a message without opening it. It returns refusal.Malformed (AMB-WIR-02), or the refusal of its
// ratchet key (SPEC.md 2.1).
func Parse(set *params.Set, message []byte) (*Message, error) {
	m, err := parse(set, message)
	if err != nil {
		return nil, fmt.Errorf("ratchet message: %w", err)
	}
	return m, nil
}

func parse(set *params.Set, message []byte) (*Message, error) {
	l := layouts[set.Wire]
	body, tag, err := l.split(message, set.TagSize)
	if err != nil {
		return nil, err
	}
	var r raw
	if err := l.read(body, l.ratchet.start, r.fields(set)); err != nil {
		return nil, err
	}
	dh, err := set.Decode(r.key)
	if err != nil {
		return nil, err
	}
	return &Message{
		Header: Header{Key: dh, PN: uint64(r.pn), N: uint64(r.n)},
		set:    set, body: body, ciphertext: r.ciphertext, tag: tag,
	}, nil
}

// Open authenticates and decrypts the message with mk. It returns refusal.Authentication.
func (m *Message) Open(mk, ad []byte) ([]byte, error) {
	if m.set.Cipher == params.ChaCha20Poly1305 {
		return primitive.OpenChaCha(mk, m.set.MessageInfo, m.Sealed(), m.Authenticated(ad))
	}
	keys := primitive.DeriveCBC(mk, m.set.MessageInfo)
	if err := keys.VerifyTag(m.tag, m.set.TagSize, ad, m.body); err != nil {
		return nil, err
	}
	return keys.Decrypt(m.ciphertext)
}

// Authenticated returns what ChaCha20-Poly1305 authenticates beside the ciphertext: ad and the header, which is all of
// the body before the ciphertext. A ciphertext that is not the end of the body makes another header of it.
func (m *Message) Authenticated(ad []byte) []byte {
	return slices.Concat(ad, m.body[:len(m.body)-len(m.ciphertext)])
}

// Sealed returns the ciphertext and the tag.
func (m *Message) Sealed() []byte { return slices.Concat(m.ciphertext, m.tag) }

// frame puts the tag to the body. The body may be used up.
func (l layout) frame(body, tag []byte) []byte {
	if !l.tagFramed {
		return append(body, tag...)
	}
	fields := tagFields(&body, &tag)
	return appendProtobuf(make([]byte, 0, room(fields)), fields)
}

// split undoes frame.
func (l layout) split(message []byte, size int) (body, tag []byte, err error) {
	if l.tagFramed {
		err = readProtobuf(message, tagFields(&body, &tag))
	} else if cut := len(message) - size; cut >= 0 {
		body, tag = message[:cut:cut], message[cut:]
	}
	if err == nil && len(tag) != size {
		err = fmt.Errorf("%w: tag of %d bytes", refusal.Malformed, len(tag))
	}
	return body, tag, err
}

func tagFields(body, tag *[]byte) []field {
	return []field{{name: "tag", place: 1, bytes: tag}, {name: "body", place: 2, bytes: body}}
}
