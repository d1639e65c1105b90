/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal: what is appended is found again, laps of the ring, full and trimmed, torn records,
 * one byte wrong at every place, a predecessor that is fenced off.
 */
#include "helper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"

#define SIZE JOURNAL_SIZE_MIN

struct found {
	uint64_t revisions[2048];
	size_t count, changes;
	uint64_t sum;		/* of value sizes */
};

static int collect(const struct journal_record *record, void *arg)
{
	struct journal_record r = *record;
	struct found *f = arg;
	struct journal_change c;

	assert_true(f->count < ARRAY_SIZE(f->revisions));
	f->revisions[f->count++] = r.revision;
	while (journal_next_change(&r, &c)) {
		f->changes++;
		f->sum += c.value != NULL ? c.value_size : 1000000;
	}
	assert_false(r.payload.bad);
	return 0;
}

static struct found walk(const struct journal *j)
{
	struct found f = { 0 };

	assert_int_equal(journal_walk(j, collect, &f), 0);
	return f;
}

/* One put of `size` bytes, or a deletion (size < 0). */
static struct txn *make_txn(uint64_t revision, int size)
{
	struct txn *t = txn_new(revision, NOW_MS, 1);
	char value[20000];

	assert_non_null(t);
	memset(value, 'v', sizeof value);
	t->events[0].key = text_blob("/apisix/routes/r");
	t->events[0].value = size >= 0 ? blob_new(value, (size_t)size) : NULL;
	t->events[0].prev = size >= 0 ? NULL : text_blob("old");
	txn_seal(t);
	return t;
}

static int append(struct journal *j, uint64_t revision, int size)
{
	struct txn *t = make_txn(revision, size);
	int r = journal_take(j, revision);

	if (r == 0)
		r = journal_append(j, t, revision - 1, 0);
	txn_unref(t);
	return r;
}

static uint8_t *memory_new(void)
{
	uint8_t *memory = aligned_alloc(4096, SIZE);

	assert_non_null(memory);
	memset(memory, 0, SIZE);
	return memory;
}

static void test_append(void **state)
{
	uint8_t *memory = memory_new();
	struct journal j, next;
	struct found f;

	assert_int_equal(journal_open(&j, memory, 100), -EINVAL);
	assert_int_equal(journal_open(&j, memory + 1, SIZE - 1), -EINVAL);
	assert_int_equal(journal_open(&j, memory, SIZE), JOURNAL_FRESH);
	assert_int_equal(journal_skip(&j, 10), 0);
	assert_int_equal(append(&j, 11, 600), 0);
	assert_int_equal(append(&j, 12, -1), 0);
	assert_int_equal(append(&j, 13, 0), 0);
	assert_int_equal(journal_take(&j, 14), 0);
	assert_int_equal(journal_open(&next, memory, SIZE), 0);
	f = walk(&next);
	assert_int_equal(f.count, 3);
	assert_int_equal(f.revisions[0], 11);
	assert_int_equal(f.revisions[2], 13);
	assert_int_equal(f.changes, 3);
	assert_int_equal(f.sum, 1000600);
	assert_int_equal(next.state.committed, 13);
	assert_int_equal(next.state.used, 14);
	free(memory);
}

static void test_fence(void **state)
{
	uint8_t *memory = memory_new();
	struct journal old, next;

	assert_int_equal(journal_open(&old, memory, SIZE), JOURNAL_FRESH);
	assert_int_equal(journal_skip(&old, 10), 0);
	assert_int_equal(append(&old, 11, 10), 0);
	assert_int_equal(journal_open(&next, memory, SIZE), 0);
	assert_int_equal(append(&old, 12, 10), -ESTALE);
	assert_int_equal(journal_skip(&old, 12), -ESTALE);
	assert_int_equal(journal_trim(&old, 12), -ESTALE);
	assert_int_equal(append(&next, 12, 20), 0);
	assert_int_equal(walk(&next).sum, 30);
	free(memory);
}

/* 40 laps; the last records that were not trimmed are found, whole and in order. */
static void test_laps(void **state)
{
	uint8_t *memory = memory_new();
	uint64_t revision = 100, trimmed = 100;
	struct journal j, next;
	size_t bytes = 0;

	srandom(3);
	assert_int_equal(journal_open(&j, memory, SIZE), JOURNAL_FRESH);
	assert_int_equal(journal_skip(&j, revision), 0);
	while (bytes < 40 * SIZE) {
		int size = (int)(random() % (random() % 10 == 0 ? 20000 : 300));
		int r = append(&j, revision + 1, size);

		if (r == JOURNAL_FULL) {
			struct found f = walk(&j);

			assert_int_equal(f.revisions[0], trimmed + 1);
			assert_int_equal(f.revisions[f.count - 1], revision);
			assert_int_equal(f.count, revision - trimmed);
			trimmed += 1 + (uint64_t)random() % (revision - trimmed);
			assert_int_equal(journal_trim(&j, trimmed), 0);
			continue;
		}
		assert_int_equal(r, 0);
		revision++;
		bytes += (size_t)size + 100;
	}
	assert_int_equal(journal_open(&next, memory, SIZE), 0);
	assert_int_equal(walk(&next).count, revision - trimmed);
	assert_int_equal(journal_trim(&next, revision), 0);
	assert_int_equal(walk(&next).count, 0);
	assert_int_equal(journal_fill(&next), 0);
	free(memory);
}

static void test_full(void **state)
{
	uint8_t *memory = memory_new();
	struct journal j;
	struct txn *t = make_txn(11, 0);

	blob_unref(t->events[0].value);
	t->events[0].value = blob_new(memory, SIZE);
	assert_int_equal(journal_open(&j, memory, SIZE), JOURNAL_FRESH);
	assert_int_equal(journal_skip(&j, 10), 0);
	assert_int_equal(journal_append(&j, t, 10, 0), JOURNAL_FULL);
	assert_int_equal(walk(&j).count, 0);
	txn_unref(t);
	t = make_txn(11, 1000);
	assert_int_equal(journal_append(&j, t, 10, SIZE - 4096 - 1000), JOURNAL_FULL);	/* spare room */
	assert_int_equal(journal_append(&j, t, 10, SIZE - 4096 - 2000), 0);
	txn_unref(t);
	free(memory);
}

static int check_keep(const struct journal_record *record, void *arg)
{
	struct journal_record r = *record;
	struct journal_change c;

	if (r.kind != JOURNAL_KEEP)
		return 0;
	assert_int_equal(r.revision, 12);
	assert_true(journal_next_change(&r, &c));
	assert_int_equal(c.create_revision, 3);
	assert_int_equal(c.mod_revision, 5);
	assert_int_equal(c.version, 2);
	assert_memory_equal(c.value, "secret", 6);
	assert_false(journal_next_change(&r, &c));
	(*(int *)arg)++;
	return 0;
}

static void test_keep(void **state)
{
	struct kv kv = { .create_revision = 3, .mod_revision = 5, .version = 2 };
	uint8_t *memory = memory_new();
	struct journal j;
	int calls = 0;

	kv.key = text_blob("k");
	kv.value = text_blob("secret");
	assert_int_equal(journal_open(&j, memory, SIZE), JOURNAL_FRESH);
	assert_int_equal(journal_skip(&j, 10), 0);
	assert_int_equal(append(&j, 11, 5), 0);
	assert_int_equal(journal_keep(&j, 12, &kv, 1), 0);
	assert_int_equal(append(&j, 13, 5), 0);
	assert_int_equal(journal_trim(&j, 12), 0);
	assert_int_equal(journal_walk(&j, check_keep, &calls), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(walk(&j).count, 2);
	blob_unref(kv.key);
	blob_unref(kv.value);
	free(memory);
}

/* A record whose write was cut short at any byte is not there, and its number stays taken. */
static void test_torn(void **state)
{
	uint8_t *memory = memory_new(), *before = memory_new(), *after = memory_new();
	struct journal j, next;

	assert_int_equal(journal_open(&j, memory, SIZE), JOURNAL_FRESH);
	assert_int_equal(journal_skip(&j, 10), 0);
	assert_int_equal(append(&j, 11, 50), 0);
	assert_int_equal(journal_take(&j, 12), 0);
	memcpy(before, memory, SIZE);
	assert_int_equal(append(&j, 12, 100), 0);
	memcpy(after, memory, SIZE);
	for (size_t cut = 0; cut < 256; cut++) {
		memcpy(memory, before, SIZE);
		memcpy(memory + 4096 + 192, after + 4096 + 192, cut);	/* the second record's place */
		assert_int_equal(journal_open(&next, memory, SIZE), 0);
		assert_int_equal(next.state.used, 12);
		assert_true(walk(&next).count == (next.state.committed == 12 ? 2u : 1u));
		assert_true(next.state.committed == (cut >= 188 ? 12u : 11u));
		assert_int_equal(append(&next, 13, 100), 0);
		assert_int_equal(walk(&next).revisions[walk(&next).count - 1], 13);
	}
	free(memory);
	free(before);
	free(after);
}

/* Whatever byte is wrong: what is found is a beginning of what was written, or it is told lost. */
static void test_flips(void **state)
{
	uint8_t *memory = memory_new(), *good = memory_new();
	struct journal j, next;

	assert_int_equal(journal_open(&j, good, SIZE), JOURNAL_FRESH);
	assert_int_equal(journal_skip(&j, 10), 0);
	for (uint64_t revision = 11; revision <= 15; revision++)
		assert_int_equal(append(&j, revision, 40), 0);
	for (size_t at = 0; at < 4096 + 5 * 192; at++) {
		struct found f;
		int r;

		memcpy(memory, good, SIZE);
		memory[at] ^= 0x41;
		r = journal_open(&next, memory, SIZE);
		assert_true(r == 0 || r == JOURNAL_DAMAGED);
		f = walk(&next);
		for (size_t i = 0; i < f.count; i++)
			assert_int_equal(f.revisions[i], 11 + i);
		if (r == 0 && at >= 4096)
			assert_true(next.state.committed == 15);	/* so that a hole is seen */
		if (r == 0)
			assert_true(next.state.committed >= 15 && next.state.used >= 15);
		else
			assert_int_equal(f.count, 0);
	}
	free(memory);
	free(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_fence),
		cmocka_unit_test(test_laps),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
