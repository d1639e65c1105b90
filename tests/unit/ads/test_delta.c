/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incremental: what is asked, what is claimed, what is answered, what the translator gets (XDS.md 3, 4 and 10).
 */
#include <string.h>

#include "world.h"

static int setup(void **state)
{
	struct world *w = world_new(ADS_DELTA);

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

static void break_stream(struct world *w)
{
	fake_end(GRPC_UNAVAILABLE, "bye", false, false);
	w->at = fake_grpc.n_sent;
	world_wait(w, is_calling);
}

static void test_accepts(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "s1", "A", "a:1=x b:1=y");
	assert_string_equal(newest(w, 0), "a:1=x b:1=y");
	assert_request(w, "Cluster n=A");
	respond(w, CDS, "s2", "B", "a:2=z");
	assert_string_equal(newest(w, 1), "a:2=z");
	assert_int_equal(w->seen[1].flags, MESH_UPDATE_FIRST | MESH_UPDATE_LAST);
	assert_request(w, "Cluster n=B");
	assert_silent(w);
	assert_int_equal(w->nodes, 1);
}

static void test_refuses(void **state)
{
	struct world *w = *state;

	w->verdicts = REFUSE;
	respond(w, CDS, "s1", "A", "a:1=x");
	assert_request(w, "Cluster n=A error=3:bad");
	assert_silent(w);
}

/* One who holds nothing is sent everything; that ends what another control plane left behind. */
static void test_first_is_complete(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "s1", "A", "a:1=x");
	assert_true((w->seen[0].flags & MESH_UPDATE_SNAPSHOT) != 0);
	respond(w, CDS, "s1", "B", "");
	assert_true((w->seen[1].flags & MESH_UPDATE_SNAPSHOT) == 0);
	want(w, EDS, "x");
	respond(w, EDS, "s1", "C", "x:1=1");
	assert_true((w->seen[2].flags & MESH_UPDATE_SNAPSHOT) == 0);
	break_stream(w);
	assert_request(w, "Cluster {a=1} node=me");
	respond(w, CDS, "s2", "D", "b:1=x");
	assert_true((w->seen[3].flags & MESH_UPDATE_SNAPSHOT) == 0);
}

/* Even an empty first response of a stream with claims takes nothing away. */
static void test_empty_takes_nothing(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "s1", "A", "a:1=x");
	break_stream(w);
	respond(w, CDS, "s1", "B", "");
	assert_string_equal(newest(w, 1), "");
	assert_int_equal(w->seen[1].flags, MESH_UPDATE_FIRST | MESH_UPDATE_LAST);
	assert_null(strstr(w->log, "any more"));
}

static void test_removes(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "s1", "A", "a:1=x b:1=y c:1=z");
	respond(w, CDS, "s2", "B", "b:2=y2 -a -b");
	/* What is removed and sent is there. */
	assert_string_equal(newest(w, 1), "b:2=y2 -a");
	break_stream(w);
	assert_request(w, "Cluster {b=2 c=1} node=me");
	respond(w, CDS, "s3", "C", "a:1=x");
	assert_string_equal(newest(w, 2), "a:1=x");
	/* A wildcard's removals are everyday; nothing is reported. */
	assert_string_equal(w->findings, "");
}

static void test_removed_first(void **state)
{
	struct world *w = *state;
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	respond(w, CDS, "s1", "A", "a:1=x");
	encode(&out, true, CDS, "s2", "B", "-a a:2=y");
	fake_send(out.data, out.len);
	world_run(w);
	assert_non_null(strstr(newest(w, 1), "a=y"));
	break_stream(w);
	/* Its version is not known for sure, so none is claimed. */
	assert_request(w, "Cluster {a=} node=me");
}

static void test_names(void **state)
{
	struct world *w = *state;

	want(w, EDS, "");
	assert_silent(w);
	want(w, EDS, "y x");
	assert_request(w, "ClusterLoadAssignment [x y]");
	want(w, EDS, "z x");
	assert_request(w, "ClusterLoadAssignment [z] -[y]");
	respond(w, EDS, "s1", "A", "x:1=1 y:1=1 q:1=1");
	assert_string_equal(newest(w, 0), "x:1=1");
	assert_request(w, "ClusterLoadAssignment n=A");
	want(w, EDS, "");
	assert_request(w, "ClusterLoadAssignment -[x z]");
	want(w, EDS, "x");
	assert_request(w, "ClusterLoadAssignment [x]");
	/* Given up and asked for again: handed over again, though it is the same. */
	respond(w, EDS, "s1", "B", "x:1=1");
	assert_string_equal(newest(w, 1), "x:1=1");
}

/* A change of names never waits, and never carries a nonce. */
static void test_names_cross_an_answer(void **state)
{
	struct world *w = *state;

	want(w, EDS, "x");
	w->verdicts = BY_HAND;
	respond(w, EDS, "s1", "A", "x:1=1");
	want(w, EDS, "x y");
	assert_request(w, "ClusterLoadAssignment [x]");
	assert_request(w, "ClusterLoadAssignment [y]");
	verdict(w, 0, true, "");
	assert_request(w, "ClusterLoadAssignment n=A");
	assert_silent(w);
}

/* A name that goes and comes back in one turn of the loop is asked for anew: it may have been forgotten here. */
static void test_name_comes_back(void **state)
{
	struct world *w = *state;
	static const char *const x[] = { "x" };

	want(w, EDS, "x");
	respond(w, EDS, "s1", "A", "x:1=1");
	w->at = fake_grpc.n_sent;
	ads_subscribe(w->ads, &(struct mesh_subscription){ .type_url = EDS });
	ads_subscribe(w->ads, &(struct mesh_subscription){ .type_url = EDS, .names = x, .n_names = 1 });
	world_run(w);
	assert_request(w, "ClusterLoadAssignment -[x]");
	assert_request(w, "ClusterLoadAssignment [x]");
	respond(w, EDS, "s1", "B", "x:1=1");
	assert_string_equal(newest(w, 1), "x:1=1");
}

static void test_wildcard_and_names(void **state)
{
	struct world *w = *state;

	want(w, CDS, "* a");
	assert_request(w, "Cluster [a]");
	want(w, CDS, "*");
	assert_request(w, "Cluster -[a]");
	want(w, CDS, "a");
	assert_request(w, "Cluster [a] -[*]");
	want(w, CDS, "* b");
	assert_request(w, "Cluster [* b] -[a]");
	break_stream(w);
	assert_request(w, "Cluster [* b] node=me");
}

static void test_claims(void **state)
{
	struct world *w = *state;

	want(w, EDS, "x y");
	respond(w, CDS, "s1", "A", "a:1=x b:2=y");
	respond(w, EDS, "s1", "B", "x:5=1");
	/* Without a verdict nothing is claimed. */
	w->verdicts = BY_HAND;
	respond(w, CDS, "s2", "C", "c:1=z");
	break_stream(w);
	assert_request(w, "Cluster {a=1 b=2} node=me");
	assert_request(w, "Listener");
	assert_request(w, "ClusterLoadAssignment [x y] {x=5}");
	/* The late verdict counts, and there is nobody to tell. */
	verdict(w, 2, true, "");
	assert_silent(w);
	break_stream(w);
	assert_request(w, "Cluster {a=1 b=2 c=1} node=me");
}

/* Of a refused response some may be held: claimed without a version, they are sent again or taken back. */
static void test_claims_after_refusal(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "s1", "A", "a:1=x b:1=y d:1=w");
	w->verdicts = REFUSE;
	respond(w, CDS, "s2", "B", "a:2=x2 c:1=bad -d");
	break_stream(w);
	assert_request(w, "Cluster {a= b=1 c= d=} node=me");
	w->verdicts = ACCEPT;
	w->n_judged = w->n_seen;
	respond(w, CDS, "s3", "C", "a:1=x");
	assert_string_equal(newest(w, 2), "a:1=x");
}

static void test_held(void **state)
{
	struct world *w = *state;
	const struct mesh_holding held[] = {
		{ .type_url = CDS, .name = "p", .version = "7", .hash = 1 },
		{ .type_url = EDS, .name = "x", .version = "8", .hash = 2 },
		{ .type_url = EDS, .name = "unneeded", .version = "9", .hash = 2 },
		{ .type_url = SDS, .name = "default", .version = "1", .hash = 2 },
	};

	want(w, EDS, "x");
	want(w, SDS, "default");
	respond(w, CDS, "s1", "A", "a:1=x");
	w->verdicts = BY_HAND;
	respond(w, LDS, "s1", "B", "l:1=x");
	w->at = fake_grpc.n_sent;
	/* A new translator: only what it holds counts, and verdicts on the old one's updates do not. */
	ads_held(w->ads, held, ARRAY_SIZE(held));
	ads_restart(w->ads);
	world_run(w);
	assert_request(w, "Cluster {p=7} node=me");
	assert_request(w, "Listener");
	assert_request(w, "ClusterLoadAssignment [x] {x=8}");
	assert_silent(w);
	verdict(w, 1, true, "");
	assert_silent(w);
	w->verdicts = ACCEPT;
	respond(w, LDS, "s1", "A", "l:1=x");
	assert_string_equal(newest(w, 2), "l:1=x");
	assert_request(w, "Listener n=A");
}

/* The same bytes under another version go no further, but the version is claimed. */
static void test_leaves_out_what_is_held(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "s1", "A", "a:1=x b:1=y");
	respond(w, CDS, "s2", "B", "a:2=x b:2=y2");
	assert_string_equal(newest(w, 1), "b:2=y2");
	assert_request(w, "Cluster n=A");
	assert_request(w, "Cluster n=B");
	break_stream(w);
	assert_request(w, "Cluster {a=2 b=2} node=me");
}

static void test_heartbeat(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "s1", "A", "a:1=x");
	respond(w, CDS, "s1", "B", "a:1 unknown:1");
	assert_string_equal(newest(w, 1), "");
	assert_request(w, "Cluster n=A");
	assert_request(w, "Cluster n=B");
	break_stream(w);
	assert_request(w, "Cluster {a=1} node=me");
}

static void test_absent(void **state)
{
	struct world *w = *state;

	want(w, EDS, "x y z");
	respond(w, EDS, "s1", "A", "x:1=1 -y -other !z");
	assert_string_equal(newest(w, 0), "x:1=1 -y -z");
	assert_string_equal(w->findings,
			    "ClusterLoadAssignment y: the control plane says that it does not exist\n"
			    "ClusterLoadAssignment z: the control plane cannot give it: NOT_FOUND: not here\n");
	respond(w, EDS, "s2", "B", "y:1=1");
	assert_string_equal(w->findings,
			    "ClusterLoadAssignment z: the control plane cannot give it: NOT_FOUND: not here\n");
	want(w, EDS, "x y");
	assert_string_equal(w->findings, "");
}

/* Names of removals in the newer message (XDS.md 3). */
static void test_removed_names(void **state)
{
	struct world *w = *state;
	Envoy__Service__Discovery__V3__DeltaDiscoveryResponse m =
		ENVOY__SERVICE__DISCOVERY__V3__DELTA_DISCOVERY_RESPONSE__INIT;
	Envoy__Service__Discovery__V3__ResourceName n = ENVOY__SERVICE__DISCOVERY__V3__RESOURCE_NAME__INIT;
	Envoy__Service__Discovery__V3__ResourceName *list[] = { &n };
	uint8_t data[256];

	respond(w, CDS, "s1", "A", "a:1=x b:1=y");
	n.name = (char *)"a";
	m.type_url = (char *)CDS;
	m.nonce = (char *)"B";
	m.removed_resource_names = list;
	m.n_removed_resource_names = 1;
	fake_send(data, envoy__service__discovery__v3__delta_discovery_response__pack(&m, data));
	world_run(w);
	assert_string_equal(newest(w, 1), "-a");
}

static void test_duplicates(void **state)
{
	struct world *w = *state;

	respond(w, CDS, "s1", "A", "a:1=x a:2=x");
	assert_int_equal(w->n_seen, 0);
	assert_non_null(strstr(request(w), "Cluster n=A error=3:resources[1]: the name 'a' stands twice"));
	/* The next is still the first one that was taken. */
	respond(w, CDS, "s1", "B", "a:1=x");
	assert_string_equal(newest(w, 0), "a:1=x");
}

static void test_strangers(void **state)
{
	struct world *w = *state;

	respond(w, RDS, "s1", "A", "r:1=x");
	assert_request(w, "RouteConfiguration n=A");
	assert_int_equal(w->n_seen, 0);
	assert_non_null(strstr(w->log, "which nobody asked for"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_accepts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_is_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_takes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removed_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_cross_an_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wildcard_and_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_claims, setup, teardown),
		cmocka_unit_test_setup_teardown(test_claims_after_refusal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leaves_out_what_is_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_heartbeat, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removed_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_duplicates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
