package main

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/codec"
	"credence/reference/postoffice"
)

// devices are the devices of an account in the reference, the leader first.
type devices []*ambassador.Device

// newDevices makes an account with n devices.
func newDevices(b *testing.B, office *postoffice.Office, n int) devices {
	leader, err := client.Register(office, rand.Reader)
	require.NoError(b, err)
	clients := []*client.Client{leader}
	for range n - 1 {
		c, err := client.Link(leader, office, rand.Reader)
		require.NoError(b, err)
		clients = append(clients, c)
	}
	var d devices
	for _, c := range clients {
		require.NoError(b, c.Sync())
		d = append(d, c.Device.(*ambassador.Device))
	}
	require.NoError(b, leader.Sync()) // with what the others have acknowledged
	return d
}

// talk returns two accounts whose conversation is under way.
func talk(b *testing.B, own, recipients int) (alice, bob devices) {
	office := postoffice.New(time.Now)
	alice, bob = newDevices(b, office, own), newDevices(b, office, recipients)
	bundle, err := office.Bundle(bob[0].Account())
	require.NoError(b, err)
	alice.message(b, bob, bundle)
	bob.message(b, alice, nil)
	return alice, bob
}

// mails returns what the post office makes of a commit: one mail for each device of the account, and one for the
// devices of the peer.
func (d devices) mails(commit []byte) (own [][]byte, peers []byte) {
	var c postoffice.Commit
	if err := codec.Decode(commit, &c); err != nil {
		panic(err)
	}
	for _, device := range d {
		m := postoffice.Mail{Device: c.Device, Number: c.Number, Entry: c.Entry}
		for _, p := range c.Parcels {
			if p.Device == device.ID() {
				m.Parcels = []postoffice.Parcel{{Device: c.Device, Body: p.Body}}
			}
		}
		own = append(own, codec.MustEncode(&m))
	}
	return own, codec.MustEncode(&postoffice.Mail{Entry: c.Entry})
}

// read lets a device read a mail, of which nothing may be refused.
func read(b *testing.B, d *ambassador.Device, mail []byte) {
	events, err := d.Receive(mail)
	require.NoError(b, err)
	for _, e := range events {
		if e.Class != "" {
			b.Fatalf("%s: %s", e.Kind, e.Reason)
		}
	}
}

// timed runs work that takes its own time, and reports that.
func timed(b *testing.B, work func() time.Duration) {
	var took time.Duration
	n := 0
	for b.Loop() {
		took += work()
		n++
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(n), "ns/op")
}

// message is a message of the first device that every other device of both accounts reads. It returns the time that the
// devices take; what the post office does is not in it.
func (d devices) message(b *testing.B, peers devices, bundle []byte) time.Duration {
	started := time.Now()
	commit, err := d[0].Send(peers[0].Account(), plaintext, bundle, rand.Reader)
	took := time.Since(started)
	require.NoError(b, err)
	own, theirs := d.mails(commit)
	started = time.Now()
	for i, device := range d {
		read(b, device, own[i])
	}
	for _, device := range peers {
		read(b, device, theirs)
	}
	return took + time.Since(started)
}

// counts are the numbers of devices that are measured.
var counts = []int{1, 2, 5, 20}

// eachPair runs with every number of own devices and of the recipient's.
func eachPair(b *testing.B, run func(b *testing.B, own, recipients int, reference bool)) {
	for _, own := range counts {
		for _, recipients := range counts {
			for _, who := range []string{"floor", "reference"} {
				b.Run(fmt.Sprintf("own=%d/recipients=%d/impl=%s", own, recipients, who), func(b *testing.B) {
					run(b, own, recipients, who == "reference")
				})
			}
		}
	}
}

// BenchmarkSend is what an ambassador message costs the device that sends it: one entry, and one record for each other
// own device.
func BenchmarkSend(b *testing.B) {
	eachPair(b, func(b *testing.B, own, recipients int, reference bool) {
		b.ReportAllocs()
		f := newDeviceFloor(own)
		if !reference {
			for b.Loop() {
				f.send()
			}
			return
		}
		alice, bob := talk(b, own, recipients)
		for b.Loop() {
			_, err := alice[0].Send(bob[0].Account(), plaintext, nil, rand.Reader)
			require.NoError(b, err)
			alice[0].PostOfficeRefused() // so that the next one starts from the same conversation
		}
	})
}

// BenchmarkMessage is what an ambassador message costs all devices of both accounts.
func BenchmarkMessage(b *testing.B) {
	eachPair(b, func(b *testing.B, own, recipients int, reference bool) {
		f := newDeviceFloor(own)
		if !reference {
			for b.Loop() {
				f.message(recipients)
			}
			return
		}
		alice, bob := talk(b, own, recipients)
		timed(b, func() time.Duration { return alice.message(b, bob, nil) })
	})
}

// BenchmarkRotation is a new epoch: what the leader makes and every device reads.
func BenchmarkRotation(b *testing.B) {
	for _, n := range counts {
		b.Run(fmt.Sprintf("own=%d/impl=floor", n), func(b *testing.B) {
			f := newDeviceFloor(n)
			for b.Loop() {
				f.rotation()
			}
		})
		b.Run(fmt.Sprintf("own=%d/impl=reference", n), func(b *testing.B) {
			alice := newDevices(b, postoffice.New(time.Now), n)
			timed(b, func() time.Duration { return alice.rotate(b) })
		})
	}
}

func (d devices) rotate(b *testing.B) time.Duration {
	started := time.Now()
	commit, err := d[0].Rotate(ambassador.Change{}, rand.Reader)
	took := time.Since(started)
	require.NoError(b, err)
	own, _ := d.mails(commit)
	started = time.Now()
	for i, device := range d {
		read(b, device, own[i])
	}
	return took + time.Since(started)
}

// BenchmarkCatchUp is a device that reads what a sibling and the peer have said while it was away: of k messages half
// are from each.
func BenchmarkCatchUp(b *testing.B) {
	for _, k := range []int{2, 10, 100} {
		b.Run(fmt.Sprintf("missed=%d/impl=floor", k), func(b *testing.B) {
			f := newDeviceFloor(2)
			for b.Loop() {
				for range k / 2 {
					f.follow()
					f.receive()
				}
			}
		})
		b.Run(fmt.Sprintf("missed=%d/impl=reference", k), func(b *testing.B) {
			alice, bob := talk(b, 2, 1)
			timed(b, func() time.Duration { return catchUp(b, alice, bob, k) })
		})
	}
}

func catchUp(b *testing.B, alice, bob devices, k int) time.Duration {
	var missed [][]byte
	for range k / 2 {
		commit, err := alice[0].Send(bob[0].Account(), plaintext, nil, rand.Reader)
		require.NoError(b, err)
		own, theirs := alice.mails(commit)
		missed = append(missed, own[1])
		read(b, alice[0], own[0])
		read(b, bob[0], theirs)
		commit, err = bob[0].Send(alice[0].Account(), plaintext, nil, rand.Reader)
		require.NoError(b, err)
		own, theirs = bob.mails(commit)
		missed = append(missed, theirs)
		read(b, bob[0], own[0])
		read(b, alice[0], theirs)
	}
	started := time.Now()
	for _, mail := range missed {
		read(b, alice[1], mail)
	}
	return time.Since(started)
}

// deviceFloor is the floor of an account: the same steps, without what is between them.
type deviceFloor struct {
	own       int
	accounts  ed25519.PrivateKey
	key       *ecdh.PrivateKey // stands for every key that was there before
	chain     end
	private   []byte // the ratchet key of a record
	public    []byte
	signature []byte
	record    []byte // sealed
	entry     []byte // sealed
	rotate    []byte // sealed
	signed    []byte // a list with its devices
}

// Sizes in bytes, of the structures as the reference encodes them.
const (
	contextSize = 2 + 32 + 32 + 4 + 4 + 8 + 32
	headerSize  = 42
	tagSize     = 16
	entrySize   = contextSize + 3 + headerSize + 64 + tagSize
	recordSize  = 2 + 1 + 32 + 4 + 32 + 32 + 32 + 8 + 32 + 32 + 32 + 1 + 2
	sessionAD   = 14 + 5*32
	stateSize   = 14 + 2 + 2 + sessionAD + 32 + 33 + 33 + 33 + 16 + 2 + 32 + 33 + 8 + 2
	digestSize  = 26 + 64 + 8 + 32 + 8 + stateSize
	rotateSize  = 2 + 1 + 32 + 4 + 32 + 32 + 134 + 32 + 8 + 32 + 20*32
	deviceSize  = 133
	listSize    = 2 + 32 + 4 + 32 + 64
)

func newDeviceFloor(own int) *deviceFloor {
	f := &deviceFloor{own: own, key: floorDraw(), chain: end{zeros[:]}}
	_, f.accounts, _ = ed25519.GenerateKey(rand.Reader)
	f.public, f.private = f.key.PublicKey().Bytes(), floorDraw().Bytes()
	f.signed = make([]byte, listSize+own*deviceSize)
	f.signature = ed25519.Sign(f.accounts, f.signed)
	f.entry = f.seal(entrySize-headerSize, make([]byte, 64))
	f.record = f.seal(headerSize, make([]byte, recordSize))
	f.rotate = f.seal(headerSize, make([]byte, rotateSize+len(f.signed)))
	return f
}

func (f *deviceFloor) seal(ad int, plaintext []byte) []byte {
	return floorChaCha.seal(zeros[:], make([]byte, sessionAD+ad), plaintext)
}

func (f *deviceFloor) open(ad int, sealed []byte) {
	floorChaCha.open(zeros[:], make([]byte, sessionAD+ad), sealed)
}

func (f *deviceFloor) hash(size int) { sha256.Sum256(make([]byte, size)) }

// step is the step of a ratchet to a new key.
func (f *deviceFloor) step(own *ecdh.PrivateKey, public []byte) {
	_, chain := floorRoot(zeros[:], floorDH(own, public), "ambassador-v1 root")
	floorChain(chain)
}

// send is the entry with the two hashes, and the records.
func (f *deviceFloor) send() {
	f.step(floorDraw(), f.public)
	f.seal(entrySize-headerSize, plaintext)
	f.hash(entrySize)
	f.hash(digestSize)
	for range f.own - 1 {
		f.chain.key()
		f.seal(headerSize, make([]byte, recordSize))
	}
}

// receive is the reading of a peer's entry.
func (f *deviceFloor) receive() {
	f.step(f.key, f.public)
	f.open(entrySize-headerSize, f.entry)
	f.hash(entrySize)
}

// follow is the reading of a sibling's record and entry. The public key of the ratchet key in the record has to be
// made: it is compared with the entry's.
func (f *deviceFloor) follow() {
	f.chain.key()
	f.open(headerSize, f.record)
	f.step(must(ecdh.X25519().NewPrivateKey(f.private)), f.public)
	f.open(entrySize-headerSize, f.entry)
	f.hash(entrySize)
	f.hash(digestSize)
}

func (f *deviceFloor) message(recipients int) {
	f.send()
	for range f.own - 1 {
		f.follow()
	}
	for range recipients {
		f.receive()
	}
}

// rotation is the drawing and signing of the new keys, the records, and their reading.
func (f *deviceFloor) rotation() {
	for range 2 + account.Batch { // the ambassador key, the signed prekey, the one-time prekeys
		floorDraw()
	}
	for range 3 { // list, statement, signed prekey
		ed25519.Sign(f.accounts, f.signed)
	}
	for range f.own - 1 {
		f.chain.key()
		f.seal(headerSize, make([]byte, rotateSize+len(f.signed)))
		f.chain.key()
		f.open(headerSize, f.rotate)
		must(ecdh.X25519().NewPrivateKey(f.private)) // it is compared with the statement's
		for range 2 {                                // list, statement
			ed25519.Verify(f.accounts.Public().(ed25519.PublicKey), f.signed, f.signature)
		}
	}
}
