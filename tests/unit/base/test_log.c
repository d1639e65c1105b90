/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines as they come out of standard error: prefix, escapes, levels, limits, JSON.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

LOG_MODULE("alpha");

static struct log_module beta = { .name = "beta" };
static char captured[1 << 16];
static int saved, out;

static void capture(void)
{
	char path[] = "/tmp/test-log.XXXXXX";

	out = mkstemp(path);
	unlink(path);
	fflush(stderr);
	saved = dup(2);
	dup2(out, 2);
}

static const char *captured_text(void)
{
	ssize_t n;

	dup2(saved, 2);
	close(saved);
	lseek(out, 0, SEEK_SET);
	n = read(out, captured, sizeof captured - 1);
	captured[n > 0 ? n : 0] = 0;
	close(out);
	return captured;
}

static int reset(void **state)
{
	unsetenv("JOURNAL_STREAM");
	log_init("tester");
	log_set_format(LOG_FORMAT_TEXT);
	log_set_level(NULL, LOG_LEVEL_INFO);
	return 0;
}

static void test_text(void **state)
{
	capture();
	log_warn("one %d", 1);
	log_debug("not this");
	assert_string_equal(captured_text(), "WARN tester/alpha: one 1\n");
}

static void test_errno(void **state)
{
	int r;

	capture();
	errno = 99;
	r = log_err_errno(-ENOENT, "cannot open '%s'", "x");
	assert_int_equal(errno, 99);
	assert_int_equal(r, -ENOENT);
	assert_string_equal(captured_text(), "ERROR tester/alpha: cannot open 'x': No such file or directory\n");
}

static void test_journal(void **state)
{
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_init("tester");
	capture();
	log_err("x");
	log_info("y");
	assert_string_equal(captured_text(), "<3>tester/alpha: x\n<6>tester/alpha: y\n");
}

static void test_escapes(void **state)
{
	capture();
	log_info("a\nb\033[31m \xc3\xa4 \xff \xc3");
	assert_string_equal(captured_text(), "INFO tester/alpha: a\\x0ab\\x1b[31m \xc3\xa4 \\xff \\xc3\n");
}

static void test_json(void **state)
{
	const char *text;

	log_set_format(LOG_FORMAT_JSON);
	capture();
	log_info("say \"hi\"\n");
	text = captured_text();
	assert_memory_equal(text, "{\"ts\":", 6);
	assert_non_null(strstr(text, ",\"level\":\"info\",\"role\":\"tester\",\"module\":\"alpha\","
				     "\"text\":\"say \\\"hi\\\"\\\\x0a\"}\n"));
}

static void test_long(void **state)
{
	static char big[20000];
	const char *text;

	memset(big, 'x', sizeof big - 1);
	capture();
	log_info("%s", big);
	text = captured_text();
	assert_true(strlen(text) <= LOG_LINE_MAX);
	assert_non_null(strstr(text, "xx [cut]\n"));
}

static void test_levels(void **state)
{
	enum log_level level;

	assert_int_equal(log_level_find("warning", &level), 0);
	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_int_equal(log_level_find("loud", &level), -EINVAL);
	assert_string_equal(log_level_name(LOG_LEVEL_DEBUG), "debug");
	assert_int_equal(log_set_level("nothing", LOG_LEVEL_ERR), -ENOENT);
	assert_int_equal(log_set_level("alpha", LOG_LEVEL_DEBUG), 0);
	capture();
	log_debug("seen");
	assert_string_equal(captured_text(), "DEBUG tester/alpha: seen\n");
}

static void count(void *arg, const char *name, enum log_level level)
{
	(*(unsigned *)arg)++;
}

/* One that comes late (a plugin) takes the level of its name, or of all. */
static void test_modules(void **state)
{
	static struct log_module again = { .name = "alpha" };
	unsigned n = 0;

	log_set_level(NULL, LOG_LEVEL_ERR);
	log_set_level("alpha", LOG_LEVEL_DEBUG);
	log_module_add(&beta);
	assert_int_equal(beta.level, LOG_LEVEL_ERR);
	log_module_add(&again);
	assert_int_equal(again.level, LOG_LEVEL_DEBUG);
	log_modules(count, &n);
	assert_int_equal(n, 2);
}

static void test_rate(void **state)
{
	const char *text;
	unsigned lines = 0;

	capture();
	for (unsigned i = 0; i < 100; i++)
		log_warn_rl("again");
	text = captured_text();
	for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, LOG_RATE_BURST);
}

static void test_rate_tells_what_was_dropped(void **state)
{
	struct log_rate rate = { .since_ms = -LOG_RATE_MS, .lines = LOG_RATE_BURST, .dropped = 7 };

	capture();
	assert_true(log_rate_pass(&rate, &beta, LOG_LEVEL_ERR));
	assert_string_equal(captured_text(), "ERROR tester/beta: 7 more lines like the next one were left out\n");
	assert_int_equal(rate.dropped, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_text, reset),    cmocka_unit_test_setup(test_errno, reset),
		cmocka_unit_test_setup(test_journal, reset), cmocka_unit_test_setup(test_escapes, reset),
		cmocka_unit_test_setup(test_json, reset),    cmocka_unit_test_setup(test_long, reset),
		cmocka_unit_test_setup(test_levels, reset),  cmocka_unit_test_setup(test_modules, reset),
		cmocka_unit_test_setup(test_rate, reset),
		cmocka_unit_test_setup(test_rate_tells_what_was_dropped, reset),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
