/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of wire/doc on YAML: streams, anchors, merge keys, tags, positions, and every kind of
 * text that must be refused with its place. The choice between JSON and YAML is tested here as
 * well.
 */
#include <errno.h>

#include "doc_unit.h"

static void reads_yaml(void **state)
{
	(void)state;
	check_good(DOC_YAML, "a: 1\nb: [x, 'y', \"z\"]\nc:\n- d: true\n  e: ~\n",
		   "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"],\"c\":[{\"d\":true,\"e\":null}]}");
	check_good(DOC_YAML, "text: |\n  two\n  lines\nfold: >-\n  two\n  lines\n",
		   "{\"text\":\"two\\nlines\\n\",\"fold\":\"two lines\"}");
	check_good(DOC_YAML, "{a: 1, \"b\": [], c: {}}", "{\"a\":1,\"b\":[],\"c\":{}}");
	check_good(DOC_YAML, "1: int\ntrue: bool\n~: null\n? |\n  block\n: x\n",
		   "{\"1\":\"int\",\"true\":\"bool\",\"~\":null,\"block\\n\":\"x\"}");
	check_good(DOC_YAML, "%YAML 1.2\n---\n\xc3\xa4: \"\\u00e4\\x41\"",
		   "{\"\xc3\xa4\":\"\xc3\xa4\x41\"}");
	check_good(DOC_YAML, "\xef\xbb\xbf" "a: b", "{\"a\":\"b\"}");
	check_good(DOC_YAML, "plain", "\"plain\"");
}

static void reads_streams(void **state)
{
	(void)state;
	check_good(DOC_YAML, "", "");
	check_good(DOC_YAML, "# only a comment\n", "");
	check_good(DOC_YAML, "---\na: 1\n---\n- 2\n...\n--- x\n", "{\"a\":1}\n[2]\n\"x\"");
	check_good(DOC_YAML, "---\n---\n", "null\nnull");
}

static void resolves_aliases(void **state)
{
	(void)state;
	check_good(DOC_YAML, "a: &x {k: [1]}\nb: *x\nc: [*x, *x]\n",
		   "{\"a\":{\"k\":[1]},\"b\":{\"k\":[1]},\"c\":[{\"k\":[1]},{\"k\":[1]}]}");
	check_good(DOC_YAML, "&k a: &k b\n*k : *k\n", "{\"a\":\"b\",\"b\":\"b\"}");
	check_good(DOC_YAML, "- &a 1\n- *a\n- &a 2\n- *a\n", "[1,1,2,2]");
	check_good(DOC_YAML, "&o [ &o x, *o ]", "[\"x\",\"x\"]");
}

static void merges_maps(void **state)
{
	(void)state;
	check_good(DOC_YAML, "base: &b {x: 1, y: 2}\nd:\n  y: 3\n  <<: *b\n  z: 4\n",
		   "{\"base\":{\"x\":1,\"y\":2},\"d\":{\"y\":3,\"z\":4,\"x\":1}}");
	check_good(DOC_YAML, "- &a {x: 1, w: 1}\n- &b {x: 2, y: 2}\n- {<<: [*a, *b], w: 0}\n",
		   "[{\"x\":1,\"w\":1},{\"x\":2,\"y\":2},{\"w\":0,\"x\":1,\"y\":2}]");
	check_good(DOC_YAML, "{<<: {a: 1}, <<: {a: 2, b: 2}}", "{\"a\":1,\"b\":2}");
	check_good(DOC_YAML, "- &a {<<: {x: 1}}\n- {<<: *a, \"<<\": q}\n",
		   "[{\"x\":1},{\"<<\":\"q\",\"x\":1}]");
	check_good(DOC_YAML, "{<<: []}", "{}");
}

static void keeps_style_and_tags(void **state)
{
	const char *text = "[5, '5', \"5\", !!str 5, ! 5, !!binary QQ==, !!int 5, !mine 5, !!int "
			   "'5']";
	static const struct {
		enum doc_style style;
		bool binary;
	} want[] = {
		{ DOC_PLAIN, false },  { DOC_QUOTED, false }, { DOC_QUOTED, false },
		{ DOC_QUOTED, false }, { DOC_QUOTED, false }, { DOC_QUOTED, true },
		{ DOC_PLAIN, false },  { DOC_PLAIN, false },  { DOC_QUOTED, false },
	};
	_cleanup_(doc_freep) struct doc *doc = NULL;
	const struct doc_node *list;

	(void)state;
	assert_int_equal(doc_parse(text, strlen(text), DOC_YAML, NULL, &doc, NULL), 0);
	list = doc_root(doc, 0);
	assert_int_equal(doc_len(list), ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_int_equal(doc_item(list, i)->style, want[i].style);
		assert_int_equal(doc_item(list, i)->binary, want[i].binary);
	}
}

static void check_place(const struct doc_node *n, unsigned line, unsigned col)
{
	assert_non_null(n);
	assert_int_equal(doc_line(n), line);
	assert_int_equal(doc_col(n), col);
}

static void knows_places(void **state)
{
	const char *text = "# top\nname: x\nlist:\n  - \xc3\xa4\xc3\xb6: [a, {b: c}]\n";
	_cleanup_(doc_freep) struct doc *doc = NULL;
	const struct doc_node *root, *map;

	(void)state;
	assert_int_equal(doc_parse(text, strlen(text), DOC_YAML, NULL, &doc, NULL), 0);
	assert_int_equal(doc_count(doc), 1);
	root = doc_root(doc, 0);
	check_place(root, 2, 1);
	check_place(doc_map_get(root, "name"), 2, 7);
	check_place(doc_key(root, 1), 3, 1);
	check_place(doc_map_get(root, "list"), 4, 3);
	map = doc_item(doc_map_get(root, "list"), 0);
	check_place(map, 4, 5);
	check_place(doc_value(map, 0), 4, 9);
	check_place(doc_item(doc_value(map, 0), 1), 4, 13);
	check_place(doc_map_get(doc_item(doc_value(map, 0), 1), "b"), 4, 17);
}

static void finds_keys(void **state)
{
	const char *text = "{a: 1, ab: 2, '': 3}";
	_cleanup_(doc_freep) struct doc *doc = NULL;
	const struct doc_node *root;

	(void)state;
	assert_int_equal(doc_parse(text, strlen(text), DOC_YAML, NULL, &doc, NULL), 0);
	root = doc_root(doc, 0);
	assert_string_equal(doc_text(doc_map_get(root, "ab")), "2");
	assert_string_equal(doc_text(doc_map_get(root, "")), "3");
	assert_null(doc_map_get(root, "b"));
	assert_null(doc_map_get(doc_map_get(root, "a"), "a"));
	assert_null(doc_text(root));
	assert_string_equal(doc_kind_name(root), "a map");
	assert_string_equal(doc_kind_name(doc_key(root, 2)), "a string");
	assert_string_equal(doc_kind_name(doc_key(root, 1)), "a scalar");
}

static void refuses_bad_yaml(void **state)
{
	static const struct bad_text rows[] = {
		{ "a: b\n c: d\n", 0, -EBADMSG, 2, 3, "mapping values are not allowed" },
		{ "a: [1, 2\nb: 3\n", 0, -EBADMSG, 2, 2, "while parsing a flow sequence" },
		{ "a: 'x\n", 0, -EBADMSG, 2, 1, "starts at 1:4" },
		{ "\xc3\xa4:\r\n\t- b\n", 0, -EBADMSG, 2, 1, "a tab stands here; indent with spaces" },
		{ "a: @b\n", 0, -EBADMSG, 1, 4, "must stand in quotes" },
		{ "a: %b", 0, -EBADMSG, 1, 4, "must stand in quotes" },
		{ "a: ]\n", 0, -EBADMSG, 1, 4, "did not find expected" },
		{ "a: \"\\q\"\n", 0, -EBADMSG, 1, 5, "unknown escape" },
		{ "x: *nope\n", 0, -EBADMSG, 1, 4, "'*nope' has no anchor" },
		{ "--- &a 1\n--- *a\n", 0, -EBADMSG, 2, 5, "'*a' has no anchor" },
		{ "x: &a [1, *a]\n", 0, -EBADMSG, 1, 11, "inside its own anchor" },
		{ "x: &a {b: {<<: *a}}\n", 0, -EBADMSG, 1, 16, "inside its own anchor" },
		{ "[a, b]: c\n", 0, -EBADMSG, 1, 1, "a key must be a scalar" },
		{ "- &a [1]\n- {*a : 2}\n", 0, -EBADMSG, 2, 4, "a key must be a scalar" },
		{ "<<: 5\n", 0, -EBADMSG, 1, 5, "a map or a list of maps" },
		{ "<<: [{}, 5]\n", 0, -EBADMSG, 1, 10, "a map or a list of maps" },
		{ "a: \"x\\0y\"\n", 0, -EBADMSG, 1, 4, "NUL" },
		{ "a: b\nc: \xff\n", 0, -EBADMSG, 2, 4, "0xff is not valid UTF-8" },
		{ "a: \xc3\xa4\xed\xa0\x80", 0, -EBADMSG, 1, 5, "0xed is not valid UTF-8" },
		{ "a: b\n\0", 6, -EBADMSG, 2, 1, "NUL" },
		{ "a: b\nc: \x01\n", 0, -EBADMSG, 2, 4, "control characters are not allowed" },
		{ "a: 1\nb: 2\na: 3\n", 0, -EEXIST, 3, 1,
		  "'a' stands twice in this map (first at 1:1)" },
		{ "a: 1\n'a': 3\n", 0, -EEXIST, 2, 1, "'a' stands twice" },
		{ "x: {\"k\\n\": 1, b: 2, b: 3, \"k\\n\": 4}", 0, -EEXIST, 1, 21,
		  "'b' stands twice" },
		{ "{\"k\\n\": 1, \"k\\n\": 4}", 0, -EEXIST, 1, 12, "'k?' stands twice" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_bad(DOC_YAML, NULL, &rows[i]);
}

/* Many keys: the sorted way must find what the eye would. */
static void finds_one_duplicate_among_many(void **state)
{
	struct buf b = BUF_INIT;
	struct bad_text bad = {
		.code = -EEXIST,
		.line = 5001,
		.col = 1,
		.msg = "'k1234' stands twice in this map (first at 1235:1)",
	};

	(void)state;
	for (int i = 0; i < 5000; i++)
		buf_printf(&b, "k%d: v\n", i);
	buf_puts(&b, "k1234: v\nk77: v\n");
	bad.text = buf_str(&b);
	check_bad(DOC_YAML, NULL, &bad);
	buf_deinit(&b);
}

static void chooses_the_format(void **state)
{
	static const struct bad_text rows[] = {
		{ "{\"a\": 1\n \"b\": 2}", 0, -EBADMSG, 2, 5, "expected ',' or '}'" },
		{ "{a: 1,\n b: [2}", 0, -EBADMSG, 2, 7, "',' or ']'" },
		{ "{\"a\": \"\\ud83d\\ude00\", b: 1}", 0, -EBADMSG, 1, 23, "a key in double" },
		{ "{\"a\": 1, \"a\": 2}", 0, -EEXIST, 1, 10, "stands twice" },
	};

	(void)state;
	check_good(DOC_AUTO, " \n{\"a\": \"\\ud83d\\ude00\"}", "{\"a\":\"\xf0\x9f\x98\x80\"}");
	check_good(DOC_AUTO, "{a: 1, b: [x,],}", "{\"a\":1,\"b\":[\"x\"]}");
	check_good(DOC_AUTO, "[1]\n---\n[2]\n", "[1]\n[2]");
	check_good(DOC_AUTO, "a: 1", "{\"a\":1}");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_bad(DOC_AUTO, NULL, &rows[i]);
	assert_int_equal(doc_format_of_path("x/y.json"), DOC_JSON);
	assert_int_equal(doc_format_of_path("x.yaml"), DOC_AUTO);
	assert_int_equal(doc_format_of_path("json"), DOC_AUTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_yaml),
		cmocka_unit_test(reads_streams),
		cmocka_unit_test(resolves_aliases),
		cmocka_unit_test(merges_maps),
		cmocka_unit_test(keeps_style_and_tags),
		cmocka_unit_test(knows_places),
		cmocka_unit_test(finds_keys),
		cmocka_unit_test(refuses_bad_yaml),
		cmocka_unit_test(finds_one_duplicate_among_many),
		cmocka_unit_test(chooses_the_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
