/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a transaction, and the two views on an event: see event.h.
 * Called by the key space and by the loader of the object store; can only run out of memory.
 */
#include "event.h"

#include <assert.h>
#include <stdlib.h>

struct txn *txn_new(uint64_t revision, uint64_t time_ms, uint32_t count)
{
	struct txn *t = calloc(1, sizeof *t + (size_t)count * sizeof t->events[0]);

	if (t == NULL)
		return NULL;
	t->revision = revision;
	t->time_ms = time_ms;
	t->refs = 1;
	t->count = count;
	return t;
}

/*
 * An upper bound: a value that two events share (as value of one, as prev of the next) is counted
 * twice, for which of the two will be trimmed first is not known.
 */
void txn_seal(struct txn *t)
{
	t->bytes = sizeof *t + (size_t)t->count * sizeof t->events[0];
	for (uint32_t i = 0; i < t->count; i++) {
		const struct event *e = &t->events[i];

		t->bytes += e->key->size;
		t->bytes += e->value != NULL ? e->value->size : 0;
		t->bytes += e->prev != NULL ? e->prev->size : 0;
	}
}

struct txn *txn_ref(struct txn *t)
{
	assert(t->refs > 0 && t->refs < UINT32_MAX);
	t->refs++;
	return t;
}

struct txn *txn_unref(struct txn *t)
{
	if (t == NULL || --t->refs > 0)
		return NULL;
	for (uint32_t i = 0; i < t->count; i++) {
		blob_unref(t->events[i].key);
		blob_unref(t->events[i].value);
		blob_unref(t->events[i].prev);
	}
	free(t);
	return NULL;
}

bool event_prev(const struct event *e, struct kv *ret_kv)
{
	if (e->prev == NULL)
		return false;
	*ret_kv = (struct kv){
		.key = e->key,
		.value = e->prev,
		.create_revision = e->create_revision,
		.mod_revision = e->prev_mod_revision,
		.version = e->value != NULL ? e->version - 1 : e->version,
	};
	return true;
}

bool event_kv(const struct event *e, uint64_t revision, struct kv *ret_kv)
{
	if (e->value == NULL)
		return false;
	*ret_kv = (struct kv){
		.key = e->key,
		.value = e->value,
		.create_revision = e->create_revision,
		.mod_revision = revision,
		.version = e->version,
	};
	return true;
}
