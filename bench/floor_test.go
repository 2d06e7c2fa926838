package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"

	"filippo.io/edwards25519/field"
	"golang.org/x/crypto/chacha20poly1305"
)

// The floor is what a step costs that does nothing but its primitives: the functions of this file, straight from the
// libraries, with sizes as in the messages that the reference makes. It keeps no state that can be wrong, checks
// nothing but signatures and tags, and is of no use but as a measure.

// must returns the value of a call that cannot fail here.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func floorDraw() *ecdh.PrivateKey {
	k := make([]byte, 32)
	rand.Read(k)
	return must(ecdh.X25519().NewPrivateKey(k))
}

func floorDH(k *ecdh.PrivateKey, public []byte) []byte {
	return must(k.ECDH(must(ecdh.X25519().NewPublicKey(public))))
}

func floorHKDF(salt, ikm []byte, info string, size int) []byte {
	return must(hkdf.Key(sha256.New, ikm, salt, info, size))
}

func floorRoot(rk, dh []byte, info string) (root, chain []byte) {
	out := floorHKDF(rk, dh, info, 64)
	return out[:32], out[32:]
}

func floorChain(ck []byte) (next, mk []byte) {
	h := hmac.New(sha256.New, ck)
	h.Write([]byte{1})
	mk = h.Sum(nil)
	h.Reset()
	h.Write([]byte{2})
	return h.Sum(nil), mk
}

var zeros [32]byte

// floorCipher is the cipher of a parameter set.
type floorCipher struct {
	seal func(mk, ad, plaintext []byte) []byte
	open func(mk, ad, sealed []byte) []byte
}

var floorChaCha = floorCipher{
	seal: func(mk, ad, plaintext []byte) []byte {
		k := floorHKDF(zeros[:], mk, "ambassador-v1 message", 44)
		return must(chacha20poly1305.New(k[:32])).Seal(nil, k[32:], plaintext, ad)
	},
	open: func(mk, ad, sealed []byte) []byte {
		k := floorHKDF(zeros[:], mk, "ambassador-v1 message", 44)
		return must(must(chacha20poly1305.New(k[:32])).Open(nil, k[32:], sealed, ad))
	},
}

// floorCBC is AES-256-CBC with HMAC, and a tag of 8 bytes.
func floorCBC(info string) floorCipher {
	tag := func(key, ad, ciphertext []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(ad)
		h.Write(ciphertext)
		return h.Sum(nil)[:8]
	}
	return floorCipher{
		seal: func(mk, ad, plaintext []byte) []byte {
			k := floorHKDF(zeros[:], mk, info, 80)
			pad := 16 - len(plaintext)%16
			sealed := append(plaintext[:len(plaintext):len(plaintext)], bytes.Repeat([]byte{byte(pad)}, pad)...)
			cipher.NewCBCEncrypter(must(aes.NewCipher(k[:32])), k[64:]).CryptBlocks(sealed, sealed)
			return append(sealed, tag(k[32:64], ad, sealed)...)
		},
		open: func(mk, ad, sealed []byte) []byte {
			k := floorHKDF(zeros[:], mk, info, 80)
			ciphertext := sealed[:len(sealed)-8]
			if !hmac.Equal(sealed[len(sealed)-8:], tag(k[32:64], ad, ciphertext)) {
				panic("tag")
			}
			plaintext := make([]byte, len(ciphertext))
			cipher.NewCBCDecrypter(must(aes.NewCipher(k[:32])), k[64:]).CryptBlocks(plaintext, ciphertext)
			return plaintext[:len(plaintext)-int(plaintext[len(plaintext)-1])]
		},
	}
}

// floorVerify is the verification of a signature with an X25519 key: the conversion of the key, and Ed25519.
func floorVerify(public, message, signature []byte) {
	one := new(field.Element).One()
	u := must(new(field.Element).SetBytes(public))
	numerator := new(field.Element).Subtract(u, one)
	denominator := new(field.Element).Invert(new(field.Element).Add(u, one))
	if !ed25519.Verify(new(field.Element).Multiply(numerator, denominator).Bytes(), message, signature) {
		panic("signature")
	}
}
