/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The skip list of index.h.  Called by the key space (and by the loader of the object store
 * through it).  Only index_entry_new() can fail, so that a commit allocates first and then
 * changes the map without a way to stop half done.
 */
#include "index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void index_init(struct index *ix)
{
	*ix = (struct index){ .seed = 0x9e3779b97f4a7c15u };
}

void index_deinit(struct index *ix)
{
	struct index_entry *e = ix->head[0];

	while (e != NULL) {
		struct index_entry *next = e->next[0];

		index_entry_free(e);
		e = next;
	}
	index_init(ix);
}

/* xorshift64: two bits per level, one more level with probability 1/4. */
static uint8_t index_levels(struct index *ix)
{
	uint64_t bits = ix->seed;
	uint8_t levels = 1;

	bits ^= bits << 13;
	bits ^= bits >> 7;
	bits ^= bits << 17;
	ix->seed = bits;
	bits >>= 16;
	while (levels < INDEX_LEVELS && (bits & 3) == 0) {
		levels++;
		bits >>= 2;
	}
	return levels;
}

struct index_entry *index_entry_new(struct index *ix, struct blob *key)
{
	uint8_t levels = index_levels(ix);
	struct index_entry *e = calloc(1, sizeof *e + levels * sizeof e->next[0]);

	if (e == NULL)
		return NULL;
	e->kv.key = blob_ref(key);
	e->levels = levels;
	return e;
}

struct index_entry *index_entry_free(struct index_entry *e)
{
	if (e == NULL)
		return NULL;
	blob_unref(e->kv.key);
	blob_unref(e->kv.value);
	free(e);
	return NULL;
}

static int entry_compare(const struct index_entry *e, const void *key, size_t size)
{
	return bytes_compare(e->kv.key->data, e->kv.key->size, key, size);
}

/* For each level the links array whose entry of that level is the first one not below `key`. */
static void index_seek(struct index *ix, const void *key, size_t size,
		       struct index_entry **ret_links[INDEX_LEVELS])
{
	struct index_entry **links = ix->head;

	for (int level = INDEX_LEVELS - 1; level >= 0; level--) {
		while (links[level] != NULL && entry_compare(links[level], key, size) < 0)
			links = links[level]->next;
		ret_links[level] = links;
	}
}

void index_insert(struct index *ix, struct index_entry *e)
{
	struct index_entry **links[INDEX_LEVELS];

	index_seek(ix, e->kv.key->data, e->kv.key->size, links);
	assert(links[0][0] == NULL ||
	       entry_compare(links[0][0], e->kv.key->data, e->kv.key->size) != 0);
	for (uint8_t level = 0; level < e->levels; level++) {
		e->next[level] = links[level][level];
		links[level][level] = e;
	}
	ix->count++;
}

void index_remove(struct index *ix, struct index_entry *e)
{
	struct index_entry **links[INDEX_LEVELS];

	index_seek(ix, e->kv.key->data, e->kv.key->size, links);
	assert(links[0][0] == e);
	for (uint8_t level = 0; level < e->levels; level++) {
		links[level][level] = e->next[level];
		e->next[level] = NULL;
	}
	ix->count--;
}

struct index_entry *index_lower_bound(const struct index *ix, const void *key, size_t size)
{
	struct index_entry *const *links = ix->head;

	for (int level = INDEX_LEVELS - 1; level >= 0; level--)
		while (links[level] != NULL && entry_compare(links[level], key, size) < 0)
			links = links[level]->next;
	return links[0];
}

struct index_entry *index_find(const struct index *ix, const void *key, size_t size)
{
	struct index_entry *e = index_lower_bound(ix, key, size);

	return e != NULL && entry_compare(e, key, size) == 0 ? e : NULL;
}
