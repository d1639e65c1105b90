/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets: which plugin says them, and who shares one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hcm.h"

#define ON                                                                                         \
	", filter_enabled: {default_value: {numerator: 100}}, filter_enforced: {default_value: "    \
	"{numerator: 100}}"
#define LIMIT(rest) FILTER("local_ratelimit.v3.LocalRateLimit", ", stat_prefix: s" rest)
#define LIMIT_HERE(rest) SETTING("local_ratelimit.v3.LocalRateLimit", ", stat_prefix: s" rest)
#define BUCKET(max, fill, interval)                                                                \
	", token_bucket: {max_tokens: " #max ", tokens_per_fill: " #fill ", fill_interval: " interval "}"
#define ROUTES(x, y)                                                                               \
	"[{name: x, match: {prefix: /x}, route: {cluster: a}" x "}, {name: y, match: {prefix: /y}, " \
	"route: {cluster: a}" y "}]"

/* The plugin without its group, whose name is a hash; the group is freed by the caller. */
static char *expect_count(const struct mesh *m, const char *route, const char *without_group)
{
	json_t *plugin = json_deep_copy(plugin_of(m, route, "limit-count"));
	char *group;

	assert_non_null(plugin);
	group = strdup(json_string_value(json_object_get(plugin, "group")));
	json_object_del(plugin, "group");
	assert_json(plugin, without_group);
	json_decref(plugin);
	return group;
}

#define COUNT(n, window)                                                                           \
	"{\"count\":" #n ",\"key\":\"requests\",\"key_type\":\"constant\",\"policy\":\"local\","     \
	"\"rejected_code\":429,\"rejected_msg\":\"local_rate_limited\","                           \
	"\"show_limit_quota_header\":false,\"time_window\":" #window "}"

static void expect(const char *filter, const char *plugin, const char *json)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = filter });
	if (plugin == NULL)
		assert_null(plugins_of(&m, "x"));
	else if (strcmp(plugin, "limit-count") == 0)
		free(expect_count(&m, "x", json));
	else
		assert_json(plugin_of(&m, "x", plugin), json);
	mesh_close(&m);
}

static void test_windows_and_buckets(void **unused)
{
	expect(LIMIT(ON BUCKET(10, 10, "60s")), "limit-count", COUNT(10, 60));
	expect(LIMIT(ON BUCKET(10, 20, "1s")), "limit-count", COUNT(10, 1));
	/* One token for each interval is the default. */
	expect(LIMIT(ON ", token_bucket: {max_tokens: 1, fill_interval: 2s}"), "limit-count",
	       COUNT(1, 2));
	expect(LIMIT(ON BUCKET(10, 5, "2s")), "limit-req",
	       "{\"burst\":9,\"key\":\"route_id\",\"key_type\":\"var\",\"nodelay\":true,\"rate\":2.5,"
	       "\"policy\":\"local\",\"rejected_code\":429,\"rejected_msg\":\"local_rate_limited\"}");
	expect(LIMIT(ON BUCKET(5, 5, "0.5s")), "limit-req",
	       "{\"burst\":4,\"key\":\"route_id\",\"key_type\":\"var\",\"nodelay\":true,\"rate\":10,"
	       "\"policy\":\"local\",\"rejected_code\":429,\"rejected_msg\":\"local_rate_limited\"}");
}

static void test_both_shares_default_to_none(void **unused)
{
	struct mesh m;

	expect(LIMIT(BUCKET(1, 1, "1s")), NULL, NULL);
	expect(LIMIT(BUCKET(1, 1, "1s") ", filter_enabled: {default_value: {numerator: 100}}"), NULL,
	       NULL);
	expect(LIMIT(BUCKET(1, 1, "1s") ", filter_enforced: {default_value: {numerator: 100}}"), NULL,
	       NULL);
	expect(LIMIT(ON), NULL, NULL);
	hcm_make(&m, (struct hcm_text){ .filters = LIMIT(BUCKET(1, 1, "1s")) });
	assert_finding(&m, "info", "http_filters[0].typed_config.filter_enabled", "not limited");
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){
			     .filters = LIMIT(BUCKET(1, 1, "1s") ", filter_enabled: {default_value: "
								 "{numerator: 100}}, filter_enforced: "
								 "{default_value: {numerator: 50}}") });
	assert_finding(&m, "warn", "http_filters[0].typed_config.filter_enforced", "all are limited");
	assert_non_null(plugin_of(&m, "x", "limit-count"));
	mesh_close(&m);
}

static void test_status_and_headers(void **unused)
{
	expect(LIMIT(ON BUCKET(1, 1, "1s") ", status: {code: ServiceUnavailable}, "
					   "enable_x_ratelimit_headers: DRAFT_VERSION_03"),
	       "limit-count",
	       "{\"count\":1,\"key\":\"requests\",\"key_type\":\"constant\",\"policy\":\"local\","
	       "\"rejected_code\":503,\"rejected_msg\":\"local_rate_limited\","
	       "\"show_limit_quota_header\":true,\"time_window\":1}");
	/* Below 400 Envoy takes its default. */
	expect(LIMIT(ON BUCKET(1, 1, "1s") ", status: {code: OK}"), "limit-count", COUNT(1, 1));
}

/* Do routes x and y share a bucket? */
static bool share(struct hcm_text parts)
{
	struct mesh m;
	char *x, *y;
	bool same;

	hcm_make(&m, parts);
	x = expect_count(&m, "x", COUNT(9, 1));
	y = expect_count(&m, "y", COUNT(9, 1));
	same = strcmp(x, y) == 0;
	free(x);
	free(y);
	mesh_close(&m);
	return same;
}

#define NINE ON BUCKET(9, 9, "1s")

static void test_who_shares_a_bucket(void **unused)
{
	assert_true(share((struct hcm_text){ .filters = LIMIT(NINE), .routes = ROUTES("", "") }));
	assert_true(share((struct hcm_text){
		.filters = LIMIT(""), .config = LIMIT_HERE(NINE), .routes = ROUTES("", "") }));
	assert_true(share((struct hcm_text){
		.filters = LIMIT(""), .vhost = LIMIT_HERE(NINE), .routes = ROUTES("", "") }));
	assert_false(share((struct hcm_text){
		.filters = LIMIT(""), .routes = ROUTES(LIMIT_HERE(NINE), LIMIT_HERE(NINE)) }));
	assert_false(share((struct hcm_text){
		.filters = LIMIT(NINE), .routes = ROUTES("", LIMIT_HERE(NINE)) }));
	assert_false(share((struct hcm_text){ .filters = LIMIT(""),
					      .vhost = LIMIT_HERE(NINE),
					      .routes = ROUTES("", LIMIT_HERE(NINE)) }));
}

static char *group_with(const char *filter, const char *routes)
{
	struct mesh m;
	char *group;

	hcm_make(&m, (struct hcm_text){ .filters = filter, .routes = routes });
	group = strdup(json_string_value(
		json_object_get(plugin_of(&m, "x", "limit-count"), "group")));
	mesh_close(&m);
	return group;
}

/* APISIX never takes another configuration for a group that it knows. */
static void test_group_changes_with_its_content(void **unused)
{
	static const char before[] = ROUTES("", "");
	static const char after[] =
		"[{name: w, match: {prefix: /w}, route: {cluster: a}}, {name: x, match: {prefix: /x}, "
		"route: {cluster: b}}]";
	char *one = group_with(LIMIT(NINE), before);
	char *moved = group_with(LIMIT(NINE), after);
	char *other = group_with(LIMIT(ON BUCKET(8, 8, "1s")), before);

	assert_string_equal(one, moved);
	assert_string_not_equal(one, other);
	free(one);
	free(moved);
	free(other);
}

#define DESCRIPTORS(entries) ", descriptors: [{entries: [" entries "]" BUCKET(3, 3, "1s") "}]"
#define RATE_LIMITS(actions) ", rate_limits: [{actions: [" actions "]}]"

/* The guard's conditions and its key; NULL: there is no guard. */
static void expect_guard(const char *entries, const char *actions, const char *vars, const char *key)
{
	struct mesh m;
	char *filter;

	assert_true(asprintf(&filter,
			     FILTER("local_ratelimit.v3.LocalRateLimit",
				    ", stat_prefix: s" NINE ", descriptors: [{entries: [%s]" BUCKET(
					    3, 3, "1s") "}]" RATE_LIMITS("%s")),
			     entries, actions) > 0);
	hcm_make(&m, (struct hcm_text){ .filters = filter });
	free(expect_count(&m, "x", COUNT(9, 1)));
	if (vars == NULL) {
		assert_int_equal(mesh_count(&m, "routes", "x limit 0"), 0);
	} else {
		const json_t *plugin = plugin_of(&m, "x limit 0", "limit-count");

		assert_json(json_object_get(mesh_object(&m, "routes", "x limit 0"), "vars"), vars);
		assert_int_equal(json_integer_value(json_object_get(plugin, "count")), 3);
		assert_string_equal(json_string_value(json_object_get(plugin, "key")), key);
	}
	mesh_close(&m);
	free(filter);
}

static void test_descriptors(void **unused)
{
	expect_guard("{key: k, value: v}", "{generic_key: {descriptor_key: k, descriptor_value: w}}", NULL,
		     NULL);
	expect_guard("{key: k, value: v}", "{request_headers: {header_name: x-a, descriptor_key: k}}",
		     "[[\"http_x_a\",\"==\",\"v\"]]", "requests");
	expect_guard("{key: k}", "{request_headers: {header_name: x-a, descriptor_key: k}}",
		     "[[\"http_x_a\",\"~=\",null]]", "http_x_a");
	expect_guard("{key: k}, {key: remote_address}",
		     "{request_headers: {header_name: x-a, descriptor_key: k}}, {remote_address: {}}",
		     "[[\"http_x_a\",\"~=\",null],[\"remote_addr\",\"~=\",null]]",
		     "$http_x_a $remote_addr");
	expect_guard("{key: m, value: v}",
		     "{header_value_match: {descriptor_key: m, descriptor_value: v, headers: [{name: x-a, "
		     "string_match: {exact: b}}]}}",
		     "[[\"http_x_a\",\"==\",\"b\"]]", "requests");
	expect_guard("{key: m, value: v}",
		     "{header_value_match: {descriptor_key: m, descriptor_value: v, expect_match: false, "
		     "headers: [{name: x-a, string_match: {exact: b}}]}}",
		     "[[\"!AND\",[\"http_x_a\",\"==\",\"b\"],[\"http_x_a\",\"==\",\"b\"]]]",
		     "requests");
	/* All entries, or none. */
	expect_guard("{key: k}", "{request_headers: {header_name: x-a, descriptor_key: k}}, "
				 "{remote_address: {}}",
		     NULL, NULL);
}

static void test_rate_limits_of_the_route(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = LIMIT(NINE DESCRIPTORS("{key: k}")),
			     .vhost = RATE_LIMITS("{request_headers: {header_name: x-v, descriptor_key: k}}"),
			     .routes = "[{name: x, match: {prefix: /x}, route: {cluster: a" RATE_LIMITS(
				     "{request_headers: {header_name: x-r, descriptor_key: k}}") "}}, {name: "
				     "y, match: {prefix: /y}, route: {cluster: a}}]" });
	assert_json(json_object_get(mesh_object(&m, "routes", "x limit 0"), "vars"),
		    "[[\"http_x_r\",\"~=\",null]]");
	assert_json(json_object_get(mesh_object(&m, "routes", "y limit 0"), "vars"),
		    "[[\"http_x_v\",\"~=\",null]]");
	mesh_close(&m);
}

static void test_descriptors_that_cannot_be_told(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = LIMIT(NINE DESCRIPTORS("{key: k}") RATE_LIMITS("{metadata: {}}")) });
	assert_finding(&m, "warn", "typed_config.descriptors[0]", "cannot be told from a request");
	assert_int_equal(mesh_count(&m, "routes", "x limit 0"), 0);
	assert_non_null(plugin_of(&m, "x", "limit-count"));
	mesh_close(&m);
}

static void test_what_is_lost_is_said(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = LIMIT(NINE ", response_headers_to_add: [{header: {key: a, value: "
						   "b}}], descriptors: [{entries: [{key: k, value: v}]}], "
						   "rate_limits: [{stage: 1, actions: [{metadata: {}}]}], "
						   "stage: 1, local_cluster_rate_limit: {}, "
						   "request_headers_to_add_when_not_enforced: [{}]"),
			     .routes = "[{name: x, match: {prefix: /}, redirect: {host_redirect: h}}]" });
	assert_finding(&m, "warn", "typed_config.response_headers_to_add", "no headers");
	assert_finding(&m, "warn", "typed_config.descriptors", "not from the bucket for all");
	assert_finding(&m, "warn", "typed_config.local_cluster_rate_limit", "not shared");
	assert_finding(&m, "info", "typed_config.request_headers_to_add_when_not_enforced", "marked");
	assert_finding(&m, "warn", "typed_config.token_bucket", "windows");
	assert_finding(&m, "warn", "http_filters[0].typed_config", "answer by themselves");
	assert_null(plugin_of(&m, "x", "limit-count"));
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){
			     .filters = LIMIT(NINE
					      ", local_rate_limit_per_downstream_connection: true") });
	assert_finding(&m, "warn", "local_rate_limit_per_downstream_connection", "not limited");
	assert_null(plugins_of(&m, "x"));
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows_and_buckets),
		cmocka_unit_test(test_both_shares_default_to_none),
		cmocka_unit_test(test_status_and_headers),
		cmocka_unit_test(test_who_shares_a_bucket),
		cmocka_unit_test(test_group_changes_with_its_content),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_rate_limits_of_the_route),
		cmocka_unit_test(test_descriptors_that_cannot_be_told),
		cmocka_unit_test(test_what_is_lost_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
