package wire

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/spec/refusal"
)

// The first two bytes of every message of ambassador-v1: version and type.
const (
	ambassadorVersion = 0x01
	typeInitial       = 0x01
	typeRatchet       = 0x02
)

// AmbassadorHeaderSize is the size in bytes of the header of a ratchet message in ambassador-v1.
const AmbassadorHeaderSize = 42

const ambassadorTagSize = 16

func encodeAmbassador(h Header) []byte {
	b := cryptobyte.NewFixedBuilder(make([]byte, 0, AmbassadorHeaderSize))
	b.AddUint8(ambassadorVersion)
	b.AddUint8(typeRatchet)
	b.AddBytes(h.Key[:])
	b.AddUint32(uint32(h.PN))
	b.AddUint32(uint32(h.N))
	return b.BytesOrPanic() // the size is fixed
}

func parseAmbassador(set *params.Set, message []byte) (*Message, error) {
	s := cryptobyte.String(message)
	var version, kind uint8
	var key []byte
	var pn, n uint32
	ok := s.ReadUint8(&version) && s.ReadUint8(&kind) && s.ReadBytes(&key, primitive.KeySize) && s.ReadUint32(&pn) && s.ReadUint32(&n)
	if !ok || len(s) < ambassadorTagSize {
		return nil, fmt.Errorf("%w: %d bytes", refusal.Malformed, len(message))
	}
	if version != ambassadorVersion || kind != typeRatchet {
		return nil, fmt.Errorf("%w: version %d, type %d", refusal.Malformed, version, kind)
	}
	dh, err := set.Decode(key)
	if err != nil {
		return nil, err
	}
	return &Message{
		Header: Header{Key: dh, PN: uint64(pn), N: uint64(n)},
		body:   message[:AmbassadorHeaderSize], ciphertext: s,
	}, nil
}

func encodeAmbassadorInitial(m Initial) []byte {
	var b cryptobyte.Builder
	b.AddUint8(ambassadorVersion)
	b.AddUint8(typeInitial)
	b.AddBytes(m.Identity)
	b.AddBytes(m.Ephemeral)
	b.AddUint32(m.SignedPrekeyID)
	b.AddUint32(m.OneTimePrekeyID)
	b.AddBytes(m.Message)
	return b.BytesOrPanic() // no length prefix that could overflow
}

func parseAmbassadorInitial(message []byte) (Initial, error) {
	s := cryptobyte.String(message)
	var version, kind uint8
	var m Initial
	ok := s.ReadUint8(&version) && s.ReadUint8(&kind) &&
		s.ReadBytes(&m.Identity, primitive.KeySize) && s.ReadBytes(&m.Ephemeral, primitive.KeySize) &&
		s.ReadUint32(&m.SignedPrekeyID) && s.ReadUint32(&m.OneTimePrekeyID)
	if !ok {
		return m, fmt.Errorf("%w: %d bytes", refusal.Malformed, len(message))
	}
	if version != ambassadorVersion || kind != typeInitial {
		return m, fmt.Errorf("%w: version %d, type %d", refusal.Malformed, version, kind)
	}
	m.Message = s
	return m, nil
}
