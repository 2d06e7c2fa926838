package account

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"credence/reference/primitive"
	"credence/spec/refusal"
)

// EpochKeys are the secrets of an account in one epoch. Every active device holds the same.
type EpochKeys struct {
	Statement  EpochStatement
	Ambassador *ecdh.PrivateKey
	Batches    []PrekeyBatch // newest last, at most keptBatches
}

// keptBatches is the number of publications whose private keys are kept (AMB-ACC-07).
const keptBatches = 2

// PrekeyBatch holds the private keys of a publication, 32 bytes each, clamped. They stay bytes until they are used:
// most never are, and every device of the account has all of them. A one-time prekey that was used is nil.
type PrekeyBatch struct {
	SignedID uint32
	Signed   []byte
	FirstID  uint32
	OneTime  [Batch][]byte
}

// FirstEpoch draws the number of an account's first epoch from 4 bytes of rand, so that the number of an epoch does not
// tell how many there have been (AMB-ACC-10). It returns the error of rand.
func FirstEpoch(rand io.Reader) (uint32, error) {
	var b [4]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return 0, fmt.Errorf("draw epoch: %w", err)
	}
	return binary.BigEndian.Uint32(b[:])&(1<<30-1) + 1, nil
}

// NewEpoch makes the keys of an epoch and their publication. It draws the ambassador key and then what NewBatch draws
// from rand, and returns the error of rand.
func NewEpoch(accountKey ed25519.PrivateKey, epoch uint32, rand io.Reader) (*EpochKeys, *Publication, error) {
	ambassador, err := primitive.GeneratePrivate(rand)
	if err != nil {
		return nil, nil, err
	}
	k := &EpochKeys{Ambassador: ambassador, Statement: EpochStatement{
		Account: IDOf(accountKey), Epoch: epoch, AmbassadorKey: primitive.Public(ambassador),
	}}
	k.Statement.Sign(accountKey)
	batch, publication, err := k.NewBatch(rand)
	if err != nil {
		return nil, nil, err
	}
	k.Add(batch)
	return k, publication, nil
}

// NewBatch makes the next publication and its private keys, without adding them. It draws the signed prekey, Z of its
// signature, and the one-time prekeys from rand, and returns the error of rand. Its ids follow those of the newest one
// (AMB-ACC-15).
func (k *EpochKeys) NewBatch(rand io.Reader) (PrekeyBatch, *Publication, error) {
	b := PrekeyBatch{SignedID: 1, FirstID: 1}
	if n := len(k.Batches); n > 0 {
		b.SignedID, b.FirstID = k.Batches[n-1].SignedID+1, k.Batches[n-1].FirstID+Batch
	}
	signed, private, err := NewPrekey(b.SignedID, k.Ambassador, rand)
	if err != nil {
		return b, nil, err
	}
	b.Signed = private.Bytes()
	p := &Publication{
		SignedPrekeyID: b.SignedID, SignedPrekey: signed.Key, PrekeySignature: signed.Signature,
		FirstOneTimeID: b.FirstID,
	}
	for i := range b.OneTime {
		oneTime, err := primitive.GeneratePrivate(rand)
		if err != nil {
			return b, nil, err
		}
		b.OneTime[i], p.OneTimePrekeys[i] = oneTime.Bytes(), primitive.Public(oneTime)
	}
	return b, p, nil
}

// Add takes a batch in and forgets the oldest beyond those that are kept (AMB-ACC-07).
func (k *EpochKeys) Add(b PrekeyBatch) {
	k.Batches = append(slices.Clone(k.Batches), b)
	if extra := len(k.Batches) - keptBatches; extra > 0 {
		k.Batches = k.Batches[extra:]
	}
}

// Clone returns a copy that shares nothing which changes.
func (k *EpochKeys) Clone() *EpochKeys {
	c := *k
	c.Batches = slices.Clone(k.Batches)
	return &c
}

// Signed returns the private key of a signed prekey. It returns refusal.UnknownPrekey.
func (k *EpochKeys) Signed(id uint32) (*ecdh.PrivateKey, error) {
	for _, b := range k.Batches {
		if b.SignedID == id {
			return primitive.PrivateKey([primitive.KeySize]byte(b.Signed)), nil
		}
	}
	return nil, fmt.Errorf("%w: signed prekey %d", refusal.UnknownPrekey, id)
}

// OneTime returns the private key of a one-time prekey, nil for id 0. It returns refusal.UnknownPrekey.
func (k *EpochKeys) OneTime(id uint32) (*ecdh.PrivateKey, error) {
	if id == 0 {
		return nil, nil
	}
	if slot := k.slot(id); slot != nil && *slot != nil {
		return primitive.PrivateKey([primitive.KeySize]byte(*slot)), nil
	}
	return nil, fmt.Errorf("%w: one-time prekey %d", refusal.UnknownPrekey, id)
}

// Use deletes a one-time prekey (AMB-ACC-08).
func (k *EpochKeys) Use(id uint32) {
	if slot := k.slot(id); slot != nil {
		*slot = nil
	}
}

func (k *EpochKeys) slot(id uint32) *[]byte {
	for i := range k.Batches {
		b := &k.Batches[i]
		if id >= b.FirstID && id-b.FirstID < Batch {
			return &b.OneTime[id-b.FirstID]
		}
	}
	return nil
}
