package wire

import "credence/reference/params"

const signalVersion = 0x33

func encodeSignal(h Header, ciphertext []byte) []byte {
	b := appendBytes([]byte{signalVersion}, 1, params.SignalV3.Encode(h.Key))
	b = appendNumber(b, 2, h.N)
	b = appendNumber(b, 3, h.PN)
	return appendBytes(b, 4, ciphertext)
}

func parseSignal(set *params.Set, message []byte) (*Message, error) {
	body, tag, err := splitTag(message, signalVersion, set.TagSize)
	if err != nil {
		return nil, err
	}
	r := newReader(body[1:])
	key, n, pn, ciphertext := r.bytes(1), r.u32(2), r.optionalU32(3), r.bytes(4)
	return r.message(set, key, pn, n, &Message{body: body, ciphertext: ciphertext, tag: tag})
}

func encodeSignalInitial(m Initial) []byte {
	b := []byte{signalVersion}
	if m.OneTimePrekeyID != 0 {
		b = appendNumber(b, 1, uint64(m.OneTimePrekeyID))
	}
	b = appendBytes(b, 2, m.Ephemeral)
	b = appendBytes(b, 3, m.Identity)
	b = appendBytes(b, 4, m.Message)
	b = appendNumber(b, 5, uint64(m.RegistrationID))
	return appendNumber(b, 6, uint64(m.SignedPrekeyID))
}

func parseSignalInitial(message []byte) (Initial, error) {
	rest, err := afterVersion(message, signalVersion)
	if err != nil {
		return Initial{}, err
	}
	r := newReader(rest)
	m := Initial{
		OneTimePrekeyID: r.optionalU32(1),
		Ephemeral:       r.bytes(2),
		Identity:        r.bytes(3),
		Message:         r.bytes(4),
		RegistrationID:  r.optionalU32(5),
		SignedPrekeyID:  r.u32(6),
	}
	return m, r.err
}
