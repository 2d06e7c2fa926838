package primitive

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
)

// HKDF is HKDF-SHA-256 (RFC 5869) with extract and expand, length bytes.
func HKDF(salt, ikm []byte, info string, length int) []byte {
	out, err := hkdf.Key(sha256.New, ikm, salt, info, length)
	if err != nil {
		panic(err) // only a length above 255*32 fails, and every caller's is a constant
	}
	return out
}

// HMAC is HMAC-SHA-256: 32 bytes.
func HMAC(key []byte, data ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, d := range data {
		h.Write(d)
	}
	return h.Sum(nil)
}

// KDFRK is KDF_RK (AMB-KDF-01): the next root key and a chain key, 32 bytes each.
func KDFRK(rk, dh []byte, info string) (root, chain []byte) {
	out := HKDF(rk, dh, info, 2*KeySize)
	return out[:KeySize:KeySize], out[KeySize:]
}

// KDFCK is KDF_CK (AMB-KDF-02): the next chain key and a message key, 32 bytes each.
func KDFCK(ck []byte) (next, mk []byte) {
	h := hmac.New(sha256.New, ck)
	h.Write([]byte{1})
	mk = h.Sum(nil)
	h.Reset()
	h.Write([]byte{2})
	return h.Sum(nil), mk
}
