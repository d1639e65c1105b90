/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the translation costs, in processor time and memory:
 *
 *   bench_translation routes N ROUNDS              full translation of N routes, and memcpy and hash of their bytes
 *   bench_translation clusters N ENDPOINTS ROUNDS  full translation of N clusters, one endpoint changed, memory
 *
 * Prints lines "name=number" for tests/bench/translation; exits 1 when something fails.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xxhash.h>

#include "mesh.h"

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

struct floor_work {
	uint8_t *to;
	uint64_t hash;
	size_t bytes;
};

static int floor_one(struct resource *r, void *arg)
{
	struct floor_work *w = arg;

	memcpy(w->to, r->body, r->size);
	w->hash ^= XXH3_64bits(w->to, r->size);
	w->bytes += r->size;
	return 0;
}

/* Microseconds to copy and hash all resources once. */
static double floor_us(struct bench_mesh *m, size_t *ret_bytes)
{
	struct floor_work w = { .to = malloc(64u << 20) };
	double list[25];

	if (w.to == NULL)
		die("out of memory");
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		double start = cpu_us();

		w.bytes = 0;
		for (unsigned type = 0; type < _RT_MAX; type++)
			resource_table_each(m->table, (enum rt)type, floor_one, &w);
		list[i] = cpu_us() - start;
	}
	*ret_bytes = w.bytes;
	free(w.to);
	printf("hash=%llu\n", (unsigned long long)w.hash);
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

static void report(struct bench_mesh *m, double full, size_t resource_bytes, double floor)
{
	printf("objects=%zu\nobject_bytes=%zu\nresource_bytes=%zu\n", m->puts, m->bytes, resource_bytes);
	printf("full_us=%.0f\nfloor_us=%.1f\nratio=%.1f\n", full, floor, full / floor);
}

static void routes(size_t n, size_t rounds)
{
	struct bench_mesh m;
	size_t bytes;
	double full, floor;

	bench_mesh_open(&m);
	bench_mesh_routes(&m, n);
	full = full_us(&m, rounds);
	floor = floor_us(&m, &bytes);
	report(&m, full, bytes, floor);
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
	size_t bytes, before;
	double full, floor, change;

	bench_mesh_open(&m);
	bench_mesh_clusters(&m, n, endpoints);
	full = full_us(&m, rounds);
	floor = floor_us(&m, &bytes);
	report(&m, full, bytes, floor);
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
	if (argc == 4 && strcmp(argv[1], "routes") == 0)
		routes(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	else if (argc == 5 && strcmp(argv[1], "clusters") == 0)
		clusters(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
	else
		die("usage: bench_translation routes N ROUNDS | clusters N ENDPOINTS ROUNDS");
	return 0;
}
