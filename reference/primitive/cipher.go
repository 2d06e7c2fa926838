package primitive

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"credence/spec/refusal"
)

// SealChaCha seals with ChaCha20-Poly1305 (SPEC.md 2.3). Key and nonce come from the message key (AMB-KDF-03), and the
// message key seals this one message. The result is appended to dst.
func SealChaCha(dst, mk []byte, info string, plaintext, ad []byte) []byte {
	aead, nonce := chacha(mk, info)
	return aead.Seal(dst, nonce, plaintext, ad)
}

// OpenChaCha opens what SealChaCha made. It returns refusal.Authentication.
func OpenChaCha(mk []byte, info string, sealed, ad []byte) ([]byte, error) {
	aead, nonce := chacha(mk, info)
	plaintext, err := aead.Open(nil, nonce, sealed, ad)
	if err != nil {
		return nil, fmt.Errorf("%w: tag differs", refusal.Authentication)
	}
	return plaintext, nil
}

func chacha(mk []byte, info string) (cipher.AEAD, []byte) {
	keys := HKDF(make([]byte, KeySize), mk, info, chacha20poly1305.KeySize+chacha20poly1305.NonceSize)
	aead, err := chacha20poly1305.New(keys[:chacha20poly1305.KeySize])
	if err != nil {
		panic(err) // only a wrong key size fails
	}
	return aead, keys[chacha20poly1305.KeySize:]
}

// CBCKeys are the keys of one message in the sets with AES-256-CBC and HMAC (AMB-KDF-03).
type CBCKeys struct {
	Encryption []byte // 32 bytes
	MAC        []byte // 32 bytes
	IV         []byte // 16 bytes
}

// DeriveCBC derives the keys of one message from its message key.
func DeriveCBC(mk []byte, info string) CBCKeys {
	k := HKDF(make([]byte, KeySize), mk, info, 80)
	return CBCKeys{Encryption: k[:32:32], MAC: k[32:64:64], IV: k[64:]}
}

// Encrypt is AES-256-CBC with PKCS #7 padding, without the tag.
func (k CBCKeys) Encrypt(plaintext []byte) []byte {
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	padded := append(bytes.Clone(plaintext), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(k.block(), k.IV).CryptBlocks(padded, padded)
	return padded
}

// Decrypt undoes Encrypt, after the tag has been verified. It returns refusal.Authentication if the length or the
// padding is wrong (AMB-AEA-02).
func (k CBCKeys) Decrypt(ciphertext []byte) ([]byte, error) {
	if len(ciphertext) == 0 || len(ciphertext)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("%w: ciphertext of %d bytes", refusal.Authentication, len(ciphertext))
	}
	padded := make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(k.block(), k.IV).CryptBlocks(padded, ciphertext)
	n := int(padded[len(padded)-1])
	if n == 0 || n > aes.BlockSize || !bytes.Equal(padded[len(padded)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, fmt.Errorf("%w: padding", refusal.Authentication)
	}
	return padded[:len(padded)-n], nil
}

func (k CBCKeys) block() cipher.Block {
	b, err := aes.NewCipher(k.Encryption)
	if err != nil {
		panic(err) // only a wrong key size fails
	}
	return b
}

// Tag is HMAC-SHA-256 over the parts, truncated to size bytes.
func (k CBCKeys) Tag(size int, parts ...[]byte) []byte { return HMAC(k.MAC, parts...)[:size] }

// VerifyTag compares in constant time, over the full size of the set (AMB-AEA-01). It returns refusal.Authentication.
func (k CBCKeys) VerifyTag(tag []byte, size int, parts ...[]byte) error {
	if !hmac.Equal(tag, k.Tag(size, parts...)) {
		return fmt.Errorf("%w: tag differs", refusal.Authentication)
	}
	return nil
}
