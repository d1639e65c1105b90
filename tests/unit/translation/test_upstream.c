/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cluster says beyond its nodes: health checks, outliers, limits, overload, subsets, aggregates,
 * the protocol, the names of its endpoints; and that its routes follow when that changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forms.h"
#include "mesh.h"

/* clang-format off */
#define LISTENER(routes) \
	"- {\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, name: l, " \
	"address: {socket_address: {address: 0.0.0.0, port_value: 9080}}, " \
	"filter_chains: [{filters: [{name: h, typed_config: " \
	"{\"@type\": type.googleapis.com/envoy.extensions.filters.network." \
	"http_connection_manager.v3.HttpConnectionManager, " \
	"route_config: {name: r, virtual_hosts: [{name: v, domains: [a.t], routes: " routes "}]}}}]}]}\n"
#define ROUTE(action) LISTENER("[{name: x, match: {prefix: /}, route: {" action "}}]")
#define AT(ip) "address: {socket_address: {address: \"" ip "\", port_value: 80}}"
#define NODE(ip) "{endpoint: {" AT(ip) "}}"
#define TAGGED(ip, tags) "{endpoint: {" AT(ip) "}, metadata: {filter_metadata: {envoy.lb: {" tags "}}}}"
#define ASSIGN(name, nodes) "load_assignment: {cluster_name: " name ", endpoints: [{lb_endpoints: [" nodes "]}]}"
#define TLS_SOCKET \
	"transport_socket: {name: t, typed_config: {\"@type\": " \
	"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}"
/* clang-format on */

static const json_t *upstream(const struct mesh *m, const char *name, const char *field)
{
	return json_object_get(mesh_object(m, "upstreams", name), field);
}

static void assert_upstream(const char *text, const char *field, const char *value)
{
	struct mesh m;

	mesh_make(&m, text);
	if (value != NULL)
		assert_json(upstream(&m, "a", field), value);
	else
		assert_null(upstream(&m, "a", field));
	mesh_close(&m);
}

static const json_t *active(const struct mesh *m)
{
	return json_object_get(upstream(m, "a", "checks"), "active");
}

#define CHECK(inside) CLUSTER("a", "health_checks: [{" inside "}], " ASSIGN("a", NODE("10.0.0.1")))

static void test_http_check(void **unused)
{
	const json_t *check, *statuses;
	struct mesh m;

	mesh_make(&m, CHECK("timeout: 0.5s, interval: 2.5s, unhealthy_threshold: 3, healthy_threshold: 2, "
			    "http_health_check: {path: /ok, host: h.t, method: HEAD, expected_statuses: "
			    "[{start: 200, end: 202}, {start: 404, end: 405}], request_headers_to_add: "
			    "[{header: {key: x-a, value: b}}]}"));
	check = active(&m);
	assert_json(json_object_get(check, "type"), "\"http\"");
	assert_json(json_object_get(check, "timeout"), "0.5");
	assert_json(json_object_get(check, "host"), "\"h.t\"");
	assert_json(json_object_get(check, "http_path"), "\"/ok\"");
	assert_json(json_object_get(check, "http_method"), "\"HEAD\"");
	assert_json(json_object_get(check, "req_headers"), "[\"x-a: b\"]");
	assert_json(json_object_get(check, "healthy"),
		    "{\"http_statuses\":[200,201,404],\"interval\":3,\"successes\":2}");
	check = json_object_get(check, "unhealthy");
	assert_json(json_object_get(check, "interval"), "3");
	assert_json(json_object_get(check, "http_failures"), "3");
	assert_json(json_object_get(check, "tcp_failures"), "3");
	assert_json(json_object_get(check, "timeouts"), "3");
	statuses = json_object_get(check, "http_statuses");
	assert_int_equal(json_array_size(statuses), 400 - 3);
	assert_json(json_array_get(statuses, 0), "202");
	assert_json(json_array_get(statuses, 396), "599");
	assert_null(json_object_get(upstream(&m, "a", "checks"), "passive"));
	assert_finding(&m, "info", "health_checks[0]", "whole seconds");
	mesh_close(&m);
	/* The cluster's name is the host that Envoy sends; a path that is none is not sent. */
	mesh_make(&m, CHECK("timeout: 1s, interval: 1s, http_health_check: {path: /}"));
	assert_json(json_object_get(active(&m), "host"), "\"a\"");
	assert_json(json_object_get(json_object_get(active(&m), "healthy"), "http_statuses"), "[200]");
	mesh_close(&m);
	mesh_make(&m, CHECK("timeout: 1s, interval: 1s, http_health_check: {path: \"/a b\"}"));
	assert_json(json_object_get(active(&m), "type"), "\"tcp\"");
	assert_finding(&m, "warn", "http_health_check", "'/a b' is no path");
	mesh_close(&m);
}

static void test_http_check_over_tls(void **unused)
{
	struct mesh m;

	mesh_make(&m, CLUSTER("a", TLS_SOCKET ", health_checks: [{timeout: 1s, interval: 1s, http_health_check: "
					      "{path: /}}], " ASSIGN("a", NODE("10.0.0.1"))));
	assert_json(json_object_get(active(&m), "type"), "\"https\"");
	assert_json(json_object_get(active(&m), "https_verify_certificate"), "false");
	mesh_close(&m);
}

static void test_other_checks(void **unused)
{
	struct mesh m;

	mesh_make(&m, CHECK("timeout: 1s, interval: 5s, unhealthy_interval: 9s, unhealthy_threshold: 300, "
			    "tcp_health_check: {}"));
	assert_json(active(&m),
		    "{\"type\":\"tcp\",\"timeout\":1,\"healthy\":{\"interval\":5,\"successes\":1},\"unhealthy\":"
		    "{\"interval\":9,\"tcp_failures\":254,\"timeouts\":254}}");
	assert_finding(&m, "warn", "health_checks[0]", "254");
	mesh_close(&m);
	mesh_make(&m, CHECK("timeout: 1s, interval: 1s, tcp_health_check: {send: {text: \"00\"}}"));
	assert_finding(&m, "warn", "tcp_health_check", "nothing is sent");
	mesh_close(&m);
	mesh_make(&m, CHECK("timeout: 1s, interval: 1s, grpc_health_check: {}}, {timeout: 1s, interval: 1s, "
			    "tcp_health_check: {}"));
	assert_json(json_object_get(active(&m), "type"), "\"tcp\"");
	assert_finding(&m, "warn", "health_checks[0]", "HTTP/1.1");
	assert_finding(&m, "warn", "health_checks[1]", "one check");
	mesh_close(&m);
	mesh_make(&m, CHECK("timeout: 1s, interval: 1s, http_health_check: {path: /, codec_client_type: HTTP2}"));
	assert_json(json_object_get(active(&m), "type"), "\"tcp\"");
	mesh_close(&m);
}

static void test_checks_of_endpoints(void **unused)
{
#define PROBED(ip, config) "{endpoint: {" AT(ip) ", health_check_config: {" config "}}}"
#define PROBES(nodes) \
	CLUSTER("a", "health_checks: [{timeout: 1s, interval: 1s, alt_port: 7, http_health_check: {path: " \
		     "/}}], " ASSIGN("a", nodes))
	struct mesh m;

	mesh_make(&m, PROBES(NODE("10.0.0.1")));
	assert_json(json_object_get(active(&m), "port"), "7");
	mesh_close(&m);
	mesh_make(&m, PROBES(PROBED("10.0.0.1", "port_value: 9, hostname: n.t") ", " PROBED(
			     "10.0.0.2", "port_value: 9, hostname: n.t")));
	assert_json(json_object_get(active(&m), "port"), "9");
	assert_json(json_object_get(active(&m), "host"), "\"n.t\"");
	mesh_close(&m);
	mesh_make(&m, PROBES(PROBED("10.0.0.1", "port_value: 9") ", " PROBED("10.0.0.2", "port_value: 8")));
	assert_finding(&m, "warn", "health_checks[0]", "different ones");
	mesh_close(&m);
	mesh_make(&m, PROBES(PROBED("10.0.0.1", "disable_active_health_check: true")));
	assert_null(upstream(&m, "a", "checks"));
	mesh_close(&m);
}

static void test_outliers(void **unused)
{
#define OUTLIER(inside) CLUSTER("a", "outlier_detection: {" inside "}, " ASSIGN("a", NODE("10.0.0.1")))
	const json_t *passive;
	struct mesh m;

	mesh_make(&m, OUTLIER("consecutive_5xx: 3, base_ejection_time: 20s"));
	assert_json(active(&m),
		    "{\"type\":\"tcp\",\"timeout\":1,\"healthy\":{\"interval\":20,\"successes\":1},\"unhealthy\":"
		    "{\"interval\":20,\"tcp_failures\":3,\"timeouts\":3}}");
	passive = json_object_get(json_object_get(upstream(&m, "a", "checks"), "passive"), "unhealthy");
	assert_json(json_object_get(passive, "http_failures"), "3");
	assert_json(json_object_get(passive, "tcp_failures"), "3");
	assert_int_equal(json_array_size(json_object_get(passive, "http_statuses")), 100);
	mesh_close(&m);
	mesh_make(&m, OUTLIER("enforcing_consecutive_5xx: 0, consecutive_gateway_failure: 4, "
			      "enforcing_consecutive_gateway_failure: 100, "
			      "split_external_local_origin_errors: true, "
			      "enforcing_consecutive_local_origin_failure: 0"));
	passive = json_object_get(json_object_get(upstream(&m, "a", "checks"), "passive"), "unhealthy");
	assert_json(passive, "{\"http_failures\":4,\"http_statuses\":[502,503,504],\"tcp_failures\":0,\"timeouts\":0}");
	mesh_close(&m);
	assert_upstream(OUTLIER("enforcing_consecutive_5xx: 0"), "checks", NULL);
	/* With a check of its own, none is made up. */
	mesh_make(&m, CLUSTER("a", "outlier_detection: {}, health_checks: [{timeout: 1s, interval: 4s, "
				   "tcp_health_check: {}}], " ASSIGN("a", NODE("10.0.0.1"))));
	assert_json(json_object_get(json_object_get(active(&m), "healthy"), "interval"), "4");
	assert_non_null(json_object_get(upstream(&m, "a", "checks"), "passive"));
	mesh_close(&m);
}

#define BREAKERS(inside) "circuit_breakers: {thresholds: [{" inside "}]}, "
#define LIMITED(limits) ROUTE("cluster: a") CLUSTER("a", BREAKERS(limits) ASSIGN("a", NODE("10.0.0.1")))

static void assert_limit(const char *text, const char *conn)
{
	struct mesh m;

	mesh_make(&m, text);
	if (conn != NULL)
		assert_json(json_object_get(plugin_of(&m, "l/v/x", "limit-conn"), "conn"), conn);
	else
		assert_null(plugin_of(&m, "l/v/x", "limit-conn"));
	mesh_close(&m);
}

static void test_limits(void **unused)
{
	struct mesh m;

	mesh_make(&m, LIMITED("max_requests: 7"));
	assert_json(json_object_get(plugin_of(&m, "l/v/x", "limit-conn"), "conn"), "7");
	assert_json(json_object_get(plugin_of(&m, "l/v/x", "limit-conn"), "burst"), "0");
	assert_json(json_object_get(plugin_of(&m, "l/v/x", "limit-conn"), "key"), "\"route_id\"");
	assert_json(json_object_get(plugin_of(&m, "l/v/x", "limit-conn"), "rejected_code"), "503");
	assert_finding(&m, "warn", "circuit_breakers.thresholds[0]", "for each route");
	mesh_close(&m);
	assert_limit(LIMITED("max_connections: 1, max_pending_requests: 1"), "2");
	assert_limit(LIMITED("max_connections: 1"), NULL);
	assert_limit(LIMITED("max_requests: 1024"), NULL);
	assert_limit(LIMITED("max_requests: 4294967295"), NULL);
	assert_limit(LIMITED("priority: HIGH, max_requests: 3"), NULL);
	/* Over HTTP/2 connections are no limit to requests. */
	assert_limit(ROUTE("cluster: a") CLUSTER(
			     "a", BREAKERS("max_connections: 1, max_pending_requests: 1, max_requests: 9")
					  HTTP_OPTIONS("explicit_http_config: {http2_protocol_options: {}}")),
		     "9");
	mesh_make(&m, LIMITED("max_requests: 0"));
	assert_json(upstream(&m, "a", "nodes"), "[]");
	mesh_close(&m);
	/* TCP: its connections, counted by a plugin of the stream route. */
	mesh_make(&m, STREAM("t", "cluster: a") CLUSTER("a", BREAKERS("max_connections: 4") "type: STATIC"));
	assert_json(json_object_get(json_object_get(json_object_get(mesh_object(&m, "stream_routes", "t"), "plugins"),
						    "limit-conn"), "conn"), "4");
	mesh_remove(&m, RT_LISTENER, "t");
	mesh_add(&m, STREAM("t", "weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, weight: 1}]}")
			     CLUSTER("b", BREAKERS("max_connections: 5") "type: STATIC"));
	mesh_run(&m);
	assert_json(json_object_get(json_object_get(json_object_get(mesh_object(&m, "stream_routes", "t"), "plugins"),
						    "limit-conn"), "conn"), "9");
	assert_non_null(json_object_get(json_object_get(mesh_object(&m, "stream_routes", "t"), "plugins"),
					"traffic-split"));
	mesh_close(&m);
	mesh_make(&m, STREAM("t", "cluster: a") CLUSTER("a", BREAKERS("max_connections: 0") "type: STATIC"));
	assert_int_equal(mesh_count(&m, "stream_routes", "t"), 0);
	assert_finding(&m, "skip", "typed_config", "no connection is allowed");
	mesh_close(&m);
	/* Two clusters: both limits, or none. */
	mesh_make(&m, ROUTE("weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, weight: 1}]}")
			      CLUSTER("a", BREAKERS("max_requests: 2") "type: STATIC")
				      CLUSTER("b", BREAKERS("max_requests: 3") "type: STATIC"));
	assert_json(json_object_get(plugin_of(&m, "l/v/x", "limit-conn"), "conn"), "5");
	mesh_remove(&m, RT_CLUSTER, "b");
	mesh_add(&m, CLUSTER("b", "type: STATIC"));
	mesh_run(&m);
	assert_null(plugin_of(&m, "l/v/x", "limit-conn"));
	assert_finding(&m, "warn", "weighted_clusters", "requests are not limited");
	mesh_close(&m);
}

#define DROP(percent) "policy: {drop_overloads: [{category: c, drop_percentage: {numerator: " percent "}}]}"
#define NODES(ip) "endpoints: [{lb_endpoints: [" NODE(ip) "]}]"

static void test_drop(void **unused)
{
	struct translation_pending pending;
	struct mesh m;

	mesh_make(&m, ROUTE("cluster: a") CLUSTER("a", "type: EDS") CLA("a", NODES("10.0.0.1") ", " DROP("40")));
	assert_json(plugin_of(&m, "l/v/x", "fault-injection"),
		    "{\"abort\":{\"body\":\"drop overload\",\"http_status\":503,\"percentage\":40}}");
	/* Endpoints alone touch no listener, their policy does. */
	mesh_remove(&m, RT_ENDPOINT, "a");
	mesh_add(&m, CLA("a", NODES("10.0.0.2") ", " DROP("40")));
	pending = translation_pending(offline_translation(m.offline));
	assert_int_equal(pending.listeners, 0);
	mesh_run(&m);
	mesh_remove(&m, RT_ENDPOINT, "a");
	mesh_add(&m, CLA("a", NODES("10.0.0.2")));
	mesh_run(&m);
	assert_null(plugin_of(&m, "l/v/x", "fault-injection"));
	mesh_remove(&m, RT_ENDPOINT, "a");
	mesh_add(&m, CLA("a", NODES("10.0.0.2") ", " DROP("100")));
	mesh_run(&m);
	assert_json(plugin_of(&m, "l/v/x", "fault-injection"),
		    "{\"abort\":{\"body\":\"drop overload\",\"http_status\":503}}");
	mesh_close(&m);
	/* A share of the requests goes to it. */
	mesh_make(&m, ROUTE("weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, weight: 3}]}") CLUSTER(
			      "a", "type: EDS") CLUSTER("b", "type: STATIC")
			      CLA("a", NODES("10.0.0.1") ", " DROP("40")));
	assert_json(json_object_get(json_object_get(plugin_of(&m, "l/v/x", "fault-injection"), "abort"), "percentage"),
		    "10");
	mesh_close(&m);
}

#define SUBSETS(config, nodes) CLUSTER("a", "lb_subset_config: {" config "}, " ASSIGN("a", nodes))
#define BY_VERSION "subset_selectors: [{keys: [version]}]"
#define V1_V2 TAGGED("10.0.0.1", "version: v1, stage: prod") ", " TAGGED("10.0.0.2", "version: v2, stage: dev")
#define ONLY_1 "[{\"host\":\"10.0.0.1\",\"port\":80,\"weight\":1}]"
#define ONLY_2 "[{\"host\":\"10.0.0.2\",\"port\":80,\"weight\":1}]"
#define BOTH "[{\"host\":\"10.0.0.1\",\"port\":80,\"weight\":1},{\"host\":\"10.0.0.2\",\"port\":80,\"weight\":1}]"

/* The nodes of the upstream that the route has. */
static void assert_route_nodes(const char *text, const char *nodes)
{
	const char *id;
	struct mesh m;
	char key[128];

	mesh_make(&m, text);
	id = json_string_value(json_object_get(mesh_object(&m, "routes", "l/v/x"), "upstream_id"));
	snprintf(key, sizeof key, "upstreams/%s", id);
	assert_json(json_object_get(json_object_get(m.objects, key), "nodes"), nodes);
	mesh_close(&m);
}

static void test_subsets(void **unused)
{
	struct mesh m;

	mesh_make(&m, ROUTE("cluster: a, " MATCH("version: v1")) SUBSETS(BY_VERSION, V1_V2));
	assert_json(upstream(&m, "a {\"version\":\"v1\"}", "nodes"), ONLY_1);
	assert_json(upstream(&m, "a {\"version\":\"v1\"}", "labels"), "{\"subset.version\":\"v1\"}");
	mesh_close(&m);
	/* No selector has these keys, or no endpoint these values: the fallback. */
	assert_route_nodes(ROUTE("cluster: a, " MATCH("stage: prod")) SUBSETS(BY_VERSION, V1_V2), "[]");
	assert_route_nodes(ROUTE("cluster: a, " MATCH("stage: prod"))
				   SUBSETS("fallback_policy: ANY_ENDPOINT, " BY_VERSION, V1_V2), BOTH);
	assert_route_nodes(
		ROUTE("cluster: a, " MATCH("version: v3")) SUBSETS(
			"fallback_policy: DEFAULT_SUBSET, default_subset: {stage: dev}, " BY_VERSION, V1_V2),
		ONLY_2);
	assert_route_nodes(ROUTE("cluster: a, " MATCH("version: v3"))
				   SUBSETS("fallback_policy: DEFAULT_SUBSET, default_subset: {stage: x}, "
					   "panic_mode_any: true, " BY_VERSION, V1_V2), BOTH);
	/* Also for a route that asks for nothing. */
	assert_route_nodes(ROUTE("cluster: a") SUBSETS(BY_VERSION, V1_V2), "[]");
	assert_route_nodes(
		ROUTE("cluster: a") SUBSETS(
			"fallback_policy: DEFAULT_SUBSET, default_subset: {stage: dev}, " BY_VERSION, V1_V2),
		ONLY_2);
	/* The selector's own fallback wins. */
	assert_route_nodes(
		ROUTE("cluster: a, " MATCH("version: v3"))
			SUBSETS("subset_selectors: [{keys: [version], fallback_policy: ANY_ENDPOINT}]", V1_V2),
		BOTH);
	assert_route_nodes(ROUTE("cluster: a, " MATCH("version: v3"))
				   SUBSETS("fallback_policy: ANY_ENDPOINT, subset_selectors: "
					   "[{keys: [version], fallback_policy: NO_FALLBACK}]", V1_V2), "[]");
	assert_route_nodes(ROUTE("cluster: a, " MATCH("version: v3, stage: dev"))
				   SUBSETS("subset_selectors: [{keys: [version, stage], fallback_policy: KEYS_SUBSET, "
					   "fallback_keys_subset: [stage]}, {keys: [stage]}]", V1_V2), ONLY_2);
	/* Values of other types, lists, one host for each value, lists of fallbacks. */
	assert_route_nodes(ROUTE("cluster: a, " MATCH("version: 1.5"))
				   SUBSETS(BY_VERSION, TAGGED("10.0.0.1", "version: 1.5") ", " TAGGED(
							       "10.0.0.2", "version: \"1.5\"")),
			   ONLY_1);
	assert_route_nodes(ROUTE("cluster: a, " MATCH("version: v2"))
				   SUBSETS("list_as_any: true, " BY_VERSION,
					   TAGGED("10.0.0.1", "version: [v1]") ", " TAGGED(
						   "10.0.0.2", "version: [v1, v2]")),
			   ONLY_2);
	assert_route_nodes(ROUTE("cluster: a, " MATCH("version: v1"))
				   SUBSETS("subset_selectors: [{keys: [version], single_host_per_subset: true}]",
					   TAGGED("10.0.0.1", "version: v1") ", " TAGGED("10.0.0.2", "version: v1")),
			   ONLY_1);
	assert_route_nodes(ROUTE("cluster: a, " MATCH("fallback_list: [{version: v9}, {version: v2}]"))
				   SUBSETS("metadata_fallback_policy: FALLBACK_LIST, " BY_VERSION, V1_V2), ONLY_2);
	/* Without selectors there are no subsets. */
	assert_route_nodes(ROUTE("cluster: a, " MATCH("version: v1"))
				   SUBSETS("fallback_policy: NO_FALLBACK", V1_V2),
			   BOTH);
}

static void test_subset_policy(void **unused)
{
#define POLICY(name, inside) \
	"load_balancing_policy: {policies: [{typed_extension_config: {name: n, typed_config: {\"@type\": " \
	"type.googleapis.com/envoy.extensions.load_balancing_policies." name ", " inside "}}}]}"
	struct mesh m;

	assert_route_nodes(ROUTE("cluster: a, " MATCH("version: v1, more: x")) CLUSTER(
				   "a", POLICY("subset.v3.Subset", "allow_redundant_keys: true, " BY_VERSION
					       ", subset_lb_policy: {policies: []}") ", " ASSIGN("a", V1_V2)), ONLY_1);
	mesh_make(
		&m,
		CLUSTER("a",
			POLICY("override_host.v3.OverrideHost",
			       "override_host_sources: [{}], fallback_policy: "
			       "{policies: [{typed_extension_config: {name: l, typed_config: {\"@type\": "
			       "type.googleapis.com/"
			       "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest}}}]}")));
	assert_json(upstream(&m, "a", "type"), "\"least_conn\"");
	assert_finding(&m, "warn", "override_host_sources", "fallback policy");
	mesh_close(&m);
	mesh_make(&m,
		  CLUSTER("a",
			  "load_balancing_policy: {policies: [{typed_extension_config: {name: n, typed_config: "
			  "{\"@type\": type.googleapis.com/envoy.extensions.load_balancing_policies."
			  "client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin}}}]}"));
	assert_json(upstream(&m, "a", "type"), "\"roundrobin\"");
	assert_finding(&m, "warn", "load_balancing_policy", "configured weights");
	mesh_close(&m);
}

static void test_weighted_subsets(void **unused)
{
#define SPLIT "weighted_clusters: {clusters: [{name: a, weight: 90, " MATCH("version: v1") "}, " \
	      "{name: a, weight: 10, " MATCH("version: v2") "}]}"
	const json_t *list;
	struct mesh m;

	mesh_make(&m, ROUTE(SPLIT ", " MATCH("stage: prod"))
			      SUBSETS("subset_selectors: [{keys: [version, stage]}]",
				      TAGGED("10.0.0.1", "version: v1, stage: prod") ", " TAGGED(
					      "10.0.0.2", "version: v2, stage: prod")));
	list = json_object_get(json_array_get(json_object_get(plugin_of(&m, "l/v/x", "traffic-split"), "rules"), 0),
			       "weighted_upstreams");
	assert_int_equal(json_array_size(list), 2);
	assert_json(json_object_get(json_array_get(list, 0), "weight"), "90");
	assert_json(upstream(&m, "a {\"stage\":\"prod\",\"version\":\"v1\"}", "nodes"), ONLY_1);
	assert_json(upstream(&m, "a {\"stage\":\"prod\",\"version\":\"v2\"}", "nodes"), ONLY_2);
	/* When the cluster loses its subsets, its routes learn of it. */
	mesh_remove(&m, RT_CLUSTER, "a");
	mesh_add(&m, CLUSTER("a", ASSIGN("a", NODE("10.0.0.1"))));
	mesh_run(&m);
	assert_null(plugin_of(&m, "l/v/x", "traffic-split"));
	assert_json(upstream(&m, "a", "nodes"), ONLY_1);
	mesh_close(&m);
}

static void test_aggregate(void **unused)
{
	struct translation_pending pending;
	struct mesh m;

	mesh_make(&m, ROUTE("cluster: g") AGGREGATE("g", "a, gone, b, g, h") AGGREGATE("h", "g, b, c")
			      CLUSTER("a", "connect_timeout: 2s, type: EDS")
				      CLUSTER("b", ASSIGN("b", NODE("10.0.0.2"))) CLUSTER(
					      "c", ASSIGN("c", NODE("10.0.0.3")))
					      CLA("a", "endpoints: [{lb_endpoints: [" NODE(
							       "10.0.0.1") "]}, {priority: 1, lb_endpoints: "
									   "[" NODE("10.0.0.9") "]}]"));
	assert_json(upstream(&m, "g", "nodes"),
		    "[{\"host\":\"10.0.0.1\",\"port\":80,\"weight\":1},"
		    "{\"host\":\"10.0.0.9\",\"port\":80,\"weight\":1,\"priority\":-1},"
		    "{\"host\":\"10.0.0.2\",\"port\":80,\"weight\":1,\"priority\":-2},"
		    "{\"host\":\"10.0.0.3\",\"port\":80,\"weight\":1,\"priority\":-3}]");
	assert_json(json_object_get(upstream(&m, "g", "timeout"), "connect"), "2");
	assert_json(json_object_get(json_object_get(mesh_object(&m, "routes", "l/v/x"), "timeout"), "connect"), "2");
	assert_finding(&m, "warn", "cluster_type.typed_config", "'gone' is not there");
	/* A member's endpoints, a member's settings. */
	mesh_remove(&m, RT_CLUSTER, "b");
	mesh_add(&m, CLUSTER("b", TLS_SOCKET ", " ASSIGN("b", NODE("10.0.0.2"))));
	mesh_run(&m);
	assert_int_equal(json_array_size(upstream(&m, "g", "nodes")), 3);
	assert_finding(&m, "warn", "cluster_type.typed_config", "'b' speaks another protocol");
	mesh_remove(&m, RT_CLUSTER, "a");
	mesh_add(&m, CLUSTER("a", "connect_timeout: 3s, type: EDS"));
	pending = translation_pending(offline_translation(m.offline));
	assert_true(pending.clusters >= 2);
	mesh_run(&m);
	assert_json(json_object_get(json_object_get(mesh_object(&m, "routes", "l/v/x"), "timeout"), "connect"), "3");
	mesh_close(&m);
}

static void test_protocol_of_the_client(void **unused)
{
#define DOWNSTREAM HTTP_OPTIONS("use_downstream_protocol_config: {}")
	const json_t *rules, *ids;
	struct mesh m;

	mesh_make(&m, ROUTE("cluster: a") CLUSTER("a", DOWNSTREAM));
	assert_int_equal(mesh_count(&m, "upstreams", "a"), 2);
	rules = json_object_get(plugin_of(&m, "l/v/x", "traffic-split"), "rules");
	assert_int_equal(json_array_size(rules), 1);
	assert_json(json_object_get(json_array_get(rules, 0), "match"),
		    "[{\"vars\":[[\"http_content_type\",\"~~\",\"\\\\Aapplication/grpc(?:\\\\+.*)?\\\\z\"]]}]");
	ids = json_object_get(json_array_get(json_object_get(json_array_get(rules, 0), "weighted_upstreams"), 0),
			      "upstream_id");
	assert_false(json_equal(ids, json_object_get(mesh_object(&m, "routes", "l/v/x"), "upstream_id")));
	mesh_close(&m);
	/* Where it is known, one upstream does. */
	mesh_make(&m, LISTENER("[{name: x, match: {prefix: /, grpc: {}}, route: {cluster: a}}]")
			      CLUSTER("a", DOWNSTREAM));
	assert_json(upstream(&m, "a", "scheme"), "\"grpc\"");
	assert_null(plugin_of(&m, "l/v/x", "traffic-split"));
	mesh_close(&m);
	mesh_make(&m, LISTENER("[{name: x, match: {prefix: /, headers: [{name: \":method\", string_match: "
			       "{exact: GET}}]}, "
			       "route: {cluster: a}}]") CLUSTER("a", DOWNSTREAM));
	assert_json(upstream(&m, "a", "scheme"), "\"http\"");
	assert_null(plugin_of(&m, "l/v/x", "traffic-split"));
	/* The routes learn of a change. */
	mesh_remove(&m, RT_CLUSTER, "a");
	mesh_add(&m, CLUSTER("a", HTTP_OPTIONS("explicit_http_config: {http2_protocol_options: {}}")));
	mesh_run(&m);
	assert_json(upstream(&m, "a", "scheme"), "\"grpc\"");
	mesh_close(&m);
}

static void test_names_of_endpoints(void **unused)
{
#define NAMED(ip, host) "{endpoint: {" AT(ip) ", hostname: " host "}}"
#define AUTO ROUTE("cluster: a, auto_host_rewrite: true")
	struct mesh m;

	mesh_make(&m, AUTO CLUSTER("a", ASSIGN("a", NAMED("10.0.0.1", "n.t") ", " NAMED("10.0.0.2", "n.t"))));
	assert_json(upstream(&m, "a", "pass_host"), "\"rewrite\"");
	assert_json(upstream(&m, "a", "upstream_host"), "\"n.t\"");
	mesh_close(&m);
	mesh_make(&m, AUTO CLUSTER("a", "type: STRICT_DNS, " ASSIGN("a", NODE("d.t"))));
	assert_json(upstream(&m, "a", "upstream_host"), "\"d.t\"");
	mesh_close(&m);
	mesh_make(&m, AUTO CLUSTER("a", "type: STRICT_DNS, " ASSIGN("a", NODE("d.t") ", " NODE("e.t"))));
	assert_json(upstream(&m, "a", "pass_host"), "\"node\"");
	assert_finding(&m, "warn", "", "node's name with its port");
	mesh_close(&m);
	mesh_make(&m, AUTO CLUSTER("a", ASSIGN("a", NAMED("10.0.0.1", "n.t") ", " NAMED("10.0.0.2", "o.t"))));
	assert_null(upstream(&m, "a", "pass_host"));
	assert_finding(&m, "warn", "", "own Host is kept");
	mesh_close(&m);
	/* Envoy leaves Host alone where endpoints have no name. */
	mesh_make(&m, AUTO CLUSTER("a", ASSIGN("a", NODE("10.0.0.1"))));
	assert_null(upstream(&m, "a", "pass_host"));
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http_check),
		cmocka_unit_test(test_http_check_over_tls),
		cmocka_unit_test(test_other_checks),
		cmocka_unit_test(test_checks_of_endpoints),
		cmocka_unit_test(test_outliers),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_subsets),
		cmocka_unit_test(test_subset_policy),
		cmocka_unit_test(test_weighted_subsets),
		cmocka_unit_test(test_aggregate),
		cmocka_unit_test(test_protocol_of_the_client),
		cmocka_unit_test(test_names_of_endpoints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
