/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream's life: how it begins, how it ends, what the operator sees; how fast it goes on to the translator; and
 * what a server that does not follow the rules gets.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pbwrite.h"
#include "world.h"

static int setup_auto(void **state)
{
	*state = world_new(ADS_AUTO);
	world_start(*state);
	return 0;
}

static int setup_sotw(void **state)
{
	*state = world_new(ADS_SOTW);
	world_start(*state);
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* ---- beginning and end ---------------------------------------------------------------------- */

static void test_states(void **state)
{
	struct world *w = *state;

	assert_false(w->open);
	assert_non_null(strstr(w->detail, "connecting since "));
	fake_drained();
	assert_false(w->open);
	assert_non_null(strstr(w->detail, "grpc://server:1 was asked at "));
	assert_non_null(strstr(w->detail, "has not answered yet; waiting"));
	respond(w, CDS, "s1", "A", "a:1=x");
	assert_true(w->open);
	assert_non_null(strstr(w->detail, "connected to grpc://server:1 since "));
	assert_int_equal(w->opened, 1);
	ads_stop(w->ads);
	assert_int_equal(w->ended, 1);
	assert_int_equal(fake_grpc.cancelled, 1);
	world_run(w);
	assert_null(fake_grpc.call);
}

static void test_headers(void **state)
{
	struct world *w = *state;

	assert_string_equal(fake_grpc.metadata, "authorization: secret\nsecond: 2\n");
	w->token = NULL;
	fake_end(GRPC_UNAVAILABLE, "", false, false);
	/* No attempt without credentials; the next time they are read anew. */
	while (strstr(w->detail, "there are no credentials") == NULL)
		event_base_loop(w->loop, EVLOOP_ONCE);
	assert_int_equal(fake_grpc.calls, 1);
	w->token = "fresh";
	world_wait(w, is_calling);
	assert_string_equal(fake_grpc.metadata, "authorization: fresh\nsecond: 2\n");
}

static int64_t pause_ms(struct world *w)
{
	struct timeval at, now;

	assert_true(event_pending(w->ads->retry, EV_TIMEOUT, &at));
	evutil_gettimeofday(&now, NULL);
	return (at.tv_sec - now.tv_sec) * 1000 + (at.tv_usec - now.tv_usec) / 1000;
}

static void test_falls_back(void **state)
{
	struct world *w = *state;

	assert_non_null(strstr(fake_grpc.path, "/DeltaAggregatedResources"));
	fake_end(GRPC_UNIMPLEMENTED, "what?", false, false);
	w->at = fake_grpc.n_sent;
	world_run(w);
	assert_non_null(strstr(fake_grpc.path, "/StreamAggregatedResources"));
	assert_request(w, "Cluster node=me");
	/* Remembered: also with a new translator. */
	ads_held(w->ads, NULL, 0);
	ads_restart(w->ads);
	assert_non_null(strstr(fake_grpc.path, "/StreamAggregatedResources"));
	/* Now it is an error like any other. */
	fake_end(GRPC_UNIMPLEMENTED, "what?", false, false);
	assert_non_null(strstr(w->detail, "no aggregated xDS v3 there"));
	assert_null(fake_grpc.call);
}

static void test_refused_pause(void **state)
{
	struct world *w = *state;

	fake_end(GRPC_UNAUTHENTICATED, "no", false, false);
	assert_in_range(pause_ms(w), 4800, 5700);
	assert_non_null(strstr(w->detail, "renew token_file"));
	assert_int_equal(fake_grpc.refreshed, 1);
	assert_int_equal(w->ended, 0);
}

static void test_unprocessed(void **state)
{
	struct world *w = *state;

	fake_end(GRPC_UNAVAILABLE, "go away", true, true);
	assert_true(pause_ms(w) < 20);
	world_run(w);
	assert_non_null(fake_grpc.call);
	/* But not for ever. */
	fake_end(GRPC_UNAVAILABLE, "go away", true, true);
	assert_non_null(strstr(w->detail, "next attempt at"));
}

static void test_backoff(void **state)
{
	struct backoff b = { 0 };
	static const int64_t limits[] = { 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000 };

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct backoff same = b;

		assert_int_equal(backoff_next(&same, (uint32_t)limits[i]), limits[i]);
		assert_int_equal(backoff_next(&b, (uint32_t)limits[i] + 1), 0);
	}
	backoff_reset(&b);
	assert_int_equal(backoff_next(&b, 501 + 7), 7);
}

static void test_backoff_resets(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 2; i++) {
		fake_end(GRPC_UNAVAILABLE, "", false, false);
		world_wait(w, is_calling);
	}
	assert_int_equal(w->ads->backoff.attempts, 2);
	respond(w, CDS, "1", "A", "a:1=x");
	assert_int_equal(w->ads->backoff.attempts, 0);
}

/* ---- the log and the loop ------------------------------------------------------------------- */

static void test_flood(void **state)
{
	struct world *w = *state;
	size_t logged;

	respond(w, CDS, "1", "A", "");
	logged = w->n_logged;
	for (int i = 0; i < 2000; i++)
		respond(w, CDS, "1", "A", "");
	for (int i = 0; i < 200; i++)
		respond(w, RDS, "1", "A", "r=1");
	for (int i = 0; i < 200; i++)
		respond(w, LDS, "1", "A", i % 2 == 0 ? "a=1 a=1" : "b=1 b=1");
	assert_true(w->n_logged - logged <= 4);
	assert_int_equal(fake_grpc.n_sent, 2 + 1 + 2000 + 200 + 200);
}

/* A server that sends and does not read is not read from either. */
static void test_unread_requests(void **state)
{
	struct world *w = *state;

	fake_grpc.pending = PENDING_MAX + 1;
	respond(w, CDS, "1", "A", "a=1");
	assert_true(fake_grpc.paused);
	fake_drained();
	assert_true(fake_grpc.paused);
	fake_grpc.pending = 0;
	fake_drained();
	assert_false(fake_grpc.paused);
}

/* ---- slices --------------------------------------------------------------------------------- */

static void large(struct buf *out, size_t n, size_t size)
{
	_cleanup_free_ char *content = malloc(size + 1), *text = malloc(n * (size + 16));
	size_t at = 0;

	memset(content, 'x', size);
	content[size] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)sprintf(text + at, "r%zu=%s ", i, content);
	encode(out, false, CDS, "1", "A", text);
}

static void test_slices(void **state)
{
	struct world *w = *state;
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	large(&out, 100, 20000);
	fake_send(out.data, out.len);
	world_run(w);
	assert_int_equal(w->n_seen, 1);
	assert_int_equal(w->seen[0].resources, 100);
	assert_in_range(w->seen[0].calls, 7, 9);
	assert_in_range(w->seen[0].largest, 256 << 10, (256 << 10) + 20100);
	assert_int_equal(w->seen[0].flags, MESH_UPDATE_FIRST | MESH_UPDATE_LAST | MESH_UPDATE_SNAPSHOT);
}

static void test_busy(void **state)
{
	struct world *w = *state;
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	large(&out, 100, 20000);
	w->busy_after = 3;
	fake_send(out.data, out.len);
	world_run(w);
	assert_int_equal(w->seen[0].calls, 3);
	assert_true(fake_grpc.paused);
	/* Even if the stream ends meanwhile, what has begun is finished. */
	fake_end(GRPC_UNAVAILABLE, "", false, false);
	ads_resume(w->ads);
	world_run(w);
	assert_int_equal(w->n_seen, 1);
	assert_int_equal(w->seen[0].resources, 100);
	assert_true((w->seen[0].flags & MESH_UPDATE_LAST) != 0);
	assert_int_equal(w->ads->types->accepted.n, 100);
}

/* One that has not begun goes with its stream. */
static void test_waiting_is_dropped(void **state)
{
	struct world *w = *state;

	w->verdicts = BY_HAND;
	respond(w, CDS, "1", "A", "a=1");
	respond(w, CDS, "2", "B", "a=2");
	fake_end(GRPC_UNAVAILABLE, "", false, false);
	verdict(w, 0, true, "");
	assert_int_equal(w->n_seen, 1);
}

static void test_host_fails(void **state)
{
	struct world *w = *state;

	w->answer = -ENOMEM;
	w->at = fake_grpc.n_sent;
	respond(w, CDS, "1", "A", "a=1");
	assert_request(w, "Cluster n=A error=3:it cannot be handed to the translator");
	w->answer = 0;
	respond(w, CDS, "1", "B", "a=1");
	assert_string_equal(newest(w, 0), "a=1");
	assert_request(w, "Cluster v=1 n=B");
}

/* Many that are known already cost no call each. */
static void test_unchanged_is_cheap(void **state)
{
	struct world *w = *state;
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	large(&out, 2000, 10);
	for (int i = 0; i < 2; i++) {
		fake_send(out.data, out.len);
		world_run(w);
	}
	assert_int_equal(w->n_seen, 2);
	assert_int_equal(w->seen[1].resources, 2000);
	assert_int_equal(w->seen[1].bytes, 0);
	assert_int_equal(w->seen[1].calls, 4);
}

/* ---- the plugin's own ----------------------------------------------------------------------- */

static void test_own(void **state)
{
	struct world *w = *state;
	const struct mesh_resource own = { SDS, "default", "1", (const uint8_t *)"\x0a\x01z", 3 };
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	large(&out, 100, 20000);
	w->busy_after = 3;
	fake_send(out.data, out.len);
	assert_int_equal(ads_deliver(w->ads, &own, 1), 0);
	world_run(w);
	assert_int_equal(w->n_seen, 1);
	ads_resume(w->ads);
	world_run(w);
	/* Behind the response, never within. */
	assert_string_equal(newest(w, 1), "default:1");
	assert_int_equal(w->seen[1].flags, MESH_UPDATE_FIRST | MESH_UPDATE_LAST);
	assert_string_equal(w->seen[1].type, SDS);
}

static void test_tell(void **state)
{
	struct world *w = *state;

	w->at = fake_grpc.n_sent;
	ads_tell(w->ads, TYPES "istio.v1.HealthInformation", 500, "sick");
	ads_tell(w->ads, TYPES "istio.v1.HealthInformation", 0, NULL);
	assert_request(w, "HealthInformation error=500:sick");
	assert_request(w, "HealthInformation");
}

/* ---- what is no response -------------------------------------------------------------------- */

static void test_malformed(void **state)
{
	struct world *w = *state;

	fake_send("\xff\xff\xff", 3);
	assert_null(fake_grpc.call);
	assert_int_equal(fake_grpc.cancelled, 1);
	assert_non_null(strstr(w->detail, "no discovery response with a type; is this an xDS v3 server?"));
	world_wait(w, is_calling);
	/* No type, as good as nothing; the pauses grow, as nothing good has come. */
	fake_send("", 0);
	assert_null(fake_grpc.call);
	assert_int_equal(w->ads->backoff.attempts, 2);
}

static void test_malformed_resource(void **state)
{
	struct world *w = *state;
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	encode(&out, false, CDS, "1", "A", "a=1");
	buf_put_bytes(&out, 2, "\x0a\xff", 2);
	fake_send(out.data, out.len);
	w->at = fake_grpc.n_sent - 1;
	assert_request(w, "Cluster n=A error=3:resources[1] or what follows it is not well-formed protobuf; nothing of "
			  "this response is used");
	assert_int_equal(w->n_seen, 0);
}

static void test_bad_names(void **state)
{
	struct world *w = *state;
	static char name[ADS_NAME_MAX + 10];

	memset(name, 'n', sizeof name - 1);
	respond(w, CDS, "1", "A", name);
	respond(w, CDS, "1", "B", "a\xff");
	w->at = fake_grpc.n_sent - 2;
	assert_non_null(strstr(request(w), "is longer than 4096 bytes"));
	assert_request(w, "Cluster n=B error=3:resources[0]: the name (unreadable) is not UTF-8; nothing of this "
			  "response is used");
	assert_int_equal(w->n_seen, 0);
}

/* ---- status --------------------------------------------------------------------------------- */

static void show_type(void *arg, const struct mesh_source_type *t)
{
	char *text = arg;

	sprintf(text + strlen(text), "%s v=%s %zu/%zu%s %d %d %s\n", strrchr(t->type_url, '.') + 1, t->version,
		t->resources, t->names, t->wildcard ? "*" : "", t->acked > 0, t->nacked > 0, t->reason);
}

static void show_stat(void *arg, const char *name, const char *value)
{
	char *text = arg;

	sprintf(text + strlen(text), "%s=%s\n", name, value);
}

static void test_status(void **state)
{
	struct world *w = *state;
	char text[4096] = "";

	want(w, EDS, "x y");
	respond(w, CDS, "1", "A", "a=1 b=1");
	respond(w, EDS, "5", "A", "x=1");
	w->verdicts = REFUSE;
	respond(w, CDS, "2", "B", "a=1 c=bad");
	ads_types(w->ads, show_type, text);
	/* c was never accepted. */
	assert_string_equal(text, "Cluster v=1 2/0* 1 1 bad\n"
				  "Listener v= 0/0* 0 0 \n"
				  "ClusterLoadAssignment v=5 1/2 1 0 \n");
	text[0] = '\0';
	ads_stats(w->ads, show_stat, text);
	assert_non_null(strstr(text, "protocol=sotw\nstreams=1\nresponses=3\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_states, setup_auto, teardown),
		cmocka_unit_test_setup_teardown(test_headers, setup_auto, teardown),
		cmocka_unit_test_setup_teardown(test_falls_back, setup_auto, teardown),
		cmocka_unit_test_setup_teardown(test_refused_pause, setup_auto, teardown),
		cmocka_unit_test_setup_teardown(test_unprocessed, setup_auto, teardown),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test_setup_teardown(test_backoff_resets, setup_auto, teardown),
		cmocka_unit_test_setup_teardown(test_flood, setup_sotw, teardown),
		cmocka_unit_test_setup_teardown(test_unread_requests, setup_sotw, teardown),
		cmocka_unit_test_setup_teardown(test_slices, setup_sotw, teardown),
		cmocka_unit_test_setup_teardown(test_busy, setup_sotw, teardown),
		cmocka_unit_test_setup_teardown(test_waiting_is_dropped, setup_sotw, teardown),
		cmocka_unit_test_setup_teardown(test_host_fails, setup_sotw, teardown),
		cmocka_unit_test_setup_teardown(test_unchanged_is_cheap, setup_sotw, teardown),
		cmocka_unit_test_setup_teardown(test_own, setup_sotw, teardown),
		cmocka_unit_test_setup_teardown(test_tell, setup_sotw, teardown),
		cmocka_unit_test_setup_teardown(test_malformed, setup_sotw, teardown),
		cmocka_unit_test_setup_teardown(test_malformed_resource, setup_sotw, teardown),
		cmocka_unit_test_setup_teardown(test_bad_names, setup_sotw, teardown),
		cmocka_unit_test_setup_teardown(test_status, setup_sotw, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
