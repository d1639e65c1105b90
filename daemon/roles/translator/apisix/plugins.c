/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker's own memory: which plugins are enabled, where their rows are, and which regexes have
 * compiled before.  apisix_new() fails only for want of memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "private.h"

static const struct plugin_row *const lists[] = {
	plugins_traffic, plugins_auth, plugins_limit, plugins_log, plugins_more, plugins_unread,
};

struct apisix *apisix_free(struct apisix *a)
{
	if (a == NULL)
		return NULL;
	for (size_t i = 0; i < SLOTS; i++)
		free(a->slots[i].name);
	free(a);
	return NULL;
}

/* The slot of that name, or the empty one where it belongs. */
static struct slot *slot_find(const struct apisix *a, const char *name, size_t len)
{
	size_t i = XXH3_64bits(name, len) % SLOTS;

	while (a->slots[i].name != NULL &&
	       (strncmp(a->slots[i].name, name, len) != 0 || a->slots[i].name[len] != '\0'))
		i = (i + 1) % SLOTS;
	return (struct slot *)&a->slots[i];
}

static struct slot *slot_add(struct apisix *a, const char *name)
{
	struct slot *slot = slot_find(a, name, strlen(name));

	if (slot->name != NULL)
		return slot;
	if (a->n_slots >= SLOTS / 2)
		return NULL;
	slot->name = strdup(name);
	a->n_slots += slot->name != NULL;
	return slot->name != NULL ? slot : NULL;
}

static int rows_add(struct apisix *a, bool defaults)
{
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		for (const struct plugin_row *row = lists[i]; row->name != NULL; row++) {
			struct slot *slot = slot_add(a, row->name);

			if (slot == NULL)
				return -ENOMEM;
			slot->row = row;
			slot->http = defaults && row->by_default;
			slot->stream = row->by_default_stream;
			slot->guards = lists[i] == plugins_auth;
		}
	}
	return 0;
}

int apisix_new(const char *const *plugins, struct apisix **ret_apisix)
{
	_cleanup_(apisix_freep) struct apisix *a = calloc(1, sizeof *a);

	if (a == NULL || rows_add(a, plugins == NULL) < 0)
		return -ENOMEM;
	for (; plugins != NULL && *plugins != NULL; plugins++) {
		struct slot *slot = slot_add(a, *plugins);

		if (slot == NULL)
			return -ENOMEM;
		slot->http = true;
	}
	*ret_apisix = a;
	a = NULL;
	return 0;
}

const struct schema *plugin_schema(const struct apisix *a, const char *name, size_t len, enum role role,
				   bool *ret_enabled)
{
	const struct slot *slot = slot_find(a, name, len);
	const struct plugin_row *row = slot->row;

	*ret_enabled = role == ROLE_STREAM ? slot->stream :
		       role == ROLE_METADATA ? slot->http || slot->stream :
					       slot->http;
	if (row == NULL)
		return NULL;
	if (role == ROLE_HTTP)
		return row->http;
	if (role == ROLE_STREAM)
		return row->stream;
	if (role == ROLE_CONSUMER)
		return row->consumer != NULL ? row->consumer : row->http;
	return row->metadata;
}

bool plugin_is_auth(const struct apisix *a, const char *name, size_t len)
{
	const struct plugin_row *row = slot_find(a, name, len)->row;

	return row != NULL && row->consumer != NULL;
}

bool plugin_guards(const struct apisix *a, const char *name, size_t len)
{
	return slot_find(a, name, len)->guards;
}

int apisix_plugin_enabled(const struct apisix *a, const char *name, int stream)
{
	const struct slot *slot = slot_find(a, name, strlen(name));

	return stream ? slot->stream : slot->http;
}
