package wire

import (
	"fmt"

	"credence/reference/params"
)

// Initial is an initial message (SPEC.md 6.1). Keys are in the wire form of the set and not yet checked. What a set
// does not carry is not written, and is zero in what was read.
type Initial struct {
	Identity        []byte // IK_A
	Ephemeral       []byte // EK_A
	SignedPrekeyID  uint32
	OneTimePrekeyID uint32 // 0 is none
	OneTimePrekey   []byte // in the sets that name it by the key
	RegistrationID  uint32
	Message         []byte // a ratchet message
}

func (m *Initial) fields(set *params.Set) []field {
	return layouts[set.Wire].initial.of(func(name string) (field, bool) {
		switch name {
		case identityField:
			return field{bytes: &m.Identity, size: set.IdentitySize()}, true
		case ephemeralField:
			return field{bytes: &m.Ephemeral, size: set.KeySize()}, true
		case signedPrekeyField:
			return field{number: &m.SignedPrekeyID}, set.SignedPrekey
		case oneTimePrekeyField:
			return m.oneTimePrekey(set), true
		case registrationField: // nothing depends on it
			return field{number: &m.RegistrationID, mayMiss: true}, set.RegistrationID
		default:
			return field{bytes: &m.Message}, true
		}
	})
}

func (m *Initial) oneTimePrekey(set *params.Set) field {
	optional := !set.OneTimePrekeyRequired
	if set.OneTimePrekeyByKey {
		return field{bytes: &m.OneTimePrekey, size: set.KeySize(), mayMiss: optional, bracketed: optional}
	}
	return field{number: &m.OneTimePrekeyID, mayMiss: optional, bracketed: optional}
}

// EncodeInitial returns the bytes of an initial message (AMB-SES-02).
func EncodeInitial(set *params.Set, m Initial) []byte {
	l := layouts[set.Wire]
	return l.write(l.initial.start, m.fields(set))
}

// ParseInitial reads an initial message. It returns refusal.Malformed (AMB-SES-04).
func ParseInitial(set *params.Set, message []byte) (m Initial, err error) {
	l := layouts[set.Wire]
	if err := l.read(message, l.initial.start, m.fields(set)); err != nil {
		return m, fmt.Errorf("initial message: %w", err)
	}
	return m, nil
}
