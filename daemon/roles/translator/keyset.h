/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of changes by key: the newest put or del of each. Used by publish.c and engine.c.
 */
#ifndef MESHD_TRANSLATOR_KEYSET_H
#define MESHD_TRANSLATOR_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct change {
	UT_hash_handle hh;
	bool del;
	size_t size;
	char *key;		/* both point into this block */
	uint8_t *value;
};

struct keyset {
	struct change *head;
};

/* Replaces what the key had. 0 or -ENOMEM. */
int keyset_set(struct keyset *s, const char *key, const uint8_t *value, size_t size, bool del);
/* The change of that key, or NULL; borrowed. */
const struct change *keyset_find(const struct keyset *s, const char *key);
/* True if the key had a change, which is dropped. */
bool keyset_drop(struct keyset *s, const char *key);
void keyset_clear(struct keyset *s);
size_t keyset_count(const struct keyset *s);

/*
 * Moves every change of `from` over; without_dels: a del only takes away what is in `to`.
 * 0 or -ENOMEM (`from` keeps the rest).
 */
int keyset_merge(struct keyset *to, struct keyset *from, bool without_dels);

/* Takes everything out, sorted by key: array of changes, each owned by the caller (free). 0 or -ENOMEM. */
int keyset_take(struct keyset *s, struct change ***ret_list, size_t *ret_n);

#endif
