/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of the world: what is asked, what is answered, what the translator gets (XDS.md 2, 4 and 10).
 */
#include <string.h>

#include "world.h"

static int setup(void **state)
{
	struct world *w = world_new(ADS_SOTW);

	world_start(w);
	assert_request(w, "Cluster node=me");
	assert_request(w, "Listener");
	assert_silent(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

static void test_accepts(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "1", "A", "a=1 b=2");
	assert_string_equal(newest(w, 0), "a=1 b=2");
	assert_int_equal(w->seen[0].flags, MESH_UPDATE_FIRST | MESH_UPDATE_LAST | MESH_UPDATE_SNAPSHOT);
	assert_string_equal(w->seen[0].version, "1");
	assert_request(w, "Cluster v=1 n=A");
	/* The same nonce of another type is another one. */
	respond(w, LDS, "1", "A", "l=1");
	assert_request(w, "Listener v=1 n=A");
	assert_silent(w);
	assert_int_equal(w->nodes, 1);
	assert_true(w->open);
}

static void test_refuses(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "1", "A", "a=1");
	w->verdicts = REFUSE;
	respond(w, CDS, "2", "B", "a=2");
	w->verdicts = ACCEPT;
	respond(w, CDS, "3", "C", "a=3");
	assert_request(w, "Cluster v=1 n=A");
	assert_request(w, "Cluster v=1 n=B error=3:bad");
	assert_request(w, "Cluster v=3 n=C");
	assert_non_null(strstr(w->log, "is refused (NACK): bad"));
}

/* Nothing was accepted yet: the version is empty. */
static void test_refuses_the_first(void **state)
{
	struct world *w = *state;

	w->verdicts = REFUSE;
	respond(w, CDS, "1", "A", "a=1");
	assert_request(w, "Cluster n=A error=3:bad");
	assert_silent(w);
}

/* After a refusal nobody knows what is held: everything is handed over again. */
static void test_resends_after_refusal(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "1", "A", "a=1 b=1");
	w->verdicts = REFUSE;
	respond(w, CDS, "2", "B", "a=2 b=bad");
	w->verdicts = ACCEPT;
	respond(w, CDS, "1", "C", "a=1 b=1");
	assert_string_equal(newest(w, 2), "a=1 b=1");
}

static void test_leaves_out_what_is_held(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "1", "A", "a=1 b=1 c=1");
	respond(w, CDS, "2", "B", "a=1 b=2");
	assert_string_equal(newest(w, 1), "a b=2");
	/* c is gone; when it comes again, its bytes must come too. */
	respond(w, CDS, "3", "C", "a=1 b=2 c=1");
	assert_string_equal(newest(w, 2), "a b c=1");
	want(w, EDS, "x y");
	respond(w, EDS, "1", "A", "x=1 y=1");
	respond(w, EDS, "2", "B", "x=1 y=2");
	assert_string_equal(newest(w, 4), "y=2");
	assert_int_equal(w->seen[4].flags & MESH_UPDATE_SNAPSHOT, 0);
}

static void test_empties(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "1", "A", "a=1 b=1");
	respond(w, CDS, "2", "B", "");
	assert_string_equal(newest(w, 1), "");
	assert_true((w->seen[1].flags & MESH_UPDATE_SNAPSHOT) != 0);
	assert_non_null(strstr(w->log, "there is no Cluster any more: all 2 go"));
	request(w);
	assert_request(w, "Cluster v=2 n=B");
}

static void test_names(void **state)
{
	struct world *w = *state;

	/* Nothing is asked before there is a name. */
	want(w, EDS, "");
	assert_silent(w);
	want(w, EDS, "y x");
	assert_request(w, "ClusterLoadAssignment [x y]");
	respond(w, EDS, "1", "A", "x=1 y=1 z=1");
	/* What nobody asked for is passed over. */
	assert_string_equal(newest(w, 0), "x=1 y=1");
	assert_request(w, "ClusterLoadAssignment v=1 n=A [x y]");
	want(w, EDS, "x y z");
	assert_request(w, "ClusterLoadAssignment v=1 n=A [x y z]");
	want(w, EDS, "x y z");
	assert_silent(w);
	respond(w, EDS, "2", "B", "x=1 y=1 z=1");
	assert_string_equal(newest(w, 1), "z=1");
	assert_request(w, "ClusterLoadAssignment v=2 n=B [x y z]");
	want(w, EDS, "z");
	assert_request(w, "ClusterLoadAssignment v=2 n=B [z]");
	want(w, EDS, "");
	assert_request(w, "ClusterLoadAssignment v=2 n=B");
	want(w, EDS, "x");
	assert_request(w, "ClusterLoadAssignment v=2 n=B [x]");
	/* It was given up before, so it is handed over although it is the same as then. */
	respond(w, EDS, "3", "C", "x=1");
	assert_string_equal(newest(w, 2), "x=1");
}

/* Names change while a response is at the translator's: the answer names them all. */
static void test_names_cross_an_answer(void **state)
{
	struct world *w = *state;

	want(w, EDS, "x");
	w->verdicts = BY_HAND;
	respond(w, EDS, "1", "A", "x=1");
	want(w, EDS, "x y");
	assert_request(w, "ClusterLoadAssignment [x]");
	assert_silent(w);
	verdict(w, 0, true, "");
	assert_request(w, "ClusterLoadAssignment v=1 n=A [x y]");
	assert_silent(w);
	/* A refusal changes no names; a request of its own follows. */
	respond(w, EDS, "2", "B", "x=2");
	want(w, EDS, "z");
	verdict(w, 1, false, "bad x");
	assert_request(w, "ClusterLoadAssignment v=1 n=B [x y] error=3:bad x");
	assert_request(w, "ClusterLoadAssignment v=1 n=B [z]");
	assert_silent(w);
}

/* The second of a type waits for the verdict of the first, and keeps the stream waiting. */
static void test_one_at_a_time(void **state)
{
	struct world *w = *state;

	w->verdicts = BY_HAND;
	respond(w, CDS, "1", "A", "a=1");
	respond(w, LDS, "1", "A", "l=1");
	assert_int_equal(w->n_seen, 2);
	assert_false(fake_grpc.paused);
	respond(w, CDS, "2", "B", "a=2");
	assert_true(fake_grpc.paused);
	respond(w, CDS, "3", "C", "a=3");
	assert_int_equal(w->n_seen, 2);
	verdict(w, 0, true, "");
	assert_string_equal(newest(w, 2), "a=2");
	assert_request(w, "Cluster v=1 n=A");
	verdict(w, 2, true, "");
	verdict(w, 3, true, "");
	verdict(w, 1, true, "");
	assert_request(w, "Cluster v=2 n=B");
	assert_request(w, "Cluster v=3 n=C");
	assert_request(w, "Listener v=1 n=A");
	assert_silent(w);
	assert_false(fake_grpc.paused);
}

static void test_warming(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "1", "A", "a=1");
	want(w, EDS, "x");
	respond(w, EDS, "1", "A", "x=1");
	w->at = fake_grpc.n_sent;
	respond(w, CDS, "2", "B", "a=2");
	assert_request(w, "Cluster v=2 n=B");
	assert_silent(w);
	world_wait(w, has_requests);
	assert_request(w, "ClusterLoadAssignment v=1 n=A [x]");
	/* Nothing has changed: nothing warms. */
	respond(w, CDS, "3", "C", "a=2");
	assert_request(w, "Cluster v=3 n=C");
	assert_false(w->ads->types->next->next->again);
	/* New names are asked for anyway, and once. */
	respond(w, CDS, "4", "D", "a=3");
	want(w, EDS, "x y");
	assert_request(w, "Cluster v=4 n=D");
	assert_request(w, "ClusterLoadAssignment v=1 n=A [x y]");
	assert_false(w->ads->types->next->next->again);
}

static void test_duplicates(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "1", "A", "a=1 b=1 a=1");
	assert_int_equal(w->n_seen, 0);
	assert_request(w, "Cluster n=A error=3:resources[2]: the name 'a' stands twice; nothing of this response is "
			  "used; send each name once");
	assert_non_null(strstr(w->findings, "Cluster : resources[2]"));
	respond(w, CDS, "2", "B", "a=1 b=1");
	assert_request(w, "Cluster v=2 n=B");
	assert_string_equal(w->findings, "");
}

static void test_other_types(void **state)
{
	struct world *w = *state;
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	/* A listener among clusters. */
	encode(&out, false, CDS, "1", "A", "a=1");
	encode(&out, false, LDS, "1", "A", "l=1");
	encode(&out, false, CDS, "1", "A", "");
	fake_send(out.data, out.len);
	world_run(w);
	assert_int_equal(w->n_seen, 0);
	assert_non_null(strstr(request(w), "error=3:resources[1] 'l': it is of type '" LDS "' in a response of type '"
					   CDS));
	/* A type that nobody asked for: answered, not used, told once. */
	respond(w, RDS, "7", "R", "r=1");
	respond(w, RDS, "8", "S", "r=1");
	assert_request(w, "RouteConfiguration v=7 n=R");
	assert_request(w, "RouteConfiguration v=8 n=S");
	assert_int_equal(w->n_seen, 0);
	assert_non_null(strstr(w->log, "which nobody asked for"));
	assert_int_equal(w->n_logged, 3);	/* connected, refused, strange */
}

/* Resources in their wrapper, as a client may get that has not asked for it (XDS.md 1.3). */
static void test_wrapped(void **state)
{
	struct world *w = *state;
	_cleanup_(buf_deinit) struct buf inner = BUF_INIT;
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Any body = GOOGLE__PROTOBUF__ANY__INIT;
	Envoy__Service__Discovery__V3__Resource r = ENVOY__SERVICE__DISCOVERY__V3__RESOURCE__INIT;
	Envoy__Service__Discovery__V3__DiscoveryResponse m = ENVOY__SERVICE__DISCOVERY__V3__DISCOVERY_RESPONSE__INIT;
	Google__Protobuf__Any *list[] = { &any };
	uint8_t data[512];

	encode_body(&inner, "inside", "1");
	body.type_url = (char *)CDS;
	body.value = (ProtobufCBinaryData){ .data = inner.data, .len = inner.len };
	r.name = (char *)"outside";
	r.version = (char *)"9";
	r.resource = &body;
	any.type_url = (char *)TYPES "envoy.service.discovery.v3.Resource";
	any.value.data = data;
	any.value.len = protobuf_c_message_pack(&r.base, data);
	m.n_resources = 1;
	m.resources = list;
	m.type_url = (char *)CDS;
	m.nonce = (char *)"A";
	buf_extend(&out, protobuf_c_message_get_packed_size(&m.base));
	protobuf_c_message_pack(&m.base, out.data);
	fake_send(out.data, out.len);
	world_run(w);
	assert_string_equal(newest(w, 0), "outside:9=1");
	/* A heartbeat: it lives on. */
	r.resource = NULL;
	any.value.len = protobuf_c_message_pack(&r.base, data);
	buf_reset(&out);
	buf_extend(&out, protobuf_c_message_get_packed_size(&m.base));
	protobuf_c_message_pack(&m.base, out.data);
	fake_send(out.data, out.len);
	world_run(w);
	assert_string_equal(newest(w, 1), "outside:9");
}

static void test_reconnects(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "1", "A", "a=1");
	respond(w, LDS, "1", "A", "l=1");
	want(w, EDS, "x");
	w->at = fake_grpc.n_sent;
	w->verdicts = BY_HAND;
	respond(w, CDS, "2", "B", "a=2");
	fake_end(GRPC_UNAVAILABLE, "bye", false, false);
	assert_false(w->open);
	assert_int_equal(w->ended, 1);
	assert_non_null(strstr(w->detail, "grpc://server:1 ended the stream: UNAVAILABLE: bye; it is not ready"));
	assert_non_null(strstr(w->detail, "next attempt at"));
	world_wait(w, is_calling);
	assert_request(w, "Cluster v=1 node=me");
	assert_request(w, "Listener v=1");
	assert_request(w, "ClusterLoadAssignment [x]");
	/* The verdict of the old stream: accepted, and there is nobody to tell. */
	verdict(w, 2, true, "");
	assert_silent(w);
	w->verdicts = ACCEPT;
	respond(w, CDS, "2", "Z", "a=2");
	assert_string_equal(newest(w, 3), "a");
	assert_request(w, "Cluster v=2 n=Z");
}

/* What is held of a refused response is of no version, so none is claimed on the next stream. */
static void test_reconnects_after_refusal(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "1", "A", "a=1");
	w->verdicts = REFUSE;
	respond(w, CDS, "2", "B", "a=2 b=bad");
	fake_end(GRPC_UNAVAILABLE, "bye", false, false);
	w->at = fake_grpc.n_sent;
	world_wait(w, is_calling);
	assert_request(w, "Cluster node=me");
}

static void test_restart(void **state)
{
	struct world *w = *state;
	const struct mesh_holding held = { .type_url = CDS, .name = "a", .version = "", .hash = 1 };

	respond(w, CDS, "1", "A", "a=1");
	w->verdicts = BY_HAND;
	respond(w, LDS, "1", "A", "l=1");
	w->at = fake_grpc.n_sent;
	ads_held(w->ads, &held, 1);
	ads_restart(w->ads);
	world_run(w);
	/* A new translator wants everything: no version of the old one's. */
	assert_request(w, "Cluster node=me");
	assert_request(w, "Listener");
	w->verdicts = ACCEPT;
	w->n_judged = w->n_seen;
	respond(w, LDS, "1", "A", "l=1");
	assert_request(w, "Listener v=1 n=A");
	/* Other bytes than those that are held. */
	respond(w, CDS, "1", "B", "a=1");
	assert_string_equal(newest(w, 3), "a=1");
}

static void test_local_names(void **state)
{
	struct world *w = *state;

	want(w, SDS, "default");
	assert_silent(w);
	want(w, SDS, "default other");
	assert_request(w, "Secret [other]");
	respond(w, SDS, "1", "A", "default=evil other=1");
	assert_string_equal(newest(w, 0), "other=1");
}

static void test_errors(void **state)
{
	struct world *w = *state;

	want(w, EDS, "x y");
	respond(w, EDS, "1", "A", "x=1 y=1");
	respond(w, EDS, "2", "B", "x=2 !y !z");
	assert_string_equal(newest(w, 1), "x=2 -y");
	assert_string_equal(w->findings,
			    "ClusterLoadAssignment y: the control plane cannot give it: NOT_FOUND: not here\n");
	respond(w, EDS, "3", "C", "y=1");
	assert_string_equal(newest(w, 2), "y=1");
	assert_string_equal(w->findings, "");
	respond(w, EDS, "4", "D", "!y");
	want(w, EDS, "x");
	assert_string_equal(w->findings, "");
}

/* The same nonce again, an older version: nothing depends on them. */
static void test_replay(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "2", "A", "a=2");
	respond(w, CDS, "1", "A", "a=1");
	respond(w, CDS, "1", "A", "a=1");
	assert_request(w, "Cluster v=2 n=A");
	assert_request(w, "Cluster v=1 n=A");
	assert_request(w, "Cluster v=1 n=A");
	assert_string_equal(newest(w, 2), "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_accepts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses_the_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resends_after_refusal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leaves_out_what_is_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empties, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_cross_an_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_warming, setup, teardown),
		cmocka_unit_test_setup_teardown(test_duplicates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrapped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reconnects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reconnects_after_refusal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_local_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replay, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
