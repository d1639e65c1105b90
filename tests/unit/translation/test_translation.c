/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translation over time: what a change costs, what it puts out, and that the order in which
 * resources come makes no difference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh.h"

#define LISTENER_OF(name, port, domain, cluster)                                                   \
	"- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"                     \
	"  name: " name "\n"                                                                       \
	"  address: {socket_address: {address: 0.0.0.0, port_value: " port "}}\n"                  \
	"  filter_chains:\n"                                                                       \
	"  - filters:\n"                                                                           \
	"    - typed_config:\n"                                                                    \
	"        \"@type\": "                                                                      \
	"type.googleapis.com/"                                                                     \
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n"      \
	"        route_config: {name: rc, ignore_port_in_host_matching: true, virtual_hosts: "     \
	"[{name: v, domains: [\"" domain "\"],"                                                    \
	" routes: [{name: x, match: {prefix: /}, route: {cluster: " cluster "}}]}]}\n"

#define RDS_LISTENER(name, port)                                                                   \
	"- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"                     \
	"  name: " name "\n"                                                                       \
	"  address: {socket_address: {address: 0.0.0.0, port_value: " port "}}\n"                  \
	"  filter_chains: [{filters: [{typed_config: {\"@type\": "                                 \
	"type.googleapis.com/"                                                                     \
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager,"       \
	" rds: {route_config_name: shared, config_source: {ads: {}}}}}]}]\n"

#define ROUTES(cluster)                                                                            \
	"- {\"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration, name: "       \
	"shared, ignore_port_in_host_matching: true,"                                              \
	" virtual_hosts: [{name: v, domains: [s.t], routes: [{name: x, match: {prefix: /}, "       \
	"route: {cluster: " cluster "}}]}]}\n"

#define EDS(name)                                                                                  \
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: " name           \
	", type: EDS}\n"
#define CLA(name, ip)                                                                              \
	"- {\"@type\": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment, "       \
	"cluster_name: " name ", endpoints: "                                                      \
	"[{lb_endpoints: [{endpoint: {address: {socket_address: {address: " ip                     \
	", port_value: 80}}}}]}]}\n"

static const char *const parts[] = {
	LISTENER_OF("l1", "80", "a.t", "a"),
	LISTENER_OF("l2", "81", "b.t", "b"),
	LISTENER_OF("l0", "82", "a.t", "c"),
	LISTENER_OF("l3", "83", "f.*", "a"),
	LISTENER_OF("l4", "84", "*", "b"),
	RDS_LISTENER("l5", "85"),
	ROUTES("a"),
	EDS("a"),
	EDS("b"),
	CLA("a", "10.0.0.1"),
	CLA("b", "10.0.0.2"),
	CLA("lone", "10.0.0.3"),
};
#define PARTS (sizeof parts / sizeof parts[0])

/* Each resource is translated as it comes, which must not show in the end. */
static void build(struct mesh *m, const size_t *order, bool stepwise)
{
	mesh_open(m, NULL);
	for (size_t i = 0; i < PARTS; i++) {
		mesh_add(m, parts[order[i]]);
		if (stepwise)
			mesh_run(m);
	}
	mesh_run(m);
}

static void test_order_makes_no_difference(void **unused)
{
	size_t order[PARTS];
	char *objects = NULL, *findings = NULL;

	srandom(7);
	for (size_t i = 0; i < PARTS; i++)
		order[i] = i;
	for (unsigned round = 0; round < 30; round++) {
		struct mesh m;
		char *text;

		build(&m, order, round % 2);
		text = mesh_text(&m, false);
		if (objects != NULL)
			assert_string_equal(text, objects);
		free(objects);
		objects = text;
		text = mesh_text(&m, true);
		if (findings != NULL)
			assert_string_equal(text, findings);
		free(findings);
		findings = text;
		mesh_close(&m);
		for (size_t i = PARTS - 1; i > 0; i--) {
			size_t k = (size_t)random() % (i + 1), swap = order[i];

			order[i] = order[k];
			order[k] = swap;
		}
	}
	free(objects);
	free(findings);
}

static void build_all(struct mesh *m)
{
	size_t order[PARTS];

	for (size_t i = 0; i < PARTS; i++)
		order[i] = i;
	build(m, order, false);
	offline_counts(m->offline);
}

static void replace(struct mesh *m, enum rt type, const char *name, const char *text)
{
	mesh_remove(m, type, name);
	mesh_add(m, text);
	mesh_run(m);
}

static void test_same_again_puts_nothing(void **unused)
{
	struct offline_counts counts;
	struct mesh m;

	build_all(&m);
	replace(&m, RT_LISTENER, "l1", parts[0]);
	replace(&m, RT_CLUSTER, "a", parts[7]);
	replace(&m, RT_ENDPOINT, "a", parts[9]);
	replace(&m, RT_ROUTE, "shared", parts[6]);
	counts = offline_counts(m.offline);
	assert_int_equal(counts.puts, 0);
	assert_int_equal(counts.dels, 0);
	assert_int_equal(counts.reports, 0);
	mesh_close(&m);
}

static void test_endpoint_change_is_one_cluster(void **unused)
{
	struct translation_pending pending;
	struct offline_counts counts;
	struct mesh m;

	build_all(&m);
	mesh_remove(&m, RT_ENDPOINT, "a");
	mesh_add(&m, CLA("a", "10.0.0.9"));
	pending = translation_pending(offline_translation(m.offline));
	assert_int_equal(pending.clusters, 1);
	assert_int_equal(pending.listeners, 0);
	mesh_run(&m);
	counts = offline_counts(m.offline);
	assert_int_equal(counts.puts, 1);
	assert_int_equal(counts.dels, 0);
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "nodes"),
		    "[{\"host\":\"10.0.0.9\",\"port\":80,\"weight\":1}]");
	mesh_close(&m);
}

static void test_facts_reach_the_routes(void **unused)
{
	struct mesh m;

	build_all(&m);
	replace(&m, RT_CLUSTER, "b",
		"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: b, type: "
		"EDS, connect_timeout: 3s}\n");
	assert_json(json_object_get(json_object_get(mesh_object(&m, "routes", "l2/v/x"), "timeout"),
				    "connect"),
		    "3");
	assert_json(json_object_get(json_object_get(mesh_object(&m, "routes", "l4/v/x"), "timeout"),
				    "connect"),
		    "3");
	mesh_close(&m);
}

static void test_first_listener_owns_a_host(void **unused)
{
	struct mesh m;

	build_all(&m);
	assert_int_equal(mesh_count(&m, "routes", "l0/v/x"), 1);
	assert_int_equal(mesh_count(&m, "routes", "l1/v/x"), 0);
	assert_finding(&m, "warn", "virtual_hosts[0].domains[0]", "'a.t' belongs to listener 'l0'");
	mesh_remove(&m, RT_LISTENER, "l0");
	mesh_run(&m);
	assert_int_equal(mesh_count(&m, "routes", "l1/v/x"), 1);
	assert_false(mesh_finding(&m, "warn", "domains[0]", "belongs to"));
	mesh_close(&m);
}

static void test_removed_cluster_leaves_503(void **unused)
{
	struct mesh m;

	build_all(&m);
	mesh_remove(&m, RT_CLUSTER, "b");
	mesh_run(&m);
	assert_json(json_object_get(mesh_object(&m, "upstreams", "b"), "nodes"), "[]");
	assert_finding(&m, "warn", "routes[0].route.cluster", "cluster 'b' is not there");
	assert_true(json_equal(json_object_get(mesh_object(&m, "routes", "l2/v/x"), "upstream_id"),
			       json_object_get(mesh_object(&m, "upstreams", "b"), "id")));
	mesh_close(&m);
}

static void test_removing_all_leaves_nothing(void **unused)
{
	static const char *const listeners[] = { "l0", "l1", "l2", "l3", "l4", "l5" };
	static const char *const clusters[] = { "a", "b" };
	static const char *const endpoints[] = { "a", "b", "lone" };
	struct mesh m;

	build_all(&m);
	for (size_t i = 0; i < 6; i++)
		mesh_remove(&m, RT_LISTENER, listeners[i]);
	for (size_t i = 0; i < 2; i++)
		mesh_remove(&m, RT_CLUSTER, clusters[i]);
	for (size_t i = 0; i < 3; i++)
		mesh_remove(&m, RT_ENDPOINT, endpoints[i]);
	mesh_remove(&m, RT_ROUTE, "shared");
	mesh_run(&m);
	assert_int_equal(json_object_size(m.objects), 0);
	assert_int_equal(json_array_size(m.findings), 0);
	mesh_close(&m);
}

static void test_route_configuration_arrives_late(void **unused)
{
	struct mesh m;

	mesh_make(&m, RDS_LISTENER("l5", "85") EDS("a"));
	assert_finding(&m, "warn", "typed_config.rds", "'shared' is not there");
	assert_int_equal(mesh_count(&m, "routes", "x"), 0);
	mesh_add(&m, ROUTES("a"));
	mesh_run(&m);
	assert_int_equal(mesh_count(&m, "routes", "l5/v/x"), 1);
	assert_false(mesh_finding(&m, "warn", "typed_config.rds", "is not there"));
	mesh_close(&m);
}

static void test_what_nobody_reads_is_said(void **unused)
{
	struct mesh m;

	mesh_make(&m,
		  ROUTES("a") CLA("lone", "10.0.0.3") "- {\"@type\": "
						      "type.googleapis.com/"
						      "envoy.extensions.transport_sockets.tls.v3."
						      "Secret, name: s, generic_secret: {}}\n");
	assert_finding(&m, "warn", "", "no listener refers to this");
	assert_finding(&m, "warn", "", "no cluster refers to these");
	assert_finding(&m, "warn", "", "nothing refers to this secret");
	mesh_close(&m);
}

static void test_replay_puts_all_again(void **unused)
{
	struct offline_counts counts;
	size_t objects;
	struct mesh m;

	build_all(&m);
	objects = json_object_size(m.objects);
	assert_int_equal(translation_replay(offline_translation(m.offline)), 0);
	mesh_run(&m);
	counts = offline_counts(m.offline);
	assert_int_equal(counts.puts, objects);
	assert_int_equal(counts.dels, 0);
	assert_true(counts.reports > 0);
	assert_int_equal(json_object_size(m.objects), objects);
	mesh_close(&m);
}

static void test_slices_end_in_the_same(void **unused)
{
	struct mesh whole, sliced;
	char *a, *b;
	int r;

	build_all(&whole);
	mesh_open(&sliced, NULL);
	for (size_t i = 0; i < PARTS; i++)
		mesh_add(&sliced, parts[i]);
	do
		r = translation_run(offline_translation(sliced.offline), TRANSLATION_ALL, 1);
	while (r == 1);
	assert_int_equal(r, 0);
	a = mesh_text(&whole, false);
	b = mesh_text(&sliced, false);
	assert_string_equal(a, b);
	free(a);
	free(b);
	mesh_close(&whole);
	mesh_close(&sliced);
}

static int see_object(const char *key, size_t size, const struct translation_origin *origins,
		      size_t n, void *arg)
{
	char *last = arg;

	assert_non_null(key);
	assert_true(strcmp(last, key) < 0);
	strncpy(last, key, 255);
	assert_true(size > 2);
	assert_true(n >= 1);
	if (strstr(key, "l5-v-x") != NULL) {
		assert_int_equal(origins[0].type, RT_ROUTE);
		assert_string_equal(origins[0].name, "shared");
		assert_string_equal(origins[0].field, "virtual_hosts[0].routes[0]");
	}
	if (strstr(key, "upstreams/a-") != NULL) {
		assert_int_equal(n, 2);
		assert_int_equal(origins[1].type, RT_ENDPOINT);
	}
	return 0;
}

static void test_objects_know_their_origin(void **unused)
{
	char last[256] = "";
	struct mesh m;

	build_all(&m);
	assert_int_equal(translation_objects(offline_translation(m.offline), see_object, last), 0);
	assert_true(strncmp(last, "upstreams/", 10) == 0);
	mesh_close(&m);
}

/* What a route's id is made of: a new route in front leaves the others' ids alone. */
static void test_ids_outlive_positions(void **unused)
{
	static const char *const old = "[{name: x, match: {prefix: /x}, route: {cluster: a}},"
				       "{match: {prefix: /y}, route: {cluster: a}},"
				       "{match: {prefix: /y}, route: {cluster: b}}]";
	static const char *const new = "[{match: {prefix: /n}, route: {cluster: a}},"
				       "{name: x, match: {prefix: /xx}, route: {cluster: a}},"
				       "{match: {prefix: /y}, route: {cluster: c}},"
				       "{match: {prefix: /y}, route: {cluster: b}}]";
	char *text = mesh_routes(old);
	struct mesh a, b;
	const char *key;
	json_t *value;
	size_t same = 0;

	mesh_make(&a, text);
	free(text);
	text = mesh_routes(new);
	mesh_make(&b, text);
	free(text);
	json_object_foreach(a.objects, key, value)
		same += strncmp(key, "routes/", 7) == 0 && json_object_get(b.objects, key) != NULL;
	/* "x", which matches something else now; both /y; the catch-all. */
	assert_int_equal(same, 4);
	mesh_close(&a);
	mesh_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_makes_no_difference),
		cmocka_unit_test(test_same_again_puts_nothing),
		cmocka_unit_test(test_endpoint_change_is_one_cluster),
		cmocka_unit_test(test_facts_reach_the_routes),
		cmocka_unit_test(test_first_listener_owns_a_host),
		cmocka_unit_test(test_removed_cluster_leaves_503),
		cmocka_unit_test(test_removing_all_leaves_nothing),
		cmocka_unit_test(test_route_configuration_arrives_late),
		cmocka_unit_test(test_what_nobody_reads_is_said),
		cmocka_unit_test(test_replay_puts_all_again),
		cmocka_unit_test(test_slices_end_in_the_same),
		cmocka_unit_test(test_objects_know_their_origin),
		cmocka_unit_test(test_ids_outlive_positions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
