// Package wire is SPEC.md 5.6 and 6.1: the bytes of ratchet messages and initial messages in each parameter set.
//
// The Protocol Buffers of the deployed sets are written with every field, ascending, and read as that format
// demands: unknown fields skipped, the last of a repeated field taken. What is authenticated is always the bytes
// received (AMB-WIR-03).
package wire

import (
	"fmt"

	"credence/reference/params"
	"credence/reference/primitive"
)

// Header is the header of a ratchet message. PN is the value on the wire (SPEC.md 2.4); Olm has none.
type Header struct {
	Key primitive.PublicKey
	PN  uint64
	N   uint64
}

// Message is a ratchet message that was parsed and not yet opened.
type Message struct {
	Header     Header
	set        *params.Set
	body       []byte // what is authenticated after the associated data
	ciphertext []byte
	tag        []byte // empty in ambassador-v1, whose AEAD keeps it in ciphertext
}

// codec is the wire form of a set. The chacha form has no encode: there the header is the body.
type codec struct {
	encode func(h Header, ciphertext []byte) (body []byte)
	frame  func(body, tag []byte) (message []byte)
	parse  func(set *params.Set, message []byte) (*Message, error)
}

func codecOf(set *params.Set) codec {
	switch set.Wire {
	case params.SignalWire:
		return codec{encodeSignal, appendTag, parseSignal}
	case params.OlmWire:
		return codec{encodeOlm, appendTag, parseOlm}
	case params.OmemoWire:
		return codec{encodeOmemo, frameOmemo, parseOmemo}
	default:
		return codec{parse: parseAmbassador}
	}
}

// Seal encrypts plaintext with the message key mk, 32 bytes, and gives the complete message (AMB-WIR-01). ad is the
// associated data in the order of the set.
func Seal(set *params.Set, mk, ad []byte, h Header, plaintext []byte) []byte {
	if set.Wire == params.AmbassadorWire {
		header := encodeAmbassador(h)
		return primitive.SealChaCha(header, mk, set.MessageInfo, plaintext, concat(ad, header))
	}
	c, keys := codecOf(set), primitive.DeriveCBC(mk, set.MessageInfo)
	body := c.encode(h, keys.Encrypt(plaintext))
	return c.frame(body, keys.Tag(set.TagSize, ad, body))
}

// Parse reads a message without opening it. It returns refusal.Malformed (AMB-WIR-02), or the refusal of its
// ratchet key (SPEC.md 2.1).
func Parse(set *params.Set, message []byte) (*Message, error) {
	m, err := codecOf(set).parse(set, message)
	if err != nil {
		return nil, fmt.Errorf("ratchet message: %w", err)
	}
	m.set = set
	return m, nil
}

// Open authenticates and decrypts the message with mk. It returns refusal.Authentication.
func (m *Message) Open(mk, ad []byte) ([]byte, error) {
	if m.set.Wire == params.AmbassadorWire {
		return primitive.OpenChaCha(mk, m.set.MessageInfo, m.ciphertext, concat(ad, m.body))
	}
	keys := primitive.DeriveCBC(mk, m.set.MessageInfo)
	if err := keys.VerifyTag(m.tag, m.set.TagSize, ad, m.body); err != nil {
		return nil, err
	}
	return keys.Decrypt(m.ciphertext)
}

func concat(a, b []byte) []byte { return append(append(make([]byte, 0, len(a)+len(b)), a...), b...) }
