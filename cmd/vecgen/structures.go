package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
	"credence/vectors"
)

// bounded are the numbers that a rule of SPEC.md 7 to 12 bounds by another field: they keep their values.
var bounded = []string{
	"version", "type", "kind", "status", "first", "last", "first_one_time_prekey_id", "statement.epoch", "sender_epoch",
	"one_time_prekey_id",
}

// numberedStructures are structures all of whose free numbers are at one boundary (AMB-ENC-03). The fields follow from
// the structure.
func (g *group) numberedStructures(s sample) {
	if strings.Contains(s.name, "two") || strings.Contains(s.name, "without") || s.kind == codec.TypeLinkOffer {
		return // the same structure again
	}
	for _, n := range []uint64{0, 1 << 8, 1 << 31, math.MaxUint64} {
		changed, fields := bytes.Clone(s.encoded), 0
		for _, f := range places(s) {
			if n == 0 && !mayBeZero(s, f.Name) || len(f.Value) != 4 && len(f.Value) != 8 || !free(f.Name) {
				continue
			}
			for i := range f.Value { // as much of the number as fits
				changed[f.at+len(f.Value)-1-i] = byte(n >> (8 * i))
			}
			fields++
		}
		if fields == 0 {
			continue
		}
		g.valid(test{
			fmt.Sprintf("%s-numbers-%x", s.name, n), fmt.Sprintf("%d numbers are %#x, or as much of it as fits",
				fields, n),
			nil, []string{"AMB-ENC-03"}, shim.Params{Type: int(s.kind), Message: changed},
		})
	}
}

// last is the name of a field without its path.
func last(name string) string { return name[strings.LastIndex(name, ".")+1:] }

func free(name string) bool {
	for _, b := range bounded {
		if name == b || last(name) == b {
			return false
		}
	}
	return true
}

// mayBeZero are the numbers of which SPEC.md 7.1 says so.
func mayBeZero(s sample, name string) bool {
	switch s.kind {
	case codec.TypeRecord:
		return s.name != "record-list" && (name == "epoch" || last(name) == "seq")
	case codec.TypeCommit, codec.TypeLinkRequest:
		return name == "epoch"
	case codec.TypeMessageEntry:
		return name == "recipient_epoch"
	case codec.TypeMail:
		return name == "position" || name == "number"
	default:
		return false
	}
}

// placed is a field with its offset.
type placed struct {
	codec.Field
	at int
}

// places returns the fields of a structure in their order, with their offsets.
func places(s sample) (all []placed) {
	rest := 0
	for _, f := range fieldsOf(s) {
		i := bytes.Index(s.encoded[rest:], f.Value)
		if len(f.Value) == 0 || i < 0 {
			continue
		}
		all = append(all, placed{f, rest + i})
		rest += i + len(f.Value)
	}
	return all
}

// borders are structures that end where a field ends.
func (g *group) borders(s sample) {
	if strings.Contains(s.name, "two") || strings.Contains(s.name, "without") {
		return
	}
	seen := map[string]bool{}
	for _, f := range places(s) {
		end := f.at + len(f.Value)
		if strings.Contains(f.Name, "[") || seen[f.Name] || end == len(s.encoded) {
			continue
		}
		seen[f.Name] = true
		if codec.Decode(s.encoded[:end], adapter.Structure(s.kind)) == nil {
			panic(s.name + " may end after " + f.Name) // a structure has no optional end
		}
		g.invalid(refusal.Malformed, test{
			fmt.Sprintf("%s-cut-after-%s", s.name, inID.Replace(f.Name)), "nothing after " + f.Name,
			[]string{"Encoding"},
			[]string{"AMB-ENC-02"}, shim.Params{Type: int(s.kind), Message: s.encoded[:end]},
		})
	}
}

// sizedEntries are entries whose message has a size at a boundary.
func (g *group) sizedEntries(s sample) {
	sized := func(size int) []byte {
		e, err := conversation.ParseEntry(s.encoded)
		if err != nil {
			panic(err) // it is genuine
		}
		context := e.Context()
		b := append(bytes.Clone(context), byte(size>>16), byte(size>>8), byte(size))
		return append(b, bytes.Repeat([]byte{7}, size)...)
	}
	for _, size := range []int{0, 1, 57} {
		g.invalid(refusal.Malformed, test{
			fmt.Sprintf("%s-message-%d", s.name, size), fmt.Sprintf("a message of %d bytes", size),
			[]string{"Encoding"},
			[]string{"AMB-ENC-02"}, shim.Params{Type: int(s.kind), Message: sized(size)},
		})
	}
	for _, size := range []int{58, 255, 256} {
		g.valid(test{
			fmt.Sprintf("%s-message-%d", s.name, size), fmt.Sprintf("a message of %d bytes", size), nil,
			[]string{"AMB-ENC-03"}, shim.Params{Type: int(s.kind), Message: sized(size)},
		})
	}
}

// alikeLogs are first heads of accounts that differ in one place, and the head of a long entry.
func alikeLogs(f *vectors.File, entry sample) error {
	g := newGroup(f, "ambassador", account.Set, shim.LogFirst)
	a := secret("account a")
	for _, b := range bitsOf(32) {
		g.valid(test{
			"alike-" + b.String(), "two accounts that differ in one bit", nil, []string{"AMB-LOG-01"},
			shim.Params{Account: a, PeerAccount: b.in(a)},
		})
	}
	if err := g.done(); err != nil {
		return err
	}
	g = newGroup(f, "ambassador", account.Set, shim.LogNext)
	e, err := conversation.ParseEntry(entry.encoded)
	if err != nil {
		return err
	}
	for _, size := range []int{1<<16 - 1, 1 << 16} {
		e.Message = bytes.Repeat([]byte{7}, size)
		g.valid(test{
			fmt.Sprintf("long-%d", size), fmt.Sprintf("an entry with a message of %d bytes", size), nil,
			[]string{"AMB-LOG-02"}, shim.Params{Previous: secret("head"), Message: codec.MustEncode(e)},
		})
	}
	return g.done()
}

// inID makes the name of a field a part of an id.
var inID = strings.NewReplacer("_", "-", ".", "-")
