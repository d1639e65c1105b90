/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of wire/doc_scalar: which plain scalars are null, booleans, integers and numbers by
 * the core schema, which are not, and what becomes of them as JSON.
 */
#include <errno.h>
#include <math.h>

#include "doc_unit.h"

/* A list of the scalars in the text, each behind "- ". */
static struct doc *list_of(const char *text)
{
	struct doc *doc = NULL;

	assert_int_equal(doc_parse(text, strlen(text), DOC_YAML, NULL, &doc, NULL), 0);
	return doc;
}

static void knows_null(void **state)
{
	_cleanup_(doc_freep) struct doc *yes = list_of("[~, null, Null, NULL, !!null ]"),
					*no = list_of("['', 'null', \"~\", nUll, none, 0, [], {}]");

	(void)state;
	for (size_t i = 0; i < doc_len(doc_root(yes, 0)); i++)
		assert_true(doc_is_null(doc_item(doc_root(yes, 0), i)));
	for (size_t i = 0; i < doc_len(doc_root(no, 0)); i++)
		assert_false(doc_is_null(doc_item(doc_root(no, 0), i)));
}

static void knows_booleans(void **state)
{
	_cleanup_(doc_freep) struct doc *good = list_of("[true, True, TRUE, false, False, FALSE]"),
					*bad = list_of("[yes, no, on, off, y, 'true', tRue, 1, ~]");

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		bool v = i >= 3;

		assert_int_equal(doc_bool(doc_item(doc_root(good, 0), i), &v), 0);
		assert_int_equal(v, i < 3);
	}
	for (size_t i = 0; i < doc_len(doc_root(bad, 0)); i++) {
		bool v;

		assert_int_equal(doc_bool(doc_item(doc_root(bad, 0), i), &v), -EINVAL);
	}
}

static void check_int(const char *text, int r_int, int64_t want_int, int r_uint, uint64_t want_uint)
{
	_cleanup_(doc_freep) struct doc *doc = list_of(text);
	int64_t i = 0;
	uint64_t u = 0;

	assert_int_equal(doc_int(doc_root(doc, 0), &i), r_int);
	assert_int_equal(doc_uint(doc_root(doc, 0), &u), r_uint);
	assert_true(i == want_int);
	assert_true(u == want_uint);
}

static void knows_integers(void **state)
{
	static const char *const bad[] = { "''",    "'1'", "1x", "1.0", "1e3", "0xg",
					   "0x",    "0o8", "-",	 "+",	"--1", "-0x1",
					   "1_000", "1,0", "[]", "~",	"0b1", "1 2" };

	(void)state;
	check_int("0", 0, 0, 0, 0);
	check_int("-0", 0, 0, 0, 0);
	check_int("+7", 0, 7, 0, 7);
	check_int("0644", 0, 644, 0, 644);
	check_int("0o644", 0, 420, 0, 420);
	check_int("0xFf", 0, 255, 0, 255);
	check_int("-5", 0, -5, -ERANGE, 0);
	check_int("9223372036854775807", 0, INT64_MAX, 0, INT64_MAX);
	check_int("-9223372036854775808", 0, INT64_MIN, -ERANGE, 0);
	check_int("9223372036854775808", -ERANGE, 0, 0, (uint64_t)INT64_MAX + 1);
	check_int("-9223372036854775809", -ERANGE, 0, -ERANGE, 0);
	check_int("18446744073709551615", -ERANGE, 0, 0, UINT64_MAX);
	check_int("18446744073709551616", -ERANGE, 0, -ERANGE, 0);
	check_int("99999999999999999999999x", -EINVAL, 0, -EINVAL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_int(bad[i], -EINVAL, 0, -EINVAL, 0);
}

static void check_double(const char *text, int r, double want)
{
	_cleanup_(doc_freep) struct doc *doc = list_of(text);
	double v = 0;

	assert_int_equal(doc_double(doc_root(doc, 0), &v), r);
	assert_true(v == want || (isnan(v) && isnan(want)));
}

static void knows_numbers(void **state)
{
	static const char *const bad[] = { "''",    "'1.5'", ".",   "-",   "e5",       "1e",
					   "1e+",   "1.5x",  "inf", "nan", "infinity", "-.nan",
					   "0x1p3", "1.2.3", "[]",  "~",   "1,5" };

	(void)state;
	check_double("1.5", 0, 1.5);
	check_double("-1", 0, -1);
	check_double("+.5", 0, 0.5);
	check_double("1.", 0, 1);
	check_double("1e3", 0, 1000);
	check_double("-2.5E-1", 0, -0.25);
	check_double("0x10", 0, 16);
	check_double("0o10", 0, 8);
	check_double(".inf", 0, INFINITY);
	check_double("+.Inf", 0, INFINITY);
	check_double("-.INF", 0, -INFINITY);
	check_double(".nan", 0, NAN);
	check_double("1e999", -ERANGE, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_double(bad[i], -EINVAL, 0);
}

static void writes_json(void **state)
{
	(void)state;
	check_good(DOC_YAML,
		   "[~, '~', True, 'True', yes, 007, 0x10, 0o17, -5, 1.50, .5, 1e3, .inf, .nan, "
		   "'1']",
		   "[null,\"~\",true,\"True\",\"yes\",7,16,15,-5,1.50,0.5,1e3,\".inf\",\".nan\","
		   "\"1\"]");
	check_good(DOC_YAML, "{1: a, ~: b}", "{\"1\":\"a\",\"~\":\"b\"}");
	check_good(DOC_YAML,
		   "- 12345678901234567890123\n- -007\n- 1.2.3.4\n- 10:30\n- 2020-01-01\n",
		   "[12345678901234567890123,-7,\"1.2.3.4\",\"10:30\",\"2020-01-01\"]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_null), cmocka_unit_test(knows_booleans),
		cmocka_unit_test(knows_integers), cmocka_unit_test(knows_numbers),
		cmocka_unit_test(writes_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
