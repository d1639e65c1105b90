/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader: what it takes and each of its refusals, and the options as a plugin sees them.
 * argv[1]: folder of the test plugins.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "file.h"
#include "plugin.h"

static const char *plugins;
static char work[] = "/tmp/meshd-plugin-XXXXXX";

static void expect_refusal(const char *name, enum mesh_kind kind, const char *words)
{
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	struct plugin *p = NULL;
	int r = plugin_load(name, kind, &p, &why);

	if (r != 1 || strstr(buf_str(&why), words) == NULL)
		fail_msg("%s: %d, no '%s' in: %s", name, r, words, buf_str(&why));
	assert_null(p);
}

static void test_takes(void **state)
{
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	_cleanup_(plugin_freep) struct plugin *source = NULL;
	_cleanup_(plugin_freep) struct plugin *frontend = NULL;
	_cleanup_(plugin_freep) struct plugin *by_path = NULL;
	char path[4200];

	assert_int_equal(plugin_load("file", MESH_SOURCE, &source, &why), 0);
	assert_string_equal(source->desc->name, "file");
	assert_int_equal(plugin_load("etcd", MESH_FRONTEND, &frontend, &why), 0);
	assert_int_equal(frontend->desc->kind, MESH_FRONTEND);
	/* By path the name of the file is free. */
	snprintf(path, sizeof(path), "%s/misnamed.so", plugins);
	assert_int_equal(plugin_load(path, MESH_SOURCE, &by_path, &why), 0);
	assert_int_equal(why.len, 0);
}

static void test_refusals(void **state)
{
	expect_refusal("nosuch", MESH_SOURCE, "plugins there: badschema, etcd, file");
	expect_refusal("../file", MESH_SOURCE, "not the name of a plugin");
	expect_refusal("", MESH_SOURCE, "not the name of a plugin");
	expect_refusal("/nonexistent.so", MESH_SOURCE, "No such file");
	expect_refusal("etcd", MESH_SOURCE, "is a frontend plugin, not a source plugin");
	expect_refusal("misnamed", MESH_SOURCE, "calls itself 'file'");
	expect_refusal("oldabi", MESH_SOURCE, "ABI 8, this meshd has 1");
	expect_refusal("small", MESH_SOURCE, "descriptor of 12 bytes");
	expect_refusal("unfinished", MESH_SOURCE, "lacks open, start");
	expect_refusal("badschema", MESH_SOURCE, "the name stands twice");
	expect_refusal("symbolless", MESH_SOURCE, "no symbol mesh_plugin");
}

/* A copy of a good plugin in a folder of ours, to be spoilt. */
static void copy_plugin(char *path, size_t size)
{
	_cleanup_free_ uint8_t *data = NULL;
	char from[4200];
	size_t len;

	snprintf(from, sizeof(from), "%s/file.so", plugins);
	snprintf(path, size, "%s/copy.so", work);
	assert_int_equal(file_read(from, 64 << 20, &data, &len), 0);
	assert_int_equal(file_write_atomic(path, data, len, 0755), 0);
}

static void test_owner_and_mode(void **state)
{
	char path[100];

	copy_plugin(path, sizeof(path));
	chmod(path, 0775);
	expect_refusal(path, MESH_SOURCE, "can be written by others (mode 0775)");
	chmod(path, 0757);
	expect_refusal(path, MESH_SOURCE, "chmod go-w");
	chmod(path, 0755);
	chmod(work, 0777);
	expect_refusal(path, MESH_SOURCE, "plugin folder");
	chmod(work, 0700);
	expect_refusal(work, MESH_SOURCE, "not a regular file");
	if (getuid() == 0) {
		assert_int_equal(chown(path, 1234, 0), 0);
		expect_refusal(path, MESH_SOURCE, "belongs to uid 1234");
	}
	unlink(path);
}

static void test_not_a_library(void **state)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/text.so", work);
	assert_int_equal(file_write_atomic(path, "hello", 5, 0755), 0);
	expect_refusal(path, MESH_SOURCE, "cannot be loaded");
	unlink(path);
}

static void test_several_folders(void **state)
{
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	_cleanup_(plugin_freep) struct plugin *p = NULL;
	char folders[8400];

	snprintf(folders, sizeof(folders), "relative:%s::%s", work, plugins);
	setenv("MESHD_PLUGIN_DIR", folders, 1);
	assert_int_equal(plugin_load("file", MESH_SOURCE, &p, &why), 0);
	setenv("MESHD_PLUGIN_DIR", work, 1);
	expect_refusal("file", MESH_SOURCE, "plugins there: none");
	setenv("MESHD_PLUGIN_DIR", plugins, 1);
}

static void add(struct conf *c, const char *path, const char *text, int64_t num)
{
	const struct conf_entry e = {
		.path = (char *)path, .type = CONF_STRING, .text = (char *)text, .num = num,
		.file = (char *)"f.yaml", .line = 4, .column = 2,
	};

	assert_int_equal(conf_add(c, &e), 0);
}

static void test_options(void **state)
{
	static const struct mesh_opt rows[] = {
		{ .name = "paths", .type = MESH_OPT_PATH, .list = true },
		{ .name = "rate", .type = MESH_OPT_INT },
		{ .name = "users[].name", .type = MESH_OPT_STRING },
		{ .name = NULL },
	};
	const struct mesh_host_ops *ops = plugin_conf_ops();
	_cleanup_(conf_freep) struct conf *c = conf_new();
	_cleanup_(diag_freep) struct diag *d = diag_new();
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	const struct mesh_conf conf = { .conf = c, .prefix = "p.", .rows = rows };
	struct mesh_diag diag = { .diag = d };

	add(c, "p.paths[0]", "/a", 0);
	add(c, "p.paths[1]", "/b", 0);
	add(c, "p.users[0].name", "eve", 0);
	add(c, "p.rate", "7", 7);
	assert_int_equal(ops->conf_count(&conf, "paths"), 2);
	assert_int_equal(ops->conf_count(&conf, "users[].name"), 1);
	assert_int_equal(ops->conf_count(&conf, "rate"), 1);
	assert_int_equal(ops->conf_count(&conf, "none"), 0);
	assert_string_equal(ops->conf_str(&conf, "paths", 1), "/b");
	assert_null(ops->conf_str(&conf, "paths", 2));
	assert_string_equal(ops->conf_str(&conf, "users[].name", 0), "eve");
	assert_int_equal(ops->conf_num(&conf, "rate", 0), 7);
	assert_int_equal(ops->conf_num(&conf, "rate", 1), 0);
	ops->conf_error(&diag, &conf, "users[].name", 0, "is %s", "bad");
	ops->conf_error(&diag, &conf, "users[].quota", 0, "is missing");
	ops->conf_error(&diag, &conf, "none", 0, "x");
	assert_int_equal(diag_format(d, &text), 0);
	assert_string_equal(buf_str(&text), "p.users[0].quota: is missing\np.none: x\n"
					    "f.yaml:4:2: p.users[0].name: is bad\n");
}

static int leave(void **state)
{
	return rmdir(work);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes),	       cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_owner_and_mode), cmocka_unit_test(test_not_a_library),
		cmocka_unit_test(test_several_folders), cmocka_unit_test(test_options),
	};

	if (argc != 2 || mkdtemp(work) == NULL)
		return 2;
	plugins = argv[1];
	setenv("MESHD_PLUGIN_DIR", plugins, 1);
	return cmocka_run_group_tests(tests, NULL, leave);
}
