/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of engine.c: when what is committed.  The clock is a variable, the pipe a list of commits.
 */
#include "fake.h"

#include "engine.h"
#include "meshd/ipc.pb-c.h"
#include "pipe.h"

static int64_t now;

struct env {
	struct findings *findings;
	struct quarantine *quarantine;
	struct holds *hs;
	struct accept *a;
	struct publish *p, *capture;
	struct steering *steering;
	struct engine *e;
	char sent[8192];
	unsigned frames;
};

static int64_t on_clock(void)
{
	return now;
}

static void on_active(void *arg, enum rt type, const char *name)
{
	struct env *v = arg;

	engine_changed(v->e, type, name);
}

static void on_accepted(void *arg, struct hold *h)
{
}

static const struct holds_ops ops = { .active = on_active, .accepted = on_accepted };

static void say(struct env *v, const char *before, const char *text)
{
	size_t len = strlen(v->sent);

	snprintf(v->sent + len, sizeof v->sent - len, "%s%s", before, text);
}

static int on_send(void *arg, enum msg_type type, const ProtobufCMessage *body)
{
	struct env *v = arg;
	const Mesh__Objects *m = (const Mesh__Objects *)body;

	v->frames++;
	if (type != MSG_OBJECTS) {
		say(v, type == MSG_BEGIN ? "<" : ">", "");
		return 0;
	}
	for (size_t i = 0; i < m->n_put; i++)
		say(v, " ", m->put[i]->key);
	for (size_t i = 0; i < m->n_del; i++)
		say(v, " -", m->del[i]);
	say(v, m->last ? ";" : "", "");
	return 0;
}

/* Capture's side: "<" and ">" around a complete set. */
static int on_capture_send(void *arg, enum msg_type type, const ProtobufCMessage *body)
{
	struct env *v = arg;
	const Mesh__Addresses *m = (const Mesh__Addresses *)body;
	char text[128];

	if (type != MSG_ADDRESSES) {
		say(v, type == MSG_BEGIN ? " capture<" : ">", "");
		return 0;
	}
	for (size_t i = 0; i < m->n_put; i++) {
		snprintf(text, sizeof text, "%s:%u=%s/%d", m->put[i]->network, m->put[i]->port, m->put[i]->identity,
			 (int)m->put[i]->target);
		say(v, " +", text);
	}
	for (size_t i = 0; i < m->n_del; i++) {
		snprintf(text, sizeof text, "%s:%u", m->del[i]->network, m->del[i]->port);
		say(v, " release ", text);
	}
	say(v, m->last ? ";" : "", "");
	return 0;
}

static size_t on_pending(void *arg)
{
	return 0;
}

static int make_env(void **state, bool capture)
{
	struct env *v = calloc(1, sizeof *v);
	const struct publish_port port = { .send = on_send, .pending = on_pending, .arg = v };
	struct engine_options options = {
		.debounce_ms = 20, .max_debounce_ms = 500, .route_interval_ms = 1000, .clock = on_clock,
	};

	now = 100000;
	options.findings = v->findings = findings_new();
	assert_int_equal(quarantine_new(NULL, &v->quarantine), 0);
	options.quarantine = v->quarantine;
	assert_int_equal(publish_new(&port, &v->p), 0);
	options.publish = v->p;
	if (capture) {
		const struct publish_port to_capture = {
			.send = on_capture_send, .pending = on_pending, .arg = v, .frame = publish_addresses,
		};

		assert_int_equal(publish_new(&to_capture, &v->capture), 0);
		assert_int_equal(steering_new(v->capture, &v->steering), 0);
		options.steering = v->steering;
	}
	assert_int_equal(holds_new(&ops, v, v->findings, &v->hs), 0);
	assert_int_equal(accept_new(v->hs, v->quarantine, &v->a), 0);
	assert_int_equal(engine_new(&options, &v->e), 0);
	engine_bind(v->e, v->hs);
	*state = v;
	return 0;
}

static int setup(void **state)
{
	return make_env(state, false);
}

static int setup_capture(void **state)
{
	return make_env(state, true);
}

static int teardown(void **state)
{
	struct env *v = *state;

	engine_free(v->e);
	accept_free(v->a);
	holds_free(v->hs);
	publish_free(v->p);
	steering_free(v->steering);
	publish_free(v->capture);
	quarantine_free(v->quarantine);
	findings_free(v->findings);
	free(v);
	return 0;
}

static void open_pipe(struct env *v)
{
	publish_open(v->p);
	engine_opened(v->e);
}

/* One step now; what it sent. */
static const char *step(struct env *v)
{
	static char sent[8192];

	v->sent[0] = '\0';
	assert_int_equal(engine_step(v->e, now), 0);
	memcpy(sent, v->sent, sizeof sent);
	return sent;
}

/* Open, complete, and the empty set published. */
static void ready(struct env *v)
{
	open_pipe(v);
	engine_allow(v->e);
	engine_complete(v->e, false);
	assert_string_equal(step(v), "<>");
}

static void change(struct env *v, enum rt type, const char *const *resources)
{
	update(v->a, v->hs, type, WHOLE, resources, NULL, now);
}

static void test_nothing_before_the_end(void **state)
{
	struct env *v = *state;

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
	struct env *v = *state;

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
	struct env *v = *state;

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
	struct env *v = *state;

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
	struct env *v = *state;

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
	struct env *v = *state;

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
	struct env *v = *state;

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
	struct env *v = *state;

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
	struct env *v = *state;

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

static void change_many(struct env *v, int n)
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
	struct env *v = *state;
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
static const char *step_with_new_pipe(struct env *v)
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
	struct env *v = *state;

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

/* ---- capture ------------------------------------------------------------------------------ */

#define AT(ip) "at out tcp " ip " 80;"
#define PUT(ip) " +" ip ":80=127.64.0.9/1"

/* The frontend commits what it was sent last; what capture is sent then. */
static const char *commit(struct env *v)
{
	static char sent[8192];

	v->sent[0] = '\0';
	publish_committed(v->p, publish_stats(v->p).sent, 1);
	assert_int_equal(engine_committed(v->e, publish_stats(v->p).sent), 0);
	memcpy(sent, v->sent, sizeof sent);
	return sent;
}

static void capture_commits(struct env *v)
{
	publish_committed(v->capture, publish_stats(v->capture).sent, 0);
}

static void open_capture(struct env *v)
{
	v->sent[0] = '\0';
	publish_open(v->capture);
	assert_int_equal(engine_capture_opened(v->e), 0);
}

/* One listener at 10.0.0.1, captured. */
static void captured(struct env *v)
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
	struct env *v = *state;

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
	struct env *v = *state;

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
	struct env *v = *state;

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
	struct env *v = *state;

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
	struct env *v = *state;

	captured(v);
	change(v, RT_CLUSTER, LIST("a=1"));
	step(v);
	update(v->a, v->hs, RT_CLUSTER, WHOLE, LIST("b=1"), LIST("a"), now);
	assert_string_equal(step(v), " upstreams/b -upstreams/a;");
}

/* A capture that comes back gets all whose routes are committed, and nothing while there is no complete set. */
static void test_new_capture(void **state)
{
	struct env *v = *state;

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
	struct env *v = *state;

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
	struct env *v = *state;

	captured(v);
	publish_lost(v->p);
	open_pipe(v);
	assert_string_equal(step(v), "< routes/l>");
	assert_string_equal(commit(v), "");
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
