/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key space: etcd's numbers, true differences only, resynchronisation, ranges, the past,
 * history limits, undo.  The random comparison with a naive model is in test_model.c.
 */
#include "helper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "keyspace_private.h"

static struct keyspace *fresh(const struct history_limits *limits)
{
	struct keyspace *ks = NULL;

	assert_int_equal(ks_new(limits, &ks), 0);
	ks_load_jump(ks, 100);
	return ks;
}

static void assert_numbers(const struct keyspace *ks, const char *key, uint64_t create,
			   uint64_t mod, uint64_t version)
{
	const struct kv *kv = get(ks, key);

	assert_non_null(kv);
	assert_int_equal(kv->create_revision, create);
	assert_int_equal(kv->mod_revision, mod);
	assert_int_equal(kv->version, version);
}

static void test_numbers(void **state)
{
	struct keyspace *ks = fresh(NULL);
	uint64_t a, b, c;

	a = put_one(ks, "k", "1");
	assert_int_equal(a, ks_revision(ks));
	assert_numbers(ks, "k", a, a, 1);
	b = put_one(ks, "k", "2");
	assert_int_equal(b, a + 1);
	assert_numbers(ks, "k", a, b, 2);
	delete_one(ks, "k");
	assert_value(ks, "k", NULL);
	c = put_one(ks, "k", "2");
	assert_int_equal(c, a + 3);
	assert_numbers(ks, "k", c, c, 1);
	ks_free(ks);
}

struct seen {
	int calls;
	uint32_t events;
};

static void count_commit(void *ctx, const struct txn *t)
{
	struct seen *s = ctx;

	s->calls++;
	s->events += t->count;
}

static void test_only_differences(void **state)
{
	struct keyspace *ks = fresh(NULL);
	struct seen seen = { 0 };
	struct ks_observer o = { .fn = count_commit, .ctx = &seen };
	uint64_t a = put_one(ks, "k", "1"), revision = 0;

	ks_observe(ks, &o);
	assert_int_equal(put_one(ks, "k", "1"), a);
	assert_int_equal(delete_one(ks, "absent"), a);
	assert_int_equal(ks_txn_begin(ks), 0);
	assert_int_equal(ks_txn_commit(ks, NOW_MS, &revision), KS_UNCHANGED);
	assert_int_equal(revision, a);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(ks_txn_begin(ks), 0);	/* a detour that ends where it began */
	put(ks, "k", "2");
	delete(ks, "k");
	put(ks, "k", "1");
	assert_int_equal(ks_txn_commit(ks, NOW_MS, &revision), KS_UNCHANGED);
	assert_int_equal(ks_used(ks), a);
	assert_int_equal(seen.calls, 0);
	put_one(ks, "k", "3");
	assert_int_equal(seen.calls, 1);
	ks_unobserve(ks, &o);
	put_one(ks, "k", "4");
	assert_int_equal(seen.calls, 1);
	ks_free(ks);
}

static void test_one_revision(void **state)
{
	struct keyspace *ks = fresh(NULL);
	struct seen seen = { 0 };
	struct ks_observer o = { .fn = count_commit, .ctx = &seen };
	uint64_t revision = 0, before = put_one(ks, "c", "old");

	ks_observe(ks, &o);
	assert_int_equal(ks_txn_begin(ks), 0);
	assert_int_equal(ks_txn_begin(ks), -EBUSY);
	put(ks, "b", "2");
	put(ks, "a", "1");
	delete(ks, "c");
	assert_int_equal(ks_txn_commit(ks, NOW_MS, &revision), 0);
	assert_int_equal(revision, before + 1);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.events, 3);
	assert_numbers(ks, "a", revision, revision, 1);
	assert_numbers(ks, "b", revision, revision, 1);
	ks_free(ks);
}

static int check_events(const struct txn *t, void *arg)
{
	const struct event *e = t->events;
	struct kv kv;

	assert_int_equal(t->count, 3);
	assert_memory_equal(e[0].key->data, "a", 1);	/* created */
	assert_false(event_prev(&e[0], &kv));
	assert_true(event_kv(&e[0], t->revision, &kv));
	assert_int_equal(kv.create_revision, t->revision);
	assert_memory_equal(e[1].key->data, "b", 1);	/* changed */
	assert_true(event_prev(&e[1], &kv));
	assert_memory_equal(kv.value->data, "b1", 2);
	assert_int_equal(kv.version, 1);
	assert_int_equal(kv.mod_revision, t->revision - 1);
	assert_int_equal(e[1].version, 2);
	assert_memory_equal(e[2].key->data, "c", 1);	/* deleted */
	assert_false(event_kv(&e[2], t->revision, &kv));
	assert_true(event_prev(&e[2], &kv));
	assert_memory_equal(kv.value->data, "c1", 2);
	assert_int_equal(kv.version, 1);
	(*(int *)arg)++;
	return 0;
}

static void test_events(void **state)
{
	struct keyspace *ks = fresh(NULL);
	uint64_t revision = 0;
	int calls = 0;

	assert_int_equal(ks_txn_begin(ks), 0);
	put(ks, "b", "b1");
	put(ks, "c", "c1");
	assert_int_equal(ks_txn_commit(ks, NOW_MS, &revision), 0);
	assert_int_equal(ks_txn_begin(ks), 0);
	delete(ks, "c");
	put(ks, "b", "b2");
	put(ks, "a", "a1");
	assert_int_equal(ks_txn_commit(ks, NOW_MS, &revision), 0);
	assert_int_equal(ks_replay(ks, revision, check_events, &calls), 0);
	assert_int_equal(calls, 1);
	ks_free(ks);
}

static struct ks_range range(const char *key, const char *end, size_t end_size)
{
	return (struct ks_range){ (const uint8_t *)key, (const uint8_t *)end, strlen(key),
				  end_size };
}

static void test_resync(void **state)
{
	const struct ks_range mesh = range("/m/", "/m0", 3), again = range("/m/a", "/m/c", 4);
	struct keyspace *ks = fresh(NULL);
	uint64_t revision = 0, first;

	assert_int_equal(ks_txn_begin(ks), 0);
	put(ks, "/m/a", "1");
	put(ks, "/m/b", "1");
	put(ks, "/m/c", "1");
	put(ks, "/client", "1");
	assert_int_equal(ks_txn_commit(ks, NOW_MS, &first), 0);
	assert_int_equal(ks_txn_begin(ks), 0);
	assert_int_equal(ks_txn_replace(ks, &mesh), 0);
	assert_int_equal(ks_txn_replace(ks, &again), 0);
	put(ks, "/m/d", "1");
	put(ks, "/m/c", "2");
	put(ks, "/m/a", "1");
	assert_int_equal(ks_txn_commit(ks, NOW_MS, &revision), 0);
	assert_numbers(ks, "/m/a", first, first, 1);
	assert_value(ks, "/m/b", NULL);
	assert_numbers(ks, "/m/c", first, revision, 2);
	assert_numbers(ks, "/m/d", revision, revision, 1);
	assert_numbers(ks, "/client", first, first, 1);
	assert_int_equal(ks_txn_begin(ks), 0);		/* the same again: nothing */
	assert_int_equal(ks_txn_replace(ks, &mesh), 0);
	put(ks, "/m/a", "1");
	put(ks, "/m/c", "2");
	put(ks, "/m/d", "1");
	assert_int_equal(ks_txn_commit(ks, NOW_MS, &revision), KS_UNCHANGED);
	ks_free(ks);
}

static int append_key(const struct kv *kv, void *arg)
{
	char *text = arg;
	size_t len = strlen(text);

	snprintf(text + len, 128 - len, "%.*s=%.*s ", (int)kv->key->size,
		 (const char *)kv->key->data, (int)kv->value->size, (const char *)kv->value->data);
	return strlen(text) > 100;
}

static void assert_walk(const struct keyspace *ks, struct ks_range r, uint64_t revision,
			const char *want)
{
	char text[128] = "";

	assert_int_equal(ks_walk(ks, &r, revision, append_key, text), 0);
	assert_string_equal(text, want);
}

static void test_ranges(void **state)
{
	struct keyspace *ks = fresh(NULL);

	put_one(ks, "a", "1");
	put_one(ks, "aa", "2");
	put_one(ks, "b", "3");
	put_one(ks, "c", "4");
	assert_walk(ks, range("a", NULL, 0), 0, "a=1 ");
	assert_walk(ks, range("ab", NULL, 0), 0, "");
	assert_walk(ks, range("a", "b", 1), 0, "a=1 aa=2 ");
	assert_walk(ks, range("b", "\0", 1), 0, "b=3 c=4 ");
	assert_walk(ks, range("", "\0", 1), 0, "a=1 aa=2 b=3 c=4 ");
	assert_walk(ks, range("c", "a", 1), 0, "");
	assert_walk(ks, range("b", "b\0", 2), 0, "b=3 ");
	ks_free(ks);
}

static void test_past(void **state)
{
	const struct ks_range all = range("", "\0", 1);
	struct keyspace *ks = fresh(NULL);
	uint64_t r1, r2, r3, r4;

	r1 = put_one(ks, "a", "1");
	r2 = put_one(ks, "b", "1");
	r3 = put_one(ks, "a", "2");
	r4 = delete_one(ks, "b");
	put_one(ks, "b", "9");
	assert_walk(ks, all, r1, "a=1 ");
	assert_walk(ks, all, r2, "a=1 b=1 ");
	assert_walk(ks, all, r3, "a=2 b=1 ");
	assert_walk(ks, all, r4, "a=2 ");
	assert_walk(ks, all, 0, "a=2 b=9 ");
	assert_walk(ks, range("b", NULL, 0), r3, "b=1 ");
	assert_walk(ks, all, ks_compacted(ks), "");
	assert_int_equal(ks_walk(ks, &all, ks_compacted(ks) - 1, append_key, NULL), KS_COMPACTED);
	assert_int_equal(ks_walk(ks, &all, ks_revision(ks) + 1, append_key, NULL), KS_FUTURE);
	ks_free(ks);
}

static int kv_is(const struct kv *kv, void *arg)
{
	const uint64_t *want = arg;

	assert_int_equal(kv->create_revision, want[0]);
	assert_int_equal(kv->mod_revision, want[1]);
	assert_int_equal(kv->version, want[2]);
	return 7;
}

static void test_past_numbers(void **state)
{
	const struct ks_range k = range("k", NULL, 0);
	struct keyspace *ks = fresh(NULL);
	uint64_t r1 = put_one(ks, "k", "1"), r2 = put_one(ks, "k", "2"), r3 = put_one(ks, "k", "3");
	uint64_t want[3] = { r1, r2, 2 };

	delete_one(ks, "k");
	assert_int_equal(ks_walk(ks, &k, r2, kv_is, want), 7);
	want[1] = r3;
	want[2] = 3;
	assert_int_equal(ks_walk(ks, &k, r3, kv_is, want), 7);
	ks_free(ks);
}

static int sum_revisions(const struct txn *t, void *arg)
{
	*(uint64_t *)arg += t->revision;
	return 0;
}

static void test_replay(void **state)
{
	struct keyspace *ks = fresh(NULL);
	uint64_t sum = 0, a = put_one(ks, "k", "1"), b = put_one(ks, "k", "2");

	assert_int_equal(ks_replay(ks, a, sum_revisions, &sum), 0);
	assert_int_equal(sum, a + b);
	assert_int_equal(ks_replay(ks, b + 1, sum_revisions, &sum), 0);
	assert_int_equal(sum, a + b);
	assert_int_equal(ks_replay(ks, b + 2, sum_revisions, &sum), KS_FUTURE);
	assert_int_equal(ks_replay(ks, ks_compacted(ks), sum_revisions, &sum), KS_COMPACTED);
	assert_int_equal(ks_replay(ks, ks_compacted(ks) + 1, sum_revisions, &sum), 0);
	ks_free(ks);
}

static void commit_at(struct keyspace *ks, const char *value, uint64_t now_ms)
{
	assert_int_equal(ks_txn_begin(ks), 0);
	put(ks, "k", value);
	assert_int_equal(ks_txn_commit(ks, now_ms, NULL), 0);
}

/* Whichever is more: old ones stay while they are few, many ones stay while they are young. */
static void test_history_more(void **state)
{
	const struct history_limits limits = { .time_ms = 1000, .revisions = 3, .bytes = 1 << 20 };
	struct keyspace *ks = fresh(&limits);

	for (uint64_t i = 0; i < 5; i++)
		commit_at(ks, i % 2 == 0 ? "a" : "b", 10000 + i);
	assert_int_equal(ks_history_count(ks), 5);	/* young */
	commit_at(ks, "c", 90000);
	assert_int_equal(ks_history_count(ks), 3);	/* old, but few */
	assert_int_equal(ks_compacted(ks) + 3, ks_revision(ks));
	commit_at(ks, "d", 5);				/* the clock went back: nothing is old */
	assert_int_equal(ks_history_count(ks), 4);
	ks_free(ks);
}

static void test_history_bytes(void **state)
{
	const struct history_limits limits = { .time_ms = 1000, .revisions = 100, .bytes = 500 };
	struct keyspace *ks = fresh(&limits);
	char big[1000];

	for (int i = 0; i < 20; i++)
		put_one(ks, "k", i % 2 == 0 ? "a" : "b");
	assert_true(ks_history_count(ks) < 10 && ks_history_count(ks) > 1);
	assert_true(ks_history_bytes(ks) <= 500);
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	put_one(ks, "k", big);
	assert_int_equal(ks_history_count(ks), 1);	/* never the newest */
	assert_int_equal(ks_compacted(ks) + 1, ks_revision(ks));
	ks_free(ks);
}

static int refuse(void *ctx, const struct txn *t, uint64_t previous)
{
	assert_int_equal(previous + 1, t->revision);
	(*(int *)ctx)++;
	return -EROFS;
}

static void test_undo(void **state)
{
	struct keyspace *ks = fresh(NULL);
	struct seen seen = { 0 };
	struct ks_observer o = { .fn = count_commit, .ctx = &seen };
	uint64_t a, b, revision = 1;
	int calls = 0;

	a = put_one(ks, "a", "1");
	b = put_one(ks, "b", "1");
	ks_observe(ks, &o);
	ks_set_persist(ks, refuse, &calls);
	assert_int_equal(ks_txn_begin(ks), 0);
	put(ks, "a", "2");
	delete(ks, "b");
	put(ks, "c", "1");
	assert_int_equal(ks_txn_commit(ks, NOW_MS, &revision), -EROFS);
	assert_int_equal(calls, 1);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(revision, 1);
	assert_int_equal(ks_revision(ks), b);
	assert_numbers(ks, "a", a, a, 1);
	assert_numbers(ks, "b", b, b, 1);
	assert_value(ks, "a", "1");
	assert_value(ks, "c", NULL);
	assert_int_equal(ks_history_count(ks), 2);
	ks_set_persist(ks, NULL, NULL);
	assert_int_equal(put_one(ks, "a", "2"), b + 2);	/* the number is burnt */
	ks_free(ks);
}

static void test_errors(void **state)
{
	struct keyspace *ks = fresh(NULL);
	struct blob *b = text_blob("v");
	char big[KS_KEY_MAX + 1];

	memset(big, 'k', sizeof big);
	assert_int_equal(ks_txn_put(ks, "k", 1, b), -EBUSY);
	assert_int_equal(ks_txn_commit(ks, NOW_MS, NULL), -EBUSY);
	assert_int_equal(ks_txn_begin(ks), 0);
	assert_int_equal(ks_txn_put(ks, "k", 1, b), 0);
	assert_int_equal(ks_txn_put(ks, "", 0, b), -EINVAL);
	assert_int_equal(ks_txn_commit(ks, NOW_MS, NULL), -EINVAL);
	assert_value(ks, "k", NULL);
	assert_int_equal(ks_txn_begin(ks), 0);
	assert_int_equal(ks_txn_put(ks, big, sizeof big, b), -EINVAL);
	ks_txn_abort(ks);
	ks_load_jump(ks, REVISION_LIMIT - 3);
	assert_int_equal(ks_txn_begin(ks), 0);
	assert_int_equal(ks_txn_put(ks, "k", 1, b), 0);
	assert_int_equal(ks_txn_commit(ks, NOW_MS, NULL), -EOVERFLOW);
	assert_value(ks, "k", NULL);
	blob_unref(b);
	ks_free(ks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_only_differences),
		cmocka_unit_test(test_one_revision),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_past),
		cmocka_unit_test(test_past_numbers),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_history_more),
		cmocka_unit_test(test_history_bytes),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
