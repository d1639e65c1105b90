/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks over ranges, at the current revision or at an older one.  The past is the present with the
 * newer events undone: of each key that changed since, the oldest newer event tells what it was.
 * Called by the frontend for every range request; an old revision costs memory in proportion to
 * the changes since, the present costs none.
 */
#include "keyspace_private.h"

#include <errno.h>
#include <stdlib.h>

static bool range_is_single(const struct ks_range *range)
{
	return range->end_size == 0;
}

static bool range_is_open(const struct ks_range *range)
{
	return range->end_size == 1 && range->end[0] == 0;
}

bool ks_range_ends_before(const struct ks_range *range, const struct blob *key)
{
	if (range_is_open(range))
		return false;
	if (range_is_single(range))
		return bytes_compare(key->data, key->size, range->key, range->key_size) > 0;
	return bytes_compare(key->data, key->size, range->end, range->end_size) >= 0;
}

bool ks_range_has(const struct ks_range *range, const void *key, size_t size)
{
	int start = bytes_compare(key, size, range->key, range->key_size);

	if (start < 0)
		return false;
	if (range_is_open(range))
		return true;
	if (range_is_single(range))
		return start == 0;
	return bytes_compare(key, size, range->end, range->end_size) < 0;
}

struct index_entry *ks_range_first(const struct keyspace *ks, const struct ks_range *range)
{
	return index_lower_bound(&ks->index, range->key, range->key_size);
}

/* What a changed key was: value NULL = it did not exist. Borrows from the history. */
struct past {
	struct kv kv;
	size_t order;		/* the higher one is older, and counts */
};

struct pasts {
	struct past *list;	/* owned */
	size_t count;
};

static int past_compare(const void *a, const void *b)
{
	const struct past *x = a, *y = b;
	int r = bytes_compare(x->kv.key->data, x->kv.key->size, y->kv.key->data, y->kv.key->size);

	return r != 0 ? r : (x->order < y->order) - (x->order > y->order);
}

static size_t pasts_bound(const struct keyspace *ks, size_t first)
{
	size_t n = 0;

	for (size_t i = first; i < ks->history.count; i++)
		n += history_at(&ks->history, i)->count;
	return n;
}

static void pasts_add(struct pasts *p, const struct event *e)
{
	struct past *past = &p->list[p->count];

	*past = (struct past){ .kv.key = e->key, .order = p->count };
	event_prev(e, &past->kv);
	p->count++;
}

/* Of each key only the oldest, which sorts first. */
static void pasts_unique(struct pasts *p)
{
	size_t kept = 0;

	if (p->count == 0)
		return;
	qsort(p->list, p->count, sizeof p->list[0], past_compare);
	for (size_t i = 0; i < p->count; i++) {
		const struct blob *a = p->list[i].kv.key;
		const struct blob *b = kept > 0 ? p->list[kept - 1].kv.key : NULL;

		if (b == NULL || bytes_compare(a->data, a->size, b->data, b->size) != 0)
			p->list[kept++] = p->list[i];
	}
	p->count = kept;
}

/* Collects, newest first, what the events after `revision` replaced in the range. */
static int pasts_collect(const struct keyspace *ks, const struct ks_range *range, uint64_t revision,
			 struct pasts *ret)
{
	size_t first = history_seek(&ks->history, revision + 1);
	struct pasts p = { .list = calloc(pasts_bound(ks, first) + 1, sizeof(struct past)) };

	if (p.list == NULL)
		return -ENOMEM;
	for (size_t i = ks->history.count; i-- > first;) {
		const struct txn *t = history_at(&ks->history, i);

		for (uint32_t j = 0; j < t->count; j++)
			if (ks_range_has(range, t->events[j].key->data, t->events[j].key->size))
				pasts_add(&p, &t->events[j]);
	}
	pasts_unique(&p);
	*ret = p;
	return 0;
}

/* The next entry of the present inside the range, or NULL. */
static struct index_entry *in_range(const struct ks_range *range, struct index_entry *e)
{
	return e != NULL && !ks_range_ends_before(range, e->kv.key) ? e : NULL;
}

static int walk_now(const struct keyspace *ks, const struct ks_range *range, ks_kv_fn fn, void *arg)
{
	struct index_entry *e = in_range(range, ks_range_first(ks, range));
	int r = 0;

	for (; e != NULL && r == 0; e = in_range(range, index_next(e)))
		r = fn(&e->kv, arg);
	return r;
}

static int kv_order(const struct kv *a, const struct kv *b)
{
	return bytes_compare(a->key->data, a->key->size, b->key->data, b->key->size);
}

/* Merges two ordered lists; on the same key the past wins. */
static int walk_merged(const struct keyspace *ks, const struct ks_range *range,
		       const struct pasts *p, ks_kv_fn fn, void *arg)
{
	struct index_entry *e = in_range(range, ks_range_first(ks, range));
	size_t i = 0;
	int r = 0;

	while (r == 0 && (e != NULL || i < p->count)) {
		const struct kv *past = i < p->count ? &p->list[i].kv : NULL;
		int order = past == NULL ? 1 : e == NULL ? -1 : kv_order(past, &e->kv);
		const struct kv *kv = order <= 0 ? past : &e->kv;

		if (order >= 0)
			e = in_range(range, index_next(e));
		if (order <= 0)
			i++;
		if (kv->value != NULL)
			r = fn(kv, arg);
	}
	return r;
}

int ks_walk(const struct keyspace *ks, const struct ks_range *range, uint64_t revision, ks_kv_fn fn,
	    void *arg)
{
	struct pasts p;
	int r;

	if (revision > ks->current)
		return KS_FUTURE;
	if (revision == 0 || revision == ks->current)
		return walk_now(ks, range, fn, arg);
	r = ks_recall(ks, revision + 1);
	if (r < 0)
		return r;
	if (revision < ks->compacted)
		return KS_COMPACTED;
	r = pasts_collect(ks, range, revision, &p);
	if (r < 0)
		return r;
	r = walk_merged(ks, range, &p, fn, arg);
	free(p.list);
	return r;
}
