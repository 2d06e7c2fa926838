// Package account is SPEC.md 7: the keys of an account, and what is signed with them: device lists, epoch statements
// and the published bundle.
package account

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"fmt"
	"io"
	"slices"

	"filippo.io/edwards25519"

	"credence/reference/codec"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/x3dh"
	"credence/reference/xeddsa"
	"credence/spec/refusal"
)

// Set is the parameter set of the Ambassador protocol (SPEC.md 7): conversations, channels and prekeys are made with
// it.
var Set = params.AmbassadorV1

// ID names an account: its account key, an Ed25519 public key of 32 bytes.
type ID [ed25519.PublicKeySize]byte

// DeviceID names a device: its device key, an X25519 public key of 32 bytes.
type DeviceID = primitive.PublicKey

// Domains of the signatures with the account key (AMB-ACC-02).
const (
	listDomain      = "ambassador-v1 device list"
	statementDomain = "ambassador-v1 epoch statement"
)

// GenerateKey draws a seed of 32 bytes from rand and gives the account key. It returns the error of rand.
func GenerateKey(rand io.Reader) (ed25519.PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("draw account key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// IDOf returns the account of a key.
func IDOf(k ed25519.PrivateKey) ID { return ID(k.Public().(ed25519.PublicKey)) }

// signed returns what is signed: the domain and the encoding without its last field, the signature.
func signed(domain string, s codec.Struct) []byte {
	encoded := codec.MustEncode(s)
	return append([]byte(domain), encoded[:len(encoded)-ed25519.SignatureSize]...)
}

// verify is the strict verification of RFC 8032 (AMB-ACC-13).
func verify(id ID, domain string, s codec.Struct, signature []byte) error {
	if !id.sound() || !ed25519.Verify(id[:], signed(domain, s), signature) {
		return fmt.Errorf("%w: %s", refusal.BadSignature, domain)
	}
	return nil
}

// sound reports whether an account key is the canonical encoding of a point that is not of low order: under other keys
// anybody can sign, or implementations differ (AMB-ACC-12).
func (id ID) sound() bool {
	p, err := new(edwards25519.Point).SetBytes(id[:])
	if err != nil || !bytes.Equal(p.Bytes(), id[:]) {
		return false
	}
	return new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 0
}

// EpochStatement says that the ambassador key of an account in an epoch is this one. 134 bytes.
type EpochStatement struct {
	Account       ID
	Epoch         uint32 // from 1
	AmbassadorKey primitive.PublicKey
	Signature     [ed25519.SignatureSize]byte
}

// Fields is SPEC.md 7.3.
func (s *EpochStatement) Fields(c *codec.Coder) {
	c.Header(codec.TypeEpochStatement)
	c.Fixed("account", s.Account[:])
	c.Uint32("epoch", &s.Epoch)
	c.Check("epoch", s.Epoch > 0, "zero")
	c.Fixed("ambassador_key", s.AmbassadorKey[:])
	c.Fixed("signature", s.Signature[:])
}

// Sign signs the statement with the account key.
func (s *EpochStatement) Sign(k ed25519.PrivateKey) {
	copy(s.Signature[:], ed25519.Sign(k, signed(statementDomain, s)))
}

// Verify returns refusal.BadSignature, or refusal.NonCanonicalKey for an ambassador key that is none.
func (s *EpochStatement) Verify() error {
	if err := verify(s.Account, statementDomain, s, s.Signature[:]); err != nil {
		return err
	}
	_, err := Set.Decode(s.AmbassadorKey[:])
	return err
}

// Status reports whether a device takes part in the epoch.
type Status uint8

// The statuses.
const (
	Active  Status = 1
	Pending Status = 2 // on the list, has no secret of the epoch (SPEC.md 11.3)
)

// Prekey is the signed prekey of a device, with which devices that are linked later start a channel to it. 100 bytes.
type Prekey struct {
	ID        uint32
	Key       primitive.PublicKey
	Signature [xeddsa.SignatureSize]byte
}

// Fields is SPEC.md 7.2.
func (p *Prekey) Fields(c *codec.Coder) {
	c.Uint32("prekey_id", &p.ID)
	c.Check("prekey_id", p.ID > 0, "zero")
	c.Fixed("prekey", p.Key[:])
	c.Fixed("prekey_signature", p.Signature[:])
}

// Device is one device of a list. 133 bytes.
type Device struct {
	ID     DeviceID
	Status Status
	Prekey Prekey
}

// Fields is SPEC.md 7.2.
func (d *Device) Fields(c *codec.Coder) {
	c.Fixed("device", d.ID[:])
	c.Uint8("status", (*uint8)(&d.Status))
	c.Check("status", d.Status == Active || d.Status == Pending, "unknown")
	d.Prekey.Fields(c)
}

// Bundle returns the device's bundle of SPEC.md 4.1, for a channel.
func (d *Device) Bundle() x3dh.Bundle {
	return x3dh.Bundle{
		Identity: d.ID[:], SignedPrekeyID: d.Prekey.ID, SignedPrekey: d.Prekey.Key[:], Signature: d.Prekey.Signature[:],
	}
}

// List is a device list. Its version is the epoch that it belongs to.
type List struct {
	Account   ID
	Epoch     uint32
	Leader    DeviceID
	Devices   []Device // ascending by ID
	Signature [ed25519.SignatureSize]byte
}

// Fields is SPEC.md 7.2.
func (l *List) Fields(c *codec.Coder) {
	c.Header(codec.TypeDeviceList)
	c.Fixed("account", l.Account[:])
	c.Uint32("epoch", &l.Epoch)
	c.Check("epoch", l.Epoch > 0, "zero")
	c.Fixed("leader", l.Leader[:])
	codec.List(c, "devices", &l.Devices)
	c.Check("devices", slices.IsSortedFunc(l.Devices, compareDevices) && l.distinct(), "not in ascending order")
	c.Check("leader", l.Has(l.Leader, Active), "no active device of the list")
	c.Fixed("signature", l.Signature[:])
}

func compareDevices(a, b Device) int { return bytes.Compare(a.ID[:], b.ID[:]) }

func (l *List) distinct() bool {
	for i := 1; i < len(l.Devices); i++ {
		if l.Devices[i].ID == l.Devices[i-1].ID {
			return false
		}
	}
	return true
}

// Sort puts the devices in the order of the encoding.
func (l *List) Sort() { slices.SortFunc(l.Devices, compareDevices) }

// Sign signs the list with the account key.
func (l *List) Sign(k ed25519.PrivateKey) {
	copy(l.Signature[:], ed25519.Sign(k, signed(listDomain, l)))
}

// Verify returns refusal.BadSignature.
func (l *List) Verify() error { return verify(l.Account, listDomain, l, l.Signature[:]) }

// Find returns a device of the list, or nil.
func (l *List) Find(id DeviceID) *Device {
	for i := range l.Devices {
		if l.Devices[i].ID == id {
			return &l.Devices[i]
		}
	}
	return nil
}

// Has reports whether the device is on the list with the status.
func (l *List) Has(id DeviceID, status Status) bool {
	d := l.Find(id)
	return d != nil && d.Status == status
}

// Others returns the devices but one, with a status or, for 0, with any; ascending.
func (l *List) Others(but DeviceID, status Status) []DeviceID {
	var ids []DeviceID
	for _, d := range l.Devices {
		if d.ID != but && (status == 0 || d.Status == status) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// Batch is the number of one-time prekeys that are published together.
const Batch = 20

// Publication is what an account gives the post office of its prekeys: always one signed prekey and Batch one-time
// prekeys. 746 bytes.
type Publication struct {
	SignedPrekeyID  uint32
	SignedPrekey    primitive.PublicKey
	PrekeySignature [xeddsa.SignatureSize]byte
	FirstOneTimeID  uint32
	OneTimePrekeys  [Batch]primitive.PublicKey
}

// Fields is SPEC.md 7.4.
func (p *Publication) Fields(c *codec.Coder) {
	c.Header(codec.TypePublication)
	c.Uint32("signed_prekey_id", &p.SignedPrekeyID)
	c.Check("signed_prekey_id", p.SignedPrekeyID > 0, "zero")
	c.Fixed("signed_prekey", p.SignedPrekey[:])
	c.Fixed("prekey_signature", p.PrekeySignature[:])
	c.Uint32("first_one_time_prekey_id", &p.FirstOneTimeID)
	c.Check("first_one_time_prekey_id", p.FirstOneTimeID > 0 && p.FirstOneTimeID <= 1<<32-Batch, "out of range")
	for i := range p.OneTimePrekeys {
		c.Fixed(fmt.Sprintf("one_time_prekeys[%d]", i), p.OneTimePrekeys[i][:])
	}
}

// Verify checks the signature under an ambassador key. It returns the refusals of x3dh.VerifyPrekey.
func (p *Publication) Verify(ambassador primitive.PublicKey) error {
	return x3dh.VerifyPrekey(Set, ambassador[:], p.SignedPrekey[:], p.PrekeySignature[:])
}

// Bundle is what the post office serves of an account: all that anybody else ever gets of it. 272 bytes, whatever the
// account's devices; without a one-time prekey its id is 0 and its key is zero.
type Bundle struct {
	Statement       EpochStatement
	SignedPrekeyID  uint32
	SignedPrekey    primitive.PublicKey
	PrekeySignature [xeddsa.SignatureSize]byte
	OneTimePrekeyID uint32
	OneTimePrekey   primitive.PublicKey
}

// Fields is SPEC.md 7.4.
func (b *Bundle) Fields(c *codec.Coder) {
	c.Header(codec.TypeBundle)
	c.Inner("statement", &b.Statement)
	c.Uint32("signed_prekey_id", &b.SignedPrekeyID)
	c.Check("signed_prekey_id", b.SignedPrekeyID > 0, "zero")
	c.Fixed("signed_prekey", b.SignedPrekey[:])
	c.Fixed("prekey_signature", b.PrekeySignature[:])
	c.Uint32("one_time_prekey_id", &b.OneTimePrekeyID)
	c.Fixed("one_time_prekey", b.OneTimePrekey[:])
	c.Check("one_time_prekey", (b.OneTimePrekeyID == 0) == (b.OneTimePrekey == primitive.PublicKey{}),
		"does not fit its id")
}

// Verify checks the statement and the signature of the prekey. It returns the refusals of both.
func (b *Bundle) Verify() error {
	if err := b.Statement.Verify(); err != nil {
		return err
	}
	p := Publication{SignedPrekey: b.SignedPrekey, PrekeySignature: b.PrekeySignature}
	return p.Verify(b.Statement.AmbassadorKey)
}

// WithoutOneTime returns the bundle without its one-time prekey.
func (b *Bundle) WithoutOneTime() *Bundle {
	c := *b
	c.OneTimePrekeyID, c.OneTimePrekey = 0, primitive.PublicKey{}
	return &c
}

// X3DH returns the bundle of SPEC.md 4.1.
func (b *Bundle) X3DH() x3dh.Bundle {
	x := x3dh.Bundle{
		Identity: b.Statement.AmbassadorKey[:], SignedPrekeyID: b.SignedPrekeyID,
		SignedPrekey: b.SignedPrekey[:], Signature: b.PrekeySignature[:],
	}
	if b.OneTimePrekeyID != 0 {
		x.OneTimePrekeyID, x.OneTimePrekey = b.OneTimePrekeyID, b.OneTimePrekey[:]
	}
	return x
}

// NewPrekey draws a signed prekey and Z of its signature from rand. It returns the error of rand.
func NewPrekey(id uint32, identity *ecdh.PrivateKey, rand io.Reader) (Prekey, *ecdh.PrivateKey, error) {
	p := Prekey{ID: id}
	k, err := primitive.GeneratePrivate(rand)
	if err != nil {
		return p, nil, err
	}
	p.Key = primitive.Public(k)
	signature, err := x3dh.SignPrekey(Set, identity, p.Key, rand)
	copy(p.Signature[:], signature)
	return p, k, err
}
