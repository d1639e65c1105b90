/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modes with watches: last, flood, hold (modes.h).  All end by time; a server that does not
 * deliver within PATIENCE is an error.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "modes.h"
#include "watchers.h"

#define PATIENCE_US 30e6
#define IN_FLIGHT 64
#define WARM_UP 5
#define ROUNDS_MAX 10000

static struct watchers *from_arguments(char **argv)
{
	return watchers_new(atoi(argv[0]), strcmp(argv[1], "json") == 0, (size_t)atoi(argv[2]));
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(double *sorted, size_t n, double q)
{
	size_t i = (size_t)(q * (double)n);

	return n > 0 ? sorted[i < n ? i : n - 1] : 0;
}

/* One put; microseconds until every watcher has its event. */
static double one_round(struct watchers *w, size_t count)
{
	double begin = now_us(), last = 0;

	watchers_put(w);
	while (last == 0 || watchers_acked(w) < watchers_put_count(w)) {
		watchers_poll(w, 1000);
		if (last == 0 && watchers_sum(w) >= watchers_put_count(w) * count)
			last = now_us();
		errno = 0;
		if (now_us() - begin > PATIENCE_US)
			die("an event has not reached all of %zu watchers after 30 s", count);
	}
	return last - begin;
}

int mode_last(int argc, char **argv)
{
	static double took[ROUNDS_MAX];
	struct watchers *w = from_arguments(argv);
	size_t count = (size_t)atoi(argv[2]), n = 0;
	double end;

	(void)argc;
	watchers_writer(w, atoi(argv[0]));
	for (int i = 0; i < WARM_UP; i++)
		one_round(w, count);
	for (end = now_us() + atof(argv[3]) * 1e6; n < ROUNDS_MAX && (n < 3 || now_us() < end);) {
		took[n++] = one_round(w, count);
		pause_us(500);
	}
	watchers_free(w);
	qsort(took, n, sizeof took[0], by_size);
	printf("rounds=%zu p50_us=%.1f p99_us=%.1f\n", n, quantile(took, n, .5), quantile(took, n, .99));
	return 0;
}

int mode_flood(int argc, char **argv)
{
	struct watchers *w = from_arguments(argv);
	double begin, end, seconds, progress;
	uint64_t before, least = 0, sum;

	(void)argc;
	watchers_writer(w, atoi(argv[0]));
	one_round(w, (size_t)atoi(argv[2]));
	before = watchers_sum(w);
	begin = progress = now_us();
	for (end = begin + atof(argv[3]) * 1e6; now_us() < end;) {
		uint64_t now = watchers_least(w);

		progress = now > least ? now_us() : progress;
		errno = 0;
		if (now_us() - progress > PATIENCE_US)
			die("the slowest watcher got nothing for 30 s");
		least = now;
		while (watchers_put_count(w) < least + IN_FLIGHT)
			watchers_put(w);
		watchers_poll(w, 100);
	}
	seconds = (now_us() - begin) / 1e6;
	sum = watchers_sum(w) - before;
	printf("events=%llu events_per_s=%.0f puts=%llu\n", (unsigned long long)sum, (double)sum / seconds,
	       (unsigned long long)watchers_put_count(w));
	watchers_free(w);
	return 0;
}

int mode_hold(int argc, char **argv)
{
	struct watchers *w = from_arguments(argv);
	char text[16];

	(void)argc;
	printf("ready\n");
	fflush(stdout);
	link_nonblocking(STDIN_FILENO);
	watchers_add(w, STDIN_FILENO);
	for (;;) {
		ssize_t n = read(STDIN_FILENO, text, sizeof text);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		watchers_poll(w, -1);
	}
	watchers_free(w);
	return 0;
}
