/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a unit has asked about so far: many routes name the same few clusters, so each resource is
 * looked up, noted as read, and its upstreams named once for a unit.  Lives in the job's arena.
 */
#ifndef MESHD_TRANSLATION_USES_H
#define MESHD_TRANSLATION_USES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "resource.h"
#include "variant.h"

/* A variant that was asked for and its upstream's id. */
struct use_variant {
	struct use_variant *next;
	const struct variant *variant;	/* borrowed from the unit's output */
	const char *id;
};

struct cluster_facts;
struct cluster_nodes;

struct use {
	const char *name;	/* borrowed from the unit's output */
	uint64_t hash;		/* of type and name */
	enum rt type;
	const struct cluster_facts *facts;	/* NULL: not asked for */
	struct use_variant *variants;
	const struct cluster_nodes *nodes;	/* NULL: not asked for */
};

struct uses {
	struct use **slots;	/* a power of two, open addressing */
	size_t n, n_slots;
};

/* NULL: not yet. */
struct use *uses_find(const struct uses *uses, enum rt type, const char *name);
/* A new one; the caller has looked for it. NULL: out of memory. */
struct use *uses_add(struct uses *uses, struct arena *arena, enum rt type, const char *name);

#endif
