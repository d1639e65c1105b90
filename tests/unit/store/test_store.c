/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole store over starts and ends of all kinds: orderly, killed, everything killed, machine
 * gone, each keeper of numbers lost or damaged, the clock set back.
 */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "objects.h"
#include "reserve.h"

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
		cmocka_unit_test(test_no_journal),
		cmocka_unit_test(test_numbers_reserved),
		cmocka_unit_test(test_no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
