/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reference-counted byte strings: see blob.h.  Called by the whole store.
 * The only failure is lack of memory (or a size above BLOB_SIZE_MAX), told by NULL.
 */
#include "blob.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct blob *blob_new(const void *data, size_t size)
{
	return blob_new_leased(data, size, 0);
}

struct blob *blob_new_leased(const void *data, size_t size, int64_t lease)
{
	struct blob *b;

	if (size > BLOB_SIZE_MAX)
		return NULL;
	b = malloc(offsetof(struct blob, bytes) + size + (lease != 0 ? sizeof lease : 0));
	if (b == NULL)
		return NULL;
	if (size > 0)
		memcpy(b->bytes, data, size);
	b->data = b->bytes;
	b->size = size;
	b->hash = XXH3_64bits(b->bytes, size);
	b->refs = 1;
	b->leased = lease != 0;
	if (lease != 0)
		memcpy(b->bytes + size, &lease, sizeof lease);
	return b;
}

int64_t blob_lease(const struct blob *b)
{
	int64_t lease = 0;

	if (b != NULL && b->leased)
		memcpy(&lease, b->bytes + b->size, sizeof lease);
	return lease;
}

struct blob *blob_ref(struct blob *b)
{
	if (b != NULL) {
		assert(b->refs < UINT32_MAX >> 1);
		b->refs++;
	}
	return b;
}

struct blob *blob_unref(struct blob *b)
{
	if (b == NULL)
		return NULL;
	assert(b->refs > 0);
	if (--b->refs == 0)
		free(b);
	return NULL;
}

bool blob_equal(const struct blob *a, const struct blob *b)
{
	if (a == b)
		return true;
	return a->size == b->size && a->hash == b->hash && blob_lease(a) == blob_lease(b) &&
	       memcmp(a->data, b->data, a->size) == 0;
}

int bytes_compare(const void *a, size_t a_size, const void *b, size_t b_size)
{
	size_t common = MIN(a_size, b_size);
	int r = common > 0 ? memcmp(a, b, common) : 0;

	if (r != 0)
		return r;
	return (a_size > b_size) - (a_size < b_size);
}
