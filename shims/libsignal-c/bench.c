// The benchmarks of bench/messages_test.go with the library, printed as Go prints them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <signal/key_helper.h>
#include <signal/protocol.h>
#include <signal/session_builder.h>
#include <signal/session_cipher.h>
#include <signal/session_pre_key.h>

#include "shim.h"

// What party.c and provider.c want of main.c. Here an error is the end.

void fail(const char *code, const char *class, const char *message)
{
    fprintf(stderr, "%s: %s: %s\n", code, class != NULL ? class : "", message);
    exit(1);
}

int check(ssize_t result)
{
    if (result < 0) {
        fprintf(stderr, "error %zd of the library: %s\n", result, last_log());
        exit(1);
    }
    return (int)result;
}

int check_parse(int result) { return check(result); }
const char *text(const cJSON *params, const char *name) { (void)params; fail("internal", NULL, name); }
uint32_t number(const cJSON *params, const char *name) { (void)params; fail("internal", NULL, name); }
bytes required_bytes(const cJSON *params, const char *name) { (void)params; fail("internal", NULL, name); }
void put_bytes(cJSON *object, const char *name, const uint8_t *data, size_t len) { (void)object, (void)data, (void)len; fail("internal", NULL, name); }

// The work.

static const uint8_t plaintext[64];

// end is a party with its cipher for the other.
typedef struct {
    party *own;
    signal_protocol_address peer;
    session_cipher *cipher;
} end;

static end alice, bob;
static session_pre_key_bundle *bundle;

static end make(const char *name, const char *peer)
{
    end e = {party_make((bytes){NULL, 0}, 1), {.name = peer, .name_len = strlen(peer), .device_id = DEVICE}, NULL};
    party_add(name, e.own);
    return e;
}

// prepare makes two parties, and the bundle of the second with a one-time prekey.
static void prepare(void)
{
    party_reset();
    release_all();
    alice = make("alice", "bob");
    bob = make("bob", "alice");
    ratchet_identity_key_pair *identity;
    check(signal_protocol_identity_get_key_pair(bob.own->store, &identity));
    keep(unref, identity);
    session_signed_pre_key *signed_key;
    check(signal_protocol_key_helper_generate_signed_pre_key(&signed_key, identity, 1, 0, context));
    keep(unref, signed_key);
    check(signal_protocol_signed_pre_key_store_key(bob.own->store, signed_key));
    signal_protocol_key_helper_pre_key_list_node *one_time;
    check(signal_protocol_key_helper_generate_pre_keys(&one_time, 1, 1, context));
    keep((void (*)(void *))signal_protocol_key_helper_key_list_free, one_time);
    session_pre_key *key = signal_protocol_key_helper_key_list_element(one_time);
    check(signal_protocol_pre_key_store_key(bob.own->store, key));
    check(session_pre_key_bundle_create(&bundle, 1, DEVICE, session_pre_key_get_id(key), ec_key_pair_get_public(session_pre_key_get_key_pair(key)),
        session_signed_pre_key_get_id(signed_key), ec_key_pair_get_public(session_signed_pre_key_get_key_pair(signed_key)),
        session_signed_pre_key_get_signature(signed_key), session_signed_pre_key_get_signature_len(signed_key),
        ratchet_identity_key_pair_get_public(identity)));
    keep(unref, bundle);
}

static void connect_to(end *e)
{
    check(session_cipher_create(&e->cipher, e->own->store, &e->peer, context));
    keep((void (*)(void *))session_cipher_free, e->cipher);
}

static ciphertext_message *encrypt(end *from)
{
    ciphertext_message *m;
    check(session_cipher_encrypt(from->cipher, plaintext, sizeof plaintext, &m));
    return m;
}

static void start(void)
{
    session_builder *builder;
    check(session_builder_create(&builder, alice.own->store, &alice.peer, context));
    check(session_builder_process_pre_key_bundle(builder, bundle));
    session_builder_free(builder);
    connect_to(&alice);
    connect_to(&bob);
    ciphertext_message *m = encrypt(&alice);
    signal_buffer *body = ciphertext_message_get_serialized(m), *out;
    pre_key_signal_message *parsed;
    check(pre_key_signal_message_deserialize(&parsed, signal_buffer_data(body), signal_buffer_len(body), context));
    check(session_cipher_decrypt_pre_key_signal_message(bob.cipher, parsed, NULL, &out));
    unbuffer(out);
    SIGNAL_UNREF(parsed);
    SIGNAL_UNREF(m);
}

static void message(end *from, end *to)
{
    ciphertext_message *m = encrypt(from);
    signal_buffer *body = ciphertext_message_get_serialized(m), *out;
    signal_message *parsed;
    check(signal_message_deserialize(&parsed, signal_buffer_data(body), signal_buffer_len(body), context));
    check(session_cipher_decrypt_signal_message(to->cipher, parsed, NULL, &out));
    unbuffer(out);
    SIGNAL_UNREF(parsed);
    SIGNAL_UNREF(m);
}

static void one_way(void) { message(&alice, &bob); }

static void ping_pong(void)
{
    message(&alice, &bob);
    message(&bob, &alice);
}

// Time.

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

// bench runs the work until it has taken so many nanoseconds. before is not measured.
static void bench(const char *name, void (*before)(void), void (*work)(void), double enough)
{
    long n = 0;
    double took = 0;
    while (took < enough) {
        if (before != NULL)
            before();
        double started = now();
        work();
        took += now() - started;
        n++;
    }
    printf("Benchmark%s/set=signal-v3/impl=libsignal-c %ld %.0f ns/op\n", name, n, took / (double)n);
}

// The flags are those of a Go test binary; the time for one benchmark is taken, such as -test.benchtime=100ms.
int main(int argc, char **argv)
{
    double enough = 1e9;
    for (int i = 1; i < argc; i++) {
        char *unit;
        if (strncmp(argv[i], "-test.benchtime=", 16) == 0) {
            enough = strtod(argv[i] + 16, &unit) * 1e9;
            if (strcmp(unit, "ms") == 0)
                enough /= 1e3;
        }
    }
    provider_start();
    prepare();
    start();
    message(&bob, &alice);
    bench("OneWay", NULL, one_way, enough);
    bench("PingPong", NULL, ping_pong, enough);
    bench("SetUp", prepare, start, enough);
    party_reset();
    release_all();
    signal_context_destroy(context);
}
