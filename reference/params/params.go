// Package params is SPEC.md 2.4: the parameter sets. A Set is data; the packages of the other chapters read it.
package params

import (
	"bytes"
	"errors"
	"fmt"

	"credence/reference/primitive"
	"credence/spec/refusal"
)

// SignatureMode is the way in which a set signs (SPEC.md 3).
type SignatureMode int

// The signature modes.
const (
	NoSignature SignatureMode = iota
	Strict
	SignBit
	Ed25519
)

// Start is the way in which the ratchet starts from the agreement (SPEC.md 5.2).
type Start int

// The starts.
const (
	Specification Start = iota
	Whisper
	Olm
)

// PN is the meaning of pn in the header.
type PN int

// The meanings of pn.
const (
	PNLength   PN = iota // the length of the previous sending chain
	PNMinusOne           // max(length - 1, 0)
	PNAbsent             // not sent
)

// Wire is the form of a set's messages and of its associated data (SPEC.md 4.2, 5.6, 6.1).
type Wire int

// The wire forms. A set without one has the first.
const (
	AmbassadorWire Wire = iota
	SignalWire
	OlmWire
	OmemoWire
)

// Set is a parameter set: one column of the table in SPEC.md 2.4.
type Set struct {
	Name      string
	KeyPrefix []byte // before a public key on the wire
	Canonical bool   // non-canonical public keys are refused (AMB-KEY-02)

	AgreementPrefix []byte // F
	AgreementInfo   string
	AgreementSize   int // bytes: 32 (SK) or 64 (RK, CK)

	Signature             SignatureMode
	SignatureLabel        string // before the encoded SPK in the signature input
	OneTimePrekeyRequired bool

	Wire        Wire
	RootInfo    string
	MessageInfo string
	TagSize     int // bytes

	Start        Start
	Lazy         bool // draws a ratchet key when sending; eager: when receiving
	ClosesChains bool
	PN           PN

	MaxSkip        uint64 // largest jump in one chain
	MaxStored      int    // stored skipped keys, a chain or a session
	StoredPerChain bool
	MaxChains      int // receiving chains kept; 0 is no limit
}

// ErrUnknownSet is returned by Lookup.
var ErrUnknownSet = errors.New("unknown parameter set")

var discontinuity = bytes.Repeat([]byte{0xff}, 32)

// Sets gives the parameter sets, in the order of SPEC.md 2.4.
func Sets() []*Set { return []*Set{AmbassadorV1, SignalV3, OlmV1, Omemo2} }

// Lookup finds a set by its name. It returns ErrUnknownSet.
func Lookup(name string) (*Set, error) {
	for _, s := range Sets() {
		if s.Name == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w %q", ErrUnknownSet, name)
}

// The sets.
var (
	AmbassadorV1 = &Set{
		Name: "ambassador-v1", Canonical: true,
		AgreementPrefix: discontinuity, AgreementInfo: "ambassador-v1 X3DH", AgreementSize: 32,
		Signature: Strict, SignatureLabel: "ambassador-v1 signed prekey",
		RootInfo: "ambassador-v1 root", MessageInfo: "ambassador-v1 message", TagSize: 16,
		Start: Specification, Lazy: true, ClosesChains: true, PN: PNLength,
		MaxSkip: 1000, MaxStored: 2000, MaxChains: 5,
	}
	SignalV3 = &Set{
		Name: "signal-v3", KeyPrefix: []byte{0x05},
		AgreementPrefix: discontinuity, AgreementInfo: "WhisperText", AgreementSize: 64,
		Signature: SignBit,
		Wire:      SignalWire, RootInfo: "WhisperRatchet", MessageInfo: "WhisperMessageKeys", TagSize: 8,
		Start: Whisper, PN: PNMinusOne,
		MaxSkip: 2000, MaxStored: 2000, StoredPerChain: true, MaxChains: 5,
	}
	OlmV1 = &Set{
		Name:          "olm-v1",
		AgreementInfo: "OLM_ROOT", AgreementSize: 64,
		Signature: NoSignature, OneTimePrekeyRequired: true,
		Wire: OlmWire, RootInfo: "OLM_RATCHET", MessageInfo: "OLM_KEYS", TagSize: 8,
		Start: Olm, Lazy: true, PN: PNAbsent,
		MaxSkip: 2000, MaxStored: 40, StoredPerChain: true, MaxChains: 5,
	}
	Omemo2 = &Set{
		Name:            "omemo-2",
		AgreementPrefix: discontinuity, AgreementInfo: "OMEMO X3DH", AgreementSize: 32,
		Signature: Ed25519, OneTimePrekeyRequired: true,
		Wire: OmemoWire, RootInfo: "OMEMO Root Chain", MessageInfo: "OMEMO Message Key Material", TagSize: 16,
		Start: Specification, ClosesChains: true, PN: PNLength,
		MaxSkip: 1000, MaxStored: 1000,
	}
)

// Encode gives the wire form of a public key, Enc(P): 32 or 33 bytes.
func (s *Set) Encode(p primitive.PublicKey) []byte { return append(bytes.Clone(s.KeyPrefix), p[:]...) }

// Decode reads the wire form of a public key and checks its form. It returns refusal.Malformed (AMB-KEY-03) or
// refusal.NonCanonicalKey (AMB-KEY-02). A key of low order is refused by primitive.DH.
func (s *Set) Decode(wire []byte) (primitive.PublicKey, error) {
	var p primitive.PublicKey
	raw, ok := bytes.CutPrefix(wire, s.KeyPrefix)
	if !ok || len(raw) != len(p) {
		return p, fmt.Errorf("%w: public key of %d bytes", refusal.Malformed, len(wire))
	}
	copy(p[:], raw)
	if s.Canonical && !p.Canonical() {
		return p, fmt.Errorf("%w: %x", refusal.NonCanonicalKey, raw)
	}
	return p, nil
}
