/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bump allocator. Chunks double from 4 KB to 1 MB; what does not fit the rest of the current chunk
 * opens a new one, so at most half of the memory is unused. Only arena_deinit() and arena_reset()
 * give memory back.
 */
#include "arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <string.h>

/* Where the address sanitizer watches, what a reset took away must not be looked at any more. */
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define ARENA_FIRST_CHUNK ((size_t)4 << 10)
#define ARENA_LAST_CHUNK  ((size_t)1 << 20)
#define ARENA_ALIGN       alignof(max_align_t)

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* of payload */
	alignas(max_align_t) uint8_t payload[];
};

static void *arena_pb_alloc(void *data, size_t size)
{
	return arena_alloc(data, size);
}

static void arena_pb_free(void *data, void *ptr)
{
	(void)data;
	(void)ptr;
}

void arena_init(struct arena *a, size_t limit)
{
	*a = (struct arena){ .next_chunk = ARENA_FIRST_CHUNK, .limit = limit };
}

static void arena_free_chunks(struct arena_chunk *c)
{
	while (c != NULL) {
		struct arena_chunk *next = c->next;

		free(c);
		c = next;
	}
}

void arena_deinit(struct arena *a)
{
	arena_free_chunks(a->chunks);
	arena_init(a, a->limit);
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *keep = a->chunks;

	a->used = 0;
	if (keep == NULL)
		return;
	arena_free_chunks(keep->next);
	keep->next = NULL;
	ASAN_POISON_MEMORY_REGION(keep->payload, keep->size);
	a->pos = keep->payload;
	a->end = keep->payload + keep->size;
}

static bool arena_add_chunk(struct arena *a, size_t need)
{
	size_t size = MAX(a->next_chunk, need);
	struct arena_chunk *c;

	if (size > SIZE_MAX - sizeof *c)
		return false;
	c = malloc(sizeof *c + size);
	if (c == NULL)
		return false;
	c->next = a->chunks;
	c->size = size;
	a->chunks = c;
	a->pos = c->payload;
	a->end = c->payload + size;
	if (a->next_chunk < ARENA_LAST_CHUNK)
		a->next_chunk *= 2;
	return true;
}

/* size bytes after `pad` bytes of alignment, which a new chunk does not need. */
static void *arena_bump(struct arena *a, size_t pad, size_t size)
{
	uint8_t *at;

	if (size > SIZE_MAX / 2)
		return NULL;
	if (a->limit != 0 && pad + size > a->limit - a->used)
		return NULL;
	if (a->pos == NULL || pad + size > (size_t)(a->end - a->pos)) {
		if (!arena_add_chunk(a, size))
			return NULL;
		pad = 0;
	}
	at = a->pos + pad;
	a->pos = at + size;
	a->used += pad + size;
	ASAN_UNPOISON_MEMORY_REGION(at, size);
	return at;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t pad = -(uintptr_t)a->pos % ARENA_ALIGN;

	/* One byte at least: two allocations never share an address. */
	return arena_bump(a, pad, MAX(size, (size_t)1));
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	p = arena_alloc(a, bytes);
	if (p != NULL)
		memset(p, 0, bytes);
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		return NULL;
	copy = arena_bump(a, 0, len + 1);
	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

void *arena_memdup(struct arena *a, const void *data, size_t len)
{
	void *copy = arena_alloc(a, len);

	if (copy != NULL && len > 0)
		memcpy(copy, data, len);
	return copy;
}

ProtobufCAllocator *arena_allocator(struct arena *a)
{
	a->allocator = (ProtobufCAllocator){
		.alloc = arena_pb_alloc,
		.free = arena_pb_free,
		.allocator_data = a,
	};
	return &a->allocator;
}
