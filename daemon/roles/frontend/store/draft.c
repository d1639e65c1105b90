/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The open transaction of a key space: collects puts, deletes and ranges to replace, then reduces
 * them to the true differences and builds the events.  Called by keyspace.c.
 * Lack of memory is remembered (`error`), so that a commit after a failed put cannot go through.
 */
#include "keyspace_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void draft_reset(struct draft *d)
{
	for (size_t i = 0; i < d->count; i++) {
		blob_unref(d->items[i].key);
		blob_unref(d->items[i].value);
		if (d->items[i].fresh)
			index_entry_free(d->items[i].entry);
	}
	for (size_t i = 0; i < d->n_ranges; i++) {
		free(d->ranges[i].key);
		free(d->ranges[i].end);
	}
	free(d->ranges);
	d->ranges = NULL;
	d->count = d->n_ranges = 0;
	d->open = false;
	d->error = 0;
	if (d->capacity > 1024) {	/* a full resynchronisation is rare */
		free(d->items);
		d->items = NULL;
		d->capacity = 0;
	}
}

static int draft_fail(struct draft *d, int error)
{
	d->error = error;
	return error;
}

static int draft_grow(struct draft *d)
{
	size_t capacity = d->capacity > 0 ? d->capacity * 2 : 16;
	struct draft_item *items;

	if (d->count < d->capacity)
		return 0;
	if (d->count >= UINT32_MAX)
		return -E2BIG;
	items = reallocarray(d->items, capacity, sizeof *items);
	if (items == NULL)
		return -ENOMEM;
	d->items = items;
	d->capacity = capacity;
	return 0;
}

int draft_put(struct keyspace *ks, const void *key, size_t size, struct blob *value, bool always)
{
	struct draft *d = &ks->draft;
	struct index_entry *entry;
	struct blob *b;
	int r;

	if (!d->open)
		return -EBUSY;
	if (size == 0 || size > KS_KEY_MAX)
		return draft_fail(d, -EINVAL);
	r = draft_grow(d);
	if (r < 0)
		return draft_fail(d, r);
	entry = index_find(&ks->index, key, size);
	b = entry != NULL ? blob_ref(entry->kv.key) : blob_new(key, size);
	if (b == NULL)
		return draft_fail(d, -ENOMEM);
	d->items[d->count] = (struct draft_item){
		.key = b,
		.value = blob_ref(value),
		.entry = entry,
		.order = (uint32_t)d->count,
		.always = always,
	};
	d->count++;
	return 0;
}

static uint8_t *bytes_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy != NULL && size > 0)
		memcpy(copy, data, size);
	return copy;
}

int draft_replace(struct keyspace *ks, const struct ks_range *range)
{
	struct draft *d = &ks->draft;
	struct draft_range *ranges, *added;

	if (!d->open)
		return -EBUSY;
	if (range->key_size > KS_KEY_MAX || range->end_size > KS_KEY_MAX)
		return draft_fail(d, -EINVAL);
	ranges = reallocarray(d->ranges, d->n_ranges + 1, sizeof *ranges);
	if (ranges == NULL)
		return draft_fail(d, -ENOMEM);
	d->ranges = ranges;
	added = &ranges[d->n_ranges++];
	*added = (struct draft_range){
		.key = bytes_copy(range->key, range->key_size),
		.end = bytes_copy(range->end, range->end_size),
		.key_size = range->key_size,
		.end_size = range->end_size,
	};
	return added->key != NULL && added->end != NULL ? 0 : draft_fail(d, -ENOMEM);
}

static int item_compare(const void *a, const void *b)
{
	const struct draft_item *x = a, *y = b;
	int r = 0;

	if (x->key != y->key)
		r = bytes_compare(x->key->data, x->key->size, y->key->data, y->key->size);
	return r != 0 ? r : (x->order > y->order) - (x->order < y->order);
}

static int item_key_compare(const void *key, const void *item)
{
	const struct blob *k = key, *i = ((const struct draft_item *)item)->key;

	return k == i ? 0 : bytes_compare(k->data, k->size, i->data, i->size);
}

/* Resynchronisations usually come in order already. */
static void draft_sort(struct draft *d)
{
	for (size_t i = 1; i < d->count; i++) {
		if (item_compare(&d->items[i - 1], &d->items[i]) > 0) {
			qsort(d->items, d->count, sizeof d->items[0], item_compare);
			return;
		}
	}
}

/* Keeps the items that `keep` wants, in order, and drops the others' references. */
static void draft_filter(struct draft *d, bool (*keep)(const struct draft *d, size_t i))
{
	size_t kept = 0;

	for (size_t i = 0; i < d->count; i++) {
		struct draft_item item = d->items[i];

		if (keep(d, i)) {
			d->items[kept++] = item;
			continue;
		}
		blob_unref(item.key);
		blob_unref(item.value);
	}
	d->count = kept;
}

/* Looks forward only: what lies before has been overwritten by the filter. */
static bool item_is_last(const struct draft *d, size_t i)
{
	const struct blob *a = d->items[i].key, *b;

	if (i + 1 == d->count)
		return true;
	b = d->items[i + 1].key;
	return a != b && bytes_compare(a->data, a->size, b->data, b->size) != 0;
}

static bool item_differs(const struct draft *d, size_t i)
{
	const struct draft_item *item = &d->items[i];

	if (item->entry == NULL || item->value == NULL)
		return item->entry != NULL || item->value != NULL;
	return item->always || !blob_equal(item->entry->kv.value, item->value);
}

/* Adds a deletion for each key of the range that the first `sorted` items do not name. */
static int draft_resolve(struct keyspace *ks, const struct draft_range *owned, size_t sorted)
{
	const struct ks_range range = { owned->key, owned->end, owned->key_size, owned->end_size };
	struct draft *d = &ks->draft;

	for (struct index_entry *e = ks_range_first(ks, &range);
	     e != NULL && !ks_range_ends_before(&range, e->kv.key); e = index_next(e)) {
		int r;

		if (sorted > 0 && bsearch(e->kv.key, d->items, sorted, sizeof d->items[0],
					  item_key_compare) != NULL)
			continue;
		r = draft_grow(d);
		if (r < 0)
			return r;
		d->items[d->count] = (struct draft_item){
			.key = blob_ref(e->kv.key),
			.entry = e,
			.order = (uint32_t)d->count,
		};
		d->count++;
	}
	return 0;
}

int draft_settle(struct keyspace *ks)
{
	struct draft *d = &ks->draft;
	size_t sorted;

	draft_sort(d);
	draft_filter(d, item_is_last);
	sorted = d->count;
	for (size_t i = 0; i < d->n_ranges; i++) {
		int r = draft_resolve(ks, &d->ranges[i], sorted);

		if (r < 0)
			return r;
	}
	if (d->count > sorted) {
		draft_sort(d);
		draft_filter(d, item_is_last);	/* ranges may overlap */
	}
	draft_filter(d, item_differs);
	return 0;
}

static int draft_fresh(struct keyspace *ks, struct draft_item *item)
{
	if (item->entry != NULL)
		return 0;
	item->entry = index_entry_new(&ks->index, item->key);
	if (item->entry == NULL)
		return -ENOMEM;
	item->fresh = true;
	return 0;
}

static void event_fill(struct event *e, const struct draft_item *item, uint64_t revision)
{
	const struct kv *old = &item->entry->kv;

	e->key = blob_ref(item->key);
	e->value = blob_ref(item->value);
	if (item->fresh) {
		e->create_revision = revision;
		e->version = 1;
		return;
	}
	e->prev = blob_ref(old->value);
	e->prev_mod_revision = old->mod_revision;
	e->create_revision = old->create_revision;
	e->version = old->version + (item->value != NULL ? 1 : 0);
}

int draft_build(struct keyspace *ks, uint64_t revision, uint64_t now_ms, struct txn **ret_txn)
{
	struct draft *d = &ks->draft;
	struct txn *t;

	for (size_t i = 0; i < d->count; i++) {
		int r = draft_fresh(ks, &d->items[i]);

		if (r < 0)
			return r;
	}
	t = txn_new(revision, now_ms, (uint32_t)d->count);
	if (t == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < d->count; i++)
		event_fill(&t->events[i], &d->items[i], revision);
	txn_seal(t);
	*ret_txn = t;
	return 0;
}
