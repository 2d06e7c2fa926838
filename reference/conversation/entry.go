package conversation

import (
	"bytes"
	"crypto/sha256"

	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/primitive"
)

// Entry is one entry of the log between two accounts (SPEC.md 10.2). Start is there in a start entry only.
type Entry struct {
	Sender         account.ID
	Recipient      account.ID
	SenderEpoch    uint32
	RecipientEpoch uint32
	Seq            uint64   // from 1
	Previous       [32]byte // h_(seq-1)
	Start          *Start
	Message        []byte // a ratchet message
}

// Start is what a start entry has more: the initiator's side of X3DH.
type Start struct {
	Statement       account.EpochStatement // of the sender
	Ephemeral       primitive.PublicKey
	SignedPrekeyID  uint32
	OneTimePrekeyID uint32 // 0 is none
}

// leastMessage is the size of the smallest ratchet message in bytes (SPEC.md 5.6).
const leastMessage = 58

// Fields is SPEC.md 10.2.
func (e *Entry) Fields(c *codec.Coder) {
	e.context(c)
	c.Vector("message", &e.Message, leastMessage, codec.Most)
}

// context is every field but the message.
func (e *Entry) context(c *codec.Coder) {
	kind := codec.TypeMessageEntry
	if e.Start != nil {
		kind = codec.TypeStartEntry
	}
	c.Header(kind)
	c.Fixed("sender", e.Sender[:])
	c.Fixed("recipient", e.Recipient[:])
	c.Check("recipient", e.Sender != e.Recipient, "is the sender")
	c.Uint32("sender_epoch", &e.SenderEpoch)
	c.Uint32("recipient_epoch", &e.RecipientEpoch)
	c.Uint64("seq", &e.Seq)
	c.Check("seq", e.Seq > 0, "zero")
	c.Fixed("previous", e.Previous[:])
	if e.Start != nil {
		e.Start.fields(c, e)
	}
}

func (s *Start) fields(c *codec.Coder, e *Entry) {
	c.Inner("statement", &s.Statement)
	c.Check("statement", s.Statement.Account == e.Sender && s.Statement.Epoch == e.SenderEpoch,
		"is not of the sender and its epoch")
	c.Fixed("ephemeral", s.Ephemeral[:])
	c.Uint32("signed_prekey_id", &s.SignedPrekeyID)
	c.Check("signed_prekey_id", s.SignedPrekeyID > 0, "zero")
	c.Uint32("one_time_prekey_id", &s.OneTimePrekeyID)
}

// header is the structure of an entry without its message, which the message authenticates (AMB-LOG-05).
type header struct{ *Entry }

func (h header) Fields(c *codec.Coder) { h.context(c) }

// Context returns the context of the entry's message: the encoding up to the message.
func (e *Entry) Context() []byte { return codec.MustEncode(header{e}) }

// ParseEntry reads an entry. It returns refusal.Malformed with the field.
func ParseEntry(b []byte) (*Entry, error) {
	e := &Entry{}
	if codec.TypeOf(b) == codec.TypeStartEntry {
		e.Start = &Start{}
	}
	return e, codec.Decode(b, e)
}

// Peer returns the other account of an entry.
func (e *Entry) Peer(own account.ID) account.ID {
	if e.Sender == own {
		return e.Recipient
	}
	return e.Sender
}

// Domains of the transcript hash.
const (
	logDomain   = "ambassador-v1 log"
	entryDomain = "ambassador-v1 entry"
)

// FirstHead returns h_0 of the log between two accounts, the same for both (AMB-LOG-01).
func FirstHead(a, b account.ID) [32]byte {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return hash([]byte(logDomain), a[:], b[:])
}

// NextHead returns h_k of h_(k-1) and the encoded entry k (AMB-LOG-02).
func NextHead(previous [32]byte, entry []byte) [32]byte {
	return hash([]byte(entryDomain), previous[:], entry)
}

func hash(parts ...[]byte) [32]byte { return sha256.Sum256(bytes.Join(parts, nil)) }
