/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where requests go besides one named cluster: copies, clusters that a header names, settings of
 * weighted clusters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh.h"

#define CLUSTER "{\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, "
#define NODE(ip, port)                                                                             \
	"{endpoint: {address: {socket_address: {address: '" ip "', port_value: " port "}}}}"
#define NODES(name, list)                                                                          \
	"load_assignment: {cluster_name: " name ", endpoints: [{lb_endpoints: [" list "]}]}"

static const char copies[] =
	"- " CLUSTER "name: m, type: STATIC, " NODES("m", NODE("10.0.0.1", "80") ", " NODE("10.0.0.2", "80"))
	"}\n- " CLUSTER "name: h2, type: STATIC, http2_protocol_options: {}, "
	NODES("h2", NODE("fd00::1", "81")) "}\n- " CLUSTER "name: u, type: STRICT_DNS, "
	NODES("u", NODE("a_b", "82")) "}\n- " CLUSTER "name: g, type: STATIC, http2_protocol_options: {}}\n";

static const char frame[] =
	"- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
	"  name: l\n"
	"  address: {socket_address: {address: 0.0.0.0, port_value: 9080}}\n"
	"  filter_chains: [{filters: [{name: h, typed_config: {\n"
	"    \"@type\": type.googleapis.com/envoy.extensions.filters.network."
	"http_connection_manager.v3.HttpConnectionManager,\n"
	"    route_config: {name: r %s, virtual_hosts: [{name: v, domains: ['*'] %s, routes: %s}]}}}]}]\n"
	"- " CLUSTER "name: a, type: STATIC}\n"
	"- " CLUSTER "name: b, type: STATIC}\n";

/* config, vhost: further fields of these, each after a comma. */
static void make(struct mesh *m, const char *config, const char *vhost, const char *routes,
		 const char *more)
{
	char *text;

	assert_true(asprintf(&text, frame, config, vhost, routes) > 0);
	mesh_open(m, NULL);
	mesh_add(m, text);
	if (more != NULL)
		mesh_add(m, more);
	mesh_run(m);
	free(text);
}

static const char *mirror_host(const struct mesh *m, const char *route)
{
	return json_string_value(json_object_get(plugin_of(m, route, "proxy-mirror"), "host"));
}

static void test_mirror(void **unused)
{
	struct mesh m;

	make(&m, "", "",
	     "[{name: one, match: {prefix: /one}, route: {cluster: a, request_mirror_policies: "
	     "[{cluster: m, runtime_fraction: {default_value: {numerator: 25}}}, {cluster: h2}]}},"
	     "{name: grpc, match: {prefix: /grpc}, route: {cluster: g, prefix_rewrite: /x, "
	     "request_mirror_policies: [{cluster: h2}]}},"
	     "{name: tiny, match: {prefix: /tiny}, route: {cluster: a, request_mirror_policies: "
	     "[{cluster: m, runtime_fraction: {default_value: {numerator: 1, denominator: "
	     "MILLION}}}]}},"
	     "{name: off, match: {prefix: /off}, route: {cluster: a, request_mirror_policies: "
	     "[{cluster: m, runtime_fraction: {default_value: {numerator: 0}}}]}},"
	     "{name: gone, match: {prefix: /gone}, route: {cluster: a, request_mirror_policies: "
	     "[{cluster: nowhere}]}},"
	     "{name: header, match: {prefix: /header}, route: {cluster: a, "
	     "request_mirror_policies: [{cluster_header: x-to}]}},"
	     "{name: under, match: {prefix: /}, route: {cluster: a, "
	     "request_mirror_policies: [{cluster: u}]}}]",
	     copies);
	assert_true(strncmp(mirror_host(&m, "one"), "http://10.0.0.", 14) == 0);
	assert_json(json_object_get(plugin_of(&m, "one", "proxy-mirror"), "sample_ratio"), "0.25");
	assert_finding(&m, "warn", "routes[0].route.request_mirror_policies[1]", "further policy");
	assert_finding(&m, "warn", "routes[0].route.request_mirror_policies[0]", "-shadow");
	assert_json(plugin_of(&m, "grpc", "proxy-mirror"),
		    "{\"_meta\":{\"priority\":1007},\"host\":\"grpc://[fd00::1]:81\"}");
	assert_true(json_real_value(json_object_get(plugin_of(&m, "tiny", "proxy-mirror"),
						    "sample_ratio")) == 0.00001);
	assert_finding(&m, "warn", "routes[2].route.request_mirror_policies[0].runtime_fraction",
		       "raised");
	assert_null(plugin_of(&m, "off", "proxy-mirror"));
	assert_null(plugin_of(&m, "gone", "proxy-mirror"));
	assert_finding(&m, "warn", "routes[4].route.request_mirror_policies[0]",
		       "'nowhere' has no endpoint; no request is copied");
	assert_null(plugin_of(&m, "header", "proxy-mirror"));
	assert_finding(&m, "warn", "routes[5].route.request_mirror_policies[0]", "header");
	assert_null(plugin_of(&m, "under", "proxy-mirror"));
	assert_finding(&m, "warn", "routes[6].route.request_mirror_policies[0]", "'a_b'");
	mesh_close(&m);
}

static void test_mirror_levels(void **unused)
{
	struct mesh m;

	make(&m, ", request_mirror_policies: [{cluster: m}]", "",
	     "[{name: o, match: {prefix: /o}, route: {cluster: g, request_mirror_policies: "
	     "[{cluster: h2}]}}, {name: i, match: {prefix: /}, route: {cluster: a}}]",
	     copies);
	assert_string_equal(mirror_host(&m, "o"), "grpc://[fd00::1]:81");
	assert_true(strncmp(mirror_host(&m, "i"), "http://10.0.0.", 14) == 0);
	assert_finding(&m, "warn", "request_mirror_policies[0]", "one endpoint");
	mesh_close(&m);
	make(&m, ", request_mirror_policies: [{cluster: m}]",
	     ", request_mirror_policies: [{cluster: h2}]",
	     "[{name: v, match: {prefix: /}, route: {cluster: g}}]", copies);
	assert_string_equal(mirror_host(&m, "v"), "grpc://[fd00::1]:81");
	assert_finding(&m, "warn", "virtual_hosts[0].request_mirror_policies[0]", "one endpoint");
	mesh_close(&m);
}

#define DOWNSTREAM                                                                                 \
	"typed_extension_protocol_options: {x: {\"@type\": type.googleapis.com/"                   \
	"envoy.extensions.upstreams.http.v3.HttpProtocolOptions, use_downstream_protocol_config: {}}}"

/* nginx copies in the protocol of the request itself; what would be lost there is said. */
static void test_mirror_protocols(void **unused)
{
	static const char both[] =
		"- " CLUSTER "name: d, type: STATIC, " DOWNSTREAM "}\n"
		"- " CLUSTER "name: dm, type: STATIC, " DOWNSTREAM ", " NODES("dm", NODE("10.0.0.3", "80")) "}\n";
	static const struct {
		const char *own, *copy, *host, *finding;
	} cases[] = {
		{ "cluster: a", "h2", NULL, "over HTTP/2, the route's own requests are not" },
		{ "cluster: g", "m", NULL, "over HTTP/1.1, the route's own requests are not" },
		{ "cluster: a", "dm", "http://10.0.0.3:80", NULL },
		{ "cluster: g", "dm", "grpc://10.0.0.3:80", NULL },
		{ "cluster: d", "h2", "grpc://[fd00::1]:81", "only requests that are sent over HTTP/2" },
		{ "cluster: d", "dm", "http://10.0.0.3:80", "only requests that are sent over HTTP/1.1" },
		{ "weighted_clusters: {clusters: [{name: a, weight: 1}, {name: g, weight: 1}]}", "h2",
		  "grpc://[fd00::1]:81", "only requests that are sent over HTTP/2" },
		{ "cluster_header: x", "dm", "http://10.0.0.3:80", "only requests that are sent over HTTP/1.1" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct mesh m;
		char *route;

		assert_true(asprintf(&route,
				     "[{name: x, match: {prefix: /}, route: {%s, "
				     "request_mirror_policies: [{cluster: %s}]}}]",
				     cases[i].own, cases[i].copy) > 0);
		make(&m, "", "", route, copies);
		mesh_add(&m, both);
		mesh_run(&m);
		if (cases[i].host != NULL)
			assert_string_equal(mirror_host(&m, "x"), cases[i].host);
		else
			assert_null(plugin_of(&m, "x", "proxy-mirror"));
		if (cases[i].finding != NULL)
			assert_finding(&m, "warn", "request_mirror_policies[0]", cases[i].finding);
		else
			assert_false(mesh_finding(&m, "warn", "request_mirror_policies[0]", "over HTTP"));
		mesh_close(&m);
		free(route);
	}
}

/* The route's own cluster changes its protocol: the copies are thought over. */
static void test_mirror_follows_protocol(void **unused)
{
	struct mesh m;

	make(&m, ", request_mirror_policies: [{cluster: m}]", "",
	     "[{name: i, match: {prefix: /}, route: {cluster: a}}]", copies);
	assert_non_null(mirror_host(&m, "i"));
	mesh_remove(&m, RT_CLUSTER, "a");
	mesh_add(&m, "- " CLUSTER "name: a, type: STATIC, http2_protocol_options: {}}\n");
	mesh_run(&m);
	assert_null(plugin_of(&m, "i", "proxy-mirror"));
	mesh_close(&m);
}

/* The choice follows the endpoints, and stays when another one goes. */
static void test_mirror_follows_endpoints(void **unused)
{
	static const char one[] = "- " CLUSTER "name: m, type: STATIC, " NODES("m", NODE("10.0.0.9", "80")) "}\n";
	static const char *const enabled[] = { "fault-injection", NULL };
	const struct translation_options plugins = { .apisix_plugins = enabled };
	struct mesh m;
	char *text;

	make(&m, ", request_mirror_policies: [{cluster: m}]", "",
	     "[{name: i, match: {prefix: /}, route: {cluster: a}}]", copies);
	mesh_remove(&m, RT_CLUSTER, "m");
	mesh_run(&m);
	assert_null(plugin_of(&m, "i", "proxy-mirror"));
	mesh_add(&m, one);
	mesh_run(&m);
	assert_string_equal(mirror_host(&m, "i"), "http://10.0.0.9:80");
	mesh_close(&m);

	assert_true(asprintf(&text, frame, ", request_mirror_policies: [{cluster: m}]", "",
			     "[{name: i, match: {prefix: /}, route: {cluster: a}}]") > 0);
	mesh_open(&m, &plugins);
	mesh_add(&m, text);
	mesh_add(&m, one);
	mesh_run(&m);
	assert_null(plugin_of(&m, "i", "proxy-mirror"));
	assert_null(plugin_of(&m, "i", "fault-injection"));
	assert_finding(&m, "warn", "request_mirror_policies", "not enabled");
	mesh_close(&m);
	free(text);
}

#define SPLIT(name, a, b)                                                                          \
	"{name: " name ", match: {prefix: /" name                                                  \
	"}, route: {weighted_clusters: {clusters: ["                                               \
	"{name: a, weight: 1" a "}, {name: b, weight: 2" b "}]}}}"
#define ADD(value) ", request_headers_to_add: [{header: {key: x-v, value: '" value "'}}]"

/* What all clusters say is said of the route; a cluster's own Host is said by its upstream. */
static void test_weight_settings(void **unused)
{
	json_t *split;
	struct mesh m;

	make(&m, "", "",
	     "[" SPLIT("same", ADD("1"), ADD("1")) "," SPLIT("other", ADD("1"), ADD("2")) ","
	     SPLIT("host", ", host_rewrite_literal: a_b.x", "") "," SPLIT("bad",
	     ", host_rewrite_literal: 'a b'", "") ","
	     "{name: zero, match: {prefix: /zero}, route: {weighted_clusters: {clusters: ["
	     "{name: a, weight: 1, response_headers_to_remove: [x-r]}, {name: b, weight: 0}]}}}]",
	     NULL);
	assert_json(json_object_get(plugin_of(&m, "same", "proxy-rewrite"), "headers"),
		    "{\"add\":{\"x-v\":\"1\"}}");
	assert_null(plugin_of(&m, "other", "proxy-rewrite"));
	assert_finding(&m, "warn", "routes[1].route.weighted_clusters",
		       "request_headers_to_add differs");
	assert_json(json_object_get(plugin_of(&m, "zero", "response-rewrite"), "headers"),
		    "{\"remove\":[\"x-r\"]}");
	split = json_object_get(json_array_get(json_object_get(plugin_of(&m, "host", "traffic-split"),
							       "rules"), 0),
				"weighted_upstreams");
	for (size_t i = 0; i < 2; i++) {
		const char *id = json_string_value(
			json_object_get(json_array_get(split, i), "upstream_id"));
		char key[128];
		json_t *host;

		snprintf(key, sizeof key, "upstreams/%s", id);
		host = json_object_get(json_object_get(m.objects, key), "upstream_host");
		assert_string_equal(i == 0 ? json_string_value(host) : "", i == 0 ? "a_b.x" : "");
		assert_true(i == 0 || host == NULL);
	}
	assert_finding(&m, "warn", "routes[3].route.weighted_clusters.clusters[0]", "'a b'");
	mesh_close(&m);
}

/* Rules that one of two clusters has cannot be said, so both are closed. */
static void test_weight_closes(void **unused)
{
	static const char listener[] =
		"- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
		"  name: l\n"
		"  address: {socket_address: {address: 0.0.0.0, port_value: 9080}}\n"
		"  filter_chains: [{filters: [{name: h, typed_config: {\n"
		"    \"@type\": type.googleapis.com/envoy.extensions.filters.network."
		"http_connection_manager.v3.HttpConnectionManager,\n"
		"    http_filters: [{name: rbac, disabled: true, typed_config: {\"@type\": "
		"type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC, rules: {}}}],\n"
		"    route_config: {name: r, virtual_hosts: [{name: v, domains: ['*'], routes: [\n"
		"    " SPLIT("on", "%s", "") ", " SPLIT("off", "", "") "]}]}}}]}]\n";
	static const char rules[] =
		", typed_per_filter_config: {rbac: {\"@type\": type.googleapis.com/"
		"envoy.extensions.filters.http.rbac.v3.RBACPerRoute, rbac: {rules: {}}}}";
	struct mesh m;
	char *text;

	assert_true(asprintf(&text, listener, rules) > 0);
	mesh_make(&m, text);
	assert_json(plugin_of(&m, "on", "fault-injection"),
		    "{\"abort\":{\"body\":\"\",\"http_status\":403}}");
	assert_null(plugin_of(&m, "off", "fault-injection"));
	mesh_close(&m);
	free(text);
}

static size_t n_rules(const struct mesh *m, const char *route)
{
	return json_array_size(json_object_get(plugin_of(m, route, "traffic-split"), "rules"));
}

/* Each known cluster can be named, those that come later too; others get 503. */
static void test_cluster_header(void **unused)
{
	static const char later[] = "- " CLUSTER "name: late, type: STATIC}\n";
	json_t *rule, *upstream;
	struct mesh m;
	char *before, *after;

	make(&m, "", "",
	     "[{name: n, match: {prefix: /n}, route: {cluster_header: X-To, "
	     "cluster_not_found_response_code: NOT_FOUND, retry_policy: {retry_on: reset}}},"
	     "{name: bad, match: {prefix: /}, route: {cluster_header: 'x.y'}}]",
	     NULL);
	assert_int_equal(n_rules(&m, "n"), 2);
	rule = json_array_get(json_object_get(plugin_of(&m, "n", "traffic-split"), "rules"), 1);
	assert_json(json_object_get(rule, "match"), "[{\"vars\":[[\"http_x_to\",\"==\",\"b\"]]}]");
	upstream = mesh_object(&m, "upstreams", "b");
	assert_true(json_equal(json_object_get(upstream, "id"),
			       json_object_get(json_array_get(json_object_get(rule, "weighted_upstreams"), 0),
					       "upstream_id")));
	assert_json(json_object_get(upstream, "retries"), "1");
	assert_json(json_object_get(mesh_object(&m, "routes", "n"), "upstream"),
		    "{\"nodes\":[],\"type\":\"roundrobin\"}");
	assert_finding(&m, "warn", "routes[0].route.cluster_header", "503");
	assert_finding(&m, "slot", "routes[1].route.cluster_header", "'x.y'");
	before = mesh_text(&m, false);
	mesh_add(&m, later);
	mesh_run(&m);
	assert_int_equal(n_rules(&m, "n"), 3);
	mesh_remove(&m, RT_CLUSTER, "late");
	mesh_run(&m);
	after = mesh_text(&m, false);
	assert_string_equal(before, after);
	free(before);
	free(after);
	mesh_close(&m);
}

static void test_many_named_clusters(void **unused)
{
	struct mesh m;

	make(&m, "", "", "[{name: n, match: {prefix: /}, route: {cluster_header: x-to}}]", NULL);
	for (int i = 0; i < 499; i++) {
		char text[128];

		snprintf(text, sizeof text, "- " CLUSTER "name: c%03d, type: STATIC}\n", i);
		mesh_add(&m, text);
	}
	mesh_run(&m);
	assert_int_equal(n_rules(&m, "n"), 500);
	assert_finding(&m, "warn", "cluster_header", "of 501 clusters only the first 500");
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mirror),
		cmocka_unit_test(test_mirror_levels),
		cmocka_unit_test(test_mirror_protocols),
		cmocka_unit_test(test_mirror_follows_protocol),
		cmocka_unit_test(test_mirror_follows_endpoints),
		cmocka_unit_test(test_weight_settings),
		cmocka_unit_test(test_weight_closes),
		cmocka_unit_test(test_cluster_header),
		cmocka_unit_test(test_many_named_clusters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
