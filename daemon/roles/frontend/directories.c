/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directories below the prefix that belong to the mesh, and the placeholder in each of them that
 * spares APISIX twelve requests per process at start (APISIX.md 2).
 */
#include <string.h>

#include "private.h"

const char *const directories[DIRECTORIES] = {
	"consumer_groups", "consumers", "global_rules", "plugin_configs", "plugin_metadata", "plugins", "protos",
	"routes", "secrets", "services", "ssls", "stream_routes", "upstreams",
};

static bool starts_with(const uint8_t **key, size_t *size, const char *text, size_t len)
{
	if (*size < len || memcmp(*key, text, len) != 0)
		return false;
	*key += len;
	*size -= len;
	return true;
}

bool directories_own(const char *prefix, const uint8_t *key, size_t size)
{
	if (!starts_with(&key, &size, prefix, strlen(prefix)) || !starts_with(&key, &size, "/", 1))
		return false;
	for (size_t i = 0; i < DIRECTORIES; i++) {
		size_t len = strlen(directories[i]);

		if (size > len && key[len] == '/' && memcmp(key, directories[i], len) == 0)
			return true;
	}
	return false;
}
