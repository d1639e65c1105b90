/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files: caps, what is no regular file, replacement in one step, folders.
 */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

static char dir[] = "/tmp/test-file.XXXXXX";

static const char *at(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void put(const char *name, size_t size)
{
	FILE *f = fopen(at(name), "w");

	for (size_t i = 0; i < size; i++)
		fputc('a' + (int)(i % 26), f);
	fclose(f);
}

static void check_size(size_t size, size_t max, int expected)
{
	uint8_t *data = NULL;
	size_t got = 0;

	put("sized", size);
	assert_int_equal(file_read(at("sized"), max, &data, &got), expected);
	if (expected == 0) {
		assert_int_equal(got, size);
		assert_int_equal(data[got], 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(data[i], 'a' + (int)(i % 26));
		free(data);
	}
}

static void test_read(void **state)
{
	static const size_t sizes[] = { 0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 100000 };

	for (size_t i = 0; i < 9; i++) {
		check_size(sizes[i], 1 << 20, 0);
		check_size(sizes[i], sizes[i], 0);
	}
	check_size(4097, 4096, -EFBIG);
	check_size(1, 0, -EFBIG);
}

/* No size is known before: the cap holds all the same. */
static void test_read_without_size(void **state)
{
	uint8_t *data = NULL;
	size_t size = 0;

	assert_int_equal(file_read("/proc/self/status", 1 << 20, &data, &size), 0);
	assert_true(size > 100);
	free(data);
	assert_int_equal(file_read("/proc/self/status", 10, &data, &size), -EFBIG);
}

static void test_not_regular(void **state)
{
	uint8_t *data;
	size_t size;

	assert_int_equal(file_read(dir, 100, &data, &size), -EISDIR);
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	assert_int_equal(file_read(at("fifo"), 100, &data, &size), -EMEDIUMTYPE);
	assert_int_equal(file_read("/dev/null", 100, &data, &size), -EMEDIUMTYPE);
	assert_int_equal(file_read(at("missing"), 100, &data, &size), -ENOENT);
	assert_non_null(strstr(file_strerror(-EMEDIUMTYPE), "FIFO"));
	assert_non_null(strstr(file_strerror(-EISDIR), "directory"));
	unlink(at("fifo"));
}

static unsigned entries(void)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void expect_content(const char *name, const char *text, mode_t mode)
{
	uint8_t *data = NULL;
	size_t size = 0;
	struct stat st;

	assert_int_equal(file_read(at(name), 100, &data, &size), 0);
	assert_string_equal((char *)data, text);
	free(data);
	assert_int_equal(stat(at(name), &st), 0);
	assert_int_equal(st.st_mode & 0777, mode);
}

static void test_write_atomic(void **state)
{
	char path[128];
	unsigned before;

	snprintf(path, sizeof path, "%s", at("whole"));
	assert_int_equal(file_write_atomic(path, "one", 3, 0600), 0);
	expect_content("whole", "one", 0600);
	before = entries();
	assert_int_equal(file_write_atomic(path, "two", 3, 0640), 0);
	expect_content("whole", "two", 0640);
	assert_int_equal(entries(), before);
}

/* The target is a folder: the rename fails, and nothing is left. */
static void test_write_fails_clean(void **state)
{
	char path[128];
	unsigned before;

	snprintf(path, sizeof path, "%s", at("folder"));
	assert_int_equal(mkdir(path, 0700), 0);
	before = entries();
	assert_int_equal(file_write_atomic(path, "x", 1, 0600), -EISDIR);
	assert_int_equal(entries(), before);
	assert_int_equal(file_write_atomic("/nowhere/at/all", "x", 1, 0600), -ENOENT);
	rmdir(path);
}

static void test_make_dir(void **state)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof path, "%s", at("a/b/c"));
	assert_int_equal(file_make_dir(path, 0700, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(file_make_dir(path, 0755, (uid_t)-1, (gid_t)-1), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	put("plain", 1);
	snprintf(path, sizeof path, "%s", at("plain"));
	assert_int_equal(file_make_dir(path, 0700, (uid_t)-1, (gid_t)-1), -ENOTDIR);
}

static int remove_all(void **state)
{
	static const char *const names[] = { "a/b/c", "a/b", "a", "plain", "whole", "sized" };

	for (unsigned i = 0; i < 6; i++)
		remove(at(names[i]));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),         cmocka_unit_test(test_read_without_size),
		cmocka_unit_test(test_not_regular),  cmocka_unit_test(test_write_atomic),
		cmocka_unit_test(test_write_fails_clean), cmocka_unit_test(test_make_dir),
	};

	if (mkdtemp(dir) == NULL)
		return 1;
	return cmocka_run_group_tests_name("base/file", tests, NULL, remove_all);
}
