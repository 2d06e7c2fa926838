package design

import (
	"io"
	"slices"
)

type multiplication struct{ *network }

// NewMultiplication returns client fan-out: the sending device encrypts to each device of the recipient and to each
// other device of its own user, in a session of the two devices. Every device is public.
func NewMultiplication(rand io.Reader) Design {
	m := multiplication{newNetwork(rand)}
	m.receive = m.read
	return m
}

func (multiplication) Name() string { return "multiplication" }

func (m multiplication) Send(from Device, to, text string) (Cost, error) {
	d, peer, err := m.ends(from, to)
	if err != nil {
		return Cost{}, err
	}
	return m.send(d, func() error {
		for _, receiver := range slices.Concat(peer.present(), d.user.present(d)) {
			if err := m.post(d, receiver, []byte(text)); err != nil {
				return err
			}
		}
		return nil
	})
}

// read keeps a message. To know whose device has sent it, the reader looks into the directory, and sees the others.
func (m multiplication) read(at, from *device, plaintext []byte) error {
	for _, d := range from.user.present() {
		see(&at.user.view(from.User).Identities, d.identity())
	}
	at.keep(Message{From: from.User, FromDevice: at.peers[from.Device], Text: string(plaintext)})
	return nil
}

// View adds that a ciphertext to one device leaves out its siblings.
func (m multiplication) View(viewer, of string) (View, error) {
	v, err := m.network.View(viewer, of)
	v.Pinpoint = err == nil
	return v, err
}
