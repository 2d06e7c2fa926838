package shim

import (
	"credence/spec"
	"credence/spec/refusal"
)

// Kind is the form of a value in JSON.
type Kind string

// The kinds. A byte string is a string in lower-case hexadecimal.
const (
	ByteString Kind = "bytes"
	Text       Kind = "text"
	Enum       Kind = "enum"
	Integer    Kind = "integer"
	Boolean    Kind = "boolean"
	Array      Kind = "array"
	Object     Kind = "object"
)

// Type is the type of a field.
type Type struct {
	Name     string // under which the schema defines it; a type without one is written out where it is used
	Kind     Kind
	Note     string   // for people
	Sizes    []int    // of a byte string, in bytes; none is any size
	Prefixed bool     // the byte string may also stand behind the type byte 0x05 (SPEC.md 2.4)
	NonEmpty bool     // of a text
	Values   []string // of an enum
	Min, Max *uint64  // of an integer; nil is no bound
	Items    *Type    // of an array
	Unique   bool     // no item of the array stands twice
	Members  []Member // of an object
}

// Member is a member of a JSON object: a parameter, a field of a result, or a field of an object inside of these.
type Member struct {
	Name       string
	Type       Type
	Optional   bool   // may be absent
	MayBeEmpty bool   // a byte string that is sent if it is empty, too
	Secret     bool   // to be kept out of logs
	Random     bool   // a value to use in the place of fresh randomness
	Role       string // the only role whose randomness it is; the other one needs it. "" is every role
}

func (m Member) optional() Member { m.Optional = true; return m }
func (m Member) orEmpty() Member  { m.MayBeEmpty = true; return m }
func (m Member) random() Member   { m.Optional, m.Random = true, true; return m }

// randomOf is random in one role only.
func (m Member) randomOf(role string) Member { m = m.random(); m.Role = role; return m }

func (m Member) of(t Type) Member   { m.Type = t; return m }
func (m Member) as(n string) Member { m.Name = n; return m }

func public(name string, t Type) Member { return Member{Name: name, Type: t} }
func secret(name string, t Type) Member { return Member{Name: name, Type: t, Secret: true} }

func octets(sizes ...int) Type      { return Type{Kind: ByteString, Sizes: sizes} }
func oneOf(values ...string) Type   { return Type{Kind: Enum, Values: values} }
func arrayOf(t Type) Type           { return Type{Kind: Array, Items: &t} }
func atLeast(low uint64) Type       { return Type{Kind: Integer, Min: &low} }
func between(low, high uint64) Type { return Type{Kind: Integer, Min: &low, Max: &high} }
func object(members ...Member) Type { return Type{Kind: Object, Members: members} }
func (t Type) named(n string) Type  { t.Name = n; return t }
func (t Type) noted(s string) Type  { t.Note = s; return t }
func (t Type) withoutRepeats() Type { t.Unique = true; return t }
func textsOf(values []Class) []string {
	var texts []string
	for _, v := range values {
		texts = append(texts, string(v))
	}
	return texts
}

// The types that the schema defines by name.
var (
	hexType       = octets().named("hex").noted("bytes, lower-case hexadecimal")
	keyType       = octets(32).named("key").noted("32 bytes")
	publicKeyType = Type{
		Name: "public_key", Kind: ByteString, Sizes: []int{32}, Prefixed: true,
		Note: "32 bytes, or 33 with 0x05 in signal-v3",
	}
	signatureType = octets(64).named("signature").noted("64 bytes")
	idType        = uint32Type.named("id32")
	envelopeType  = object(
		public("kind", oneOf(string(InitialMessage), string(RatchetMessage))),
		public("body", hexType),
	).named("envelope")
	bundleType = object(
		public("identity", hexType).optional(),
		public("signed_prekey", hexType).optional(),
		public("signed_prekey_id", idType).optional(),
		public("signature", hexType).optional(),
		public("one_time_prekey", hexType).optional(),
		public("one_time_prekey_id", idType).optional(),
		public("registration_id", idType).optional(),
	).named("bundle")
	fieldType = object(public("name", nameType), public("value", hexType)).named("field")
	eventType = object(
		public("kind", oneOf(
			"message", "sent", "accepted", "void", "parked", "frozen", "refused", "record", "rotated", "dropped",
			"answer", "undelivered",
		)),
		public("account", keyType).optional(),
		public("seq", countType).optional(),
		public("last", countType).optional(),
		public("device", keyType).optional(),
		public("plaintext", hexType).optional(),
		public("class", ClassType).optional(),
	).named("event")
)

// ClassType is the type of a class of refusals.
var ClassType = oneOf(textsOf(refusal.Classes())...)

// The other types.
var (
	anyText       = Type{Kind: Text}
	nameType      = Type{Kind: Text, NonEmpty: true}
	anyInteger    = Type{Kind: Integer}
	countType     = atLeast(0)
	uint32Type    = between(0, 1<<32-1)
	structureType = between(1, 255)
	setType       = oneOf(spec.ParameterSets()...)
	cadenceType   = oneOf(spec.Cadences()...)
	roleType      = oneOf(Initiator, Responder)
	secretType    = octets(32, 64).noted("32 or 64 bytes, by the set")
	randomType    = octets(64)
)

// The roles in session.start.
const (
	Initiator = "initiator"
	Responder = "responder"
)
