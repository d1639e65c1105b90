/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From arguments to files: order, spelling, what is left out, where to watch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "paths.h"

static char start[512];

static void make(const char *name)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fclose(f);
}

/* A folder of its own, in which the test stands: paths may be relative. */
static int setup(void **state)
{
	char dir[] = "/tmp/meshd-paths.XXXXXX";

	assert_non_null(getcwd(start, sizeof start));
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	mkdir("d", 0700);
	mkdir("d/e", 0700);
	mkdir("d/.git", 0700);
	make("d/b.yaml");
	make("d/a.yml");
	make("d/c.txt");
	make("d/.h.yaml");
	make("d/.git/x.yaml");
	make("d/e/z.json");
	make("alone");
	*state = strdup(dir);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	assert_int_equal(chdir(start), 0);
	snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
	assert_int_equal(system(command), 0);
	free(*state);
	return 0;
}

static void assert_files(const char *const *args, size_t n_args, const char *const *files, size_t n)
{
	struct path_list list;

	assert_int_equal(paths_scan(args, n_args, &list), 0);
	assert_int_equal(list.n_files, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(list.files[i], files[i]);
	paths_deinit(&list);
}

static void test_order_and_spelling(void **state)
{
	static const char *const files[] = { "alone", "d/a.yml", "d/b.yaml", "d/e/z.json" };
	static const char *const one[] = { "d", "alone" };
	static const char *const other[] = { "./alone", "d//e/", "d/./", ".//d/b.yaml" };
	static const char *const here[] = { "." };
	static const char *const below[] = { "./d/a.yml", "./d/b.yaml", "./d/e/z.json" };

	assert_files(one, 2, files, 4);
	assert_files(other, 4, files, 4);
	assert_files(here, 1, below, 3);
}

static void test_problems(void **state)
{
	static const char *const args[] = { "nothing", "d", "no/such/way.yaml" };
	struct path_list list;

	assert_int_equal(symlink("..", "d/up"), 0);
	assert_int_equal(symlink("me", "d/me"), 0);
	assert_int_equal(paths_scan(args, 3, &list), 0);
	assert_int_equal(list.n_files, 3);
	assert_int_equal(list.n_problems, 3); /* d/up holds d again */
	assert_string_equal(list.problems[0].path, "d/up/d");
	assert_int_equal(list.problems[0].trouble, PATH_LEFT_OUT);
	assert_string_equal(list.problems[1].path, "no/such/way.yaml");
	assert_string_equal(list.problems[2].path, "nothing");
	assert_int_equal(list.problems[2].trouble, PATH_MISSING);
	paths_deinit(&list);
}

static bool is_watched(const struct path_list *list, const char *dir, const char *name)
{
	for (size_t i = 0; i < list->n_watches; i++) {
		const struct path_watch *w = &list->watches[i];

		if (strcmp(w->dir, dir) == 0 && (w->name == NULL) == (name == NULL) &&
		    (name == NULL || strcmp(w->name, name) == 0))
			return true;
	}
	return false;
}

static void test_watches(void **state)
{
	static const char *const args[] = { "d", "alone", "d/e/later/x.yaml", "/no-such-root/x" };
	struct path_list list;
	char dir[128];

	mkdir("real", 0700);
	make("real/r.yaml");
	assert_int_equal(symlink("../real/r.yaml", "d/link.yaml"), 0);
	assert_int_equal(paths_scan(args, 4, &list), 0);
	assert_true(is_watched(&list, "d", NULL));
	assert_true(is_watched(&list, "d/e", NULL));
	assert_true(is_watched(&list, ".", "alone"));
	assert_true(is_watched(&list, "d/e", "later"));
	assert_true(is_watched(&list, "/", "no-such-root"));
	assert_false(is_watched(&list, "d/.git", NULL));
	snprintf(dir, sizeof dir, "%s/real", (char *)*state);
	assert_true(is_watched(&list, dir, "r.yaml"));
	paths_deinit(&list);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_order_and_spelling),
		CASE(test_problems),
		CASE(test_watches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
