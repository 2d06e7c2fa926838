package adversary

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"filippo.io/edwards25519"
)

// PublicKey is an X25519 public key, or what it names.
type PublicKey = [32]byte

// Set is what oracle and attacker know of a parameter set: the rows of SPEC.md 2.4 but for signatures, which neither
// of them makes or verifies.
type Set struct {
	Name            string
	KeyPrefix       []byte // of Enc(P), before P
	Canonical       bool   // non-canonical public keys are refused
	Ed25519Identity bool   // the identity key on the wire is an Ed25519 point

	AgreementPrefix       []byte // F
	AgreementInfo         string
	AgreementSize         int // in bytes
	SignedPrekey          bool
	OneTimePrekeyRequired bool
	OneTimePrekeyByKey    bool // an initial message names it by the key itself
	RegistrationID        bool
	AD                    AD
	SenderFirst           bool

	RootInfo, MessageInfo string
	Start                 StartForm
	Lazy                  bool
	ClosesChains          bool
	SendsPN               bool

	MaxSkip        uint64
	MaxStored      int // skipped keys: a chain, or a session
	StoredPerChain bool
	MaxChains      int // 0 is no limit
	MaxSessions    int // with a peer
	ArchiveChains  int // 0 is no limit

	Cipher  Cipher
	TagSize int // in bytes
	Wire    Wire
}

// AD says what the associated data of a session is (SPEC.md 4.2).
type AD int

// The associated data.
const (
	NoAD AD = iota
	IdentityAD
	FullAD
)

// StartForm is a start of the ratchet (SPEC.md 5.2).
type StartForm int

// The starts.
const (
	SpecificationStart StartForm = iota
	WhisperStart
	OlmStart
)

// Cipher says how messages are sealed (SPEC.md 2.3).
type Cipher int

// The ciphers.
const (
	ChaCha20Poly1305 Cipher = iota
	AESCBC
)

// Wire is a wire form (SPEC.md 5.6, 6.1).
type Wire int

// The wire forms.
const (
	AmbassadorWire Wire = iota
	SignalWire
	OlmWire
	OmemoWire
)

var ones = bytes.Repeat([]byte{0xff}, 32)

// AmbassadorV1 is the set of conversations and channels (SPEC.md 7).
var AmbassadorV1 = &Set{
	Name: "ambassador-v1", Canonical: true,
	AgreementPrefix: ones, AgreementInfo: "ambassador-v1 X3DH", AgreementSize: 32, SignedPrekey: true, AD: FullAD,
	RootInfo: "ambassador-v1 root", MessageInfo: "ambassador-v1 message",
	Start: SpecificationStart, Lazy: true, ClosesChains: true, SendsPN: true,
	MaxSkip: 1000, MaxStored: 2000, MaxChains: 5, MaxSessions: 5, ArchiveChains: 5,
	Cipher: ChaCha20Poly1305, TagSize: 16, Wire: AmbassadorWire,
}

// published are the columns of SPEC.md 2.4.
var published = []*Set{
	AmbassadorV1,
	{
		Name: "signal-v3", KeyPrefix: []byte{5},
		AgreementPrefix: ones, AgreementInfo: "WhisperText", AgreementSize: 64, SignedPrekey: true,
		RegistrationID: true, AD: IdentityAD, SenderFirst: true,
		RootInfo: "WhisperRatchet", MessageInfo: "WhisperMessageKeys", Start: WhisperStart, SendsPN: true,
		MaxSkip: 2000, MaxStored: 2000, StoredPerChain: true, MaxChains: 5, MaxSessions: 41,
		Cipher: AESCBC, TagSize: 8, Wire: SignalWire,
	},
	{
		Name:          "olm-v1",
		AgreementInfo: "OLM_ROOT", AgreementSize: 64, OneTimePrekeyRequired: true, OneTimePrekeyByKey: true, AD: NoAD,
		RootInfo: "OLM_RATCHET", MessageInfo: "OLM_KEYS", Start: OlmStart, Lazy: true,
		MaxSkip: 2000, MaxStored: 40, StoredPerChain: true, MaxChains: 5, MaxSessions: 4,
		Cipher: AESCBC, TagSize: 8, Wire: OlmWire,
	},
	{
		Name: "omemo-2", Ed25519Identity: true,
		AgreementPrefix: ones, AgreementInfo: "OMEMO X3DH", AgreementSize: 32, SignedPrekey: true,
		OneTimePrekeyRequired: true, AD: IdentityAD,
		RootInfo: "OMEMO Root Chain", MessageInfo: "OMEMO Message Key Material",
		Start: SpecificationStart, ClosesChains: true, SendsPN: true,
		MaxSkip: 1000, MaxStored: 1000, MaxSessions: 5,
		Cipher: AESCBC, TagSize: 16, Wire: OmemoWire,
	},
}

// Published returns the published set of a name, or nil.
func Published(name string) *Set {
	i := slices.IndexFunc(published, func(s *Set) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return published[i]
}

// ErrForm is returned for bytes that SPEC.md does not let stand where they stand.
var ErrForm = errors.New("not in the form of SPEC.md")

// Decode undoes Enc(P) and refuses what the set does not allow (SPEC.md 2.1).
func (s *Set) Decode(encoded []byte) (PublicKey, error) {
	p, ok := bytes.CutPrefix(encoded, s.KeyPrefix)
	switch {
	case !ok || len(p) != len(PublicKey{}):
		return PublicKey{}, fmt.Errorf("%w: public key %x", ErrForm, encoded)
	case s.Canonical && !canonical(PublicKey(p)):
		return PublicKey{}, fmt.Errorf("%w: public key %x is not canonical", ErrForm, encoded)
	}
	return PublicKey(p), nil
}

// canonical reports whether p is below 2^255 - 19.
func canonical(p PublicKey) bool {
	top := p[31] == 0x7f
	for _, b := range p[1:31] {
		top = top && b == 0xff
	}
	return p[31] < 0x7f || p[31] == 0x7f && !(top && p[0] >= 0xed)
}

// DecodeIdentity returns the X25519 key of an identity key on the wire (SPEC.md 3.4).
func (s *Set) DecodeIdentity(encoded []byte) (PublicKey, error) {
	if !s.Ed25519Identity {
		return s.Decode(encoded)
	}
	point, err := new(edwards25519.Point).SetBytes(encoded)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: identity key %x is no point", ErrForm, encoded)
	}
	u := PublicKey(point.BytesMontgomery())
	if agreed := exchange(privateKey(PublicKey{}), u); agreed == nil {
		return u, fmt.Errorf("%w: identity key %x is of low order", ErrForm, encoded)
	}
	return u, nil
}

// StartKey returns the responder's key from which the ratchet starts: the signed prekey, or the one-time prekey in its
// place.
func (s *Set) StartKey(signedPrekey, oneTimePrekey []byte) (PublicKey, error) {
	if s.SignedPrekey {
		return s.Decode(signedPrekey)
	}
	return s.Decode(oneTimePrekey)
}

// identitySize is the size of an identity key on the wire.
func (s *Set) identitySize() int {
	if s.Ed25519Identity {
		return 32
	}
	return s.keySize()
}

// keySize is the size of Enc(P).
func (s *Set) keySize() int { return len(s.KeyPrefix) + len(PublicKey{}) }

// AssociatedData is AD of SPEC.md 4.2, of keys as they stand on the wire; nil is a key that there is not.
func (s *Set) AssociatedData(ika, ikb, eka, spk, opk []byte) []byte {
	switch s.AD {
	case IdentityAD:
		return slices.Concat(ika, ikb)
	case FullAD:
		return slices.Concat([]byte(s.Name), ika, ikb, eka, spk, opk)
	}
	return nil
}
