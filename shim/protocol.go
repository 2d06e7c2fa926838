// Package shim is the contract between the suite and an implementation under test: the messages of the shim protocol
// (docs/shim-protocol.md), the Go interface that means the same in process, and both ends of the pipe.
//
// An implementation in Go offers a Target and is done, or calls Serve in a main of its own to become a shim:
//
//	func main() { shim.Serve(myTarget, os.Stdin, os.Stdout) }
package shim

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"credence/spec/refusal"
)

// Version is the version of the shim protocol that this package speaks. A target states it in its reply to hello.
const Version = 1

// Target is an implementation under test. Call performs one operation; calls come one at a time. A refusal or any other
// reply of the protocol that is not a result is an *Error; an error of any other kind means that the target gives no
// reply that can be judged, and wraps ErrCrash, ErrHang or ErrProtocol if it is for one of these reasons. Close ends
// the target.
type Target interface {
	Call(ctx context.Context, op Op, p *Params) (*Result, error)
	Close() error
}

// Why a target gives no reply that can be judged.
var (
	ErrCrash    = errors.New("shim ended")
	ErrHang     = errors.New("shim does not answer")
	ErrProtocol = errors.New("shim breaks the protocol")
)

// Bytes is a byte string; in JSON it is lower-case hexadecimal.
type Bytes []byte

// MarshalText returns lower-case hexadecimal.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }

// UnmarshalText reads lower-case hexadecimal and refuses everything else.
func (b *Bytes) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("not hexadecimal: %w", err)
	}
	if hex.EncodeToString(raw) != string(text) {
		return fmt.Errorf("not lower-case hexadecimal: %q", text)
	}
	*b = raw
	return nil
}

// Bundle is what an initiator gets of a responder (SPEC.md 4.1). Public keys are in the wire encoding of the set.
type Bundle struct {
	Identity        Bytes  `json:"identity,omitzero"`
	SignedPrekey    Bytes  `json:"signed_prekey,omitzero"`
	SignedPrekeyID  uint32 `json:"signed_prekey_id,omitempty"`
	Signature       Bytes  `json:"signature,omitzero"`
	OneTimePrekey   Bytes  `json:"one_time_prekey,omitzero"`
	OneTimePrekeyID uint32 `json:"one_time_prekey_id,omitempty"`
	RegistrationID  uint32 `json:"registration_id,omitempty"`
}

// MessageKind says which of the two forms of SPEC.md 6.1 and 5.6 a message has.
type MessageKind string

// The kinds of message.
const (
	InitialMessage MessageKind = "initial" // SPEC.md 6.1
	RatchetMessage MessageKind = "ratchet" // SPEC.md 5.6
)

// Message is a message as it travels.
type Message struct {
	Kind MessageKind `json:"kind"`
	Body Bytes       `json:"body"`
}

// Params holds the parameters of an operation: each uses the fields that docs/shim-protocol.md lists for it.
// Private keys are clamped X25519 keys of 32 bytes.
type Params struct {
	Set     string `json:"set,omitempty"`
	Party   string `json:"party,omitempty"`
	Peer    string `json:"peer,omitempty"`
	Role    string `json:"role,omitempty"`
	Cadence string `json:"cadence,omitempty"`

	PrivateKey Bytes `json:"private_key,omitzero"`
	PublicKey  Bytes `json:"public_key,omitzero"`
	Message    Bytes `json:"message,omitzero"`
	Signature  Bytes `json:"signature,omitzero"`
	Random     Bytes `json:"random,omitzero"`

	IdentityPrivate      Bytes   `json:"identity_private,omitzero"`
	SignedPrekeyPrivate  Bytes   `json:"signed_prekey_private,omitzero"`
	SignedPrekeyID       uint32  `json:"signed_prekey_id,omitempty"`
	OneTimePrekeyPrivate Bytes   `json:"one_time_prekey_private,omitzero"`
	OneTimePrekeys       []Bytes `json:"one_time_prekey_privates,omitzero"`
	OneTimePrekeyCount   int     `json:"one_time_prekey_count,omitempty"`
	RegistrationID       uint32  `json:"registration_id,omitempty"`

	EphemeralPrivate  Bytes   `json:"ephemeral_private,omitzero"`
	RatchetPrivate    Bytes   `json:"ratchet_private,omitzero"`
	RatchetPublic     Bytes   `json:"ratchet_public,omitzero"`
	Bundle            *Bundle `json:"bundle,omitempty"`
	InitiatorIdentity Bytes   `json:"initiator_identity,omitzero"`
	EphemeralKey      Bytes   `json:"ephemeral_key,omitzero"`
	SharedSecret      Bytes   `json:"shared_secret,omitzero"`
	AssociatedData    Bytes   `json:"associated_data,omitzero"`

	RootKey    Bytes `json:"root_key,omitzero"`
	ChainKey   Bytes `json:"chain_key,omitzero"`
	MessageKey Bytes `json:"message_key,omitzero"`
	Steps      int   `json:"steps,omitempty"`

	RatchetKey     Bytes  `json:"ratchet_key,omitzero"`
	PreviousLength uint32 `json:"previous_length,omitempty"`
	Number         uint32 `json:"number,omitempty"`

	Plaintext Bytes    `json:"plaintext,omitzero"`
	Envelope  *Message `json:"envelope,omitempty"`
	State     Bytes    `json:"state,omitzero"`

	Account     Bytes   `json:"account,omitzero"`      // an account key, 32 bytes
	PeerAccount Bytes   `json:"peer_account,omitzero"` // the other account, 32 bytes
	Device      Bytes   `json:"device,omitzero"`       // a device key, 32 bytes
	Devices     []Bytes `json:"devices,omitzero"`      // device keys
	List        Bytes   `json:"list,omitzero"`         // a DeviceList (SPEC.md 7.2)
	Record      Bytes   `json:"record,omitzero"`       // a Record (SPEC.md 8.2)
	PeerBundle  Bytes   `json:"peer_bundle,omitzero"`  // a Bundle (SPEC.md 7.4)
	Previous    Bytes   `json:"previous,omitzero"`     // a head, 32 bytes
	Type        int     `json:"type,omitempty"`        // of a structure (SPEC.md 7.1)
	Position    uint64  `json:"position,omitempty"`
	Commits     uint64  `json:"commits,omitempty"`
}

// Result holds the result of an operation: each fills the fields that docs/shim-protocol.md lists for it.
type Result struct {
	Protocol      int      `json:"protocol,omitempty"`
	Name          string   `json:"name,omitempty"`
	Version       string   `json:"version,omitempty"`
	Language      string   `json:"language,omitempty"`
	Profiles      []string `json:"profiles,omitempty"`
	ParameterSets []string `json:"parameter_sets,omitempty"`
	Operations    []Op     `json:"operations,omitempty"`
	Injects       bool     `json:"injects,omitempty"`
	Cadences      []string `json:"cadences,omitempty"`

	Signature      Bytes    `json:"signature,omitzero"`
	SharedSecret   Bytes    `json:"shared_secret,omitzero"`
	AssociatedData Bytes    `json:"associated_data,omitzero"`
	EphemeralKey   Bytes    `json:"ephemeral_key,omitzero"`
	RootKey        Bytes    `json:"root_key,omitzero"`
	ChainKey       Bytes    `json:"chain_key,omitzero"`
	MessageKey     Bytes    `json:"message_key,omitzero"`
	Message        Bytes    `json:"message,omitzero"`
	Plaintext      *Bytes   `json:"plaintext,omitzero"` // present, if empty, wherever a message was read
	Bundle         *Bundle  `json:"bundle,omitempty"`
	Envelope       *Message `json:"envelope,omitempty"`
	State          Bytes    `json:"state,omitzero"`
	Digest         Bytes    `json:"digest,omitzero"`

	Fields  []Field `json:"fields,omitzero"`
	Record  Bytes   `json:"record,omitzero"`
	Device  Bytes   `json:"device,omitzero"`
	Account Bytes   `json:"account,omitzero"`
	Events  []Event `json:"events,omitzero"`

	Accounts []Bytes `json:"accounts,omitzero"` // account keys

	List    Bytes   `json:"list,omitzero"`
	Active  bool    `json:"active,omitempty"`
	Epoch   uint32  `json:"epoch,omitempty"`
	Seq     uint64  `json:"seq,omitempty"`
	Head    Bytes   `json:"head,omitzero"`
	Problem string  `json:"problem,omitempty"`
	Mails   []Bytes `json:"mails,omitzero"`
	Commits uint64  `json:"commits,omitempty"`
	Prekeys int     `json:"prekeys,omitempty"`
}

// Field is a field of a structure: its path, such as devices[0].device, and its bytes; numbers are big-endian.
type Field struct {
	Name  string `json:"name"`
	Value Bytes  `json:"value"`
}

// Event is what a mail has brought to a device (docs/shim-protocol.md).
type Event struct {
	Kind      string `json:"kind"`
	Account   Bytes  `json:"account,omitzero"` // the peer of the conversation
	Seq       uint64 `json:"seq,omitempty"`
	Last      uint64 `json:"last,omitempty"`     // of undelivered: the end of the places that begin at seq
	Device    Bytes  `json:"device,omitzero"`    // that a record came from
	Plaintext *Bytes `json:"plaintext,omitzero"` // of message and sent, if empty too
	Class     Class  `json:"class,omitempty"`    // of void, frozen and refused
}

// ErrorCode says why an operation gave no result.
type ErrorCode string

// The error codes.
const (
	Rejected       ErrorCode = "rejected"        // the input was refused, as the protocol under test demands
	Unsupported    ErrorCode = "unsupported"     // the target does not offer this operation, set or option
	InvalidRequest ErrorCode = "invalid-request" // the request itself is wrong
	Internal       ErrorCode = "internal"        // the target failed
)

// ErrorCodes lists every error code.
func ErrorCodes() []ErrorCode { return []ErrorCode{Rejected, Unsupported, InvalidRequest, Internal} }

// Class is the reason of a refusal: one of refusal.Classes (SPEC.md 1.2).
type Class = refusal.Class

// Error is a reply without a result. Class is set only when Code is Rejected, and may be empty then: a target that
// cannot tell why it refused does not have to.
type Error struct {
	Code    ErrorCode `json:"code"`
	Class   Class     `json:"class,omitempty"`
	Message string    `json:"message,omitempty"`
}

// Error returns code, class and message.
func (e *Error) Error() string {
	s := string(e.Code)
	if e.Class != "" {
		s += " (" + string(e.Class) + ")"
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Request is one line to a shim.
type Request struct {
	ID     uint64  `json:"id"`
	Op     Op      `json:"op"`
	Params *Params `json:"params"`
}

// Reply is one line from a shim: the id of the request and either a result or an error.
type Reply struct {
	ID     uint64  `json:"id"`
	Result *Result `json:"result,omitempty"`
	Error  *Error  `json:"error,omitempty"`
}

// String returns the reply as it travels.
func (r Reply) String() string {
	b, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
