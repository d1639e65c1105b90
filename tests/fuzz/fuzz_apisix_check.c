/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arbitrary bytes as an object of a kind: the first byte chooses the kind, the rest is the object.
 * What is taken is JSON to another reader as well; what is refused comes with a reason on one line, and
 * what stands in for it is taken.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "apisix.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *kind, *id;
} kinds[] = {
	{ "routes", "x" },	   { "upstreams", "x" },       { "stream_routes", "x" },
	{ "ssls", "x" },	   { "plugin_configs", "x" },  { "global_rules", "x" },
	{ "consumers", "x" },	   { "consumer_groups", "x" }, { "services", "x" },
	{ "protos", "x" },	   { "secrets", "vault/x" },   { "consumers", "x/credentials/y" },
	{ "plugin_metadata", "cors" }, { "plugin_metadata", "prometheus" },
};

static void must(int ok)
{
	if (!ok)
		abort();
}

static void taken(const uint8_t *text, size_t size)
{
	json_t *value = json_loadb((const char *)text, size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);

	must(json_is_object(value) || json_array_size(value) == 0);
	must(value != NULL);
	json_decref(value);
}

static void refused(struct apisix *apisix, const char *kind, const char *id, const uint8_t *text,
		    size_t size, const struct apisix_error *why)
{
	struct buf b = BUF_INIT;
	struct apisix_error error;
	unsigned status;

	must(why->reason[0] != '\0' && strpbrk(why->reason, "\r\n\t") == NULL);
	must(utf8_valid(why->reason, strlen(why->reason)) && utf8_valid(why->path, strlen(why->path)));
	if (apisix_stand_in(apisix, kind, id, text, size, &b, &status) == 0) {
		must(apisix_check(apisix, kind, id, b.data, b.len, &error) == 0);
		must(status == 0 || status == 403 || status == 503);
	} else {
		must(b.len == 0);
	}
	buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct apisix_error error = { "", "" }, again = { "", "" };
	const char *kind, *id;
	struct apisix *apisix;
	uint8_t *copy;
	int r;

	if (size == 0)
		return 0;
	kind = kinds[data[0] % (sizeof kinds / sizeof *kinds)].kind;
	id = kinds[data[0] % (sizeof kinds / sizeof *kinds)].id;
	must(apisix_new(NULL, &apisix) == 0);
	/* A block of its own: one byte too far is seen. */
	copy = malloc(size);
	must(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	copy = realloc(copy, size > 1 ? size - 1 : 1);
	r = apisix_check(apisix, kind, id, copy, size - 1, &error);
	must(apisix_check(apisix, kind, id, copy, size - 1, &again) == r);
	must(strcmp(error.path, again.path) == 0 && strcmp(error.reason, again.reason) == 0);
	if (r == 0)
		taken(copy, size - 1);
	else
		refused(apisix, kind, id, copy, size - 1, &error);
	free(copy);
	apisix_free(apisix);
	return 0;
}
