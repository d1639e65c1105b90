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
	uint64_t hash;		/* of key */
	const char *key;
	size_t index;
};

static struct entry entry_of(const char *key, size_t index)
{
	return (struct entry){ XXH3_64bits(key, strlen(key)), key, index };
}

/* Equal keys side by side, those of earlier routes first; which key precedes which is of no interest. */
static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	r = strcmp(x->key, y->key);
	return r != 0 ? r : (x->index > y->index) - (x->index < y->index);
}

static bool same(const struct entry *a, const struct entry *b)
{
	return a->hash == b->hash && strcmp(a->key, b->key) == 0;
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
	return (i == 0 || !same(&entries[i - 1], &entries[i])) && (i + 1 == n || !same(&entries[i + 1], &entries[i]));
}

/* The routes that a name tells apart from all others. */
static void keys_of_names(struct job *job, const xds_vhost *vhost, struct entry *entries, const char **keys)
{
	size_t n = vhost->n_routes;

	for (size_t i = 0; i < n; i++)
		entries[i] = entry_of(vhost->routes[i]->name, i);
	qsort(entries, n, sizeof *entries, compare);
	for (size_t i = 0; i < n; i++)
		if (entries[i].key[0] != '\0' && alone(entries, n, i))
			keys[entries[i].index] = job_concat(job, "name ", entries[i].key, NULL);
}

/* The others. */
static void keys_of_matches(struct job *job, const xds_vhost *vhost, struct entry *entries, const char **keys)
{
	size_t n = 0, before = 0;

	for (size_t i = 0; i < vhost->n_routes; i++)
		if (keys[i] == NULL)
			entries[n++] = entry_of(match_key(job, vhost->routes[i]), i);
	qsort(entries, n, sizeof *entries, compare);
	for (size_t i = 0; i < n; i++) {
		before = i > 0 && same(&entries[i - 1], &entries[i]) ? before + 1 : 0;
		keys[entries[i].index] = before == 0 ? entries[i].key :
						       job_printf(job, "%s %zu", entries[i].key, before);
	}
}

const char **vhost_keys(struct job *job, const xds_vhost *vhost)
{
	struct entry *entries = job_alloc(job, vhost->n_routes, sizeof *entries);
	const char **keys = job_alloc(job, vhost->n_routes, sizeof(*keys));

	if (entries == NULL || keys == NULL)
		return NULL;
	keys_of_names(job, vhost, entries, keys);
	keys_of_matches(job, vhost, entries, keys);
	return keys;
}
