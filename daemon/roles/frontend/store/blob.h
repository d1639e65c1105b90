/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Immutable byte strings with a reference count.  The current state, the history and a watcher
 * that is behind share ONE copy of each key and value through them.
 * Used by every file of the store and, through the frontend, by plugins: the first two members
 * have the layout of `struct mesh_blob`, so a blob can be handed out as one.
 * Counts are not atomic: a blob belongs to one thread.
 */
#ifndef STORE_BLOB_H
#define STORE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define BLOB_SIZE_MAX (64u << 20)

struct blob {
	const uint8_t *data;	/* points at bytes[] */
	size_t size;
	uint64_t hash;		/* XXH3-64 of the bytes */
	uint32_t refs;
	uint8_t bytes[];
};

/* A copy of `size` bytes (data may be NULL if 0) with one reference; NULL: no memory or too big. */
struct blob *blob_new(const void *data, size_t size);

/* One more reference on the same blob; returns it. NULL stays NULL. */
struct blob *blob_ref(struct blob *b);

/* Gives one reference back; the last one frees. Accepts NULL, returns NULL. */
struct blob *blob_unref(struct blob *b);
DEFINE_FREEP(struct blob *, blob_unref);

/* Same bytes? Both must be non-NULL. */
bool blob_equal(const struct blob *a, const struct blob *b);

/* Order of byte strings as etcd's: memcmp, then the shorter one first. Like memcmp's result. */
int bytes_compare(const void *a, size_t a_size, const void *b, size_t b_size);

#endif
