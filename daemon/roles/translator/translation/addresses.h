/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What capture is told: each destination with its identity and whose it is.  A destination may go
 * from one listener to another within one run; then it is the new owner's, in whatever order they come.
 */
#ifndef MESHD_TRANSLATION_ADDRESSES_H
#define MESHD_TRANSLATION_ADDRESSES_H

#include "unit.h"

/* Kind of the objects of a unit that are addresses: key "addresses/DESTINATION", value "IDENTITY TARGET". */
#define ADDRESSES "addresses"

bool is_address(const char *key);

/* A unit has or no longer has (object NULL) the destination; tells ops.address. */
void addresses_put(struct translation *t, const struct unit *unit, const char *destination,
		   const struct object *object);
/* Any order; fn non-zero ends the walk. */
int addresses_each(const struct graph *g, int (*fn)(const struct translation_address *a, void *arg), void *arg);
void addresses_deinit(struct graph *g);

#endif
