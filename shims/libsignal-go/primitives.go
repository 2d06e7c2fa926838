package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"

	"credence/shim"

	"go.mau.fi/libsignal/cipher"
	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/kdf"
	"go.mau.fi/libsignal/keys/chain"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/message"
	"go.mau.fi/libsignal/keys/root"
	keys "go.mau.fi/libsignal/keys/session"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/ratchet"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/signalerror"
)

func (t *target) sign(_ context.Context, p *shim.Params) *shim.Result {
	t.random.add(p.Random)
	signature := ecc.CalculateSignature(ecc.CreateKeyPair(p.PrivateKey).PrivateKey(), p.Message)
	return &shim.Result{Signature: signature[:]}
}

func (t *target) verify(_ context.Context, p *shim.Params) *shim.Result {
	check(publicKey(p.PublicKey), p.Message, signature(p.Signature))
	return &shim.Result{}
}

func check(signer ecc.ECPublicKeyable, message []byte, signature [64]byte) {
	if !ecc.VerifySignature(signer, message, signature) {
		must(signalerror.ErrInvalidSignature)
	}
}

// signature refuses for the library, which takes an array and so has no other length.
func signature(b []byte) [64]byte {
	if len(b) != 64 {
		must(errors.New("a signature has 64 bytes"))
	}
	return [64]byte(b)
}

func publicKey(b []byte) ecc.ECPublicKeyable { return try(ecc.DecodePoint(b, 0)) }

func identityPair(private []byte) *identity.KeyPair {
	pair := ecc.CreateKeyPair(private)
	return identity.NewKeyPair(identity.NewKey(pair.PublicKey()), pair.PrivateKey())
}

// agreeAsInitiator checks the bundle as session.Builder.ProcessBundle does.
func (t *target) agreeAsInitiator(_ context.Context, p *shim.Params) *shim.Result {
	t.random.add(p.EphemeralPrivate)
	b, own := bundle(p.Bundle), identityPair(p.IdentityPrivate)
	if b.SignedPreKey() == nil {
		must(signalerror.ErrNoSignedPreKey)
	}
	check(b.IdentityKey().PublicKey(), b.SignedPreKey().Serialize(), b.SignedPreKeySignature())
	ephemeral := try(ecc.GenerateKeyPair())
	result := agreed(own.PublicKey(), b.IdentityKey(), try(ratchet.CalculateSenderSession(ratchet.NewSenderParameters(
		own, ephemeral, b.IdentityKey(), b.SignedPreKey(), b.SignedPreKey(), b.PreKey()))))
	result.EphemeralKey = ephemeral.PublicKey().Serialize()
	return result
}

func (t *target) agreeAsResponder(_ context.Context, p *shim.Params) *shim.Result {
	own, signed := identityPair(p.IdentityPrivate), ecc.CreateKeyPair(p.SignedPrekeyPrivate)
	var oneTime *ecc.ECKeyPair
	if len(p.OneTimePrekeyPrivate) > 0 {
		oneTime = ecc.CreateKeyPair(p.OneTimePrekeyPrivate)
	}
	initiator := identity.NewKey(publicKey(p.InitiatorIdentity))
	return agreed(initiator, own.PublicKey(), try(ratchet.CalculateReceiverSession(ratchet.NewReceiverParameters(
		own, signed, oneTime, signed, publicKey(p.EphemeralKey), initiator))))
}

func agreed(initiator, responder *identity.Key, k *keys.KeyPair) *shim.Result {
	return &shim.Result{
		SharedSecret:   slices.Concat(k.RootKey.Bytes(), k.ChainKey.Key()),
		AssociatedData: slices.Concat(initiator.Serialize(), responder.Serialize()),
	}
}

func (t *target) stepRoot(_ context.Context, p *shim.Params) *shim.Result {
	own := ecc.CreateKeyPair(p.RatchetPrivate)
	k := try(root.NewKey(kdf.DeriveSecrets, p.RootKey).CreateChain(publicKey(p.RatchetPublic), own))
	return &shim.Result{RootKey: k.RootKey.Bytes(), ChainKey: k.ChainKey.Key()}
}

// stepChain shows the message key, which the library keeps to itself, only if the library's own keys come from it.
func (t *target) stepChain(_ context.Context, p *shim.Params) *shim.Result {
	k := chain.NewKey(kdf.DeriveSecrets, p.ChainKey, 0)
	if !bytes.Equal(expand(messageKey(k)).CipherKey(), k.MessageKeys().CipherKey()) {
		must(&shim.Error{Code: shim.Internal, Message: "the library has another message key"})
	}
	return &shim.Result{ChainKey: k.NextKey().Key(), MessageKey: messageKey(k)}
}

func (t *target) accumulate(_ context.Context, p *shim.Params) *shim.Result {
	k, digest := chain.NewKey(kdf.DeriveSecrets, p.ChainKey, 0), sha256.New()
	for range p.Steps {
		digest.Write(messageKey(k))
		k = k.NextKey()
	}
	return &shim.Result{ChainKey: k.Key(), Digest: digest.Sum(nil)}
}

func messageKey(k *chain.Key) []byte { return k.BaseMaterial([]byte{0x01}) }

// expand does for a message key what chain.Key.MessageKeys does for the next one of its chain.
func expand(messageKey []byte) *message.Keys {
	b := try(kdf.DeriveSecrets(messageKey, nil, []byte(message.KdfSalt), message.DerivedSecretsSize))
	return message.NewKeys(b[:32], b[32:64], b[64:], 0)
}

func (t *target) seal(_ context.Context, p *shim.Params) *shim.Result {
	sender, receiver := identities(p.AssociatedData)
	k := expand(p.MessageKey)
	m := try(protocol.NewSignalMessage(
		protocol.CurrentVersion, p.Number, p.PreviousLength, k.MacKey(), publicKey(p.RatchetKey),
		try(cipher.EncryptCbc(k.Iv(), k.CipherKey(), p.Plaintext)), sender, receiver, serializer.SignalMessage))
	return &shim.Result{Message: m.Serialize()}
}

// open does what session.Cipher.DecryptWithState does when it has the message keys.
func (t *target) open(ctx context.Context, p *shim.Params) *shim.Result {
	sender, receiver := identities(p.AssociatedData)
	k, m := expand(p.MessageKey), try(protocol.NewSignalMessageFromBytes(p.Message, serializer.SignalMessage))
	must(m.VerifyMac(m.MessageVersion(), sender, receiver, k.MacKey()))
	return plaintext(new(session.Cipher).DecryptWithKey(ctx, m, k))
}

// identities takes associated data apart. It refuses for the library, which has the two identity keys in its place.
func identities(associatedData []byte) (sender, receiver *identity.Key) {
	if len(associatedData) != 2*ecc.KeySize {
		must(errors.New("associated data is two identity keys"))
	}
	return identity.NewKey(publicKey(associatedData[:ecc.KeySize])),
		identity.NewKey(publicKey(associatedData[ecc.KeySize:]))
}

func plaintext(b shim.Bytes, err error) *shim.Result {
	return &shim.Result{Plaintext: new(try(b, err))}
}
