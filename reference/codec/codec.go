// Package codec is SPEC.md 7.1: the canonical encoding of the structures of the Ambassador protocol, in the TLS
// presentation language. A structure describes its fields once, in order, in a method; encoding, decoding and listing
// by name follow from it:
//
//	func (s *EpochStatement) Fields(c *codec.Coder) {
//		c.Header(codec.TypeEpochStatement)
//		c.Fixed("account", s.Account[:])
//		c.Uint32("epoch", &s.Epoch)
//		...
//	}
package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"credence/spec/refusal"
)

// Version is the first byte of every structure (AMB-ENC-01).
const Version = 1

// Type is the second byte of every structure (AMB-ENC-01). Types 1 and 2 are the messages of SPEC.md 5.6 and 6.1.
type Type uint8

// The types, in the order of the table in SPEC.md 7.1.
const (
	TypeInitialMessage Type = 1
	TypeRatchetMessage Type = 2
	TypeMessageEntry   Type = 3
	TypeStartEntry     Type = 4
	TypeEpochStatement Type = 5
	TypeDeviceList     Type = 6
	TypeBundle         Type = 7
	TypePublication    Type = 8
	TypeRecord         Type = 9
	TypeCommit         Type = 10
	TypeLinkOffer      Type = 11
	TypeLinkRequest    Type = 12
	TypeMail           Type = 13
)

// Struct is a structure with a canonical encoding.
type Struct interface {
	// Fields hands every field to the coder, in the order of the encoding.
	Fields(c *Coder)
}

// Field is a field of a structure, as Dump lists it: numbers are big-endian.
type Field struct {
	Name  string
	Value []byte
}

// Coder goes through the fields of a structure and reads or writes each.
type Coder struct {
	decoding bool
	dumping  bool
	b        []byte  // encoding: what was written; decoding: what is left
	path     []place // of the structure around, for names
	fields   []Field
	err      error
}

// place is a structure inside another one. index is its place in a list, -1 if it is in none.
type place struct {
	name  string
	index int
}

// usual is a capacity in bytes that most encodings fit in.
const usual = 512

// Encode returns the canonical encoding. It returns refusal.Malformed for a value that no encoding has.
func Encode(s Struct) ([]byte, error) {
	c := &Coder{b: make([]byte, 0, usual)}
	s.Fields(c)
	return c.b, c.err
}

// MustEncode encodes a structure that this program has made and that has an encoding by construction.
func MustEncode(s Struct) []byte {
	b, err := Encode(s)
	if err != nil {
		panic(err) // a fault of the caller, never of input
	}
	return b
}

// Decode reads exactly one structure. It returns refusal.Malformed with the name of the field, and refuses everything
// that would not encode to the same bytes (AMB-ENC-02).
func Decode(b []byte, s Struct) error {
	c := &Coder{decoding: true, b: bytes.Clone(b)}
	s.Fields(c)
	if c.err == nil && len(c.b) > 0 {
		c.fail("end", fmt.Sprintf("%d bytes more", len(c.b)))
	}
	return c.err
}

// Dump lists the fields of a structure, those of structures inside it with a path, such as devices[0].device.
func Dump(s Struct) []Field {
	c := &Coder{dumping: true}
	s.Fields(c)
	return c.fields
}

// TypeOf returns the type of an encoded structure, 0 if there is none.
func TypeOf(b []byte) Type {
	if len(b) < 2 || b[0] != Version {
		return 0
	}
	return Type(b[1])
}

func (c *Coder) fail(name, reason string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s: %s", refusal.Malformed, c.full(name), reason)
	}
}

// full returns the name of a field with its path.
func (c *Coder) full(name string) string {
	var b strings.Builder
	for _, p := range c.path {
		b.WriteString(p.name)
		if p.index >= 0 {
			fmt.Fprintf(&b, "[%d]", p.index)
		}
		b.WriteByte('.')
	}
	return b.String() + name
}

// Check refuses the structure if a rule on the field does not hold.
func (c *Coder) Check(name string, ok bool, rule string) {
	if !ok {
		c.fail(name, rule)
	}
}

// Header is version and type of a structure.
func (c *Coder) Header(t Type) {
	version, kind := uint8(Version), uint8(t)
	c.Uint8("version", &version)
	c.Uint8("type", &kind)
	c.Check("version", version == Version, "unknown")
	if kind != uint8(t) {
		c.fail("type", fmt.Sprintf("%d, not %d", kind, t))
	}
}

// Fixed is a field of a fixed size, filled in place.
func (c *Coder) Fixed(name string, b []byte) {
	if c.err != nil {
		return
	}
	if !c.decoding {
		c.put(name, b)
		return
	}
	if len(c.b) < len(b) {
		c.fail(name, fmt.Sprintf("%d bytes, not %d", len(c.b), len(b)))
		return
	}
	copy(b, c.b)
	c.b = c.b[len(b):]
}

func (c *Coder) put(name string, b []byte) {
	c.b = append(c.b, b...)
	if c.dumping {
		c.fields = append(c.fields, Field{c.full(name), bytes.Clone(b)})
	}
}

// Uint8 is one byte.
func (c *Coder) Uint8(name string, v *uint8) {
	b := []byte{*v}
	c.Fixed(name, b)
	if c.decoding { // encoding never writes: structures are shared
		*v = b[0]
	}
}

// Uint32 is a number of 4 bytes.
func (c *Coder) Uint32(name string, v *uint32) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], *v)
	c.Fixed(name, b[:])
	if c.decoding {
		*v = binary.BigEndian.Uint32(b[:])
	}
}

// Uint64 is a number of 8 bytes.
func (c *Coder) Uint64(name string, v *uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], *v)
	c.Fixed(name, b[:])
	if c.decoding {
		*v = binary.BigEndian.Uint64(b[:])
	}
}

// Vector is a byte string of least to most bytes behind its length in as many bytes as most needs.
func (c *Coder) Vector(name string, v *[]byte, least, most int) {
	if c.err != nil {
		return
	}
	if !c.decoding {
		c.putLength(name, len(*v), least, most)
		c.put(name, *v)
		return
	}
	n, ok := c.length(lengthSize(most))
	if !ok || n > len(c.b) {
		c.fail(name, "truncated")
		return
	}
	c.checkLength(name, n, least, most)
	*v, c.b = c.b[:n:n], c.b[n:]
}

func (c *Coder) checkLength(name string, n, least, most int) {
	if n < least || n > most {
		c.fail(name, fmt.Sprintf("%d bytes, not %d to %d", n, least, most))
	}
}

func lengthSize(most int) int {
	size := 1
	for most >>= 8; most > 0; most >>= 8 {
		size++
	}
	return size
}

func (c *Coder) length(size int) (n int, ok bool) {
	if len(c.b) < size {
		return 0, false
	}
	for _, b := range c.b[:size] {
		n = n<<8 | int(b)
	}
	c.b = c.b[size:]
	return n, true
}

// Most is the largest size in bytes of a list, of a structure inside another one, and of a message.
const Most = 1<<24 - 1

// List is a list of structures behind the length of its encoding in bytes, 3 bytes.
func List[T any, S interface {
	*T
	Struct
}](c *Coder, name string, items *[]T) {
	c.enclosed(name, func() {
		for i := 0; c.more(i < len(*items)); i++ {
			if c.decoding {
				*items = append(*items, *new(T))
			}
			c.inside(place{name, i}, S(&(*items)[i]))
		}
	})
}

// more reports whether a list goes on: reading, as long as there are bytes; writing, as long as there are items.
func (c *Coder) more(items bool) bool {
	if c.decoding {
		return len(c.b) > 0 && c.err == nil
	}
	return items
}

// Inner is a structure inside another one.
func (c *Coder) Inner(name string, s Struct) { c.inside(place{name, -1}, s) }

// Nested is the complete encoding of a structure behind its length in bytes, 3 bytes.
func (c *Coder) Nested(name string, s Struct) {
	c.enclosed(name, func() { c.Inner(name, s) })
}

func (c *Coder) inside(p place, s Struct) {
	c.path = append(c.path, p)
	s.Fields(c)
	c.path = c.path[:len(c.path)-1]
}

// enclosed goes through fields that stand behind the length of their encoding in bytes, 3 bytes.
func (c *Coder) enclosed(name string, fields func()) {
	if c.err != nil {
		return
	}
	if c.decoding {
		var encoded []byte
		c.Vector(name, &encoded, 0, Most)
		rest := c.b
		c.b = encoded
		fields()
		c.Check(name, len(c.b) == 0, "bytes after its end")
		c.b = rest
		return
	}
	start := len(c.b)
	c.putLength(name, 0, 0, Most)
	fields()
	encoded := c.b[start+lengthSize(Most):]
	c.b = c.b[:start]
	c.putLength(name, len(encoded), 0, Most)
	c.b = c.b[:len(c.b)+len(encoded)]
}

// putLength writes a length in as many bytes as most needs.
func (c *Coder) putLength(name string, n, least, most int) {
	c.checkLength(name, n, least, most)
	for shift := 8 * (lengthSize(most) - 1); shift >= 0; shift -= 8 {
		c.b = append(c.b, byte(n>>shift))
	}
}

// Decoding reports whether the coder reads, for fields whose presence depends on another one.
func (c *Coder) Decoding() bool { return c.decoding }
