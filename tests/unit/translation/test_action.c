/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What routes do: rewrites, redirects, splits, headers, retries, hashing.
 */
#include <stdlib.h>
#include <string.h>

#include "mesh.h"
#include "router.h"

static void test_path_rewrites(void **unused)
{
	struct mesh m;

	make_routes(
		&m,
		"[{name: p, match: {prefix: /a}, route: {cluster: a, prefix_rewrite: /b$}},"
		"{name: e, match: {path: /e}, route: {cluster: a, prefix_rewrite: /f$x}},"
		"{name: s, match: {path_separated_prefix: /s}, route: {cluster: a, prefix_rewrite: "
		"/t}},"
		"{name: r, match: {prefix: /r}, route: {cluster: a, regex_rewrite: {pattern: "
		"{regex: '^/r/(.*)$'}, substitution: '/\\1/$'}}},"
		"{name: l, match: {prefix: /l}, route: {cluster: a, path_rewrite: /fixed}},"
		"{name: x, match: {prefix: /x}, route: {cluster: a, path_rewrite: '/%REQ(a)%'}},"
		"{name: i, match: {prefix: /I, case_sensitive: false}, route: {cluster: a, "
		"prefix_rewrite: /j}},"
		"{name: h, match: {prefix: /h}, route: {cluster: a, host_rewrite_literal: "
		"'new.host:80'}}]");
	assert_json(plugin_of(&m, "p", "proxy-rewrite"),
		    "{\"regex_uri\":[\"\\\\A\\\\Q/a\\\\E((?s).*)\\\\z\",\"/b$$$1\"]}");
	assert_json(plugin_of(&m, "e", "proxy-rewrite"), "{\"uri\":\"/f${__none ?? $}x\"}");
	assert_json(plugin_of(&m, "s", "proxy-rewrite"),
		    "{\"regex_uri\":[\"\\\\A\\\\Q/s\\\\E((?s).*)\\\\z\",\"/t$1\"]}");
	assert_json(plugin_of(&m, "r", "proxy-rewrite"),
		    "{\"regex_uri\":[\"^/r/(.*)$\",\"/${1}/$$\"]}");
	assert_json(plugin_of(&m, "l", "proxy-rewrite"), "{\"uri\":\"/fixed\"}");
	assert_json(plugin_of(&m, "x", "fault-injection"),
		    "{\"abort\":{\"body\":\"\",\"http_status\":503}}");
	assert_finding(&m, "slot", "routes[5].route.path_rewrite", "variables");
	assert_json(plugin_of(&m, "i", "proxy-rewrite"),
		    "{\"regex_uri\":[\"(?i)\\\\A\\\\Q/I\\\\E((?s).*)\\\\z\",\"/j$1\"]}");
	assert_json(plugin_of(&m, "h", "proxy-rewrite"),
		    "{\"host\":\"new.host:80\",\"use_real_request_uri_unsafe\":true}");
	mesh_close(&m);
}

static void test_hosts_of_the_upstream(void **unused)
{
	struct mesh m;

	make_routes(
		&m,
		"[{match: {prefix: /u}, route: {cluster: a, host_rewrite_literal: under_score}},"
		"{match: {prefix: /n}, route: {cluster: b, auto_host_rewrite: true}},"
		"{match: {prefix: /h}, route: {cluster: c, host_rewrite_header: x-host}}]");
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "pass_host"), "\"rewrite\"");
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "upstream_host"),
		    "\"under_score\"");
	assert_json(json_object_get(mesh_object(&m, "upstreams", "b"), "pass_host"), "\"node\"");
	assert_finding(&m, "warn", "routes[2].route.host_rewrite_header", "kept");
	mesh_close(&m);
}

static void test_redirects(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: a, match: {prefix: /a}, redirect: {path_redirect: /b, "
			"response_code: FOUND, strip_query: true}},"
			"{name: b, match: {prefix: /b}, redirect: {host_redirect: x.y, "
			"port_redirect: 8443, scheme_redirect: https}},"
			"{name: c, match: {prefix: /c}, redirect: {prefix_rewrite: /d, "
			"response_code: PERMANENT_REDIRECT}},"
			"{name: d, match: {prefix: /d}, redirect: {prefix_rewrite: /e, "
			"host_redirect: x.y, https_redirect: true}},"
			"{name: e, match: {prefix: /e}, redirect: {prefix_rewrite: /f, "
			"https_redirect: true}},"
			"{name: f, match: {prefix: /f}, redirect: {regex_rewrite: {pattern: "
			"{regex: '^/f(.)'}, substitution: '/g\\1'}}},"
			"{name: g, match: {prefix: /g}, redirect: {path_redirect: '/q?x=1'}}]");
	assert_json(plugin_of(&m, "a", "redirect"),
		    "{\"append_query_string\":false,\"encode_uri\":false,\"ret_code\":302,\"uri\":"
		    "\"$scheme://$http_host/b\"}");
	assert_json(plugin_of(&m, "b", "redirect"),
		    "{\"append_query_string\":false,\"encode_uri\":false,\"ret_code\":301,\"uri\":"
		    "\"https://x.y:8443$real_request_uri\"}");
	assert_json(plugin_of(&m, "c", "redirect"),
		    "{\"append_query_string\":true,\"encode_uri\":true,\"regex_uri\":[\"\\\\A\\\\Q/"
		    "c\\\\E((?s).*)\\\\z\",\"/d$1\"],\"ret_code\":308}");
	assert_json(json_object_get(plugin_of(&m, "d", "redirect"), "regex_uri"),
		    "[\"\\\\A\\\\Q/d\\\\E((?s).*)\\\\z\",\"https://x.y/e$1\"]");
	assert_null(plugin_of(&m, "e", "redirect"));
	assert_finding(&m, "slot", "routes[4].redirect", "without a literal host");
	assert_json(json_object_get(plugin_of(&m, "f", "redirect"), "regex_uri"),
		    "[\"^/f(.)\",\"/g${1}\"]");
	assert_json(json_object_get(mesh_object(&m, "routes", "f"), "upstream"),
		    "{\"nodes\":[],\"type\":\"roundrobin\"}");
	assert_json(json_object_get(plugin_of(&m, "g", "redirect"), "append_query_string"), "false");
	mesh_close(&m);
}

static void test_weights(void **unused)
{
	json_t *split;
	struct mesh m;

	make_routes(&m, "[{name: w, match: {prefix: /}, route: {weighted_clusters: {clusters: "
			"[{name: a, weight: 3}, {name: b, weight: 0}, {name: a, weight: 2}, {name: "
			"c, weight: 5, "
			"request_headers_to_add: [{header: {key: x, value: y}}]}]}}}]");
	split = json_array_get(json_object_get(plugin_of(&m, "w", "traffic-split"), "rules"), 0);
	split = json_object_get(split, "weighted_upstreams");
	assert_int_equal(json_array_size(split), 2);
	assert_json(json_object_get(json_array_get(split, 0), "weight"), "5");
	assert_json(json_object_get(json_array_get(split, 1), "weight"), "5");
	assert_true(json_equal(json_object_get(json_array_get(split, 0), "upstream_id"),
			       json_object_get(mesh_object(&m, "routes", "w"), "upstream_id")));
	assert_finding(&m, "warn", "weighted_clusters", "cannot be told apart");
	mesh_close(&m);
}

static void test_many_weights(void **unused)
{
	char routes[4096] =
		"[{name: w, match: {prefix: /}, route: {weighted_clusters: {clusters: [";
	struct mesh m;

	for (unsigned i = 0; i < 25; i++)
		sprintf(routes + strlen(routes), "%s{name: c%u, weight: %u}", i > 0 ? ", " : "", i,
			i + 1);
	strcat(routes, "]}}}]");
	make_routes(&m, routes);
	assert_int_equal(
		json_array_size(json_object_get(
			json_array_get(json_object_get(plugin_of(&m, "w", "traffic-split"), "rules"),
				       0),
			"weighted_upstreams")),
		20);
	assert_finding(&m, "warn", "weighted_clusters", "20 heaviest of 25");
	assert_json(json_object_get(mesh_object(&m, "upstreams", "c24"), "nodes"), "[]");
	assert_int_equal(mesh_count(&m, "upstreams", "c0"), 0);
	mesh_close(&m);
}

static void test_unknown_cluster(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {prefix: /x}, route: {cluster: gone}},"
			"{name: y, match: {prefix: /y}, route: {cluster: lost, "
			"cluster_not_found_response_code: NOT_FOUND}}]");
	assert_json(json_object_get(mesh_object(&m, "upstreams", "gone"), "nodes"), "[]");
	assert_json(plugin_of(&m, "y", "fault-injection"),
		    "{\"abort\":{\"body\":\"\",\"http_status\":404}}");
	assert_int_equal(mesh_count(&m, "upstreams", "lost"), 0);
	mesh_close(&m);
}

static void test_retries_make_variants(void **unused)
{
	struct mesh m;

	make_routes(&m,
		    "[{match: {prefix: /x}, route: {cluster: a, retry_policy: {retry_on: reset}}},"
		    "{match: {prefix: /y}, route: {cluster: a, retry_policy: {retry_on: reset, "
		    "num_retries: 4, per_try_timeout: 1s}}},"
		    "{match: {prefix: /z}, route: {cluster: a}}]");
	assert_int_equal(mesh_count(&m, "upstreams", "a"), 3);
	assert_int_equal(mesh_count(&m, "upstreams", "b"), 1);
	mesh_close(&m);
}

static const char hashing[] =
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: ring, type: "
	"STATIC, lb_policy: RING_HASH}\n"
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: maglev, type: "
	"STATIC, load_balancing_policy: {policies: "
	"[{typed_extension_config: {name: m, typed_config: {\"@type\": "
	"type.googleapis.com/envoy.extensions.load_balancing_policies.maglev.v3.Maglev}}}]}}\n";

static void test_hashing(void **unused)
{
	char *text = mesh_routes(
		"[{match: {prefix: /x}, route: {cluster: ring, hash_policy: [{header: "
		"{header_name: X-User}}]}},"
		"{match: {prefix: /y}, route: {cluster: maglev, hash_policy: [{cookie: {name: s}}, "
		"{connection_properties: {source_ip: true}}]}},"
		"{match: {prefix: /z}, route: {cluster: a, hash_policy: [{header: {header_name: "
		"X-User}}]}}]");
	json_t *ring, *maglev;
	struct mesh m;

	mesh_open(&m, NULL);
	mesh_add(&m, text);
	mesh_add(&m, hashing);
	mesh_run(&m);
	ring = mesh_object(&m, "upstreams", "ring");
	assert_json(json_object_get(ring, "type"), "\"chash\"");
	assert_json(json_object_get(ring, "hash_on"), "\"header\"");
	assert_json(json_object_get(ring, "key"), "\"X-User\"");
	maglev = mesh_object(&m, "upstreams", "maglev");
	assert_json(json_object_get(maglev, "hash_on"), "\"vars_combinations\"");
	assert_json(json_object_get(maglev, "key"), "\"$cookie_s$remote_addr\"");
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "type"), "\"roundrobin\"");
	mesh_close(&m);
	free(text);
}

static void test_headers(void **unused)
{
	struct mesh m;

	make_routes(
		&m,
		"[{name: x, match: {prefix: /}, route: {cluster: a},"
		" request_headers_to_remove: [gone, X-Set],"
		" request_headers_to_add: [{header: {key: x-set, value: new}},"
		"  {header: {key: x-add, value: '100%% $5'}}, {header: {key: x-add, value: two}},"
		"  {header: {key: x-over, value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'}, "
		"append_action: OVERWRITE_IF_EXISTS_OR_ADD},"
		"  {header: {key: x-req, value: '%REQ(X-Y?Z)%'}, append: false},"
		"  {header: {key: x-bad, value: '%DYNAMIC_METADATA(a)%'}},"
		"  {header: {key: x-empty, value: ''}}],"
		" response_headers_to_add: [{header: {key: r-add, value: v}}, {header: {key: "
		"r-url, value: 'http://x/'}}],"
		" response_headers_to_remove: [server]}]");
	assert_json(plugin_of(&m, "x", "proxy-rewrite"),
		    "{\"headers\":{\"add\":{\"x-add\":[\"100% ${__none ?? "
		    "$}5\",\"two\"]},\"remove\":[\"gone\"],"
		    "\"set\":{\"X-Set\":\"new\",\"x-over\":\"${remote_addr}\",\"x-req\":\"${http_x_"
		    "y}\"}},\"use_real_request_uri_unsafe\":true}");
	assert_json(plugin_of(&m, "x", "response-rewrite"),
		    "{\"headers\":{\"add\":[\"r-add: "
		    "v\"],\"remove\":[\"server\"],\"set\":{\"r-url\":\"http://x/\"}}}");
	assert_finding(&m, "warn", "request_headers_to_add[5]", "variable that APISIX lacks");
	mesh_close(&m);
}

static const char *answer(const struct mesh *m, const char *route)
{
	const json_t *plugins = json_object_get(mesh_object(m, "routes", route), "plugins");
	const json_t *abort = json_object_get(json_object_get(plugins, "fault-injection"), "abort");

	return json_string_value(json_object_get(abort, "body"));
}

/* Control planes of today write the whole body into the format. */
static void test_body_format(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {path: /x}, direct_response: {status: 502, body_format: "
			"{text_format_source: {inline_bytes: T0s=}}}},"
			"{name: y, match: {path: /y}, direct_response: {status: 503, body: {inline_string: no}, "
			"body_format: {text_format: '%RESPONSE_CODE%: %LOCAL_REPLY_BODY% 100%%%PROTOCOL%.'}}},"
			"{name: z, match: {path: /z}, direct_response: {status: 200, body: {inline_string: as is}, "
			"body_format: {json_format: {a: b}}}}]");
	assert_string_equal(answer(&m, "x"), "OK");
	assert_string_equal(answer(&m, "y"), "503: no 100%.");
	assert_finding(&m, "warn", "routes[1].direct_response.body_format", "%PROTOCOL% cannot be put");
	assert_string_equal(answer(&m, "z"), "as is");
	assert_finding(&m, "warn", "routes[2].direct_response.body_format", "only formats of texts");
	mesh_close(&m);
}

static void test_websocket(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: x, match: {prefix: /x}, route: {cluster: a, upgrade_configs: "
			"[{upgrade_type: WebSocket}]}},"
			"{name: y, match: {prefix: /y}, route: {cluster: a, upgrade_configs: "
			"[{upgrade_type: websocket, enabled: false}]}},"
			"{name: z, match: {prefix: /z}, route: {cluster: a, upgrade_configs: "
			"[{upgrade_type: CONNECT}]}}]");
	assert_json(json_object_get(mesh_object(&m, "routes", "x"), "enable_websocket"), "true");
	assert_null(json_object_get(mesh_object(&m, "routes", "y"), "enable_websocket"));
	assert_finding(&m, "warn", "", "a WebSocket ends after as much silence");
	assert_finding(&m, "info", "routes[2].route.upgrade_configs[0]", "CONNECT");
	mesh_close(&m);
}

static void test_matches_that_cannot_be_said(void **unused)
{
	struct request request = { .method = "GET", .host_header = "h", .path = "/d/x" };
	struct mesh m;

	make_routes(&m, "[{name: meta, match: {prefix: /m, dynamic_metadata: [{filter: f}]}, "
			"route: {cluster: a}},"
			"{name: odd, match: {prefix: /o, headers: [{name: 'x.y', present_match: "
			"true}]}, route: {cluster: a}},"
			"{name: deny, match: {prefix: /d, headers: [{name: 'x.y', present_match: "
			"true}]}, direct_response: {status: 403}},"
			"{name: never, match: {path: '*'}, route: {cluster: a}},"
			"{name: zero, match: {prefix: /z, runtime_fraction: {default_value: "
			"{numerator: 0}}}, route: {cluster: a}},"
			"{name: half, match: {prefix: /h, runtime_fraction: {default_value: "
			"{numerator: 50}}}, route: {cluster: a}},"
			"{name: grpc, match: {prefix: /g, grpc: {}}, route: {cluster: a}}]");
	assert_int_equal(mesh_count(&m, "routes", "meta"), 0);
	assert_finding(&m, "skip", "routes[0].match.dynamic_metadata", "left out");
	assert_int_equal(mesh_count(&m, "routes", "odd"), 0);
	assert_finding(&m, "skip", "routes[1].match.headers[0]", "x.y");
	/* A denial denies more rather than less. */
	assert_ptr_equal(router_match(m.objects, &request), mesh_object(&m, "routes", "deny"));
	assert_finding(&m, "closed", "routes[2].match", "denies access");
	assert_int_equal(mesh_count(&m, "routes", "never"), 0);
	assert_int_equal(mesh_count(&m, "routes", "zero"), 0);
	assert_finding(&m, "warn", "routes[5].match.runtime_fraction", "taken as 100 %");
	assert_json(json_array_get(
			    json_array_get(
				    json_object_get(mesh_object(&m, "routes", "grpc"), "vars"), 0),
			    0),
		    "\"http_content_type\"");
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_rewrites),
		cmocka_unit_test(test_hosts_of_the_upstream),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_many_weights),
		cmocka_unit_test(test_unknown_cluster),
		cmocka_unit_test(test_retries_make_variants),
		cmocka_unit_test(test_hashing),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_body_format),
		cmocka_unit_test(test_websocket),
		cmocka_unit_test(test_matches_that_cannot_be_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
