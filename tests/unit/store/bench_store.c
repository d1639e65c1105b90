/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key costs in memory, and what a one-key commit costs in time, with journal and reservation
 * file, at several sizes.  Prints a table; judges nothing (times depend on the machine).
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "store.h"

#define VALUE_SIZE 600
#define JOURNAL_SIZE (64u << 20)
#define COMMITS 20000

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void put(struct keyspace *ks, unsigned key, unsigned version)
{
	char name[64], value[VALUE_SIZE];
	struct blob *b;
	int len =
		snprintf(name, sizeof name, "/apisix/upstreams/outbound-%016x", key * 2654435761u);

	memset(value, 'v', sizeof value);
	snprintf(value, sizeof value, "%u %u", key, version);
	b = blob_new(value, sizeof value);
	(void)ks_txn_put(ks, name, (size_t)len, b);
	blob_unref(b);
}

static size_t heap(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static double commits(struct keyspace *ks, unsigned keys)
{
	double from = now_us();

	for (unsigned i = 0; i < COMMITS; i++) {
		(void)ks_txn_begin(ks);
		put(ks, (i * 7919u) % keys, i + 1);
		(void)ks_txn_commit(ks, 1, NULL);
	}
	return (now_us() - from) / COMMITS;
}

static void measure(const struct store_options *o, unsigned keys)
{
	struct store_report report;
	struct store *s = NULL;
	double from, load, save, open, commit;
	size_t empty, full;

	if (store_open(o, 1795000000000u, &s, &report) < 0)
		exit(1);
	empty = heap();
	from = now_us();
	(void)ks_txn_begin(store_keys(s));
	for (unsigned i = 0; i < keys; i++)
		put(store_keys(s), i, 0);
	(void)ks_txn_commit(store_keys(s), 1, NULL);
	load = now_us() - from;
	full = heap();
	from = now_us();
	(void)store_save(s, 1);
	save = now_us() - from;
	commit = commits(store_keys(s), keys);
	store_free(s);
	from = now_us();
	if (store_open(o, 1795000000000u, &s, &report) < 0)
		exit(1);
	open = now_us() - from;
	printf("%7u keys: %5.0f bytes per key (%d of them value), load %6.1f ms, save %6.1f ms, "
	       "open with %zu repeated %6.1f ms, commit %5.2f us\n",
	       keys, (double)(full - empty) / keys, VALUE_SIZE, load / 1e3, save / 1e3,
	       report.repeated, open / 1e3, commit);
	store_free(s);
}

int main(void)
{
	static const unsigned sizes[] = { 1000, 10000, 50000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char path[] = "/tmp/meshd-bench-XXXXXX", command[64];
		struct store_options o = { .boot_id = "bench", .journal_size = JOURNAL_SIZE };

		o.dirfd = mkdtemp(path) != NULL ? open(path, O_RDONLY | O_DIRECTORY) : -1;
		o.journal = mmap(NULL, JOURNAL_SIZE, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		measure(&o, sizes[i]);
		munmap(o.journal, JOURNAL_SIZE);
		close(o.dirfd);
		snprintf(command, sizeof command, "rm -r %s", path);
		if (system(command) != 0)
			return 1;
	}
	return 0;
}
