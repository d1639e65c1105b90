/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf: order, look-up, counting, slices, and the pipe message, hostile ones included.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"
#include "conf.h"

static void add(struct conf *c, const char *path, const char *text, int64_t num)
{
	const struct conf_entry e = {
		.path = (char *)path, .type = CONF_STRING, .text = (char *)text, .num = num, .line = 3,
	};

	assert_int_equal(conf_add(c, &e), 0);
}

static struct conf *sample(void)
{
	struct conf *c = conf_new();

	assert_non_null(c);
	add(c, "user", "meshd", 0);
	add(c, "source.options.paths[0]", "/a", 0);
	add(c, "source.options.paths[1]", "/b", 0);
	add(c, "source.options.pathsize", "7", 7);
	add(c, "frontend.options.users[10].name", "eve", 0);
	add(c, "state_dir", "/var", 0);
	add(c, "proxy.manage", "true", 1);
	return c;
}

static void test_sorted_and_found(void **state)
{
	_cleanup_(conf_freep) struct conf *c = sample();

	assert_int_equal(conf_size(c), 7);
	for (size_t i = 1; i < conf_size(c); i++)
		assert_true(strcmp(conf_at(c, i - 1)->path, conf_at(c, i)->path) < 0);
	assert_null(conf_at(c, 7));
	assert_string_equal(conf_find(c, "state_dir")->text, "/var");
	assert_int_equal(conf_find(c, "state_dir")->line, 3);
	assert_null(conf_find(c, "state"));
	assert_null(conf_find(c, "zzz"));
}

static void test_twice_refused(void **state)
{
	_cleanup_(conf_freep) struct conf *c = sample();
	const struct conf_entry e = { .path = (char *)"user", .type = CONF_STRING, .text = (char *)"x" };

	assert_int_equal(conf_add(c, &e), -EEXIST);
	assert_string_equal(conf_str(c, "user", ""), "meshd");
}

static void test_getters(void **state)
{
	_cleanup_(conf_freep) struct conf *c = sample();

	assert_string_equal(conf_str(c, "none", "def"), "def");
	assert_string_equal(conf_strf(c, "", "source.options.paths[%d]", 1), "/b");
	assert_string_equal(conf_strf(c, "def", "%01100d", 1), "def");
	assert_int_equal(conf_num(c, "source.options.pathsize", 1), 7);
	assert_int_equal(conf_num(c, "none", 5), 5);
	assert_true(conf_bool(c, "proxy.manage", false));
	assert_true(conf_bool(c, "none", true));
}

static void test_count(void **state)
{
	_cleanup_(conf_freep) struct conf *c = sample();

	assert_int_equal(conf_count(c, "source.options.paths"), 2);
	assert_int_equal(conf_count(c, "source.options.path"), 0);
	assert_int_equal(conf_count(c, "frontend.options.users"), 11);
	assert_int_equal(conf_count(c, "user"), 0);
}

static void test_slice(void **state)
{
	static const char *const prefixes[] = { "source.", "state_dir", NULL };
	_cleanup_(conf_freep) struct conf *c = sample();
	_cleanup_(conf_freep) struct conf *slice = NULL;

	assert_int_equal(conf_slice(c, prefixes, &slice), 0);
	assert_int_equal(conf_size(slice), 4);
	assert_null(conf_find(slice, "user"));
	assert_non_null(conf_find(slice, "state_dir"));
}

static void test_equal(void **state)
{
	_cleanup_(conf_freep) struct conf *a = sample();
	_cleanup_(conf_freep) struct conf *b = sample();
	_cleanup_(conf_freep) struct conf *other = conf_new();

	assert_true(conf_equal(a, b));
	add(b, "x", "1", 1);
	assert_false(conf_equal(a, b));
	add(a, "x", "1", 2);
	assert_false(conf_equal(a, b));
	assert_false(conf_equal(a, other));
}

/* Level and format are taken by every process; all else under "log." and around it is a difference. */
static void test_equal_but_log(void **state)
{
	_cleanup_(conf_freep) struct conf *a = sample();
	_cleanup_(conf_freep) struct conf *b = sample();
	_cleanup_(conf_freep) struct conf *none = conf_new();
	_cleanup_(conf_freep) struct conf *only = conf_new();

	assert_true(conf_equal_but_log(a, b));
	add(a, "log.level", "debug", 1);
	assert_true(conf_equal_but_log(a, b));
	assert_true(conf_equal_but_log(b, a));
	add(b, "log.level", "info", 2);
	add(b, "log.format", "json", 3);
	assert_true(conf_equal_but_log(a, b));
	assert_false(conf_equal(a, b));
	assert_false(conf_equal_but_log(a, none));
	assert_false(conf_equal_but_log(none, a));
	add(only, "log.level", "debug", 1);
	assert_true(conf_equal_but_log(only, none));
	assert_true(conf_equal_but_log(none, only));
	add(a, "log.levels", "x", 4);
	assert_false(conf_equal_but_log(a, b));
	assert_false(conf_equal_but_log(b, a));
	add(b, "log.levels", "y", 4);
	assert_false(conf_equal_but_log(a, b));
}

static void test_message_round_trip(void **state)
{
	_cleanup_(conf_freep) struct conf *c = sample();
	_cleanup_(conf_freep) struct conf *back = NULL;
	Mesh__Conf *msg = NULL, *unpacked;
	uint8_t *bytes;
	size_t size;

	assert_int_equal(conf_to_msg(c, &msg), 0);
	size = mesh__conf__get_packed_size(msg);
	bytes = malloc(size);
	assert_int_equal(mesh__conf__pack(msg, bytes), size);
	unpacked = mesh__conf__unpack(NULL, size, bytes);
	assert_non_null(unpacked);
	assert_int_equal(conf_from_msg(unpacked, &back), 0);
	assert_true(conf_equal(c, back));
	assert_int_equal(conf_find(back, "user")->line, 3);
	mesh__conf__free_unpacked(unpacked, NULL);
	conf_msg_free(msg);
	free(bytes);
}

static int from_one(const char *path, unsigned type, const char *text)
{
	Mesh__ConfEntry e = MESH__CONF_ENTRY__INIT, *list[] = { &e, &e };
	Mesh__Conf msg = MESH__CONF__INIT;
	struct conf *c = NULL;
	int r;

	e.path = (char *)path;
	e.type = type;
	e.text = (char *)text;
	msg.entries = list;
	msg.n_entries = 1;
	r = conf_from_msg(&msg, &c);
	conf_free(c);
	return r;
}

static void test_hostile_messages(void **state)
{
	Mesh__ConfEntry e = MESH__CONF_ENTRY__INIT, *list[] = { &e, &e };
	Mesh__Conf msg = MESH__CONF__INIT;
	struct conf *c = NULL;
	char *big = malloc((1 << 20) + 2);

	assert_int_equal(from_one("a", CONF_STRING, "x"), 0);
	assert_int_equal(from_one("", CONF_STRING, "x"), -EBADMSG);
	assert_int_equal(from_one("a b", CONF_STRING, "x"), -EBADMSG);
	assert_int_equal(from_one("a\n", CONF_STRING, "x"), -EBADMSG);
	assert_int_equal(from_one("a", 0, "x"), -EBADMSG);
	assert_int_equal(from_one("a", CONF_OFF + 1, "x"), -EBADMSG);
	assert_int_equal(from_one("a", CONF_STRING, "\xff"), -EBADMSG);
	memset(big, 'x', (1 << 20) + 1);
	big[(1 << 20) + 1] = '\0';
	assert_int_equal(from_one("a", CONF_STRING, big), -EBADMSG);
	assert_int_equal(from_one(big, CONF_STRING, ""), -EBADMSG);
	free(big);

	e.path = (char *)"twice";
	e.type = CONF_STRING;
	msg.entries = list;
	msg.n_entries = 2;
	assert_int_equal(conf_from_msg(&msg, &c), -EBADMSG);
	assert_null(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorted_and_found), cmocka_unit_test(test_twice_refused),
		cmocka_unit_test(test_getters),		 cmocka_unit_test(test_count),
		cmocka_unit_test(test_slice),		 cmocka_unit_test(test_equal),
		cmocka_unit_test(test_equal_but_log),
		cmocka_unit_test(test_message_round_trip), cmocka_unit_test(test_hostile_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
