// Package active says inside a build with mutants which of them is switched on. The instrumented files of the reference
// import it; nothing else does.
package active

import (
	"os"
	"reflect"
	"slices"
	"strconv"
)

// Environment variables of an instrumented build.
const (
	Mutant = "CREDENCE_MUTANT" // the number of the mutant that is switched on
	Role   = "CREDENCE_ROLE"   // the role in which it is; "" is every role
	Reach  = "CREDENCE_REACH"  // a file with one byte for each site, which becomes 1 when the site is reached
)

var (
	mutant = number(os.Getenv(Mutant))
	role   = os.Getenv(Role)
	now    string // the role of the device that works
	reach  = mapped(os.Getenv(Reach))
)

// At returns the number of the mutant that is switched on, or 0, and notes that the site was reached.
func At(site int) int {
	if reach != nil {
		reach[site] = 1
	}
	if role != "" && role != now {
		return 0
	}
	return mutant
}

// None reports whether none of some mutants is switched on, and notes that the site was reached.
func None(site int, mutants ...int) bool { return !slices.Contains(mutants, At(site)) }

// As says that a device of a role works until the function that it returns is called.
func As(r string) func() {
	before := now
	now = r
	return func() { now = before }
}

// Bytes compares all of two byte strings or arrays but one part, which names what a careless comparison leaves out.
func Bytes[T any](a, b T, part string) bool {
	x, y := bytesOf(a), bytesOf(b)
	if len(x) != len(y) || len(x) == 0 {
		return len(x) == len(y)
	}
	last := len(x) - 1
	switch part {
	case "the first byte":
		x, y = x[1:], y[1:]
	case "the last byte":
		x, y = x[:last], y[:last]
	case "the last bit":
		x[last], y[last] = x[last]&0x7f, y[last]&0x7f
	case "all but the first byte":
		x, y = x[:1], y[:1]
	}
	return string(x) == string(y)
}

// bytesOf returns a copy of the bytes of a string, slice or array of bytes.
func bytesOf(v any) []byte {
	r := reflect.ValueOf(v)
	b := make([]byte, r.Len())
	for i := range b {
		b[i] = byte(r.Index(i).Uint())
	}
	return b
}

func number(text string) int {
	n, _ := strconv.Atoi(text) // no number is no mutant
	return n
}
