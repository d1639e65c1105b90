/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guards access keeps its routes closed, and only what guards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hcm.h"

/* One route "x" behind a filter; settings: of the route. */
static char *mesh_filter(const char *filter, const char *settings)
{
	char *text;

	assert_true(asprintf(&text,
			     "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
			     "  name: l\n"
			     "  address: {socket_address: {address: 0.0.0.0, port_value: 9080}}\n"
			     "  filter_chains:\n"
			     "  - filters:\n"
			     "    - typed_config:\n"
			     "        \"@type\": "
			     "type.googleapis.com/"
			     "envoy.extensions.filters.network.http_connection_manager.v3."
			     "HttpConnectionManager\n"
			     "        http_filters: [%s]\n"
			     "        route_config: {name: r, virtual_hosts: [{name: v, domains: "
			     "[\"*\"], routes: "
			     "[{name: x, match: {prefix: /}, route: {cluster: a}%s}]}]}\n",
			     filter, settings) > 0);
	return text;
}

/* What access rules answer is what Envoy says. */
static bool refused_by_rules(const json_t *plugins)
{
	const json_t *abort = json_object_get(json_object_get(plugins, "fault-injection"), "abort");
	const char *body = json_string_value(json_object_get(abort, "body"));

	assert_int_equal(json_object_size(plugins), 1);
	assert_int_equal(json_integer_value(json_object_get(abort, "http_status")), 403);
	assert_true(body[0] == '\0' || strcmp(body, "RBAC: access denied") == 0);
	return body[0] != '\0';
}

static bool closed(const char *filter, const char *settings)
{
	char *text = mesh_filter(filter, settings);
	struct mesh m;
	json_t *plugins;
	bool shut;

	mesh_make(&m, text);
	plugins = json_object_get(mesh_object(&m, "routes", "x"), "plugins");
	shut = plugins != NULL;
	if (shut) {
		if (!refused_by_rules(plugins))
			assert_finding(&m, "closed", "http_filters[0]", "403");
		assert_null(json_object_get(mesh_object(&m, "routes", "x"), "upstream_id"));
	}
	mesh_close(&m);
	free(text);
	return shut;
}

#define HTTP(type, rest)                                                                           \
	"{name: f, typed_config: {\"@type\": "                                                     \
	"type.googleapis.com/envoy.extensions.filters.http." type rest "}}"
#define HTTP_SETTING(type, rest)                                                                   \
	", typed_per_filter_config: {f: {\"@type\": "                                              \
	"type.googleapis.com/envoy.extensions.filters.http." type rest "}}"
#define RBAC_DENY                                                                                  \
	HTTP("rbac.v3.RBAC", ", rules: {action: DENY, policies: {p: {permissions: [{any: true}], " \
			     "principals: [{any: true}]}}}")

static void test_guards_close(void **unused)
{
	assert_true(closed(RBAC_DENY, ""));
	assert_true(closed(HTTP("rbac.v3.RBAC", ", rules: {}"), ""));
	assert_true(closed(
		HTTP("jwt_authn.v3.JwtAuthentication",
		     ", rules: [{match: {prefix: /}, requires: {provider_name: p}}]"),
		""));
	assert_true(closed(HTTP("ext_authz.v3.ExtAuthz", ", grpc_service: {}"), ""));
	assert_true(closed(HTTP("basic_auth.v3.BasicAuth", ""), ""));
	assert_true(closed(HTTP("csrf.v3.CsrfPolicy", ""), ""));
	assert_true(closed(HTTP("ratelimit.v3.RateLimit", ", failure_mode_deny: true"), ""));
	/* What a route says of it closes nothing that the filter leaves open. */
	assert_false(closed(HTTP("ratelimit.v3.RateLimit", ""),
			    HTTP_SETTING("ratelimit.v3.RateLimitPerRoute", ", vh_rate_limits: INCLUDE")));
	assert_true(closed(HTTP("ratelimit.v3.RateLimit", ", failure_mode_deny: true"),
			   HTTP_SETTING("ratelimit.v3.RateLimitPerRoute", ", vh_rate_limits: INCLUDE")));
	/* Types that have no message here. */
	assert_true(closed(HTTP("oauth2.v3.OAuth2", ""), ""));
	assert_true(closed(HTTP("api_key_auth.v3.ApiKeyAuth", ""), ""));
	assert_true(closed("{name: f, typed_config: {\"@type\": "
			   "type.googleapis.com/xds.type.v3.TypedStruct, type_url: "
			   "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC, value: "
			   "{rules: {}}}}",
			   ""));
	/* What cannot be read may refuse. */
	assert_true(closed("{name: f, typed_config: {\"@type\": "
			   "type.googleapis.com/xds.type.v3.TypedStruct, type_url: "
			   "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC, value: "
			   "{rules: 1}}}",
			   ""));
	assert_true(closed("{name: f, config_discovery: {type_urls: "
			   "[type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC]}}",
			   ""));
}

/* Each kind that guards says so of a configuration that cannot be read, once. */
static void test_unreadable_guards_are_said(void **unused)
{
	static const struct {
		const char *type, *field;
	} guards[] = {
		{ "api_key_auth.v3.ApiKeyAuth", "credentials" }, { "ext_authz.v3.ExtAuthz", "http_service" },
		{ "jwt_authn.v3.JwtAuthentication", "rules" },	 { "ratelimit.v3.RateLimit", "rate_limit_service" },
		{ "rbac.v3.RBAC", "rules" },
	};

	for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++) {
		char *filter;
		struct mesh m;

		assert_true(asprintf(&filter,
				     "{name: f, typed_config: {\"@type\": type.googleapis.com/xds.type.v3.TypedStruct, "
				     "type_url: type.googleapis.com/envoy.extensions.filters.http.%s, value: {%s: 1}}}",
				     guards[i].type, guards[i].field) > 0);
		hcm_make(&m, (struct hcm_text){ .filters = filter });
		assert_int_equal(abort_status(plugins_of(&m, "x")), 403);
		assert_finding(&m, "closed", "http_filters[0]", "cannot be read; it may refuse requests");
		mesh_close(&m);
		free(filter);
	}
}

static void test_what_guards_nothing_is_open(void **unused)
{
	assert_false(closed(HTTP("rbac.v3.RBAC", ""), ""));
	assert_false(closed(HTTP("rbac.v3.RBAC", ", shadow_rules: {}"), ""));
	assert_false(closed(HTTP("rbac.v3.RBAC", ", rules: {action: LOG}"), ""));
	assert_false(closed(HTTP("rbac.v3.RBAC", ", rules: {action: DENY}"), ""));
	assert_false(closed(HTTP("jwt_authn.v3.JwtAuthentication", ", providers: {p: {issuer: i}}"),
			    ""));
	assert_false(closed(HTTP("ext_authz.v3.ExtAuthz", ", failure_mode_allow: true"), ""));
	assert_false(closed(HTTP("fault.v3.HTTPFault", ""), ""));
	assert_false(closed(HTTP("lua.v3.Lua", ""), ""));
	assert_false(closed(HTTP("router.v3.Router", ""), ""));
}

#define ANY_SETTING(inside)                                                                            \
	", typed_per_filter_config: {f: {\"@type\": type.googleapis.com/envoy." inside "}}"

static void test_routes_turn_guards_off_and_on(void **unused)
{
	static const char off[] =
		"{name: f, disabled: true, typed_config: {\"@type\": "
		"type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC, rules: {}}}";

	assert_false(closed(RBAC_DENY, ANY_SETTING("config.route.v3.FilterConfig, disabled: true")));
	assert_true(closed(RBAC_DENY, ANY_SETTING("config.route.v3.FilterConfig")));
	assert_false(closed(RBAC_DENY, ANY_SETTING("extensions.filters.http.rbac.v3.RBACPerRoute")));
	assert_true(
		closed(RBAC_DENY,
		       ANY_SETTING("extensions.filters.http.rbac.v3.RBACPerRoute, rbac: {rules: {}}")));
	assert_false(closed(
		HTTP("ext_authz.v3.ExtAuthz", ""),
		ANY_SETTING("extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, disabled: true")));
	assert_false(closed(off, ""));
	assert_true(closed(off, ANY_SETTING("config.route.v3.FilterConfig")));
}

static const char chain_rest[] =
	"    filters:\n"
	"    - {typed_config: {\"@type\": "
	"type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC, rules: {}}}\n"
	"    - {typed_config: {\"@type\": "
	"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, cluster: "
	"a}}\n";

static void test_connections_are_guarded_too(void **unused)
{
	char text[2048];
	struct mesh m;

	snprintf(text, sizeof text,
		 "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n  name: l\n"
		 "  address: {socket_address: {address: 0.0.0.0, port_value: 9080}}\n  "
		 "filter_chains:\n  -\n%s",
		 chain_rest);
	mesh_make(&m, text);
	assert_int_equal(mesh_count(&m, "stream_routes", "l"), 0);
	assert_finding(&m, "closed", "filter_chains[0].filters[0].typed_config",
		       "access rules for connections");
	mesh_close(&m);
}

static void test_client_certificates_close(void **unused)
{
	struct mesh m;

	mesh_make(&m, "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
		      "  name: l\n"
		      "  address: {socket_address: {address: 0.0.0.0, port_value: 9080}}\n"
		      "  filter_chains:\n"
		      "  - transport_socket: {name: t, typed_config: {\"@type\": "
		      "type.googleapis.com/"
		      "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, "
		      "require_client_certificate: true}}\n"
		      "    filters:\n"
		      "    - typed_config:\n"
		      "        \"@type\": "
		      "type.googleapis.com/"
		      "envoy.extensions.filters.network.http_connection_manager.v3."
		      "HttpConnectionManager\n"
		      "        route_config: {name: r, virtual_hosts: [{name: v, domains: [\"*\"], "
		      "routes: [{name: x, match: {prefix: /}, route: {cluster: a}}]}]}\n");
	assert_json(json_object_get(mesh_object(&m, "routes", "x"), "plugins"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"\",\"http_status\":403}}}");
	assert_finding(&m, "closed", "filter_chains[0].transport_socket", "client certificates");
	mesh_close(&m);
}

static char *with_plugins(const char *const *plugins, bool findings)
{
	struct translation_options options = { .apisix_plugins = plugins };
	char *text = mesh_routes("[{name: x, match: {prefix: /x}, route: {cluster: a, prefix_rewrite: /y}}]");
	struct mesh m;
	char *output;

	mesh_open(&m, &options);
	mesh_add(&m, text);
	mesh_run(&m);
	output = findings ? mesh_text(&m, true) :
			    json_dumps(mesh_object(&m, "routes", "x"), JSON_COMPACT);
	mesh_close(&m);
	free(text);
	return output;
}

static void test_plugins_must_be_enabled(void **unused)
{
	static const char *const few[] = { "fault-injection", NULL }, *const none[] = { NULL };
	char *route = with_plugins(few, false), *said = with_plugins(few, true);

	assert_non_null(strstr(route, "\"http_status\":503"));
	assert_null(strstr(route, "upstream_id"));
	assert_non_null(strstr(said, "plugins.proxy-rewrite is a plugin that is not enabled"));
	free(route);
	free(said);
	/* Not even the refusal can be said by a plugin: an upstream without nodes says it. */
	route = with_plugins(none, false);
	assert_null(strstr(route, "plugins"));
	assert_non_null(strstr(route, "\"upstream\":{\"nodes\":[]"));
	free(route);
}

static void test_what_nothing_reaches_is_not_served(void **unused)
{
	static const char *const addresses[] = {
		"address: {pipe: {path: /x}}",
		"address: {socket_address: {protocol: UDP, address: 0.0.0.0, port_value: 9080}}",
		"use_original_dst: true, address: {socket_address: {address: 0.0.0.0, port_value: 1}}",
		"internal_listener: {}",
	};

	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		char text[1024];
		struct mesh m;

		snprintf(text, sizeof text,
			 "- {\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, name: l, %s, "
			 "filter_chains: [{filters: [{typed_config: {\"@type\": type.googleapis.com/"
			 "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, cluster: a}}]}]}\n",
			 addresses[i]);
		mesh_make(&m, text);
		assert_int_equal(json_object_size(m.objects), 0);
		assert_true(json_array_size(m.findings) > 0);
		mesh_close(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guards_close),
		cmocka_unit_test(test_unreadable_guards_are_said),
		cmocka_unit_test(test_what_guards_nothing_is_open),
		cmocka_unit_test(test_routes_turn_guards_off_and_on),
		cmocka_unit_test(test_connections_are_guarded_too),
		cmocka_unit_test(test_client_certificates_close),
		cmocka_unit_test(test_plugins_must_be_enabled),
		cmocka_unit_test(test_what_nothing_reaches_is_not_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
