/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients write: beside the mesh's directories, bounded, all or nothing, and counted rightly.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "space.h"

static uint64_t revision(struct space *s)
{
	return ks_revision(store_keys(s->f.store));
}

static void writes_and_deletes(void **state)
{
	struct space *s = *state;
	struct keyspace *ks = store_keys(s->f.store);
	uint64_t before = revision(s);

	assert_int_equal(s->ops.store_next(&s->f.hosted.host), before + 1);
	assert_int_equal(write_one(s, "/gen_id/a", "1", 0), 0);
	assert_int_equal(revision(s), before + 1);
	assert_value(ks, "/gen_id/a", "1");
	assert_int_equal(s->f.client.keys, 1);
	assert_int_equal(s->f.client.bytes, 10);
	assert_int_equal(write_one(s, "/gen_id/a", "12345", 0), 0);
	assert_int_equal(s->f.client.keys, 1);
	assert_int_equal(s->f.client.bytes, 14);
	assert_counted(s);
	assert_int_equal(write_one(s, "/gen_id/a", NULL, 0), 0);
	assert_int_equal(s->f.client.keys + s->f.client.bytes, 0);
	assert_value(ks, "/gen_id/a", NULL);
	assert_int_equal(s->f.client.writes, 3);
	assert_int_equal(write_one(s, "/gen_id/a", NULL, 0), 0); /* is not there */
	assert_int_equal(s->f.client.keys + s->f.client.bytes, 0);
}

/* As in etcd, a put of the same value is a change. */
static void the_same_value_is_a_revision(void **state)
{
	struct space *s = *state;
	uint64_t before;

	assert_int_equal(write_one(s, "/a", "1", 0), 0);
	before = revision(s);
	assert_int_equal(write_one(s, "/a", "1", 0), 0);
	assert_int_equal(revision(s), before + 1);
	assert_int_equal(get(store_keys(s->f.store), "/a")->version, 2);
}

static void several_changes_are_one_revision(void **state)
{
	struct space *s = *state;
	const struct mesh_change changes[] = { change("/a", "1", 0), change("/b", "2", 0), change("/c", NULL, 0) };
	uint64_t before = revision(s);

	assert_int_equal(s->ops.store_write(&s->f.hosted.host, changes, 3), 0);
	assert_int_equal(revision(s), before + 1);
	assert_string_equal(client_keys(s), "/a,/b");
	assert_counted(s);
}

/* Of what comes together with something that may not be, nothing is done. */
static void refuses_all_or_nothing(void **state)
{
	struct space *s = *state;
	static char key[KS_KEY_MAX + 2];
	static const char *const owned[] = {
		"/apisix/routes/r1", "/apisix/routes/", "/apisix/ssls/x", "/apisix/consumers/a/b",
	};
	struct mesh_change changes[] = { change("/a", "1", 0), change("/apisix/routes/r2", "{}", 0) };
	uint64_t before = revision(s);

	assert_int_equal(s->ops.store_write(&s->f.hosted.host, changes, 2), MESH_READ_ONLY);
	for (size_t i = 0; i < ARRAY_SIZE(owned); i++) {
		assert_int_equal(write_one(s, owned[i], "{}", 0), MESH_READ_ONLY);
		assert_int_equal(write_one(s, owned[i], NULL, 0), MESH_READ_ONLY);
	}
	memset(key, 'k', KS_KEY_MAX + 1);
	assert_int_equal(write_one(s, key, "1", 0), MESH_TOO_LARGE);
	assert_int_equal(write_one(s, "", "1", 0), MESH_TOO_LARGE);
	assert_int_equal(write_one(s, "/a", "1", 99), MESH_NO_LEASE);
	assert_int_equal(revision(s), before);
	assert_string_equal(client_keys(s), "");
	assert_int_equal(s->f.client.refused, 12);
	assert_int_equal(s->f.client.writes, 0);
	key[KS_KEY_MAX] = '\0';
	assert_int_equal(write_one(s, key, "1", 0), 0);
}

/* Names that only look like the mesh's, and the gaps before, between and behind its directories. */
static void walks_what_is_not_the_meshs(void **state)
{
	static const char *const keys[] = {
		"/apisix", "/apisix/", "/apisix/a", "/apisix/protos", "/apisix/routes", "/apisix/routes0",
		"/apisix/routesx/1", "/apisix/upstreams0", "/apisiy/routes/r1", "a",
	};
	struct space *s = *state;
	char all[1024] = "";

	put_one(store_keys(s->f.store), "/apisix/upstreams/u1", "{}");
	put_one(store_keys(s->f.store), "/apisix/consumer_groups/g", "{}");
	for (size_t i = ARRAY_SIZE(keys); i-- > 0;)
		assert_int_equal(write_one(s, keys[i], "1", 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		strcat(all, i > 0 ? "," : "");
		strcat(all, keys[i]);
	}
	assert_string_equal(client_keys(s), all);
	assert_int_equal(s->f.client.keys, ARRAY_SIZE(keys));
	assert_counted(s);
}

static void bounds_the_number_of_keys(void **state)
{
	static struct mesh_change many[CLIENT_KEYS_MAX];
	static char keys[CLIENT_KEYS_MAX][16];
	struct space *s = *state;
	const struct mesh_change swap[] = { change("/k0000", NULL, 0), change("/new", "1", 0) };

	for (unsigned i = 0; i < CLIENT_KEYS_MAX; i++) {
		snprintf(keys[i], sizeof keys[i], "/k%04u", i);
		many[i] = change(keys[i], "1", 0);
	}
	assert_int_equal(s->ops.store_write(&s->f.hosted.host, many, CLIENT_KEYS_MAX), 0);
	assert_int_equal(write_one(s, "/new", "1", 0), MESH_NO_SPACE);
	assert_int_equal(write_one(s, "/k0000", "2", 0), 0);
	assert_int_equal(s->ops.store_write(&s->f.hosted.host, swap, 2), 0);
	assert_int_equal(s->f.client.keys, CLIENT_KEYS_MAX);
	assert_counted(s);
}

static void bounds_the_bytes(void **state)
{
	struct space *s = *state;
	char *value = calloc(1, CLIENT_BYTES_MAX + 1);

	memset(value, 'v', CLIENT_BYTES_MAX);
	assert_int_equal(write_one(s, "/a", value, 0), MESH_NO_SPACE);
	value[CLIENT_BYTES_MAX - 2] = '\0'; /* and two bytes of key */
	assert_int_equal(write_one(s, "/a", value, 0), 0);
	assert_int_equal(write_one(s, "/b", "", 0), MESH_NO_SPACE);
	assert_int_equal(write_one(s, "/a", "small", 0), 0);
	assert_int_equal(write_one(s, "/b", "", 0), 0);
	assert_counted(s);
	free(value);
}

/* More than is allowed may be there, by an older version: whoever makes it less may do so. */
static void lets_it_become_smaller(void **state)
{
	struct space *s = *state;
	struct keyspace *ks = store_keys(s->f.store);
	char key[16];

	assert_int_equal(ks_txn_begin(ks), 0);
	for (unsigned i = 0; i < CLIENT_KEYS_MAX + 5; i++) {
		snprintf(key, sizeof key, "/k%04u", i);
		put(ks, key, "1");
	}
	assert_int_equal(ks_txn_commit(ks, NOW_MS, NULL), 0);
	client_count(&s->f);
	assert_int_equal(write_one(s, "/new", "1", 0), MESH_NO_SPACE);
	assert_int_equal(write_one(s, "/k0001", "2", 0), 0);
	assert_int_equal(write_one(s, "/k0001", NULL, 0), 0);
	assert_int_equal(s->f.client.keys, CLIENT_KEYS_MAX + 4);
}

/* Leases end with their worker: the next one finds keys of leases that nobody knows. */
static void starts_without_keys_of_old_leases(void **state)
{
	struct space *s = *state;
	struct mesh_lease lease;
	uint64_t before;

	assert_int_equal(s->ops.lease_grant(&s->f.hosted.host, 7, 60, &lease), 0);
	assert_int_equal(write_one(s, "/leased/a", "1", 7), 0);
	assert_int_equal(write_one(s, "/leased/b", "1", 7), 0);
	assert_int_equal(write_one(s, "/own", "1", 0), 0);
	lease_deinit(&s->f);
	memset(&s->f.client, 0, sizeof s->f.client);
	assert_int_equal(lease_init(&s->f), 0);
	before = revision(s);
	assert_int_equal(client_start(&s->f), 0);
	assert_string_equal(client_keys(s), "/own");
	assert_int_equal(revision(s), before + 1);
	assert_int_equal(s->f.client.keys, 1);
	assert_counted(s);
	assert_true(client_start(&s->f) >= 0);
	assert_int_equal(revision(s), before + 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, space_setup, space_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_and_deletes),
		TEST(the_same_value_is_a_revision),
		TEST(several_changes_are_one_revision),
		TEST(refuses_all_or_nothing),
		TEST(walks_what_is_not_the_meshs),
		TEST(bounds_the_number_of_keys),
		TEST(bounds_the_bytes),
		TEST(lets_it_become_smaller),
		TEST(starts_without_keys_of_old_leases),
	};

	return cmocka_run_group_tests_name("frontend/client", tests, NULL, NULL);
}
