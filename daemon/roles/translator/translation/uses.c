/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of what a unit uses; see uses.h.  Called by job.c for every question of a unit; fails only by
 * running out of memory.
 */
#include "uses.h"

#include <string.h>

#include <xxhash.h>

#define SLOTS_MIN 16

static uint64_t hash_of(enum rt type, const char *name)
{
	return XXH3_64bits_withSeed(name, strlen(name), type);
}

/* Where it stands, or the free slot where it belongs. */
static struct use **slot_of(const struct uses *uses, uint64_t hash, enum rt type, const char *name)
{
	for (size_t i = hash;; i++) {
		struct use **slot = &uses->slots[i & (uses->n_slots - 1)];

		if (*slot == NULL || ((*slot)->hash == hash && (*slot)->type == type &&
				      strcmp((*slot)->name, name) == 0))
			return slot;
	}
}

struct use *uses_find(const struct uses *uses, enum rt type, const char *name)
{
	return uses->n_slots > 0 ? *slot_of(uses, hash_of(type, name), type, name) : NULL;
}

static bool grow(struct uses *uses, struct arena *arena)
{
	struct uses bigger = { .n = uses->n, .n_slots = uses->n_slots > 0 ? uses->n_slots * 2 : SLOTS_MIN };

	bigger.slots = arena_calloc(arena, bigger.n_slots, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return false;
	for (size_t i = 0; i < uses->n_slots; i++)
		if (uses->slots[i] != NULL)
			*slot_of(&bigger, uses->slots[i]->hash, uses->slots[i]->type, uses->slots[i]->name) =
				uses->slots[i];
	*uses = bigger;
	return true;
}

struct use *uses_add(struct uses *uses, struct arena *arena, enum rt type, const char *name)
{
	struct use *use;

	if (uses->n * 2 >= uses->n_slots && !grow(uses, arena))
		return NULL;
	use = arena_calloc(arena, 1, sizeof *use);
	if (use == NULL)
		return NULL;
	*use = (struct use){ .name = name, .type = type, .hash = hash_of(type, name) };
	*slot_of(uses, use->hash, type, name) = use;
	uses->n++;
	return use;
}
