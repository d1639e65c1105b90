/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the strict JSON reader of wire/doc: values, escapes, positions, and the texts that
 * lenient readers let pass.
 */
#include <errno.h>

#include "doc_unit.h"

static void reads_json(void **state)
{
	static const char *const same[] = {
		"{}", "[]", "null", "true", "false", "0", "-0", "-12.5e+7", "1E5", "\"\"", "\"x\"",
		"[1,[2,{\"a\":[]}],null]",
		"{\"a\":{\"b\":{\"c\":\"d\"}},\"\":1}",
		"\"\x7f\xc3\xa4\"",
		"123456789012345678901234567890",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		check_good(DOC_JSON, same[i], same[i]);
	check_good(DOC_JSON, "\xef\xbb\xbf\r\n\t {\"a\" : [ 1 , 2 ] } \n", "{\"a\":[1,2]}");
	check_good(DOC_JSON, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD83D\\uDE00z\"",
		   "\"\\\"\\\\/\\b\\f\\n\\r\\t\xc3\xa4\xf0\x9f\x98\x80z\"");
	check_good(DOC_JSON, "{\"<<\": {\"a\": 1}, \"~\": \"null\"}",
		   "{\"<<\":{\"a\":1},\"~\":\"null\"}");
}

static void knows_places(void **state)
{
	const char *text = "{\"a\":\n  [1, \"\xc3\xa4\", {\"b\": null}]}";
	_cleanup_(doc_freep) struct doc *doc = NULL;
	const struct doc_node *list;

	(void)state;
	assert_int_equal(doc_parse(text, strlen(text), DOC_JSON, NULL, &doc, NULL), 0);
	list = doc_map_get(doc_root(doc, 0), "a");
	assert_int_equal(doc_line(list), 2);
	assert_int_equal(doc_col(list), 3);
	assert_int_equal(doc_col(doc_item(list, 1)), 7);
	assert_int_equal(doc_col(doc_item(list, 2)), 12);
	assert_int_equal(doc_col(doc_value(doc_item(list, 2), 0)), 18);
}

static void refuses_bad_json(void **state)
{
	static const struct bad_text rows[] = {
		{ " ", 0, -EBADMSG, 1, 2, "the file ends here, but a value is expected" },
		{ "\xef\xbb\xbf", 0, -EBADMSG, 1, 1, "the file ends here" },
		{ "{", 0, -EBADMSG, 1, 2, "a key in double quotes" },
		{ "{\"a\"", 0, -EBADMSG, 1, 5, "':' is expected" },
		{ "{\"a\":", 0, -EBADMSG, 1, 6, "a value is expected" },
		{ "{\"a\":1", 0, -EBADMSG, 1, 7, "',' or '}'" },
		{ "{\"a\":1,}", 0, -EBADMSG, 1, 8, "a key in double quotes" },
		{ "{a:1}", 0, -EBADMSG, 1, 2, "a key in double quotes" },
		{ "{'a':1}", 0, -EBADMSG, 1, 2, "a key in double quotes" },
		{ "[1,]", 0, -EBADMSG, 1, 4, "a JSON value is expected" },
		{ "[1 2]", 0, -EBADMSG, 1, 4, "',' or ']'" },
		{ "[1}", 0, -EBADMSG, 1, 3, "',' or ']'" },
		{ "1 2", 0, -EBADMSG, 1, 3, "nothing may follow" },
		{ "// x\n1", 0, -EBADMSG, 1, 1, "a JSON value" },
		{ "01", 0, -EBADMSG, 1, 1, "a JSON value" },
		{ "-", 0, -EBADMSG, 1, 1, "a JSON value" },
		{ "+1", 0, -EBADMSG, 1, 1, "a JSON value" },
		{ ".5", 0, -EBADMSG, 1, 1, "a JSON value" },
		{ "1.", 0, -EBADMSG, 1, 1, "a JSON value" },
		{ "1e", 0, -EBADMSG, 1, 1, "a JSON value" },
		{ "1e+", 0, -EBADMSG, 1, 1, "a JSON value" },
		{ "0x10", 0, -EBADMSG, 1, 1, "a JSON value" },
		{ "NaN", 0, -EBADMSG, 1, 1, "a JSON value" },
		{ "nul", 0, -EBADMSG, 1, 1, "a JSON value" },
		{ "nullx", 0, -EBADMSG, 1, 1, "a JSON value" },
		{ "\"a", 0, -EBADMSG, 1, 3, "no closing quote" },
		{ "\"a\\", 0, -EBADMSG, 1, 4, "an escape is not complete" },
		{ "\"a\nb\"", 0, -EBADMSG, 1, 3, "control character" },
		{ "\"a\tb\"", 0, -EBADMSG, 1, 3, "control character" },
		{ "\"\\x41\"", 0, -EBADMSG, 1, 3, "no such escape" },
		{ "\"\\u12g4\"", 0, -EBADMSG, 1, 4, "four hexadecimal" },
		{ "\"\\u12\"", 0, -EBADMSG, 1, 4, "four hexadecimal" },
		{ "\"\\u0000\"", 0, -EBADMSG, 1, 1, "NUL" },
		{ "\"\\ud800\"", 0, -EBADMSG, 1, 8, "second half" },
		{ "\"\\ud800\\u0041\"", 0, -EBADMSG, 1, 8, "second half" },
		{ "\"\\ud800\\ud800\"", 0, -EBADMSG, 1, 8, "second half" },
		{ "\"\\udc00\"", 0, -EBADMSG, 1, 4, "first half" },
		{ "[1,\n2,\x01]", 0, -EBADMSG, 2, 3, "a JSON value" },
		{ "{\"a\":1,\n\"a\":2}", 0, -EEXIST, 2, 1,
		  "'a' stands twice in this map (first at 1:2)" },
		{ "{\"a\":1,\"\\u0061\":2}", 0, -EEXIST, 1, 8, "'a' stands twice" },
		{ "[\"\xc0\x80\"]", 0, -EBADMSG, 1, 3, "UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_bad(DOC_JSON, NULL, &rows[i]);
}

/* Every beginning of a good text is an error, read from a block that ends there (sanitizer). */
static void survives_truncation(void **state)
{
	static const char text[] = "{\"a\": [1.5e3, \"x\\n\\u00e4\\ud83d\\ude00\", {\"b\": true}], "
				   "\"c\": null}";

	(void)state;
	for (size_t len = 0; len < sizeof text - 1; len++) {
		_cleanup_free_ char *copy = malloc(len + 1);
		struct doc *doc = NULL;

		memcpy(copy, text, len);
		copy[len] = 'x';
		assert_int_equal(doc_parse(copy, len, DOC_JSON, NULL, &doc, NULL), -EBADMSG);
	}
	check_good(DOC_JSON, text,
		   "{\"a\":[1.5e3,\"x\\n\xc3\xa4\xf0\x9f\x98\x80\",{\"b\":true}],\"c\":null}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_json), cmocka_unit_test(knows_places),
		cmocka_unit_test(refuses_bad_json), cmocka_unit_test(survives_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
