// The operations: each asks the library, and adds no check.
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <signal/hkdf.h>
#include <signal/key_helper.h>
#include <signal/protocol.h>
#include <signal/ratchet.h>
#include <signal/session_builder.h>
#include <signal/session_cipher.h>
#include <signal/session_pre_key.h>
#include <signal/session_record.h>
#include <signal/session_state.h>

#include "shim.h"

// The library exports this function, and no installed header declares it. It is KDF_CK with a seed of one byte.
ssize_t ratchet_chain_key_get_base_material(
    const ratchet_chain_key *chain_key, uint8_t **material, const uint8_t *seed, size_t seed_len);

static cJSON *hello(const cJSON *params)
{
    (void)params;
    cJSON *result = cJSON_CreateObject();
    cJSON_AddNumberToObject(result, "protocol", 1);
    cJSON_AddStringToObject(result, "name", "libsignal-protocol-c");
    cJSON_AddStringToObject(result, "version", VERSION);
    cJSON_AddStringToObject(result, "language", "C");
    const char *profiles[] = {"xeddsa", "x3dh", "ratchet"}, *sets[] = {SET};
    cJSON_AddItemToObject(result, "profiles", cJSON_CreateStringArray(profiles, 3));
    cJSON_AddItemToObject(result, "parameter_sets", cJSON_CreateStringArray(sets, 1));
    cJSON *names = cJSON_AddArrayToObject(result, "operations");
    for (size_t i = 0; i < operation_count; i++)
        cJSON_AddItemToArray(names, cJSON_CreateString(operations[i].name));
    cJSON_AddBoolToObject(result, "injects", true);
    return result;
}

static cJSON *reset(const cJSON *params)
{
    (void)params;
    party_reset();
    return cJSON_CreateObject();
}

// Signatures.

static cJSON *sign(const cJSON *params)
{
    bytes message = required_bytes(params, "message");
    ec_key_pair *pair = key_pair(required_bytes(params, "private_key"));
    inject(optional_bytes(params, "random"));
    signal_buffer *signature;
    check(curve_calculate_signature(context, &signature, ec_key_pair_get_private(pair), message.data, message.len));
    keep(unbuffer, signature);
    cJSON *result = cJSON_CreateObject();
    put_buffer(result, "signature", signature);
    return result;
}

static cJSON *verify(const cJSON *params)
{
    bytes message = required_bytes(params, "message"), signature = required_bytes(params, "signature");
    ec_public_key *key = public_key(required_bytes(params, "public_key"));
    int valid = curve_verify_signature(key, message.data, message.len, signature.data, signature.len);
    if (valid == 0 || valid == SG_ERR_INVAL)
        fail("rejected", "bad-signature", "the signature does not verify");
    check(valid);
    return cJSON_CreateObject();
}

// Agreements.

static void put_agreement(cJSON *result, bytes secret, const ec_public_key *initiator, const ec_public_key *responder)
{
    put_bytes(result, "shared_secret", secret.data, secret.len);
    signal_buffer *first, *second;
    check(ec_public_key_serialize(&first, initiator));
    keep(unbuffer, first);
    check(ec_public_key_serialize(&second, responder));
    keep(unbuffer, second);
    uint8_t both[66];
    memcpy(both, signal_buffer_data(first), 33);
    memcpy(both + 33, signal_buffer_data(second), 33);
    put_bytes(result, "associated_data", both, sizeof both);
}

// process gives a bundle to the library. What a bundle lacks, it lacks for the library too.
static void process(party *p, const signal_protocol_address *peer, const cJSON *params)
{
    const cJSON *b = object(params, "bundle");
    bytes signature = optional_bytes(b, "signature");
    ec_public_key *identity = public_key(optional_bytes(b, "identity")), *signed_pre_key = public_key(optional_bytes(b, "signed_prekey")),
                  *one_time = public_key(optional_bytes(b, "one_time_prekey"));
    session_pre_key_bundle *bundle;
    check(session_pre_key_bundle_create(&bundle, number(b, "registration_id"), DEVICE, number(b, "one_time_prekey_id"), one_time,
        number(b, "signed_prekey_id"), signed_pre_key, signature.data, signature.len, identity));
    keep(unref, bundle);
    session_builder *builder;
    check(session_builder_create(&builder, p->store, peer, context));
    keep((void (*)(void *))session_builder_free, builder);

    int result = session_builder_process_pre_key_bundle(builder, bundle);
    // With keys that were decoded, this is all that the library can mean.
    if (result == SG_ERR_INVALID_KEY || result == SG_ERR_INVAL) {
        if (identity == NULL || signed_pre_key == NULL)
            fail("rejected", "incomplete-bundle", "a key is missing");
        fail("rejected", "bad-signature", *last_log() ? last_log() : "the signature has a wrong length");
    }
    check(result);
}

static session_state *load_state(party *p, const signal_protocol_address *peer)
{
    session_record *record;
    check(signal_protocol_session_load_session(p->store, &record, peer));
    keep(unref, record);
    return session_record_get_state(record);
}

static signal_buffer *chain_bytes(ratchet_chain_key *key)
{
    signal_buffer *b;
    check(ratchet_chain_key_get_key(key, &b));
    keep(unbuffer, b);
    return b;
}

static signal_buffer *root_bytes(ratchet_root_key *key)
{
    signal_buffer *b;
    check(ratchet_root_key_get_key(key, &b));
    keep(unbuffer, b);
    return b;
}

// x3dh_initiate lets a party of its own start a session. The library replaces the root key of the agreement at once by the next
// one, so that the agreement is read where it is computed, from the HMACs of its HKDF; its second half stays in the session.
static cJSON *x3dh_initiate(const cJSON *params)
{
    party *p = party_make(required_bytes(params, "identity_private"), 0);
    const signal_protocol_address peer = {"peer", 4, DEVICE};
    inject(optional_bytes(params, "ephemeral_private"));
    tap("WhisperText");
    process(p, &peer, params);
    session_state *state = load_state(p, &peer);

    bytes secret = tapped();
    ratchet_chain_key *chain = session_state_get_receiver_chain_key(state, public_key(optional_bytes(object(params, "bundle"), "signed_prekey")));
    if (chain == NULL || secret.len != 64 || signal_buffer_len(chain_bytes(chain)) != 32
        || memcmp(signal_buffer_data(chain_bytes(chain)), secret.data + 32, 32) != 0)
        fail("internal", NULL, "the session has another chain key");
    cJSON *result = cJSON_CreateObject();
    put_agreement(result, secret, session_state_get_local_identity_key(state), session_state_get_remote_identity_key(state));
    signal_buffer *ephemeral;
    check(ec_public_key_serialize(&ephemeral, session_state_get_alice_base_key(state)));
    keep(unbuffer, ephemeral);
    put_buffer(result, "ephemeral_key", ephemeral);
    return result;
}

static cJSON *x3dh_respond(const cJSON *params)
{
    bytes one_time = optional_bytes(params, "one_time_prekey_private");
    ec_key_pair *signed_pre_key = key_pair(required_bytes(params, "signed_prekey_private"));
    bob_signal_protocol_parameters *parameters;
    check(bob_signal_protocol_parameters_create(&parameters, identity_pair(required_bytes(params, "identity_private")), signed_pre_key,
        one_time.len > 0 ? key_pair(one_time) : NULL, signed_pre_key, public_key(required_bytes(params, "initiator_identity")),
        public_key(required_bytes(params, "ephemeral_key"))));
    keep(unref, parameters);
    session_state *state;
    check(session_state_create(&state, context));
    keep(unref, state);
    check(ratcheting_session_bob_initialize(state, parameters, context));

    signal_buffer *root = root_bytes(session_state_get_root_key(state)), *chain = chain_bytes(session_state_get_sender_chain_key(state));
    uint8_t secret[64];
    if (signal_buffer_len(root) != 32 || signal_buffer_len(chain) != 32)
        fail("internal", NULL, "keys of another length");
    memcpy(secret, signal_buffer_data(root), 32);
    memcpy(secret + 32, signal_buffer_data(chain), 32);
    cJSON *result = cJSON_CreateObject();
    put_agreement(result, (bytes){secret, sizeof secret}, session_state_get_remote_identity_key(state), session_state_get_local_identity_key(state));
    return result;
}

// Steps of the ratchet.

static hkdf_context *kdf(void)
{
    hkdf_context *k;
    check(hkdf_create(&k, 3, context));
    keep(unref, k);
    return k;
}

static cJSON *ratchet_root(const cJSON *params)
{
    bytes root_key = required_bytes(params, "root_key");
    ratchet_root_key *root, *next_root;
    ratchet_chain_key *chain;
    check(ratchet_root_key_create(&root, kdf(), root_key.data, root_key.len, context));
    keep(unref, root);
    check(ratchet_root_key_create_chain(root, &next_root, &chain, public_key(required_bytes(params, "ratchet_public")),
        ec_key_pair_get_private(key_pair(required_bytes(params, "ratchet_private")))));
    keep(unref, next_root);
    keep(unref, chain);
    cJSON *result = cJSON_CreateObject();
    put_buffer(result, "root_key", root_bytes(next_root));
    put_buffer(result, "chain_key", chain_bytes(chain));
    return result;
}

static ratchet_chain_key *chain_key(bytes key)
{
    ratchet_chain_key *chain;
    check(ratchet_chain_key_create(&chain, kdf(), key.data, key.len, 0, context));
    keep(unref, chain);
    return chain;
}

static void message_key_of(const ratchet_chain_key *chain, uint8_t key[32])
{
    static const uint8_t seed = 0x01;
    uint8_t *material;
    if (check(ratchet_chain_key_get_base_material(chain, &material, &seed, 1)) == 32)
        memcpy(key, material, 32);
    free(material);
}

// expand does for a message key what ratchet_chain_key_get_message_keys does for the next one of its chain.
static ratchet_message_keys expand(bytes message_key)
{
    static const uint8_t salt[32], info[] = "WhisperMessageKeys";
    uint8_t *secrets;
    ssize_t len = check(hkdf_derive_secrets(kdf(), &secrets, message_key.data, message_key.len, salt, sizeof salt, info, sizeof info - 1, 80));
    keep(free, secrets);
    if (len != 80)
        fail("internal", NULL, "keys of another length");
    ratchet_message_keys keys = {.counter = 0};
    memcpy(keys.cipher_key, secrets, 32);
    memcpy(keys.mac_key, secrets + 32, 32);
    memcpy(keys.iv, secrets + 64, 16);
    return keys;
}

// ratchet_chain shows the message key only if the library's own keys come from it.
static cJSON *ratchet_chain(const cJSON *params)
{
    ratchet_chain_key *chain = chain_key(required_bytes(params, "chain_key")), *next;
    uint8_t key[32];
    message_key_of(chain, key);
    ratchet_message_keys own, derived = expand((bytes){key, sizeof key});
    check(ratchet_chain_key_get_message_keys(chain, &own));
    if (memcmp(own.cipher_key, derived.cipher_key, 32) != 0 || memcmp(own.mac_key, derived.mac_key, 32) != 0
        || memcmp(own.iv, derived.iv, 16) != 0)
        fail("internal", NULL, "the library has another message key");
    check(ratchet_chain_key_create_next(chain, &next));
    keep(unref, next);
    cJSON *result = cJSON_CreateObject();
    put_buffer(result, "chain_key", chain_bytes(next));
    put_bytes(result, "message_key", key, sizeof key);
    return result;
}

static cJSON *accumulate(const cJSON *params)
{
    uint32_t steps = number(params, "steps");
    ratchet_chain_key *chain = chain_key(required_bytes(params, "chain_key")), *next;
    SIGNAL_REF(chain); // the loop gives one reference back for each key
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
    for (uint32_t i = 0; i < steps; i++) {
        uint8_t key[32];
        message_key_of(chain, key);
        EVP_DigestUpdate(digest, key, sizeof key);
        check(ratchet_chain_key_create_next(chain, &next));
        SIGNAL_UNREF(chain);
        chain = next;
    }
    keep(unref, chain);
    uint8_t sum[32];
    EVP_DigestFinal_ex(digest, sum, NULL);
    EVP_MD_CTX_free(digest);
    cJSON *result = cJSON_CreateObject();
    put_buffer(result, "chain_key", chain_bytes(chain));
    put_bytes(result, "digest", sum, sizeof sum);
    return result;
}

// identities takes associated data apart. It refuses for the library, which has the two identity keys in its place.
static void identities(const cJSON *params, ec_public_key **sender, ec_public_key **receiver)
{
    bytes ad = required_bytes(params, "associated_data");
    if (ad.len != 66)
        fail("rejected", NULL, "associated data is two identity keys");
    *sender = public_key((bytes){ad.data, 33});
    *receiver = public_key((bytes){ad.data + 33, 33});
}

static cJSON *seal(const cJSON *params)
{
    ec_public_key *sender, *receiver;
    identities(params, &sender, &receiver);
    ratchet_message_keys keys = expand(required_bytes(params, "message_key"));
    signal_buffer *ciphertext;
    check(aes_cbc_encrypt(&ciphertext, keys.cipher_key, keys.iv, required_bytes(params, "plaintext")));
    keep(unbuffer, ciphertext);
    signal_message *message;
    check(signal_message_create(&message, CIPHERTEXT_CURRENT_VERSION, keys.mac_key, sizeof keys.mac_key,
        public_key(required_bytes(params, "ratchet_key")), number(params, "number"), number(params, "previous_length"),
        signal_buffer_data(ciphertext), signal_buffer_len(ciphertext), sender, receiver, context));
    keep(unref, message);
    cJSON *result = cJSON_CreateObject();
    put_buffer(result, "message", ciphertext_message_get_serialized((ciphertext_message *)message));
    return result;
}

static signal_message *parsed(bytes body)
{
    signal_message *message;
    check_parse(signal_message_deserialize(&message, body.data, body.len, context));
    keep(unref, message);
    return message;
}

// open does what a session does when it has the message keys.
static cJSON *open(const cJSON *params)
{
    ec_public_key *sender, *receiver;
    identities(params, &sender, &receiver);
    ratchet_message_keys keys = expand(required_bytes(params, "message_key"));
    signal_message *message = parsed(required_bytes(params, "message"));
    if (check(signal_message_verify_mac(message, sender, receiver, keys.mac_key, sizeof keys.mac_key, context)) != 1)
        fail("rejected", "authentication", "bad MAC");
    signal_buffer *body = signal_message_get_body(message), *plaintext;
    int result = aes_cbc_decrypt(&plaintext, keys.cipher_key, keys.iv, (bytes){signal_buffer_data(body), signal_buffer_len(body)});
    if (result == SG_ERR_INVALID_MESSAGE)
        fail("rejected", "authentication", "bad padding");
    check(result);
    keep(unbuffer, plaintext);
    cJSON *reply = cJSON_CreateObject();
    put_buffer(reply, "plaintext", plaintext);
    return reply;
}

// Parties.

static cJSON *party_new(const cJSON *params)
{
    const char *name = text(params, "party");
    const cJSON *privates = cJSON_GetObjectItemCaseSensitive(params, "one_time_prekey_privates"), *e;
    uint32_t id = number(params, "signed_prekey_id"), count = number(params, "one_time_prekey_count");
    if (count > 10000)
        fail("invalid-request", NULL, "one_time_prekey_count");

    // The order in which the library draws.
    party *p = party_make(optional_bytes(params, "identity_private"), number(params, "registration_id"));
    inject_nothing();
    inject(optional_bytes(params, "signed_prekey_private"));
    inject(optional_bytes(params, "random"));
    ratchet_identity_key_pair *identity;
    check(signal_protocol_identity_get_key_pair(p->store, &identity));
    keep(unref, identity);
    session_signed_pre_key *signed_pre_key;
    check(signal_protocol_key_helper_generate_signed_pre_key(&signed_pre_key, identity, id != 0 ? id : 1, 0, context));
    keep(unref, signed_pre_key);
    check(signal_protocol_signed_pre_key_store_key(p->store, signed_pre_key));

    inject_nothing();
    if (cJSON_GetArraySize(privates) > 0) {
        count = 0;
        cJSON_ArrayForEach(e, privates)
        {
            cJSON *holder = cJSON_CreateObject();
            keep((void (*)(void *))cJSON_Delete, holder);
            cJSON_AddItemToObject(holder, "one_time_prekey_privates", cJSON_Duplicate(e, true));
            inject(required_bytes(holder, "one_time_prekey_privates"));
            count++;
        }
    }
    signal_protocol_key_helper_pre_key_list_node *head = NULL;
    if (count > 0) {
        check(signal_protocol_key_helper_generate_pre_keys(&head, 1, count, context));
        keep((void (*)(void *))signal_protocol_key_helper_key_list_free, head);
    }
    for (signal_protocol_key_helper_pre_key_list_node *n = head; n != NULL; n = signal_protocol_key_helper_key_list_next(n))
        check(signal_protocol_pre_key_store_key(p->store, signal_protocol_key_helper_key_list_element(n)));
    party_add(name, p);

    cJSON *result = cJSON_CreateObject(), *bundle = cJSON_AddObjectToObject(result, "bundle");
    put_bytes(bundle, "identity", p->public_key, sizeof p->public_key);
    signal_buffer *key;
    check(ec_public_key_serialize(&key, ec_key_pair_get_public(session_signed_pre_key_get_key_pair(signed_pre_key))));
    keep(unbuffer, key);
    put_buffer(bundle, "signed_prekey", key);
    cJSON_AddNumberToObject(bundle, "signed_prekey_id", session_signed_pre_key_get_id(signed_pre_key));
    put_bytes(bundle, "signature", session_signed_pre_key_get_signature(signed_pre_key), session_signed_pre_key_get_signature_len(signed_pre_key));
    if (p->registration != 0)
        cJSON_AddNumberToObject(bundle, "registration_id", p->registration);
    if (head != NULL) {
        session_pre_key *first = signal_protocol_key_helper_key_list_element(head);
        check(ec_public_key_serialize(&key, ec_key_pair_get_public(session_pre_key_get_key_pair(first))));
        keep(unbuffer, key);
        put_buffer(bundle, "one_time_prekey", key);
        cJSON_AddNumberToObject(bundle, "one_time_prekey_id", session_pre_key_get_id(first));
    }
    return result;
}

static cJSON *party_export(const cJSON *params)
{
    cJSON *state = party_to_json(party_get(params)), *result = cJSON_CreateObject();
    char *s = cJSON_PrintUnformatted(state);
    put_bytes(result, "state", (const uint8_t *)s, strlen(s));
    free(s);
    cJSON_Delete(state);
    return result;
}

static cJSON *party_import(const cJSON *params)
{
    const char *name = text(params, "party");
    bytes b = required_bytes(params, "state");
    cJSON *state = cJSON_ParseWithLength((const char *)b.data, b.len);
    keep((void (*)(void *))cJSON_Delete, state);
    if (!cJSON_IsObject(state))
        fail("invalid-request", NULL, "the state is not an export");
    party_add(name, party_from_json(state));
    return cJSON_CreateObject();
}

// Sessions.

static cJSON *initiate(const cJSON *params)
{
    inject(optional_bytes(params, "ephemeral_private"));
    inject(optional_bytes(params, "ratchet_private"));
    process(party_get(params), address_of(params), params);
    return cJSON_CreateObject();
}

static session_cipher *cipher(const cJSON *params)
{
    session_cipher *c;
    check(session_cipher_create(&c, party_get(params)->store, address_of(params), context));
    keep((void (*)(void *))session_cipher_free, c);
    return c;
}

static cJSON *encrypt(const cJSON *params)
{
    session_cipher *c = cipher(params);
    bytes plaintext = required_bytes(params, "plaintext");
    // Without a session the library says that it does not know what went wrong.
    if (check(signal_protocol_session_contains_session(party_get(params)->store, address_of(params))) != 1)
        fail("rejected", "not-ready", "no session");
    ciphertext_message *message;
    check(session_cipher_encrypt(c, plaintext.data, plaintext.len, &message));
    keep(unref, message);
    cJSON *result = cJSON_CreateObject(), *envelope = cJSON_AddObjectToObject(result, "envelope");
    cJSON_AddStringToObject(envelope, "kind", ciphertext_message_get_type(message) == CIPHERTEXT_PREKEY_TYPE ? "initial" : "ratchet");
    put_buffer(envelope, "body", ciphertext_message_get_serialized(message));
    return result;
}

// decrypt reads a message of either kind; the library starts a session from an initial message if it has to, and deletes the
// one-time prekey.
static cJSON *decrypt(const cJSON *params)
{
    session_cipher *c = cipher(params);
    const cJSON *envelope = object(params, "envelope");
    bytes body = required_bytes(envelope, "body");
    for (int i = 0; i < 41; i++) // each of the sessions in which the library tries the message draws
        inject(optional_bytes(params, "ratchet_private"));
    signal_buffer *plaintext;
    if (strcmp(text(envelope, "kind"), "initial") == 0) {
        pre_key_signal_message *message;
        check_parse(pre_key_signal_message_deserialize(&message, body.data, body.len, context));
        keep(unref, message);
        check(session_cipher_decrypt_pre_key_signal_message(c, message, NULL, &plaintext));
    } else {
        check(session_cipher_decrypt_signal_message(c, parsed(body), NULL, &plaintext));
    }
    keep(unbuffer, plaintext);
    cJSON *result = cJSON_CreateObject();
    put_buffer(result, "plaintext", plaintext);
    return result;
}

const named_operation operations[] = {
    {"hello", hello},
    {"reset", reset},
    {"xeddsa.sign", sign},
    {"xeddsa.verify", verify},
    {"x3dh.initiate", x3dh_initiate},
    {"x3dh.respond", x3dh_respond},
    {"ratchet.root", ratchet_root},
    {"ratchet.chain", ratchet_chain},
    {"ratchet.seal", seal},
    {"ratchet.open", open},
    {"ratchet.accumulate", accumulate},
    {"party.new", party_new},
    {"party.export", party_export},
    {"party.import", party_import},
    {"session.initiate", initiate},
    {"session.respond", decrypt},
    {"session.encrypt", encrypt},
    {"session.decrypt", decrypt},
};
const size_t operation_count = sizeof operations / sizeof operations[0];
