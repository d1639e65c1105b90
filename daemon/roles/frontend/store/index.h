/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ordered map from key to its current value and numbers: a skip list.
 * Chosen over a B+ tree because entries never move (a draft or a walk may point at one), a node
 * costs about 60 bytes beside the shared blobs (40 of them are the numbers themselves, the links
 * are 1.33 pointers on average), and deletion leaves no half-empty pages to merge.
 * Used by the key space only.  Insert, find and remove are O(log n), a step is O(1).
 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"

#define INDEX_LEVELS 14		/* one entry in 4 climbs a level: good for 4^14 keys */

struct index_entry {
	struct kv kv;			/* key and value owned */
	uint8_t levels;
	struct index_entry *next[];	/* `levels` of them */
};

struct index {
	struct index_entry *head[INDEX_LEVELS];	/* owned through level 0 */
	size_t count;
	uint64_t seed;			/* of the level generator; its quality matters, not its secrecy */
};

void index_init(struct index *ix);
void index_deinit(struct index *ix);

/* An entry outside the map: takes a reference on key, has no value yet. NULL: no memory. */
struct index_entry *index_entry_new(struct index *ix, struct blob *key);
/* Accepts NULL, returns NULL. The entry must be outside the map. */
struct index_entry *index_entry_free(struct index_entry *e);

/* Puts an entry in; its key must not be there yet. Cannot fail. */
void index_insert(struct index *ix, struct index_entry *e);
/* Takes an entry out, and hands it back to the caller's ownership. Cannot fail. */
void index_remove(struct index *ix, struct index_entry *e);

/* NULL: not there. */
struct index_entry *index_find(const struct index *ix, const void *key, size_t size);
/* First entry whose key is not smaller; NULL: none. */
struct index_entry *index_lower_bound(const struct index *ix, const void *key, size_t size);

static inline struct index_entry *index_next(const struct index_entry *e)
{
	return e->next[0];
}

#endif
