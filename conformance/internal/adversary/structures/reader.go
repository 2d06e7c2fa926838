// Package structures reads what devices of the Ambassador protocol hand to the post office, to each other and get from
// it, as far as the oracle needs it: SPEC.md 7 to 12, in the encoding of 7.1. It was written from that text and uses
// nothing of the reference. It refuses what it cannot take apart; whether what stands in a structure keeps the rules of
// the structure is for others to judge.
package structures

import (
	"errors"
	"fmt"
)

// Key is an opaque[32]: a public key, or the account or the device that it names.
type Key = [32]byte

// ErrForm is returned for bytes that are no such structure.
var ErrForm = errors.New("not the structure of SPEC.md")

// Reader reads one field after the other. Behind the end it reads zeros, and Err says so.
type Reader struct {
	rest []byte
	err  error
}

// Open returns a reader of a structure behind its version and type.
func Open(b []byte, kind uint8) *Reader {
	r := &Reader{rest: b}
	r.start(kind)
	return r
}

func (r *Reader) start(kind uint8) {
	if version, is := r.Number(1), r.Number(1); version != 1 || is != uint64(kind) {
		r.fail(fmt.Sprintf("version %d and type %d, not 1 and %d", version, is, kind))
	}
}

func (r *Reader) fail(reason string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrForm, reason)
	}
}

// Err returns what was wrong so far.
func (r *Reader) Err() error { return r.err }

// End returns what was wrong, or that something is left.
func (r *Reader) End() error {
	if len(r.rest) > 0 {
		r.fail(fmt.Sprintf("%d bytes too many", len(r.rest)))
	}
	return r.err
}

// Bytes reads n bytes.
func (r *Reader) Bytes(n int) []byte {
	if n > len(r.rest) {
		r.fail("cut off")
		r.rest = nil
		return make([]byte, n)
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// Rest reads all that is left.
func (r *Reader) Rest() []byte { return r.Bytes(len(r.rest)) }

// Number reads a number of so many bytes.
func (r *Reader) Number(size int) (n uint64) {
	for _, b := range r.Bytes(size) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (r *Reader) id() uint32 { return uint32(r.Number(4)) }

func (r *Reader) key() Key { return Key(r.Bytes(len(Key{}))) }

// signature passes over one: nobody here believes or doubts it.
func (r *Reader) signature() { r.Bytes(64) }

// vector reads bytes behind their length, which all vectors that are read here have in 3 bytes.
func (r *Reader) vector() []byte {
	n := int(r.Number(3))
	if n > len(r.rest) {
		r.fail("a vector is cut off")
		return nil
	}
	return r.Bytes(n)
}

// list reads the items of a vector.
func list[T any](r *Reader, item func(r *Reader) T) (all []T) {
	inner := &Reader{rest: r.vector()}
	for len(inner.rest) > 0 && inner.err == nil {
		all = append(all, item(inner))
	}
	if inner.err != nil {
		r.fail(inner.err.Error())
	}
	return all
}
