package design

import (
	"encoding/binary"
	"fmt"
	"io"

	"credence/spec/refusal"
)

type leader struct{ *network }

// NewLeader returns the leader-based design: the leaders of two users have one session, and each companion has a
// session with its own leader. The leader reads everything and encrypts it anew, outwards and for the companions.
func NewLeader(rand io.Reader) Design {
	l := leader{newNetwork(rand)}
	l.receive = l.read
	return l
}

func (leader) Name() string { return "leader-based" }

func (l leader) Send(from Device, to, text string) (Cost, error) {
	d, peer, err := l.ends(from, to)
	if err != nil {
		return Cost{}, err
	}
	own := d.user.leader()
	if !own.online {
		return Cost{}, fmt.Errorf("%w: %v", ErrLeaderOffline, own.Device)
	}
	return l.send(d, func() error {
		if d == own {
			return l.relay(d, peer, text)
		}
		return l.post(d, own, note{peer.name, text}.encode())
	})
}

// read is what a device does with a message: a leader passes on, outwards what comes from a companion, and to the
// companions what comes from outside.
func (l leader) read(at, from *device, plaintext []byte) error {
	if at.user != from.user {
		at.keep(Message{From: from.User, Text: string(plaintext)})
		return l.forward(at, note{from.User, string(plaintext)})
	}
	n, err := decodeNote(plaintext)
	if err != nil {
		return err
	}
	if at != at.user.leader() {
		at.keep(Message{From: n.user, Text: n.text})
		return nil
	}
	peer, err := l.user(n.user)
	if err != nil {
		return err
	}
	at.keep(Message{From: from.User, FromDevice: at.peers[from.Device], Text: n.text})
	return l.relay(at, peer, n.text, from)
}

// relay takes a message of the leader's user to the peer's leader, and to the companions except the one that wrote it.
func (l leader) relay(own *device, peer *user, text string, writer ...*device) error {
	if err := l.post(own, peer.leader(), []byte(text)); err != nil {
		return err
	}
	return l.forward(own, note{own.User, text}, writer...)
}

func (l leader) forward(own *device, n note, except ...*device) error {
	for _, companion := range own.user.present(append(except, own)...) {
		if err := l.post(own, companion, n.encode()); err != nil {
			return err
		}
	}
	return nil
}

// note is what a companion and its leader tell each other: upwards the text and its recipient, downwards the text and
// its author.
type note struct{ user, text string }

// encode returns the length of the user's name, the name, and the text.
func (n note) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(len(n.user)))
	return append(append(b, n.user...), n.text...)
}

func decodeNote(b []byte) (note, error) {
	size, k := binary.Uvarint(b)
	if k <= 0 || size > uint64(len(b)-k) {
		return note{}, fmt.Errorf("%w: note of %d bytes", refusal.Malformed, len(b))
	}
	name, text := b[k:k+int(size)], b[k+int(size):]
	return note{string(name), string(text)}, nil
}
