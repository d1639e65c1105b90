/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages out of bytes, and what is no message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "frame.h"

static const uint8_t two[] = { 0, 0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 'd', 'e' };

/* Feeds all in pieces of n; the messages' texts, each ended by '|'. */
static void read_all(size_t n, char *out)
{
	struct frame f = { 0 };
	size_t pos = 0, used;

	while (pos < sizeof two) {
		size_t piece = sizeof two - pos < n ? sizeof two - pos : n;

		assert_int_equal(frame_feed(&f, two + pos, piece, 100, &used), 0);
		pos += used;
		if (!frame_complete(&f))
			continue;
		out += f.size > 0 ? (size_t)(stpncpy(out, (const char *)f.data, f.size) - out) : 0;
		*out++ = '|';
		frame_next(&f);
	}
	*out = '\0';
	assert_false(frame_begun(&f));
	frame_deinit(&f);
}

static void test_pieces(void **state)
{
	char out[32];

	for (size_t n = 1; n <= sizeof two; n++) {
		read_all(n, out);
		assert_string_equal(out, "abc||de|");
	}
}

static int first(const char *prefix, size_t max)
{
	struct frame f = { 0 };
	size_t used;
	int r = frame_feed(&f, (const uint8_t *)prefix, 5, max, &used);

	frame_deinit(&f);
	return r;
}

static void test_refused(void **state)
{
	assert_int_equal(first("\1\0\0\0\1", 100), FRAME_COMPRESSED);
	assert_int_equal(first("\2\0\0\0\1", 100), FRAME_FLAG);
	assert_int_equal(first("H\0\0\0\1", 100), FRAME_FLAG);
	assert_int_equal(first("\0\0\0\0\x65", 100), FRAME_TOO_LARGE);
	assert_int_equal(first("\0\0\0\0\x64", 100), 0);
	assert_int_equal(first("\0\xff\xff\xff\xff", 100), FRAME_TOO_LARGE);
}

static void test_memory(void **state)
{
	static uint8_t zeros[FRAME_KEEP + 1];
	struct frame f = { 0 };
	size_t used;

	assert_int_equal(frame_feed(&f, (const uint8_t *)"\0\0\1\0\1", 5, FRAME_KEEP * 2, &used), 0);
	assert_int_equal(frame_size(&f), sizeof zeros);
	assert_int_equal(frame_feed(&f, zeros, sizeof zeros, FRAME_KEEP * 2, &used), 0);
	assert_true(frame_complete(&f));
	frame_next(&f);
	assert_null(f.data);	/* given back */
	assert_int_equal(frame_feed(&f, (const uint8_t *)"\0\0\0\0\1x", 6, FRAME_KEEP, &used), 0);
	frame_next(&f);
	assert_non_null(f.data);	/* kept */
	frame_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
