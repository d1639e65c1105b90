/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences that the comparison with a real Envoy found (tests/functional/test_envoy.py), one small
 * test each, so that they are noticed without one.
 */
#include <stdlib.h>
#include <string.h>

#include "mesh.h"
#include "router.h"

/* A cookie that is not there does not match, so the inverted matcher does; a header is different. */
static void test_inverted_cookie(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {prefix: /, cookies: [{name: c, invert_match: true, "
			"string_match: {exact: a}}]}, route: {cluster: a}}]");
	assert_true(mesh_holds(&m, "x", "cookie_c", NULL));
	assert_true(mesh_holds(&m, "x", "cookie_c", "b"));
	assert_false(mesh_holds(&m, "x", "cookie_c", "a"));
	mesh_close(&m);
}

static void test_parameter_without_value(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: e, match: {prefix: /, query_parameters: [{name: q, string_match: "
			"{safe_regex: {regex: 'x?'}}}]}, route: {cluster: a}},"
			"{name: t, match: {prefix: /, query_parameters: [{name: q, string_match: "
			"{prefix: t}}]}, route: {cluster: a}},"
			"{name: x, match: {prefix: /, query_parameters: [{name: q, string_match: "
			"{exact: 'true'}}]}, route: {cluster: a}}]");
	assert_true(mesh_holds(&m, "e", "arg_q", router_bare));
	assert_true(mesh_holds(&m, "e", "arg_q", ""));
	assert_false(mesh_holds(&m, "e", "arg_q", NULL));
	assert_false(mesh_holds(&m, "t", "arg_q", router_bare));
	assert_true(mesh_holds(&m, "t", "arg_q", "true"));
	assert_false(mesh_holds(&m, "x", "arg_q", router_bare));
	assert_true(mesh_holds(&m, "x", "arg_q", "true"));
	mesh_close(&m);
}

static void test_missing_header_as_empty(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {prefix: /, headers: [{name: h, string_match: "
			"{safe_regex: {regex: 'x?'}}, treat_missing_header_as_empty: true}]}, "
			"route: {cluster: a}}]");
	assert_true(mesh_holds(&m, "x", "http_h", NULL));
	assert_true(mesh_holds(&m, "x", "http_h", "x"));
	assert_false(mesh_holds(&m, "x", "http_h", "y"));
	mesh_close(&m);
}

static void test_grpc_types(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {prefix: /, grpc: {}}, route: {cluster: a}}]");
	assert_true(mesh_holds(&m, "x", "http_content_type", "application/grpc"));
	assert_true(mesh_holds(&m, "x", "http_content_type", "application/grpc+proto;v=1"));
	assert_false(mesh_holds(&m, "x", "http_content_type", "application/grpc;v=1"));
	assert_false(mesh_holds(&m, "x", "http_content_type", "application/grpc-web"));
	mesh_close(&m);
}

/* The own port is off the Host before domains are looked up, so a domain with it matches nothing. */
static void test_domain_with_the_own_port(void **unused)
{
	struct request request = { .method = "GET", .path = "/" };
	struct mesh m;

	mesh_make(&m,
		  "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
		  "  name: l\n"
		  "  address: {socket_address: {address: 0.0.0.0, port_value: 80}}\n"
		  "  filter_chains:\n"
		  "  - filters:\n"
		  "    - typed_config:\n"
		  "        \"@type\": type.googleapis.com/envoy.extensions.filters.network."
		  "http_connection_manager.v3.HttpConnectionManager\n"
		  "        strip_matching_host_port: true\n"
		  "        route_config:\n"
		  "          virtual_hosts:\n"
		  "          - {name: o, domains: [\"a.b:80\"], routes: [{name: x, match: {prefix: "
		  "/}, route: {cluster: a}}]}\n"
		  "          - {name: w, domains: [\"c.*\"], routes: [{name: y, match: {prefix: /}, "
		  "route: {cluster: a}}]}\n");
	request.host_header = "a.b:80";
	assert_ptr_equal(router_match(m.objects, &request),
			 mesh_object(&m, "routes", "no virtual host"));
	assert_finding(&m, "info", "domains[0]", "matches no request");
	request.host_header = "c.d:80";
	assert_ptr_equal(router_match(m.objects, &request), mesh_object(&m, "routes", "y"));
	request.host_header = "c.:80";
	assert_ptr_equal(router_match(m.objects, &request),
			 mesh_object(&m, "routes", "no virtual host"));
	mesh_close(&m);
}

/* Within one level Envoy overwrites first, whatever the order in the list, and looks before it changes. */
static void test_order_within_a_level(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {prefix: /}, route: {cluster: a},"
			" request_headers_to_remove: [c, d],"
			" request_headers_to_add: [{header: {key: a, value: late}},"
			"  {header: {key: a, value: first}, append: false},"
			"  {header: {key: c, value: new}, append_action: OVERWRITE_IF_EXISTS},"
			"  {header: {key: d, value: new}, append_action: ADD_IF_ABSENT}]}]");
	assert_json(plugin_of(&m, "x", "proxy-rewrite"),
		    "{\"headers\":{\"remove\":[\"c\"],\"set\":{\"d\":\"new\","
		    "\"a\":[\"first\",\"late\"]}},\"use_real_request_uri_unsafe\":true}");
	assert_false(mesh_finding(&m, "warn", "request_headers_to_add", ""));
	mesh_close(&m);
}

/* What APISIX would encode a second time is given to it decoded, when it comes out the same. */
static void test_encoded_literals(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: p, match: {prefix: /p}, route: {cluster: a, prefix_rewrite: "
			"'/a%20b'}},"
			"{name: e, match: {path: /e}, route: {cluster: a, prefix_rewrite: "
			"'/%C3%A9'}},"
			"{name: r, match: {prefix: /r}, redirect: {host_redirect: n, "
			"https_redirect: true, prefix_rewrite: '/a%20b'}},"
			"{name: s, match: {path: /s}, route: {cluster: a, prefix_rewrite: "
			"'/a%2Fb'}}]");
	assert_json(json_object_get(plugin_of(&m, "p", "proxy-rewrite"), "regex_uri"),
		    "[\"\\\\A\\\\Q/p\\\\E((?s).*)\\\\z\",\"/a b$1\"]");
	assert_json(plugin_of(&m, "e", "proxy-rewrite"), "{\"uri\":\"/\xc3\xa9\"}");
	assert_json(json_object_get(plugin_of(&m, "r", "redirect"), "regex_uri"),
		    "[\"\\\\A\\\\Q/r\\\\E((?s).*)\\\\z\",\"https://n/a b$1\"]");
	assert_json(plugin_of(&m, "s", "proxy-rewrite"), "{\"uri\":\"/a%2Fb\"}");
	assert_finding(&m, "warn", "routes[3].route.prefix_rewrite", "'/a%2Fb' comes out");
	mesh_close(&m);
}

/* Envoy gives a Location to every answer that is to have one. */
static void test_location_of_answers(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: c, match: {prefix: /c}, direct_response: {status: 201}},"
			"{name: o, match: {prefix: /o}, direct_response: {status: 200}}]");
	assert_json(plugin_of(&m, "c", "fault-injection"),
		    "{\"abort\":{\"body\":\"\",\"headers\":{\"location\":"
		    "\"${scheme}://${http_host}${real_request_uri}\"},\"http_status\":201}}");
	assert_json(plugin_of(&m, "o", "fault-injection"),
		    "{\"abort\":{\"body\":\"\",\"http_status\":200}}");
	mesh_close(&m);
}

static void test_findings_of_approximations(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{match: {prefix: /a}, route: {cluster: a, timeout: 3s}},"
			"{match: {prefix: /b}, route: {cluster: a, timeout: 4s}},"
			"{match: {prefix: /c}, redirect: {https_redirect: true}},"
			"{match: {prefix: /d}, redirect: {prefix_rewrite: /e}},"
			"{match: {prefix: /e}, redirect: {host_redirect: n, regex_rewrite: "
			"{pattern: {regex: '^/e/x'}, substitution: /f}}},"
			"{match: {prefix: /f}, route: {cluster: b}, response_headers_to_add: "
			"[{header: {key: x, value: 'a:b'}}], request_headers_to_add: "
			"[{header: {key: y, value: '%REQ(a?b):3%'}}]}]");
	assert_finding(&m, "warn", "", "timeouts of routes limit the silence");
	assert_finding(&m, "info", "", "default timeout of routes");
	assert_finding(&m, "info", "routes[2].redirect", "a port in the request's Host");
	assert_finding(&m, "info", "routes[3].redirect", "neither scheme nor host");
	assert_finding(&m, "warn", "routes[4].redirect.regex_rewrite", "does not match get 503");
	assert_finding(&m, "warn", "routes[5].response_headers_to_add[0]", "is replaced");
	assert_finding(&m, "warn", "routes[5].request_headers_to_add[0]", "only the first");
	assert_finding(&m, "warn", "routes[5].request_headers_to_add[0]", "not limited");
	assert_finding(&m, "warn", "routes[5].request_headers_to_add[0]", "empty value");
	mesh_close(&m);
}

static void test_dollars_in_redirects(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {prefix: /}, redirect: {host_redirect: $uri.n, "
			"path_redirect: '/${host}$'}}]");
	assert_json(json_object_get(plugin_of(&m, "x", "redirect"), "uri"),
		    "\"$scheme://$${__none}uri.n/$${__none}{host}$${__none}\"");
	mesh_close(&m);
}

/* traffic-split keeps one weight for an upstream that is named twice. */
static void test_tcp_cluster_named_twice(void **unused)
{
	struct mesh m;
	json_t *rules, *split;

	mesh_make(&m, "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
		      "  name: l\n"
		      "  address: {socket_address: {address: 0.0.0.0, port_value: 80}}\n"
		      "  filter_chains: [{filters: [{typed_config: {\"@type\": type.googleapis.com/"
		      "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, weighted_clusters: "
		      "{clusters: [{name: a, weight: 1}, {name: b, weight: 2}, {name: a, weight: "
		      "4}]}}}]}]\n");
	rules = json_object_get(mesh_object(&m, "stream_routes", "l"), "plugins");
	rules = json_object_get(json_object_get(rules, "traffic-split"), "rules");
	split = json_object_get(json_array_get(rules, 0), "weighted_upstreams");
	assert_int_equal(json_array_size(split), 2);
	assert_json(json_object_get(json_array_get(split, 0), "weight"), "5");
	assert_json(json_object_get(json_array_get(split, 1), "weight"), "2");
	mesh_close(&m);
}

/* Exact names stand before suffixes, also among those that APISIX cannot look up. */
static void test_names_that_cannot_be_looked_up(void **unused)
{
	struct request request = { .method = "GET", .path = "/", .host_header = "x{y}" };
	struct mesh m;

	mesh_make(&m,
		  "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
		  "  name: l\n"
		  "  address: {socket_address: {address: 0.0.0.0, port_value: 80}}\n"
		  "  filter_chains:\n"
		  "  - filters:\n"
		  "    - typed_config:\n"
		  "        \"@type\": type.googleapis.com/envoy.extensions.filters.network."
		  "http_connection_manager.v3.HttpConnectionManager\n"
		  "        route_config:\n"
		  "          virtual_hosts:\n"
		  "          - {name: s, domains: [\"*{y}\"], routes: [{name: s, match: {prefix: /}, "
		  "route: {cluster: a}}]}\n"
		  "          - {name: e, domains: [\"x{y}\"], routes: [{name: e, match: {prefix: /}, "
		  "route: {cluster: a}}]}\n");
	assert_ptr_equal(router_match(m.objects, &request), mesh_object(&m, "routes", "e"));
	request.host_header = "z{y}";
	assert_ptr_equal(router_match(m.objects, &request), mesh_object(&m, "routes", "s"));
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inverted_cookie),
		cmocka_unit_test(test_parameter_without_value),
		cmocka_unit_test(test_missing_header_as_empty),
		cmocka_unit_test(test_grpc_types),
		cmocka_unit_test(test_domain_with_the_own_port),
		cmocka_unit_test(test_order_within_a_level),
		cmocka_unit_test(test_encoded_literals),
		cmocka_unit_test(test_location_of_answers),
		cmocka_unit_test(test_findings_of_approximations),
		cmocka_unit_test(test_dollars_in_redirects),
		cmocka_unit_test(test_tcp_cluster_named_twice),
		cmocka_unit_test(test_names_that_cannot_be_looked_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
