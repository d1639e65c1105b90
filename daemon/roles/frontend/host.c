/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that a frontend plugin may call (struct mesh_host_ops): the key space in the plugin's
 * own words.  Blobs are handed out as they are: struct blob begins like struct mesh_blob.
 */
#include <stdlib.h>

#include "private.h"

#define SCRATCH_KEEP 256	/* events */

_Static_assert(offsetof(struct blob, data) == offsetof(struct mesh_blob, data) &&
	       offsetof(struct blob, size) == offsetof(struct mesh_blob, size),
	       "a blob is handed to plugins as a mesh_blob");

static const struct mesh_blob *public_blob(const struct blob *b)
{
	return (const struct mesh_blob *)b;
}

/* ---- the listening sockets -------------------------------------------------------------------- */

static size_t host_listen_count(struct mesh_host *host)
{
	return worker_listen_count(frontend_of(host)->hosted.worker);
}

static int host_listen_fd(struct mesh_host *host, size_t i, const char **ret_address)
{
	return worker_listen_fd(frontend_of(host)->hosted.worker, i, ret_address);
}

static bool host_uid_allowed(struct mesh_host *host, uint32_t uid)
{
	return access_allows(&frontend_of(host)->access, uid);
}

/* ---- the key space ------------------------------------------------------------------------- */

static int64_t host_revision(struct mesh_host *host)
{
	return (int64_t)ks_revision(store_keys(frontend_of(host)->store));
}

static int64_t host_compacted(struct mesh_host *host)
{
	struct store *store = frontend_of(host)->store;

	while (store_recall_step(store) == STORE_MORE)
		;
	return (int64_t)ks_compacted(store_keys(store)) + 1;
}

struct mesh_kv host_kv(const struct kv *kv)
{
	return (struct mesh_kv){
		.key = kv->key->data,
		.key_size = kv->key->size,
		.value = public_blob(kv->value),
		.create_revision = (int64_t)kv->create_revision,
		.mod_revision = (int64_t)kv->mod_revision,
		.version = (int64_t)kv->version,
		.lease = blob_lease(kv->value),
	};
}

static int outcome(int r)
{
	return r == KS_COMPACTED ? MESH_COMPACTED : r == KS_FUTURE ? MESH_FUTURE : r;
}

struct range_walk {
	mesh_kv_fn fn;
	void *arg;
};

static int range_step(const struct kv *kv, void *arg)
{
	const struct range_walk *walk = arg;
	struct mesh_kv public = host_kv(kv);

	return walk->fn(&public, walk->arg);
}

static int host_range(struct mesh_host *host, const struct mesh_range *range, mesh_kv_fn fn, void *arg)
{
	const struct keyspace *ks = store_keys(frontend_of(host)->store);
	struct range_walk walk = { .fn = fn, .arg = arg };
	const struct ks_range inner = {
		.key = range->key,
		.end = range->end,
		.key_size = range->key_size,
		.end_size = range->end_size,
	};

	if (range->revision < 0)
		return MESH_COMPACTED;
	return outcome(ks_walk(ks, &inner, (uint64_t)range->revision, range_step, &walk));
}

static struct mesh_event public_event(const struct event *e, uint64_t revision)
{
	struct mesh_event out = {
		.type = e->value != NULL ? MESH_PUT : MESH_DELETE,
		.kv = { .key = e->key->data, .key_size = e->key->size, .mod_revision = (int64_t)revision },
	};
	struct kv kv;

	if (event_kv(e, revision, &kv))
		out.kv = host_kv(&kv);
	if (event_prev(e, &kv))
		out.prev = host_kv(&kv);
	return out;
}

const struct mesh_txn *host_txn(struct frontend *f, const struct txn *t, struct mesh_txn *ret_txn)
{
	if (t->count > f->scratch_room) {
		struct mesh_event *scratch = reallocarray(f->scratch, t->count, sizeof(*scratch));

		if (scratch == NULL)
			return NULL;
		f->scratch = scratch;
		f->scratch_room = t->count;
	}
	for (uint32_t i = 0; i < t->count; i++)
		f->scratch[i] = public_event(&t->events[i], t->revision);
	*ret_txn = (struct mesh_txn){
		.revision = (int64_t)t->revision,
		.events = f->scratch,
		.n_events = t->count,
	};
	return ret_txn;
}

void host_txn_done(struct frontend *f)
{
	if (f->scratch_room <= SCRATCH_KEEP)
		return;
	free(f->scratch);
	f->scratch = NULL;
	f->scratch_room = 0;
}

struct history_walk {
	struct frontend *frontend;
	mesh_txn_fn fn;
	void *arg;
};

static int history_step(const struct txn *t, void *arg)
{
	const struct history_walk *walk = arg;
	struct mesh_txn public;

	if (host_txn(walk->frontend, t, &public) == NULL)
		return -ENOMEM;
	return walk->fn(&public, walk->arg);
}

static int host_history(struct mesh_host *host, int64_t start, mesh_txn_fn fn, void *arg)
{
	struct history_walk walk = { .frontend = frontend_of(host), .fn = fn, .arg = arg };
	int r;

	if (start < 0)
		return MESH_COMPACTED;
	r = outcome(ks_replay(store_keys(walk.frontend->store), (uint64_t)start, history_step, &walk));
	host_txn_done(walk.frontend);
	return r;
}

static bool host_owned(struct mesh_host *host, const uint8_t *key, size_t size)
{
	return directories_own(frontend_of(host)->prefix, key, size);
}

static const struct mesh_blob *host_blob_ref(const struct mesh_blob *blob)
{
	return public_blob(blob_ref((struct blob *)blob));
}

static void host_blob_unref(const struct mesh_blob *blob)
{
	(void)blob_unref((struct blob *)blob);
}

const struct mesh_host_ops *frontend_host_ops(void)
{
	static struct mesh_host_ops ops;

	if (ops.size == 0) {
		ops = *hosted_ops();
		ops.listen_count = host_listen_count;
		ops.listen_fd = host_listen_fd;
		ops.uid_allowed = host_uid_allowed;
		ops.store_revision = host_revision;
		ops.store_compacted = host_compacted;
		ops.store_range = host_range;
		ops.store_history = host_history;
		ops.store_owned = host_owned;
		ops.blob_ref = host_blob_ref;
		ops.blob_unref = host_blob_unref;
		client_host_ops(&ops);
		lease_host_ops(&ops);
	}
	return &ops;
}
