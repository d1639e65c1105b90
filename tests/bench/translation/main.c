/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the translation costs, in processor time and memory:
 *
 *   bench_translation routes N ROUNDS              full translation of N routes, and memcpy and hash of the bytes
 *   bench_translation clusters N ENDPOINTS ROUNDS  full translation of N clusters, one endpoint changed, memory
 *
 * Prints lines "name=number" for run beside it; exits 1 when something fails.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xxhash.h>

#include "heap.h"
#include "mesh.h"

#define FLOOR_MAX ((size_t)64 << 20)	/* far beyond the caches */

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *list, size_t n)
{
	qsort(list, n, sizeof *list, compare);
	return list[n / 2];
}

static double *rounds_new(size_t n)
{
	double *list = calloc(n, sizeof *list);

	if (list == NULL)
		die("out of memory");
	return list;
}

/* What comes in and what goes out, in places of their own. */
struct floor_work {
	uint8_t *from, *to;	/* owned */
	size_t in, out;		/* bytes of resources, then of objects */
	uint64_t hash;
};

static int gather_one(struct resource *r, void *arg)
{
	struct floor_work *w = arg;

	memcpy(w->from + w->in, r->body, r->size);
	w->in += r->size;
	return 0;
}

static void work_init(struct floor_work *w, struct bench_mesh *m)
{
	*w = (struct floor_work){ .from = calloc(1, FLOOR_MAX), .to = calloc(1, FLOOR_MAX), .out = m->bytes };
	if (w->from == NULL || w->to == NULL)
		die("out of memory");
	for (unsigned type = 0; type < _RT_MAX; type++)
		resource_table_each(m->table, (enum rt)type, gather_one, w);
	if (w->in + w->out > FLOOR_MAX)
		die("more bytes than the floor has room for");
}

/* Both are larger than the caches: whatever was measured last is not in them any more. */
static void make_cold(uint8_t *junk)
{
	for (size_t i = 0; i < FLOOR_MAX; i += 64)
		junk[i]++;
}

/* Microseconds to copy and hash so many bytes once, when neither they nor their copy are in a cache. */
static double floor_us(struct floor_work *w, size_t bytes)
{
	uint8_t *junk = calloc(1, FLOOR_MAX);
	double list[25];

	if (junk == NULL)
		die("out of memory");
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		double start;

		make_cold(junk);
		start = cpu_us();
		memcpy(w->to, w->from, bytes);
		w->hash ^= XXH3_64bits(w->to, bytes);
		list[i] = cpu_us() - start;
	}
	free(junk);
	return median(list, sizeof list / sizeof *list);
}

/* Of full translations, each by a translation that knew nothing. */
static double full_us(struct bench_mesh *m, size_t rounds)
{
	double *list = rounds_new(rounds), us;

	for (size_t i = 0; i < rounds; i++) {
		double start;

		bench_mesh_forget(m);
		start = cpu_us();
		bench_mesh_mark_all(m);
		bench_mesh_run(m);
		list[i] = cpu_us() - start;
	}
	us = median(list, rounds);
	free(list);
	return us;
}

/* Against the bytes that came in, and against those that came in and went out. */
static void report(struct bench_mesh *m, double full)
{
	struct floor_work w;
	double in, both;

	work_init(&w, m);
	in = floor_us(&w, w.in);
	both = floor_us(&w, w.in + w.out);
	printf("objects=%zu\nobject_bytes=%zu\nresource_bytes=%zu\n", m->puts, w.out, w.in);
	printf("full_us=%.0f\nfloor_us=%.1f\nfloor_both_us=%.1f\n", full, in, both);
	printf("ratio=%.1f\nratio_both=%.1f\nhash=%llu\n", full / in, full / both, (unsigned long long)w.hash);
	free(w.from);
	free(w.to);
}

static void routes(size_t n, size_t rounds)
{
	struct bench_mesh m;

	bench_mesh_open(&m);
	bench_mesh_routes(&m, n);
	report(&m, full_us(&m, rounds));
	bench_mesh_close(&m);
}

static double change_us(struct bench_mesh *m, size_t n, size_t endpoints)
{
	double list[101];
	char name[32];

	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		size_t cluster = i * 7919 % n;
		double start;

		snprintf(name, sizeof name, "cluster-%zu", cluster);
		bench_mesh_endpoints(m, cluster, endpoints, (unsigned)(i + 2));
		start = cpu_us();
		bench_mesh_mark(m, RT_ENDPOINT, name);
		bench_mesh_run(m);
		list[i] = cpu_us() - start;
	}
	return median(list, sizeof list / sizeof *list);
}

static void clusters(size_t n, size_t endpoints, size_t rounds)
{
	struct bench_mesh m;
	size_t before;
	double full, change;

	bench_mesh_open(&m);
	bench_mesh_clusters(&m, n, endpoints);
	full = full_us(&m, rounds);
	report(&m, full);
	change = change_us(&m, n, endpoints);
	printf("change_us=%.2f\nfull_over_change=%.0f\n", change, full / change);
	malloc_trim(0);
	before = mallinfo2().uordblks;
	translation_free(m.translation);
	m.translation = NULL;
	printf("translation_bytes=%zu\n", before - mallinfo2().uordblks);
	bench_mesh_close(&m);
}

int main(int argc, char **argv)
{
	heap_keep(); /* as the translator does */
	if (argc == 4 && strcmp(argv[1], "routes") == 0)
		routes(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	else if (argc == 5 && strcmp(argv[1], "clusters") == 0)
		clusters(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
	else
		die("usage: bench_translation routes N ROUNDS | clusters N ENDPOINTS ROUNDS");
	return 0;
}
