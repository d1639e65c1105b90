/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CORS policies: where they come from, whom they allow, and which OPTIONS APISIX may answer.
 */
#include <stdio.h>

#include "hcm.h"

#define CORS FILTER("cors.v3.Cors", "")
#define POLICY(rest) SETTING("cors.v3.CorsPolicy", rest)
#define ORIGIN ", allow_origin_string_match: [{exact: 'https://a.b'}]"
#define ONLY_A_B "\"allow_origins_by_regex\":[\"\\\\A\\\\Qhttps://a.b\\\\E\\\\z\"]"
#define ROUTE(rest) "[{name: x, match: {prefix: /}, route: {cluster: a}" rest "}]"

static void expect(struct hcm_text parts, const char *cors)
{
	struct mesh m;

	hcm_make(&m, parts);
	if (cors != NULL)
		assert_json(plugin_of(&m, "x", "cors"), cors);
	else
		assert_null(plugin_of(&m, "x", "cors"));
	mesh_close(&m);
}

/* The policy of the route configuration. */
static void expect_policy(const char *policy, const char *cors)
{
	expect((struct hcm_text){ .filters = CORS, .config = policy }, cors);
}

static void test_fields(void **unused)
{
	expect_policy(POLICY(ORIGIN), "{\"allow_headers\":\"\",\"allow_methods\":\"\"," ONLY_A_B "}");
	expect_policy(POLICY(ORIGIN ", allow_methods: 'GET,PUT', allow_headers: x-a, expose_headers: "
				    "x-b, max_age: '600'"),
		      "{\"allow_headers\":\"x-a\",\"allow_methods\":\"GET,PUT\"," ONLY_A_B
		      ",\"expose_headers\":\"x-b\",\"max_age\":600}");
	/* The default of allow_origins would be refused together with credentials, and so would "*". */
	expect_policy(POLICY(ORIGIN ", allow_methods: '*', allow_headers: '*', allow_credentials: true"),
		      "{\"allow_credential\":true,\"allow_headers\":\"**\",\"allow_methods\":\"**\","
		      "\"allow_origins\":\"null\"," ONLY_A_B "}");
	expect_policy(POLICY(ORIGIN ", allow_methods: '*'"),
		      "{\"allow_headers\":\"\",\"allow_methods\":\"*\"," ONLY_A_B "}");
}

static void test_origins(void **unused)
{
	expect_policy(POLICY(", allow_origin_string_match: [{prefix: 'https://'}, {suffix: .b}, "
			     "{contains: c}, {safe_regex: {regex: 'https://d|e'}}, {exact: F, "
			     "ignore_case: true}, {suffix: .b}]"),
		      "{\"allow_headers\":\"\",\"allow_methods\":\"\",\"allow_origins_by_regex\":"
		      "[\"\\\\A\\\\Qhttps://\\\\E\",\"\\\\Q.b\\\\E\\\\z\",\"\\\\Qc\\\\E\","
		      "\"\\\\A(?:https://d|e)\\\\z\",\"(?i)\\\\A\\\\QF\\\\E\\\\z\"]}");
	/* Whatever takes "*" takes all. */
	expect_policy(POLICY(", allow_origin_string_match: [{exact: x}, {exact: '*'}]"),
		      "{\"allow_headers\":\"\",\"allow_methods\":\"\",\"allow_origins_by_regex\":[\".*\"]}");
	expect_policy(POLICY(", allow_origin_string_match: [{safe_regex: {regex: '.*'}}]"),
		      "{\"allow_headers\":\"\",\"allow_methods\":\"\",\"allow_origins_by_regex\":[\".*\"]}");
	expect_policy(POLICY(", allow_methods: GET"), NULL);
}

static void test_without_filter_or_policy(void **unused)
{
	expect((struct hcm_text){ .filters = "", .config = POLICY(ORIGIN) }, NULL);
	expect((struct hcm_text){ .filters = CORS }, NULL);
	expect_policy(POLICY(ORIGIN ", filter_enabled: {default_value: {numerator: 0}}"), NULL);
	expect_policy(POLICY(ORIGIN ", filter_enabled: {default_value: {numerator: 100}}, "
				    "shadow_enabled: {default_value: {numerator: 0}}"),
		      "{\"allow_headers\":\"\",\"allow_methods\":\"\"," ONLY_A_B "}");
	expect((struct hcm_text){ .filters = CORS,
				  .vhost = POLICY(ORIGIN),
				  .routes = ROUTE(SETTING_CONFIG(", disabled: true")) },
	       NULL);
}

static void test_levels_complete_each_other(void **unused)
{
	expect((struct hcm_text){ .filters = CORS,
				  .config = POLICY(", allow_methods: GET, max_age: '7'"),
				  .vhost = POLICY(ORIGIN ", allow_methods: PUT"),
				  .routes = ROUTE(POLICY(", allow_headers: x-a")) },
	       "{\"allow_headers\":\"x-a\",\"allow_methods\":\"PUT\"," ONLY_A_B ",\"max_age\":7}");
}

static void test_the_older_fields(void **unused)
{
	expect((struct hcm_text){ .filters = CORS,
				  .vhost = ", cors: {allow_methods: PUT, max_age: '3'" ORIGIN "}",
				  .routes = "[{name: x, match: {prefix: /}, route: {cluster: a, cors: "
					    "{allow_methods: GET}}}]" },
	       "{\"allow_headers\":\"\",\"allow_methods\":\"GET\"," ONLY_A_B ",\"max_age\":3}");
	/* Where there is a setting of the filter they do not count. */
	expect((struct hcm_text){ .filters = CORS,
				  .config = POLICY(", max_age: '1'"),
				  .vhost = ", cors: {max_age: '3'" ORIGIN "}" },
	       NULL);
}

#define NOT_PREFLIGHT(origin)                                                                      \
	"[[\"request_method\",\"==\",\"OPTIONS\"],[\"!AND\"," origin                               \
	",[\"http_access_control_request_method\",\"~=\",null]]]"

static void test_only_preflights_are_answered(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = CORS, .config = POLICY(ORIGIN) });
	assert_json(json_object_get(mesh_object(&m, "routes", "x options"), "vars"),
		    NOT_PREFLIGHT("[\"http_origin\",\"~~\",\"\\\\A\\\\Qhttps://a.b\\\\E\\\\z\"]"));
	assert_null(plugins_of(&m, "x options"));
	assert_true(json_equal(json_object_get(mesh_object(&m, "routes", "x options"), "upstream_id"),
			       json_object_get(mesh_object(&m, "routes", "x"), "upstream_id")));
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){ .filters = CORS,
					.config = POLICY(ORIGIN ", forward_not_matching_preflights: false") });
	assert_json(json_object_get(mesh_object(&m, "routes", "x options"), "vars"),
		    NOT_PREFLIGHT("[\"http_origin\",\"~=\",null]"));
	mesh_close(&m);
	/* No OPTIONS comes here. */
	hcm_make(&m, (struct hcm_text){
			     .filters = CORS,
			     .config = POLICY(ORIGIN),
			     .routes = "[{name: x, match: {prefix: /, headers: [{name: ':method', "
				       "string_match: {exact: GET}}]}, route: {cluster: a}}]" });
	assert_int_equal(mesh_count(&m, "routes", "x options"), 0);
	mesh_close(&m);
}

static void test_order_with_other_plugins(void **unused)
{
	static const char fault[] = "{name: g, typed_config: {\"@type\": " TYPE_HTTP
				    "fault.v3.HTTPFault, abort: {http_status: 418, percentage: "
				    "{numerator: 1}}}}";
	char filters[1024];
	struct mesh m;

	/* Routes that do not forward have no policy in Envoy. */
	expect((struct hcm_text){ .filters = CORS,
				  .config = POLICY(ORIGIN),
				  .routes = "[{name: x, match: {prefix: /}, direct_response: {status: 204}}]" },
	       NULL);
	expect((struct hcm_text){ .filters = CORS,
				  .config = POLICY(ORIGIN),
				  .routes = "[{name: x, match: {prefix: /}, redirect: {host_redirect: h}}]" },
	       NULL);
	/* A cluster that is not there is an abort, which would come before. */
	hcm_make(&m, (struct hcm_text){
			     .filters = CORS,
			     .config = POLICY(ORIGIN),
			     .routes = "[{name: x, match: {prefix: /}, route: {cluster: none, "
				       "cluster_not_found_response_code: NOT_FOUND}}]" });
	assert_json(plugin_of(&m, "x", "cors"),
		    "{\"_meta\":{\"priority\":11001},\"allow_headers\":\"\",\"allow_methods\":\"\","
		    ONLY_A_B "}");
	assert_json(plugins_of(&m, "x options"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"\",\"http_status\":404}}}");
	mesh_close(&m);
	snprintf(filters, sizeof filters, "%s, %s", CORS, fault);
	hcm_make(&m, (struct hcm_text){ .filters = filters, .config = POLICY(ORIGIN) });
	assert_json(plugin_of(&m, "x", "fault-injection"),
		    "{\"_meta\":{\"priority\":3999},\"abort\":{\"body\":\"fault filter abort\","
		    "\"http_status\":418,\"percentage\":1}}");
	mesh_close(&m);
	snprintf(filters, sizeof filters, "%s, %s", fault, CORS);
	hcm_make(&m, (struct hcm_text){ .filters = filters, .config = POLICY(ORIGIN) });
	assert_json(plugin_of(&m, "x", "fault-injection"),
		    "{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":418,\"percentage\":1}}");
	mesh_close(&m);
}

static void test_what_is_lost_is_said(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = CORS,
			     .config = POLICY(", allow_origin_string_match: [{exact: a}, {custom: "
					      "{name: c}}], max_age: soon, allow_credentials: true, "
					      "expose_headers: '*', allow_private_network_access: "
					      "true, filter_enabled: {runtime_key: k, default_value: "
					      "{numerator: 3}}, shadow_enabled: {}") });
	assert_finding(&m, "warn", "[\"f\"].allow_origin_string_match[1]", "not allowed");
	assert_finding(&m, "warn", "[\"f\"].max_age", "'soon' is no number");
	assert_finding(&m, "warn", "[\"f\"].expose_headers", "no header is exposed");
	assert_finding(&m, "warn", "[\"f\"].allow_private_network_access", "not granted");
	assert_finding(&m, "warn", "[\"f\"].filter_enabled", "holds for all");
	assert_finding(&m, "info", "[\"f\"].filter_enabled", "no runtime");
	assert_finding(&m, "info", "[\"f\"].shadow_enabled", "only counted");
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_without_filter_or_policy),
		cmocka_unit_test(test_levels_complete_each_other),
		cmocka_unit_test(test_the_older_fields),
		cmocka_unit_test(test_only_preflights_are_answered),
		cmocka_unit_test(test_order_with_other_plugins),
		cmocka_unit_test(test_what_is_lost_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
