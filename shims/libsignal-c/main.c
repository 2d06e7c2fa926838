// The shim protocol: one JSON object a line in, one out.
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

// How a request ends early. No frame of the library is ever jumped over: its callbacks return.

static jmp_buf ended;
static cJSON *refusal;

void fail(const char *code, const char *class, const char *message)
{
    refusal = cJSON_CreateObject();
    cJSON_AddStringToObject(refusal, "code", code);
    if (class != NULL)
        cJSON_AddStringToObject(refusal, "class", class);
    cJSON_AddStringToObject(refusal, "message", message);
    longjmp(ended, 1);
}

// The errors of the library. One that has several meanings has no class.
#define ERROR(number, code, class) {number, code, class, #number}
static const struct {
    int number;
    const char *code, *class, *name;
} errors[] = {
    ERROR(SG_ERR_NOMEM, "internal", NULL),
    ERROR(SG_ERR_INVAL, "rejected", NULL),
    ERROR(SG_ERR_UNKNOWN, "internal", NULL),
    ERROR(SG_ERR_DUPLICATE_MESSAGE, "rejected", "duplicate"),
    ERROR(SG_ERR_INVALID_KEY, "rejected", NULL),
    ERROR(SG_ERR_INVALID_KEY_ID, "rejected", "unknown-prekey"),
    ERROR(SG_ERR_INVALID_MAC, "rejected", "authentication"),
    ERROR(SG_ERR_INVALID_MESSAGE, "rejected", NULL), // a bad MAC and a number too far ahead, among others
    ERROR(SG_ERR_INVALID_VERSION, "rejected", "malformed"),
    ERROR(SG_ERR_LEGACY_MESSAGE, "rejected", "malformed"),
    ERROR(SG_ERR_NO_SESSION, "rejected", "not-ready"),
    ERROR(SG_ERR_UNTRUSTED_IDENTITY, "rejected", NULL),
    ERROR(SG_ERR_INVALID_PROTO_BUF, "rejected", "malformed"),
};

static void check_as(int result, const char *class)
{
    if (result >= 0)
        return;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].number == result) {
            char message[320];
            snprintf(message, sizeof message, "%s%s%s", errors[i].name, *last_log() ? ": " : "", last_log());
            fail(errors[i].code, class != NULL ? class : errors[i].class, message);
        }
    }
    fail("internal", NULL, "the library has another error");
}

int check(ssize_t result)
{
    check_as((int)result, NULL);
    return (int)result;
}

int check_parse(int result)
{
    // Memory apart, whoever parses has one thing to say.
    check_as(result, result == SG_ERR_NOMEM || result == SG_ERR_UNKNOWN ? NULL : "malformed");
    return result;
}

// Parameters.

const char *text(const cJSON *params, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(params, name));
    if (s == NULL)
        fail("invalid-request", NULL, name);
    return s;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bytes optional_bytes(const cJSON *params, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(params, name);
    if (item == NULL || cJSON_IsNull(item))
        return (bytes){NULL, 0};
    const char *s = text(params, name);
    size_t len = strlen(s);
    uint8_t *data = malloc(len / 2 + 1);
    if (data == NULL)
        abort();
    keep(free, data);
    for (size_t i = 0; i + 1 < len; i += 2) {
        int high = digit(s[i]), low = digit(s[i + 1]);
        if (high < 0 || low < 0)
            fail("invalid-request", NULL, name);
        data[i / 2] = (uint8_t)(high << 4 | low);
    }
    if (len % 2 != 0)
        fail("invalid-request", NULL, name);
    return (bytes){data, len / 2};
}

bytes required_bytes(const cJSON *params, const char *name)
{
    bytes b = optional_bytes(params, name);
    if (b.data == NULL)
        fail("invalid-request", NULL, name);
    return b;
}

uint32_t number(const cJSON *params, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(params, name);
    if (item == NULL || cJSON_IsNull(item))
        return 0;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= UINT32_MAX))
        fail("invalid-request", NULL, name);
    return (uint32_t)item->valuedouble;
}

const cJSON *object(const cJSON *params, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(params, name);
    if (!cJSON_IsObject(item))
        fail("invalid-request", NULL, name);
    return item;
}

void put_bytes(cJSON *object, const char *name, const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = malloc(2 * len + 1);
    if (hex == NULL)
        abort();
    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = digits[data[i] >> 4];
        hex[2 * i + 1] = digits[data[i] & 15];
    }
    hex[2 * len] = '\0';
    cJSON_AddStringToObject(object, name, hex);
    free(hex);
}

void put_buffer(cJSON *object, const char *name, signal_buffer *buffer)
{
    put_bytes(object, name, signal_buffer_data(buffer), signal_buffer_len(buffer));
}

// Requests.

static bool other(const cJSON *params, const char *name, const char *only)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(params, name));
    return s != NULL && *s != '\0' && strcmp(s, only) != 0;
}

static cJSON *run(const cJSON *request)
{
    if (!cJSON_IsObject(request))
        fail("invalid-request", NULL, "no JSON object");
    const char *op = text(request, "op");
    const cJSON *params = cJSON_GetObjectItemCaseSensitive(request, "params");
    if (other(params, "set", SET) || other(params, "cadence", "per-turn"))
        fail("unsupported", NULL, "set or cadence");
    for (size_t i = 0; i < operation_count; i++) {
        if (strcmp(op, operations[i].name) == 0)
            return operations[i].run(params);
    }
    fail("unsupported", NULL, op);
}

static void answer(const char *line, size_t len)
{
    cJSON *request = cJSON_ParseWithLengthOpts(line, len + 1, NULL, true); // nothing may follow
    cJSON *reply = cJSON_CreateObject();
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(request, "id");
    cJSON_AddNumberToObject(reply, "id", cJSON_IsNumber(id) ? id->valuedouble : 0);

    forget_log();
    if (setjmp(ended) == 0)
        cJSON_AddItemToObject(reply, "result", run(request));
    else
        cJSON_AddItemToObject(reply, "error", refusal);
    release_all();
    inject_nothing();
    tap(NULL);

    char *out = cJSON_PrintUnformatted(reply);
    if (out == NULL)
        abort();
    puts(out);
    fflush(stdout);
    free(out);
    cJSON_Delete(reply);
    cJSON_Delete(request);
}

int main(void)
{
    provider_start();
    char *line = NULL;
    size_t size = 0;
    for (ssize_t len; (len = getline(&line, &size, stdin)) > 0;) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            line[--len] = '\0';
        if (len > 0)
            answer(line, (size_t)len);
    }
    free(line);
    party_reset();
    signal_context_destroy(context);
}
