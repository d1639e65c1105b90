/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resources that the benches deliver, encoded in memory before anything is measured: EDS clusters
 * and their endpoints, as tests/bench/translation/mesh.c has them.  Used by the source plugin (source.c)
 * and by the floor program (floor.c), so that both send the same bytes.
 *
 * Needs nothing but the C library: the plugin is built outside of the tree.
 */
#ifndef BENCH_PREPARED_H
#define BENCH_PREPARED_H

#include <stddef.h>
#include <stdint.h>

struct prepared_item {
	char name[32];
	uint8_t *body;	/* owned */
	size_t size;
};

struct prepared {
	size_t n, endpoints;
	struct prepared_item *clusters, *assignments;	/* owned; n of each */
	size_t cluster_bytes, assignment_bytes;		/* of all bodies */
};

/* n clusters with this many endpoints each (at most 64); NULL: no memory, or too many.  Lives until the process
 * ends. */
struct prepared *prepared_new(size_t n, size_t endpoints);

/*
 * Gives the first endpoint of one cluster another weight, which depends on the round alone; the size
 * stays as it is.
 */
void prepared_change(struct prepared *p, size_t i, unsigned round);

/* Microseconds of the monotonic clock, which all processes share. */
double prepared_now_us(void);

#endif
