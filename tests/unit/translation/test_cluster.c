/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clusters and endpoints as upstreams.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh.h"

#define CLUSTER(rest)                                                                              \
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: a" rest "}\n"
#define AT(ip, port)                                                                               \
	"endpoint: {address: {socket_address: {address: '" ip "', port_value: " port "}}}"
#define ASSIGN(localities) ", load_assignment: {cluster_name: a, endpoints: [" localities "]}"

static void assert_nodes(const char *text, const char *nodes)
{
	struct mesh m;

	mesh_make(&m, text);
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "nodes"), nodes);
	mesh_close(&m);
}

static void assert_field(const char *text, const char *field, const char *value)
{
	struct mesh m;

	mesh_make(&m, text);
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), field), value);
	mesh_close(&m);
}

static void test_types(void **unused)
{
	struct mesh m;

	assert_nodes(CLUSTER(), "[]");
	assert_nodes(
		CLUSTER(", type: STRICT_DNS" ASSIGN("{lb_endpoints: [{" AT("db.x", "1") "}]}")),
		"[{\"host\":\"db.x\",\"port\":1,\"weight\":1}]");
	assert_nodes(
		CLUSTER(", cluster_type: {name: d, typed_config: {\"@type\": "
			"type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster}}" ASSIGN(
				"{lb_endpoints: [{" AT("db.x", "1") "}]}")),
		"[{\"host\":\"db.x\",\"port\":1,\"weight\":1}]");
	mesh_make(&m, CLUSTER(", cluster_type: {name: d, typed_config: {\"@type\": "
			      "type.googleapis.com/"
			      "envoy.extensions.clusters.redis.v3.RedisClusterConfig}}"));
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "nodes"), "[]");
	assert_finding(&m, "skip", "cluster_type", "503");
	mesh_close(&m);
	mesh_make(&m, CLUSTER(", type: ORIGINAL_DST"));
	assert_finding(&m, "info", "type", "where the client was going");
	mesh_close(&m);
	mesh_make(&m, CLUSTER(", type: EDS, eds_cluster_config: {service_name: s}"));
	assert_finding(&m, "warn", "eds_cluster_config", "'s' are not there");
	mesh_add(
		&m,
		"- {\"@type\": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment, "
		"cluster_name: s, "
		"endpoints: [{lb_endpoints: [{" AT("10.0.0.1", "2") "}]}]}\n");
	mesh_run(&m);
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "nodes"),
		    "[{\"host\":\"10.0.0.1\",\"port\":2,\"weight\":1}]");
	mesh_close(&m);
}

static void test_endpoints(void **unused)
{
	struct mesh m;

	/* IPv6, order, the same address twice, a weight, priorities. */
	assert_nodes(
		CLUSTER(ASSIGN("{lb_endpoints: [{" AT("::1", "80") "}, {" AT(
			"10.0.0.2",
			"80") ", load_balancing_weight: 5}, {" AT("10.0.0.1",
								  "80") "}, {" AT("10.0.0.1",
										  "80") ", "
											"load_"
											"balancing_"
											"weight: "
											"3}]}, "
											"{priority:"
											" 2, "
											"lb_"
											"endpoints:"
											" [{" AT(
												"10"
												".0"
												".0"
												"."
												"9",
												"8"
												"0") "}]}")),
		"[{\"host\":\"10.0.0.1\",\"port\":80,\"weight\":4},{\"host\":\"10.0.0.2\",\"port\":"
		"80,\"weight\":5},"
		"{\"host\":\"[::1]\",\"port\":80,\"weight\":1},{\"host\":\"10.0.0.9\",\"port\":80,"
		"\"weight\":1,\"priority\":-2}]");
	/* A bad endpoint is left out alone. */
	mesh_make(&m,
		  CLUSTER(ASSIGN("{lb_endpoints: [{endpoint: {address: {pipe: {path: /x}}}}, {" AT(
			  "10.0.0.1", "80") "}, {" AT("a b", "80") "}]}")));
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "nodes"),
		    "[{\"host\":\"10.0.0.1\",\"port\":80,\"weight\":1}]");
	assert_finding(&m, "skip", "load_assignment.endpoints[0].lb_endpoints[0]", "left out");
	assert_finding(&m, "skip", "load_assignment.endpoints[0].lb_endpoints[2]", "'a b'");
	mesh_close(&m);
}

static void test_health(void **unused)
{
	/* Unhealthy ones are dropped, all of them are not, unless panic is off. */
	assert_nodes(
		CLUSTER(ASSIGN(
			"{lb_endpoints: [{" AT("10.0.0.1", "80") ", health_status: DRAINING}, {" AT(
				"10.0.0.2", "80") "}, {" AT("10.0.0.3",
							    "80") ", health_status: DEGRADED}]}")),
		"[{\"host\":\"10.0.0.2\",\"port\":80,\"weight\":1},{\"host\":\"10.0.0.3\",\"port\":"
		"80,\"weight\":1,\"priority\":-1000}]");
	assert_nodes(CLUSTER(ASSIGN("{lb_endpoints: [{" AT("10.0.0.1",
							   "80") ", health_status: UNHEALTHY}]}")),
		     "[{\"host\":\"10.0.0.1\",\"port\":80,\"weight\":1}]");
	assert_nodes(
		CLUSTER(", common_lb_config: {healthy_panic_threshold: {value: 0}}" ASSIGN(
			"{lb_endpoints: [{" AT("10.0.0.1", "80") ", health_status: UNHEALTHY}]}")),
		"[]");
}

#define LOCALITIES(list) CLUSTER(", common_lb_config: {locality_weighted_lb_config: {}}" ASSIGN(list))
#define LOCALITY(settings, ip) "{" settings "lb_endpoints: [{" AT(ip, "80") "}]}"

static void test_localities(void **unused)
{
#define TWO                                                                                        \
	"{load_balancing_weight: 3, lb_endpoints: [{" AT("10.0.0.1", "80") "}, {" AT(              \
		"10.0.0.2", "80") "}]}, "                                                          \
				  "{load_balancing_weight: 1, lb_endpoints: [{" AT(                \
					  "10.0.0.3",                                              \
					  "80") "}]}, {lb_endpoints: [{" AT("10.0.0.4",            \
									    "80") "}]}"
	/* Three quarters to two nodes, one quarter to one, nothing to the locality without weight. */
	struct mesh m;

	assert_nodes(LOCALITIES(TWO), "[{\"host\":\"10.0.0.1\",\"port\":80,\"weight\":3},"
				      "{\"host\":\"10.0.0.2\",\"port\":80,\"weight\":3},"
				      "{\"host\":\"10.0.0.3\",\"port\":80,\"weight\":2}]");
	mesh_make(
		&m,
		CLUSTER(", load_balancing_policy: {policies: [{typed_extension_config: {name: w, "
			"typed_config: {\"@type\": "
			"type.googleapis.com/"
			"envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality, "
			"endpoint_picking_policy: "
			"{policies: [{typed_extension_config: {name: l, typed_config: {\"@type\": "
			"type.googleapis.com/"
			"envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest}}}]"
			"}}}}]}" ASSIGN(TWO)));
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "type"), "\"least_conn\"");
	assert_int_equal(
		json_array_size(json_object_get(mesh_object(&m, "upstreams", "a"), "nodes")), 3);
	mesh_close(&m);
}

/* What Envoy does was looked at: without a weight that can be used the endpoints of a priority are equal. */
static void test_localities_without_weights(void **unused)
{
	assert_nodes(LOCALITIES(LOCALITY("load_balancing_weight: 9, ", "10.0.0.1") ", " LOCALITY(
			     "priority: 1, ", "10.0.0.2")),
		     "[{\"host\":\"10.0.0.1\",\"port\":80,\"weight\":1},"
		     "{\"host\":\"10.0.0.2\",\"port\":80,\"weight\":1,\"priority\":-1}]");
	assert_nodes(LOCALITIES("{load_balancing_weight: 9, lb_endpoints: [{" AT("10.0.0.1", "80")
				", health_status: UNHEALTHY}]}, " LOCALITY("", "10.0.0.2")),
		     "[{\"host\":\"10.0.0.2\",\"port\":80,\"weight\":1}]");
}

/* The heaviest node gets its surplus in a row, so no weight is larger than it must be. */
static void test_locality_weights_are_small(void **unused)
{
	assert_nodes(LOCALITIES(LOCALITY("load_balancing_weight: 900, ", "10.0.0.1") ", " LOCALITY(
			     "load_balancing_weight: 7, ", "10.0.0.2")),
		     "[{\"host\":\"10.0.0.1\",\"port\":80,\"weight\":900},"
		     "{\"host\":\"10.0.0.2\",\"port\":80,\"weight\":7}]");
	assert_nodes(LOCALITIES(LOCALITY("load_balancing_weight: 4294967291, ", "10.0.0.1") ", " LOCALITY(
			     "load_balancing_weight: 1073741823, ", "10.0.0.2") ", " LOCALITY(
			     "load_balancing_weight: 1, ", "10.0.0.3")),
		     "[{\"host\":\"10.0.0.1\",\"port\":80,\"weight\":10000},"
		     "{\"host\":\"10.0.0.2\",\"port\":80,\"weight\":2500},"
		     "{\"host\":\"10.0.0.3\",\"port\":80,\"weight\":1}]");
}

static void test_filters(void **unused)
{
	struct mesh m;

	mesh_make(&m, CLUSTER(", filters: [{name: f, typed_config: {\"@type\": "
			      "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange}}, "
			      "{name: g, typed_config: {\"@type\": type.googleapis.com/some.Filter}}]"));
	assert_finding(&m, "info", "filters[0].typed_config", "not exchanged");
	assert_finding(&m, "warn", "filters[1].typed_config", "some.Filter' is not translated");
	mesh_close(&m);
}

static void test_scheme_and_keepalive(void **unused)
{
#define OPTIONS(inside)                                                                            \
	", typed_extension_protocol_options: {o: {\"@type\": "                                     \
	"type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, " inside "}}"
#define TLS                                                                                        \
	", transport_socket: {name: t, typed_config: {\"@type\": "                                 \
	"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}"
	assert_field(CLUSTER(), "scheme", "\"http\"");
	assert_field(CLUSTER(OPTIONS("explicit_http_config: {http2_protocol_options: {}}")),
		     "scheme", "\"grpc\"");
	assert_field(CLUSTER(TLS), "scheme", "\"https\"");
	assert_field(CLUSTER(TLS ", http2_protocol_options: {}"), "scheme", "\"grpcs\"");
	assert_field(CLUSTER(OPTIONS("common_http_protocol_options: {idle_timeout: 30s, "
				     "max_requests_per_connection: 9}")),
		     "keepalive_pool", "{\"idle_timeout\":30,\"requests\":9,\"size\":320}");
}

static void test_tls_is_said(void **unused)
{
	struct mesh m;

	/* Envoy verifies nothing here either. */
	mesh_make(&m, CLUSTER(TLS));
	assert_false(mesh_finding(&m, "warn", "transport_socket", "verified"));
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_localities),
		cmocka_unit_test(test_localities_without_weights),
		cmocka_unit_test(test_locality_weights_are_small),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_scheme_and_keepalive),
		cmocka_unit_test(test_tls_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
