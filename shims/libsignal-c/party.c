// Parties: the stores that the library wants, in memory, with everything in the library's own serial form.
#include <stdlib.h>
#include <string.h>

#include <signal/key_helper.h>
#include <signal/ratchet.h>

#include "shim.h"

static party *parties;

// Lists.

static bool is(const entry *e, const char *name, size_t name_len, uint32_t id)
{
    if (name == NULL)
        return e->name == NULL && e->id == id;
    return e->name != NULL && strlen(e->name) == name_len && memcmp(e->name, name, name_len) == 0;
}

static entry *find(entry *list, const char *name, size_t name_len, uint32_t id)
{
    while (list != NULL && !is(list, name, name_len, id))
        list = list->next;
    return list;
}

static void entry_free(entry *e)
{
    free(e->name);
    free(e->data);
    free(e);
}

static bool drop(entry **list, const char *name, size_t name_len, uint32_t id)
{
    for (; *list != NULL; list = &(*list)->next) {
        if (is(*list, name, name_len, id)) {
            entry *e = *list;
            *list = e->next;
            entry_free(e);
            return true;
        }
    }
    return false;
}

// put sets the data under a name or an id, in its place if it is there and else at the end of the list.
static int put(entry **list, const char *name, size_t name_len, uint32_t id, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len + 1);
    if (copy == NULL)
        return SG_ERR_NOMEM;
    if (len > 0)
        memcpy(copy, data, len);
    entry *e = find(*list, name, name_len, id);
    if (e == NULL) {
        e = calloc(1, sizeof *e);
        if (e == NULL || (name != NULL && (e->name = strndup(name, name_len)) == NULL)) {
            free(e);
            free(copy);
            return SG_ERR_NOMEM;
        }
        e->id = id;
        while (*list != NULL)
            list = &(*list)->next;
        *list = e;
    }
    free(e->data);
    e->data = copy;
    e->len = len;
    return SG_SUCCESS;
}

static int copy_out(signal_buffer **out, const entry *e)
{
    *out = signal_buffer_create(e->data, e->len);
    return *out == NULL ? SG_ERR_NOMEM : SG_SUCCESS;
}

// Sessions.

static int load_session(signal_buffer **record, signal_buffer **user_record, const signal_protocol_address *a, void *p)
{
    (void)user_record;
    entry *e = find(((party *)p)->sessions, a->name, a->name_len, 0);
    if (e == NULL)
        return 0;
    int result = copy_out(record, e);
    return result < 0 ? result : 1;
}

static int sub_devices(signal_int_list **sessions, const char *name, size_t name_len, void *p)
{
    *sessions = signal_int_list_alloc();
    if (*sessions == NULL)
        return SG_ERR_NOMEM;
    if (find(((party *)p)->sessions, name, name_len, 0) != NULL)
        signal_int_list_push_back(*sessions, DEVICE);
    return (int)signal_int_list_size(*sessions);
}

static int store_session(const signal_protocol_address *a, uint8_t *record, size_t len, uint8_t *user_record, size_t user_len, void *p)
{
    (void)user_record, (void)user_len;
    return put(&((party *)p)->sessions, a->name, a->name_len, 0, record, len);
}

static int contains_session(const signal_protocol_address *a, void *p)
{
    return find(((party *)p)->sessions, a->name, a->name_len, 0) != NULL;
}

static int delete_session(const signal_protocol_address *a, void *p)
{
    return drop(&((party *)p)->sessions, a->name, a->name_len, 0);
}

static int delete_all_sessions(const char *name, size_t name_len, void *p)
{
    return drop(&((party *)p)->sessions, name, name_len, 0);
}

// Prekeys. The two stores differ in nothing but their list.

static int load_key(signal_buffer **record, entry *list, uint32_t id)
{
    entry *e = find(list, NULL, 0, id);
    return e == NULL ? SG_ERR_INVALID_KEY_ID : copy_out(record, e);
}

static int load_pre_key(signal_buffer **record, uint32_t id, void *p) { return load_key(record, ((party *)p)->pre_keys, id); }
static int load_signed(signal_buffer **record, uint32_t id, void *p) { return load_key(record, ((party *)p)->signed_pre_keys, id); }

static int store_pre_key(uint32_t id, uint8_t *record, size_t len, void *p)
{
    return put(&((party *)p)->pre_keys, NULL, 0, id, record, len);
}

static int store_signed(uint32_t id, uint8_t *record, size_t len, void *p)
{
    return put(&((party *)p)->signed_pre_keys, NULL, 0, id, record, len);
}

static int contains_pre_key(uint32_t id, void *p) { return find(((party *)p)->pre_keys, NULL, 0, id) != NULL; }
static int contains_signed(uint32_t id, void *p) { return find(((party *)p)->signed_pre_keys, NULL, 0, id) != NULL; }

static int remove_pre_key(uint32_t id, void *p)
{
    drop(&((party *)p)->pre_keys, NULL, 0, id);
    return SG_SUCCESS;
}

static int remove_signed(uint32_t id, void *p)
{
    drop(&((party *)p)->signed_pre_keys, NULL, 0, id);
    return SG_SUCCESS;
}

// Identities. The store trusts on first use, as the library's header describes it.

static int identity_of(signal_buffer **public_data, signal_buffer **private_data, void *user)
{
    party *p = user;
    *public_data = signal_buffer_create(p->public_key, sizeof p->public_key);
    *private_data = signal_buffer_create(p->private_key, sizeof p->private_key);
    return *public_data == NULL || *private_data == NULL ? SG_ERR_NOMEM : SG_SUCCESS;
}

static int registration_of(void *p, uint32_t *registration)
{
    *registration = ((party *)p)->registration;
    return SG_SUCCESS;
}

static int save_identity(const signal_protocol_address *a, uint8_t *key, size_t len, void *p)
{
    if (key != NULL)
        return put(&((party *)p)->trusted, a->name, a->name_len, 0, key, len);
    drop(&((party *)p)->trusted, a->name, a->name_len, 0);
    return SG_SUCCESS;
}

static int is_trusted(const signal_protocol_address *a, uint8_t *key, size_t len, void *p)
{
    entry *e = find(((party *)p)->trusted, a->name, a->name_len, 0);
    return e == NULL || (e->len == len && memcmp(e->data, key, len) == 0);
}

static void nothing(void *unused) { (void)unused; }

static void set_stores(party *p)
{
    check(signal_protocol_store_context_create(&p->store, context));
    const signal_protocol_session_store sessions = {
        load_session, sub_devices, store_session, contains_session, delete_session, delete_all_sessions, nothing, p};
    const signal_protocol_pre_key_store pre_keys = {load_pre_key, store_pre_key, contains_pre_key, remove_pre_key, nothing, p};
    const signal_protocol_signed_pre_key_store signed_pre_keys = {load_signed, store_signed, contains_signed, remove_signed, nothing, p};
    const signal_protocol_identity_key_store identities = {identity_of, registration_of, save_identity, is_trusted, nothing, p};
    check(signal_protocol_store_context_set_session_store(p->store, &sessions));
    check(signal_protocol_store_context_set_pre_key_store(p->store, &pre_keys));
    check(signal_protocol_store_context_set_signed_pre_key_store(p->store, &signed_pre_keys));
    check(signal_protocol_store_context_set_identity_key_store(p->store, &identities));
}

// Parties.

static void party_free(void *v)
{
    party *p = v;
    entry *lists[] = {p->pre_keys, p->signed_pre_keys, p->sessions, p->trusted};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        while (lists[i] != NULL) {
            entry *next = lists[i]->next;
            entry_free(lists[i]);
            lists[i] = next;
        }
    }
    if (p->store != NULL)
        signal_protocol_store_context_destroy(p->store);
    free(p->name);
    free(p);
}

// release frees a party that got no name in its request.
static void release(void *v)
{
    if (((party *)v)->name == NULL)
        party_free(v);
}

party *party_make(bytes private_key, uint32_t registration)
{
    ratchet_identity_key_pair *pair;
    if (private_key.len > 0) {
        pair = identity_pair(private_key);
    } else {
        check(signal_protocol_key_helper_generate_identity_key_pair(&pair, context));
        keep(unref, pair);
    }
    signal_buffer *public_data, *private_data;
    check(ec_public_key_serialize(&public_data, ratchet_identity_key_pair_get_public(pair)));
    keep(unbuffer, public_data);
    check(ec_private_key_serialize(&private_data, ratchet_identity_key_pair_get_private(pair)));
    keep(unbuffer, private_data);

    party *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    keep(release, p);
    memcpy(p->public_key, signal_buffer_data(public_data), sizeof p->public_key);
    memcpy(p->private_key, signal_buffer_data(private_data), sizeof p->private_key);
    p->registration = registration;
    set_stores(p);
    return p;
}

static party *lookup(const char *name)
{
    party *p = parties;
    while (p != NULL && strcmp(p->name, name) != 0)
        p = p->next;
    return p;
}

void party_add(const char *name, party *p)
{
    if (lookup(name) != NULL)
        fail("invalid-request", NULL, "the name is in use");
    p->name = strdup(name);
    if (p->name == NULL)
        abort();
    p->next = parties;
    parties = p;
}

party *party_get(const cJSON *params)
{
    party *p = lookup(text(params, "party"));
    if (p == NULL)
        fail("invalid-request", NULL, "no such party");
    return p;
}

void party_reset(void)
{
    while (parties != NULL) {
        party *next = parties->next;
        party_free(parties);
        parties = next;
    }
}

static void list_to_json(cJSON *state, const char *name, const entry *list)
{
    cJSON *array = cJSON_AddArrayToObject(state, name);
    for (; list != NULL; list = list->next) {
        cJSON *e = cJSON_CreateObject();
        if (list->name != NULL)
            cJSON_AddStringToObject(e, "name", list->name);
        else
            cJSON_AddNumberToObject(e, "id", list->id);
        put_bytes(e, "data", list->data, list->len);
        cJSON_AddItemToArray(array, e);
    }
}

cJSON *party_to_json(const party *p)
{
    cJSON *state = cJSON_CreateObject();
    put_bytes(state, "identity", p->private_key, sizeof p->private_key);
    cJSON_AddNumberToObject(state, "registration", p->registration);
    list_to_json(state, "pre_keys", p->pre_keys);
    list_to_json(state, "signed_pre_keys", p->signed_pre_keys);
    list_to_json(state, "sessions", p->sessions);
    list_to_json(state, "trusted", p->trusted);
    return state;
}

static void list_from_json(entry **list, const cJSON *state, const char *name)
{
    const cJSON *e;
    cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(state, name))
    {
        const char *key = cJSON_HasObjectItem(e, "name") ? text(e, "name") : NULL;
        bytes data = required_bytes(e, "data");
        check(put(list, key, key == NULL ? 0 : strlen(key), number(e, "id"), data.data, data.len));
    }
}

party *party_from_json(const cJSON *state)
{
    party *p = party_make(required_bytes(state, "identity"), number(state, "registration"));
    list_from_json(&p->pre_keys, state, "pre_keys");
    list_from_json(&p->signed_pre_keys, state, "signed_pre_keys");
    list_from_json(&p->sessions, state, "sessions");
    list_from_json(&p->trusted, state, "trusted");
    return p;
}

signal_protocol_address *address_of(const cJSON *params)
{
    const char *peer = text(params, "peer");
    signal_protocol_address *a = malloc(sizeof *a);
    if (a == NULL)
        abort();
    keep(free, a);
    *a = (signal_protocol_address){.name = peer, .name_len = strlen(peer), .device_id = DEVICE};
    return a;
}

// Keys.

ec_public_key *public_key(bytes b)
{
    ec_public_key *key = NULL;
    if (b.data != NULL) {
        check_parse(curve_decode_point(&key, b.data, b.len, context));
        keep(unref, key);
    }
    return key;
}

ec_key_pair *key_pair(bytes private_key)
{
    ec_private_key *private;
    ec_public_key *public;
    ec_key_pair *pair;
    check_parse(curve_decode_private_point(&private, private_key.data, private_key.len, context));
    keep(unref, private);
    check(curve_generate_public_key(&public, private));
    keep(unref, public);
    check(ec_key_pair_create(&pair, public, private));
    keep(unref, pair);
    return pair;
}

ratchet_identity_key_pair *identity_pair(bytes private_key)
{
    ec_key_pair *pair = key_pair(private_key);
    ratchet_identity_key_pair *identity;
    check(ratchet_identity_key_pair_create(&identity, ec_key_pair_get_public(pair), ec_key_pair_get_private(pair)));
    keep(unref, identity);
    return identity;
}
