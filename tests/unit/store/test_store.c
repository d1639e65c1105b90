/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole store over starts and ends of all kinds: orderly, killed, everything killed, machine
 * gone, each keeper of numbers lost or damaged, the clock set back, disk full, journal full,
 * secrets kept off the disk, two workers at once.
 */
#include "helper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "objects.h"
#include "reserve.h"
#include "store.h"

#define JOURNAL_SIZE (128u << 10)

struct world {
	struct scratch dir;
	uint8_t *journal;	/* what the supervisor holds; NULL: none */
	struct store_options options;
	struct store *store;
	struct keyspace *ks;
	struct store_report report;
};

static void journal_renew(struct world *w)
{
	memset(w->journal, 0, JOURNAL_SIZE);
}

static void world_make(struct world *w)
{
	*w = (struct world){ .store = NULL };
	scratch_make(&w->dir);
	w->journal = aligned_alloc(4096, JOURNAL_SIZE);
	assert_non_null(w->journal);
	journal_renew(w);
	w->options = (struct store_options){
		.dirfd = w->dir.fd,
		.boot_id = "boot-1",
		.journal = w->journal,
		.journal_size = JOURNAL_SIZE,
	};
}

static void world_remove(struct world *w)
{
	store_free(w->store);
	free(w->journal);
	scratch_remove(&w->dir);
}

static void start_at(struct world *w, uint64_t now_ms)
{
	assert_int_equal(store_open(&w->options, now_ms, &w->store, &w->report), 0);
	w->ks = store_keys(w->store);
}

static void start(struct world *w)
{
	start_at(w, NOW_MS);
}

static void killed(struct world *w)
{
	w->store = store_free(w->store);
}

/* All processes die, with the memory that they held. */
static void all_killed(struct world *w)
{
	killed(w);
	journal_renew(w);
}

static void machine_died(struct world *w)
{
	all_killed(w);
	w->options.boot_id = "boot-2";
}

static void ended(struct world *w)
{
	assert_int_equal(store_close(w->store, NOW_MS), 0);
	w->store = NULL;
	journal_renew(w);
	w->options.boot_id = "boot-3";
}

static void assert_start(struct world *w, enum store_source source)
{
	start(w);
	if (w->report.source != source)
		fail_msg("source %d instead of %d: %s", w->report.source, source,
			 w->report.note.text);
	if (source == STORE_WHOLE)
		assert_string_equal(w->report.note.text, "");
}

static int nothing(const struct txn *t, void *arg)
{
	return 0;
}

/* A client that watched up to `seen` is told to read again. */
static void assert_cancelled(struct world *w, uint64_t seen)
{
	assert_true(ks_revision(w->ks) > seen + 1);
	assert_int_equal(ks_replay(w->ks, seen + 1, nothing, NULL), KS_COMPACTED);
	assert_int_equal(ks_replay(w->ks, ks_revision(w->ks) + 1, nothing, NULL), 0);
	assert_int_equal(ks_replay(w->ks, ks_revision(w->ks), nothing, NULL), 0);
}

static void test_first_start(void **state)
{
	struct world w;

	world_make(&w);
	assert_start(&w, STORE_NEW);
	assert_string_equal(w.report.note.text, "");
	assert_true(ks_revision(w.ks) >= NOW_MS && ks_revision(w.ks) < NOW_MS + 10);
	assert_int_equal(ks_count(w.ks), 0);
	assert_false(store_dirty(w.store));
	assert_null(store_problem(w.store));
	assert_int_equal(ks_replay(w.ks, ks_revision(w.ks) + 1, nothing, NULL), 0);
	assert_int_equal(ks_replay(w.ks, ks_revision(w.ks) + 2, nothing, NULL), KS_FUTURE);
	world_remove(&w);
}

static void assert_seamless(struct world *w, uint64_t revision, uint64_t first)
{
	assert_start(w, STORE_WHOLE);
	assert_int_equal(ks_revision(w->ks), revision);
	assert_value(w->ks, "a", "2");
	assert_int_equal(get(w->ks, "a")->create_revision, first);
	assert_int_equal(get(w->ks, "a")->version, 2);
	assert_int_equal(ks_replay(w->ks, first, nothing, NULL), 0);
	assert_int_equal(ks_history_count(w->ks), 2);
}

static void test_seamless(void **state)
{
	struct world w;
	uint64_t first, second;

	world_make(&w);
	start(&w);
	first = put_one(w.ks, "a", "1");
	second = put_one(w.ks, "a", "2");
	killed(&w);			/* the journal has both */
	assert_seamless(&w, second, first);
	assert_int_equal(w.report.repeated, 2);
	killed(&w);			/* and still has them */
	assert_seamless(&w, second, first);
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	killed(&w);			/* now the file has them */
	assert_seamless(&w, second, first);
	assert_int_equal(w.report.repeated, 0);
	all_killed(&w);			/* nothing was newer than the file */
	assert_seamless(&w, second, first);
	ended(&w);			/* an orderly end, then a reboot */
	assert_seamless(&w, second, first);
	ended(&w);
	start_at(&w, 5);		/* the clock set back */
	assert_int_equal(ks_revision(w.ks), second);
	assert_int_equal(put_one(w.ks, "a", "3"), second + 1);
	world_remove(&w);
}

static void test_all_killed_dirty(void **state)
{
	struct world w;
	uint64_t saved, seen;

	world_make(&w);
	start(&w);
	saved = put_one(w.ks, "a", "1");
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	seen = put_one(w.ks, "a", "2");
	all_killed(&w);
	assert_start(&w, STORE_BEHIND);
	assert_cancelled(&w, seen);
	assert_value(w.ks, "a", "1");
	assert_int_equal(get(w.ks, "a")->mod_revision, saved);
	assert_non_null(strstr(w.report.note.text, "lost"));
	world_remove(&w);
}

static void test_machine_died(void **state)
{
	struct world w;
	uint64_t seen;

	world_make(&w);
	start(&w);
	seen = put_one(w.ks, "a", "1");
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	machine_died(&w);	/* nobody can tell whether anything followed */
	start_at(&w, 5);	/* and the clock is wrong */
	assert_int_equal(w.report.source, STORE_BEHIND);
	assert_true(ks_revision(w.ks) > seen + RESERVE_STEP);
	assert_cancelled(&w, seen);
	assert_value(w.ks, "a", "1");
	world_remove(&w);
}

enum { LOSE_OBJECTS = 1, LOSE_JOURNAL = 2, LOSE_REVISION = 4, LOSE_PREV = 8 };

static void lose(struct world *w, unsigned what, bool damage)
{
	static const struct {
		unsigned what;
		const char *name;
	} files[] = {
		{ LOSE_OBJECTS, "objects" },
		{ LOSE_PREV, "objects.prev" },
		{ LOSE_REVISION, "revision" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if ((what & files[i].what) == 0 || scratch_mode(&w->dir, files[i].name) == 0)
			continue;
		if (damage)
			scratch_write(&w->dir, files[i].name, "this is not what was there", 26);
		else
			assert_int_equal(unlinkat(w->dir.fd, files[i].name, 0), 0);
	}
	if ((what & LOSE_JOURNAL) != 0)
		memset(w->journal, damage ? 0x5a : 0, JOURNAL_SIZE);
}

/* Each combination of losses, by deletion and by damage, with the clock right and set back. */
static void lose_and_start(unsigned what, bool damage, uint64_t now_ms)
{
	struct world w;
	uint64_t seen;

	world_make(&w);
	start(&w);
	put_one(w.ks, "a", "1");
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	put_one(w.ks, "a", "2");
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	put_one(w.ks, "a", "3");
	seen = put_one(w.ks, "b", "1");
	killed(&w);
	lose(&w, what, damage);
	start_at(&w, now_ms);
	if ((what & (LOSE_OBJECTS | LOSE_JOURNAL)) == 0) {
		assert_int_equal(w.report.source, STORE_WHOLE);
		assert_int_equal(ks_revision(w.ks), seen);
	} else if (what == (LOSE_OBJECTS | LOSE_JOURNAL | LOSE_REVISION | LOSE_PREV) && !damage) {
		assert_int_equal(w.report.source, STORE_NEW);
	} else {
		bool keys = (what & LOSE_OBJECTS) == 0 || (what & LOSE_PREV) == 0;

		assert_int_equal(w.report.source, keys ? STORE_BEHIND : STORE_LOST);
		assert_true(w.report.note.len > 0);
	}
	if (w.report.source != STORE_WHOLE && now_ms > 5)
		assert_cancelled(&w, seen);
	if (what != 15)		/* one keeper of numbers is left */
		assert_true(put_one(w.ks, "c", "1") > seen);
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	world_remove(&w);
}

static void test_losses(void **state)
{
	for (unsigned what = 0; what < 16; what++) {
		for (int damage = 0; damage < 2; damage++) {
			lose_and_start(what, damage, NOW_MS + 3600000);
			lose_and_start(what, damage, 5);
		}
	}
}

/* The files go while meshd is off: what was seen before is still known. */
static void test_removed_while_off(void **state)
{
	struct world w;
	uint64_t seen;

	world_make(&w);
	start(&w);
	seen = put_one(w.ks, "a", "1");
	ended(&w);
	lose(&w, LOSE_OBJECTS | LOSE_PREV, false);
	start_at(&w, 5);
	assert_int_equal(w.report.source, STORE_LOST);
	assert_cancelled(&w, seen);
	world_remove(&w);
}

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

static void fill(struct world *w, uint64_t count)
{
	char value[1000];

	memset(value, 'v', sizeof value);
	value[sizeof value - 1] = '\0';
	for (uint64_t i = 0; i < count; i++) {
		value[0] = (char)('a' + i % 20);
		put_one(w->ks, "big", value);
	}
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

static bool no_secrets(void *ctx, const struct blob *key, const struct blob *value)
{
	return value->size < 6 || memcmp(value->data, "secret", 6) != 0;
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

/* Without the supervisor's memory: no repetition, but no number is used twice. */
static void test_no_journal(void **state)
{
	struct world w;
	uint64_t seen;

	world_make(&w);
	w.options.journal = NULL;
	start(&w);
	seen = put_one(w.ks, "a", "1");
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	assert_int_equal(ks_revision(w.ks), seen);
	seen = put_one(w.ks, "a", "2");
	killed(&w);
	assert_start(&w, STORE_BEHIND);
	assert_cancelled(&w, seen);
	world_remove(&w);
}

static void test_numbers_reserved(void **state)
{
	struct world w;
	uint64_t first;
	uint8_t *before, *after;
	size_t size = 0;

	world_make(&w);
	start(&w);
	first = ks_revision(w.ks);
	before = scratch_read(&w.dir, "revision", &size);
	for (uint32_t i = 0; i < 2 * RESERVE_STEP + 10; i++) {
		put_one(w.ks, "a", i % 2 == 0 ? "1" : "2");
		if (i % 50000 == 0)
			store_tick(w.store, NOW_MS);
	}
	after = scratch_read(&w.dir, "revision", &size);
	assert_memory_not_equal(before, after, size);
	free(before);
	free(after);
	machine_died(&w);
	lose(&w, LOSE_OBJECTS | LOSE_PREV, false);
	start_at(&w, 5);
	assert_int_equal(w.report.source, STORE_LOST);
	assert_true(ks_revision(w.ks) > first + 2 * RESERVE_STEP + 10);
	world_remove(&w);
}

/* The folder cannot be written: the start succeeds, and says what is at stake. */
static void test_no_folder(void **state)
{
	struct world w;
	int fd;

	world_make(&w);
	fd = w.options.dirfd;
	w.options.dirfd = STDIN_FILENO;
	if (store_open(&w.options, NOW_MS, &w.store, &w.report) == 0)
		assert_true(w.report.note.len > 0);
	assert_true(w.report.note.len > 0);
	w.options.dirfd = fd;
	world_remove(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_start),
		cmocka_unit_test(test_seamless),
		cmocka_unit_test(test_all_killed_dirty),
		cmocka_unit_test(test_machine_died),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_removed_while_off),
		cmocka_unit_test(test_journal_hole),
		cmocka_unit_test(test_journal_full),
		cmocka_unit_test(test_oversized),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_takeover),
		cmocka_unit_test(test_no_journal),
		cmocka_unit_test(test_numbers_reserved),
		cmocka_unit_test(test_no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
