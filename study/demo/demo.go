// Package demo tells the story behind `credence demo`: a conversation between Alice and Bob, who have several
// devices, in one of the designs of package design. After each step it prints what the devices have read, what each
// user has learned about the other, what the post office has carried, and what the step cost.
package demo

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"strings"

	"credence/study/design"
)

// ErrUnknownDesign is returned by Tell.
var ErrUnknownDesign = errors.New("unknown design")

// Designs returns the names of the designs that have a story.
func Designs() []string { return []string{"single", "leader", "multiplication", "ambassador"} }

// Tell writes the story of a design to w. All randomness follows from the seed. It returns ErrUnknownDesign, the
// error of the step at which the story broke off, or the error of w.
func Tell(w io.Writer, name string, seed uint64) error {
	if !slices.Contains(Designs(), name) {
		return fmt.Errorf("%w %q (there are %s)", ErrUnknownDesign, name, strings.Join(Designs(), ", "))
	}
	out := bufio.NewWriter(w)
	t := &teller{out: out, told: map[design.Device]int{}, seen: map[string]string{}}
	return errors.Join(t.story(name, random(seed)), out.Flush())
}

func random(seed uint64) io.Reader {
	return mathrand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64([]byte("demo"), seed)))
}
