package scenario

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
)

// Change says how a forged part differs from the genuine one. It is a word and its argument:
//
//	flip N       bit N, from the lowest of the last byte on, counted round and round
//	cut N        N bytes less at the end, counted round and round
//	extend HEX   bytes more at the end
//	set HEX      other bytes in its place
//	from a2      that part of another message
//
// No change at all is "flip 0".
type Change string

// Apply returns the changed value of a part. other gives the same part of another message. It is not ok for a change
// that cannot be made, or that leaves the value as it is.
func (c Change) Apply(value []byte, other func(message string) ([]byte, bool)) (changed []byte, ok bool) {
	word, argument, _ := strings.Cut(string(c), " ")
	switch word {
	case "":
		return flip(value, 0)
	case "flip":
		n, err := strconv.Atoi(argument)
		if err != nil || n < 0 {
			return nil, false
		}
		return flip(value, n)
	case "cut":
		n, err := strconv.Atoi(argument)
		if err != nil || n < 1 || len(value) == 0 {
			return nil, false
		}
		return bytes.Clone(value[:len(value)-1-(n-1)%len(value)]), true
	case "extend", "set":
		b, err := hex.DecodeString(argument)
		if word == "extend" {
			b = append(bytes.Clone(value), b...)
		}
		return b, err == nil && !bytes.Equal(b, value)
	case "from":
		b, found := other(argument)
		return b, found && !bytes.Equal(b, value)
	}
	return nil, false
}

func flip(value []byte, n int) ([]byte, bool) {
	if len(value) == 0 {
		return nil, false
	}
	b := bytes.Clone(value)
	n %= 8 * len(b)
	b[len(b)-1-n/8] ^= 1 << (n % 8)
	return b, true
}
