/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a checker keeps: seen by plugins.c, regex.c and good.c only.
 */
#ifndef MESHD_APISIX_PRIVATE_H
#define MESHD_APISIX_PRIVATE_H

#include "check.h"
#include "plugins.h"

#define SLOTS 1024
#define REGEXES 4096

struct slot {
	char *name;			/* owned */
	const struct plugin_row *row;	/* NULL: only the operator knows this plugin */
	bool http, stream;		/* enabled */
	bool guards;			/* says who may pass */
};

#define GOOD 32
#define GOOD_MAX 1000

/* good.c: the last value that fitted these rows. */
struct good {
	const struct schema *schema;	/* NULL: none yet */
	unsigned depth;			/* where it stood */
	bool references;		/* as in struct check */
	uint16_t size;
	uint8_t text[GOOD_MAX];
};

struct apisix {
	struct slot slots[SLOTS];	/* by hash of the name, the next free one if taken */
	size_t n_slots;
	struct good good[GOOD];
	uint64_t regexes[REGEXES];	/* hashes of texts that compiled, by their low bits */
};

#endif
