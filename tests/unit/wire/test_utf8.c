/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of wire/utf8: every code point must be accepted in its one legal form, every row of
 * malformed bytes must be refused at the right place.
 */
#include "unit.h"

#include "utf8.h"

static void accepts_every_code_point(void **state)
{
	(void)state;
	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		char text[12] = "abcdefgh";
		size_t n = utf8_encode(cp, text + 8);
		bool surrogate = cp >= 0xd800 && cp <= 0xdfff;

		if (utf8_valid(text, 8 + n) == surrogate)
			fail_msg("U+%04X", (unsigned)cp);
	}
}

static void lengths_follow_the_code_point(void **state)
{
	char out[4];

	(void)state;
	assert_int_equal(utf8_encode(0x7f, out), 1);
	assert_int_equal(utf8_encode(0x80, out), 2);
	assert_memory_equal(out, "\xc2\x80", 2);
	assert_int_equal(utf8_encode(0xffff, out), 3);
	assert_memory_equal(out, "\xef\xbf\xbf", 3);
	assert_int_equal(utf8_encode(0x10ffff, out), 4);
	assert_memory_equal(out, "\xf4\x8f\xbf\xbf", 4);
}

static void refuses_malformed_bytes(void **state)
{
	static const struct {
		const char *text;
		size_t bad;
	} rows[] = {
		{ "\x80", 0 },             { "ab\xbfxyz", 2 },          { "\xc0\x80", 0 },
		{ "\xc1\xbf", 0 },         { "a\xc3", 1 },              { "\xc3\x28", 0 },
		{ "\xe0\x9f\xbf", 0 },     { "\xed\xa0\x80", 0 },       { "\xe2\x82", 0 },
		{ "\xe2\x82\x28", 0 },     { "\xf0\x8f\xbf\xbf", 0 },   { "\xf4\x90\x80\x80", 0 },
		{ "\xf5\x80\x80\x80", 0 }, { "\xff", 0 },               { "12345678901\xfe", 11 },
		{ "\xc3\xa4\xc3\xa4\xa4", 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(utf8_check(rows[i].text, strlen(rows[i].text)), rows[i].bad);
}

static void strings_hold_no_nul(void **state)
{
	(void)state;
	assert_true(utf8_is_string("", 0));
	assert_true(utf8_is_string(NULL, 0));
	assert_true(utf8_is_string("gr\xc3\xbc\xc3\x9f", 6));
	assert_true(utf8_valid("a\0b", 3));
	assert_false(utf8_is_string("a\0b", 3));
	assert_false(utf8_is_string("\xff", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_every_code_point),
		cmocka_unit_test(lengths_follow_the_code_point),
		cmocka_unit_test(refuses_malformed_bytes),
		cmocka_unit_test(strings_hold_no_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
