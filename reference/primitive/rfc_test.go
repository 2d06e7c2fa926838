package primitive_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/primitive"
	"credence/spec/refusal"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return b
}

// RFC 7748, section 5.2, the first test vector.
func TestDH(t *testing.T) {
	k := unhex(t, "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
	u := unhex(t, "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
	dh, err := primitive.DH(primitive.PrivateKey([32]byte(k)), primitive.PublicKey(u))
	require.NoError(t, err)
	require.Equal(t, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552", hex.EncodeToString(dh))
}

// RFC 5869, appendix A.1.
func TestHKDF(t *testing.T) {
	ikm := unhex(t, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b")
	salt, info := unhex(t, "000102030405060708090a0b0c"), unhex(t, "f0f1f2f3f4f5f6f7f8f9")
	require.Equal(t, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
		hex.EncodeToString(primitive.HKDF(salt, ikm, string(info), 42)))
}

// RFC 4231, section 4.3; the parts are one string.
func TestHMAC(t *testing.T) {
	mac := primitive.HMAC([]byte("Jefe"), []byte("what do ya want "), []byte("for nothing?"))
	require.Equal(t, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", hex.EncodeToString(mac))
}

// AMB-KDF-01 and AMB-KDF-02.
func TestRatchetKDFs(t *testing.T) {
	key, dh := []byte("a root or chain key of 32 bytes "), []byte("the output of a DH in 32 bytes  ")
	root, chain := primitive.KDFRK(key, dh, "info")
	require.Equal(t, primitive.HKDF(key, dh, "info", 64), append(root, chain...))
	next, mk := primitive.KDFCK(key)
	require.Equal(t, primitive.HMAC(key, []byte{2}), next)
	require.Equal(t, primitive.HMAC(key, []byte{1}), mk)
}

// What was sealed opens, and nothing else does: another tag, message key, info or associated data.
func TestChaCha(t *testing.T) {
	mk, ad, text := make([]byte, 32), []byte("associated data"), []byte("plaintext")
	sealed := primitive.SealChaCha([]byte("header"), mk, "info", text, ad)
	require.Equal(t, "header", string(sealed[:6]))
	sealed = sealed[6:]
	opened, err := primitive.OpenChaCha(mk, "info", sealed, ad)
	require.NoError(t, err)
	require.Equal(t, text, opened)
	for i := range sealed {
		changed := append([]byte{}, sealed...)
		changed[i] ^= 1
		_, err := primitive.OpenChaCha(mk, "info", changed, ad)
		require.ErrorIs(t, err, refusal.Authentication)
	}
	_, err = primitive.OpenChaCha(append(mk[:31:31], 1), "info", sealed, ad)
	require.ErrorIs(t, err, refusal.Authentication)
	_, err = primitive.OpenChaCha(mk, "other", sealed, ad)
	require.ErrorIs(t, err, refusal.Authentication)
	_, err = primitive.OpenChaCha(mk, "info", sealed, nil)
	require.ErrorIs(t, err, refusal.Authentication)
}

// AMB-KDF-03: the parts of the output and their order.
func TestDeriveCBC(t *testing.T) {
	mk := []byte("a message key with its 32 bytes ")
	k := primitive.DeriveCBC(mk, "info")
	require.Equal(t, primitive.HKDF(make([]byte, 32), mk, "info", 80), append(append(k.Encryption, k.MAC...), k.IV...))
	require.Len(t, k.Encryption, 32)
	require.Len(t, k.MAC, 32)
	require.Len(t, k.IV, 16)
}

// Plaintexts of every length modulo the block size come back; the length and the padding are checked (AMB-AEA-02).
func TestCBC(t *testing.T) {
	k := primitive.DeriveCBC(make([]byte, 32), "info")
	text := []byte("thirty-three bytes of a plaintext")
	for n := range text {
		sealed := k.Encrypt(text[:n])
		require.Len(t, sealed, n/16*16+16)
		opened, err := k.Decrypt(sealed)
		require.NoError(t, err)
		require.Equal(t, text[:n], opened)
	}
	padded := k.Encrypt(text[:20])
	padded[15] ^= 1 // flips the last byte of the padding in the next block
	for name, sealed := range map[string][]byte{"empty": {}, "no whole block": make([]byte, 17), "padding": padded} {
		_, err := k.Decrypt(sealed)
		require.ErrorIs(t, err, refusal.Authentication, name)
	}
}

// AMB-AEA-01: the tag is compared over its full length.
func TestTag(t *testing.T) {
	k := primitive.DeriveCBC(make([]byte, 32), "info")
	tag := k.Tag(8, []byte("a"), []byte("b"))
	require.Equal(t, primitive.HMAC(k.MAC, []byte("ab"))[:8], tag)
	require.NoError(t, k.VerifyTag(tag, 8, []byte("ab")))
	require.ErrorIs(t, k.VerifyTag(tag, 8, []byte("ac")), refusal.Authentication)
	require.ErrorIs(t, k.VerifyTag(tag[:7], 8, []byte("ab")), refusal.Authentication)
	tag[7] ^= 1
	require.ErrorIs(t, k.VerifyTag(tag, 8, []byte("ab")), refusal.Authentication)
}
