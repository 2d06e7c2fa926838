// Package exported looks for secrets in the exported state of a party or of a device.
package exported

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"unicode/utf8"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
)

// NeedsSearchable skips a test that would prove nothing: the state shows none of the secrets that it must hold, so that
// it is encrypted, or in a form that is not known here.
func NeedsSearchable(t *suite.T, state []byte, held ...[]byte) {
	if !slices.ContainsFunc(held, func(secret []byte) bool { return Holds(state, secret) }) {
		t.Skip("the target does not offer an export that can be searched: it hides even keys that it must hold")
	}
}

// MustNotHold stops the test if the state holds a secret that must be deleted. what names the secrets.
func MustNotHold(t *suite.T, what string, state []byte, secrets ...[]byte) {
	for _, secret := range secrets {
		if Holds(state, secret) {
			t.Violation(verdict.Mismatch, what+" is still in the exported state", "deleted", hex.EncodeToString(secret))
		}
	}
}

// Holds reports whether a state holds a secret, in an encoding or in an encoding of an encoding (hexadecimal in JSON
// in base64, say).
func Holds(state, secret []byte) bool {
	for _, outer := range encodings(secret) {
		if bytes.Contains(state, outer) || bytes.Contains(state, []byte(hex.EncodeToString(outer))) {
			return true
		}
		for _, inner := range base64Encodings(outer) {
			if bytes.Contains(state, inner) {
				return true
			}
		}
	}
	return false
}

// encodings returns the forms in which a secret may stand in an export.
func encodings(secret []byte) [][]byte {
	text := []byte(hex.EncodeToString(secret))
	e := [][]byte{secret, text, bytes.ToUpper(text), jsonLatin1(secret, false), jsonLatin1(secret, true)}
	return append(e, base64Encodings(secret)...)
}

// base64Encodings returns what is the same in every base64 text of a longer string that holds the secret, for each
// place at which it can stand there and for both alphabets.
func base64Encodings(secret []byte) (e [][]byte) {
	for shift := range 3 {
		padded := append(make([]byte, shift), secret...)
		start, end := (shift*8+5)/6, len(padded)*8/6
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			e = append(e, []byte(alphabet.EncodeToString(padded)[start:end]))
		}
	}
	return e
}

// jsonLatin1 returns bytes as a JSON text in which each stands for the character of its number, as libraries write them
// that have no other form for bytes: in ASCII only, or with the characters above it as they are.
func jsonLatin1(b []byte, ascii bool) []byte {
	short := map[byte]string{
		'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`,
	}
	var out []byte
	for _, c := range b {
		switch {
		case short[c] != "":
			out = append(out, short[c]...)
		case c < 0x20 || ascii && c > 0x7e:
			out = fmt.Appendf(out, `\u%04x`, c)
		default:
			out = utf8.AppendRune(out, rune(c))
		}
	}
	return out
}
