/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How filters are found and which setting of theirs counts, whatever their kind.  The kinds themselves
 * have tests of their own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hcm.h"

#define RBAC_ALL FILTER("rbac.v3.RBAC", ", rules: {}")
#define RBAC_NONE FILTER("rbac.v3.RBAC", "")
#define PER_ALL SETTING("rbac.v3.RBACPerRoute", ", rbac: {rules: {}}")
#define PER_NONE SETTING("rbac.v3.RBACPerRoute", "")

/* Is the route with this name closed? */
static bool shut(const struct mesh *m, const char *route)
{
	const json_t *plugin = plugin_of(m, route, "fault-injection");

	return plugin != NULL &&
	       json_integer_value(json_object_get(json_object_get(plugin, "abort"),
						  "http_status")) == 403;
}

static bool closed(struct hcm_text parts)
{
	struct mesh m;
	bool r;

	hcm_make(&m, parts);
	r = shut(&m, "x");
	mesh_close(&m);
	return r;
}

#define ROUTE(rest) "[{name: x, match: {prefix: /}, route: {cluster: a}" rest "}]"
#define WEIGHTS(a, b)                                                                              \
	"[{name: x, match: {prefix: /}, route: {weighted_clusters: {clusters: "                    \
	"[{name: a, weight: 1" a "}, {name: b, weight: 1" b "}, {name: a, weight: 0}]}}}]"

static void test_the_most_specific_level_decides(void **unused)
{
	assert_true(closed((struct hcm_text){ .filters = RBAC_NONE, .config = PER_ALL }));
	assert_true(closed((struct hcm_text){ .filters = RBAC_NONE, .vhost = PER_ALL }));
	assert_true(closed((struct hcm_text){ .filters = RBAC_NONE, .routes = ROUTE(PER_ALL) }));
	assert_false(closed((struct hcm_text){ .filters = RBAC_ALL, .config = PER_NONE }));
	assert_false(closed((struct hcm_text){
		.filters = RBAC_ALL, .config = PER_ALL, .vhost = PER_NONE }));
	assert_true(closed((struct hcm_text){ .filters = RBAC_ALL,
					      .config = PER_NONE,
					      .vhost = PER_NONE,
					      .routes = ROUTE(PER_ALL) }));
	assert_false(closed((struct hcm_text){ .filters = RBAC_ALL,
					       .vhost = PER_ALL,
					       .routes = ROUTE(SETTING_CONFIG(", disabled: true")) }));
}

/* A level that only says "on" leaves the configuration to the levels below. */
static void test_enabling_is_no_configuration(void **unused)
{
	assert_false(closed((struct hcm_text){ .filters = RBAC_ALL,
					       .vhost = PER_NONE,
					       .routes = ROUTE(SETTING_CONFIG("")) }));
	assert_true(closed((struct hcm_text){
		.filters = RBAC_ALL,
		.vhost = SETTING_CONFIG(", disabled: true"),
		.routes = ROUTE(SETTING_CONFIG("")) }));
	/* An Any without a type is Envoy's usual way to say just "on". */
	assert_false(closed((struct hcm_text){ .filters = RBAC_ALL,
					       .vhost = PER_NONE,
					       .routes = ROUTE(SETTING_CONFIG(", config: {}")) }));
	assert_true(closed((struct hcm_text){
		.filters = RBAC_NONE,
		.routes = ROUTE(SETTING_CONFIG(", config: {\"@type\": " TYPE_HTTP
					       "rbac.v3.RBACPerRoute, rbac: {rules: {}}}")) }));
}

static void test_weights_must_agree(void **unused)
{
	struct mesh m;

	assert_true(closed((struct hcm_text){ .filters = RBAC_NONE,
					      .routes = WEIGHTS(PER_ALL, PER_ALL) }));
	assert_false(closed((struct hcm_text){ .filters = RBAC_ALL,
					       .routes = WEIGHTS(PER_NONE, PER_NONE) }));
	hcm_make(&m, (struct hcm_text){ .filters = RBAC_NONE, .routes = WEIGHTS(PER_ALL, "") });
	assert_true(shut(&m, "x"));
	assert_finding(&m, "closed", "routes[0].route.weighted_clusters", "differ in filter 'f'");
	mesh_close(&m);
}

static void test_settings_of_another_type(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = RBAC_NONE,
					.vhost = SETTING("cors.v3.CorsPolicy", "") });
	assert_true(shut(&m, "x"));
	assert_finding(&m, "closed", "virtual_hosts[0].typed_per_filter_config[\"f\"]",
		       "cannot be read as a setting of this filter");
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){ .vhost = PER_ALL });
	assert_false(shut(&m, "x"));
	assert_finding(&m, "info", "virtual_hosts[0].typed_per_filter_config[\"f\"]",
		       "no such filter here");
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){
			     .vhost = SETTING_CONFIG(
				     ", is_optional: true, config: {\"@type\": "
				     "type.googleapis.com/google.protobuf.Empty}") });
	assert_finding(&m, "info", "typed_per_filter_config[\"f\"]", "optional filter");
	mesh_close(&m);
}

static void test_filters_without_a_kind(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = "{name: f, typed_config: {\"@type\": "
					"type.googleapis.com/google.protobuf.Empty}}, {name: g, "
					"is_optional: true, typed_config: {\"@type\": "
					"type.googleapis.com/google.protobuf.Empty}}, {name: h}" });
	assert_finding(&m, "warn", "http_filters[0].typed_config", "is not translated");
	assert_finding(&m, "info", "http_filters[1].typed_config", "optional filter");
	assert_finding(&m, "warn", "http_filters[2]", "has no configuration");
	assert_null(plugins_of(&m, "x"));
	mesh_close(&m);
}

#define MATCHED(type)                                                                              \
	"{name: f, typed_config: {\"@type\": "                                                     \
	"type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher, "            \
	"extension_config: {name: i, typed_config: {\"@type\": " TYPE_HTTP type "}}}}"

static void test_filters_behind_a_matcher(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = MATCHED("rbac.v3.RBAC") });
	assert_true(shut(&m, "x"));
	assert_finding(&m, "closed", "http_filters[0].typed_config", "a matcher cannot turn on");
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){ .filters = MATCHED("fault.v3.HTTPFault") });
	assert_false(shut(&m, "x"));
	assert_finding(&m, "warn", "http_filters[0].typed_config", "is left out");
	mesh_close(&m);
}

/* A filter may be written as a Struct that names its type. */
static void test_typed_structs_are_read(void **unused)
{
	static const char *const types[] = { "xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct" };

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		char filter[512];
		struct mesh m;

		snprintf(filter, sizeof filter,
			 "{name: f, typed_config: {\"@type\": type.googleapis.com/%s, type_url: "
			 TYPE_HTTP "rbac.v3.RBAC, value: {rules: {action: DENY, policies: {p: "
			 "{permissions: [{any: true}], principals: [{any: true}]}}}, nonsense: 1}}}",
			 types[i]);
		hcm_make(&m, (struct hcm_text){ .filters = filter });
		assert_true(shut(&m, "x"));
		mesh_close(&m);
		/* An action that only logs: the inside is really looked at. */
		snprintf(filter, sizeof filter,
			 "{name: f, typed_config: {\"@type\": type.googleapis.com/%s, type_url: "
			 TYPE_HTTP "rbac.v3.RBAC, value: {rules: {action: LOG}}}}",
			 types[i]);
		assert_false(closed((struct hcm_text){ .filters = filter }));
	}
}

#define DISCOVER(rest)                                                                             \
	"{name: e, config_discovery: {config_source: {ads: {}}, type_urls: [" TYPE_HTTP            \
	"rbac.v3.RBAC]" rest "}}"
#define EXTENSION(type, rest)                                                                      \
	"- {\"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig, name: e, "   \
	"typed_config: {\"@type\": " TYPE_HTTP type rest "}}\n"

/* The extension that is there goes; the file's reader keeps the first of two. */
static void replace(struct mesh *m, const char *text)
{
	mesh_remove(m, RT_EXTENSION, "e");
	mesh_add(m, text);
	mesh_run(m);
}

static void test_discovered_filters(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = DISCOVER("") });
	assert_true(shut(&m, "x"));
	assert_finding(&m, "closed", "http_filters[0].config_discovery", "'e' is not there");
	/* It comes, and says that nothing is enforced. */
	mesh_add(&m, EXTENSION("rbac.v3.RBAC", ""));
	mesh_run(&m);
	assert_false(shut(&m, "x"));
	assert_finding(&m, "info", "typed_config", "enforces nothing");
	replace(&m, EXTENSION("rbac.v3.RBAC", ", rules: {}"));
	assert_true(shut(&m, "x"));
	/* Not of a type that was asked for: as if it were not there. */
	replace(&m, EXTENSION("cors.v3.Cors", ""));
	assert_true(shut(&m, "x"));
	assert_finding(&m, "warn", "http_filters[0].config_discovery", "type_urls does not allow");
	mesh_close(&m);
}

static void test_default_of_a_discovered_filter(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = DISCOVER(", default_config: {\"@type\": " TYPE_HTTP
							    "rbac.v3.RBAC}") });
	assert_false(shut(&m, "x"));
	assert_finding(&m, "info", "http_filters[0].config_discovery", "default_config is used");
	mesh_add(&m, EXTENSION("rbac.v3.RBAC", ", rules: {}"));
	mesh_run(&m);
	assert_true(shut(&m, "x"));
	mesh_remove(&m, RT_EXTENSION, "e");
	mesh_run(&m);
	assert_false(shut(&m, "x"));
	mesh_close(&m);
	/* What cannot guard is only missed. */
	hcm_make(&m, (struct hcm_text){ .filters = "{name: e, config_discovery: {type_urls: [" TYPE_HTTP
						   "lua.v3.Lua]}}" });
	assert_false(shut(&m, "x"));
	assert_finding(&m, "warn", "http_filters[0].config_discovery", "pass without the filter");
	mesh_close(&m);
}

#define HOST(n, rest)                                                                              \
	"  - {name: v" n ", domains: [" n ".example], routes: [{name: x" n                         \
	", match: {prefix: /}, route: {cluster: a}}]" rest "}\n"

/* Virtual hosts of a route configuration of its own are decoded one by one: each has its own settings. */
static void test_virtual_hosts_one_by_one(void **unused)
{
	static const char *const shut_ones[] = { "x2", "x4", "x5" }, *const open_ones[] = { "x1", "x3" };
	struct mesh m;

	mesh_make(&m, "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
		      "  name: l\n"
		      "  address: {socket_address: {address: 0.0.0.0, port_value: 9080}}\n"
		      "  filter_chains: [{filters: [{name: h, typed_config: {\"@type\": type.googleapis.com/"
		      "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager,\n"
		      "    http_filters: [" RBAC_ALL "], rds: {route_config_name: r}}}]}]\n"
		      "- \"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration\n"
		      "  name: r\n"
		      "  typed_per_filter_config: {f: {\"@type\": " TYPE_HTTP
		      "rbac.v3.RBACPerRoute, rbac: {rules: {}}}}\n"
		      "  virtual_hosts:\n" HOST("1", PER_NONE) HOST("2", "") HOST("3", PER_NONE) HOST("4", PER_ALL)
		      HOST("5", ""));
	for (size_t i = 0; i < sizeof shut_ones / sizeof *shut_ones; i++)
		assert_true(shut(&m, shut_ones[i]));
	for (size_t i = 0; i < sizeof open_ones / sizeof *open_ones; i++)
		assert_false(shut(&m, open_ones[i]));
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_most_specific_level_decides),
		cmocka_unit_test(test_enabling_is_no_configuration),
		cmocka_unit_test(test_weights_must_agree),
		cmocka_unit_test(test_settings_of_another_type),
		cmocka_unit_test(test_filters_without_a_kind),
		cmocka_unit_test(test_filters_behind_a_matcher),
		cmocka_unit_test(test_typed_structs_are_read),
		cmocka_unit_test(test_discovered_filters),
		cmocka_unit_test(test_default_of_a_discovered_filter),
		cmocka_unit_test(test_virtual_hosts_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
