package wire

import "credence/reference/params"

const olmVersion = 0x03

func encodeOlm(h Header, ciphertext []byte) []byte {
	b := appendBytes([]byte{olmVersion}, 1, h.Key[:])
	b = appendNumber(b, 2, h.N)
	return appendBytes(b, 4, ciphertext)
}

func parseOlm(set *params.Set, message []byte) (*Message, error) {
	body, tag, err := splitTag(message, olmVersion, set.TagSize)
	if err != nil {
		return nil, err
	}
	r := newReader(body[1:])
	key, n, ciphertext := r.bytes(1), r.u32(2), r.bytes(4)
	return r.message(set, key, 0, n, &Message{body: body, ciphertext: ciphertext, tag: tag})
}

func encodeOlmInitial(m Initial) []byte {
	b := appendBytes([]byte{olmVersion}, 1, m.OneTimePrekey)
	b = appendBytes(b, 2, m.Ephemeral)
	b = appendBytes(b, 3, m.Identity)
	return appendBytes(b, 4, m.Message)
}

func parseOlmInitial(message []byte) (Initial, error) {
	rest, err := afterVersion(message, olmVersion)
	if err != nil {
		return Initial{}, err
	}
	r := newReader(rest)
	m := Initial{OneTimePrekey: r.bytes(1), Ephemeral: r.bytes(2), Identity: r.bytes(3), Message: r.bytes(4)}
	return m, r.err
}
