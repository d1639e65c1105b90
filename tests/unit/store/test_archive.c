/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Older history in files of its own: a successor has all that was served, a save writes little, files
 * go with the history that they hold, and a spoilt one costs only what is older.
 */
#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "objects.h"

#define TAIL 20000u	/* history that a save writes: about ten commits of fill() */

static size_t written;

static ssize_t write_counted(int fd, const void *data, size_t size)
{
	written += size;
	return write(fd, data, size);
}

static const struct store_io counting_io = { .write = write_counted, .sync = fsync };

static ssize_t write_full(int fd, const void *data, size_t size)
{
	errno = ENOSPC;
	return -1;
}

static const struct store_io full_io = { .write = write_full, .sync = fsync };

static void world_make_tail(struct world *w)
{
	world_make(w);
	w->options.tail_bytes = TAIL;
	w->options.io = &counting_io;
	start(w);
}

/* Files of history, in the order of their revisions: names into `names` (may be NULL). */
static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);	/* revisions of one test have the same length */
}

static size_t parts(struct world *w, char (*names)[64], size_t room)
{
	DIR *dir = opendir(w->dir.path);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, "history-", 8) != 0)
			continue;
		if (names != NULL) {
			assert_true(n < room);
			snprintf(names[n], sizeof names[n], "%.63s", entry->d_name);
		}
		n++;
	}
	closedir(dir);
	if (names != NULL)
		qsort(names, n, sizeof names[0], compare_names);
	return n;
}

/* The successor of a worker that is still there to compare with. */
static struct store *succeed(struct world *w, enum store_source source)
{
	struct store *old = w->store;

	assert_start(w, source);
	recall(w);
	assert_string_equal(store_recalled(w->store), "");
	store_tick(w->store, NOW_MS);	/* a file may hold more than is kept */
	return old;
}

static void fill_saving(struct world *w, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		fill(w, 7);
		assert_int_equal(store_save(w->store, NOW_MS), 0);
	}
}

static void test_nothing_is_forgotten(void **state)
{
	struct world w;
	struct store *old;
	uint64_t first;

	world_make_tail(&w);
	first = put_one(w.ks, "/apisix/routes/1", "quiet");
	for (int i = 0; i < 5; i++) {
		fill_saving(&w, 6);
		delete_one(w.ks, "big");
		fill(&w, 3);		/* in the journal alone */
		old = succeed(&w, STORE_WHOLE);
		assert_same(store_keys(old), w.ks);
		store_free(old);
	}
	assert_true(parts(&w, NULL, 0) > 5);
	assert_int_equal(ks_replay(w.ks, first, nothing, NULL), 0);
	ended(&w);			/* nor by a reboot */
	assert_start(&w, STORE_WHOLE);
	assert_true(ks_compacted(w.ks) > first);	/* it is on disk still, until somebody asks */
	assert_int_equal(ks_replay(w.ks, first, nothing, NULL), 0);
	assert_int_equal(ks_history_count(w.ks), 1 + 5 * (6 * 7 + 1 + 3));
	world_remove(&w);
}

/* However long the history is, a save writes the keys, what is new, and at most TAIL again. */
static void test_saves_write_little(void **state)
{
	struct world w;
	size_t most = 0, all;

	world_make_tail(&w);
	written = 0;
	for (int i = 0; i < 60; i++) {
		size_t before = written;

		fill(&w, 7);
		assert_int_equal(store_save(w.store, NOW_MS), 0);
		most = MAX(most, written - before);
	}
	all = 60 * 7 * 1000;
	assert_true(ks_history_bytes(w.ks) > all);
	assert_true(most < 2 * TAIL + 7 * 3000);
	assert_true(written < 60 * (TAIL + 3000) + 2 * all);
	world_remove(&w);
}

static void test_trimmed(void **state)
{
	struct store *old;
	struct world w;

	world_make_tail(&w);
	w.store = store_free(w.store);
	w.options.history.bytes = 100000;
	start(&w);
	fill_saving(&w, 60);
	assert_in_range(parts(&w, NULL, 0), 3, 7);
	old = succeed(&w, STORE_WHOLE);
	assert_same(store_keys(old), w.ks);
	store_free(old);
	put_one(w.ks, "a", "1");
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	assert_in_range(parts(&w, NULL, 0), 3, 7);
	world_remove(&w);
}

/* Spoils the middle one of the files. Returns the revision that it ends with. */
static uint64_t spoil(struct world *w, bool damage)
{
	char names[64][64];
	size_t n = parts(w, names, 64), size = 0;
	uint8_t *bytes;

	assert_true(n > 4);
	if (damage) {
		bytes = scratch_read(&w->dir, names[n / 2], &size);
		bytes[size / 2] ^= 1;
		scratch_write(&w->dir, names[n / 2], bytes, size);
		free(bytes);
	} else {
		assert_int_equal(unlinkat(w->dir.fd, names[n / 2], 0), 0);
	}
	return strtoull(names[n / 2] + 8, NULL, 10);
}

static void test_spoilt(void **state)
{
	for (int damage = 0; damage < 2; damage++) {
		struct world w;
		uint64_t last;

		world_make_tail(&w);
		fill_saving(&w, 30);
		last = spoil(&w, damage);
		killed(&w);
		assert_start(&w, STORE_WHOLE);
		assert_int_equal(ks_replay(w.ks, last, nothing, NULL), KS_COMPACTED);
		assert_int_equal(ks_replay(w.ks, last + 1, nothing, NULL), 0);
		assert_int_equal(strstr(store_recalled(w.store), "set aside") != NULL, damage);
		assert_non_null(strstr(store_recalled(w.store), " is missing"));
		assert_int_equal(ks_compacted(w.ks), last);
		assert_int_equal(scratch_mode(&w.dir, "objects.damaged-1") != 0, damage);
		fill_saving(&w, 10);	/* and it goes on, without what was older */
		killed(&w);
		assert_start(&w, STORE_WHOLE);
		recall(&w);
		assert_int_equal(ks_compacted(w.ks), last);
		world_remove(&w);
	}
}

/* A file that says other revisions than its name, and files that belong to nothing. */
static void test_strangers(void **state)
{
	char names[64][64];
	uint64_t compacted;
	struct world w;
	uint8_t *bytes;
	size_t n, size = 0;

	world_make_tail(&w);
	fill_saving(&w, 10);
	n = parts(&w, names, 64);
	assert_true(n > 2);
	bytes = scratch_read(&w.dir, names[0], &size);
	scratch_write(&w.dir, names[n - 1], bytes, size);
	scratch_write(&w.dir, "history-", "x", 1);
	scratch_write(&w.dir, "history-7", bytes, size);
	free(bytes);
	compacted = strtoull(names[n - 1] + 8, NULL, 10);
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	recall(&w);
	assert_int_equal(ks_compacted(w.ks), compacted);
	assert_non_null(strstr(store_recalled(w.store), "holds other revisions"));
	assert_int_equal(parts(&w, NULL, 0), 0);
	world_remove(&w);
}

/* Where the keys are lost, their history means nothing. */
static void test_keys_lost(void **state)
{
	struct world w;

	world_make_tail(&w);
	fill_saving(&w, 10);
	killed(&w);
	assert_int_equal(unlinkat(w.dir.fd, "objects", 0), 0);
	assert_int_equal(unlinkat(w.dir.fd, "objects.prev", 0), 0);
	assert_start(&w, STORE_LOST);
	recall(&w);
	assert_int_equal(parts(&w, NULL, 0), 0);
	assert_int_equal(ks_history_count(w.ks), 0);
	world_remove(&w);
}

/* Secrets stay out of these files as well; what comes after one is there. */
static void test_secrets_stay_out(void **state)
{
	char names[64][64];
	uint64_t secret;
	struct world w;
	size_t n;

	world_make_tail(&w);
	w.store = store_free(w.store);
	w.options.filter.fn = no_secrets;
	start(&w);
	fill_saving(&w, 4);
	put_one(w.ks, "ssl", "secret-1");
	fill_saving(&w, 4);
	secret = put_one(w.ks, "ssl", "secret-2");
	fill_saving(&w, 8);
	n = parts(&w, names, 64);
	assert_true(n > 2);
	for (size_t i = 0; i < n; i++) {
		size_t size = 0;
		uint8_t *bytes = scratch_read(&w.dir, names[i], &size);

		assert_null(memmem(bytes, size, "secret", 6));
		free(bytes);
	}
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	recall(&w);
	assert_string_equal(store_recalled(w.store), "");
	assert_value(w.ks, "ssl", "secret-2");
	assert_int_equal(ks_compacted(w.ks), secret);
	world_remove(&w);
}

static bool is_on_disk(const struct world *w, const char *text)
{
	_cleanup_free_ char *command = NULL;

	assert_true(asprintf(&command, "grep -rqF '%s' /proc/%d/fd/%d/", text, getpid(), w->dir.fd) > 0);
	return system(command) == 0;
}

/* Secrets were stored, and must not be any more: nothing of before is left, however often it is tried. */
static void test_secrets_go(void **state)
{
	struct world w;

	world_make_tail(&w);
	fill_saving(&w, 4);
	put_one(w.ks, "ssl", "secret-1");
	fill_saving(&w, 4);
	put_one(w.ks, "ssl", "secret-2");
	fill_saving(&w, 4);
	killed(&w);
	scratch_write(&w.dir, "objects.damaged-1", (const uint8_t *)"secret-3", 8);
	assert_true(is_on_disk(&w, "secret-1") && is_on_disk(&w, "secret-2") && is_on_disk(&w, "secret-3"));
	w.options.filter.fn = no_secrets;
	w.options.io = &full_io;	/* the disk is full just now */
	start(&w);
	assert_int_equal(parts(&w, NULL, 0), 0);
	assert_true(is_on_disk(&w, "secret-2"));
	killed(&w);
	w.options.io = NULL;
	start(&w);
	assert_non_null(strstr(w.report.note.text, "secrets: memory"));
	assert_int_equal(w.report.source, STORE_WHOLE);
	assert_false(is_on_disk(&w, "secret"));
	assert_int_equal(faccessat(w.dir.fd, "objects.prev", F_OK, 0), -1);
	assert_value(w.ks, "ssl", "secret-2");
	put_one(w.ks, "a", "1");
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	assert_int_equal(faccessat(w.dir.fd, "objects.prev", F_OK, 0), 0);
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	assert_value(w.ks, "ssl", "secret-2");
	assert_false(is_on_disk(&w, "secret"));
	world_remove(&w);
}

/* What happens before the older history is there: commits, saves, trimming, and a successor. */
static void test_before_it_is_recalled(void **state)
{
	uint64_t first, trimmed;
	struct store *old;
	struct world w;

	world_make_tail(&w);
	first = put_one(w.ks, "/apisix/routes/1", "quiet");
	fill_saving(&w, 20);
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	fill_saving(&w, 8);
	assert_int_equal(store_recall_step(w.store), STORE_MORE);
	fill_saving(&w, 8);
	old = w.store;
	assert_start(&w, STORE_WHOLE);
	assert_int_equal(store_recall_step(old), 0);	/* the files are no longer its own */
	assert_int_equal(ks_replay(w.ks, first, nothing, NULL), 0);
	assert_int_equal(ks_history_count(w.ks), 1 + 36 * 7);
	store_free(old);
	killed(&w);
	w.options.history.bytes = 2 * TAIL;
	assert_start(&w, STORE_WHOLE);
	fill(&w, 40);			/* more than may be kept: what is older need not be loaded */
	trimmed = ks_compacted(w.ks);
	recall(&w);
	assert_string_equal(store_recalled(w.store), "");
	assert_int_equal(ks_compacted(w.ks), trimmed);
	assert_int_equal(parts(&w, NULL, 0), 0);
	world_remove(&w);
}

/* Two keepers of one blob stay two keepers of one: a kill does not make the memory grow. */
static void test_shared_with_keys(void **state)
{
	const struct kv *kv;
	struct world w;

	world_make_tail(&w);
	put_one(w.ks, "/apisix/routes/1", "quiet");
	fill_saving(&w, 8);
	assert_true(parts(&w, NULL, 0) > 1);
	killed(&w);
	assert_start(&w, STORE_WHOLE);
	recall(&w);
	kv = get(w.ks, "/apisix/routes/1");
	assert_int_equal(kv->value->refs, 2);
	assert_true(kv->key->refs >= 2);
	world_remove(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_forgotten),
		cmocka_unit_test(test_saves_write_little),
		cmocka_unit_test(test_trimmed),
		cmocka_unit_test(test_spoilt),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_keys_lost),
		cmocka_unit_test(test_secrets_stay_out),
		cmocka_unit_test(test_secrets_go),
		cmocka_unit_test(test_before_it_is_recalled),
		cmocka_unit_test(test_shared_with_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
