/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a commit and the disk: journal full, holed or too small, disk full, saves in slices,
 * secrets kept off the disk, two workers at once.
 */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A hole in the journal (one byte of a record): what follows it is not applied to the wrong state. */
static void test_journal_hole(void **state)
{
	struct world w;
	uint64_t seen;
	uint8_t *place;

	world_make(&w);
	start(&w);
	put_one(w.ks, "a", "first-value");
	put_one(w.ks, "a", "second-value");
	seen = put_one(w.ks, "a", "third-value");
	killed(&w);
	place = memmem(w.journal, JOURNAL_SIZE, "second-value", 12);
	assert_non_null(place);
	*place = 'S';
	assert_start(&w, STORE_BEHIND);
	assert_value(w.ks, "a", "first-value");
	assert_cancelled(&w, seen);
	world_remove(&w);
}

static void test_journal_full(void **state)
{
	struct world w;
	uint64_t before, after;

	world_make(&w);
	start(&w);
	before = ks_revision(w.ks);
	fill(&w, 1000);				/* 1 MB through 128 KB: saves by itself */
	after = ks_revision(w.ks);
	assert_int_equal(after, before + 1000);
	assert_true(store_stored(w.store) > before);
	assert_true(store_pressure(w.store) <= 100);
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	assert_int_equal(ks_revision(w.ks), after);
	assert_true(ks_history_count(w.ks) >= 999);
	world_remove(&w);
}

static void test_oversized(void **state)
{
	struct blob *b;
	char *big = malloc(JOURNAL_SIZE * 2);
	struct world w;
	uint64_t seen = 0;

	memset(big, 'x', JOURNAL_SIZE * 2);
	world_make(&w);
	start(&w);
	put_one(w.ks, "a", "1");
	b = blob_new(big, JOURNAL_SIZE * 2);
	assert_int_equal(ks_txn_begin(w.ks), 0);
	assert_int_equal(ks_txn_put(w.ks, "huge", 4, b), 0);
	assert_int_equal(ks_txn_commit(w.ks, NOW_MS, &seen), 0);
	assert_int_equal(store_stored(w.store), seen);
	put_one(w.ks, "a", "2");
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	assert_int_equal(get(w.ks, "huge")->value->size, JOURNAL_SIZE * 2);
	assert_value(w.ks, "a", "2");
	blob_unref(b);
	free(big);
	world_remove(&w);
}

static bool disk_full;

static ssize_t write_or_full(int fd, const void *data, size_t size)
{
	if (!disk_full)
		return write(fd, data, size);
	errno = ENOSPC;
	return -1;
}

/* Journal full and disk full: commits go on, and a successor goes on above what was seen. */
static void test_disk_full(void **state)
{
	const struct store_io io = { .write = write_or_full, .sync = fsync };
	struct world w;
	uint64_t seen;

	world_make(&w);
	w.options.io = &io;
	start(&w);
	disk_full = true;
	fill(&w, 400);
	assert_non_null(store_problem(w.store));
	assert_non_null(strstr(store_problem(w.store), "No space left"));
	seen = ks_revision(w.ks);
	killed(&w);
	assert_start(&w, STORE_BEHIND);
	assert_cancelled(&w, seen);
	put_one(w.ks, "a", "1");
	disk_full = false;
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	assert_null(store_problem(w.store));
	seen = put_one(w.ks, "a", "2");
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	assert_int_equal(ks_revision(w.ks), seen);
	world_remove(&w);
}

static void assert_no_secret(struct world *w)
{
	size_t size = 0;
	uint8_t *bytes = scratch_read(&w->dir, "objects", &size);

	assert_non_null(bytes);
	assert_null(memmem(bytes, size, "secret", 6));
	free(bytes);
}

static void test_secrets(void **state)
{
	struct world w;
	uint64_t first, seen;

	world_make(&w);
	w.options.filter.fn = no_secrets;
	start(&w);
	first = put_one(w.ks, "ssl", "secret-1");
	put_one(w.ks, "a", "1");
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	assert_no_secret(&w);
	killed(&w);			/* the journal remembers what the file must not */
	assert_start(&w, STORE_WHOLE);
	assert_value(w.ks, "ssl", "secret-1");
	assert_int_equal(get(w.ks, "ssl")->mod_revision, first);
	put_one(w.ks, "ssl", "secret-2");
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	fill(&w, 300);			/* with saves of its own */
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	assert_value(w.ks, "ssl", "secret-2");
	assert_int_equal(get(w.ks, "ssl")->version, 2);
	assert_int_equal(get(w.ks, "ssl")->create_revision, first);
	seen = ks_revision(w.ks);
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	assert_no_secret(&w);
	ended(&w);			/* memory gone: missing, and clients must know */
	assert_start(&w, STORE_BEHIND);
	assert_value(w.ks, "ssl", NULL);
	assert_value(w.ks, "a", "1");
	assert_cancelled(&w, seen);
	assert_non_null(strstr(w.report.note.text, "1 keys with secrets are missing"));
	world_remove(&w);
}

/* Slices: what is written is the moment of the beginning, commits go on, and a kill loses nothing. */
static void test_slices(void **state)
{
	struct world w;
	uint64_t begun, seen = 0;
	int slices = 0;

	world_make(&w);
	w.options.filter.fn = no_secrets;
	w.options.journal = NULL;		/* first so much that it takes several slices */
	start(&w);
	put_one(w.ks, "ssl", "secret-1");
	for (int i = 0; i < 3000; i++) {
		char key[16], value[1000];

		memset(value, 'v', sizeof value);
		snprintf(value + 900, 100, "%d", i);
		snprintf(key, sizeof key, "k%04d", i);
		put_one(w.ks, key, value);
	}
	ended(&w);
	w.options.journal = w.journal;
	start(&w);
	put_one(w.ks, "ssl", "secret-2");
	begun = ks_revision(w.ks);
	assert_int_equal(store_save_begin(w.store, NOW_MS), 0);
	assert_true(store_saving(w.store));
	while (store_save_step(w.store) == STORE_MORE) {
		slices++;
		seen = put_one(w.ks, "ssl", slices % 2 == 0 ? "secret-4" : "secret-3");
		put_one(w.ks, "k0000", slices % 2 == 0 ? "b" : "a");
	}
	assert_true(slices > 1);
	assert_int_equal(store_stored(w.store), begun);
	assert_true(store_dirty(w.store));
	assert_int_equal(store_save_step(w.store), 0);
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	assert_int_equal(get(w.ks, "ssl")->mod_revision, seen);
	assert_int_equal(get(w.ks, "ssl")->create_revision, begun);
	assert_value(w.ks, "k0000", slices % 2 == 0 ? "b" : "a");
	assert_no_secret(&w);
	assert_int_equal(store_save_begin(w.store, NOW_MS), 0);	/* killed in the middle of one */
	assert_int_equal(store_save_step(w.store), STORE_MORE);
	seen = put_one(w.ks, "a", "1");
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	assert_int_equal(ks_revision(w.ks), seen);
	assert_int_equal(store_save_begin(w.store, NOW_MS), 0);	/* and overtaken by a whole one */
	assert_int_equal(store_save_step(w.store), STORE_MORE);
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	assert_false(store_saving(w.store));
	assert_false(store_dirty(w.store));
	world_remove(&w);
}

/* During a reload two workers live: the second takes over, the first can do no harm any more. */
static void test_takeover(void **state)
{
	struct world w;
	struct store *old;
	struct blob *b = text_blob("late");
	uint64_t seen;

	world_make(&w);
	start(&w);
	seen = put_one(w.ks, "a", "1");
	old = w.store;
	start(&w);
	assert_int_equal(ks_revision(w.ks), seen);
	put_one(w.ks, "a", "2");
	assert_int_equal(ks_txn_begin(store_keys(old)), 0);
	assert_int_equal(ks_txn_put(store_keys(old), "a", 1, b), 0);
	assert_int_equal(ks_txn_commit(store_keys(old), NOW_MS, NULL), -ESTALE);
	assert_value(store_keys(old), "a", "1");
	assert_int_equal(store_save(old, NOW_MS), -ESTALE);
	assert_int_equal(store_close(old, NOW_MS), -ESTALE);
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	assert_value(w.ks, "a", "2");
	blob_unref(b);
	world_remove(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal_hole),
		cmocka_unit_test(test_journal_full),
		cmocka_unit_test(test_oversized),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_takeover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
