// The primitives that the library leaves to the application, from OpenSSL, and randomness that can be injected.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "shim.h"

signal_context *context;

// Randomness: one injected value a draw.

static bytes queue[256];
static size_t queue_first, queue_len;

void inject(bytes value)
{
    if (queue_len < sizeof queue / sizeof queue[0])
        queue[queue_len++] = value;
}

void inject_nothing(void) { queue_first = queue_len = 0; }

static int random_bytes(uint8_t *data, size_t len, void *unused)
{
    (void)unused;
    if (len > INT_MAX || RAND_bytes(data, (int)len) != 1)
        return SG_ERR_UNKNOWN;
    if (queue_first < queue_len) {
        bytes next = queue[queue_first++];
        if (next.len > 0)
            memcpy(data, next.data, next.len < len ? next.len : len);
    }
    return SG_SUCCESS;
}

// HMAC, with a tap on the blocks of an HKDF.

static EVP_MAC *hmac;
static const char *tap_info;
static uint8_t tap_out[256];
static size_t tap_len;

void tap(const char *info)
{
    tap_info = info;
    tap_len = 0;
}

bytes tapped(void) { return (bytes){tap_out, tap_len}; }

typedef struct {
    EVP_MAC_CTX *mac;
    bool tapped; // the info of the tap went in
} hmac_context;

static void hmac_cleanup(void *c, void *unused)
{
    (void)unused;
    hmac_context *h = c;
    if (h != NULL)
        EVP_MAC_CTX_free(h->mac);
    free(h);
}

static int hmac_init(void **c, const uint8_t *key, size_t key_len, void *unused)
{
    static const uint8_t zero[32]; // HMAC fills a key up with zeros, so that this is the empty key
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
    if (key_len == 0) {
        key = zero;
        key_len = sizeof zero;
    }
    hmac_context *h = calloc(1, sizeof *h);
    if (h == NULL)
        return SG_ERR_NOMEM;
    h->mac = EVP_MAC_CTX_new(hmac);
    if (h->mac == NULL || EVP_MAC_init(h->mac, key, key_len, params) != 1) {
        hmac_cleanup(h, unused);
        return SG_ERR_UNKNOWN;
    }
    *c = h;
    return SG_SUCCESS;
}

static int hmac_update(void *c, const uint8_t *data, size_t len, void *unused)
{
    (void)unused;
    hmac_context *h = c;
    if (tap_info != NULL && len == strlen(tap_info) && memcmp(data, tap_info, len) == 0)
        h->tapped = true;
    return EVP_MAC_update(h->mac, data, len) == 1 ? SG_SUCCESS : SG_ERR_UNKNOWN;
}

static int hmac_final(void *c, signal_buffer **output, void *unused)
{
    (void)unused;
    hmac_context *h = c;
    uint8_t mac[32];
    size_t len;
    if (EVP_MAC_final(h->mac, mac, &len, sizeof mac) != 1)
        return SG_ERR_UNKNOWN;
    if (h->tapped && tap_len + len <= sizeof tap_out) {
        memcpy(tap_out + tap_len, mac, len);
        tap_len += len;
    }
    *output = signal_buffer_create(mac, len);
    return *output == NULL ? SG_ERR_NOMEM : SG_SUCCESS;
}

// SHA-512.

static int sha512_init(void **c, void *unused)
{
    (void)unused;
    EVP_MD_CTX *d = EVP_MD_CTX_new();
    if (d == NULL || EVP_DigestInit_ex(d, EVP_sha512(), NULL) != 1) {
        EVP_MD_CTX_free(d);
        return SG_ERR_UNKNOWN;
    }
    *c = d;
    return SG_SUCCESS;
}

static int sha512_update(void *c, const uint8_t *data, size_t len, void *unused)
{
    (void)unused;
    return EVP_DigestUpdate(c, data, len) == 1 ? SG_SUCCESS : SG_ERR_UNKNOWN;
}

static int sha512_final(void *c, signal_buffer **output, void *unused)
{
    (void)unused;
    uint8_t digest[64];
    if (EVP_DigestFinal_ex(c, digest, NULL) != 1 || EVP_DigestInit_ex(c, EVP_sha512(), NULL) != 1)
        return SG_ERR_UNKNOWN;
    *output = signal_buffer_create(digest, sizeof digest);
    return *output == NULL ? SG_ERR_NOMEM : SG_SUCCESS;
}

static void sha512_cleanup(void *c, void *unused)
{
    (void)unused;
    EVP_MD_CTX_free(c);
}

// AES.

static const EVP_CIPHER *mode(int cipher, size_t key_len)
{
    if (key_len != 32)
        return NULL;
    if (cipher == SG_CIPHER_AES_CBC_PKCS5)
        return EVP_aes_256_cbc();
    return cipher == SG_CIPHER_AES_CTR_NOPADDING ? EVP_aes_256_ctr() : NULL;
}

static int aes(int encrypt, signal_buffer **output, int cipher, bytes key, bytes iv, bytes in)
{
    const EVP_CIPHER *m = mode(cipher, key.len);
    if (m == NULL || iv.len != 16 || in.len > INT_MAX - 16)
        return SG_ERR_INVAL;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t *out = malloc(in.len + 16);
    int result = SG_ERR_UNKNOWN, n = 0, rest = 0;
    if (c != NULL && out != NULL && EVP_CipherInit_ex(c, m, NULL, key.data, iv.data, encrypt) == 1
        && (in.len == 0 || EVP_CipherUpdate(c, out, &n, in.data, (int)in.len) == 1)) {
        // With a key and an iv that are good, only the padding or the length of a ciphertext can fail here.
        result = EVP_CipherFinal_ex(c, out + n, &rest) == 1 ? SG_SUCCESS : SG_ERR_INVALID_MESSAGE;
    }
    if (result == SG_SUCCESS) {
        *output = signal_buffer_create(out, (size_t)(n + rest));
        if (*output == NULL)
            result = SG_ERR_NOMEM;
    }
    free(out);
    EVP_CIPHER_CTX_free(c);
    return result;
}

static int encrypt(signal_buffer **output, int cipher, const uint8_t *key, size_t key_len, const uint8_t *iv, size_t iv_len,
    const uint8_t *plaintext, size_t plaintext_len, void *unused)
{
    (void)unused;
    return aes(1, output, cipher, (bytes){key, key_len}, (bytes){iv, iv_len}, (bytes){plaintext, plaintext_len});
}

static int decrypt(signal_buffer **output, int cipher, const uint8_t *key, size_t key_len, const uint8_t *iv, size_t iv_len,
    const uint8_t *ciphertext, size_t ciphertext_len, void *unused)
{
    (void)unused;
    return aes(0, output, cipher, (bytes){key, key_len}, (bytes){iv, iv_len}, (bytes){ciphertext, ciphertext_len});
}

int aes_cbc_encrypt(signal_buffer **output, const uint8_t key[32], const uint8_t iv[16], bytes plaintext)
{
    return aes(1, output, SG_CIPHER_AES_CBC_PKCS5, (bytes){key, 32}, (bytes){iv, 16}, plaintext);
}

int aes_cbc_decrypt(signal_buffer **output, const uint8_t key[32], const uint8_t iv[16], bytes ciphertext)
{
    return aes(0, output, SG_CIPHER_AES_CBC_PKCS5, (bytes){key, 32}, (bytes){iv, 16}, ciphertext);
}

// The log of the library says more than its error codes.

static char log_line[256];

static void note_log(int level, const char *message, size_t len, void *unused)
{
    (void)unused;
    if (level <= SG_LOG_NOTICE)
        snprintf(log_line, sizeof log_line, "%.*s", (int)(len < 200 ? len : 200), message);
}

const char *last_log(void) { return log_line; }
void forget_log(void) { log_line[0] = '\0'; }

void provider_start(void)
{
    const signal_crypto_provider provider = {
        .random_func = random_bytes,
        .hmac_sha256_init_func = hmac_init,
        .hmac_sha256_update_func = hmac_update,
        .hmac_sha256_final_func = hmac_final,
        .hmac_sha256_cleanup_func = hmac_cleanup,
        .sha512_digest_init_func = sha512_init,
        .sha512_digest_update_func = sha512_update,
        .sha512_digest_final_func = sha512_final,
        .sha512_digest_cleanup_func = sha512_cleanup,
        .encrypt_func = encrypt,
        .decrypt_func = decrypt,
    };
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (hmac == NULL || signal_context_create(&context, NULL) < 0 || signal_context_set_crypto_provider(context, &provider) < 0
        || signal_context_set_log_function(context, note_log) < 0) {
        fprintf(stderr, "cannot start the library\n");
        exit(1);
    }
}
