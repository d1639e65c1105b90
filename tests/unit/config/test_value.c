/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values by type, in a table; the helpers around them: nearest word, diag, variables, schema.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "diag.h"
#include "nearest.h"
#include "schema.h"
#include "subst.h"
#include "value.h"

struct row {
	enum mesh_opt_type type;
	const char *text;
	const char *canonical;	/* NULL: wrong */
	int64_t num;
};

static const struct row rows[] = {
	{ MESH_OPT_STRING, "x", "x", 0 },
	{ MESH_OPT_STRING, "", "", 0 },
	{ MESH_OPT_INT, "12", "12", 12 },
	{ MESH_OPT_INT, "-12", "-12", -12 },
	{ MESH_OPT_INT, "9223372036854775808", NULL, 0 },
	{ MESH_OPT_INT, "", NULL, 0 },
	{ MESH_OPT_INT, "-", NULL, 0 },
	{ MESH_OPT_INT, "1 ", NULL, 0 },
	{ MESH_OPT_BOOL, "true", "true", 1 },
	{ MESH_OPT_BOOL, "False", "false", 0 },
	{ MESH_OPT_BOOL, "on", NULL, 0 },
	{ MESH_OPT_DURATION, "20ms", "20ms", 20 },
	{ MESH_OPT_DURATION, "1500ms", "1500ms", 1500 },
	{ MESH_OPT_DURATION, "120s", "2m", 120000 },
	{ MESH_OPT_DURATION, "2h", "2h", 7200000 },
	{ MESH_OPT_DURATION, "0", "0ms", 0 },
	{ MESH_OPT_DURATION, "20", NULL, 0 },
	{ MESH_OPT_DURATION, "1d", NULL, 0 },
	{ MESH_OPT_DURATION, "-1s", NULL, 0 },
	{ MESH_OPT_DURATION, "922337203685477580h", NULL, 0 },
	{ MESH_OPT_DURATION, "off", NULL, 0 },
	{ MESH_OPT_SIZE, "64MB", "64MB", 64 << 20 },
	{ MESH_OPT_SIZE, "100", "100", 100 },
	{ MESH_OPT_SIZE, "2048", "2KB", 2048 },
	{ MESH_OPT_SIZE, "64mb", NULL, 0 },
	{ MESH_OPT_SIZE, "922337203685477580GB", NULL, 0 },
	{ MESH_OPT_PATH, "/a b", "/a b", 0 },
	{ MESH_OPT_PATH, "a", NULL, 0 },
	{ MESH_OPT_PATH, "", NULL, 0 },
	{ MESH_OPT_LISTEN, "0.0.0.0:80", "0.0.0.0:80", 0 },
	{ MESH_OPT_LISTEN, "[fe80:0::1]:80", "[fe80::1]:80", 0 },
	{ MESH_OPT_LISTEN, ":80", NULL, 0 },
	{ MESH_OPT_LISTEN, "[]:80", NULL, 0 },
	{ MESH_OPT_LISTEN, "[127.0.0.1]:80", NULL, 0 },
	{ MESH_OPT_LISTEN, "1.2.3.4:80x", NULL, 0 },
	{ MESH_OPT_LISTEN, "", NULL, 0 },
};

static void test_values(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct mesh_opt row = { .name = "x", .type = rows[i].type };
		_cleanup_(buf_deinit) struct buf why = BUF_INIT;
		struct value v = VALUE_INIT;
		int r = value_parse(&row, rows[i].text, true, &v, &why);

		if (r != (rows[i].canonical == NULL))
			fail_msg("'%s': %d", rows[i].text, r);
		if (r == 0) {
			assert_string_equal(buf_str(&v.text), rows[i].canonical);
			assert_int_equal(v.num, rows[i].num);
			assert_int_equal(why.len, 0);
		} else {
			/* what is wrong; what would be right */
			assert_non_null(strstr(buf_str(&why), "; write "));
		}
		value_deinit(&v);
	}
}

static void expect_why(const struct mesh_opt *row, const char *text, const char *want)
{
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	struct value v = VALUE_INIT;

	assert_int_equal(value_parse(row, text, true, &v, &why), 1);
	assert_string_equal(buf_str(&why), want);
}

static void test_limits(void **state)
{
	const struct mesh_opt port = { .name = "p", .type = MESH_OPT_INT, .min = 1, .max = 65535 };
	const struct mesh_opt wait = { .name = "w", .type = MESH_OPT_DURATION, .min = 1000, .max = 60000,
				       .choices = "off" };
	const struct mesh_opt name = { .name = "n", .type = MESH_OPT_STRING, .min = 2, .max = 3 };
	const struct mesh_opt word = { .name = "e", .type = MESH_OPT_ENUM, .choices = "keep|release|drop" };
	struct value v = VALUE_INIT;
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;

	expect_why(&port, "0", "'0' is out of range; write a value from 1 to 65535");
	expect_why(&wait, "1ms", "'1ms' is out of range; write a value from 1s to 1m, or off");
	expect_why(&name, "abcd", "'abcd' has 4 bytes; write at most 3");
	expect_why(&name, "a", "is too short; write at least 2 bytes, or remove the key");
	expect_why(&word, "releas", "'releas' is not one of the known words; write keep, release or drop "
				     "(did you mean release?)");
	expect_why(&word, "keep|release", "'keep|release' is not one of the known words; write keep, release or drop");
	assert_int_equal(value_parse(&wait, "off", true, &v, &why), 0);
	assert_int_equal(v.type, CONF_OFF);
	assert_int_equal(v.num, 0);
	value_deinit(&v);
}

static void test_own_schema(void **state)
{
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;

	if (schema_check(schema_rows, &why) != 0)
		fail_msg("%s", buf_str(&why));
	for (const struct mesh_opt *row = schema_rows; row->name != NULL; row++) {
		assert_non_null(row->doc);
		assert_int_equal(row->doc[strlen(row->doc) - 1], '.');
	}
}

static void test_bad_schemas(void **state)
{
	static const struct mesh_opt bad[] = {
		{ .name = "", .type = MESH_OPT_INT },
		{ .name = "a..b", .type = MESH_OPT_INT },
		{ .name = "a.", .type = MESH_OPT_INT },
		{ .name = "[].b", .type = MESH_OPT_INT },
		{ .name = "a[].b[].c", .type = MESH_OPT_INT },
		{ .name = "a", .type = 77 },
		{ .name = "a", .type = MESH_OPT_INT, .min = 5, .max = 2 },
		{ .name = "a", .type = MESH_OPT_ENUM },
		{ .name = "a", .type = MESH_OPT_INT, .def = "x" },
		{ .name = "a", .type = MESH_OPT_INT, .min = 1, .max = 2, .def = "3" },
		{ .name = "a[].b", .type = MESH_OPT_INT, .list = true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct mesh_opt table[] = { bad[i], { .name = NULL } };
		_cleanup_(buf_deinit) struct buf why = BUF_INIT;

		if (schema_check(table, &why) != 1)
			fail_msg("row %zu passed", i);
		assert_true(why.len > 0);
	}
}

static const char *nearest_of(struct nearest *n, const char *word, const char *a, const char *b)
{
	nearest_init(n, word);
	nearest_offer(n, a, strlen(a));
	nearest_offer(n, b, strlen(b));
	return nearest_get(n);
}

static void test_nearest(void **state)
{
	char longer[200];
	struct nearest n;

	assert_string_equal(nearest_of(&n, "sorce", "node", "source"), "source");
	assert_string_equal(nearest_of(&n, "listne", "listen", "last"), "listen");
	assert_string_equal(nearest_of(&n, "ip", "id", "cluster"), "id");
	assert_null(nearest_of(&n, "colour", "level", "format"));
	assert_null(nearest_of(&n, "", "id", "level"));
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_null(nearest_of(&n, longer, "id", longer));
	nearest_init(&n, "x");
	assert_null(nearest_get(&n));
}

static void test_diag_order_and_bounds(void **state)
{
	_cleanup_(diag_freep) struct diag *d = diag_new();
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	struct diag_at at = { .file = "f", .line = 9, .column = 1, .path = "b" };

	diag_add(d, &at, "second\nline \x1b[31m");
	at = (struct diag_at){ .file = "f", .line = 2, .column = 5, .path = "a[1].c" };
	diag_add(d, &at, "first");
	assert_true(diag_has(d, "a") && diag_has(d, "a[1]") && diag_has(d, "a[1].c"));
	assert_false(diag_has(d, "a[1].cc") || diag_has(d, "bb"));
	assert_int_equal(diag_format(d, &out), 0);
	assert_string_equal(buf_str(&out), "f:2:5: a[1].c: first\nf:9:1: b: second?line ?[31m\n");
	for (int i = 0; i < 120; i++)
		diag_add(d, &at, "more");
	assert_int_equal(diag_count(d), 122);
	buf_reset(&out);
	assert_int_equal(diag_format(d, &out), 0);
	assert_non_null(strstr(buf_str(&out), "… and 22 more mistakes\n"));
}

static void test_quote(void **state)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	char text[200];

	memset(text, 'x', 63);
	strcpy(text + 63, "\xc3\xa9 and more");
	diag_quote(&out, text);
	assert_int_equal(out.len, 63 + 2 + 3);	/* the letter of two bytes is left out whole; … has three */
	buf_reset(&out);
	diag_quote(&out, "a\tb");
	assert_string_equal(buf_str(&out), "'a?b'");
}

static const char *test_env(const char *name)
{
	if (strcmp(name, "BAD") == 0)
		return "\xff";
	return strcmp(name, "A") == 0 ? "val" : NULL;
}

static void test_variables(void **state)
{
	static const char *const texts[][2] = {
		{ "x", "x" },
		{ "${HOSTNAME}/${IP}", "vm1/10.0.0.9" },
		{ "a${env:A}b", "avalb" },
		{ "$${IP} $ $$ {", "${IP} $ $$ {" },
		{ "${env:B}", NULL },
		{ "${env:BAD}", NULL },
		{ "${env:}", NULL },
		{ "${}", NULL },
		{ "${IP", NULL },
	};
	const struct subst_env env = { .hostname = "vm1", .ip = "10.0.0.9", .env = test_env };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(buf_deinit) struct buf out = BUF_INIT;
		_cleanup_(buf_deinit) struct buf why = BUF_INIT;
		int r = subst_text(&env, texts[i][0], &out, &why);

		assert_int_equal(r, texts[i][1] == NULL);
		if (r == 0)
			assert_string_equal(buf_str(&out), texts[i][1]);
		else
			assert_true(why.len > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),	    cmocka_unit_test(test_limits),
		cmocka_unit_test(test_own_schema),  cmocka_unit_test(test_bad_schemas),
		cmocka_unit_test(test_nearest),	    cmocka_unit_test(test_diag_order_and_bounds),
		cmocka_unit_test(test_quote),	    cmocka_unit_test(test_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
