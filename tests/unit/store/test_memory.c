/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No memory at any moment: the n-th allocation of a transaction, of a save, of a load and of a walk
 * into the past fails, for every n until nothing fails any more.  Each time the call says -ENOMEM,
 * nothing has changed, and the sanitizer finds no leak.
 * The linker puts our functions in the place of malloc and its sisters (--wrap).
 */
#include "helper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyspace_private.h"
#include "archive.h"

static long countdown = -1;	/* allocations until one fails; negative: never */

static bool fails_now(void)
{
	return countdown >= 0 && countdown-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

void *__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails_now() ? NULL : __real_reallocarray(p, n, size);
}

static struct keyspace *filled(void)
{
	struct keyspace *ks = NULL;

	assert_int_equal(ks_new(NULL, &ks), 0);
	ks_load_jump(ks, 100);
	put_one(ks, "/m/a", "1");
	put_one(ks, "/m/b", "1");
	put_one(ks, "/m/c", "1");
	return ks;
}

/* Puts, a deletion by replacement, a creation, an update. */
static int change(struct keyspace *ks, struct blob *value)
{
	const struct ks_range mesh = { (const uint8_t *)"/m/", (const uint8_t *)"/m0", 3, 3 };
	char key[] = "/m/k0";
	int r = ks_txn_begin(ks);

	if (r == 0)
		r = ks_txn_replace(ks, &mesh);
	for (; key[4] < 'h' && r == 0; key[4]++)
		r = ks_txn_put(ks, key, 5, value);
	if (r == 0)
		r = ks_txn_put(ks, "/m/a", 4, value);
	if (r == 0)
		return ks_txn_commit(ks, NOW_MS, NULL);
	assert_true(ks_txn_commit(ks, NOW_MS, NULL) == r);	/* a failed one cannot go through */
	return r;
}

static void test_commit(void **state)
{
	struct blob *value = text_blob("2");
	long n = 0;
	int r;

	do {
		struct keyspace *ks = filled();
		uint64_t before = ks_revision(ks);

		countdown = n++;
		r = change(ks, value);
		countdown = -1;
		if (r != 0) {
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(ks_revision(ks), before);
			assert_int_equal(ks_count(ks), 3);
			assert_int_equal(ks_history_count(ks), 3);
			assert_value(ks, "/m/a", "1");
			assert_int_equal(change(ks, value), 0);
		}
		assert_value(ks, "/m/a", "2");
		assert_value(ks, "/m/b", NULL);
		ks_free(ks);
	} while (r != 0);
	assert_true(n > 100);
	blob_unref(value);
}

static int count_kv(const struct kv *kv, void *arg)
{
	(*(int *)arg)++;
	return 0;
}

static void test_past(void **state)
{
	const struct ks_range all = { (const uint8_t *)"\0", (const uint8_t *)"\0", 1, 1 };
	struct keyspace *ks = filled();
	int count = 0;

	countdown = 0;
	assert_int_equal(ks_walk(ks, &all, ks_revision(ks) - 1, count_kv, &count), -ENOMEM);
	countdown = -1;
	assert_int_equal(count, 0);
	ks_free(ks);
}

static void test_files(void **state)
{
	struct objects_save save = OBJECTS_SAVE_INIT;
	struct keyspace *ks = filled(), *loaded;
	struct image_info info;
	struct objects o = { .io = &store_io_system };
	struct image_scope scope = { .now_ms = NOW_MS };
	struct scratch dir;
	long n = 0;
	int r;

	scratch_make(&dir);
	o.dirfd = dir.fd;
	do {
		countdown = n++;
		r = objects_begin(&o, &save, ks, &scope, NULL);
		if (r == 0)
			r = objects_step(&o, &save, SIZE_MAX, &info, NULL);
		countdown = -1;
		assert_true(r == 0 || r == -ENOMEM);
		assert_true((r == 0) == (scratch_mode(&dir, "objects.tmp") != 0));
	} while (r != 0);
	assert_true(n > 3);
	assert_int_equal(objects_commit(&o, &save, NULL), 0);
	n = 0;
	do {
		loaded = NULL;
		countdown = n++;
		r = objects_load(&o, NULL, &loaded, &info, NULL);
		countdown = -1;
		assert_true(r == 0 || r == -ENOMEM);
		assert_true((r == 0) == (loaded != NULL));
		assert_int_equal(scratch_mode(&dir, "objects"), 0600);	/* not taken for damaged */
	} while (r != 0);
	assert_int_equal(ks_count(loaded), 3);
	assert_true(n > 10);
	ks_free(loaded);
	ks_free(ks);
	scratch_remove(&dir);
}

/* Older history: what cannot be loaded for lack of memory is not taken for damaged or strange. */
static void test_archive(void **state)
{
	struct keyspace *ks = filled(), *loaded = NULL;
	struct objects_save save = OBJECTS_SAVE_INIT;
	struct image_scope scope = { .last = ks_revision(ks), .now_ms = NOW_MS };
	struct objects o = { .io = &store_io_system };
	struct archive a = { 0 };
	struct image_info info;
	struct scratch dir;
	long n = 0;
	int r;

	scratch_make(&dir);
	o.dirfd = dir.fd;
	assert_int_equal(objects_begin(&o, &save, ks, &scope, NULL), 0);
	assert_int_equal(objects_step(&o, &save, SIZE_MAX, &info, NULL), 0);
	image_writer_free(TAKE(save.writer));
	countdown = 0;
	assert_int_equal(archive_commit(&a, &o, &save, scope.last, NULL), -ENOMEM);
	countdown = -1;
	assert_int_equal(archive_commit(&a, &o, &save, scope.last, NULL), 0);
	do {
		archive_deinit(&a);
		ks_free(loaded);
		assert_int_equal(ks_new(NULL, &loaded), 0);
		loaded->compacted = loaded->current = loaded->used = a.pending = scope.last;
		countdown = n++;
		r = archive_recall(&a, &o, loaded, NULL);
		countdown = -1;
		assert_true(r == ARCHIVE_MORE || r == -ENOMEM);
		assert_true(r == ARCHIVE_MORE || loaded->compacted == scope.last);
	} while (r != ARCHIVE_MORE);
	assert_true(n > 10);
	assert_int_equal(archive_recall(&a, &o, loaded, NULL), 0);
	assert_int_equal(ks_history_count(loaded), ks_history_count(ks));
	assert_int_equal(ks_compacted(loaded), ks_compacted(ks));
	archive_deinit(&a);
	ks_free(loaded);
	ks_free(ks);
	scratch_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commit),
		cmocka_unit_test(test_past),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_archive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
