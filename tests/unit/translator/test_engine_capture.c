/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of engine.c with capture: addresses are captured after their routes are committed, and
 * released before these go.
 */
#include "engine_env.h"

#define AT(ip) "at out tcp " ip " 80;"
#define PUT(ip) " +" ip ":80=127.64.0.9/1"

/* The frontend commits what it was sent last; what capture is sent then. */
static const char *commit(struct engine_env *v)
{
	static char sent[8192];

	v->sent[0] = '\0';
	publish_committed(v->p, publish_stats(v->p).sent, 1);
	assert_int_equal(engine_committed(v->e, publish_stats(v->p).sent), 0);
	memcpy(sent, v->sent, sizeof sent);
	return sent;
}

static void capture_commits(struct engine_env *v)
{
	publish_committed(v->capture, publish_stats(v->capture).sent, 0);
}

static void open_capture(struct engine_env *v)
{
	v->sent[0] = '\0';
	publish_open(v->capture);
	assert_int_equal(engine_capture_opened(v->e), 0);
}

/* One listener at 10.0.0.1, captured. */
static void captured(struct engine_env *v)
{
	ready(v);
	open_capture(v);
	assert_string_equal(v->sent, "");
	now += 5000;
	assert_string_equal(commit(v), " capture<>");
	change(v, RT_LISTENER, LIST("l=" AT("10.0.0.1")));
	assert_string_equal(step(v), " routes/l;");
	assert_string_equal(commit(v), PUT("10.0.0.1") ";");
	capture_commits(v);
	now += 5000;
}

/* Captured after COMMITTED of the routes, not before. */
static void test_captured_after(void **state)
{
	struct engine_env *v = *state;

	captured(v);
	change(v, RT_LISTENER, LIST("m=" AT("10.0.0.2")));
	assert_string_equal(step(v), " routes/m;");
	now += 5000;
	/* An older commit is none of it. */
	assert_int_equal(engine_committed(v->e, publish_stats(v->p).sent - 1), 0);
	assert_string_equal(step(v), "");
	assert_string_equal(commit(v), PUT("10.0.0.2") ";");
	assert_string_equal(commit(v), "");
}

/* Released before the routes go; what else the run has does not wait. */
static void test_released_before(void **state)
{
	struct engine_env *v = *state;

	captured(v);
	change(v, RT_CLUSTER, LIST("a=1"));
	update(v->a, v->hs, RT_LISTENER, WHOLE, LIST("m=1"), LIST("l"), now);
	assert_string_equal(step(v), " routes/m upstreams/a; release 10.0.0.1:80;");
	assert_int_equal(engine_next(v->e, now), now + STEERING_WAIT_MS);
	now += STEERING_WAIT_MS - 1;
	assert_string_equal(step(v), "");
	capture_commits(v);
	assert_int_equal(engine_next(v->e, now), now);
	assert_string_equal(step(v), " -routes/l;");
	assert_int_equal(engine_next(v->e, now), -1);
	assert_int_equal(findings_count(v->findings, MESH_SEV_WARN), 0);
}

/* Capture says nothing: the deletion goes on after a time, with a finding. */
static void test_release_is_late(void **state)
{
	struct engine_env *v = *state;

	captured(v);
	update(v->a, v->hs, RT_LISTENER, WHOLE, NULL, LIST("l"), now);
	assert_string_equal(step(v), " release 10.0.0.1:80;");
	now += STEERING_WAIT_MS;
	assert_string_equal(step(v), " -routes/l;");
	assert_int_equal(findings_count(v->findings, MESH_SEV_WARN), 1);
	capture_commits(v);
	/* The next one is in time. */
	now += 5000;
	change(v, RT_LISTENER, LIST("m=" AT("10.0.0.2")));
	assert_string_equal(step(v), " routes/m;");
	commit(v);
	capture_commits(v);
	now += 5000;
	update(v->a, v->hs, RT_LISTENER, WHOLE, NULL, LIST("m"), now);
	assert_string_equal(step(v), " release 10.0.0.2:80;");
	capture_commits(v);
	assert_string_equal(step(v), " -routes/m;");
	assert_int_equal(findings_count(v->findings, MESH_SEV_WARN), 0);
}

/* Gone before its routes were committed: capture never hears of it. */
static void test_never_captured(void **state)
{
	struct engine_env *v = *state;

	captured(v);
	change(v, RT_LISTENER, LIST("m=" AT("10.0.0.2")));
	assert_string_equal(step(v), " routes/m;");
	now += 5000;
	update(v->a, v->hs, RT_LISTENER, WHOLE, NULL, LIST("m"), now);
	assert_string_equal(step(v), " release 10.0.0.2:80;");
	assert_string_equal(commit(v), "");
}

/* Nothing is released that has nothing to do with addresses: one commit, as without capture. */
static void test_no_wait_for_others(void **state)
{
	struct engine_env *v = *state;

	captured(v);
	change(v, RT_CLUSTER, LIST("a=1"));
	step(v);
	update(v->a, v->hs, RT_CLUSTER, WHOLE, LIST("b=1"), LIST("a"), now);
	assert_string_equal(step(v), " upstreams/b -upstreams/a;");
}

/* A capture that comes back gets all whose routes are committed, and nothing while there is no complete set. */
static void test_new_capture(void **state)
{
	struct engine_env *v = *state;

	captured(v);
	steering_lost(v->steering);
	publish_lost(v->capture);
	change(v, RT_LISTENER, LIST("m=" AT("10.0.0.2")));
	assert_string_equal(step(v), " routes/m;");
	open_capture(v);
	assert_string_equal(v->sent, " capture<" PUT("10.0.0.1") ">");
	assert_string_equal(commit(v), PUT("10.0.0.2") ";");
}

/* A capture that is gone may have the address still: the deletion waits for the next one. */
static void test_capture_is_gone(void **state)
{
	struct engine_env *v = *state;

	captured(v);
	steering_lost(v->steering);
	publish_lost(v->capture);
	update(v->a, v->hs, RT_LISTENER, WHOLE, NULL, LIST("l"), now);
	assert_string_equal(step(v), "");
	assert_int_equal(engine_next(v->e, now), now + STEERING_WAIT_MS);
	open_capture(v);
	assert_string_equal(v->sent, " capture<>");
	assert_string_equal(step(v), "");
	capture_commits(v);
	assert_string_equal(step(v), " -routes/l;");
}

/* A frontend that comes back: capture hears nothing of it. */
static void test_new_frontend_beside_capture(void **state)
{
	struct engine_env *v = *state;

	captured(v);
	publish_lost(v->p);
	open_pipe(v);
	assert_string_equal(step(v), "< routes/l>");
	assert_string_equal(commit(v), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_captured_after, setup_capture, teardown),
		cmocka_unit_test_setup_teardown(test_released_before, setup_capture, teardown),
		cmocka_unit_test_setup_teardown(test_release_is_late, setup_capture, teardown),
		cmocka_unit_test_setup_teardown(test_never_captured, setup_capture, teardown),
		cmocka_unit_test_setup_teardown(test_no_wait_for_others, setup_capture, teardown),
		cmocka_unit_test_setup_teardown(test_new_capture, setup_capture, teardown),
		cmocka_unit_test_setup_teardown(test_capture_is_gone, setup_capture, teardown),
		cmocka_unit_test_setup_teardown(test_new_frontend_beside_capture, setup_capture, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
