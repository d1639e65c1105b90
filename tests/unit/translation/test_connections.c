/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access rules for connections: before a TCP proxy one list of clients or nothing at all, before a
 * connection manager an answer to every request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh.h"

#define RBAC(rest)                                                                                 \
	"{name: n, typed_config: {\"@type\": "                                                     \
	"type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC, " rest "}}, "
#define RULES(action, permission, principal)                                                       \
	RBAC("rules: {action: " action ", policies: {p: {permissions: [" permission                \
	     "], principals: [" principal "]}}}")
#define UNREADABLE                                                                                 \
	"{name: n, typed_config: {\"@type\": type.googleapis.com/xds.type.v3.TypedStruct, "        \
	"type_url: type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC, "            \
	"value: {rules: 1}}}, "
#define PEER(address, len)                                                                         \
	"{direct_remote_ip: {address_prefix: \"" address "\", prefix_len: " len "}}"
#define ANY "{any: true}"

#define TCP(rest)                                                                                  \
	"{name: t, typed_config: {\"@type\": "                                                     \
	"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, " rest "}}"
#define HTTP(rest)                                                                                 \
	"{name: h, typed_config: {\"@type\": "                                                     \
	"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."         \
	"HttpConnectionManager, route_config: {name: r, virtual_hosts: [{name: v, domains: "       \
	"[\"*\"], routes: [{name: x, match: {prefix: /x}, route: {cluster: a}" rest "}]}]}}}"

static void make(struct mesh *m, const char *filters)
{
	char *text;

	assert_true(asprintf(&text,
			     "- {\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, "
			     "name: l, address: {socket_address: {address: 10.9.0.1, port_value: "
			     "9080}}, filter_chains: [{filters: [%s]}]}\n",
			     filters) > 0);
	mesh_make(m, text);
	free(text);
}

/* The plugins of the stream route; NULL: nothing passes. */
static void assert_stream(const char *filters, const char *plugins)
{
	struct mesh m;

	make(&m, filters);
	assert_int_equal(mesh_count(&m, "stream_routes", "l"), plugins != NULL);
	if (plugins == NULL)
		assert_finding(&m, "closed", "filters[0].typed_config",
			       "nothing of the filter chain");
	else if (plugins[0] == '\0')
		assert_null(json_object_get(mesh_object(&m, "stream_routes", "l"), "plugins"));
	else
		assert_json(json_object_get(mesh_object(&m, "stream_routes", "l"), "plugins"),
			    plugins);
	mesh_close(&m);
}

#define PROXY TCP("cluster: a")

static void test_lists_of_clients(void **unused)
{
	json_t *plugins;
	struct mesh m;

	assert_stream(RULES("ALLOW", ANY, PEER("10.0.0.0", "8") ", " PEER("fd00::", "8")) PROXY,
		      "{\"ip-restriction\":{\"whitelist\":[\"10.0.0.0/8\",\"fd00::/8\"]}}");
	assert_stream(RULES("DENY", ANY, "{remote_ip: {address_prefix: 10.1.2.3, prefix_len: 32}}")
			      PROXY,
		      "{\"ip-restriction\":{\"blacklist\":[\"10.1.2.3/32\"]}}");
	assert_stream(RULES("ALLOW", ANY, "{not_id: " PEER("10.0.0.0", "8") "}") PROXY,
		      "{\"ip-restriction\":{\"blacklist\":[\"10.0.0.0/8\"]}}");
	assert_stream(RULES("DENY", ANY,
			    "{not_id: {or_ids: {ids: [" PEER("10.0.0.0", "8") ", " PEER(
				    "11.0.0.0", "8") "]}}}") PROXY,
		      "{\"ip-restriction\":{\"whitelist\":[\"10.0.0.0/8\",\"11.0.0.0/8\"]}}");
	/* Several filters refuse together. */
	assert_stream(RULES("DENY", ANY, PEER("10.0.0.0", "8"))
			      RULES("DENY", ANY, PEER("11.0.0.0", "8")) PROXY,
		      "{\"ip-restriction\":{\"blacklist\":[\"10.0.0.0/8\",\"11.0.0.0/8\"]}}");
	make(&m, RULES("DENY", ANY, PEER("10.0.0.0", "8"))
			 TCP("weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, "
			     "weight: 2}]}"));
	plugins = json_object_get(mesh_object(&m, "stream_routes", "l"), "plugins");
	assert_json(json_object_get(plugins, "ip-restriction"), "{\"blacklist\":[\"10.0.0.0/8\"]}");
	assert_non_null(json_object_get(plugins, "traffic-split"));
	mesh_close(&m);
}

/* Where a connection goes is known before it comes. */
static void test_destinations(void **unused)
{
	assert_stream(RULES("ALLOW", "{destination_port: 9080}", ANY) PROXY, "");
	assert_stream(RULES("ALLOW", "{destination_port: 9081}", ANY) PROXY, NULL);
	assert_stream(RULES("DENY", "{destination_port: 9081}", ANY) PROXY, "");
	assert_stream(RULES("ALLOW", "{destination_ip: {address_prefix: 10.9.0.0, prefix_len: 16}}",
			    ANY) PROXY,
		      "");
	assert_stream(RULES("ALLOW", "{destination_ip: {address_prefix: 10.8.0.0, prefix_len: 16}}",
			    ANY) PROXY,
		      NULL);
	assert_stream(RULES("DENY", "{destination_port: 9080}", PEER("10.0.0.0", "8")) PROXY,
		      "{\"ip-restriction\":{\"blacklist\":[\"10.0.0.0/8\"]}}");
	assert_stream(RULES("ALLOW", ANY, "{authenticated: {}}") PROXY, NULL);
	assert_stream(RULES("DENY", ANY, "{authenticated: {principal_name: {exact: x}}}") PROXY,
		      "");
}

static void test_what_is_no_list_is_closed(void **unused)
{
	assert_stream(RBAC("rules: {}") PROXY, NULL);
	assert_stream(RBAC("matcher: {}") PROXY, NULL);
	assert_stream(UNREADABLE PROXY, NULL);
	assert_stream(RULES("ALLOW", "{metadata: {filter: f}}", ANY) PROXY, NULL);
	assert_stream(RULES("ALLOW", "{header: {name: a, present_match: true}}", ANY) PROXY, NULL);
	assert_stream(RULES("ALLOW", ANY,
			    "{and_ids: {ids: [" PEER("10.0.0.0", "8") ", {not_id: " PEER(
				    "10.1.0.0", "16") "}]}}") PROXY,
		      NULL);
	assert_stream(RULES("ALLOW", ANY, PEER("10.0.0.0", "8"))
			      RULES("DENY", ANY, PEER("10.1.0.0", "16")) PROXY,
		      NULL);
}

static void test_what_refuses_nothing(void **unused)
{
	assert_stream(RBAC("stat_prefix: x") PROXY, "");
	assert_stream(RBAC("rules: {action: LOG}") PROXY, "");
	assert_stream(RBAC("rules: {action: DENY}") PROXY, "");
	assert_stream(RULES("ALLOW", ANY, ANY) PROXY, "");
}

static void test_plugins_of_streams_must_be_there(void **unused)
{
	static const char *const few[] = { "fault-injection", NULL };
	struct translation_options options = { .apisix_plugins = few };
	struct mesh m;

	mesh_open(&m, &options);
	mesh_add(&m, "- {\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, name: "
		     "l, address: "
		     "{socket_address: {address: 10.9.0.1, port_value: 9080}}, filter_chains: "
		     "[{filters: [" RULES("ALLOW", ANY, PEER("10.0.0.0", "8")) PROXY "]}]}\n");
	mesh_run(&m);
	assert_int_equal(mesh_count(&m, "stream_routes", "l"), 0);
	mesh_close(&m);
}

/* Nothing of a route can turn them off. */
#define OFF                                                                                        \
	", typed_per_filter_config: {n: {\"@type\": "                                              \
	"type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}, \"\": "          \
	"{\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}"

static void test_before_a_connection_manager(void **unused)
{
	static const char refused[] =
		"{\"fault-injection\":{\"abort\":{\"body\":\"\",\"http_status\":403}}}";
	struct mesh m;

	make(&m, RULES("ALLOW", ANY, PEER("10.0.0.0", "8")) HTTP(OFF));
	assert_json(json_object_get(mesh_object(&m, "routes", "x connection"), "vars"),
		    "[[\"remote_addr\",\"!\",\"ipmatch\",[\"10.0.0.0/8\"]]]");
	assert_json(json_object_get(mesh_object(&m, "routes", "x connection"), "plugins"), refused);
	/* And no request without a route. */
	assert_json(json_object_get(mesh_object(&m, "routes", "no-match connection"), "plugins"),
		    refused);
	mesh_close(&m);
	make(&m, RBAC("rules: {}") HTTP(OFF));
	assert_json(json_object_get(mesh_object(&m, "routes", "x"), "plugins"), refused);
	assert_json(json_object_get(mesh_object(&m, "routes", "no-match"), "plugins"), refused);
	mesh_close(&m);
	make(&m, UNREADABLE HTTP(OFF));
	assert_json(json_object_get(mesh_object(&m, "routes", "x"), "plugins"), refused);
	assert_finding(&m, "closed", "filters[0]", "cannot be read");
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists_of_clients),
		cmocka_unit_test(test_destinations),
		cmocka_unit_test(test_what_is_no_list_is_closed),
		cmocka_unit_test(test_what_refuses_nothing),
		cmocka_unit_test(test_plugins_of_streams_must_be_there),
		cmocka_unit_test(test_before_a_connection_manager),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
