/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault filter: what is injected where, in which share, and what is said when it cannot be.
 */
#include "hcm.h"

#define FAULT(rest) FILTER("fault.v3.HTTPFault", rest)
#define FAULT_HERE(rest) SETTING("fault.v3.HTTPFault", rest)
#define ABORT(percent) ", abort: {http_status: 418, percentage: {numerator: " #percent "}}"
#define DELAY ", delay: {fixed_delay: 1.5s, percentage: {numerator: 20}}"

static void expect(const char *filter, const char *plugins)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = filter });
	if (plugins != NULL)
		assert_json(plugins_of(&m, "x"), plugins);
	else
		assert_null(plugins_of(&m, "x"));
	/* The request goes on when nothing is injected. */
	assert_non_null(json_object_get(mesh_object(&m, "routes", "x"), "upstream_id"));
	mesh_close(&m);
}

static void test_delay_and_abort(void **unused)
{
	expect(FAULT(DELAY), "{\"fault-injection\":{\"delay\":{\"duration\":1.5,\"percentage\":20}}}");
	expect(FAULT(ABORT(30)),
	       "{\"fault-injection\":{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":418,"
	       "\"percentage\":30}}}");
	expect(FAULT(ABORT(100) DELAY),
	       "{\"fault-injection\":{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":418},"
	       "\"delay\":{\"duration\":1.5,\"percentage\":20}}}");
	expect(FAULT(", abort: {grpc_status: 14, percentage: {numerator: 100}}"),
	       "{\"fault-injection\":{\"abort\":{\"body\":\"\",\"headers\":{\"content-type\":"
	       "\"application/grpc\",\"grpc-message\":\"fault filter abort\",\"grpc-status\":\"14\"},"
	       "\"http_status\":200}}}");
}

/* In Envoy an absent share is 0 %, in APISIX it would be 100 %. */
static void test_no_share_is_none(void **unused)
{
	expect(FAULT(""), NULL);
	expect(FAULT(", abort: {http_status: 418}"), NULL);
	expect(FAULT(", delay: {fixed_delay: 1s}"), NULL);
	expect(FAULT(ABORT(0)), NULL);
}

static void test_shares_are_whole_percents(void **unused)
{
	struct mesh m;

	expect(FAULT(", abort: {http_status: 418, percentage: {numerator: 1, denominator: MILLION}}"),
	       "{\"fault-injection\":{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":418,"
	       "\"percentage\":1}}}");
	expect(FAULT(", abort: {http_status: 418, percentage: {numerator: 250, denominator: "
		     "TEN_THOUSAND}}"),
	       "{\"fault-injection\":{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":418,"
	       "\"percentage\":3}}}");
	expect(FAULT(", abort: {http_status: 418, percentage: {numerator: 1000000, denominator: "
		     "MILLION}}"),
	       "{\"fault-injection\":{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":418}}}");
	hcm_make(&m, (struct hcm_text){
			     .filters = FAULT(", abort: {http_status: 418, percentage: {numerator: 1, "
					      "denominator: MILLION}}") });
	assert_finding(&m, "warn", "http_filters[0].typed_config.abort.percentage", "1 % are taken");
	mesh_close(&m);
}

static void test_conditions(void **unused)
{
	expect(FAULT(ABORT(100) ", headers: [{name: x-a, string_match: {exact: b}}, {name: x-c, "
				"present_match: true}], downstream_nodes: [n1, n2]"),
	       "{\"fault-injection\":{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":418,"
	       "\"vars\":[[[\"http_x_a\",\"==\",\"b\"],[\"http_x_c\",\"~=\",null],"
	       "[\"http_x_envoy_downstream_service_node\",\"in\",[\"n1\",\"n2\"]]]]}}}");
	/* What cannot be said is not widened. */
	expect(FAULT(ABORT(100) ", headers: [{name: 'x.y', present_match: true}]"), NULL);
}

#define SPLIT(weight_of_b)                                                                         \
	"[{name: x, match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: a, weight: 1}, " \
	"{name: b, weight: " weight_of_b "}]}}}]"

static void test_faults_of_one_cluster(void **unused)
{
	struct mesh m;

	expect(FAULT(ABORT(1) ", upstream_cluster: b"), NULL);
	expect(FAULT(ABORT(1) ", upstream_cluster: a"),
	       "{\"fault-injection\":{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":418,"
	       "\"percentage\":1}}}");
	hcm_make(&m, (struct hcm_text){ .filters = FAULT(ABORT(1) ", upstream_cluster: a"),
					.routes = SPLIT("0") });
	assert_non_null(plugin_of(&m, "x", "fault-injection"));
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){ .filters = FAULT(ABORT(1) ", upstream_cluster: a"),
					.routes = SPLIT("1") });
	assert_null(plugin_of(&m, "x", "fault-injection"));
	assert_finding(&m, "warn", "http_filters[0].typed_config.upstream_cluster",
		       "one of several weighted clusters");
	mesh_close(&m);
}

static void test_the_route_has_its_own(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = FAULT(ABORT(10)),
			     .vhost = FAULT_HERE(DELAY),
			     .routes = "[{name: x, match: {prefix: /x}, route: {cluster: a}" FAULT_HERE(
				     ABORT(50)) "}, {name: y, match: {prefix: /y}, route: {cluster: "
				     "a}}, {name: z, match: {prefix: /z}, route: {cluster: a}"
				     SETTING_CONFIG(", disabled: true") "}]" });
	assert_json(plugins_of(&m, "x"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":"
		    "418,\"percentage\":50}}}");
	assert_json(plugins_of(&m, "y"),
		    "{\"fault-injection\":{\"delay\":{\"duration\":1.5,\"percentage\":20}}}");
	assert_null(plugins_of(&m, "z"));
	mesh_close(&m);
}

#define DIRECT "[{name: x, match: {prefix: /x}, direct_response: {status: 204}}]"

/* Envoy asks the fault filter before the route answers. */
static void test_a_direct_response_is_aborted(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = FAULT(ABORT(100)), .routes = DIRECT });
	assert_json(plugins_of(&m, "x"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":"
		    "418}}}");
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){ .filters = FAULT(DELAY), .routes = DIRECT });
	assert_json(plugins_of(&m, "x"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"\",\"http_status\":204},\"delay\":"
		    "{\"duration\":1.5,\"percentage\":20}}}");
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){ .filters = FAULT(ABORT(50)), .routes = DIRECT });
	assert_json(plugins_of(&m, "x"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"\",\"http_status\":204}}}");
	assert_finding(&m, "warn", "http_filters[0].typed_config.abort", "always gives its answer");
	mesh_close(&m);
}

static void test_a_guard_stands_before_the_route(void **unused)
{
	struct mesh m;
	json_t *guard, *route;

	hcm_make(&m, (struct hcm_text){
			     .filters = FAULT(ABORT(100) ", headers: [{name: x-a, present_match: true}]"),
			     .routes = DIRECT });
	route = mesh_object(&m, "routes", "x");
	guard = mesh_object(&m, "routes", "x fault");
	assert_json(json_object_get(route, "plugins"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"\",\"http_status\":204}}}");
	assert_json(json_object_get(guard, "plugins"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":"
		    "418}}}");
	assert_json(json_object_get(guard, "vars"), "[[\"http_x_a\",\"~=\",null]]");
	assert_true(json_equal(json_object_get(guard, "uri"), json_object_get(route, "uri")));
	assert_true(json_integer_value(json_object_get(guard, "priority")) ==
		    json_integer_value(json_object_get(route, "priority")) + 1);
	mesh_close(&m);
}

static void test_redirects_are_aborted_too(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = FAULT(ABORT(50)),
			     .routes = "[{name: x, match: {prefix: /x}, redirect: {host_redirect: h}}]" });
	assert_json(plugin_of(&m, "x", "fault-injection"),
		    "{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":418,\"percentage\":50}}");
	assert_non_null(plugin_of(&m, "x", "redirect"));
	mesh_close(&m);
}

/* Kuma sends one filter for each group of clients. */
static void test_several_faults(void **unused)
{
	static const char filters[] =
		"{name: f, typed_config: {\"@type\": " TYPE_HTTP "fault.v3.HTTPFault" ABORT(10)
		", headers: [{name: t, string_match: {exact: a}}]}}, "
		"{name: g, typed_config: {\"@type\": " TYPE_HTTP "fault.v3.HTTPFault" ABORT(20)
		", headers: [{name: t, string_match: {exact: b}}]}}, "
		"{name: h, typed_config: {\"@type\": " TYPE_HTTP "fault.v3.HTTPFault" ABORT(30) "}}";
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = filters });
	assert_json(plugin_of(&m, "x", "fault-injection"),
		    "{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":418,\"percentage\":10,"
		    "\"vars\":[[[\"http_t\",\"==\",\"a\"]]]}}");
	assert_json(plugin_of(&m, "x fault 1", "fault-injection"),
		    "{\"abort\":{\"body\":\"fault filter abort\",\"http_status\":418,\"percentage\":20}}");
	assert_json(json_object_get(mesh_object(&m, "routes", "x fault 1"), "vars"),
		    "[[\"http_t\",\"==\",\"b\"]]");
	assert_non_null(json_object_get(mesh_object(&m, "routes", "x fault 1"), "upstream_id"));
	assert_finding(&m, "warn", "http_filters[1]", "one of them only");
	assert_finding(&m, "warn", "http_filters[2]", "left out");
	mesh_close(&m);
}

static void test_what_is_lost_is_said(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = FAULT(", max_active_faults: 3, response_rate_limit: {fixed_limit: "
					      "{limit_kbps: 1}, percentage: {numerator: 1}}, abort: "
					      "{header_abort: {}}, delay: {header_delay: {}}"),
			     .vhost = FAULT_HERE(", abort: {http_status: 100, percentage: {numerator: "
						 "100}}") });
	assert_finding(&m, "warn", "http_filters[0].typed_config.max_active_faults", "not counted");
	assert_finding(&m, "warn", "http_filters[0].typed_config.response_rate_limit", "not slowed");
	assert_finding(&m, "warn", "http_filters[0].typed_config.abort", "header cannot ask");
	assert_finding(&m, "warn", "http_filters[0].typed_config.delay", "header cannot ask");
	assert_finding(&m, "warn", "virtual_hosts[0].typed_per_filter_config[\"f\"].abort",
		       "status 100");
	assert_null(plugins_of(&m, "x"));
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delay_and_abort),
		cmocka_unit_test(test_no_share_is_none),
		cmocka_unit_test(test_shares_are_whole_percents),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_faults_of_one_cluster),
		cmocka_unit_test(test_the_route_has_its_own),
		cmocka_unit_test(test_a_direct_response_is_aborted),
		cmocka_unit_test(test_a_guard_stands_before_the_route),
		cmocka_unit_test(test_redirects_are_aborted_too),
		cmocka_unit_test(test_several_faults),
		cmocka_unit_test(test_what_is_lost_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
