/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases: granted, renewed, ended by their time or by revocation, together with their keys. Their
 * time is moved by the test; nothing waits.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "space.h"

static struct mesh_lease grant(struct space *s, int64_t id, int64_t ttl)
{
	struct mesh_lease lease = { .id = 0 };

	assert_int_equal(s->ops.lease_grant(&s->f.hosted.host, id, ttl, &lease), 0);
	return lease;
}

static int add_id(const struct mesh_lease *lease, void *arg)
{
	char *text = arg;
	size_t len = strlen(text);

	snprintf(text + len, 256 - len, "%s%" PRId64, len > 0 ? "," : "", lease->id);
	return 0;
}

/* The ids, in the order in which they end. */
static const char *ids(struct space *s)
{
	static char text[256];

	text[0] = '\0';
	assert_int_equal(s->ops.lease_walk(&s->f.hosted.host, add_id, text), 0);
	return text;
}

/* Moves the end of the lease that ends first into the past, and does the timer's work. */
static void let_first_expire(struct space *s)
{
	s->f.client.leases[0].ends_ms = 1;
	loop_timer_cancel(&s->f.client.expiry); /* it has fired */
	s->f.client.expiry.fn(&s->f.client.expiry);
}

static void grants(void **state)
{
	struct space *s = *state;
	struct mesh_lease lease = grant(s, 5, 60), chosen[2];

	assert_int_equal(lease.id, 5);
	assert_int_equal(lease.ttl, 60);
	assert_in_range(lease.remaining, 59, 60);
	assert_int_equal(s->ops.lease_grant(&s->f.hosted.host, 5, 60, &lease), MESH_LEASE_EXISTS);
	assert_int_equal(grant(s, 6, 1).ttl, 2); /* etcd's minimum */
	assert_int_equal(grant(s, 8, -1).ttl, 2);
	assert_int_equal(s->ops.lease_grant(&s->f.hosted.host, 7, INT64_MAX, &lease), MESH_NO_SPACE);
	chosen[0] = grant(s, 0, 60);
	chosen[1] = grant(s, 0, 60);
	assert_true(chosen[0].id > 0 && chosen[1].id > chosen[0].id);
	grant(s, chosen[1].id + 1, 60); /* taken by somebody else */
	assert_int_equal(grant(s, 0, 60).id, chosen[1].id + 2);
}

static void bounds_their_number(void **state)
{
	struct space *s = *state;
	struct mesh_lease lease;

	for (unsigned i = 0; i < LEASES_MAX; i++)
		grant(s, i + 1, 60);
	assert_int_equal(s->ops.lease_grant(&s->f.hosted.host, 0, 60, &lease), MESH_NO_SPACE);
	assert_int_equal(s->ops.lease_revoke(&s->f.hosted.host, 17), 0);
	grant(s, 0, 60);
}

static void keeps_them_in_the_order_of_their_ends(void **state)
{
	struct space *s = *state;
	struct mesh_lease lease;

	grant(s, 1, 300);
	grant(s, 2, 100);
	grant(s, 3, 200);
	assert_string_equal(ids(s), "2,3,1");
	s->f.client.leases[0].ends_ms -= 50000; /* some of their time is over */
	s->f.client.leases[1].ends_ms -= 140000;
	s->f.client.leases[2].ends_ms -= 230000;
	assert_int_equal(s->ops.lease_get(&s->f.hosted.host, 2, &lease), 0);
	assert_in_range(lease.remaining, 49, 50);
	assert_int_equal(s->ops.lease_renew(&s->f.hosted.host, 2, &lease), 0);
	assert_in_range(lease.remaining, 99, 100);
	assert_string_equal(ids(s), "3,1,2");
	assert_int_equal(s->ops.lease_renew(&s->f.hosted.host, 3, &lease), 0);
	assert_string_equal(ids(s), "1,2,3");
	assert_int_equal(s->ops.lease_get(&s->f.hosted.host, 9, &lease), MESH_NO_LEASE);
	assert_int_equal(s->ops.lease_renew(&s->f.hosted.host, 9, &lease), MESH_NO_LEASE);
	assert_int_equal(s->ops.lease_revoke(&s->f.hosted.host, 9), MESH_NO_LEASE);
}

static void takes_its_keys_along(void **state)
{
	struct space *s = *state;
	uint64_t before;

	grant(s, 1, 60);
	grant(s, 2, 60);
	assert_int_equal(write_one(s, "/a", "1", 1), 0);
	assert_int_equal(write_one(s, "/b", "1", 2), 0);
	assert_int_equal(write_one(s, "/c", "1", 1), 0);
	assert_int_equal(write_one(s, "/d", "1", 1), 0);
	assert_int_equal(write_one(s, "/d", "1", 0), 0); /* has left its lease */
	before = ks_revision(store_keys(s->f.store));
	assert_int_equal(s->ops.lease_revoke(&s->f.hosted.host, 1), 0);
	assert_int_equal(ks_revision(store_keys(s->f.store)), before + 1);
	assert_string_equal(client_keys(s), "/b,/d");
	assert_string_equal(ids(s), "2");
	assert_counted(s);
}

static int count_key(const struct mesh_kv *kv, void *arg)
{
	unsigned *n = arg;

	assert_int_equal(kv->lease, 1);
	return ++*n == 2 ? 42 : 0;
}

static void names_its_keys(void **state)
{
	struct space *s = *state;
	unsigned n = 0;

	grant(s, 1, 60);
	grant(s, 2, 60);
	assert_int_equal(write_one(s, "/a", "1", 1), 0);
	assert_int_equal(write_one(s, "/b", "1", 2), 0);
	assert_int_equal(s->ops.lease_keys(&s->f.hosted.host, 1, count_key, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(write_one(s, "/c", "1", 1), 0);
	assert_int_equal(write_one(s, "/d", "1", 1), 0);
	n = 0;
	assert_int_equal(s->ops.lease_keys(&s->f.hosted.host, 1, count_key, &n), 42);
	assert_int_equal(s->ops.lease_keys(&s->f.hosted.host, 9, count_key, &n), 0);
}

static void ends_when_its_time_is_over(void **state)
{
	struct space *s = *state;
	const struct loop_timer *timer = &s->f.client.expiry;

	assert_false(loop_timer_running(timer));
	grant(s, 1, 60);
	grant(s, 2, 70);
	grant(s, 3, 80);
	assert_true(loop_timer_running(timer));
	assert_int_equal(write_one(s, "/a", "1", 1), 0);
	assert_int_equal(write_one(s, "/b", "1", 2), 0);
	s->f.client.expiry.fn(&s->f.client.expiry); /* woken too early */
	assert_string_equal(ids(s), "1,2,3");
	let_first_expire(s);
	assert_string_equal(ids(s), "2,3");
	assert_string_equal(client_keys(s), "/b");
	assert_int_equal(s->f.client.expired, 1);
	assert_true(loop_timer_running(timer));
	s->f.client.leases[1].ends_ms = 2; /* two at once */
	let_first_expire(s);
	assert_string_equal(ids(s), "");
	assert_string_equal(client_keys(s), "");
	assert_false(loop_timer_running(timer));
	assert_int_equal(write_one(s, "/a", "1", 1), MESH_NO_LEASE);
}

static int refuse_to_persist(void *ctx, const struct txn *txn, uint64_t previous)
{
	(void)txn;
	(void)previous;
	++*(unsigned *)ctx;
	return -EIO;
}

/* As long as the keys cannot be deleted the lease is there, and is tried again. */
static void tries_again_when_keys_cannot_go(void **state)
{
	struct space *s = *state;
	struct keyspace *ks = store_keys(s->f.store);
	unsigned refused = 0;

	grant(s, 1, 60);
	assert_int_equal(write_one(s, "/a", "1", 1), 0);
	ks_set_persist(ks, refuse_to_persist, &refused);
	let_first_expire(s);
	assert_int_equal(refused, 1);
	assert_string_equal(ids(s), "1");
	assert_string_equal(client_keys(s), "/a");
	assert_int_equal(s->f.client.expired, 0);
	assert_true(loop_timer_running(&s->f.client.expiry));
	assert_true(s->ops.lease_revoke(&s->f.hosted.host, 1) < 0);
	ks_set_persist(ks, NULL, NULL);
	let_first_expire(s);
	assert_string_equal(ids(s), "");
	assert_string_equal(client_keys(s), "");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, space_setup, space_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(grants),
		TEST(bounds_their_number),
		TEST(keeps_them_in_the_order_of_their_ends),
		TEST(takes_its_keys_along),
		TEST(names_its_keys),
		TEST(ends_when_its_time_is_over),
		TEST(tries_again_when_keys_cannot_go),
	};

	return cmocka_run_group_tests_name("frontend/lease", tests, NULL, NULL);
}
