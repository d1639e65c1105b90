/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests from arguments, nginx's variables, and conditions over them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vars.h"

#define REQUEST(...)                                                                                   \
	read_request((const char *const[]){ __VA_ARGS__ },                                             \
		     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static struct arena arena;
static struct request request;
static char why[256];

static int read_request(const char *const *argv, size_t n)
{
	return request_read((int)n, (char *const *)(uintptr_t)argv, &arena, &request, why, sizeof why);
}

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static void test_url(void **state)
{
	(void)state;
	assert_int_equal(
		REQUEST("GET", "https://A.Example:8443/x/y?q=1#part", "--to", "10.0.0.1:443", "--from", "::1"),
		0);
	assert_string_equal(request.scheme, "https");
	assert_string_equal(request.authority, "A.Example:8443");
	assert_string_equal(request.target, "/x/y?q=1");
	assert_string_equal(request.path, "/x/y");
	assert_string_equal(request.query, "q=1");
	assert_string_equal(request.to_ip, "10.0.0.1");
	assert_int_equal(request.to_port, 443);
	assert_string_equal(request.from_ip, "::1");
	assert_int_equal(REQUEST("GET", "http://a"), 0);
	assert_string_equal(request.path, "/");
	assert_int_equal(REQUEST("GET", "http://a?x"), 0);
	assert_string_equal(request.target, "/?x");
	assert_int_equal(REQUEST("GET", "/p", "-H", "Host: b:1"), 0);
	assert_string_equal(request.authority, "b:1");
	assert_int_equal(REQUEST("GET", "http://a/", "--to", "[::1]:80"), 0);
	assert_string_equal(request.to_ip, "::1");
}

static void refused(int r, const char *text)
{
	assert_int_equal(r, 2);
	if (strstr(why, text) == NULL)
		fail_msg("'%s' is not in '%s'", text, why);
}

static void test_wrong(void **state)
{
	(void)state;
	refused(REQUEST("GET"), "METHOD and URL");
	refused(REQUEST("GET", "ftp://a/"), "http://");
	refused(REQUEST("GET", "a/b"), "-H 'Host");
	refused(REQUEST("GET", "http://a/", "extra"), "extra");
	refused(REQUEST("GET", "http://a/", "--what", "x"), "--what");
	refused(REQUEST("GET", "http://a/", "-H"), "missing behind -H");
	refused(REQUEST("GET", "http://a/", "-H", "no colon"), "Name: value");
	refused(REQUEST("GET", "http://a/", "--to", "10.0.0.1"), "IP:PORT");
	refused(REQUEST("GET", "http://a/", "--to", "name:80"), "IP:PORT");
	refused(REQUEST("GET", "http://a/", "--to", "10.0.0.1:70000"), "IP:PORT");
	refused(REQUEST("GET", "http://a/", "--from", "x"), "IP address");
}

static void var_is(const char *name, const char *value)
{
	const char *got = request_var(&request, &arena, name);

	if (value == NULL)
		assert_null(got);
	else if (got == NULL || strcmp(got, value) != 0)
		fail_msg("%s is '%s', not '%s'", name, got != NULL ? got : "(not set)", value);
}

static void test_variables(void **state)
{
	(void)state;
	assert_int_equal(REQUEST("PUT", "http://A.b.:8080//a/./b/../%63//d?x=1&y=%41&z", "-H", "X-A: 1", "-H",
				 "x-a: 2", "-H", "Cookie: k=v; l=w"),
			 0);
	var_is("uri", "/a/c/d");
	var_is("host", "a.b");
	var_is("http_host", "A.b.:8080");
	var_is("request_method", "PUT");
	var_is("http_x_a", "1,2");
	var_is("http_x_b", NULL);
	var_is("arg_x", "1");
	var_is("arg_y", "A");
	var_is("arg_z", "true");
	var_is("arg_w", NULL);
	var_is("cookie_l", "w");
	var_is("cookie_m", NULL);
	var_is("real_request_uri", "//a/./b/../%63//d?x=1&y=%41&z");
	var_is("server_port", NULL);
	assert_int_equal(REQUEST("GET", "http://a/../../x/.."), 0);
	var_is("uri", "/");
}

static void holds(const char *vars, bool expected)
{
	json_t *list = json_loads(vars, 0, NULL);

	assert_non_null(list);
	if (vars_hold(list, &request, &arena) != expected)
		fail_msg("%s should be %s", vars, expected ? "true" : "false");
	json_decref(list);
}

static void test_conditions(void **state)
{
	(void)state;
	assert_int_equal(REQUEST("GET", "http://a/b?n=12", "-H", "x-a: abc", "--from", "10.1.2.3"), 0);
	holds("[]", true);
	holds("[[\"http_x_a\",\"==\",\"abc\"]]", true);
	holds("[[\"http_x_a\",\"~=\",\"abc\"]]", false);
	holds("[[\"http_x_b\",\"~=\",\"abc\"]]", true);
	holds("[[\"http_x_b\",\"==\",null]]", true);
	holds("[[\"http_x_a\",\"~=\",null]]", true);
	holds("[[\"http_x_b\",\"!\",\"==\",\"abc\"]]", true);
	holds("[[\"http_x_a\",\"~~\",\"\\\\Aab\"]]", true);
	holds("[[\"http_x_a\",\"~~\",\"AB\"]]", false);
	holds("[[\"http_x_a\",\"~*\",\"AB\"]]", true);
	holds("[[\"http_x_a\",\"~~\",\"(\"]]", false);
	holds("[[\"arg_n\",\">=\",12],[\"arg_n\",\"<\",13]]", true);
	holds("[[\"arg_n\",\">\",12]]", false);
	holds("[[\"http_x_a\",\"<\",12]]", false);
	holds("[[\"http_x_a\",\"in\",[\"x\",\"abc\"]]]", true);
	holds("[[\"remote_addr\",\"ipmatch\",[\"10.1.0.0/16\"]]]", true);
	holds("[[\"remote_addr\",\"ipmatch\",[\"10.2.0.0/16\",\"::/0\"]]]", false);
	holds("[[\"OR\",[\"http_x_a\",\"==\",\"x\"],[\"uri\",\"==\",\"/b\"]]]", true);
	holds("[[\"!AND\",[\"http_x_a\",\"==\",\"x\"],[\"uri\",\"==\",\"/b\"]]]", true);
	holds("[[\"!OR\",[\"http_x_a\",\"==\",\"x\"],[\"uri\",\"==\",\"/b\"]]]", false);
	holds("[[\"http_x_a\",\"nonsense\",\"x\"]]", false);
	holds("[[1,2]]", false);
	holds("[\"text\"]", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_url, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_variables, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_conditions, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
