package world

import (
	"bytes"
	"fmt"

	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/reference/wire"
)

// KeyWatch is a post office that looks at every ciphertext that anybody has emitted, accepted or not.
type KeyWatch struct {
	postoffice.Service
	seen  map[string][]byte // ratchet key and number of a message -> the message
	twice bool
}

// NewKeyWatch returns a post office that looks at what is brought to another one.
func NewKeyWatch(s postoffice.Service) *KeyWatch {
	return &KeyWatch{Service: s, seen: map[string][]byte{}}
}

// Append looks at a commit and brings it on.
func (k *KeyWatch) Append(commit []byte) error {
	m := &postoffice.Commit{}
	if codec.Decode(commit, m) != nil {
		return k.Service.Append(commit)
	}
	if e, err := conversation.ParseEntry(m.Entry); err == nil {
		k.look("entry", e.Message, false)
	}
	for _, p := range m.Parcels {
		message := p.Body
		if i, err := wire.ParseInitial(account.Set, p.Body); err == nil {
			message = i.Message
		}
		k.look("parcel", message, true)
	}
	return k.Service.Append(commit)
}

// look compares a message with what was sent under the same key. In an entry the ratchet key alone must be new; in a
// channel it goes on for a while, with a number for each message.
func (k *KeyWatch) look(kind string, message []byte, numbered bool) {
	m, err := wire.Parse(account.Set, message)
	if err != nil {
		return
	}
	name := fmt.Sprintf("%s %x", kind, m.Header.Key)
	if numbered {
		name += fmt.Sprint(" ", m.Header.N)
	}
	if other, ok := k.seen[name]; ok && !bytes.Equal(other, message) {
		k.twice = true
	}
	k.seen[name] = message
}

// UsedOnce stops the test if a key has sealed two messages.
func (w *World) UsedOnce(k *KeyWatch) {
	if k.twice {
		w.Violation(verdict.Mismatch, "a key was used for two messages",
			"a ratchet key of its own in every entry, a number of its own in every channel message",
			"the same key twice")
	}
}
