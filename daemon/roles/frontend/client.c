/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client space: what APISIX's server-info, its gen_id and tools write beside the mesh's
 * directories.  It lies in the same key space, so revisions, history, journal and files are the
 * store's; this file keeps it small and away from what the mesh owns.  Called by the plugin through
 * its host; the role calls client_start().  A write that cannot be made changes nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "private.h"

LOG_MODULE("frontend");

/* ---- walking ------------------------------------------------------------------------------- */

#define DIRECTORY_SIZE (PREFIX_SIZE_MAX + 64)

/* "<prefix>/<directory>/", and as an end the same with the last byte one higher. */
static size_t directory_key(const struct frontend *f, size_t i, bool end, char key[DIRECTORY_SIZE])
{
	int len = snprintf(key, DIRECTORY_SIZE, "%s/%s/", f->prefix, directories[i]);

	key[len - 1] += end ? 1 : 0;
	return (size_t)len;
}

/* The gap before directory i (DIRECTORIES: behind the last one). */
static int walk_gap(struct frontend *f, size_t i, ks_kv_fn fn, void *arg)
{
	char from[DIRECTORY_SIZE] = "", to[DIRECTORY_SIZE] = "";
	struct ks_range range = {
		.key = (uint8_t *)from,
		.end = (uint8_t *)to,
		.key_size = i > 0 ? directory_key(f, i - 1, true, from) : 1,
		.end_size = i < DIRECTORIES ? directory_key(f, i, false, to) : 1,
	};

	return ks_walk(store_keys(f->store), &range, 0, fn, arg);
}

/* The directories are in order, so what lies between them is not the mesh's. */
int client_walk(struct frontend *f, ks_kv_fn fn, void *arg)
{
	int r = 0;

	for (size_t i = 0; i <= DIRECTORIES && r == 0; i++)
		r = walk_gap(f, i, fn, arg);
	return r;
}

static int count_kv(const struct kv *kv, void *arg)
{
	struct client *c = arg;

	c->keys++;
	c->bytes += kv->key->size + kv->value->size;
	return 0;
}

void client_count(struct frontend *f)
{
	f->client.keys = f->client.bytes = 0;
	(void)client_walk(f, count_kv, &f->client);
}

int client_start(struct frontend *f)
{
	size_t before;
	int r;

	client_count(f);
	before = f->client.keys;
	r = lease_delete_keys(f, 0);
	if (r < 0)
		return log_err_errno(r, "the keys of leases that have ended cannot be deleted");
	if (r == 0)
		log_info("%zu keys of clients went, because their leases ended with the last worker",
			 before - f->client.keys);
	return 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

static int check_change(const struct frontend *f, const struct mesh_change *c)
{
	if (directories_own(f->prefix, c->key, c->key_size))
		return MESH_READ_ONLY;
	if (c->key_size == 0 || c->key_size > KS_KEY_MAX || c->value_size > BLOB_SIZE_MAX)
		return MESH_TOO_LARGE;
	return c->lease != 0 && lease_find(f, c->lease) == NULL ? MESH_NO_LEASE : 0;
}

/* What would be there afterwards. */
static void foresee(const struct frontend *f, const struct mesh_change *c, struct client *after)
{
	const struct kv *old = ks_get(store_keys(f->store), c->key, c->key_size);

	if (old != NULL) {
		after->keys--;
		after->bytes -= old->key->size + old->value->size;
	}
	if (c->value != NULL) {
		after->keys++;
		after->bytes += c->key_size + c->value_size;
	}
}

static int check_changes(const struct frontend *f, const struct mesh_change *changes, size_t n,
			 struct client *after)
{
	const struct client *now = &f->client;

	*after = *now;
	for (size_t i = 0; i < n; i++) {
		int r = check_change(f, &changes[i]);

		if (r != 0)
			return r;
		foresee(f, &changes[i], after);
	}
	/* Whoever makes it smaller may, however much is there. */
	if ((after->keys > CLIENT_KEYS_MAX && after->keys > now->keys) ||
	    (after->bytes > CLIENT_BYTES_MAX && after->bytes > now->bytes))
		return MESH_NO_SPACE;
	return 0;
}

static int draft_change(struct keyspace *ks, const struct mesh_change *c)
{
	_cleanup_(blob_unrefp) struct blob *value = NULL;

	if (c->value == NULL)
		return ks_txn_delete(ks, c->key, c->key_size);
	value = blob_new_leased(c->value, c->value_size, c->lease);
	return value != NULL ? ks_txn_write(ks, c->key, c->key_size, value) : -ENOMEM;
}

static int commit_changes(struct frontend *f, const struct mesh_change *changes, size_t n)
{
	struct keyspace *ks = store_keys(f->store);
	int r = ks_txn_begin(ks);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = draft_change(ks, &changes[i]);
	if (r < 0) {
		ks_txn_abort(ks);
		return r;
	}
	return ks_txn_commit(ks, frontend_now_ms(), NULL);
}

static int client_write(struct mesh_host *host, const struct mesh_change *changes, size_t n)
{
	struct frontend *f = frontend_of(host);
	struct client after;
	int r = check_changes(f, changes, n, &after);

	if (r != 0) {
		f->client.refused++;
		return r;
	}
	r = commit_changes(f, changes, n);
	if (r < 0)
		return log_err_errno(r, "%zu changes of a client could not be committed", n);
	f->client.keys = after.keys;
	f->client.bytes = after.bytes;
	f->client.writes++;
	return 0;
}

static int64_t client_next(struct mesh_host *host)
{
	const struct keyspace *ks = store_keys(frontend_of(host)->store);

	return (int64_t)MAX(ks_revision(ks), ks_used(ks)) + 1;
}

void client_host_ops(struct mesh_host_ops *ops)
{
	ops->store_next = client_next;
	ops->store_write = client_write;
}
