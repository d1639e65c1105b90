/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges over the fake host: limits, order, filters, the past, and the shared bodies. The rules are
 * those of etcd 3.4's range: fetch, drop, sort, limit.
 */
#include "range.h"

#include <errno.h>
#include <stdio.h>

#include "server.h"
#include "unit.h"

struct fixture {
	struct fakehost *host;
	struct server *server;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->host = fakehost_new(&mesh_plugin, NULL);
	f->server = fakehost_start(f->host);
	fakehost_set(f->host, "/a/1", "v3"); /* revision 2 */
	fakehost_set(f->host, "/a/2", "v2"); /* 3 */
	fakehost_set(f->host, "/a/3", "v1"); /* 4 */
	fakehost_set(f->host, "/a/2", "zz"); /* 5: version 2 */
	fakehost_set(f->host, "/b", "x");    /* 6 */
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fakehost_free(f->host);
	free(f);
	return 0;
}

static struct bytes text(const char *s)
{
	return (struct bytes){ .data = (const uint8_t *)s, .size = strlen(s) };
}

static struct range_request all_of_a(void)
{
	return (struct range_request){ .key = text("/a/"), .end = text("/a0") };
}

/* Checks the answer: the last digits of its keys in order, more, count. */
static void check(struct fixture *f, const struct range_request *req, const char *keys, bool more,
		  int64_t count)
{
	struct body *body = NULL;
	struct apierr err;
	char found[64] = "", expected[64];
	const char *p;

	assert_int_equal(range_answer(f->server, req, &form_json, &body, &err), 0);
	p = strndup((const char *)body->data, body->size);
	for (const char *k = p; (k = strstr(k, "\"key\":\"L2Ev")) != NULL; k++)
		snprintf(found + strlen(found), 8, "%s",
			 strncmp(k + 11, "MQ==", 4) == 0 ? "1" : strncmp(k + 11, "Mg==", 4) == 0 ? "2" : "3");
	assert_string_equal(found, keys);
	assert_int_equal(strstr(p, "\"more\":true") != NULL, more);
	snprintf(expected, sizeof expected, "\"count\":\"%d\"}", (int)count);
	assert_int_equal(strstr(p, expected) != NULL, count > 0);
	assert_non_null(strstr(p, "\"revision\":\"6\",\"raft_term\""));
	assert_null(strstr(p, "\"kvs\":[]"));
	free((char *)p);
	body_unref(body);
}

static void ranges_by_key(void **state)
{
	struct range_request req = all_of_a();

	check(*state, &req, "123", false, 3);
	req.end = text("/a/3");
	check(*state, &req, "12", false, 2);
	req = (struct range_request){ .key = text("/a/2") };
	check(*state, &req, "2", false, 1);
	req = (struct range_request){ .key = text("/a/4") };
	check(*state, &req, "", false, 0);
	req = (struct range_request){ .key = text("/a/2"), .end = { (const uint8_t *)"", 1 } };
	check(*state, &req, "23", false, 3);
	req = (struct range_request){ .key = text("/b"), .end = text("/a") };
	check(*state, &req, "", false, 0);
}

static void limits(void **state)
{
	struct range_request req = all_of_a();

	req.limit = 2;
	check(*state, &req, "12", true, 3);
	req.limit = 3;
	check(*state, &req, "123", false, 3);
	req.limit = INT64_MAX;
	check(*state, &req, "123", false, 3);
	req.limit = -1;
	check(*state, &req, "123", false, 3);
}

static void counts_and_drops_values(void **state)
{
	struct range_request req = all_of_a();

	req.count_only = true;
	check(*state, &req, "", false, 3);
	req.limit = 1;
	check(*state, &req, "", false, 3);
	req = all_of_a();
	req.keys_only = true;
	check(*state, &req, "123", false, 3);
}

static void sorts(void **state)
{
	struct range_request req = all_of_a();

	req.sort_order = SORT_DESCEND;
	check(*state, &req, "321", false, 3);
	req.limit = 2;
	check(*state, &req, "32", true, 3);
	req = all_of_a();
	req.sort_target = TARGET_VALUE; /* ascending without saying so */
	check(*state, &req, "312", false, 3);
	req.sort_target = TARGET_MOD;
	req.sort_order = SORT_DESCEND;
	check(*state, &req, "231", false, 3);
	req.sort_target = TARGET_CREATE;
	req.sort_order = SORT_ASCEND;
	check(*state, &req, "123", false, 3);
	req.sort_target = TARGET_VERSION;
	req.sort_order = SORT_DESCEND;
	req.limit = 1;
	check(*state, &req, "2", true, 3);
}

/* Without an order etcd fetches one more than the limit and sorts only that. */
static void sorts_what_it_fetched(void **state)
{
	struct range_request req = all_of_a();

	req.limit = 1;
	req.sort_target = TARGET_VALUE; /* of all three, /a/3 has the smallest */
	check(*state, &req, "1", true, 3);
}

static void filters_by_revision(void **state)
{
	struct range_request req = all_of_a();

	req.min_mod = 4;
	check(*state, &req, "23", false, 3);
	req.limit = 1;
	check(*state, &req, "2", true, 3);
	req = all_of_a();
	req.max_create = 3;
	req.max_mod = 4;
	check(*state, &req, "1", false, 3);
	req = all_of_a();
	req.min_create = 4;
	check(*state, &req, "3", false, 3);
}

static void answers_from_the_past(void **state)
{
	struct fixture *f = *state;
	struct range_request req = all_of_a();
	struct body *body = NULL;
	struct apierr err;

	req.revision = 3;
	check(f, &req, "12", false, 2);
	req.sort_target = TARGET_VALUE; /* then /a/2 was v2 */
	check(f, &req, "21", false, 2);
	req.sort_target = TARGET_KEY;
	req.revision = 7;
	assert_int_equal(range_answer(f->server, &req, &form_json, &body, &err), -EPROTO);
	assert_string_equal(err.text, "etcdserver: mvcc: required revision is a future revision");
	assert_int_equal(err.code, GRPC_OUT_OF_RANGE);
	fakehost_compact(f->host, 5);
	req.revision = 3;
	assert_int_equal(range_answer(f->server, &req, &form_json, &body, &err), -EPROTO);
	assert_string_equal(err.text, "etcdserver: mvcc: required revision has been compacted");
	req.revision = 4;
	check(f, &req, "123", false, 3);
}

static void refuses_bad_requests(void **state)
{
	struct fixture *f = *state;
	struct range_request req = { .end = text("x") };
	struct body *body = NULL;
	struct apierr err;

	assert_int_equal(range_answer(f->server, &req, &form_grpc, &body, &err), -EPROTO);
	assert_string_equal(err.text, "etcdserver: key is not provided");
	req = all_of_a();
	req.sort_order = 99;
	assert_int_equal(range_answer(f->server, &req, &form_grpc, &body, &err), -EPROTO);
	assert_string_equal(err.text, "etcdserver: invalid sort option");
}

static struct body *get(struct fixture *f, const struct form *form)
{
	struct range_request req = { .key = text("/big"), .end = text("/bih") };
	struct body *body = NULL;
	struct apierr err;

	assert_int_equal(range_answer(f->server, &req, form, &body, &err), 0);
	return body;
}

static void shares_large_bodies_until_a_commit(void **state)
{
	struct fixture *f = *state;
	char *big = calloc(1, 100001);
	struct body *a, *b, *c, *d;

	memset(big, 'x', 100000);
	fakehost_set(f->host, "/big", big);
	a = get(f, &form_json);
	b = get(f, &form_json);
	c = get(f, &form_grpc);
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	fakehost_set(f->host, "/c", "1");
	d = get(f, &form_json);
	assert_ptr_not_equal(a, d);
	assert_int_equal(a->refs, 2); /* ours: the cache has let go */
	body_unref(a);
	body_unref(b);
	body_unref(c);
	body_unref(d);
	free(big);
}

static void contains(void **state)
{
	const uint8_t *k = (const uint8_t *)"/a/1";

	assert_true(range_contains(text("/a/1"), text(""), k, 4));
	assert_false(range_contains(text("/a/"), text(""), k, 4));
	assert_true(range_contains(text("/a/"), text("/a0"), k, 4));
	assert_false(range_contains(text("/a/"), text("/a/1"), k, 4));
	assert_true(range_contains(text("/a/1"), text("/a/10"), k, 4));
	assert_true(range_contains(text("/"), (struct bytes){ (const uint8_t *)"", 1 }, k, 4));
	assert_false(range_contains(text("/b"), (struct bytes){ (const uint8_t *)"", 1 }, k, 4));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ranges_by_key),
		TEST(limits),
		TEST(counts_and_drops_values),
		TEST(sorts),
		TEST(sorts_what_it_fetched),
		TEST(filters_by_revision),
		TEST(answers_from_the_past),
		TEST(refuses_bad_requests),
		TEST(shares_large_bodies_until_a_commit),
		TEST(contains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
