// Package spec holds the names that SPEC.md fixes and every part of the project uses.
package spec

// The parameter sets, by their names in SPEC.md 2.4.
const (
	AmbassadorV1 = "ambassador-v1"
	SignalV3     = "signal-v3"
	OlmV1        = "olm-v1"
	Omemo2       = "omemo-2"
)

// ParameterSets returns the names of the parameter sets, in the order of SPEC.md 2.4.
func ParameterSets() []string { return []string{AmbassadorV1, SignalV3, OlmV1, Omemo2} }

// The cadences of the ratchet (SPEC.md 5.3).
const (
	PerTurn    = "per-turn"
	PerMessage = "per-message"
)

// Cadences returns the names of the cadences.
func Cadences() []string { return []string{PerTurn, PerMessage} }
