/* Puts an implementation under the Credence suite: one JSON object a line in, one a line out. */

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * An operation gives a result, or NULL and a fault.
 *
 *   rejected         the library refused the input, as the protocol under test demands; the class says why, if the library tells:
 *                    malformed, bad-signature, authentication, duplicate, ... (SPEC.md 1.2)
 *   unsupported      an operation, a parameter set or an option that is not there
 *   invalid-request  the request makes no sense: an unknown party, a missing parameter
 *   internal         the library failed where it should not have
 */
struct fault {
	const char *code, *class, *message; /* class may be NULL */
};

typedef cJSON *operation(const cJSON *params, struct fault *fault);

static operation hello, reset;

/*
 * What this shim answers. Begin with xeddsa.sign and xeddsa.verify, or with party.new, session.initiate, session.respond, session.encrypt
 * and session.decrypt; `credence doctor` says what is missing next. Bytes are lower-case hexadecimal in JSON.
 */
static const struct {
	const char *name;
	operation *run;
} operations[] = {
	{"hello", hello},
	{"reset", reset},
	/* {"xeddsa.sign", xeddsa_sign}, */
};

static const size_t operation_count = sizeof operations / sizeof operations[0];

static cJSON *hello(const cJSON *params, struct fault *fault)
{
	(void)params, (void)fault;
	cJSON *r = cJSON_CreateObject();
	cJSON_AddNumberToObject(r, "protocol", 1);
	cJSON_AddStringToObject(r, "name", "my library");
	cJSON_AddStringToObject(r, "version", "0");
	cJSON_AddStringToObject(r, "language", "C");
	cJSON_AddArrayToObject(r, "profiles");       /* xeddsa, x3dh, ratchet, channel, ambassador, postoffice */
	cJSON_AddArrayToObject(r, "parameter_sets"); /* ambassador-v1, signal-v3, olm-v1, omemo-2 */
	cJSON *names = cJSON_AddArrayToObject(r, "operations");
	for (size_t i = 0; i < operation_count; i++)
		cJSON_AddItemToArray(names, cJSON_CreateString(operations[i].name));
	return r;
}

/* Forgets every party: keep parties, with their sessions, by name, and free them here. */
static cJSON *reset(const cJSON *params, struct fault *fault)
{
	(void)params, (void)fault;
	return cJSON_CreateObject();
}

static cJSON *run(const cJSON *request, struct fault *fault)
{
	const cJSON *op = cJSON_GetObjectItemCaseSensitive(request, "op");
	const char *name = cJSON_IsString(op) ? op->valuestring : "";
	for (size_t i = 0; i < operation_count; i++)
		if (strcmp(operations[i].name, name) == 0)
			return operations[i].run(cJSON_GetObjectItemCaseSensitive(request, "params"), fault);
	*fault = (struct fault){"unsupported", NULL, name};
	return NULL;
}

/* The reply to a line; the caller frees it. */
static cJSON *answer(const char *line)
{
	struct fault fault = {"internal", NULL, "no result"};
	cJSON *request = cJSON_ParseWithOpts(line, NULL, 1);
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(request, "id");
	cJSON *reply = cJSON_CreateObject(), *result = NULL;
	cJSON_AddNumberToObject(reply, "id", cJSON_IsNumber(id) ? id->valuedouble : 0);
	if (!cJSON_IsObject(request))
		fault = (struct fault){"invalid-request", NULL, "the line is no JSON object"};
	else
		result = run(request, &fault);
	if (result != NULL) {
		cJSON_AddItemToObject(reply, "result", result);
	} else {
		cJSON *e = cJSON_AddObjectToObject(reply, "error");
		cJSON_AddStringToObject(e, "code", fault.code);
		cJSON_AddStringToObject(e, "message", fault.message);
		if (fault.class != NULL)
			cJSON_AddStringToObject(e, "class", fault.class);
	}
	cJSON_Delete(request);
	return reply;
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	while (getline(&line, &size, stdin) > 0) {
		if (strspn(line, " \t\r\n") == strlen(line))
			continue;
		cJSON *reply = answer(line);
		char *text = cJSON_PrintUnformatted(reply);
		cJSON_Delete(reply);
		if (text == NULL || printf("%s\n", text) < 0 || fflush(stdout) != 0)
			return 1;
		free(text);
	}
	free(line);
	return 0;
}
