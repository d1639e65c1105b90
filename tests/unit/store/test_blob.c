/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs: content, sharing, comparison, the size limit, and the order of byte strings. */
#include "helper.h"

#include <string.h>

static void test_content(void **state)
{
	struct blob *a = text_blob("value"), *b = text_blob("value"), *c = text_blob("valuf");

	assert_int_equal(a->size, 5);
	assert_memory_equal(a->data, "value", 5);
	assert_true(blob_equal(a, a));
	assert_true(blob_equal(a, b));
	assert_false(blob_equal(a, c));
	assert_int_equal(a->hash, b->hash);
	blob_unref(a);
	blob_unref(b);
	blob_unref(c);
}

static void test_references(void **state)
{
	struct blob *a = text_blob("x"), *b = blob_ref(a);

	assert_ptr_equal(a, b);
	assert_int_equal(a->refs, 2);
	assert_null(blob_unref(a));
	assert_memory_equal(b->data, "x", 1);
	assert_null(blob_unref(b));
	assert_null(blob_unref(NULL));
	assert_null(blob_ref(NULL));
}

static void test_limits(void **state)
{
	struct blob *empty = blob_new(NULL, 0);

	assert_non_null(empty);
	assert_int_equal(empty->size, 0);
	blob_unref(empty);
	assert_null(blob_new("", (size_t)BLOB_SIZE_MAX + 1));
}

static void test_order(void **state)
{
	assert_true(bytes_compare("a", 1, "b", 1) < 0);
	assert_true(bytes_compare("a", 1, "a\0", 2) < 0);
	assert_true(bytes_compare("b", 1, "a\xff", 2) > 0);
	assert_true(bytes_compare("\xff", 1, "\x01", 1) > 0);
	assert_int_equal(bytes_compare("a\0b", 3, "a\0b", 3), 0);
	assert_int_equal(bytes_compare(NULL, 0, NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
