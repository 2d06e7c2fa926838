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

// IdentityForm is the form of an identity key on the wire (SPEC.md 3.4).
type IdentityForm int

// The forms of identity keys.
const (
	X25519Identity IdentityForm = iota
	Ed25519Identity
)

// ADForm is what the associated data of a session consists of (SPEC.md 4.2).
type ADForm int

// The forms of associated data.
const (
	NoAD       ADForm = iota
	IdentityAD        // the two identity keys
	FullAD            // the name of the set and every key of the agreement
)

// Cipher is the way in which messages are sealed (SPEC.md 2.3).
type Cipher int

// The ciphers.
const (
	ChaCha20Poly1305 Cipher = iota
	AESCBC                  // AES-256-CBC, then HMAC-SHA-256
)

// PN is the meaning of pn in the header.
type PN int

// The meanings of pn.
const (
	PNLength   PN = iota // the length of the previous sending chain
	PNMinusOne           // max(length - 1, 0)
	PNAbsent             // not sent
)

// Wire is the layout of a set's messages (SPEC.md 5.6, 6.1): the order of the fields, their numbers and the version in
// front of them. Which of the fields there are, and in what form, is up to the other properties.
type Wire int

// The wire forms.
const (
	AmbassadorWire Wire = iota
	SignalWire
	OlmWire
	OmemoWire
)

// Set is a parameter set: one column of the table in SPEC.md 2.4. Every property stands for itself; Validate knows
// which values cannot stand together.
type Set struct {
	Name      string
	KeyPrefix []byte // before a public key on the wire
	Canonical bool   // non-canonical public keys are refused (AMB-KEY-02)
	Identity  IdentityForm

	AgreementPrefix []byte // F
	AgreementInfo   string
	AgreementSize   int // bytes: 32 (SK) or 64 (RK, CK)

	SignedPrekey          bool // otherwise the one-time prekey takes its place (SPEC.md 4.1)
	Signature             SignatureMode
	SignatureLabel        string // before the encoded SPK in the signature input
	OneTimePrekeyRequired bool
	OneTimePrekeyByKey    bool // an initial message names the one-time prekey by the key itself; otherwise by its id
	RegistrationID        bool // an initial message carries one

	AssociatedData ADForm
	SenderFirst    bool // in a message the identity key of its sender comes first; otherwise the initiator's

	Wire        Wire
	Cipher      Cipher
	RootInfo    string
	MessageInfo string
	TagSize     int // bytes

	Start        Start
	Lazy         bool // draws a ratchet key when sending; eager: when receiving
	PerMessage   bool // the cadence per-message may be chosen (SPEC.md 5.3)
	ClosesChains bool
	PN           PN

	MaxSkip        uint64 // largest jump in one chain
	MaxStored      int    // stored skipped keys, a chain or a session
	StoredPerChain bool
	MaxChains      int // receiving chains kept; 0 is no limit

	MaxSessions   int // sessions kept with a peer (AMB-SES-13)
	ArchiveChains int // receiving chains opened in others after which an archived session is deleted; 0 is no limit
}

// ErrUnknownSet is returned by Lookup.
var ErrUnknownSet = errors.New("unknown parameter set")

var discontinuity = bytes.Repeat([]byte{0xff}, 32)

// Sets returns the published parameter sets, in the order of SPEC.md 2.4.
func Sets() []*Set { return []*Set{AmbassadorV1, SignalV3, OlmV1, Omemo2} }

// Lookup finds a published set, or one of extra, by its name. It returns ErrUnknownSet.
func Lookup(name string, extra ...*Set) (*Set, error) {
	for _, s := range append(Sets(), extra...) {
		if s.Name == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w %q", ErrUnknownSet, name)
}

// The sets.
var (
	AmbassadorV1 = &Set{
		Name: "ambassador-v1", Canonical: true, Identity: X25519Identity,
		AgreementPrefix: discontinuity, AgreementInfo: "ambassador-v1 X3DH", AgreementSize: 32,
		SignedPrekey: true, Signature: Strict, SignatureLabel: "ambassador-v1 signed prekey",
		AssociatedData: FullAD,
		Wire:           AmbassadorWire, Cipher: ChaCha20Poly1305, TagSize: 16,
		RootInfo: "ambassador-v1 root", MessageInfo: "ambassador-v1 message",
		Start: Specification, Lazy: true, PerMessage: true, ClosesChains: true, PN: PNLength,
		MaxSkip: 1000, MaxStored: 2000, MaxChains: 5,
		MaxSessions: 5, ArchiveChains: 5,
	}
	SignalV3 = &Set{
		Name: "signal-v3", KeyPrefix: []byte{0x05}, Identity: X25519Identity,
		AgreementPrefix: discontinuity, AgreementInfo: "WhisperText", AgreementSize: 64,
		SignedPrekey: true, Signature: SignBit, RegistrationID: true,
		AssociatedData: IdentityAD, SenderFirst: true,
		Wire: SignalWire, Cipher: AESCBC, TagSize: 8,
		RootInfo: "WhisperRatchet", MessageInfo: "WhisperMessageKeys",
		Start: Whisper, PN: PNMinusOne,
		MaxSkip: 2000, MaxStored: 2000, StoredPerChain: true, MaxChains: 5,
		MaxSessions: 41,
	}
	OlmV1 = &Set{
		Name: "olm-v1", Identity: X25519Identity,
		AgreementInfo: "OLM_ROOT", AgreementSize: 64,
		Signature: NoSignature, OneTimePrekeyRequired: true, OneTimePrekeyByKey: true,
		AssociatedData: NoAD,
		Wire:           OlmWire, Cipher: AESCBC, TagSize: 8,
		RootInfo: "OLM_RATCHET", MessageInfo: "OLM_KEYS",
		Start: Olm, Lazy: true, PN: PNAbsent,
		MaxSkip: 2000, MaxStored: 40, StoredPerChain: true, MaxChains: 5,
		MaxSessions: 4,
	}
	Omemo2 = &Set{
		Name: "omemo-2", Identity: Ed25519Identity,
		AgreementPrefix: discontinuity, AgreementInfo: "OMEMO X3DH", AgreementSize: 32,
		SignedPrekey: true, Signature: Ed25519, OneTimePrekeyRequired: true,
		AssociatedData: IdentityAD,
		Wire:           OmemoWire, Cipher: AESCBC, TagSize: 16,
		RootInfo: "OMEMO Root Chain", MessageInfo: "OMEMO Message Key Material",
		Start: Specification, ClosesChains: true, PN: PNLength,
		MaxSkip: 1000, MaxStored: 1000,
		MaxSessions: 5,
	}
)

// KeySize returns the size of Enc(P) in bytes.
func (s *Set) KeySize() int { return len(s.KeyPrefix) + primitive.KeySize }

// IdentitySize returns the size of an identity key on the wire in bytes.
func (s *Set) IdentitySize() int {
	if s.Identity == Ed25519Identity {
		return primitive.KeySize
	}
	return s.KeySize()
}

// Encode returns the wire form of a public key, Enc(P): 32 or 33 bytes.
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
