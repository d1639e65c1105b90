/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meshes of the size that the bench asks for, as resources in a table, and a translation over them
 * whose output goes nowhere.  Every failure ends the program with a message.
 */
#ifndef BENCH_TRANSLATION_MESH_H
#define BENCH_TRANSLATION_MESH_H

#include "translation.h"

struct bench_mesh {
	struct resource_table *table;	/* owned */
	struct translation *translation;	/* owned; NULL: none yet */
	size_t puts, bytes;		/* of what came out since the last reset */
};

void bench_mesh_open(struct bench_mesh *m);
void bench_mesh_close(struct bench_mesh *m);

/* One listener, one route configuration: n routes in virtual hosts of 100, over 50 clusters. */
void bench_mesh_routes(struct bench_mesh *m, size_t n);
/* n EDS clusters, each with its endpoints: `endpoints` of them. */
void bench_mesh_clusters(struct bench_mesh *m, size_t n, size_t endpoints);
/* The endpoints of one cluster, the first with this weight. */
void bench_mesh_endpoints(struct bench_mesh *m, size_t cluster, size_t endpoints, unsigned weight);

/* A new translation that knows nothing; the resources stay. */
void bench_mesh_forget(struct bench_mesh *m);
/* Translates everything (changed: all resources) or what was marked. */
void bench_mesh_mark_all(struct bench_mesh *m);
void bench_mesh_mark(struct bench_mesh *m, enum rt type, const char *name);
void bench_mesh_run(struct bench_mesh *m);

_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
