package wire

import (
	"fmt"

	"credence/reference/params"
	"credence/spec/refusal"
)

func encodeOmemo(h Header, ciphertext []byte) []byte {
	b := appendNumber(nil, 1, h.N)
	b = appendNumber(b, 2, h.PN)
	b = appendBytes(b, 3, h.Key[:])
	return appendBytes(b, 4, ciphertext)
}

func frameOmemo(body, tag []byte) []byte { return appendBytes(appendBytes(nil, 1, tag), 2, body) }

func parseOmemo(set *params.Set, message []byte) (*Message, error) {
	outer := newReader(message)
	tag, body := outer.bytes(1), outer.bytes(2)
	if outer.err != nil {
		return nil, outer.err
	}
	if len(tag) != set.TagSize {
		return nil, fmt.Errorf("%w: tag of %d bytes", refusal.Malformed, len(tag))
	}
	r := newReader(body)
	n, pn, key, ciphertext := r.u32(1), r.u32(2), r.bytes(3), r.bytes(4)
	return r.message(set, key, pn, n, &Message{body: body, ciphertext: ciphertext, tag: tag})
}

func encodeOmemoInitial(m Initial) []byte {
	b := appendNumber(nil, 1, uint64(m.OneTimePrekeyID))
	b = appendNumber(b, 2, uint64(m.SignedPrekeyID))
	b = appendBytes(b, 3, m.Identity)
	b = appendBytes(b, 4, m.Ephemeral)
	return appendBytes(b, 5, m.Message)
}

func parseOmemoInitial(message []byte) (Initial, error) {
	r := newReader(message)
	m := Initial{
		OneTimePrekeyID: r.u32(1), SignedPrekeyID: r.u32(2),
		Identity: r.bytes(3), Ephemeral: r.bytes(4), Message: r.bytes(5),
	}
	return m, r.err
}
