package adversary

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

// opener tries one message key on many messages (SPEC.md 2.3): what follows from the key alone is computed once.
type opener struct {
	mk   []byte
	set  *Set   // for which the rest was derived
	room []byte // for plaintexts

	aead  cipher.AEAD // ChaCha20-Poly1305
	nonce []byte

	key, iv []byte // AES-CBC
	mac     hash.Hash
}

// opens reports whether the message key opens a message. The plaintext is good until the next trial of any opener of
// the attacker: nearly all trials fail, and need no memory of their own.
func (o *opener) opens(m *Message) ([]byte, bool) {
	set := m.Session.Set
	if o.set != set {
		o.derive(set)
	}
	if m.authenticated == nil {
		m.authenticate()
	}
	if set.Cipher == ChaCha20Poly1305 {
		plaintext, err := o.aead.Open(o.room, o.nonce, m.sealed, m.authenticated)
		return plaintext, err == nil
	}
	o.mac.Reset()
	o.mac.Write(m.authenticated)
	if !hmac.Equal(o.mac.Sum(o.room)[:set.TagSize], m.parsed.tag) {
		return nil, false
	}
	return o.decrypt(m.sealed)
}

// derive is AMB-KDF-03.
func (o *opener) derive(set *Set) {
	o.set = set
	if set.Cipher == AESCBC {
		keys := derive(zeros, o.mk, set.MessageInfo, 80)
		o.key, o.mac, o.iv = keys[:32], hmac.New(sha256.New, keys[32:64]), keys[64:]
		return
	}
	keys := derive(zeros, o.mk, set.MessageInfo, 44)
	aead, err := chacha20poly1305.New(keys[:32])
	if err != nil {
		panic(err) // only a wrong size fails
	}
	o.aead, o.nonce = aead, keys[32:]
}

// decrypt is AES-256-CBC. It takes off the PKCS #7 padding and does not look at it: whoever sees the bytes has read the
// message, whether its reader takes it or not.
func (o *opener) decrypt(ciphertext []byte) ([]byte, bool) {
	if len(ciphertext) == 0 || len(ciphertext)%aes.BlockSize != 0 {
		return nil, false
	}
	block, err := aes.NewCipher(o.key)
	if err != nil {
		panic(err) // only a wrong size fails
	}
	padded := append(o.room, ciphertext...)
	cipher.NewCBCDecrypter(block, o.iv).CryptBlocks(padded, padded)
	end := len(padded) - int(padded[len(padded)-1])
	return padded[:max(end, 0)], true
}

// authenticate prepares what message keys are tried on (SPEC.md 5.6): what a tag is over besides the ciphertext, and
// what ends in the tag; with AES-CBC everything that the tag is over, and the ciphertext.
func (m *Message) authenticate() {
	p := m.parsed
	if m.Session.Set.Cipher == AESCBC {
		m.authenticated, m.sealed = slices.Concat(m.associatedData(), p.body), p.ciphertext
		return
	}
	header := p.body[:len(p.body)-len(p.ciphertext)]
	m.authenticated, m.sealed = slices.Concat(m.associatedData(), header), slices.Concat(p.ciphertext, p.tag)
}

// associatedData is AD in the order of the message, and the context.
func (m *Message) associatedData() []byte {
	ad := m.Session.AD
	if half := len(ad) / 2; m.Session.Set.SenderFirst && !m.Initiator {
		ad = slices.Concat(ad[half:], ad[:half])
	}
	return slices.Concat(ad, m.Context)
}
