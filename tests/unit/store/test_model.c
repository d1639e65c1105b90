/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 100,000 random transactions (puts, deletes, resynchronisations) on the key space and on a naive
 * model of it: a table of every key's numbers and value.  Compared: outcome, revision, every event,
 * the whole state now and then, and old states that were set aside, as long as history reaches.
 */
#include "helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 40
#define VALUES 4
#define OLD 8
#define ROUNDS 100000

struct model_key {
	int value;		/* -1: absent */
	uint64_t create, mod, version;
};

struct model {
	struct model_key keys[KEYS];
	uint64_t revision;
};

static struct blob *values[VALUES];

static void key_name(int i, char name[16])
{
	snprintf(name, 16, "/%c/%02d", i < KEYS / 2 ? 'm' : 'n', i);
}

static bool key_differs(const struct model_key *k, int wanted)
{
	return wanted != k->value;
}

static void model_set(struct model_key *k, int wanted, uint64_t revision)
{
	if (wanted < 0) {
		*k = (struct model_key){ .value = -1 };
		return;
	}
	if (k->value < 0)
		*k = (struct model_key){ .create = revision };
	k->value = wanted;
	k->mod = revision;
	k->version++;
}

static bool model_commit(struct model *m, const int wanted[KEYS])
{
	bool any = false;

	for (int i = 0; i < KEYS; i++)
		any = any || key_differs(&m->keys[i], wanted[i]);
	if (!any)
		return false;
	m->revision++;
	for (int i = 0; i < KEYS; i++)
		if (key_differs(&m->keys[i], wanted[i]))
			model_set(&m->keys[i], wanted[i], m->revision);
	return true;
}

static void draft_one(struct keyspace *ks, int wanted[KEYS], int i)
{
	int value = (int)(random() % (VALUES + 1)) - 1;
	char name[16];

	key_name(i, name);
	wanted[i] = value;
	if (value < 0)
		assert_int_equal(ks_txn_delete(ks, name, strlen(name)), 0);
	else
		assert_int_equal(ks_txn_put(ks, name, strlen(name), values[value]), 0);
}

/* All keys below /m/ that are not put disappear. */
static void draft_resync(struct keyspace *ks, int wanted[KEYS])
{
	const struct ks_range mesh = { (const uint8_t *)"/m/", (const uint8_t *)"/m0", 3, 3 };

	assert_int_equal(ks_txn_replace(ks, &mesh), 0);
	for (int i = 0; i < KEYS / 2; i++) {
		char name[16];

		if (random() % 4 == 0) {
			wanted[i] = -1;
			continue;
		}
		if (wanted[i] < 0 || random() % 8 == 0)
			wanted[i] = (int)(random() % VALUES);
		key_name(i, name);
		assert_int_equal(ks_txn_put(ks, name, strlen(name), values[wanted[i]]), 0);
	}
}

static void check_kv(const struct kv *kv, const struct model_key *k)
{
	assert_ptr_equal(kv->value, values[k->value]);
	assert_int_equal(kv->create_revision, k->create);
	assert_int_equal(kv->mod_revision, k->mod);
	assert_int_equal(kv->version, k->version);
}

struct walk {
	const struct model *model;
	int next;
};

static int check_next(const struct kv *kv, void *arg)
{
	struct walk *w = arg;
	char name[16];

	while (w->model->keys[w->next].value < 0)
		w->next++;
	key_name(w->next, name);
	assert_int_equal(kv->key->size, strlen(name));
	assert_memory_equal(kv->key->data, name, strlen(name));
	check_kv(kv, &w->model->keys[w->next]);
	w->next++;
	return 0;
}

static void check_state(const struct keyspace *ks, const struct model *m, uint64_t revision)
{
	const struct ks_range all = { (const uint8_t *)"\0", (const uint8_t *)"\0", 1, 1 };
	struct walk w = { .model = m };
	int r = ks_walk(ks, &all, revision, check_next, &w);

	if (r == KS_COMPACTED) {
		assert_true(revision < ks_compacted(ks));
		return;
	}
	assert_int_equal(r, 0);
	for (; w.next < KEYS; w.next++)
		assert_true(m->keys[w.next].value < 0);
}

struct expected {
	const struct model *before, *after;
	int calls;
};

static void check_commit(void *ctx, const struct txn *t)
{
	struct expected *x = ctx;
	uint32_t next = 0;

	x->calls++;
	assert_int_equal(t->revision, x->after->revision);
	for (int i = 0; i < KEYS; i++) {
		const struct model_key *before = &x->before->keys[i], *after = &x->after->keys[i];
		struct kv kv;

		if (before->value == after->value)
			continue;
		assert_true(next < t->count);
		assert_true(event_prev(&t->events[next], &kv) == (before->value >= 0));
		if (before->value >= 0)
			check_kv(&kv, before);
		assert_true(event_kv(&t->events[next], t->revision, &kv) == (after->value >= 0));
		if (after->value >= 0)
			check_kv(&kv, after);
		next++;
	}
	assert_int_equal(next, t->count);
}

static void one_round(struct keyspace *ks, struct model *m, struct expected *x)
{
	struct model before = *m;
	int wanted[KEYS], calls = x->calls, r;
	uint64_t revision = 0;
	bool changed;

	for (int i = 0; i < KEYS; i++)
		wanted[i] = m->keys[i].value;
	assert_int_equal(ks_txn_begin(ks), 0);
	if (random() % 20 == 0)
		draft_resync(ks, wanted);
	else
		for (long n = random() % 4; n >= 0; n--)
			draft_one(ks, wanted, (int)(random() % KEYS));
	changed = model_commit(m, wanted);
	*x = (struct expected){ .before = &before, .after = m, .calls = calls };
	r = ks_txn_commit(ks, NOW_MS, &revision);
	assert_int_equal(r, changed ? 0 : KS_UNCHANGED);
	assert_int_equal(revision, m->revision);
	assert_int_equal(x->calls, calls + (changed ? 1 : 0));
}

static void test_model(void **state)
{
	const struct history_limits limits = { .time_ms = 1, .revisions = 200, .bytes = 60000 };
	struct expected x = { 0 };
	struct ks_observer o = { .fn = check_commit, .ctx = &x };
	struct model m = { 0 }, old[OLD];
	struct keyspace *ks = NULL;

	srandom(11);
	for (int i = 0; i < VALUES; i++)
		values[i] = blob_new(&"abcd"[i], 1);
	for (int i = 0; i < KEYS; i++)
		m.keys[i].value = -1;
	assert_int_equal(ks_new(&limits, &ks), 0);
	ks_observe(ks, &o);
	for (int i = 0; i < OLD; i++)
		old[i] = m;
	for (int round = 0; round < ROUNDS; round++) {
		one_round(ks, &m, &x);
		if (round % 17 == 0)
			old[random() % OLD] = m;
		if (round % 13 == 0) {
			const struct model *then = &old[random() % OLD];

			if (then->revision > 0)
				check_state(ks, then, then->revision);
		}
		if (round % 100 == 0)
			check_state(ks, &m, 0);
	}
	assert_true(ks_history_count(ks) > 10);
	ks_free(ks);
	for (int i = 0; i < VALUES; i++)
		blob_unref(values[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_model) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
