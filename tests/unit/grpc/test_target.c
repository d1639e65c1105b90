/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers as operators write them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"
#include "grpc.h"

static void test_good(void **state)
{
	static const struct {
		const char *text;
		struct grpc_target target;
	} rows[] = {
		{ "grpc://cp", { .host = "cp", .port = 80 } },
		{ "grpcs://istiod.istio-system.svc", { .tls = true, .host = "istiod.istio-system.svc", .port = 443 } },
		{ "grpc://10.0.0.1:15010", { .host = "10.0.0.1", .port = 15010 } },
		{ "grpcs://[::1]:5678", { .tls = true, .host = "::1", .port = 5678 } },
		{ "grpc://[fe80::1]", { .host = "fe80::1", .port = 80 } },
		{ "grpc://a_b-C.9:65535", { .host = "a_b-C.9", .port = 65535 } },
		{ "unix:/run/xds.sock", { .path = "/run/xds.sock" } },
	};
	char why[160];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct grpc_target t;

		assert_int_equal(grpc_target_parse(rows[i].text, &t, why, sizeof why), 0);
		assert_int_equal(t.tls, rows[i].target.tls);
		assert_string_equal(t.host, rows[i].target.host);
		assert_string_equal(t.path, rows[i].target.path);
		assert_int_equal(t.port, rows[i].target.port);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "cp:15010", "grpc://HOST:PORT" },
		{ "", "grpc://HOST:PORT" },
		{ "http://cp:15010", "http:// is not known" },
		{ "https://cp", "grpcs://HOST:PORT for https" },
		{ "grpc://", "no host" },
		{ "grpc://:80", "no host" },
		{ "grpc://cp:", "port" },
		{ "grpc://cp:0", "1 to 65535" },
		{ "grpc://cp:65536", "1 to 65535" },
		{ "grpc://cp:80x", "1 to 65535" },
		{ "grpc://cp:80/", "nothing may follow" },
		{ "grpc://cp/path", "no path" },
		{ "grpc://user@cp", "letters" },
		{ "grpc://c p", "letters" },
		{ "grpc://::1", "no host" },
		{ "grpc://fe80::1", "brackets" },
		{ "grpc://[::1", "not closed" },
		{ "grpc://[cp]:80", "no IPv6 address" },
		{ "grpc://[::1]80", "nothing may follow" },
		{ "unix:run/xds", "absolute" },
	};
	char why[160], path[200];
	struct grpc_target t = { .port = 7 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_not_equal(grpc_target_parse(rows[i].text, &t, why, sizeof why), 0);
		if (strstr(why, rows[i].why) == NULL)
			fail_msg("'%s': %s", rows[i].text, why);
	}
	memset(path, 'x', sizeof path);
	memcpy(path, "unix:/", 6);
	path[5 + 108] = '\0';
	assert_int_not_equal(grpc_target_parse(path, &t, why, sizeof why), 0);
	assert_int_equal(t.port, 7);
	path[5 + 107] = '\0';
	assert_int_equal(grpc_target_parse(path, &t, why, sizeof why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
