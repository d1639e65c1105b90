/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bump allocator: many small allocations that are all freed at once. Used to unpack a protobuf
 * message or to hold a document tree, where single frees are never needed. It doubles as a
 * ProtobufCAllocator, so protobuf-c fills an arena without knowing it.
 *
 * An allocation that would exceed the byte limit, or for which there is no memory, returns NULL.
 */
#ifndef WIRE_ARENA_H
#define WIRE_ARENA_H

#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "cleanup.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;    /* owned, newest first */
	uint8_t *pos, *end;            /* free room of the newest chunk */
	size_t next_chunk;             /* payload size of the next one, doubles up to a maximum */
	size_t used;                   /* bytes handed out, alignment included */
	size_t limit;                  /* largest value of used; 0: no limit */
	ProtobufCAllocator allocator;  /* view for protobuf-c, see arena_allocator() */
};

/* limit: bytes that may be handed out in total, 0 for no limit. Cannot fail; allocates nothing. */
void arena_init(struct arena *a, size_t limit);

/* Frees everything that came from the arena, which may be used again after arena_init(). */
void arena_deinit(struct arena *a);

/* Forgets all allocations and keeps one chunk, for the next message of a similar size. */
void arena_reset(struct arena *a);

/* size bytes aligned for any type, owned by the arena. NULL: limit reached or out of memory. */
void *arena_alloc(struct arena *a, size_t size);

/* As arena_alloc(), zeroed; NULL too when n * size overflows. */
void *arena_calloc(struct arena *a, size_t n, size_t size);

/* Copy of len bytes with a NUL behind them, packed without alignment. */
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_strdup(struct arena *a, const char *s);

/* Copy of len bytes, aligned as by arena_alloc(). */
void *arena_memdup(struct arena *a, const void *data, size_t len);

/* The arena as an allocator for protobuf-c: its free does nothing. Valid as long as the arena,
 * which must not be moved meanwhile. */
ProtobufCAllocator *arena_allocator(struct arena *a);

#endif
