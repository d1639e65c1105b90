/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of engine.c: when what is committed to the frontend; test_engine_capture.c has capture's part.
 */
#include "engine_env.h"

static void test_nothing_before_the_end(void **state)
{
	struct engine_env *v = *state;

	open_pipe(v);
	change(v, RT_CLUSTER, LIST("a=1"));
	assert_string_equal(step(v), "");
	assert_int_equal(engine_next(v->e, now), -1);
	engine_allow(v->e);
	engine_complete(v->e, false);
	assert_int_equal(engine_next(v->e, now), now);
	assert_string_equal(step(v), "< upstreams/a>");
	assert_true(engine_settled(v->e));
}

static void test_same_turn(void **state)
{
	struct engine_env *v = *state;

	ready(v);
	change(v, RT_CLUSTER, LIST("a=1"));
	assert_string_equal(step(v), " upstreams/a;");
	change(v, RT_CLUSTER, LIST("a=1"));
	assert_int_equal(engine_next(v->e, now), -1);
	assert_string_equal(step(v), "");
}

/* While something warms, what comes within the debounce is joined, but not for ever. */
static void test_debounce(void **state)
{
	struct engine_env *v = *state;

	ready(v);
	change(v, RT_CLUSTER, LIST("a=1", "b=need endpoint x -1"));
	assert_string_equal(step(v), "");
	assert_int_equal(engine_next(v->e, now), now + 20);
	now += 19;
	change(v, RT_CLUSTER, LIST("a=2"));
	assert_int_equal(engine_next(v->e, now), now + 20);
	/* Complete: at once. */
	change(v, RT_ENDPOINT, LIST("x=1"));
	assert_string_equal(step(v), " upstreams/a upstreams/b;");
	change(v, RT_CLUSTER, LIST("c=need endpoint y -1"));
	for (int i = 0; i < 60; i++, now += 10) {
		char text[16];

		snprintf(text, sizeof text, "a=%d", 10 + i);
		change(v, RT_CLUSTER, LIST(text));
		if (step(v)[0] != '\0')
			break;
		assert_true(i < 50);
	}
}

/* The first route change goes out at once, further ones together; clusters do not wait. */
static void test_route_interval(void **state)
{
	struct engine_env *v = *state;

	ready(v);
	now += 5000;
	change(v, RT_LISTENER, LIST("l=1"));
	assert_string_equal(step(v), " routes/l;");
	change(v, RT_LISTENER, LIST("l=2"));
	change(v, RT_CLUSTER, LIST("a=1"));
	assert_string_equal(step(v), " upstreams/a;");
	change(v, RT_LISTENER, LIST("l=3", "m=1"));
	assert_string_equal(step(v), "");
	assert_int_equal(engine_next(v->e, now), now + 1000);
	now += 1000;
	assert_string_equal(step(v), " routes/l routes/m;");
}

/* A held route change holds the deletion of what published routes may name. */
static void test_held_deletion(void **state)
{
	struct engine_env *v = *state;

	ready(v);
	now += 5000;
	change(v, RT_CLUSTER, LIST("a=1", "b=1"));
	change(v, RT_LISTENER, LIST("l=to a"));
	assert_string_equal(step(v), " routes/l upstreams/a upstreams/b;");
	change(v, RT_LISTENER, LIST("l=to b"));
	update(v->a, v->hs, RT_CLUSTER, WHOLE, LIST("c=1"), LIST("a", "b"), now);
	assert_string_equal(step(v), " upstreams/c;");
	/* One of them comes back meanwhile: nothing is deleted. */
	change(v, RT_CLUSTER, LIST("b=1"));
	assert_string_equal(step(v), " upstreams/b;");
	now += 1000;
	assert_string_equal(step(v), " routes/l -upstreams/a;");
	assert_int_equal(engine_next(v->e, now), -1);
}

/* A frontend that comes back gets everything, as one complete set. */
static void test_new_receiver(void **state)
{
	struct engine_env *v = *state;

	ready(v);
	now += 5000;
	change(v, RT_CLUSTER, LIST("a=1", "b=1"));
	step(v);
	publish_lost(v->p);
	update(v->a, v->hs, RT_CLUSTER, WHOLE, LIST("c=1"), LIST("a"), now);
	assert_string_equal(step(v), "");
	open_pipe(v);
	assert_string_equal(step(v), "< upstreams/b upstreams/c>");
}

/* Without a store, what has never been active may be on the other side: nothing is deleted before it is known. */
static void test_incomplete_never_deletes(void **state)
{
	struct engine_env *v = *state;

	open_pipe(v);
	change(v, RT_CLUSTER, LIST("a=1", "b=need endpoint x -1"));
	engine_allow(v->e);
	engine_complete(v->e, false);
	now += 20;
	assert_string_equal(step(v), " upstreams/a;");
	assert_false(engine_settled(v->e));
	change(v, RT_ENDPOINT, LIST("x=1"));
	assert_string_equal(step(v), "< upstreams/a upstreams/b>");
	/* From now on a cluster that warms for the first time is on no other side. */
	publish_lost(v->p);
	change(v, RT_CLUSTER, LIST("c=need endpoint y -1"));
	open_pipe(v);
	now += 20;
	assert_string_equal(step(v), "< upstreams/a upstreams/b>");
}

/* A store that was complete: at once. */
static void test_from_store(void **state)
{
	struct engine_env *v = *state;

	change(v, RT_CLUSTER, LIST("a=1", "b=need endpoint x 0"));
	engine_allow(v->e);
	engine_complete(v->e, true);
	open_pipe(v);
	now += 20;
	assert_string_equal(step(v), "< upstreams/a>");
}

/* An incomplete first snapshot: added to, nothing deleted, ever. */
static void test_unreadable_source(void **state)
{
	struct engine_env *v = *state;

	open_pipe(v);
	change(v, RT_CLUSTER, LIST("a=1"));
	engine_allow(v->e);
	assert_string_equal(step(v), " upstreams/a;");
	assert_int_equal(engine_next(v->e, now), -1);
}

static void slow_work(const struct resource *r, bool check)
{
	now += 1;
}

static void change_many(struct engine_env *v, int n)
{
	for (int i = 0; i < n; i++) {
		char text[32];

		snprintf(text, sizeof text, "c%03d=1", i);
		change(v, RT_CLUSTER, LIST(text));
	}
}

/* Long work is cut into slices and is still one commit. */
static void test_slices(void **state)
{
	struct engine_env *v = *state;
	unsigned steps = 0;

	ready(v);
	change_many(v, 300);
	fake_on_work = slow_work;
	v->frames = 0;
	do {
		assert_int_equal(v->frames, 0);
		step(v);
		steps++;
	} while (engine_running(v->e));
	fake_on_work = NULL;
	assert_in_range(steps, 3, 10);
	assert_int_equal(v->frames, 1);
}

/* Steps to the end of a run in which the pipe breaks and is replaced after the first slice. */
static const char *step_with_new_pipe(struct engine_env *v)
{
	const char *sent = step(v);

	assert_true(engine_running(v->e));
	assert_string_equal(sent, "");
	publish_lost(v->p);
	open_pipe(v);
	while (engine_running(v->e))
		sent = step(v);
	return sent;
}

static size_t count_keys(const char *sent)
{
	size_t n = 0;

	while ((sent = strstr(sent, " upstreams/")) != NULL) {
		sent++;
		n++;
	}
	return n;
}

/*
 * A pipe that is new in the middle of a run has only what comes after: that is no commit. Once the run was to
 * be a difference, once the complete set.
 */
static void test_new_receiver_between_slices(void **state)
{
	struct engine_env *v = *state;

	ready(v);
	change_many(v, 300);
	fake_on_work = slow_work;
	assert_string_equal(step_with_new_pipe(v), "");
	assert_string_equal(step_with_new_pipe(v), "");
	fake_on_work = NULL;
	step(v);
	assert_false(engine_running(v->e));
	assert_int_equal(v->sent[0], '<');
	assert_int_equal(count_keys(v->sent), 300);
	assert_int_equal(engine_next(v->e, now), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_before_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_debounce, setup, teardown),
		cmocka_unit_test_setup_teardown(test_route_interval, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_deletion, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_receiver, setup, teardown),
		cmocka_unit_test_setup_teardown(test_incomplete_never_deletes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_from_store, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable_source, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_receiver_between_slices, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
