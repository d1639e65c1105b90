/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identities of the routes of a virtual host, from which their ids are made: the name where it is the
 * only one, else what the route matches, and its number among those that match the same.  A route
 * that is put in front of others leaves their ids alone.  Called by vhost.c.
 */
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "scope.h"

struct entry {
	const char *key;
	size_t index;
};

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	return r != 0 ? r : (x->index > y->index) - (x->index < y->index);
}

static const char *match_key(struct job *job, const xds_route *route)
{
	struct buf packed = BUF_INIT;
	XXH64_hash_t hash = 0;
	size_t size = route->match != NULL ? protobuf_c_message_get_packed_size(&route->match->base) : 0;
	uint8_t *at = size > 0 ? buf_extend(&packed, size) : NULL;

	if (at != NULL)
		hash = XXH3_64bits(at, protobuf_c_message_pack(&route->match->base, at));
	else if (size > 0)
		job->failed = true;
	buf_deinit(&packed);
	return job_printf(job, "match %016llx", (unsigned long long)hash);
}

static bool alone(const struct entry *entries, size_t n, size_t i)
{
	return (i == 0 || strcmp(entries[i - 1].key, entries[i].key) != 0) &&
	       (i + 1 == n || strcmp(entries[i + 1].key, entries[i].key) != 0);
}

const char **vhost_keys(struct job *job, const xds_vhost *vhost)
{
	size_t n = vhost->n_routes, before = 0;
	struct entry *entries = job_alloc(job, n, sizeof *entries);
	const char **keys = job_alloc(job, n, sizeof(*keys));

	if (entries == NULL || keys == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		entries[i] = (struct entry){ vhost->routes[i]->name, i };
	qsort(entries, n, sizeof *entries, compare);
	for (size_t i = 0; i < n; i++)
		if (entries[i].key[0] != '\0' && alone(entries, n, i))
			keys[entries[i].index] = job_concat(job, "name ", entries[i].key, NULL);
	for (size_t i = 0; i < n; i++)
		entries[i] = (struct entry){ keys[i] != NULL ? keys[i] : match_key(job, vhost->routes[i]), i };
	qsort(entries, n, sizeof *entries, compare);
	for (size_t i = 0; i < n; i++) {
		before = i > 0 && strcmp(entries[i - 1].key, entries[i].key) == 0 ? before + 1 : 0;
		keys[entries[i].index] = before == 0 ? entries[i].key :
						       job_printf(job, "%s %zu", entries[i].key, before);
	}
	return keys;
}
