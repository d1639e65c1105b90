/* SPDX-License-Identifier: Apache-2.0 */
/* The ordered map: order, bounds, and 20,000 random changes against a plain array of presence. */
#include "helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

#define KEYS 500

static struct index_entry *add(struct index *ix, const char *key)
{
	struct blob *b = text_blob(key);
	struct index_entry *e = index_entry_new(ix, b);

	blob_unref(b);
	assert_non_null(e);
	index_insert(ix, e);
	return e;
}

static void test_order(void **state)
{
	static const char *const keys[] = { "b", "a", "c", "aa", "b0", "" };
	static const char *const sorted[] = { "", "a", "aa", "b", "b0", "c" };
	struct index_entry *e;
	struct index ix;
	size_t i = 0;

	index_init(&ix);
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
		add(&ix, keys[k]);
	assert_int_equal(ix.count, ARRAY_SIZE(keys));
	for (e = index_lower_bound(&ix, "", 0); e != NULL; e = index_next(e), i++) {
		assert_int_equal(e->kv.key->size, strlen(sorted[i]));
		assert_memory_equal(e->kv.key->data, sorted[i], strlen(sorted[i]));
	}
	assert_int_equal(i, ARRAY_SIZE(sorted));
	index_deinit(&ix);
}

static void test_bounds(void **state)
{
	struct index_entry *b, *d;
	struct index ix;

	index_init(&ix);
	assert_null(index_find(&ix, "b", 1));
	assert_null(index_lower_bound(&ix, "", 0));
	b = add(&ix, "b");
	d = add(&ix, "d");
	assert_ptr_equal(index_find(&ix, "b", 1), b);
	assert_null(index_find(&ix, "c", 1));
	assert_null(index_find(&ix, "bb", 2));
	assert_ptr_equal(index_lower_bound(&ix, "a", 1), b);
	assert_ptr_equal(index_lower_bound(&ix, "b", 1), b);
	assert_ptr_equal(index_lower_bound(&ix, "b\0", 2), d);
	assert_null(index_lower_bound(&ix, "e", 1));
	index_remove(&ix, b);
	assert_null(index_find(&ix, "b", 1));
	assert_ptr_equal(index_lower_bound(&ix, "", 0), d);
	assert_null(index_entry_free(b));
	assert_null(index_entry_free(NULL));
	index_deinit(&ix);
}

static void check_all(const struct index *ix, struct index_entry *const *present)
{
	struct index_entry *e = index_lower_bound(ix, "", 0);
	size_t count = 0;

	for (size_t i = 0; i < KEYS; i++) {
		if (present[i] == NULL)
			continue;
		assert_ptr_equal(e, present[i]);
		e = index_next(e);
		count++;
	}
	assert_null(e);
	assert_int_equal(count, ix->count);
}

static void test_random(void **state)
{
	struct index_entry *present[KEYS] = { NULL };
	struct index ix;

	srandom(7);
	index_init(&ix);
	for (int round = 0; round < 20000; round++) {
		size_t i = (size_t)random() % KEYS;
		char key[16];

		snprintf(key, sizeof key, "/k/%05zu", i);
		assert_ptr_equal(index_find(&ix, key, strlen(key)), present[i]);
		if (present[i] == NULL) {
			present[i] = add(&ix, key);
		} else {
			index_remove(&ix, present[i]);
			present[i] = index_entry_free(present[i]);
		}
		if (round % 1000 == 0)
			check_all(&ix, present);
	}
	check_all(&ix, present);
	index_deinit(&ix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
