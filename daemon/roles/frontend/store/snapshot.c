/* SPDX-License-Identifier: Apache-2.0 */
/* References on all that a save will write: see snapshot.h.  Fails only for lack of memory. */
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>

#include "keyspace_private.h"

bool store_filter_passes(const struct store_filter *filter, const struct blob *key,
			 const struct blob *value)
{
	return filter == NULL || filter->fn == NULL || filter->fn(filter->ctx, key, value);
}

static void kvs_free(struct kv *kvs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		blob_unref(kvs[i].key);
		blob_unref(kvs[i].value);
	}
	free(kvs);
}

void snapshot_deinit(struct snapshot *s)
{
	kvs_free(s->kvs, s->n_kvs);
	kvs_free(s->left_out, s->n_left_out);
	for (size_t i = 0; i < s->n_txns; i++)
		txn_unref(s->txns[i]);
	free(s->txns);
	*s = (struct snapshot)SNAPSHOT_INIT;
}

static bool event_passes(const struct store_filter *filter, const struct event *e)
{
	return (e->value == NULL || store_filter_passes(filter, e->key, e->value)) &&
	       (e->prev == NULL || store_filter_passes(filter, e->key, e->prev));
}

static bool txn_passes(const struct store_filter *filter, const struct txn *t)
{
	if (filter == NULL || filter->fn == NULL)
		return true;
	for (uint32_t i = 0; i < t->count; i++)
		if (!event_passes(filter, &t->events[i]))
			return false;
	return true;
}

size_t snapshot_first(const struct history *h, const struct image_scope *scope)
{
	size_t begin = history_seek(h, scope->after + 1), first = h->count;

	while (first > begin && txn_passes(scope->filter, history_at(h, first - 1)))
		first--;
	return first;
}

static int take_txns(struct snapshot *s, const struct keyspace *ks, const struct image_scope *scope)
{
	const struct history *h = &ks->history;
	size_t first = snapshot_first(h, scope);
	size_t end = scope->last != 0 ? history_seek(h, scope->last + 1) : h->count;

	s->compacted = first > 0 ? history_at(h, first - 1)->revision : ks->compacted;
	s->txns = calloc(h->count - first + 1, sizeof(struct txn *));
	if (s->txns == NULL)
		return -ENOMEM;
	for (size_t i = first; i < end; i++)
		s->txns[s->n_txns++] = txn_ref(history_at(h, i));
	return 0;
}

static size_t count_left_out(const struct keyspace *ks, const struct store_filter *filter)
{
	size_t n = 0;

	if (filter == NULL || filter->fn == NULL)
		return 0;
	for (const struct index_entry *e = ks->index.head[0]; e != NULL; e = index_next(e))
		n += !store_filter_passes(filter, e->kv.key, e->kv.value);
	return n;
}

static int take_kvs(struct snapshot *s, const struct keyspace *ks,
		    const struct store_filter *filter)
{
	size_t left_out = count_left_out(ks, filter);

	s->kvs = calloc(ks->index.count - left_out + 1, sizeof(struct kv));
	s->left_out = calloc(left_out + 1, sizeof(struct kv));
	if (s->kvs == NULL || s->left_out == NULL)
		return -ENOMEM;
	for (const struct index_entry *e = ks->index.head[0]; e != NULL; e = index_next(e)) {
		bool passes = left_out == 0 || store_filter_passes(filter, e->kv.key, e->kv.value);
		struct kv *kv = passes ? &s->kvs[s->n_kvs++] : &s->left_out[s->n_left_out++];

		*kv = e->kv;
		blob_ref(kv->key);
		blob_ref(kv->value);
	}
	return 0;
}

int snapshot_take(struct snapshot *s, const struct keyspace *ks, const struct image_scope *scope)
{
	bool past = scope->last != 0;
	int r;

	*s = (struct snapshot){
		.current = past ? scope->last : ks->current,
		.used = past ? scope->last : ks->used,
		.saved_ms = scope->now_ms,
		.filtered = scope->filter != NULL && scope->filter->fn != NULL,
	};
	r = take_txns(s, ks, scope);
	if (r == 0 && !past)
		r = take_kvs(s, ks, scope->filter);
	if (r < 0)
		snapshot_deinit(s);
	return r;
}
