package ratchet

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/spec/refusal"
)

// Marshal returns the canonical state (SPEC.md 5.7). It holds secrets.
func (s *State) Marshal() []byte {
	var b cryptobyte.Builder
	addVec8(&b, []byte(s.Set.Name))
	b.AddUint8(uint8(s.Role))
	b.AddUint8(uint8(s.Cadence))
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s.AD) })
	b.AddBytes(s.RK)
	addVec8(&b, privateBytes(s.DHs))
	if s.DHr == nil {
		addVec8(&b, nil)
	} else {
		addVec8(&b, s.DHr[:])
	}
	addVec8(&b, s.CKs)
	b.AddUint64(s.Ns)
	b.AddUint64(s.PN)
	b.AddUint16(uint16(len(s.Chains)))
	for _, c := range s.Chains {
		c.marshal(&b)
	}
	return b.BytesOrPanic() // every length is bounded by the set
}

func (c *Chain) marshal(b *cryptobyte.Builder) {
	b.AddBytes(c.DH[:])
	addVec8(b, c.CK)
	b.AddUint64(c.N)
	b.AddUint16(uint16(len(c.Skipped)))
	for _, k := range c.Skipped {
		b.AddUint64(k.N)
		b.AddBytes(k.MK)
	}
}

func addVec8(b *cryptobyte.Builder, v []byte) {
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(v) })
}

func privateBytes(k *ecdh.PrivateKey) []byte {
	if k == nil {
		return nil
	}
	return k.Bytes()
}

// Digest returns the state digest (SPEC.md 5.7), 32 bytes.
func (s *State) Digest() []byte {
	d := sha256.Sum256(s.Marshal())
	return d[:]
}

// Unmarshal reads a canonical state of a published set or of one of extra. It returns refusal.Malformed for bytes that
// Marshal would not have written (AMB-STA-03).
func Unmarshal(encoded []byte, extra ...*params.Set) (*State, error) {
	d := decoder{String: bytes.Clone(encoded), extra: extra}
	s := d.state()
	if d.failed || len(d.String) != 0 || !bytes.Equal(s.Marshal(), encoded) {
		return nil, fmt.Errorf("%w: ratchet state", refusal.Malformed)
	}
	return s, nil
}

// decoder reads a canonical state and remembers whether anything failed.
type decoder struct {
	cryptobyte.String
	extra  []*params.Set
	failed bool
}

func (d *decoder) must(ok bool) {
	if !ok {
		d.failed = true
	}
}

func (d *decoder) state() *State {
	s := &State{Set: d.set(), Role: Role(d.u8()), Cadence: Cadence(d.u8())}
	d.must(s.Role == Initiator || s.Role == Responder)
	d.must(s.Cadence == PerTurn || s.Cadence == PerMessage)
	var ad cryptobyte.String
	d.must(d.ReadUint16LengthPrefixed(&ad))
	s.AD = ad
	s.RK = d.key()
	if k := d.optionalKey(); k != nil {
		var err error
		s.DHs, err = ecdh.X25519().NewPrivateKey(k)
		d.must(err == nil)
	}
	if k := d.optionalKey(); k != nil {
		s.DHr = (*primitive.PublicKey)(k)
	}
	s.CKs = d.optionalKey()
	s.Ns, s.PN = d.u64(), d.u64()
	for n := d.u16(); n > 0 && !d.failed; n-- {
		s.Chains = append(s.Chains, d.chain())
	}
	d.must(s.CKs == nil || s.DHs != nil)
	return s
}

func (d *decoder) set() *params.Set {
	var name cryptobyte.String
	d.must(d.ReadUint8LengthPrefixed(&name))
	set, err := params.Lookup(string(name), d.extra...)
	d.must(err == nil)
	return set
}

func (d *decoder) chain() Chain {
	c := Chain{DH: primitive.PublicKey(d.key()), CK: d.optionalKey(), N: d.u64()}
	for n := d.u16(); n > 0 && !d.failed; n-- {
		c.Skipped = append(c.Skipped, SkippedKey{N: d.u64(), MK: d.key()})
	}
	return c
}

func (d *decoder) u8() (v uint8)   { d.must(d.ReadUint8(&v)); return v }
func (d *decoder) u16() (v uint16) { d.must(d.ReadUint16(&v)); return v }
func (d *decoder) u64() (v uint64) { d.must(d.ReadUint64(&v)); return v }

// key reads 32 bytes; it gives 32 bytes on failure too.
func (d *decoder) key() []byte {
	k := make([]byte, primitive.KeySize)
	d.must(d.CopyBytes(k))
	return k
}

// optionalKey reads vec8 of 32 bytes or of none.
func (d *decoder) optionalKey() []byte {
	var k cryptobyte.String
	d.must(d.ReadUint8LengthPrefixed(&k) && (len(k) == 0 || len(k) == primitive.KeySize))
	if len(k) != primitive.KeySize {
		return nil
	}
	return k
}
