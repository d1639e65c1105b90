/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of wire/json: commas, escapes, integers at their limits, and doubles, which must read
 * back as the same value, in the fewest digits, under a locale with a decimal comma too.
 */
#include "unit.h"

#include <errno.h>
#include <locale.h>

#include "json.h"

static void places_commas(void **state)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	(void)state;
	json_obj_open(&j);
	json_key(&j, "a");
	json_arr_open(&j);
	json_int(&j, 1);
	json_arr_open(&j);
	json_arr_close(&j);
	json_obj_open(&j);
	json_obj_close(&j);
	json_nil(&j);
	json_arr_close(&j);
	json_key_str(&j, "b", "x");
	json_key_str(&j, "c", NULL);
	json_key_bool(&j, "d", true);
	json_key_int(&j, "e", -5);
	json_key_uint(&j, "f", 6);
	json_keyn(&j, "gone", 1);
	json_raw(&j, "[1,2]", 5);
	json_key(&j, "h");
	json_base64(&j, "foob", 4);
	assert_false(json_done(&j));
	json_obj_close(&j);
	assert_true(json_done(&j));
	assert_buf(&b, "{\"a\":[1,[],{},null],\"b\":\"x\",\"c\":null,\"d\":true,\"e\":-5,\"f\":6,"
		       "\"g\":[1,2],\"h\":\"Zm9vYg==\"}");
	buf_deinit(&b);
}

static void nests_deeply(void **state)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	(void)state;
	for (int i = 0; i < 300; i++)
		json_arr_open(&j);
	for (int i = 0; i < 300; i++)
		json_arr_close(&j);
	assert_true(json_done(&j));
	assert_int_equal(b.len, 600);
	buf_deinit(&b);
}

static void escapes(void **state)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	(void)state;
	json_str(&j, "\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa4\xf0\x9f\x98\x80");
	json_strn(&j, "a\0b", 3);
	assert_buf(&b, "\"\\\"\\\\/"
		       "\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa4\xf0\x9f\x98\x80\",\"a\\u0000b\"");
	buf_deinit(&b);
}

/* Longer than the pieces that the writer escapes at once. */
static void escapes_long_text(void **state)
{
	struct buf in = BUF_INIT, out = BUF_INIT, want = BUF_INIT;

	(void)state;
	buf_putc(&want, '"');
	for (int i = 0; i < 1000; i++) {
		buf_puts(&in, i % 7 == 0 ? "\x02" : "ab");
		buf_puts(&want, i % 7 == 0 ? "\\u0002" : "ab");
	}
	buf_putc(&want, '"');
	json_escape(&out, (char *)in.data, in.len);
	assert_buf(&out, buf_str(&want));
	buf_deinit(&in);
	buf_deinit(&out);
	buf_deinit(&want);
}

static void writes_integers(void **state)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	(void)state;
	json_int(&j, 0);
	json_int(&j, INT64_MAX);
	json_int(&j, INT64_MIN);
	json_uint(&j, UINT64_MAX);
	assert_buf(&b, "0,9223372036854775807,-9223372036854775808,18446744073709551615");
	buf_deinit(&b);
}

static void check_double(double v, const char *text)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_double(&j, v);
	assert_buf(&b, text);
	buf_deinit(&b);
}

static void check_doubles(void)
{
	check_double(0, "0");
	check_double(-0.0, "-0");
	check_double(1, "1");
	check_double(-100, "-100");
	check_double(0.1, "0.1");
	check_double(1.5, "1.5");
	check_double(-12.25, "-12.25");
	check_double(0.1 + 0.2, "0.30000000000000004");
	check_double(0.00012, "0.00012");
	check_double(0.000012, "0.000012");
	check_double(1e-7, "1e-7");
	check_double(1.25e-7, "1.25e-7");
	check_double(9007199254740993.0, "9007199254740992");
	check_double(123456789012345680.0, "123456789012345680");
	check_double(1e20, "100000000000000000000");
	check_double(1e22, "1e+22");
	check_double(1.5e300, "1.5e+300");
	check_double(5e-324, "5e-324");
	check_double(2.2250738585072014e-308, "2.2250738585072014e-308");
	check_double(1.7976931348623157e308, "1.7976931348623157e+308");
	check_double(__builtin_nan(""), "null");
	check_double(-__builtin_inf(), "null");
}

static void writes_doubles(void **state)
{
	(void)state;
	check_doubles();
}

/* Needs a locale with a decimal comma; passes over the point where the machine has none. */
static void ignores_the_locale(void **state)
{
	static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (setlocale(LC_NUMERIC, names[i]) != NULL)
			break;
	}
	check_doubles();
	setlocale(LC_NUMERIC, "C");
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed ^ *seed >> 29;
}

static void doubles_read_back(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct buf b = BUF_INIT;
		struct json j = JSON_INIT(&b);
		uint64_t bits = next_random(&seed);
		double v;

		memcpy(&v, &bits, sizeof v);
		json_double(&j, v);
		if (v - v == 0)
			assert_true(strtod(buf_str(&b), NULL) == v);
		else
			assert_string_equal(buf_str(&b), "null");
		buf_deinit(&b);
	}
}

static void check_thousandths(int64_t v)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct json x = JSON_INIT(&a), y = JSON_INIT(&b);

	json_thousandths(&x, v);
	json_double(&y, (double)v / 1000);
	assert_string_equal(buf_str(&a), buf_str(&b));
	buf_deinit(&a);
	buf_deinit(&b);
}

static void thousandths_are_doubles(void **state)
{
	static const int64_t ends[] = { 999999999999999, 1000000000000000, 1000000000000001, INT64_MAX, INT64_MIN };
	uint64_t seed = 7;

	(void)state;
	for (int64_t v = -2100; v <= 2100; v++)
		check_thousandths(v);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		check_thousandths(ends[i]);
	for (int i = 0; i < 20000; i++)
		check_thousandths((int64_t)next_random(&seed) >> i % 60);
}

/* Every byte in every place of a text, against one byte at a time. */
static void escapes_in_every_place(void **state)
{
	(void)state;
	for (size_t len = 1; len <= 20; len++) {
		for (size_t at = 0; at < len; at++) {
			for (int c = 1; c < 0x80; c++) {
				struct buf whole = BUF_INIT, pieces = BUF_INIT;
				char text[21];

				memset(text, 'x', sizeof text);
				text[at] = (char)c;
				json_escape(&whole, text, len);
				buf_putc(&pieces, '"');
				for (size_t i = 0; i < len; i++) {
					struct buf one = BUF_INIT;

					json_escape(&one, text + i, 1);
					buf_append(&pieces, one.data + 1, one.len - 2);
					buf_deinit(&one);
				}
				buf_putc(&pieces, '"');
				assert_string_equal(buf_str(&whole), buf_str(&pieces));
				buf_deinit(&whole);
				buf_deinit(&pieces);
			}
		}
	}
}

static void keeps_the_memory_error(void **state)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	(void)state;
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	json_obj_open(&j);
	json_key_str(&j, "a", "b");
	json_obj_close(&j);
	assert_int_equal(buf_error(&b), -ENOMEM);
	assert_int_equal(b.len, 0);
	buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_commas), cmocka_unit_test(nests_deeply),
		cmocka_unit_test(escapes), cmocka_unit_test(escapes_long_text),
		cmocka_unit_test(writes_integers),
		cmocka_unit_test(writes_doubles), cmocka_unit_test(ignores_the_locale),
		cmocka_unit_test(doubles_read_back),
		cmocka_unit_test(thousandths_are_doubles),
		cmocka_unit_test(escapes_in_every_place), cmocka_unit_test(keeps_the_memory_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
