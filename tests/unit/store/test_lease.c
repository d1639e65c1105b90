/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients write: values with leases, and puts that count although nothing differs, through
 * the key space, the journal (killed), the object store (ended) and the keys that are left out of it.
 */
#include "helper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"

#define JOURNAL_SIZE (128u << 10)
#define LEASE (-0x7766554433221101)

static void test_blob(void **state)
{
	struct blob *plain = blob_new("x", 1), *leased = blob_new_leased("x", 1, LEASE);
	struct blob *same = blob_new_leased("x", 1, LEASE), *other = blob_new_leased("x", 1, 5);
	struct blob *none = blob_new_leased("x", 1, 0);

	assert_int_equal(blob_lease(NULL), 0);
	assert_int_equal(blob_lease(plain), 0);
	assert_true(blob_lease(leased) == LEASE);
	assert_int_equal(leased->size, 1);
	assert_true(blob_equal(leased, same) && blob_equal(plain, none));
	assert_false(blob_equal(leased, plain) || blob_equal(leased, other));
	blob_unref(plain);
	blob_unref(leased);
	blob_unref(same);
	blob_unref(other);
	blob_unref(none);
}

static void write_one(struct keyspace *ks, const char *key, const char *value, int64_t lease)
{
	struct blob *b = blob_new_leased(value, strlen(value), lease);

	assert_non_null(b);
	assert_int_equal(ks_txn_begin(ks), 0);
	assert_int_equal(ks_txn_write(ks, key, strlen(key), b), 0);
	assert_int_equal(ks_txn_commit(ks, NOW_MS, NULL), 0);
	blob_unref(b);
}

static void test_writes_count(void **state)
{
	struct keyspace *ks;
	uint64_t revision;

	assert_int_equal(ks_new(NULL, &ks), 0);
	write_one(ks, "a", "1", 0);
	revision = ks_revision(ks);
	put_one(ks, "a", "1");
	assert_int_equal(ks_revision(ks), revision);
	write_one(ks, "a", "1", 0);
	assert_int_equal(ks_revision(ks), revision + 1);
	assert_int_equal(get(ks, "a")->version, 2);
	assert_int_equal(get(ks, "a")->mod_revision, revision + 1);
	ks_free(ks);
}

struct world {
	struct scratch dir;
	struct store_options options;
	struct store *store;
	struct keyspace *ks;
};

static void start(struct world *w)
{
	struct store_report report;

	assert_int_equal(store_open(&w->options, NOW_MS, &w->store, &report), 0);
	assert_string_equal(report.note.text, "");
	w->ks = store_keys(w->store);
}

static void begin_filtered(struct world *w, bool (*fn)(void *ctx, const struct blob *key, const struct blob *value))
{
	*w = (struct world){ .store = NULL };
	scratch_make(&w->dir);
	w->options = (struct store_options){
		.dirfd = w->dir.fd,
		.boot_id = "boot-1",
		.journal = aligned_alloc(4096, JOURNAL_SIZE),
		.journal_size = JOURNAL_SIZE,
		.filter = { .fn = fn },
	};
	assert_non_null(w->options.journal);
	memset(w->options.journal, 0, JOURNAL_SIZE);
	start(w);
}

static void begin(struct world *w)
{
	begin_filtered(w, NULL);
}

static void end(struct world *w)
{
	store_free(w->store);
	free(w->options.journal);
	scratch_remove(&w->dir);
}

struct seen {
	uint64_t first;
	int64_t leases[8], prev[8];
	size_t n;
};

static int look(const struct txn *t, void *arg)
{
	struct seen *s = arg;

	for (uint32_t i = 0; i < t->count; i++) {
		s->leases[s->n] = blob_lease(t->events[i].value);
		s->prev[s->n++] = blob_lease(t->events[i].prev);
	}
	return 0;
}

/* put, the same again with a lease, the same again, deleted; and one that stays. */
static void make_history(struct world *w, struct seen *seen)
{
	seen->first = ks_revision(w->ks) + 1;
	write_one(w->ks, "a", "1", 0);
	write_one(w->ks, "a", "1", LEASE);
	write_one(w->ks, "a", "1", LEASE);
	write_one(w->ks, "stays", "", 7);
	delete_one(w->ks, "a");
}

static void assert_history(struct world *w, struct seen *seen)
{
	static const int64_t leases[] = { 0, LEASE, LEASE, 7, 0 }, prev[] = { 0, 0, LEASE, 0, LEASE };

	seen->n = 0;
	assert_int_equal(ks_replay(w->ks, seen->first, look, seen), 0);
	assert_int_equal(seen->n, 5);
	assert_memory_equal(seen->leases, leases, sizeof leases);
	assert_memory_equal(seen->prev, prev, sizeof prev);
	assert_true(blob_lease(get(w->ks, "stays")->value) == 7);
	assert_int_equal(get(w->ks, "stays")->value->size, 0);
	assert_int_equal(ks_revision(w->ks), seen->first + 4);
}

static void test_killed(void **state)
{
	struct seen seen;
	struct world w;

	begin(&w);
	make_history(&w, &seen);
	store_free(w.store);
	start(&w);
	assert_history(&w, &seen);
	end(&w);
}

static void test_ended(void **state)
{
	struct seen seen;
	struct world w;

	begin(&w);
	make_history(&w, &seen);
	assert_int_equal(store_close(w.store, NOW_MS), 0);
	memset(w.options.journal, 0, JOURNAL_SIZE);
	start(&w);
	assert_history(&w, &seen);
	end(&w);
}

static bool not_stays(void *ctx, const struct blob *key, const struct blob *value)
{
	return key->size != strlen("stays");
}

/* A key that must not be on disk survives in the journal, with its lease. */
static void test_left_out(void **state)
{
	struct world w;

	begin_filtered(&w, not_stays);
	write_one(w.ks, "stays", "secret", LEASE);
	assert_int_equal(store_save(w.store, NOW_MS), 0);
	store_free(w.store);
	start(&w);
	assert_value(w.ks, "stays", "secret");
	assert_true(blob_lease(get(w.ks, "stays")->value) == LEASE);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blob),
		cmocka_unit_test(test_writes_count),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_ended),
		cmocka_unit_test(test_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
