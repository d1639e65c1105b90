/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The errors of earlier translators (TRANSLATION.md 12), one test each, so that none comes back.
 */
#include <string.h>

#include "mesh.h"
#include "router.h"

static json_int_t priority(const struct mesh *m, const char *route)
{
	return json_integer_value(json_object_get(mesh_object(m, "routes", route), "priority"));
}

static void test_order_is_kept(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {prefix: /a}, route: {cluster: a}},"
			"{name: y, match: {prefix: /}, route: {cluster: b}},"
			"{name: z, match: {prefix: /a/b}, route: {cluster: c}}]");
	assert_true(priority(&m, "x") > priority(&m, "y"));
	assert_true(priority(&m, "y") > priority(&m, "z"));
	/* The last can never be reached: the first must take its path. */
	assert_json(json_object_get(mesh_object(&m, "routes", "x"), "uris"), "[\"/a*\",\"/a/b*\"]");
	mesh_close(&m);
}

static const char two_ports[] =
	"- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
	"  name: l\n"
	"  address: {socket_address: {address: 0.0.0.0, port_value: 80}}\n"
	"  filter_chains:\n"
	"  - filters:\n"
	"    - typed_config:\n"
	"        \"@type\": "
	"type.googleapis.com/"
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n"
	"        route_config:\n"
	"          virtual_hosts:\n"
	"          - {name: v, domains: [\"a.b:8080\"], routes: [{name: x, match: {prefix: /}, "
	"route: {cluster: a}}]}\n"
	"          - {name: w, domains: [\"a.b\"], routes: [{name: y, match: {prefix: /}, route: "
	"{cluster: a}}]}\n";

static void test_host_port_counts(void **unused)
{
	struct request request = { .method = "GET", .path = "/" };
	struct mesh m;

	mesh_make(&m, two_ports);
	request.host_header = "a.b:8080";
	assert_ptr_equal(router_match(m.objects, &request), mesh_object(&m, "routes", "x"));
	request.host_header = "A.b";
	assert_ptr_equal(router_match(m.objects, &request), mesh_object(&m, "routes", "y"));
	request.host_header = "a.b:81";
	assert_ptr_equal(router_match(m.objects, &request),
			 mesh_object(&m, "routes", "no virtual host"));
	mesh_close(&m);
}

static void test_values_are_quoted(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: s, match: {prefix: /, headers: [{name: h, string_match: {suffix: "
			".c}}]}, route: {cluster: a}},"
			"{name: c, match: {prefix: /, headers: [{name: h, string_match: {contains: "
			"a.c}}]}, route: {cluster: a}},"
			"{name: p, match: {prefix: /, headers: [{name: h, string_match: {prefix: "
			"a\\Eb*}}]}, route: {cluster: a}}]");
	assert_true(mesh_holds(&m, "s", "http_h", "x.c"));
	assert_false(mesh_holds(&m, "s", "http_h", "xyc"));
	assert_true(mesh_holds(&m, "c", "http_h", "xa.cx"));
	assert_false(mesh_holds(&m, "c", "http_h", "abc"));
	assert_true(mesh_holds(&m, "p", "http_h", "a\\Eb*c"));
	assert_false(mesh_holds(&m, "p", "http_h", "abbb"));
	mesh_close(&m);
}

static void test_regex_is_anchored(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {prefix: /, headers: [{name: h, string_match: "
			"{safe_regex: {regex: 'a|bc'}}}]},"
			" route: {cluster: a}}]");
	assert_true(mesh_holds(&m, "x", "http_h", "bc"));
	assert_false(mesh_holds(&m, "x", "http_h", "ab"));
	assert_false(mesh_holds(&m, "x", "http_h", "xbc"));
	assert_false(mesh_holds(&m, "x", "http_h", "a\n"));
	mesh_close(&m);
}

static void test_presence_is_presence(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {prefix: /, headers: [{name: h, present_match: true}]}, "
			"route: {cluster: a}},"
			"{name: y, match: {prefix: /, headers: [{name: h, present_match: false}]}, "
			"route: {cluster: a}}]");
	assert_true(mesh_holds(&m, "x", "http_h", ""));
	assert_false(mesh_holds(&m, "x", "http_h", NULL));
	assert_false(mesh_holds(&m, "y", "http_h", ""));
	assert_true(mesh_holds(&m, "y", "http_h", NULL));
	mesh_close(&m);
}

static void test_inverted_needs_the_header(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {prefix: /, headers: [{name: h, invert_match: true, "
			"string_match: {exact: a}}]},"
			" route: {cluster: a}},"
			"{name: y, match: {prefix: /, headers: [{name: h, invert_match: true, "
			"treat_missing_header_as_empty: true,"
			" string_match: {exact: a}}]}, route: {cluster: a}}]");
	assert_true(mesh_holds(&m, "x", "http_h", "b"));
	assert_false(mesh_holds(&m, "x", "http_h", "a"));
	assert_false(mesh_holds(&m, "x", "http_h", NULL));
	assert_true(mesh_holds(&m, "y", "http_h", NULL));
	mesh_close(&m);
}

static const char tcp_ports[] =
	"- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
	"  name: small\n"
	"  address: {socket_address: {address: 0.0.0.0, port_value: 80}}\n"
	"  filter_chains: [{filters: [{typed_config: {\"@type\": "
	"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, cluster: "
	"a}}]}]\n"
	"- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
	"  name: large\n"
	"  address: {socket_address: {address: 10.0.0.1, port_value: 8080}}\n"
	"  filter_chains: [{filters: [{typed_config: {\"@type\": "
	"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, cluster: "
	"b}}]}]\n";

static void test_port_80_is_not_8080(void **unused)
{
	struct mesh m;

	mesh_make(&m, tcp_ports);
	assert_json(json_object_get(mesh_object(&m, "stream_routes", "small"), "server_port"),
		    "80");
	assert_null(json_object_get(mesh_object(&m, "stream_routes", "small"), "server_addr"));
	assert_json(json_object_get(mesh_object(&m, "stream_routes", "large"), "server_port"),
		    "8080");
	assert_json(json_object_get(mesh_object(&m, "stream_routes", "large"), "server_addr"),
		    "\"10.0.0.1\"");
	mesh_close(&m);
}

static void test_tcp_proxy_is_translated(void **unused)
{
	struct mesh m;
	json_t *upstream;

	mesh_make(&m, tcp_ports);
	assert_int_equal(mesh_count(&m, "stream_routes", "small"), 1);
	upstream = mesh_object(&m, "upstreams", "a");
	assert_json(json_object_get(upstream, "scheme"), "\"tcp\"");
	assert_json(json_object_get(upstream, "timeout"),
		    "{\"connect\":5,\"send\":3600,\"read\":3600}");
	assert_true(json_equal(
		json_object_get(mesh_object(&m, "stream_routes", "small"), "upstream_id"),
		json_object_get(upstream, "id")));
	mesh_close(&m);
}

#define CLUSTER                                                                                    \
	"- \"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster\n  name: a\n  type: "    \
	"STATIC\n"

static void test_locality_weight_is_no_node_weight(void **unused)
{
	struct mesh m;

	mesh_make(&m,
		  CLUSTER "  load_assignment:\n"
			  "    cluster_name: a\n"
			  "    endpoints:\n"
			  "    - {load_balancing_weight: 100, lb_endpoints: [{endpoint: {address: "
			  "{socket_address: {address: 10.0.0.1, port_value: 80}}}}]}\n");
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "nodes"),
		    "[{\"host\":\"10.0.0.1\",\"port\":80,\"weight\":1}]");
	mesh_close(&m);
}

static void test_short_connect_timeout(void **unused)
{
	struct mesh m;

	mesh_make(&m, CLUSTER "  connect_timeout: 0.25s\n");
	assert_json(json_object_get(json_object_get(mesh_object(&m, "upstreams", "a"), "timeout"),
				    "connect"),
		    "0.25");
	mesh_close(&m);
}

static void test_timeouts_are_the_routes(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {prefix: /x}, route: {cluster: a, timeout: 2.5s}},"
			"{name: y, match: {prefix: /y}, route: {cluster: a}},"
			"{name: z, match: {prefix: /z}, route: {cluster: a, timeout: 0s, "
			"idle_timeout: 0s}},"
			"{name: t, match: {prefix: /t}, route: {cluster: a, timeout: 9s,"
			" retry_policy: {retry_on: reset, per_try_timeout: 3s}}}]");
	assert_json(json_object_get(mesh_object(&m, "routes", "x"), "timeout"),
		    "{\"connect\":5,\"send\":2.5,\"read\":2.5}");
	assert_json(json_object_get(mesh_object(&m, "routes", "y"), "timeout"),
		    "{\"connect\":5,\"send\":15,\"read\":15}");
	assert_json(json_object_get(mesh_object(&m, "routes", "z"), "timeout"),
		    "{\"connect\":5,\"send\":604800,\"read\":604800}");
	assert_json(json_object_get(mesh_object(&m, "routes", "t"), "timeout"),
		    "{\"connect\":5,\"send\":3,\"read\":3}");
	mesh_close(&m);
}

static void test_retries_are_explicit(void **unused)
{
	const char *key;
	json_t *value;
	struct mesh m;

	make_routes(&m, "[{match: {prefix: /x}, route: {cluster: a}},"
			"{match: {prefix: /y}, route: {cluster: b, retry_policy: {retry_on: "
			"'connect-failure,5xx', num_retries: 3}}},"
			"{match: {prefix: /z}, route: {cluster: c, retry_policy: {retry_on: "
			"retriable-4xx, num_retries: 3}}}]");
	json_object_foreach (m.objects, key, value)
		if (strncmp(key, "upstreams/", 10) == 0)
			assert_non_null(json_object_get(value, "retries"));
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "retries"), "0");
	assert_json(json_object_get(mesh_object(&m, "upstreams", "b"), "retries"), "3");
	assert_json(json_object_get(mesh_object(&m, "upstreams", "c"), "retries"), "0");
	assert_finding(&m, "warn", "routes[2].route.retry_policy.retry_on",
		       "retries after failed connections");
	mesh_close(&m);
}

static void test_all_balancers_are_taken(void **unused)
{
	static const char *const policies[] = { "RING_HASH", "MAGLEV", "RANDOM", "ROUND_ROBIN",
						"LEAST_REQUEST" };

	for (size_t i = 0; i < 5; i++) {
		struct mesh m;
		char text[512];

		snprintf(text, sizeof text, CLUSTER "  lb_policy: %s\n", policies[i]);
		mesh_make(&m, text);
		assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "type"),
			    i == 4 ? "\"least_conn\"" : "\"roundrobin\"");
		mesh_close(&m);
	}
}

static void test_every_action_keeps_its_route(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: w, match: {prefix: /w}, route: {weighted_clusters: {clusters: "
			"[{name: a, weight: 9}, {name: b, weight: 1}]}}},"
			"{name: r, match: {prefix: /r}, redirect: {https_redirect: true}},"
			"{name: d, match: {prefix: /d}, direct_response: {status: 418, body: "
			"{inline_string: tea $x}}},"
			"{name: u, match: {prefix: /u}, route: {cluster_specifier_plugin: x}}]");
	assert_non_null(json_object_get(json_object_get(mesh_object(&m, "routes", "w"), "plugins"),
					"traffic-split"));
	assert_json(json_object_get(json_object_get(mesh_object(&m, "routes", "r"), "plugins"),
				    "redirect"),
		    "{\"append_query_string\":false,\"encode_uri\":false,\"ret_code\":301,\"uri\":"
		    "\"https://$host$real_request_uri\"}");
	assert_json(json_object_get(mesh_object(&m, "routes", "d"), "plugins"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"tea ${__none ?? "
		    "$}x\",\"http_status\":418}}}");
	assert_json(json_object_get(mesh_object(&m, "routes", "u"), "plugins"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"\",\"http_status\":503}}}");
	assert_finding(&m, "slot", "routes[3].route", "cannot be said");
	mesh_close(&m);
}

static void test_no_match_is_404(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {path: /x}, route: {cluster: a}}]");
	assert_json(json_object_get(mesh_object(&m, "routes", "no-match"), "uri"), "\"/*\"");
	assert_json(json_object_get(mesh_object(&m, "routes", "no-match"), "priority"), "-1");
	assert_json(json_object_get(mesh_object(&m, "routes", "no-match"), "plugins"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"\",\"http_status\":404}}}");
	mesh_close(&m);
}

static void test_case_insensitive_paths(void **unused)
{
	struct request request = { .method = "GET", .host_header = "h" };
	struct mesh m;

	make_routes(&m,
		    "[{name: x, match: {path: /Ab, case_sensitive: false}, route: {cluster: a}},"
		    "{name: y, match: {prefix: /, case_sensitive: false}, route: {cluster: b}}]");
	request.path = "/aB";
	assert_ptr_equal(router_match(m.objects, &request), mesh_object(&m, "routes", "x"));
	request.path = "/aBc";
	assert_ptr_equal(router_match(m.objects, &request), mesh_object(&m, "routes", "y"));
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_is_kept),
		cmocka_unit_test(test_host_port_counts),
		cmocka_unit_test(test_values_are_quoted),
		cmocka_unit_test(test_regex_is_anchored),
		cmocka_unit_test(test_presence_is_presence),
		cmocka_unit_test(test_inverted_needs_the_header),
		cmocka_unit_test(test_port_80_is_not_8080),
		cmocka_unit_test(test_tcp_proxy_is_translated),
		cmocka_unit_test(test_locality_weight_is_no_node_weight),
		cmocka_unit_test(test_short_connect_timeout),
		cmocka_unit_test(test_timeouts_are_the_routes),
		cmocka_unit_test(test_retries_are_explicit),
		cmocka_unit_test(test_all_balancers_are_taken),
		cmocka_unit_test(test_every_action_keeps_its_route),
		cmocka_unit_test(test_no_match_is_404),
		cmocka_unit_test(test_case_insensitive_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
