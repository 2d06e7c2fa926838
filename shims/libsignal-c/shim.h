// libsignal-protocol-c behind the shim protocol of Credence: docs/shim-protocol.md.
#ifndef SHIM_H
#define SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cjson/cJSON.h>
#include <signal/curve.h>
#include <signal/signal_protocol.h>

#define VERSION "2.3.3" // of the library; its headers do not say it
#define SET "signal-v3"

// Parts of main.c: the protocol.

typedef struct {
    const uint8_t *data; // null if the field is absent
    size_t len;
} bytes;

typedef cJSON *(*operation)(const cJSON *params);

typedef struct {
    const char *name;
    operation run;
} named_operation;

extern const named_operation operations[];
extern const size_t operation_count;

// fail ends the request with an error; class may be null.
_Noreturn void fail(const char *code, const char *class, const char *message);

// check ends the request if the result is an error of the library; check_parse does for what only parses.
int check(ssize_t result);
int check_parse(int result);

const char *text(const cJSON *params, const char *name); // required
bytes optional_bytes(const cJSON *params, const char *name);
bytes required_bytes(const cJSON *params, const char *name);
uint32_t number(const cJSON *params, const char *name); // 0 if absent
const cJSON *object(const cJSON *params, const char *name); // required

void put_bytes(cJSON *object, const char *name, const uint8_t *data, size_t len);
void put_buffer(cJSON *object, const char *name, signal_buffer *buffer);

// Parts of pool.c.

// keep releases p when the request has ended, however it ends.
void keep(void (*release)(void *), void *p);
void release_all(void); // the end of a request
void unref(void *p); // for keep: a reference to an object of the library
void unbuffer(void *p); // for keep: a signal_buffer

// Parts of provider.c: the primitives that the library asks for.

extern signal_context *context;

void provider_start(void);
void inject(bytes value); // the next draw of randomness gives the value, or fresh bytes if it is empty
void inject_nothing(void);
const char *last_log(void); // what the library has logged last in this request; empty if nothing
void forget_log(void);

// tap notes what HKDF gives for an info: all blocks of it. The library hides the first root key of an initiator.
void tap(const char *info);
bytes tapped(void);

int aes_cbc_encrypt(signal_buffer **output, const uint8_t key[32], const uint8_t iv[16], bytes plaintext);
int aes_cbc_decrypt(signal_buffer **output, const uint8_t key[32], const uint8_t iv[16], bytes ciphertext);

// Parts of party.c: parties and their stores.

typedef struct entry {
    struct entry *next;
    char *name; // or null, and then
    uint32_t id;
    uint8_t *data;
    size_t len;
} entry;

typedef struct party {
    struct party *next;
    char *name;
    uint8_t private_key[32], public_key[33];
    uint32_t registration;
    entry *pre_keys, *signed_pre_keys, *sessions, *trusted;
    signal_protocol_store_context *store;
} party;

#define DEVICE 1 // every party has one

party *party_make(bytes private_key, uint32_t registration); // in no list; kept for the request only
void party_add(const char *name, party *p); // takes a party that was made into the list
party *party_get(const cJSON *params);
void party_reset(void);
cJSON *party_to_json(const party *p);
party *party_from_json(const cJSON *state);
signal_protocol_address *address_of(const cJSON *params);

// Keys, as the library holds them, released when the request has ended.

ec_public_key *public_key(bytes b); // null for absent bytes
ec_key_pair *key_pair(bytes private_key);
ratchet_identity_key_pair *identity_pair(bytes private_key);

#endif
