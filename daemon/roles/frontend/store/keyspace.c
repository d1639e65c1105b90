/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key space of keyspace.h: state, commit, walks over the present and over the history.
 * A commit allocates everything first, then changes the map (which cannot fail), then asks the
 * persist hook, and only after its yes tells anybody; on a no it undoes the change.
 */
#include "keyspace.h"
#include "keyspace_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int ks_new(const struct history_limits *limits, struct keyspace **ret_ks)
{
	struct keyspace *ks = calloc(1, sizeof *ks);

	if (ks == NULL)
		return -ENOMEM;
	index_init(&ks->index);
	history_init(&ks->history, limits);
	*ret_ks = ks;
	return 0;
}

struct keyspace *ks_free(struct keyspace *ks)
{
	if (ks == NULL)
		return NULL;
	draft_reset(&ks->draft);
	free(ks->draft.items);
	history_deinit(&ks->history);
	index_deinit(&ks->index);
	free(ks);
	return NULL;
}

void ks_set_persist(struct keyspace *ks, ks_persist_fn fn, void *ctx)
{
	ks->persist = fn;
	ks->persist_ctx = ctx;
}

void ks_set_recall(struct keyspace *ks, ks_recall_fn fn, void *ctx)
{
	ks->recall = fn;
	ks->recall_ctx = ctx;
}

int ks_recall(const struct keyspace *ks, uint64_t revision)
{
	int r = 1;

	while (r > 0 && revision <= ks->compacted && ks->recall != NULL)
		r = ks->recall(ks->recall_ctx);
	return MIN(r, 0);
}

void ks_observe(struct keyspace *ks, struct ks_observer *o)
{
	struct ks_observer **link = &ks->observers;

	while (*link != NULL)
		link = &(*link)->next;
	o->next = NULL;
	*link = o;
}

void ks_unobserve(struct keyspace *ks, struct ks_observer *o)
{
	struct ks_observer **link = &ks->observers;

	while (*link != NULL && *link != o)
		link = &(*link)->next;
	if (*link == o)
		*link = o->next;
}

uint64_t ks_revision(const struct keyspace *ks)
{
	return ks->current;
}

uint64_t ks_compacted(const struct keyspace *ks)
{
	return ks->compacted;
}

uint64_t ks_used(const struct keyspace *ks)
{
	return ks->used;
}

size_t ks_count(const struct keyspace *ks)
{
	return ks->index.count;
}

size_t ks_history_bytes(const struct keyspace *ks)
{
	return ks->history.bytes;
}

size_t ks_history_count(const struct keyspace *ks)
{
	return ks->history.count;
}

int ks_txn_begin(struct keyspace *ks)
{
	if (ks->draft.open)
		return -EBUSY;
	ks->draft.open = true;
	return 0;
}

int ks_txn_put(struct keyspace *ks, const void *key, size_t size, struct blob *value)
{
	assert(value != NULL);
	return draft_put(ks, key, size, value, false);
}

int ks_txn_delete(struct keyspace *ks, const void *key, size_t size)
{
	return draft_put(ks, key, size, NULL, false);
}

int ks_txn_write(struct keyspace *ks, const void *key, size_t size, struct blob *value)
{
	assert(value != NULL);
	return draft_put(ks, key, size, value, true);
}

int ks_txn_replace(struct keyspace *ks, const struct ks_range *range)
{
	return draft_replace(ks, range);
}

void ks_txn_abort(struct keyspace *ks)
{
	draft_reset(&ks->draft);
}

/* The event owns the old value after this, the entry one more reference on the new one. */
static void apply_event(struct keyspace *ks, const struct txn *t, size_t i)
{
	struct draft_item *item = &ks->draft.items[i];
	const struct event *e = &t->events[i];

	if (e->value == NULL) {
		index_remove(&ks->index, item->entry);
		return;
	}
	blob_unref(item->entry->kv.value);
	item->entry->kv.value = blob_ref(e->value);
	item->entry->kv.create_revision = e->create_revision;
	item->entry->kv.mod_revision = t->revision;
	item->entry->kv.version = e->version;
	if (e->prev == NULL)
		index_insert(&ks->index, item->entry);
}

static void undo_event(struct keyspace *ks, const struct txn *t, size_t i)
{
	struct draft_item *item = &ks->draft.items[i];
	const struct event *e = &t->events[i];
	struct kv before;

	if (!event_prev(e, &before)) {
		index_remove(&ks->index, item->entry);
		return;			/* still marked fresh: the draft frees it */
	}
	if (e->value == NULL) {
		index_insert(&ks->index, item->entry);
		return;
	}
	blob_unref(item->entry->kv.value);
	blob_ref(before.value);
	item->entry->kv = before;
}

/* A deleted entry has left the map for good, a fresh one has entered it. */
static void settle_entries(struct keyspace *ks, const struct txn *t)
{
	for (size_t i = 0; i < t->count; i++) {
		struct draft_item *item = &ks->draft.items[i];

		if (t->events[i].value == NULL)
			index_entry_free(item->entry);
		item->entry = NULL;
		item->fresh = false;
	}
}

static void commit_undo(struct keyspace *ks, struct txn *t, uint64_t previous)
{
	struct txn *newest = history_pop(&ks->history);

	assert(newest == t);
	for (size_t i = t->count; i-- > 0;)
		undo_event(ks, t, i);
	ks->current = previous;
	txn_unref(newest);
}

/* Changes the map; the history holds the transaction from here on. */
static void commit_apply(struct keyspace *ks, struct txn *t)
{
	for (size_t i = 0; i < t->count; i++)
		apply_event(ks, t, i);
	ks->current = t->revision;
	ks->used = MAX(ks->used, t->revision);
	history_push(&ks->history, t);
}

/* Makes the transaction of the open draft under this number. 0, KS_UNCHANGED or an error. */
static int commit_prepare(struct keyspace *ks, uint64_t revision, uint64_t now_ms,
			  struct txn **ret_txn)
{
	int r = draft_settle(ks);

	if (r < 0)
		return r;
	if (ks->draft.count == 0)
		return KS_UNCHANGED;
	if (revision >= REVISION_LIMIT)
		return -EOVERFLOW;
	r = history_reserve(&ks->history);
	if (r < 0)
		return r;
	return draft_build(ks, revision, now_ms, ret_txn);
}

static void commit_publish(struct keyspace *ks, const struct txn *t, uint64_t now_ms)
{
	ks_trim(ks, now_ms);
	for (struct ks_observer *o = ks->observers, *next; o != NULL; o = next) {
		next = o->next;
		o->fn(o->ctx, t);
	}
}

/* `live` is false when a successor repeats what its predecessor had committed. */
static int commit_draft(struct keyspace *ks, uint64_t revision, uint64_t now_ms, bool live)
{
	uint64_t previous = ks->current;
	struct txn *t = NULL;
	int r = commit_prepare(ks, revision, now_ms, &t);

	if (r != 0)
		return r;
	commit_apply(ks, t);
	if (live && ks->persist != NULL) {
		r = ks->persist(ks->persist_ctx, t, previous);
		if (r < 0) {
			commit_undo(ks, t, previous);
			return r;
		}
	}
	settle_entries(ks, t);
	if (live)
		commit_publish(ks, t, now_ms);
	return 0;
}

int ks_txn_commit(struct keyspace *ks, uint64_t now_ms, uint64_t *ret_revision)
{
	int r;

	if (!ks->draft.open)
		return -EBUSY;
	r = ks->draft.error;
	if (r == 0)
		r = commit_draft(ks, MAX(ks->current, ks->used) + 1, now_ms, true);
	draft_reset(&ks->draft);
	if (r >= 0 && ret_revision != NULL)
		*ret_revision = ks->current;
	return r;
}

int ks_load_commit(struct keyspace *ks, uint64_t revision, uint64_t time_ms)
{
	int r = ks->draft.error;

	if (r == 0)
		r = revision > ks->current ? commit_draft(ks, revision, time_ms, false) : -EINVAL;
	draft_reset(&ks->draft);
	return r;
}

const struct kv *ks_get(const struct keyspace *ks, const void *key, size_t size)
{
	const struct index_entry *e = index_find(&ks->index, key, size);

	return e != NULL ? &e->kv : NULL;
}

int ks_replay(const struct keyspace *ks, uint64_t start, ks_txn_fn fn, void *arg)
{
	int r = ks_recall(ks, start);

	if (r < 0)
		return r;
	if (start <= ks->compacted)
		return KS_COMPACTED;
	if (start > ks->current + 1)
		return KS_FUTURE;
	for (size_t i = history_seek(&ks->history, start); i < ks->history.count; i++) {
		r = fn(history_at(&ks->history, i), arg);
		if (r != 0)
			return r;
	}
	return 0;
}

void ks_trim(struct keyspace *ks, uint64_t now_ms)
{
	uint64_t dropped = history_trim(&ks->history, now_ms);

	ks->compacted = MAX(ks->compacted, dropped);
}

int ks_load_kv(struct keyspace *ks, const struct kv *kv)
{
	struct index_entry *e;

	if (kv->version == 0 || kv->create_revision == 0 ||
	    kv->create_revision > kv->mod_revision || kv->mod_revision > ks->current ||
	    kv->key->size == 0 || kv->key->size > KS_KEY_MAX)
		return -EINVAL;
	if (index_find(&ks->index, kv->key->data, kv->key->size) != NULL)
		return -EINVAL;
	e = index_entry_new(&ks->index, kv->key);
	if (e == NULL)
		return -ENOMEM;
	e->kv = *kv;
	blob_ref(e->kv.value);
	index_insert(&ks->index, e);
	return 0;
}

int ks_load_txn(struct keyspace *ks, struct txn *take)
{
	_cleanup_(txn_unrefp) struct txn *t = take;
	uint64_t newest = ks->compacted;
	int r;

	if (ks->history.count > 0)
		newest = history_at(&ks->history, ks->history.count - 1)->revision;
	if (t->count == 0 || t->revision <= newest || t->revision > ks->current)
		return -EINVAL;
	r = history_reserve(&ks->history);
	if (r < 0)
		return r;
	history_push(&ks->history, TAKE(t));
	return 0;
}

void ks_load_jump(struct keyspace *ks, uint64_t floor)
{
	while (ks->history.count > 0)
		txn_unref(history_pop(&ks->history));
	ks->compacted = MAX(floor, ks->used) + 1;
	ks->current = ks->compacted + 1;
	ks->used = ks->current;
}
