/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check(): what the schema cannot say about the options, and that nothing is silently without effect.
 */
#include "server.h"
#include "unit.h"

static void assert_check(const char *option, const char *expected)
{
	const char *options[] = { option, NULL };
	struct fakehost *f = fakehost_new(&mesh_plugin, options);
	const char *found = fakehost_check(f);

	if (expected[0] == '\0')
		assert_string_equal(found, "");
	else if (strncmp(found, expected, strlen(expected)) != 0)
		fail_msg("%s: '%s'", option, found);
	fakehost_free(f);
}

static void checks_the_prefix(void **state)
{
	assert_check("prefix=/apisix", "");
	assert_check("prefix=/a/b", "");
	assert_check("prefix=apisix", "prefix: 'apisix' does not begin with a slash; write '/apisix'\n");
	assert_check("prefix=/apisix/", "prefix: '/apisix/' ends with a slash; write '/apisix'\n");
	assert_check("prefix=/a//b", "prefix: '/a//b' has an empty part");
}

static void refuses_half_a_tls(void **state)
{
	assert_check("tls.cert=/x", "tls.cert: without tls.key it has no effect; set tls.cert and tls.key\n");
	assert_check("tls.key=/x", "tls.key: without tls.cert it has no effect; ");
	assert_check("tls.client_ca=/x", "tls.client_ca: without tls.cert it has no effect; ");
}

static void checks_names(void **state)
{
	assert_check("users[].name=x", "users[].password_file: a user without a password; ");
	assert_check("users[].password_file=/etc/hostname", "users[].name: a user without a name; ");
	assert_check("allow_uids=www-data", "");
	assert_check("allow_uids=", "allow_uids: an empty name");
}

static void checks_password_files(void **state)
{
	static const char *const missing[] = { "users[].name=a", "users[].password_file=/nonexistent", NULL };
	static const char *const folder[] = { "users[].name=a", "users[].password_file=/etc", NULL };
	static const char *const twice[] = { "users[].name=a", "users[].name=a",
					     "users[].password_file=/etc/hostname",
					     "users[].password_file=/dev/null", NULL };
	static const struct {
		const char *const *options, *expected;
	} rows[] = {
		{ missing, "users[].password_file: '/nonexistent' cannot be read: No such file or "
			   "directory; create it or correct the path\n" },
		{ folder, "users[].password_file: '/etc' cannot be read: Is a directory; name a file, not a "
			  "folder\n" },
		{ twice, "users[].name: there is another user 'a'; choose different names\n"
			 "users[].password_file: '/dev/null' cannot be read: Invalid argument; name a "
			 "regular file\n" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fakehost *f = fakehost_new(&mesh_plugin, rows[i].options);

		assert_string_equal(fakehost_check(f), rows[i].expected);
		fakehost_free(f);
	}
}

static void reads_options_and_defaults(void **state)
{
	const char *options[] = { "prefix=/other", "max_connections=77", NULL };
	struct fakehost *f = fakehost_new(&mesh_plugin, options);
	struct options o;

	options_read(&o, fakehost_host(f));
	assert_string_equal(o.prefix, "/other");
	assert_int_equal(o.max_connections, 77);
	assert_int_equal(o.max_body, 4 << 20);
	assert_int_equal(o.watch_buffer, 64 << 20);
	fakehost_free(f);
}

static void is_a_plugin_of_this_abi(void **state)
{
	assert_int_equal(mesh_plugin.abi, MESH_ABI);
	assert_int_equal(mesh_plugin.kind, MESH_FRONTEND);
	assert_string_equal(mesh_plugin.name, "etcd");
	for (const struct mesh_opt *o = mesh_plugin.options; o->name != NULL; o++)
		assert_true(o->doc != NULL && o->doc[strlen(o->doc) - 1] == '.');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_the_prefix),
		cmocka_unit_test(refuses_half_a_tls),
		cmocka_unit_test(checks_names),
		cmocka_unit_test(checks_password_files),
		cmocka_unit_test(reads_options_and_defaults),
		cmocka_unit_test(is_a_plugin_of_this_abi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
