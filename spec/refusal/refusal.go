// Package refusal is SPEC.md 1.2: the closed set of classes with which input is refused.
//
// A Class is an error. Packages wrap it with what was wrong, and callers ask with errors.Is:
//
//	if errors.Is(err, refusal.Duplicate) { ... }
package refusal

import (
	"errors"
	"slices"
)

// Class is the reason of a refusal.
type Class string

// Error returns the name of the class.
func (c Class) Error() string { return string(c) }

// The classes, with their meaning in SPEC.md 1.2.
const (
	Malformed        Class = "malformed"
	LowOrderKey      Class = "low-order-key"
	NonCanonicalKey  Class = "non-canonical-key"
	BadSignature     Class = "bad-signature"
	IncompleteBundle Class = "incomplete-bundle"
	UnknownPrekey    Class = "unknown-prekey"
	Replay           Class = "replay"
	Authentication   Class = "authentication"
	Duplicate        Class = "duplicate"
	SkipLimit        Class = "skip-limit"
	NotReady         Class = "not-ready"
	Exhausted        Class = "exhausted"
	NotAllowed       Class = "not-allowed"
	Conflict         Class = "conflict"
	StaleEpoch       Class = "stale-epoch"
	WrongDevices     Class = "wrong-devices"
	Frozen           Class = "frozen"
)

// Classes lists every class, in the order of SPEC.md 1.2.
func Classes() []Class {
	return []Class{
		Malformed, LowOrderKey, NonCanonicalKey, BadSignature, IncompleteBundle, UnknownPrekey,
		Replay, Authentication, Duplicate, SkipLimit, NotReady, Exhausted,
		NotAllowed, Conflict, StaleEpoch, WrongDevices, Frozen,
	}
}

// families are the sets of classes of SPEC.md 1.2 that may stand for one another.
func families() [][]Class {
	return [][]Class{
		{Malformed, Authentication, Duplicate, SkipLimit, NotReady, UnknownPrekey, Replay},
		{Malformed, LowOrderKey, NonCanonicalKey},
		{Malformed, BadSignature},
		{Malformed, IncompleteBundle},
		{Exhausted},
		{Malformed, Authentication, Duplicate, NotReady, NotAllowed, Conflict, StaleEpoch, WrongDevices, Frozen},
	}
}

// SameFamily reports whether one class may stand for the other (SPEC.md 1.2).
func SameFamily(a, b Class) bool {
	return slices.ContainsFunc(families(), func(family []Class) bool {
		return slices.Contains(family, a) && slices.Contains(family, b)
	})
}

// Of returns the class that err wraps, or "" if there is none.
func Of(err error) Class {
	var c Class
	if errors.As(err, &c) {
		return c
	}
	return ""
}
