/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the model: the type table, reference counts and the table of resources (replacing
 * must not leave a key in freed memory: the address sanitizer sees that here).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cleanup.h"
#include "resource.h"

static struct resource *make(enum rt type, const char *name, const char *body)
{
	struct resource *r = NULL;

	assert_int_equal(resource_new(type, name, "7", (const uint8_t *)body, strlen(body), &r), 0);
	return r;
}

static void test_types(void **state)
{
	for (unsigned i = 0; i < _RT_MAX; i++) {
		const struct rt_info *info = rt_info((enum rt)i);

		assert_int_equal(rt_find(info->message), i);
		assert_int_equal(rt_find(info->type_url), i);
		assert_int_equal(rt_find(info->word), i);
		assert_string_equal(info->descriptor->name, info->message);
	}
	assert_int_equal(rt_find("x/cluster"), _RT_MAX);
	assert_int_equal(rt_find(""), _RT_MAX);
	assert_string_equal(rt_info(RT_OVERLAY)->word, "overlay");
}

static void test_resource(void **state)
{
	struct resource *r = make(RT_CLUSTER, "a", "body"), *same = make(RT_CLUSTER, "b", "body");

	assert_string_equal(r->name, "a");
	assert_string_equal(r->version, "7");
	assert_int_equal(r->size, 4);
	assert_memory_equal(r->body, "body", 4);
	assert_true(r->hash == same->hash);
	resource_unref(resource_ref(r));
	assert_null(resource_unref(r));
	assert_null(resource_unref(same));
	assert_null(resource_unref(NULL));
	r = make(RT_CLUSTER, "", "");
	assert_int_equal(r->size, 0);
	resource_unref(r);
}

static void put(struct resource_table *t, enum rt type, const char *name, const char *body)
{
	_cleanup_(resource_unrefp) struct resource *r = make(type, name, body);

	assert_int_equal(resource_table_put(t, r), 0);
}

static void test_table(void **state)
{
	_cleanup_(resource_table_freep) struct resource_table *t = resource_table_new();

	put(t, RT_CLUSTER, "a", "1");
	put(t, RT_CLUSTER, "a", "22");
	put(t, RT_ROUTE, "a", "333");
	assert_int_equal(resource_table_count(t, RT_CLUSTER), 1);
	assert_int_equal(resource_table_bytes(t), 5);
	assert_int_equal(resource_table_find(t, RT_CLUSTER, "a")->size, 2);
	assert_null(resource_table_find(t, RT_LISTENER, "a"));
	assert_true(resource_table_remove(t, RT_CLUSTER, "a"));
	assert_false(resource_table_remove(t, RT_CLUSTER, "a"));
	assert_int_equal(resource_table_bytes(t), 3);
}

static void test_sorted(void **state)
{
	_cleanup_(resource_table_freep) struct resource_table *t = resource_table_new();
	struct resource **list = NULL;
	size_t n = 0;
	char name[32];

	for (int i = 999; i >= 0; i--) {
		snprintf(name, sizeof name, "c%03d", i);
		put(t, RT_CLUSTER, name, "x");
		put(t, RT_CLUSTER, name, name);
	}
	assert_int_equal(resource_table_sorted(t, RT_CLUSTER, &list, &n), 0);
	assert_int_equal(n, 1000);
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof name, "c%03zu", i);
		assert_string_equal(list[i]->name, name);
		assert_ptr_equal(resource_table_find(t, RT_CLUSTER, name), list[i]);
	}
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types), cmocka_unit_test(test_resource),
		cmocka_unit_test(test_table), cmocka_unit_test(test_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
