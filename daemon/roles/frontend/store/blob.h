/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Immutable byte strings with a reference count.  The current state, the history and a watcher
 * that is behind share ONE copy of each key and value through them.
 * Used by every file of the store and, through the frontend, by plugins: the first two members
 * have the layout of `struct mesh_blob`, so a blob can be handed out as one.
 * A value may carry the lease that it was put with, so that state, history, journal and files hold
 * it without a field of their own (nearly no key has one).
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
	uint32_t refs : 31;
	uint32_t leased : 1;	/* the id of the lease lies behind the bytes */
	uint8_t bytes[];
};

/* A copy of `size` bytes (data may be NULL if 0) with one reference; NULL: no memory or too big. */
struct blob *blob_new(const void *data, size_t size);
/* The same, of a value with a lease; 0: without one. */
struct blob *blob_new_leased(const void *data, size_t size, int64_t lease);
/* 0: none; b may be NULL. */
int64_t blob_lease(const struct blob *b);

/* One more reference on the same blob; returns it. NULL stays NULL. */
struct blob *blob_ref(struct blob *b);

/* Gives one reference back; the last one frees. Accepts NULL, returns NULL. */
struct blob *blob_unref(struct blob *b);
DEFINE_FREEP(struct blob *, blob_unref);

/* Same bytes and same lease? Both must be non-NULL. */
bool blob_equal(const struct blob *a, const struct blob *b);

/* Order of byte strings as etcd's: memcmp, then the shorter one first. Like memcmp's result. */
int bytes_compare(const void *a, size_t a_size, const void *b, size_t b_size);

#endif
