package adversary

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
)

const windowSize = 32

// window is a candidate for a key: 32 bytes that stand somewhere in a copy.
type window [windowSize]byte

// texts are the runs in which bytes stand as text: hexadecimal, and base64 of either alphabet.
var texts = []struct {
	run    *regexp.Regexp
	decode func(string) []byte
}{
	{regexp.MustCompile(`[0-9a-fA-F]{64,}`), func(s string) []byte { return decoded(hex.DecodeString(s[:len(s)&^1])) }},
	{regexp.MustCompile(`[0-9A-Za-z+/]{43,}`),
		func(s string) []byte { return decoded(base64.RawStdEncoding.DecodeString(s[:whole(s)])) }},
	{regexp.MustCompile(`[0-9A-Za-z_-]{43,}`),
		func(s string) []byte { return decoded(base64.RawURLEncoding.DecodeString(s[:whole(s)])) }},
}

// whole cuts off a last character that alone gives no byte.
func whole(s string) int {
	if len(s)%4 == 1 {
		return len(s) - 1
	}
	return len(s)
}

func decoded(b []byte, err error) []byte {
	if err != nil {
		return nil
	}
	return b
}

// maxDepth bounds how often texts within texts are decoded.
const maxDepth = 5

// windows returns every candidate in b, each once: every 32 bytes in a row, also of what b has as text. Windows that
// are text, or have too few different bytes to be a key, are left out.
func windows(b []byte) []window {
	seen := map[window]bool{}
	var all []window
	collect(b, 0, func(w window) {
		if !seen[w] && w.maybeKey() {
			seen[w] = true
			all = append(all, w)
		}
	})
	return all
}

func collect(b []byte, depth int, add func(window)) {
	for i := 0; i+windowSize <= len(b); i++ {
		add(window(b[i : i+windowSize]))
	}
	if depth == maxDepth {
		return
	}
	for _, t := range texts {
		for _, run := range t.run.FindAll(b, -1) {
			if raw := t.decode(string(run)); raw != nil {
				collect(raw, depth+1, add)
			}
		}
	}
}

// maybeKey is true of a random value, but for one in 10^12.
func (w window) maybeKey() bool {
	var seen [256]bool
	different, binary := 0, false
	for _, b := range w {
		if !seen[b] {
			seen[b] = true
			different++
		}
		binary = binary || b < ' ' || b > '~'
	}
	return binary && different >= 16
}
