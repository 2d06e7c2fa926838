package wire

import (
	"fmt"

	"credence/reference/params"
)

// Initial is an initial message (SPEC.md 6.1). Keys are in the wire form of the set and not yet checked.
type Initial struct {
	Identity        []byte // IK_A
	Ephemeral       []byte // EK_A
	SignedPrekeyID  uint32
	OneTimePrekeyID uint32 // 0 is none
	OneTimePrekey   []byte // Olm names the one-time key by itself
	RegistrationID  uint32 // Signal
	Message         []byte // a ratchet message
}

// EncodeInitial gives the bytes of an initial message (AMB-SES-02).
func EncodeInitial(set *params.Set, m Initial) []byte {
	switch set.Wire {
	case params.SignalWire:
		return encodeSignalInitial(m)
	case params.OlmWire:
		return encodeOlmInitial(m)
	case params.OmemoWire:
		return encodeOmemoInitial(m)
	default:
		return encodeAmbassadorInitial(m)
	}
}

// ParseInitial reads an initial message. It returns refusal.Malformed (AMB-SES-04).
func ParseInitial(set *params.Set, message []byte) (Initial, error) {
	parse := parseAmbassadorInitial
	switch set.Wire {
	case params.SignalWire:
		parse = parseSignalInitial
	case params.OlmWire:
		parse = parseOlmInitial
	case params.OmemoWire:
		parse = parseOmemoInitial
	}
	m, err := parse(message)
	if err != nil {
		return m, fmt.Errorf("initial message: %w", err)
	}
	return m, nil
}
