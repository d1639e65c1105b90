/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command table: every row is usable, the longest name wins, wrong ones get a remedy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"
#include "commands.h"

static char why[256];

static const char *find(int *ret, int argc, const char *a, const char *b, const char *c, const char *d)
{
	char *argv[] = { (char *)a, (char *)b, (char *)c, (char *)d };
	const struct ctl_command *command = NULL;

	why[0] = '\0';
	*ret = ctl_command_find(argc, argv, &command, why, sizeof(why));
	return command != NULL ? command->name : NULL;
}

static void test_rows(void **state)
{
	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++) {
		const char *space = strchr(c->name, ' ');

		assert_int_not_equal(c->targets, 0);
		assert_true(c->max_args == -1 || c->max_args >= c->min_args);
		assert_int_equal(c->doc[strlen(c->doc) - 1], '.');
		assert_true(space == NULL || strchr(space + 1, ' ') == NULL);
		for (const struct ctl_command *d = ctl_commands; d != c; d++)
			assert_string_not_equal(d->name, c->name);
	}
}

static void test_found(void **state)
{
	int r;

	assert_string_equal(find(&r, 1, "status", NULL, NULL, NULL), "status");
	assert_int_equal(r, 0);
	assert_string_equal(find(&r, 1, "log", NULL, NULL, NULL), "log");
	assert_string_equal(find(&r, 4, "log", "set", "all", "debug"), "log set");
	assert_string_equal(find(&r, 2, "objects", "/apisix/routes", NULL, NULL), "objects");
}

static void test_wrong(void **state)
{
	int r;

	assert_null(find(&r, 1, "statsu", NULL, NULL, NULL));
	assert_int_equal(r, 2);
	assert_string_equal(why, "unknown command 'statsu'; did you mean 'status'?");
	find(&r, 1, "frobnicate", NULL, NULL, NULL);
	assert_string_equal(why, "unknown command 'frobnicate'; 'meshctl help' lists them");
	find(&r, 2, "status", "now", NULL, NULL);
	assert_int_equal(r, 2);
	assert_string_equal(why, "usage: meshctl status");
	find(&r, 3, "log", "set", "all", NULL);
	assert_string_equal(why, "usage: meshctl log set MODULE|all LEVEL");
	find(&r, 0, NULL, NULL, NULL, NULL);
	assert_int_equal(r, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
