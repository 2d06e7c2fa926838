package design

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"credence/reference/account"
	"credence/reference/primitive"
	"credence/reference/session"
	"credence/reference/wire"
	"credence/reference/x3dh"
)

// seal encrypts in the session of two devices, which starts on first use.
func (n *network) seal(from, to *device, plaintext []byte) (e session.Envelope, err error) {
	rand := n.counting(from.user)
	if _, started := from.peers[to.Device]; !started {
		bundle := to.bundle()
		if err := from.party.Initiate(to.String(), bundle, rand); err != nil {
			return e, fmt.Errorf("%v starts with %v: %w", from.Device, to.Device, err)
		}
		from.meet(to, bundle.Identity)
	}
	return from.party.Encrypt(to.String(), plaintext, rand)
}

// open decrypts in the session of two devices, which the first message starts.
func (n *network) open(at *device, m mail) ([]byte, error) {
	plaintext, err := n.decrypt(at, m)
	if err != nil {
		return nil, err
	}
	see(&at.user.view(m.from.User).Senders, at.peers[m.from.Device])
	return plaintext, nil
}

func (n *network) decrypt(at *device, m mail) ([]byte, error) {
	rand, peer := n.counting(at.user), m.from.String()
	if _, started := at.peers[m.from.Device]; started {
		return at.party.Decrypt(peer, m.envelope, rand)
	}
	plaintext, err := at.party.Respond(peer, m.envelope.Body, rand)
	if err != nil {
		return nil, err
	}
	initial, err := wire.ParseInitial(account.Set, m.envelope.Body)
	if err != nil {
		return nil, err
	}
	at.meet(m.from, initial.Identity)
	return plaintext, nil
}

// bundle is what the directory gives to somebody who starts a session with the device. A one-time prekey is given once:
// while it waits in the mailbox of an offline device to be used, others start without one.
func (d *device) bundle() x3dh.Bundle {
	b := d.party.Bundle()
	if b.OneTimePrekeyID == d.prekey {
		b.OneTimePrekey, b.OneTimePrekeyID = nil, 0
		return b
	}
	d.prekey = b.OneTimePrekeyID
	return b
}

// meet notes with which identity a session was started.
func (d *device) meet(peer *device, identity []byte) {
	d.peers[peer.Device] = hex.EncodeToString(identity)
	see(&d.user.view(peer.User).Identities, d.peers[peer.Device])
}

// identity is what the directory shows of a device.
func (d *device) identity() string { return hex.EncodeToString(d.party.Bundle().Identity) }

func see(list *[]string, identity string) {
	if !slices.Contains(*list, identity) {
		*list = append(*list, identity)
	}
}

func (n *network) counting(u *user) io.Reader { return counter{n.rand, &u.cost.KeyPairs} }

// counter counts the key pairs drawn: a draw of 32 bytes is one. Only a signature, when a device is made, draws another
// size.
type counter struct {
	rand     io.Reader
	keyPairs *int
}

func (c counter) Read(p []byte) (int, error) {
	k, err := io.ReadFull(c.rand, p) // in full, so that one draw is one call
	if err == nil && k == primitive.KeySize {
		*c.keyPairs++
	}
	return k, err
}
