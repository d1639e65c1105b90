/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access rules in fixed cases: which words come of them, where they are asked, and which findings.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hcm.h"

#define RBAC(rest) FILTER("rbac.v3.RBAC", ", rules: {" rest "}")
#define POLICY(permission, principal)                                                              \
	"policies: {p: {permissions: [" permission "], principals: [" principal "]}}"

static void assert_plugin(const char *filters, const char *hcm, const char *routes,
			  const char *plugin, const char *json)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = filters, .hcm = hcm, .routes = routes });
	assert_json(plugin_of(&m, "x", plugin), json);
	mesh_close(&m);
}

static void test_workflow(void **unused)
{
	assert_plugin(RBAC("action: DENY, " POLICY("{url_path: {path: {prefix: /admin}}}",
						   "{any: true}")),
		      NULL, NULL, "workflow",
		      "{\"rules\":[{\"actions\":[[\"return\",{\"code\":403}]],\"case\":"
		      "[[\"uri\",\"~~\",\"\\\\A\\\\Q/admin\\\\E\"]]}]}");
	/* Several filters are several rules. */
	assert_plugin(RBAC("action: DENY, " POLICY(
			      "{header: {name: x-a, exact_match: b}}",
			      "{any: true}")) ", " RBAC(POLICY("{header: {name: x-c, exact_match: "
							       "d}}, {header: {name: x-e, "
							       "present_match: true}}",
							       "{any: true}")),
		      NULL, NULL, "workflow",
		      "{\"rules\":[{\"actions\":[[\"return\",{\"code\":403}]],\"case\":[[\"http_x_"
		      "a\",\"==\",\"b\"]]},"
		      "{\"actions\":[[\"return\",{\"code\":403}]],\"case\":[[\"AND\",[\"http_x_c\","
		      "\"!\",\"==\",\"d\"],"
		      "[\"http_x_e\",\"!\",\"~=\",null]]]}]}");
}

/* The route and the guard before it, by name and priority. */
static void assert_guarded(const char *filters, const char *hcm, const char *routes,
			   const char *vars)
{
	struct mesh m;
	json_t *guard, *route;

	hcm_make(&m, (struct hcm_text){ .filters = filters, .hcm = hcm, .routes = routes });
	guard = mesh_object(&m, "routes", "x rbac");
	route = mesh_object(&m, "routes", "x");
	assert_json(json_object_get(guard, "vars"), vars);
	assert_json(json_object_get(guard, "plugins"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"RBAC: access "
		    "denied\",\"http_status\":403}}}");
	assert_null(plugin_of(&m, "x", "workflow"));
	assert_true(json_integer_value(json_object_get(guard, "priority")) >
		    json_integer_value(json_object_get(route, "priority")));
	mesh_close(&m);
}

static void test_guards(void **unused)
{
	static const char by_header[] = RBAC(
		"action: DENY, " POLICY("{header: {name: x-a, exact_match: b}}", "{any: true}"));
	static const char by_address[] = RBAC(POLICY(
		"{any: true}", "{direct_remote_ip: {address_prefix: 10.0.0.0, prefix_len: 8}}"));
	static const char fault[] = ", " FILTER(
		"fault.v3.HTTPFault", ", abort: {http_status: 500, percentage: {numerator: 100}}");
	char *both;

	assert_guarded(by_header, NULL,
		       "[{name: x, match: {prefix: /}, direct_response: {status: 200}}]",
		       "[[\"http_x_a\",\"==\",\"b\"]]");
	assert_guarded(by_header, NULL,
		       "[{name: x, match: {prefix: /}, redirect: {host_redirect: h}}]",
		       "[[\"http_x_a\",\"==\",\"b\"]]");
	assert_guarded(by_header, NULL,
		       "[{name: x, match: {prefix: /}, route: {cluster: a}, "
		       "request_headers_to_remove: [X-A]}]",
		       "[[\"http_x_a\",\"==\",\"b\"]]");
	assert_guarded(by_address, NULL, NULL,
		       "[[\"remote_addr\",\"!\",\"ipmatch\",[\"10.0.0.0/8\"]]]");
	/* A fault that Envoy injects after it has looked at the rules comes before them in APISIX. */
	assert_true(asprintf(&both, "%s%s", by_header, fault) > 0);
	assert_guarded(both, NULL, NULL, "[[\"http_x_a\",\"==\",\"b\"]]");
	free(both);
}

static void test_headers_that_a_filter_changes(void **unused)
{
	struct mesh m;

	hcm_make(
		&m,
		(struct hcm_text){
			.filters =
				"{name: h, typed_config: {\"@type\": " TYPE_HTTP
				"header_mutation.v3.HeaderMutation, mutations: {request_mutations: "
				"[{remove: x-a}]}}}, " RBAC("action: DENY, " POLICY(
					"{header: {name: x-a, exact_match: b}}", "{any: true}")) });
	assert_int_equal(abort_status(plugins_of(&m, "x")), 403);
	assert_finding(&m, "closed", "http_filters[1]", "a filter before it changes");
	mesh_close(&m);
}

static void test_what_cannot_be_known_is_said(void **unused)
{
	static const struct {
		const char *permission, *principal, *field, *reason;
	} cases[] = {
		{ "{metadata: {filter: f}}", "{any: true}", "permissions[0]", "metadata" },
		{ "{any: true}", "{or_ids: {ids: [{filter_state: {key: k}}]}}",
		  "principals[0].or_ids.ids[0]", "filter state" },
		{ "{header: {name: x-forwarded-proto, exact_match: https}}", "{any: true}",
		  "permissions[0]", "APISIX writes this header" },
		{ "{header: {name: X-Envoy-Internal, exact_match: \"true\"}}", "{any: true}",
		  "permissions[0]", "the client could write" },
		{ "{header: {name: x-inside, exact_match: \"1\"}}", "{any: true}", "permissions[0]",
		  "Envoy takes away" },
		{ "{and_rules: {}}", "{any: true}", "permissions[0].and_rules", "no part" },
		{ "{any: true}", "{remote_ip: {address_prefix: nowhere}}", "principals[0]",
		  "no range" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *filter;
		struct mesh m;

		assert_true(asprintf(&filter, RBAC(POLICY("%s", "%s")), cases[i].permission,
				     cases[i].principal) > 0);
		hcm_make(&m, (struct hcm_text){ .filters = filter,
						.config = ", internal_only_headers: [x-inside]" });
		assert_int_equal(abort_status(plugins_of(&m, "x")), 403);
		assert_finding(&m, "closed", cases[i].field, cases[i].reason);
		mesh_close(&m);
		free(filter);
	}
}

/* A part that makes no difference is no finding. */
static void test_what_is_decided_otherwise_is_not_said(void **unused)
{
	struct mesh m;

	hcm_make(&m,
		 (struct hcm_text){
			 .filters = RBAC("action: DENY, " POLICY(
				 "{metadata: {filter: f}}",
				 "{authenticated: {principal_name: {exact: \"spiffe://x\"}}}")) });
	assert_null(plugin_of(&m, "x", "fault-injection"));
	assert_null(plugin_of(&m, "x", "workflow"));
	assert_false(mesh_finding(&m, "closed", "", ""));
	mesh_close(&m);
}

/* Requests without a route are asked, but not by the settings of virtual hosts. */
static void test_requests_without_a_route(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = RBAC(""),
					.vhost = SETTING("rbac.v3.RBACPerRoute", "") });
	assert_int_equal(abort_status(plugins_of(&m, "x")), 0);
	assert_int_equal(abort_status(plugins_of(&m, "no-match")), 403);
	mesh_close(&m);
	hcm_make(&m,
		 (struct hcm_text){
			 .filters = "{name: f, disabled: true, typed_config: {\"@type\": " TYPE_HTTP
				    "rbac.v3.RBAC, rules: {}}}" });
	assert_int_equal(abort_status(plugins_of(&m, "no-match")), 404);
	mesh_close(&m);
}

/* A route with rules of its own that cannot be matched exactly does not let its requests fall to the next. */
static void test_unmatchable_routes(void **unused)
{
	static const char routes[] = "[{name: x, match: {prefix: /a, dynamic_metadata: [{filter: "
				     "f}]}, route: {cluster: a}%s},"
				     " {name: y, match: {prefix: /}, route: {cluster: a}}]";
	char *text;
	struct mesh m;

	assert_true(asprintf(&text, routes,
			     SETTING("rbac.v3.RBACPerRoute",
				     ", rbac: {rules: {" POLICY(
					     "{header: {name: x-a, present_match: true}}",
					     "{any: true}") "}}")) > 0);
	hcm_make(&m, (struct hcm_text){ .filters = FILTER("rbac.v3.RBAC", ""), .routes = text });
	assert_int_equal(abort_status(plugins_of(&m, "x")), 403);
	free(text);
	mesh_close(&m);
	assert_true(asprintf(&text, routes, SETTING("rbac.v3.RBACPerRoute", "")) > 0);
	hcm_make(&m, (struct hcm_text){ .filters = RBAC(""), .routes = text });
	assert_int_equal(mesh_count(&m, "routes", "x"), 0);
	free(text);
	mesh_close(&m);
}

/* The guard of one filter stands before the guard with which another leaves its plugin out. */
static void test_refusals_come_first(void **unused)
{
	struct mesh m;

	hcm_make(&m,
		 (struct hcm_text){
			 .filters = "{name: c, typed_config: {\"@type\": " TYPE_HTTP
				    "cors.v3.Cors}}, " RBAC(POLICY(
					    "{any: true}", "{direct_remote_ip: {address_prefix: "
							   "10.0.0.0, prefix_len: 8}}")),
			 .vhost = ", typed_per_filter_config: {c: {\"@type\": " TYPE_HTTP
				  "cors.v3.CorsPolicy, allow_origin_string_match: [{exact: "
				  "\"https://a.b\"}]}}" });
	assert_true(json_integer_value(
			    json_object_get(mesh_object(&m, "routes", "x rbac"), "priority")) >
		    json_integer_value(
			    json_object_get(mesh_object(&m, "routes", "x options"), "priority")));
	mesh_close(&m);
}

static void test_matchers_without_conditions(void **unused)
{
	static const char last[] =
		", matcher: {on_no_match: {action: {name: a, typed_config: {\"@type\": "
		"type.googleapis.com/envoy.config.rbac.v3.Action, name: a%s}}}}";
	char *rest, *filter;
	struct mesh m;

	for (int denies = 0; denies < 2; denies++) {
		assert_true(asprintf(&rest, last, denies ? ", action: DENY" : "") > 0);
		assert_true(asprintf(&filter, FILTER("rbac.v3.RBAC", "%s"), rest) > 0);
		hcm_make(&m, (struct hcm_text){ .filters = filter });
		assert_int_equal(abort_status(plugins_of(&m, "x")), denies ? 403 : 0);
		mesh_close(&m);
		free(filter);
		free(rest);
	}
	hcm_make(&m, (struct hcm_text){ .filters = FILTER("rbac.v3.RBAC", ", matcher: {}") });
	assert_int_equal(abort_status(plugins_of(&m, "x")), 403);
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_workflow),
		cmocka_unit_test(test_guards),
		cmocka_unit_test(test_headers_that_a_filter_changes),
		cmocka_unit_test(test_what_cannot_be_known_is_said),
		cmocka_unit_test(test_what_is_decided_otherwise_is_not_said),
		cmocka_unit_test(test_requests_without_a_route),
		cmocka_unit_test(test_unmatchable_routes),
		cmocka_unit_test(test_refusals_come_first),
		cmocka_unit_test(test_matchers_without_conditions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
