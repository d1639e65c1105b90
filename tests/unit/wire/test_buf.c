/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of wire/buf: growth, formatting, consuming, stealing, and the sticky error, which is
 * provoked by sizes that no machine can give.
 */
#include "unit.h"

#include <errno.h>

static void appends_and_grows(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_putc(&b, (char)('a' + i % 26)), 0);
	assert_int_equal(b.len, 10000);
	assert_true(b.cap >= b.len);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	buf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_int_equal(buf_puts(&b, "again"), 0);
	assert_buf(&b, "again");
	buf_deinit(&b);
	assert_null(b.data);
}

static void formats(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_printf(&b, "%s-%d", "x", 7), 0);
	assert_int_equal(buf_printf(&b, "%0*d", 300, 1), 0);
	assert_int_equal(b.len, 303);
	assert_memory_equal(b.data, "x-7000", 6);
	assert_int_equal(b.data[302], '1');
	buf_deinit(&b);
}

static void consumes_from_the_front(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "abcdef");
	buf_consume(&b, 2);
	assert_buf(&b, "cdef");
	buf_consume(&b, 4);
	assert_int_equal(b.len, 0);
	buf_consume(&b, 0);
	/* Full to the last byte: a move of too much would leave the block (sanitizer). */
	while (b.len == 0 || b.len < b.cap)
		buf_putc(&b, (char)b.len);
	buf_consume(&b, 3);
	assert_int_equal(b.len, b.cap - 3);
	assert_int_equal(b.data[0], 3);
	buf_deinit(&b);
}

static void extends_in_place(void **state)
{
	struct buf b = BUF_INIT;
	uint8_t *at;

	(void)state;
	assert_non_null(buf_extend(&b, 0));
	buf_puts(&b, "ab");
	at = buf_extend(&b, 2);
	assert_non_null(at);
	memcpy(at, "cd", 2);
	assert_buf(&b, "abcd");
	buf_deinit(&b);
}

static void steals(void **state)
{
	struct buf b = BUF_INIT;
	_cleanup_free_ uint8_t *data = NULL, *empty = NULL;
	size_t len = 0;

	(void)state;
	buf_puts(&b, "mine");
	data = buf_steal(&b, &len);
	assert_string_equal((char *)data, "mine");
	assert_int_equal(len, 4);
	assert_null(b.data);
	assert_int_equal(b.cap, 0);
	empty = buf_steal(&b, NULL);
	assert_string_equal((char *)empty, "");
}

static void out_of_memory_is_sticky(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "kept");
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf_error(&b), -ENOMEM);
	assert_int_equal(buf_putc(&b, 'x'), -ENOMEM);
	assert_int_equal(buf_append(&b, "x", 1), -ENOMEM);
	assert_int_equal(buf_printf(&b, "%d", 1), -ENOMEM);
	assert_int_equal(buf_reserve(&b, 0), -ENOMEM);
	assert_null(buf_extend(&b, 1));
	assert_null(buf_str(&b));
	assert_null(buf_steal(&b, NULL));
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.data, "kept", 4);
	buf_reset(&b);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 4), -ENOMEM);
	buf_deinit(&b);
	assert_int_equal(buf_error(&b), 0);
}

static void takes(void **state)
{
	char *a = malloc(1), *b;

	(void)state;
	b = TAKE(a);
	assert_null(a);
	assert_non_null(b);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_and_grows), cmocka_unit_test(formats),
		cmocka_unit_test(consumes_from_the_front), cmocka_unit_test(extends_in_place),
		cmocka_unit_test(steals), cmocka_unit_test(out_of_memory_is_sticky),
		cmocka_unit_test(takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
