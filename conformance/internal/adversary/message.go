package adversary

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"credence/conformance/internal/adversary/structures"
)

// Header is the header of a ratchet message (SPEC.md 5.6). PN is 0 where the set sends none.
type Header struct {
	Key   PublicKey
	PN, N uint64
}

// Sealed is a ratchet message that was read and not opened.
type Sealed struct {
	Header
	body       []byte // all but the tag
	ciphertext []byte // in the body
	tag        []byte
}

// Initial is an initial message (SPEC.md 6.1), as far as the prekeys are known from elsewhere. Keys are as on the wire.
type Initial struct {
	Identity, Ephemeral []byte
	Message             []byte
}

// protobuf is a wire form in Protocol Buffers: the version in front, and the number of each field.
type protobuf struct {
	version                                                   []byte
	dh, n, pn, ciphertext                                     uint64
	oneTimePrekey, signedPrekey, identity, ephemeral, message uint64
}

var protobufs = map[Wire]protobuf{
	SignalWire: {
		version: []byte{0x33}, dh: 1, n: 2, pn: 3, ciphertext: 4,
		oneTimePrekey: 1, ephemeral: 2, identity: 3, message: 4, signedPrekey: 6,
	},
	OlmWire: {
		version: []byte{0x03}, dh: 1, n: 2, pn: 3, ciphertext: 4,
		oneTimePrekey: 1, ephemeral: 2, identity: 3, message: 4, signedPrekey: 6,
	},
	OmemoWire: {
		n: 1, pn: 2, dh: 3, ciphertext: 4,
		oneTimePrekey: 1, signedPrekey: 2, identity: 3, ephemeral: 4, message: 5,
	},
}

// ReadMessage reads a ratchet message.
func (s *Set) ReadMessage(message []byte) (*Sealed, error) {
	body, tag, err := s.cut(message)
	if err != nil {
		return nil, err
	}
	m := &Sealed{body: body, tag: tag}
	read := s.readFields
	if s.Wire == AmbassadorWire {
		read = s.readPlaces
	}
	key, err := read(m)
	if err != nil {
		return nil, err
	}
	m.Key, err = s.Decode(key)
	return m, err
}

// cut takes the tag from the body: it is the end of the message, but stands in front of it in OMEMO.
func (s *Set) cut(message []byte) (body, tag []byte, err error) {
	if s.Wire == OmemoWire {
		f, err := readFields(message, nil)
		if err != nil {
			return nil, nil, err
		}
		body, tag = f.bytes[2], f.bytes[1]
		if body == nil || len(tag) != s.TagSize {
			return nil, nil, fmt.Errorf("%w: a message without body or tag", ErrForm)
		}
		return body, tag, nil
	}
	end := len(message) - s.TagSize
	if end < 0 {
		return nil, nil, fmt.Errorf("%w: a message of %d bytes", ErrForm, len(message))
	}
	return message[:end:end], message[end:], nil
}

// readPlaces reads a body of the Ambassador form. It returns Enc(dh).
func (s *Set) readPlaces(m *Sealed) (key []byte, err error) {
	r := structures.Open(m.body, 2)
	key = r.Bytes(s.keySize())
	if s.SendsPN {
		m.PN = r.Number(4)
	}
	m.N = r.Number(4)
	m.ciphertext = r.Rest()
	return key, r.Err()
}

// readFields reads a body in Protocol Buffers. It returns Enc(dh).
func (s *Set) readFields(m *Sealed) (key []byte, err error) {
	form := protobufs[s.Wire]
	f, err := readFields(m.body, form.version)
	if err != nil {
		return nil, err
	}
	m.N = f.counter(form.n)
	if s.SendsPN && (s.ClosesChains || f.hasNumber(form.pn)) { // who needs no pn can go without it
		m.PN = f.counter(form.pn)
	}
	key, m.ciphertext = f.required(form.dh), f.required(form.ciphertext)
	return key, f.err
}

// ReadInitial reads an initial message.
func (s *Set) ReadInitial(message []byte) (*Initial, error) {
	if s.Wire == AmbassadorWire {
		return s.initialPlaces(message)
	}
	form := protobufs[s.Wire]
	f, err := readFields(message, form.version)
	if err != nil {
		return nil, err
	}
	i := &Initial{
		Identity: f.required(form.identity), Ephemeral: f.required(form.ephemeral), Message: f.required(form.message),
	}
	if s.SignedPrekey {
		f.counter(form.signedPrekey)
	}
	switch {
	case s.OneTimePrekeyRequired && s.OneTimePrekeyByKey:
		f.required(form.oneTimePrekey)
	case s.OneTimePrekeyRequired:
		f.counter(form.oneTimePrekey)
	}
	return i, f.err
}

// initialPlaces reads an initial message of the Ambassador form.
func (s *Set) initialPlaces(message []byte) (*Initial, error) {
	r := structures.Open(message, 1)
	i := &Initial{Identity: r.Bytes(s.identitySize()), Ephemeral: r.Bytes(s.keySize())}
	if s.SignedPrekey {
		r.Number(4)
	}
	if s.OneTimePrekeyByKey {
		r.Bytes(s.keySize())
	} else {
		r.Number(4)
	}
	if s.RegistrationID {
		r.Number(4)
	}
	i.Message = r.Rest()
	return i, r.Err()
}

// fields are fields of Protocol Buffers, by number. Of a repeated one the last is here. Whoever asks for a field that
// is not there gets an empty one, and err says so.
type fields struct {
	numbers map[uint64]uint64
	bytes   map[uint64][]byte
	err     error
}

func readFields(b, version []byte) (*fields, error) {
	rest, ok := bytes.CutPrefix(b, version)
	if !ok {
		return nil, fmt.Errorf("%w: another version", ErrForm)
	}
	f := &fields{numbers: map[uint64]uint64{}, bytes: map[uint64][]byte{}}
	for len(rest) > 0 {
		if rest, ok = f.next(rest); !ok {
			return nil, fmt.Errorf("%w: a field is cut off", ErrForm)
		}
	}
	return f, nil
}

// highestField is the highest number that a reader of Protocol Buffers can hold.
const highestField = math.MaxInt32

// next reads one field and returns what comes after it.
func (f *fields) next(b []byte) (rest []byte, ok bool) {
	tag, b, ok := varint(b)
	number, value := tag>>3, uint64(0)
	if !ok || number == 0 || number > highestField {
		return nil, false
	}
	switch tag & 7 {
	case 0:
		value, b, ok = varint(b)
		f.numbers[number] = value
		return b, ok
	case 1:
		value = 8
	case 2:
		value, b, ok = varint(b)
	case 5:
		value = 4
	default:
		return nil, false
	}
	if !ok || value > uint64(len(b)) {
		return nil, false
	}
	if tag&7 == 2 {
		f.bytes[number] = b[:value:value]
	}
	return b[value:], true
}

func varint(b []byte) (value uint64, rest []byte, ok bool) {
	value, size := binary.Uvarint(b)
	if size <= 0 {
		return 0, nil, false
	}
	return value, b[size:], true
}

func (f *fields) hasNumber(number uint64) bool {
	_, ok := f.numbers[number]
	return ok
}

// counter returns a number of 32 bits that has to be there.
func (f *fields) counter(number uint64) uint64 {
	value, ok := f.numbers[number]
	if !ok || value > math.MaxUint32 {
		f.err = fmt.Errorf("%w: field %d is no number of 32 bits", ErrForm, number)
	}
	return value
}

// required returns bytes that have to be there.
func (f *fields) required(number uint64) []byte {
	value, ok := f.bytes[number]
	if !ok {
		f.err = fmt.Errorf("%w: no field %d", ErrForm, number)
	}
	return value
}
