/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of warming, needs and subscriptions (warm.c, subscribe.c, holds.c).
 */
#include "fake.h"

#include <errno.h>

struct env {
	struct told told;
	struct findings *findings;
	struct holds *hs;
	struct accept *a;
	char sent[4096];
	int send_result;
};

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof *e);

	e->findings = findings_new();
	assert_int_equal(holds_new(&told_ops, &e->told, e->findings, &e->hs), 0);
	assert_int_equal(accept_new(e->hs, NULL, &e->a), 0);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	accept_free(e->a);
	holds_free(e->hs);
	findings_free(e->findings);
	free(e);
	return 0;
}

static int on_send(void *arg, const Mesh__Subscribe *msg)
{
	struct env *e = arg;
	size_t len = strlen(e->sent);

	if (e->send_result < 0)
		return e->send_result;
	len += (size_t)snprintf(e->sent + len, sizeof e->sent - len, "%s:%s", rt_info(rt_find(msg->type_url))->word,
				msg->wildcard ? "*" : "");
	for (size_t i = 0; i < msg->n_names; i++)
		len += (size_t)snprintf(e->sent + len, sizeof e->sent - len, " %s", msg->names[i]);
	snprintf(e->sent + len, sizeof e->sent - len, "\n");
	return 0;
}

static const char *flush(struct env *e)
{
	e->sent[0] = '\0';
	assert_int_equal(subscribe_flush(e->hs, on_send, e), 0);
	return e->sent;
}

#define CLUSTER_A "a=v1\nneed endpoint x -1"

static void test_cluster_waits(void **state)
{
	struct env *e = *state;

	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST(CLUSTER_A, "b=static"), NULL, 1000);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "-");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "b"), "static");
	assert_int_equal(warm_count(e->hs), 1);
	assert_int_equal(warm_next(e->hs), 1000 + WARM_TIMEOUT_MS);
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("x=eps"), NULL, 1001);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "v1\nneed endpoint x -1");
	assert_string_equal(active_of(e->hs, RT_ENDPOINT, "x"), "eps");
	assert_int_equal(warm_count(e->hs), 0);
	assert_int_equal(warm_next(e->hs), -1);
}

static void test_old_version_stays(void **state)
{
	struct env *e = *state;

	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=v1\nneed endpoint x -1"), NULL, 0);
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("x=1"), NULL, 0);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=v2\nneed endpoint y -1"), NULL, 5);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "v1\nneed endpoint x -1");
	/* What the old version needs is still wanted, and still followed. */
	assert_string_equal(flush(e), "cluster:*\nendpoint: x y\nlistener:*\n");
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("x=2"), NULL, 6);
	assert_string_equal(active_of(e->hs, RT_ENDPOINT, "x"), "2");
	/* A third version before the second became active. */
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=v3\nneed endpoint z -1"), NULL, 7);
	assert_string_equal(flush(e), "endpoint: x z\n");
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("z=3"), NULL, 8);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "v3\nneed endpoint z -1");
	assert_string_equal(flush(e), "endpoint: z\n");
	assert_null(holds_find(e->hs, RT_ENDPOINT, "x"));
	assert_null(holds_find(e->hs, RT_ENDPOINT, "y"));
}

static void test_timeout(void **state)
{
	struct env *e = *state;

	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=v1\nneed endpoint x 500"), NULL, 100);
	update(e->a, e->hs, RT_LISTENER, WHOLE, LIST("l=v1\nneed route r 0"), NULL, 100);
	assert_int_equal(warm_next(e->hs), 600);
	warm_expire(e->hs, 599);
	holds_settle(e->hs, 599);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "-");
	warm_expire(e->hs, 600);
	holds_settle(e->hs, 600);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "v1\nneed endpoint x 500");
	assert_int_equal(findings_count(e->findings, MESH_SEV_WARN), 1);
	assert_int_equal(warm_next(e->hs), -1);
	assert_int_equal(warm_count(e->hs), 1);
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("x=1"), NULL, 700);
	assert_int_equal(findings_count(e->findings, MESH_SEV_WARN), 0);
	assert_string_equal(active_of(e->hs, RT_ENDPOINT, "x"), "1");
	/* 0 is for ever. */
	warm_expire(e->hs, INT64_MAX);
	holds_settle(e->hs, INT64_MAX);
	assert_string_equal(active_of(e->hs, RT_LISTENER, "l"), "-");
}

/* New versions must not put off the end of the waiting. */
static void test_renewed_keeps_start(void **state)
{
	struct env *e = *state;

	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=v1\nneed endpoint x 500"), NULL, 100);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=v2\nneed endpoint x 500"), NULL, 400);
	assert_int_equal(warm_next(e->hs), 600);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=v3\nneed endpoint y 500"), NULL, 500);
	assert_int_equal(warm_next(e->hs), 1000);
}

static void test_leaf_removed(void **state)
{
	struct env *e = *state;

	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=v1\nneed endpoint x -1"), NULL, 0);
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("x=1"), NULL, 0);
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, NULL, LIST("x"), 0);
	assert_string_equal(active_of(e->hs, RT_ENDPOINT, "x"), "-");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "v1\nneed endpoint x -1");
	assert_int_equal(warm_count(e->hs), 0);
}

/* The order in which the parts of one state come changes nothing. */
static void test_order(void **state)
{
	struct env *e = *state;

	update(e->a, e->hs, RT_ENDPOINT, SNAPSHOT, LIST("x=1", "unused=1"), NULL, 0);
	assert_string_equal(active_of(e->hs, RT_ENDPOINT, "x"), "-");
	assert_string_equal(accepted_of(e->hs, RT_ENDPOINT, "unused"), "1");
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=v1\nneed endpoint x -1"), NULL, 0);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "v1\nneed endpoint x -1");
	assert_string_equal(active_of(e->hs, RT_ENDPOINT, "x"), "1");
	/* From a source that sends everything, what is not referred to is held but not active. */
	assert_string_equal(active_of(e->hs, RT_ENDPOINT, "unused"), "-");
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, NULL, NULL, 0);
	assert_string_equal(accepted_of(e->hs, RT_ENDPOINT, "x"), "1");
	assert_string_equal(active_of(e->hs, RT_ENDPOINT, "x"), "-");
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=v1\nneed endpoint x -1"), NULL, 0);
	assert_string_equal(active_of(e->hs, RT_ENDPOINT, "x"), "1");
}

/* Differences after a complete set change nothing about that; another source does. */
static void test_whole_with_differences(void **state)
{
	struct env *e = *state;

	update(e->a, e->hs, RT_ENDPOINT, SNAPSHOT, LIST("x=1", "y=1"), NULL, 0);
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("x=2"), NULL, 0);
	assert_string_equal(accepted_of(e->hs, RT_ENDPOINT, "x"), "2");
	accept_reset(e->a);
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("x=3"), NULL, 0);
	assert_null(holds_find(e->hs, RT_ENDPOINT, "x"));
}

static void test_unasked_is_forgotten(void **state)
{
	struct env *e = *state;

	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("x=1"), NULL, 0);
	assert_null(holds_find(e->hs, RT_ENDPOINT, "x"));
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=v1\nneed endpoint x -1"), NULL, 0);
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("x=1"), NULL, 0);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, NULL, LIST("a"), 0);
	assert_null(holds_find(e->hs, RT_ENDPOINT, "x"));
	assert_int_equal(e->hs->held[RT_ENDPOINT], 0);
}

static void test_subscriptions(void **state)
{
	struct env *e = *state;

	assert_string_equal(flush(e), "cluster:*\nlistener:*\n");
	assert_string_equal(flush(e), "");
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("b=need endpoint y -1", "a=need endpoint x -1"), NULL, 0);
	assert_string_equal(flush(e), "endpoint: x y\n");
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("x=1", "y=1"), NULL, 0);
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("x=2"), NULL, 0);
	assert_string_equal(flush(e), "");
	/* What could not be sent stays due. */
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("b=need endpoint y -1"), NULL, 0);
	e->send_result = -EAGAIN;
	assert_int_equal(subscribe_flush(e->hs, on_send, e), -EAGAIN);
	e->send_result = 0;
	assert_string_equal(flush(e), "endpoint: y\n");
	/* The last name goes: now an empty set is right, because one was asked for. */
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, NULL, NULL, 0);
	assert_string_equal(flush(e), "endpoint:\n");
	subscribe_restart(e->hs);
	assert_string_equal(flush(e), "cluster:*\nlistener:*\n");
}

static void test_removed_while_warming(void **state)
{
	struct env *e = *state;

	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=v1\nneed endpoint x -1"), NULL, 0);
	update(e->a, e->hs, RT_ENDPOINT, WHOLE, LIST("x=1"), NULL, 0);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=v2\nneed endpoint y -1"), NULL, 0);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, NULL, LIST("a"), 0);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "-");
	assert_int_equal(warm_count(e->hs), 0);
	for (unsigned type = 0; type < _RT_MAX; type++)
		assert_null(e->hs->heads[type]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cluster_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_version_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renewed_keeps_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leaf_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_whole_with_differences, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unasked_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_subscriptions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removed_while_warming, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
