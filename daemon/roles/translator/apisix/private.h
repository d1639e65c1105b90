/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a checker keeps: seen by plugins.c and regex.c only.
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

struct apisix {
	struct slot slots[SLOTS];	/* by hash of the name, the next free one if taken */
	size_t n_slots;
	uint64_t regexes[REGEXES];	/* hashes of texts that compiled, by their low bits */
};

#endif
