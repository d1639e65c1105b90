/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole check, by files: each tests/golden/bad/NAME.yaml gives exactly the lines of NAME.err (with the
 * folder of the test plugins written as PLUGINDIR); then what cannot be a file of the tree, and good ones.
 * argv: folder of the golden files, folder of the test plugins.  With MESHD_GOLDEN_WRITE set the .err files are
 * written instead, to be read before they are committed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "check.h"
#include "file.h"

static const char *golden, *plugins;
static char work[] = "/tmp/meshd-check-XXXXXX";

static int check(int fd, const char *name, struct conf **ret_conf, struct buf *out)
{
	struct conf *conf = NULL;
	int r = check_config(fd, name, &conf, out);

	if (r == 0)
		assert_int_equal(out->len, 0);
	else
		assert_null(conf);
	if (ret_conf != NULL)
		*ret_conf = conf;
	else
		conf_free(conf);
	return r;
}

/* The text with each mention of the plugins' folder replaced. */
static char *without_folder(struct buf *text)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	const char *p = buf_str(text), *at;

	while ((at = strstr(p, plugins)) != NULL) {
		buf_append(&out, p, (size_t)(at - p));
		buf_puts(&out, "PLUGINDIR");
		p = at + strlen(plugins);
	}
	buf_puts(&out, p);
	return (char *)buf_steal(&out, NULL);
}

static void check_golden(const char *name)
{
	_cleanup_(buf_deinit) struct buf diag = BUF_INIT;
	_cleanup_free_ uint8_t *want = NULL;
	_cleanup_free_ char *got = NULL;
	char err[300];
	size_t size;

	snprintf(err, sizeof(err), "%.*s.err", (int)strlen(name) - 5, name);
	assert_int_equal(check(-1, name, NULL, &diag), 1);
	got = without_folder(&diag);
	if (getenv("MESHD_GOLDEN_WRITE") != NULL)
		assert_int_equal(file_write_atomic(err, got, strlen(got), 0644), 0);
	if (file_read(err, 1 << 20, &want, &size) < 0)
		fail_msg("%s is missing", err);
	if (strcmp(got, (const char *)want) != 0)
		fail_msg("%s:\n%s--- instead of\n%s", name, got, (const char *)want);
}

static void test_golden(void **state)
{
	struct dirent **list = NULL;
	int n, checked = 0;

	assert_int_equal(chdir(golden), 0);
	n = scandir(".", &list, NULL, alphasort);
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		size_t len = strlen(list[i]->d_name);

		if (len > 5 && strcmp(list[i]->d_name + len - 5, ".yaml") == 0) {
			check_golden(list[i]->d_name);
			checked++;
		}
		free(list[i]);
	}
	free(list);
	assert_true(checked >= 25);
}

static void expect_line(const char *name, const char *words)
{
	_cleanup_(buf_deinit) struct buf diag = BUF_INIT;
	int r = check(-1, name, NULL, &diag);
	const char *text = buf_str(&diag);

	assert_int_equal(r, 1);
	if (strstr(text, words) == NULL || strncmp(text, name, strlen(name)) != 0)
		fail_msg("no '%s' in: %s", words, text);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void write_file(const char *name, const char *text)
{
	assert_int_equal(file_write_atomic(name, text, strlen(text), 0600), 0);
}

static void test_not_a_file(void **state)
{
	char *big = malloc((1 << 20) + 2);

	assert_int_equal(chdir(work), 0);
	expect_line("nothing.yaml", "does not exist");
	assert_int_equal(mkdir("dir", 0700), 0);
	expect_line("dir", "is a directory");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	expect_line("fifo", "FIFO");
	memset(big, '#', (1 << 20) + 1);
	big[(1 << 20) + 1] = '\0';
	write_file("big.yaml", big);
	expect_line("big.yaml", "larger than 1 MB");
	free(big);
	unlink("big.yaml");
	unlink("fifo");
	rmdir("dir");
}

static void test_by_descriptor(void **state)
{
	_cleanup_(buf_deinit) struct buf diag = BUF_INIT;
	int ends[2];
	int fd;

	assert_int_equal(chdir(work), 0);
	write_file("x.yaml", "log: {level: loud}\nsource: {options: {paths: /m}}\n");
	fd = open("x.yaml", O_RDONLY | O_CLOEXEC);
	assert_int_equal(check(fd, "/etc/meshd/meshd.yaml", NULL, &diag), 1);
	assert_int_equal(strncmp(buf_str(&diag), "/etc/meshd/meshd.yaml:1:14: log.level: ", 39), 0);
	close(fd);
	unlink("x.yaml");
	buf_reset(&diag);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(check(ends[0], "p", NULL, &diag), 1);
	assert_non_null(strstr(buf_str(&diag), "FIFO"));
	close(ends[0]);
	close(ends[1]);
}

static const char good[] =
	"node: {id: \"a-${env:MESHD_TEST_X}-$${b}\", metadata: {k: [1, yes, '${env:MESHD_TEST_X}', 2.50, ~]}}\n"
	"source: {options: {paths: /one, tls: {cert: /c}, users: [{name: a}, {name: b, quota: 3MB}], free: [x]}}\n"
	"translator: {debounce: 1000ms, max_debounce: 60s, max_drop: off, apisix_plugins: [a, b], "
	"features: {}}\n"
	"proxy: {manage: False, user: www}\n"
	"frontend: {options: {listen: ['localhost:1', '[::0001]:2', 'unix:/s']}}\n"
	"capture:\n";

static void test_good_values(void **state)
{
	static const char *const want[][2] = {
		{ "node.id", "a-val-${b}" },
		{ "node.metadata", "{\"k\":[1,\"yes\",\"val\",2.50,null]}" },
		{ "source.options.paths[0]", "/one" },
		{ "source.options.rate", "10" },
		{ "source.options.users[0].quota", "4KB" },
		{ "source.options.users[1].quota", "3MB" },
		{ "source.options.free", "[\"x\"]" },
		{ "translator.debounce", "1s" },
		{ "translator.max_debounce", "1m" },
		{ "translator.max_drop", "off" },
		{ "translator.apisix_plugins[1]", "b" },
		{ "proxy.manage", "false" },
		{ "capture.exempt_user", "www" },
		{ "frontend.options.listen[0]", "127.0.0.1:1" },
		{ "frontend.options.listen[1]", "[::1]:2" },
		{ "frontend.options.listen[2]", "unix:/s" },
		{ "frontend.options.history.time", "10m" },
		{ "capture.confirm", "off" },
	};
	_cleanup_(buf_deinit) struct buf diag = BUF_INIT;
	_cleanup_(conf_freep) struct conf *conf = NULL;

	assert_int_equal(chdir(work), 0);
	setenv("MESHD_TEST_X", "val", 1);
	write_file("good.yaml", good);
	if (check(-1, "good.yaml", &conf, &diag) != 0)
		fail_msg("%s", buf_str(&diag));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		if (strcmp(conf_str(conf, want[i][0], "(absent)"), want[i][1]) != 0)
			fail_msg("%s is %s", want[i][0], conf_str(conf, want[i][0], "(absent)"));
	}
	assert_int_equal(conf_num(conf, "source.options.users[1].quota", 0), 3 << 20);
	assert_int_equal(conf_num(conf, "translator.max_debounce", 0), 60000);
	assert_int_equal(conf_find(conf, "capture.confirm")->type, CONF_OFF);
	assert_int_equal(conf_find(conf, "translator.debounce")->line, 3);
	assert_int_equal(conf_find(conf, "log.level")->line, 0);
	assert_null(conf_find(conf, "source.options"));
	unlink("good.yaml");
}

/* An explicit empty list is not the default. */
static void test_empty_list(void **state)
{
	_cleanup_(buf_deinit) struct buf diag = BUF_INIT;
	_cleanup_(conf_freep) struct conf *conf = NULL;

	assert_int_equal(chdir(work), 0);
	write_file("e.yaml", "source: {options: {paths: /m}}\nfrontend: {options: {listen: []}}\n");
	assert_int_equal(check(-1, "e.yaml", &conf, &diag), 0);
	assert_int_equal(conf_count(conf, "frontend.options.listen"), 0);
	unlink("e.yaml");
}

static int leave(void **state)
{
	return chdir("/") == 0 && rmdir(work) == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),	     cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_by_descriptor), cmocka_unit_test(test_good_values),
		cmocka_unit_test(test_empty_list),
	};

	if (argc != 3 || mkdtemp(work) == NULL)
		return 2;
	golden = argv[1];
	plugins = argv[2];
	setenv("MESHD_PLUGIN_DIR", plugins, 1);
	unsetenv("MESHD_TEST_NOT_SET");
	return cmocka_run_group_tests(tests, NULL, leave);
}
