/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext_authz: an HTTP service becomes forward-auth, word for word, and what cannot be said is closed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hcm.h"

#define AUTHZ(rest) FILTER("ext_authz.v3.ExtAuthz", ", " rest)
#define SERVICE(rest)                                                                              \
	"http_service: {server_uri: {uri: \"http://authz.test/\", cluster: z, timeout: "           \
	"0.25s}" rest "}"
#define PER_ROUTE(rest) SETTING("ext_authz.v3.ExtAuthzPerRoute", ", " rest)

static const char nodes[] =
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: z, type: STATIC, "
	"load_assignment: {cluster_name: z, endpoints: [{lb_endpoints: [{endpoint: {address: "
	"{socket_address: {address: 10.0.0.9, port_value: 9000}}}}]}]}%s}\n";

static void make(struct mesh *m, struct hcm_text parts, const char *cluster)
{
	char *text = hcm_text(parts), *more;

	assert_true(asprintf(&more, nodes, cluster) > 0);
	mesh_open(m, NULL);
	mesh_add(m, text);
	mesh_add(m, more);
	mesh_run(m);
	free(more);
	free(text);
}

static void assert_plugin(struct hcm_text parts, const char *cluster, const char *json)
{
	struct mesh m;

	make(&m, parts, cluster);
	assert_json(plugin_of(&m, "x", "forward-auth"), json);
	assert_finding(&m, "warn", "http_filters[0]", "X-Forwarded-Uri");
	mesh_close(&m);
}

#define TLS                                                                                        \
	", transport_socket: {name: t, typed_config: {\"@type\": "                                 \
	"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}"

static void test_the_plugin(void **unused)
{
	assert_plugin((struct hcm_text){ .filters = AUTHZ(SERVICE("")) }, "",
		      "{\"client_headers\":[\"content-type\",\"location\",\"set-cookie\",\"www-"
		      "authenticate\"],"
		      "\"extra_headers\":{\"Host\":\"$http_host\"},\"request_headers\":["
		      "\"authorization\"],"
		      "\"status_on_error\":403,\"timeout\":250,\"uri\":\"http://10.0.0.9:9000\"}");
	assert_plugin(
		(struct hcm_text){
			.filters = AUTHZ(SERVICE(
				", path_prefix: /check, authorization_request: {headers_to_add: "
				"[{key: x-own, value: \"a$b\"}, "
				"{key: X-Own, value: c}], allowed_headers: {patterns: [{exact: "
				"X-B}]}}, authorization_response: "
				"{allowed_upstream_headers: {patterns: [{exact: x-user}]}, "
				"allowed_client_headers: "
				"{patterns: [{exact: x-why}]}}") ", failure_mode_allow: true, "
								 "status_on_error: {code: 500}, "
								 "allowed_headers: {patterns: "
								 "[{exact: x-a}, {exact: x-b}]}, "
								 "with_request_body: "
								 "{max_request_bytes: 1000}"),
			.routes = "[{name: x, match: {prefix: /}, route: {cluster: a}" PER_ROUTE(
				"check_settings: {context_extensions: {k: v, host: no}}") "}]" },
		"",
		"{\"allow_degradation\":true,\"client_headers\":[\"location\",\"www-authenticate\","
		"\"x-why\"],"
		"\"extra_headers\":{\"Host\":\"$http_host\",\"k\":\"v\",\"X-Own\":\"c\"},\"max_req_"
		"body_size\":1000,"
		"\"request_method\":\"POST\",\"request_headers\":[\"authorization\",\"x-a\",\"x-"
		"b\"],"
		"\"status_on_error\":500,\"timeout\":250,\"upstream_headers\":[\"x-user\"],"
		"\"uri\":\"http://10.0.0.9:9000/check\"}");
	/* A certificate is for a name. */
	assert_plugin(
		(struct hcm_text){ .filters = AUTHZ(SERVICE("")) }, TLS,
		"{\"client_headers\":[\"content-type\",\"location\",\"set-cookie\",\"www-"
		"authenticate\"],"
		"\"extra_headers\":{\"Host\":\"$http_host\"},\"request_headers\":["
		"\"authorization\"],"
		"\"status_on_error\":403,\"timeout\":250,\"uri\":\"https://authz.test:9000\"}");
}

static void test_what_cannot_be_said_is_closed(void **unused)
{
	static const struct {
		const char *config, *routes, *reason;
	} cases[] = {
		{ "grpc_service: {}", NULL, "gRPC" },
		{ "stat_prefix: x", NULL, "gRPC" },
		{ SERVICE(", authorization_request: {allowed_headers: {patterns: [{prefix: x-}]}}"),
		  NULL, "whole names" },
		{ SERVICE("") ", allowed_headers: {patterns: [{exact: a}, {suffix: x}]}", NULL,
		  "whole names" },
		{ SERVICE("") ", failure_mode_allow: true, allowed_headers: {patterns: [{prefix: "
			      "x}]}",
		  NULL, "whole names" },
		{ "http_service: {server_uri: {uri: \"http://x\"}}", NULL, "no cluster" },
		{ "http_service: {server_uri: {uri: \"http://x\", cluster: nowhere}}", NULL,
		  "no endpoint" },
		{ SERVICE("") ", filter_enabled: {default_value: {}}, deny_at_disable: "
			      "{default_value: true}",
		  NULL, "deny_at_disable" },
		{ SERVICE(""), "[{name: x, match: {prefix: /}, direct_response: {status: 200}}]",
		  "answers by itself" },
		{ SERVICE(""), "[{name: x, match: {prefix: /}, redirect: {host_redirect: h}}]",
		  "answers by itself" },
		{ SERVICE(""),
		  "[{name: x, match: {prefix: /}, route: {cluster: a}, request_headers_to_remove: "
		  "[Authorization]}]",
		  "changes what the service is to see" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *filter;
		struct mesh m;

		assert_true(asprintf(&filter, AUTHZ("%s"), cases[i].config) > 0);
		make(&m, (struct hcm_text){ .filters = filter, .routes = cases[i].routes }, "");
		assert_finding(&m, "closed", "http_filters[0]", cases[i].reason);
		assert_int_equal(abort_status(plugins_of(&m, "x")), 403);
		mesh_close(&m);
		free(filter);
	}
}

static void test_nobody_is_asked(void **unused)
{
	static const struct {
		const char *filter, *vhost, *behaviour, *reason;
	} cases[] = {
		{ AUTHZ("grpc_service: {}, failure_mode_allow: true"), NULL, "warn",
		  "failure_mode_allow" },
		{ AUTHZ("grpc_service: {}, filter_enabled: {default_value: {}}"), NULL, "info",
		  "never asked" },
		{ AUTHZ("grpc_service: {}"), PER_ROUTE("disabled: true"), NULL, NULL },
		{ AUTHZ(SERVICE("")), PER_ROUTE("disabled: true"), NULL, NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct mesh m;

		make(&m, (struct hcm_text){ .filters = cases[i].filter, .vhost = cases[i].vhost },
		     "");
		assert_null(plugin_of(&m, "x", "forward-auth"));
		assert_int_equal(abort_status(plugins_of(&m, "x")), 0);
		if (cases[i].reason != NULL)
			assert_finding(&m, cases[i].behaviour, "http_filters[0]", cases[i].reason);
		assert_false(mesh_finding(&m, "closed", "", ""));
		mesh_close(&m);
	}
}

/* The endpoint of the service moves: the routes that ask it move with it. */
static void test_the_service_moves(void **unused)
{
	struct mesh m;
	char *text = hcm_text((struct hcm_text){ .filters = AUTHZ(SERVICE("")) });

	mesh_open(&m, NULL);
	mesh_add(&m, text);
	mesh_run(&m);
	assert_int_equal(abort_status(plugins_of(&m, "x")), 403);
	free(text);
	assert_true(asprintf(&text, nodes, "") > 0);
	mesh_add(&m, text);
	mesh_run(&m);
	assert_non_null(plugin_of(&m, "x", "forward-auth"));
	mesh_close(&m);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_plugin),
		cmocka_unit_test(test_what_cannot_be_said_is_closed),
		cmocka_unit_test(test_nobody_is_asked),
		cmocka_unit_test(test_the_service_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
